/**
 * DNS server over UDP: answers for the names of one zone, example.test.
 *
 * DNS is a standard application: RFC 1035 lays out its messages byte by byte, so
 * any other DNS program can ask: `dig @127.0.0.1 -p 5300 example.test MX`. A
 * message says how long each part of it is, and a sender may lie, so the server
 * checks every length that it reads. One bit says that a message is a reply. A reply is never
 * answered, or two servers could answer each other for ever.
 *
 * The records are in a table below, for you to change. Keep a reply within 512
 * bytes, which every client takes; a longer one needs TCP. Two things are left
 * out: aliases (CNAME), and the extensions of RFC 6891. A client may offer those,
 * and does without if the reply is silent about them.
 *
 *     $ tsx udp/dns-server.ts
 *     The DNS server is ready on 127.0.0.1:5300
 */
import { createSocket } from "node:dgram";
import { isIPv6 } from "node:net";
import { config } from "../shared/config.ts";

const { host, port } = config("dns");

const types = { A: 1, NS: 2, SOA: 6, MX: 15, TXT: 16, AAAA: 28 };
const anyType = 255; // asks for the records of all types
const internet = 1; // the class of all records here
const codes = { NOERROR: 0, FORMERR: 1, NXDOMAIN: 3, NOTIMP: 4, REFUSED: 5 };

// The flags of a message. The last four bits are the code.
const isReply = 0x8000;
const operation = 0x7800; // 0 is a usual query; others are notices and updates
const isAuthoritative = 0x0400; // set by the zone's own server
const wantsRecursion = 0x0100; // the client asks the server to ask others: this one does not

// How a message writes numbers, texts and names. A text is its length and its
// bytes. A name is a text for each label, the parts between its dots, and an empty
// text.
const uint16 = (number: number) => Buffer.from([number >> 8, number & 255]);
const uint32 = (number: number) =>
  Buffer.concat([uint16(number >>> 16), uint16(number & 0xffff)]);
const writeText = (text: string) =>
  Buffer.from([text.length, ...Buffer.from(text)]);
const writeName = (name: string) =>
  Buffer.concat([...name.split("."), ""].map(writeText));

// The zone, in lowercase. These names and addresses are reserved for examples.
const origin = "example.test";
const soa = record(origin, "SOA", [
  writeName("ns.example.test"), // the zone's server
  writeName("ada.example.test"), // a mail address, with a dot for the @
  // Its version; when to compare a copy, to try again, to give up; for how long
  // a client remembers that there is no such record. All times are in seconds.
  ...[1, 7200, 900, 86_400, 300].map(uint32),
]);
const zone = [
  soa,
  record(origin, "NS", [writeName("ns.example.test")]),
  record(origin, "A", [Buffer.from([192, 0, 2, 1])]),
  record(origin, "AAAA", [0x2001, 0xdb8, 0, 0, 0, 0, 0, 1].map(uint16)),
  record(origin, "MX", [uint16(10), writeName("mail.example.test")]), // lower first
  record(origin, "MX", [uint16(20), writeName("mail.backup.example.test")]),
  record(origin, "TXT", [writeText("hello")]),
  record("ns.example.test", "A", [Buffer.from([192, 0, 2, 53])]),
  record("mail.example.test", "A", [Buffer.from([192, 0, 2, 25])]),
  record("mail.backup.example.test", "A", [Buffer.from([198, 51, 100, 25])]),
];

/** One record: its name, type, class, time to live, and data with its length. */
function record(owner: string, type: keyof typeof types, parts: Buffer[]) {
  const data = Buffer.concat(parts);
  const bytes = Buffer.concat([
    writeName(owner),
    uint16(types[type]),
    uint16(internet),
    uint32(300), // seconds that a client may keep it
    uint16(data.length),
    data,
  ]);
  return { owner, type: types[type], bytes };
}

const server = createSocket(isIPv6(host) ? "udp6" : "udp4");
server.bind(port, host);

server.on("listening", () => {
  const { address, port } = server.address();
  console.log(`The DNS server is ready on ${address}:${port}`);
  // From now on an error means one lost reply. The server goes on.
  server.on("error", (error) => console.error("no reply:", error.message));
});

server.on("message", (query, client) => {
  if (query.length < 12) return; // shorter than a header
  const flags = query.readUInt16BE(2);
  if (flags & isReply) return;
  if (client.port === 0) return; // forged, and send() to it would throw
  const question = readQuestion(query);
  const { code, found } = answer(flags, question);
  let result = isReply | (flags & (operation | wantsRecursion)) | codes[code];
  if (found) result |= isAuthoritative;
  const answers = found ?? [];
  const authority = found?.length === 0 ? [soa] : [];
  // A header of six numbers, the question, and the records of each section.
  const reply = Buffer.concat([
    query.subarray(0, 2), // the identifier
    uint16(result),
    uint16(question ? 1 : 0), // questions
    uint16(answers.length),
    uint16(authority.length), // records about the zone itself
    uint16(0), // additional records
    question ? question.bytes : Buffer.alloc(0),
    ...answers.map((row) => row.bytes),
    ...authority.map((row) => row.bytes),
  ]);
  server.send(reply, client.port, client.address);
  const asked = question ? `${question.name}. (type ${question.type})` : "?";
  console.log(`${client.address} asks for ${asked}: ${code}`);
});

type Question = ReturnType<typeof readQuestion>;
type Answer = { code: keyof typeof codes; found?: typeof zone };

/** Finds the records that a question asks for, if it is about the zone. */
function answer(flags: number, question: Question): Answer {
  if (flags & operation) return { code: "NOTIMP" };
  if (!question) return { code: "FORMERR" };
  const { name, type, rrClass } = question;
  const isOurs = `.${name}`.endsWith(`.${origin}`);
  if (!isOurs || rrClass !== internet || type === anyType)
    return { code: "REFUSED" };
  const found = zone.filter((row) => row.owner === name && row.type === type);
  // backup.example.test exists as well, because mail.backup.example.test does.
  const exists = zone.some((row) => `.${row.owner}`.endsWith(`.${name}`));
  return { code: exists ? "NOERROR" : "NXDOMAIN", found };
}

/** Reads the question; undefined if there is not exactly one, or a length lies. */
function readQuestion(query: Buffer) {
  const labels: string[] = [];
  let at = 12; // after the header
  while (query[at]) {
    const length = query[at]!;
    if (length > 63) return undefined;
    const label = query.toString("latin1", at + 1, at + 1 + length);
    // No name here has other characters, and on a terminal they could do harm.
    labels.push(label.toLowerCase().replaceAll(/[^\w-]/g, "?"));
    at += 1 + length;
  }
  const end = at + 5; // a 0, the type and the class
  const isWrong = at - 12 > 254 || end > query.length; // a name is 255 bytes
  if (isWrong || query.readUInt16BE(4) !== 1) return undefined;
  return {
    name: labels.join("."),
    type: query.readUInt16BE(at + 1),
    rrClass: query.readUInt16BE(at + 3),
    bytes: query.subarray(12, end), // goes back exactly as it came
  };
}
