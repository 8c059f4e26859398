/**
 * DNS client over UDP: asks for the records of a name, prints them as dig does.
 *
 * Anyone can send a datagram that looks like a reply. connect() drops those from
 * other addresses, but an address can be forged. So the query has a random
 * identifier, and only a reply with this identifier and the same question counts.
 * To keep replies short, a name may end with a pointer to an earlier place that
 * has the rest of it. The client follows no other pointer, or it might never end.
 *
 * After the options come a name and a type of records: A, AAAA, CNAME, MX, NS or
 * TXT. A name has labels of letters, digits, "-" and "_", with dots between them.
 *
 *     $ tsx udp/dns-server.ts
 *     The DNS server is ready on 127.0.0.1:5300
 *     ...
 *     $ tsx udp/dns-client.ts example.test MX
 *     example.test. 300 IN MX 10 mail.example.test.
 *     example.test. 300 IN MX 20 mail.backup.example.test.
 */
import { randomInt } from "node:crypto";
import { createSocket } from "node:dgram";
import { on, once } from "node:events";
import { isIPv6 } from "node:net";
import { config } from "../shared/config.ts";

const { host, port, words } = config("dns", { words: ["example.test", "A"] });
const [name = "example.test", wanted = "A", ...more] = words;

type Place = { bytes: Buffer; at: number }; // a message, and a place in it

// The types of records: their numbers, and how to read their data.
const types: Record<string, [number, (data: Place) => string]> = {
  A: [1, (data) => take(data, 4).join(".")],
  NS: [2, readName],
  CNAME: [5, readName],
  MX: [15, (data) => `${readNumber(data, 2)} ${readName(data)}`],
  TXT: [16, readTexts],
  AAAA: [28, readIPv6],
};
// The flags of a message. The last four bits are one of the codes.
const isReply = 0x8000;
const isTruncated = 0x0200;
const codes = "NOERROR FORMERR SERVFAIL NXDOMAIN NOTIMP REFUSED".split(" ");
// Characters that could redraw or reverse a terminal's text.
const controls = /[\p{Cc}\u202a-\u202e\u2066-\u2069]/gu;

const labels = name.replace(/\.$/, "").split(".");
const [asked] = types[wanted.toUpperCase()] ?? [];
const isName = labels.every((label) => /^[\w-]{1,63}$/.test(label));
if (!isName || name.length > 253 || !asked || more.length > 0) {
  console.error(`not a name and a type: ${words.join(" ")}: see --help`);
  process.exit(2);
}

const uint16 = (number: number) => Buffer.from([number >> 8, number & 255]);
const writeText = (text: string) =>
  Buffer.from([text.length, ...Buffer.from(text)]);
// A header of six numbers, and the question.
const query = Buffer.concat([
  uint16(randomInt(65536)), // the identifier
  uint16(0x0100), // flags: let the server ask others ("recursion desired")
  uint16(1), // questions
  uint16(0), // answers
  uint16(0), // records about the zone itself
  uint16(0), // additional records
  ...[...labels, ""].map(writeText), // the name; an empty label ends it
  uint16(asked), // type
  uint16(1), // class: the Internet
]);

const client = createSocket(isIPv6(host) ? "udp6" : "udp4");
client.connect(port, host);
await once(client, "connect");
// The query or the reply may be lost, so there are three tries.
const ask = () => client.send(query);
const tries = [0, 2000, 4000].map((delay) => setTimeout(ask, delay));
const signal = AbortSignal.timeout(6000);
for await (const [message] of on(client, "message", { signal })) {
  // Compare the identifier and the question, whoever sent the message.
  const isSame = (from: number, to: number) =>
    message.subarray(from, to).equals(query.subarray(from, to));
  const isOurs = isSame(0, 2) && isSame(12, query.length);
  if (!isOurs || !(message.readUInt16BE(2) & isReply)) continue;
  show(message);
  break;
}
tries.forEach(clearTimeout);
client.close();

/** Prints the answers, and what else the reply says. */
function show(reply: Buffer) {
  const flags = reply.readUInt16BE(2);
  if (flags & isTruncated || reply.length > 512)
    throw new Error("too long for a datagram: ask over TCP, as dig does");
  const place = { bytes: reply, at: query.length }; // after the question
  const length = reply.readUInt16BE(6);
  const answers = Array.from({ length }, () => readRecord(place));
  for (const { line } of answers) console.log(line.replaceAll(controls, ""));
  const code = flags & 15;
  if (code > 0) throw new Error(`${codes[code] ?? code} for ${name}`);
  if (!answers.some((answer) => answer.type === asked))
    console.error(`${host}:${port} has no ${wanted} record of ${name}`);
}

/** Reads a record: a name, four numbers, and data, whose length is the fourth. */
function readRecord(place: Place) {
  const owner = readName(place);
  const type = readNumber(place, 2);
  take(place, 2); // the class
  const ttl = readNumber(place, 4); // the seconds for which it may be kept
  const size = readNumber(place, 2);
  const { at } = place;
  take(place, size);
  // The data ends here, but a name in it may point to anything before.
  const data = { bytes: place.bytes.subarray(0, place.at), at };
  const known = Object.entries(types).find(([, [code]]) => code === type);
  const begin = `${owner} ${ttl} IN`;
  if (!known) return { type, line: `${begin} TYPE${type} (not printed here)` };
  const [typeName, [, read]] = known;
  return { type, line: `${begin} ${typeName} ${read(data)}` };
}

function readTexts(data: Place): string {
  const texts: string[] = [];
  while (data.at < data.bytes.length) {
    const text = take(data, readNumber(data, 1)).toString();
    texts.push(`"${text.replaceAll(/["\\]/g, "\\$&")}"`);
  }
  return texts.join(" ");
}

function readIPv6(data: Place): string {
  const numbers = Array.from({ length: 8 }, () => readNumber(data, 2));
  const groups = numbers.map((number) => number.toString(16));
  // A URL has an address in its short form, and in brackets.
  return new URL(`http://[${groups.join(":")}]`).hostname.slice(1, -1);
}

/** Reads a name: nothing, a label and again a name, or a pointer to a name. */
function readName(place: Place, start = place.at): string {
  const length = readNumber(place, 1);
  if (length === 0) return ".";
  if (length < 64) {
    const label = `${take(place, length)}`.replaceAll(/[.\\]/g, "\\$&");
    const rest = readName(place, start);
    return rest === "." ? `${label}.` : `${label}.${rest}`;
  }
  // A pointer is two bytes: 0xc000 plus the place of the rest.
  const at = length * 256 + readNumber(place, 1) - 0xc000;
  if (at < 0 || at >= start)
    throw new Error("malformed reply: a pointer does not lead back");
  return readName({ bytes: place.bytes, at });
}

function readNumber(place: Place, size: number): number {
  return take(place, size).readUIntBE(0, size);
}

/** Takes the next bytes of a message. */
function take(place: Place, size: number): Buffer {
  const bytes = place.bytes.subarray(place.at, place.at + size);
  if (bytes.length < size) throw new Error("malformed reply: it is cut");
  place.at += size;
  return bytes;
}
