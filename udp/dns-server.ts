/**
 * DNS server over UDP: answers for a small zone, a part of all names (RFC 1035).
 *
 * DNS is a standard application. Anyone who reads the RFC can write the other
 * end, such as `dig @127.0.0.1 -p 5300 example.test MX`. A message is a header
 * of 12 bytes, a question, and records. Each length in it may lie, so take()
 * checks it before it is used. One bit says that a message is a reply, and no
 * reply is ever answered, or two servers could answer each other for ever.
 *
 * The records are in the table below, for you to change. A reply that is too
 * long for its client is cut, and a bit (TC) says so. The client would ask again
 * over TCP, where this server does not listen, so no reply from this table is
 * longer than the 512 bytes that every client takes.
 *
 *     $ tsx udp/dns-server.ts
 *     The DNS server is ready on 127.0.0.1:5300
 */
import { createSocket } from "node:dgram";
import { isIPv6 } from "node:net";
import { config } from "../shared/config.ts";

const { host, port } = config("dns");

// Numbers with the names that the RFCs give them.
const TYPE = { A: 1, NS: 2, SOA: 6, MX: 15, TXT: 16, AAAA: 28 };
// An OPT is no real record: its class is the size of a reply that the client
// takes, its TTL has flags (RFC 6891). ANY asks for all types.
const [OPT, ANY] = [41, 255];
const [IN, TTL] = [1, 300]; // the Internet's class; keep a record for 300 s
// Flags: a reply, the kind of query, from the zone's own server, cut, recursion
// desired. DO asks for signatures, which this server has not.
const [QR, OPCODE, AA, TC, RD] = [0x8000, 0x7800, 0x400, 0x200, 0x100];
const [VERSION, DO] = [0xff0000, 0x8000]; // parts of the TTL of an OPT record
const RCODES = "NOERROR FORMERR SERVFAIL NXDOMAIN NOTIMP REFUSED".split(" ");
RCODES[16] = "BADVERS";
// Bytes. A datagram of 1232 is not cut into pieces on any usual network.
const [HEADER_SIZE, UDP_SIZE, EDNS_SIZE] = [12, 512, 1232];
const NOT_PLAIN = /[^!-~]|\./g; // in a label: printed as ?

// How they are written: a number with its high byte first, a text behind its
// length, and a name as its labels, with an empty one behind the last.
const short = (number: number) => [number >> 8, number & 255];
const writeString = (text: string) => [text.length, ...Buffer.from(text)];
const writeName = (name: string) => `${name}.`.split(".").flatMap(writeString);

// The zone. Its names and addresses belong to nobody (RFC 2606, 5737 and 3849).
const ORIGIN = "example.test";
const soa = record(ORIGIN, "SOA", [
  ...writeName("ns.example.test"), // the name server
  ...writeName("ada.example.test"), // ada@example.test looks after it
  ...[0, 1, 0, 7200, 0, 900, 0, 14400, 0, TTL].flatMap(short),
  // Numbers of 4 bytes: serial, refresh, retry, expire, minimum.
]);
const zone = [
  soa,
  record(ORIGIN, "NS", writeName("ns.example.test")),
  record(ORIGIN, "A", [192, 0, 2, 1]),
  record(ORIGIN, "AAAA", [0x2001, 0xdb8, 0, 0, 0, 0, 0, 1].flatMap(short)),
  record(ORIGIN, "MX", [...short(10), ...writeName("mail.example.test")]),
  record(ORIGIN, "MX", [...short(20), ...writeName("mail2.example.test")]),
  record(ORIGIN, "TXT", writeString("hello")),
  record("ns.example.test", "A", [192, 0, 2, 53]),
  record("mail.example.test", "A", [192, 0, 2, 25]),
  record("mail2.example.test", "A", [198, 51, 100, 25]),
];

type Cursor = { bytes: Buffer; at: number }; // a message, and the place in it
type Query = ReturnType<typeof readQuery>;
type Reply = { code: string; answers?: number[][]; authority?: number[][] };

const server = createSocket(isIPv6(host) ? "udp6" : "udp4");
server.bind(port, host);

server.on("listening", () => {
  const { address, port } = server.address();
  console.log(`The DNS server is ready on ${address}:${port}`);
  // bind() has succeeded, so an error concerns one client, and others go on.
  server.on("error", (error) => console.error("a client:", error.message));
});

server.on("message", (message, client) => {
  if (message.length < HEADER_SIZE) return;
  if (message.readUInt16BE(2) & QR) return; // a reply
  if (client.port === 0) return; // nobody's port, and send() would throw
  let query: Query | undefined;
  try {
    query = readQuery(message);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error; // a mistake in here
  }
  const reply = answer(message, query);
  const bytes = writeReply(message, query, reply);
  server.send(bytes, client.port, client.address, (error) => {
    if (error) console.error(`no reply to ${client.address}: ${error.message}`);
  });
  if (process.stdout.writableNeedDrain) return; // unread lines would pile up
  const asked = query ? `${query.name}. ${typeName(query.type)}` : "?";
  console.log(`${client.address} asks ${asked}: ${reply.code}`);
});

function typeName(type: number): string {
  const known = Object.entries(TYPE).find(([, number]) => number === type);
  return known ? known[0] : `TYPE${type}`; // as RFC 3597 calls the others
}

function answer(message: Buffer, query?: Query): Reply {
  if (message.readUInt16BE(2) & OPCODE) return { code: "NOTIMP" }; // no query
  if (!query) return { code: "FORMERR" };
  const { name, type, kind, opt } = query;
  if (opt && opt.ttl & VERSION) return { code: "BADVERS" };
  // With the dots, only whole labels match.
  const inZone = `.${name}`.endsWith(`.${ORIGIN}`);
  if (!inZone || kind !== IN) return { code: "REFUSED" };

  const own = zone.filter(({ owner }) => owner === name);
  // For ANY, the records of one type are enough (RFC 8482).
  const wanted = type === ANY ? own[0]?.type : type;
  const found = own.filter((record) => record.type === wanted);
  const answers = found.map(({ bytes }) => bytes);
  if (answers.length > 0) return { code: "NOERROR", answers };
  // The name test exists, because example.test does. The SOA record says for how
  // long a client may keep in mind that there is nothing (RFC 2308).
  const exists = zone.some(({ owner }) => `.${owner}`.endsWith(`.${name}`));
  return { code: exists ? "NOERROR" : "NXDOMAIN", authority: [soa.bytes] };
}

/** Takes a query apart. Throws if it is malformed. */
function readQuery(bytes: Buffer) {
  const message: Cursor = { bytes, at: HEADER_SIZE };
  const name = readName(message).slice(0, -1).toLowerCase();
  const [type, kind] = [readNumber(message, 2), readNumber(message, 2)];
  const question = [...bytes.subarray(HEADER_SIZE, message.at)];
  // The header has the numbers of records in three sections, at bytes 6, 8 and 10.
  // Only an OPT record matters, wherever it stands (RFC 6891, 6.1.1).
  const records = [6, 8, 10].flatMap((at) =>
    Array.from({ length: bytes.readUInt16BE(at) }, () => readRecord(message)),
  );
  const [opt, another] = records.filter((record) => record.type === OPT);
  if (bytes.readUInt16BE(4) !== 1 || another)
    throw new RangeError("not one question");
  return { name, type, kind, question, opt };
}

function readRecord(message: Cursor) {
  readName(message); // its owner
  const [type, kind] = [readNumber(message, 2), readNumber(message, 2)];
  const ttl = readNumber(message, 4);
  take(message, readNumber(message, 2)); // its data
  return { type, kind, ttl };
}

/** A name: the root, or a label and again a name. */
function readName(message: Cursor, room = 255): string {
  const length = readNumber(message, 1);
  if (length === 0) return "";
  if (length > 63) throw new RangeError("too long a label, or a pointer");
  if (length + 2 > room) throw new RangeError("too long a name");
  const label = take(message, length).toString("latin1");
  const rest = readName(message, room - length - 1);
  return `${label.replaceAll(NOT_PLAIN, "?")}.${rest}`;
}

function readNumber(message: Cursor, size: number): number {
  return take(message, size).readUIntBE(0, size);
}

/** The next bytes of a message. Only here, the cursor moves. */
function take(message: Cursor, size: number): Buffer {
  const bytes = message.bytes.subarray(message.at, message.at + size);
  if (bytes.length < size) throw new RangeError("beyond the end");
  message.at += size;
  return bytes;
}

/** The whole reply; without its records, if the client takes less. */
function writeReply(message: Buffer, query: Query | undefined, reply: Reply) {
  const { code, answers = [], authority = [] } = reply;
  const rcode = RCODES.indexOf(code); // 4 bits here; an OPT has the higher ones
  let flags = QR | (message.readUInt16BE(2) & (OPCODE | RD)) | (rcode & 15);
  if (code === "NOERROR" || code === "NXDOMAIN") flags |= AA;
  const question = query ? [query.question] : [];
  const opt = query?.opt ? [writeOpt(rcode >> 4, query.opt.ttl & DO)] : [];
  let sections = [question, answers, authority, opt];
  const size = Math.max(UDP_SIZE, query?.opt?.kind ?? 0); // the client takes it
  if (HEADER_SIZE + sections.flat(2).length > Math.min(size, EDNS_SIZE)) {
    sections = [question, [], [], opt];
    flags |= TC;
  }
  const counts = sections.map((section) => section.length);
  const header = [message.readUInt16BE(0), flags, ...counts].flatMap(short);
  return Buffer.from([...header, ...sections.flat(2)]);
}

function writeOpt(code: number, flags: number): number[] {
  return [0, ...[OPT, EDNS_SIZE, code * 256, flags, 0].flatMap(short)];
}

function record(owner: string, type: keyof typeof TYPE, data: number[]) {
  const numbers = [TYPE[type], IN, 0, TTL, data.length]; // TTL has 4 bytes
  const bytes = [...writeName(owner), ...numbers.flatMap(short), ...data];
  return { owner, type: TYPE[type], bytes };
}
