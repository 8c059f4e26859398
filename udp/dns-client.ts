/**
 * DNS client over UDP: asks for the records of a name, prints them as dig does.
 *
 * Anyone can send a datagram that looks like a reply. So the query has a random
 * identifier, and only a reply with this identifier and the same question counts.
 * In a reply, a name may end with a pointer to an earlier name. A pointer that
 * leads forward, or in a circle, is an error.
 *
 * The words are a name and a type of records: A, AAAA, CNAME, MX, NS, PTR, SOA,
 * SRV, TXT, or any other by its number, such as TYPE257.
 *
 *     $ tsx udp/dns-server.ts
 *     The DNS server is ready on 127.0.0.1:5300
 *     127.0.0.1 asks example.test. MX: NOERROR
 *     $ tsx udp/dns-client.ts example.test MX
 *     example.test.		300	IN	MX	10 mail.example.test.
 *     example.test.		300	IN	MX	20 mail2.example.test.
 */
import { randomInt } from "node:crypto";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { isIPv6 } from "node:net";
import { config } from "../shared/config.ts";

const { host, port, words } = config("dns", { words: ["example.test", "A"] });
const [name = "example.test", type = "A", ...more] = words;

/** The types of records that it knows: name, number, and how to read the data. */
const TYPES: [string, number, (data: Cursor) => string][] = [
  ["A", 1, (data) => take(data, 4).join(".")],
  ["NS", 2, readName],
  ["CNAME", 5, readName],
  ["SOA", 6, readSOA],
  ["PTR", 12, readName],
  ["MX", 15, (data) => `${readNumber(data, 2)} ${readName(data)}`],
  ["TXT", 16, readStrings],
  ["AAAA", 28, readIPv6],
  ["SRV", 33, readSRV],
];
const [NS, SOA, OPT, ANY, IN] = [2, 6, 41, 255, 1];
// More types whose data has names, which may be pointers (RFC 3597, 4).
const POINTING = [3, 4, 7, 8, 9, 14, 17, 18, 21, 24, 26, 30, 35];
const RCODES = (
  "NOERROR FORMERR SERVFAIL NXDOMAIN NOTIMP REFUSED YXDOMAIN YXRRSET NXRRSET " +
  "NOTAUTH NOTZONE 11 12 13 14 15 BADVERS BADKEY BADTIME BADMODE BADNAME " +
  "BADALG BADTRUNC BADCOOKIE"
).split(" ");
const [QR, OPCODE, TC, RD] = [0x8000, 0x7800, 0x200, 0x100];
const [HEADER_SIZE, EDNS_SIZE, POINTER] = [12, 1232, 0xc0];
// What has a meaning in a zone file, and so gets a backslash.
const [IN_NAME, IN_STRING, UNPRINTABLE] = [/[\\".;()@$]/g, /[\\"]/g, /[^ -~]/g];
const TYPE_BY_NUMBER = /^TYPE\d{1,5}$/;
const NAME_PART = /\\\d{3}|\\[ -/:-~]|[!-[\]-~]/g; // \032, \., or a letter

type Cursor = { bytes: Buffer; at: number }; // a message, and the place in it
type Resource = ReturnType<typeof readRecord>;

const server = `${host}:${port}`;
if (more.length > 0) fail("too many words: a name and a type are enough", 2);
const wanted = typeNumber(type.toUpperCase());
const id = randomInt(65536);
const question = [...writeName(name), ...short(wanted), ...short(IN)];
// One question, and one more record: an OPT says how long a reply may be.
const header = [id, RD, 1, 0, 0, 1].flatMap(short);
const opt = [0, ...short(OPT), ...short(EDNS_SIZE), 0, 0, 0, 0, 0, 0];
const query = Buffer.from([...header, ...question, ...opt]);
const asked = questionOf(query);

const client = createSocket(isIPv6(host) ? "udp6" : "udp4");
client.connect(port, host);
await once(client, "connect");
let tries = 0;
const timer = setInterval(ask, 2000);
ask();
client.on("message", (reply) => {
  if (!isOurs(reply)) return;
  clearInterval(timer);
  client.close();
  try {
    show(reply);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    fail(`malformed reply from ${server}: ${error.message}`);
  }
});

function ask() {
  if (tries === 3) fail(`no reply from ${server} to 3 queries: try again`);
  tries += 1;
  client.send(query, (error) => error && client.emit("error", error));
}

/** Whether this is the reply. Some servers send errors without the question. */
function isOurs(reply: Buffer): boolean {
  if (reply.length < HEADER_SIZE || reply.readUInt16BE(0) !== id) return false;
  const flags = reply.readUInt16BE(2);
  if ((flags & (QR | OPCODE)) !== QR) return false;
  const question = questionOf(reply);
  return question === asked || (question === "" && (flags & 15) !== 0);
}

/** The question in lower case (RFC 4343), or nothing if it cannot be read. */
function questionOf(bytes: Buffer): string {
  const message = { bytes, at: HEADER_SIZE };
  try {
    if (bytes.readUInt16BE(4) === 0) return "";
    const name = readName(message).toLowerCase();
    return `${name} ${readNumber(message, 2)} ${readNumber(message, 2)}`;
  } catch {
    return "";
  }
}

/** Prints the answers, and what else the reply says. */
function show(reply: Buffer) {
  const flags = reply.readUInt16BE(2);
  if (flags & TC) fail(`the reply of ${server} is cut: ask it over TCP`);
  const message: Cursor = { bytes: reply, at: HEADER_SIZE };
  message.at += question.length;
  const readSection = (count: number) =>
    Array.from({ length: count }, () => readRecord(message));
  // A header alone has an error to tell, whatever its counts are.
  const bare = questionOf(reply) === "";
  const answers = bare ? [] : readSection(reply.readUInt16BE(6));
  const authority = bare ? [] : readSection(reply.readUInt16BE(8));
  const additional = bare ? [] : readSection(reply.readUInt16BE(10));
  const lines = answers.map(lineOf);
  for (const line of lines) console.log(line);

  // An OPT record has 8 more bits of the code (RFC 6891, 6.1.3).
  const edns = additional.find((record) => record.type === OPT);
  const code = (edns ? edns.ttl >>> 24 : 0) * 16 + (flags & 15);
  if (code > 0) fail(`${RCODES[code] ?? code} for ${name}, says ${server}`);
  const found = (record: Resource) => record.type === wanted || wanted === ANY;
  if (answers.some(found)) return;
  const places = authority.filter((record) => record.type === NS);
  if (places.length > 0 && !authority.some(({ type }) => type === SOA)) {
    const names = places.map(({ data }) => readName(data));
    fail(`${server} does not know ${name}: ask ${names.join(" or ")}`);
  }
  console.error(`${server} has no ${type} of ${name}`);
}

/** A record as a line of a zone file (RFC 1035, 5.1). */
function lineOf({ owner, type, kind, ttl, data }: Resource): string {
  const text = readData(type, data);
  if (kind !== IN || data.at !== data.bytes.length)
    throw new RangeError("a record that is not what its header says");
  const tabs = "\t".repeat(Math.max(1, 3 - (owner.length >> 3)));
  return [owner + tabs + ttl, "IN", typeName(type), text].join("\t");
}

function readData(type: number, data: Cursor): string {
  const known = TYPES.find(([, number]) => number === type);
  if (known) return known[2](data);
  if (POINTING.includes(type))
    fail(`${server} sent a TYPE${type}, which this client cannot read`);
  // As RFC 3597 writes the data of all other types: its size and its bytes.
  const size = data.bytes.length - data.at;
  return `\\# ${size} ${take(data, size).toString("hex")}`.toUpperCase().trim();
}

function readSRV(data: Cursor): string {
  const numbers = [2, 2, 2].map((size) => readNumber(data, size));
  return `${numbers.join(" ")} ${readName(data)}`;
}

function readSOA(data: Cursor): string {
  const names = `${readName(data)} ${readName(data)}`;
  const numbers = [4, 4, 4, 4, 4].map((size) => readNumber(data, size));
  return `${names} ${numbers.join(" ")}`;
}

function readStrings(data: Cursor): string {
  const strings: string[] = [];
  while (data.at < data.bytes.length) {
    const bytes = take(data, readNumber(data, 1));
    strings.push(`"${escaped(bytes, IN_STRING)}"`);
  }
  return strings.join(" ");
}

function readRecord(message: Cursor) {
  const owner = readName(message);
  const [type, kind] = [readNumber(message, 2), readNumber(message, 2)];
  const ttl = readNumber(message, 4);
  const size = readNumber(message, 2);
  const at = message.at;
  take(message, size);
  const data: Cursor = { bytes: message.bytes.subarray(0, message.at), at };
  return { owner, type, kind, ttl, data };
}

/** A name: labels with their lengths; at the end an empty one, or a pointer. */
function readName(message: Cursor): string {
  let from = message;
  let size = 1;
  let pointers = 0;
  let name = "";
  let start = from.at;
  let length = readNumber(from, 1);
  while (length > 0) {
    if (length >= POINTER) {
      const at = (length - POINTER) * 256 + readNumber(from, 1);
      pointers += 1;
      if (at >= start || pointers > 127) throw new RangeError("a bad pointer");
      from = { bytes: message.bytes, at };
      start = at;
    } else {
      size += 1 + length;
      if (length > 63 || size > 255) throw new RangeError("a name too long");
      const label = escaped(take(from, length), IN_NAME);
      name += `${label.replaceAll(" ", "\\032")}.`;
    }
    length = readNumber(from, 1);
  }
  return name || ".";
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

/** Bytes as text, in which no byte is special or steers the terminal. */
function escaped(bytes: Buffer, special: RegExp): string {
  const text = bytes.toString("latin1").replaceAll(special, "\\$&");
  return text.replaceAll(UNPRINTABLE, (character) => {
    const number = String(character.charCodeAt(0));
    return `\\${number.padStart(3, "0")}`;
  });
}

/** An IPv6 address in its short form (RFC 5952), as URLs have it, too. */
function readIPv6(data: Cursor): string {
  const hex = take(data, 16).toString("hex");
  const groups = hex.match(/.{4}/g) ?? [];
  const address = new URL(`http://[${groups.join(":")}]`).hostname.slice(1, -1);
  if (!hex.startsWith("ffff".padStart(24, "0"))) return address;
  return `::ffff:${Buffer.from(hex, "hex").subarray(12).join(".")}`;
}

function typeName(type: number): string {
  const known = TYPES.find(([, number]) => number === type);
  return known ? known[0] : `TYPE${type}`; // as RFC 3597 calls the others
}

function typeNumber(word: string): number {
  const known = TYPES.find(([name]) => name === word);
  if (known) return known[1];
  const number = Number(word.slice("TYPE".length));
  if (TYPE_BY_NUMBER.test(word) && number < 65536) return number;
  const names = TYPES.map(([name]) => name).join(", ");
  fail(`there is no type ${word}: try ${names}, or TYPE33 for others`, 2);
}

/** A name as it is typed: `\.` is a dot in a label, `\032` a byte (5.1). */
function writeName(text: string): number[] {
  if (text === ".") return [0]; // the root
  const parts: string[] = text.match(NAME_PART) ?? [];
  let wrong = parts.join("") !== text;
  if (parts.at(-1) !== ".") parts.push(".");
  const bytes: number[] = [];
  let label: number[] = [];
  for (const part of parts) {
    if (part !== ".") {
      label.push(byteOf(part));
      continue;
    }
    if (label.length === 0 || label.length > 63) wrong = true;
    if (Math.max(...label) > 255) wrong = true;
    bytes.push(label.length, ...label);
    label = [];
  }
  if (wrong || bytes.length > 254)
    fail(`${text} is no name: it takes labels of 1 to 63 ASCII characters`, 2);
  return [...bytes, 0];
}

/** A byte of a typed name. */
function byteOf(part: string): number {
  if (part.length === 4) return Number(part.slice(1));
  return part.charCodeAt(part.length - 1);
}

/** A number in two bytes, the high one first. */
function short(number: number): number[] {
  return [number >> 8, number & 255];
}

function fail(line: string, status = 1): never {
  console.error(line);
  process.exit(status);
}
