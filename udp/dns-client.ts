/**
 * DNS client over UDP: asks for the records of a name, prints them as dig does.
 *
 * Anyone can send a datagram that looks like a reply. So the query has a random
 * identifier, and only a reply with this identifier and the same question counts.
 * So that a reply says no name twice, a name may end with a pointer to an earlier
 * one. A pointer that leads forward, or in a circle, is an error.
 *
 * On the command line stand a name and a type of records: A, AAAA, CNAME, MX, NS,
 * PTR, SOA, TXT, or any other by its number, such as TYPE257. A name has labels of
 * 1 to 63 visible ASCII characters; a backslash is refused. Types below 41 that
 * are not in this list are refused as well, if a reply has one: their data may be
 * written with pointers.
 *
 *     $ tsx udp/dns-server.ts
 *     The DNS server is ready on 127.0.0.1:5300
 *     127.0.0.1 asks example.test. MX: NOERROR
 *     $ tsx udp/dns-client.ts example.test MX
 *     example.test.	300	IN	MX	10 mail.example.test.
 *     example.test.	300	IN	MX	20 mail2.example.test.
 */
import { randomInt } from "node:crypto";
import { createSocket } from "node:dgram";
import { on, once } from "node:events";
import { isIPv6 } from "node:net";
import { config } from "../shared/config.ts";

const { host, port, words } = config("dns", { words: ["example.test", "A"] });
const [name = "example.test", type = "A", ...more] = words;

// The types that it knows: name, number, and how to read the data. A and AAAA are
// addresses, NS a name server, CNAME an alias, SOA a zone's own record, PTR the
// name of an address, MX a mail server.
const TYPES: [string, number, (data: Cursor) => string][] = [
  ["A", 1, (data) => take(data, 4).join(".")],
  ["NS", 2, readName],
  ["CNAME", 5, readName],
  ["SOA", 6, readSOA],
  ["PTR", 12, readName],
  ["MX", 15, (data) => `${readNumber(data, 2)} ${readName(data)}`],
  ["TXT", 16, readStrings],
  ["AAAA", 28, readIPv6],
];
// More numbers with the names that the RFCs give them.
const [NS, CNAME, SOA, OPT, IN] = [2, 5, 6, 41, 1];
const [QR, OPCODE, TC, RD] = [0x8000, 0x7800, 0x200, 0x100];
const [HEADER_SIZE, EDNS_SIZE, POINTER] = [12, 1232, 0xc0];
const [SPACES, LAST_DOT, FOUR_DIGITS] = [/\s+/, /\.$/, /.{4}/g];
const RCODES = `NOERROR FORMERR SERVFAIL NXDOMAIN NOTIMP REFUSED YXDOMAIN
  YXRRSET NXRRSET NOTAUTH NOTZONE 11 12 13 14 15 BADVERS BADKEY BADTIME BADMODE
  BADNAME BADALG BADTRUNC BADCOOKIE`.split(SPACES);
// What is printed as a number, so that it has no meaning in a name or a string.
const [NOT_IN_NAME, NOT_IN_STRING] = [/[^\w*/-]/g, /[^ -~]|["\\]/g];
const TYPE_BY_NUMBER = /^TYPE(\d{1,5})$/i;
const LABEL = /^[!-[\]-~]{1,63}$/; // typed: visible ASCII without a backslash

type Cursor = { bytes: Buffer; at: number }; // a message, and the place in it

// How a number and a text are written: the high byte first; behind its length.
const short = (number: number) => [number >> 8, number & 255];
const writeString = (text: string) => [text.length, ...Buffer.from(text)];

const server = `${host}:${port}`;
if (more.length > 0) fail("too many words: a name and a type are enough", 2);
const listed = TYPES.find(([name]) => name === type.toUpperCase());
const [, digits] = TYPE_BY_NUMBER.exec(type) ?? [];
const wanted = listed ? listed[1] : Number(digits);
// Not even NaN is below.
if (!(wanted < 65536)) fail(`there is no type ${type}: see --help`, 2);
const id = randomInt(65536);
const question = [...writeName(name), ...short(wanted), ...short(IN)];
// One question, and one more record: an OPT says how long a reply may be.
const header = [id, RD, 1, 0, 0, 1].flatMap(short);
const edns = [0, ...[OPT, EDNS_SIZE, 0, 0, 0].flatMap(short)];
const query = Buffer.from([...header, ...question, ...edns]);

const client = createSocket(isIPv6(host) ? "udp6" : "udp4");
client.connect(port, host); // so only this server is heard
await once(client, "connect");
// Three tries, for a query or its reply may be lost.
const send = () => client.send(query);
const timers = [0, 2000, 4000].map((delay) => setTimeout(send, delay));
const signal = AbortSignal.timeout(6000); // then the loop throws
for await (const [reply] of on(client, "message", { signal })) {
  if (!isOurs(reply)) continue;
  show(reply);
  break;
}
for (const timer of timers) clearTimeout(timer); // the socket closes now
client.close();

/** Whether this is the reply. Some servers send errors without the question. */
function isOurs(reply: Buffer): boolean {
  if (reply.length < HEADER_SIZE || reply.readUInt16BE(0) !== id) return false;
  const flags = reply.readUInt16BE(2);
  if ((flags & (QR | OPCODE)) !== QR) return false;
  const asked = questionOf(reply);
  return asked === questionOf(query) || (asked === "" && (flags & 15) > 0);
}

/** The question, its name in lower case (RFC 4343); nothing if there is none. */
function questionOf(message: Buffer): string {
  if (message.readUInt16BE(4) === 0) return "";
  const end = HEADER_SIZE + question.length;
  const name = message.toString("latin1", HEADER_SIZE, end - 4);
  return name.toLowerCase() + message.toString("latin1", end - 4, end);
}

/** Prints the answers, and what else the reply says. */
function show(reply: Buffer) {
  const flags = reply.readUInt16BE(2);
  if (flags & TC) fail(`the reply of ${server} is cut: ask it over TCP`);
  const message: Cursor = { bytes: reply, at: HEADER_SIZE + question.length };
  // An error without the question has no records, whatever its header says.
  const counts = questionOf(reply) === "" ? [] : [6, 8, 10];
  const [answers = [], authority = [], additional = []] = counts.map((at) =>
    Array.from({ length: reply.readUInt16BE(at) }, () => readRecord(message)),
  );
  for (const { line } of answers) console.log(line);

  // An OPT record has 8 more bits of the code (RFC 6891, 6.1.3).
  const opt = additional.find(({ type }) => type === OPT);
  const code = (opt ? opt.ttl >>> 24 : 0) * 16 + (flags & 15);
  if (code > 0) fail(`${RCODES[code] ?? code} for ${name}, says ${server}`);
  // Aliases alone are no answer, unless they were asked for.
  if (answers.some(({ type }) => type !== CNAME || wanted === CNAME)) return;
  // The zone's own server would send its SOA. This one knows who to ask.
  const other = authority.find(({ type }) => type === NS);
  if (other && !authority.some(({ type }) => type === SOA))
    fail(`${server} does not know ${name}: ask ${other.data}`);
  console.error(`${server} has no ${type} of ${name}`);
}

/** A record, with its line of a zone file (RFC 1035, 5.1). */
function readRecord(message: Cursor) {
  const owner = readName(message);
  const [type, kind] = [readNumber(message, 2), readNumber(message, 2)];
  const [ttl, size] = [readNumber(message, 4), readNumber(message, 2)];
  const at = message.at;
  take(message, size);
  // The data ends here. But a name in it may be a pointer to what stands before.
  const rest: Cursor = { bytes: message.bytes.subarray(0, message.at), at };
  const known = TYPES.find(([, number]) => number === type);
  const [name, , read] = known ?? [`TYPE${type}`, type, readUnknown];
  // The data of these old types may have pointers (RFC 3597, 4).
  if (!known && type < OPT)
    fail(`${server} sent a ${name}, which this client cannot read`);
  const data = read(rest);
  if (rest.at < message.at || (kind !== IN && type !== OPT))
    malformed("a record is not what its header says");
  const line = [owner, ttl, "IN", name, data].join("\t");
  return { type, ttl, data, line };
}

/** The data of any other type: its size and its bytes (RFC 3597, 5). */
function readUnknown(data: Cursor): string {
  const bytes = take(data, data.bytes.length - data.at);
  return `\\# ${bytes.length} ${bytes.toString("hex").toUpperCase()}`.trim();
}

function readSOA(data: Cursor): string {
  const names = `${readName(data)} ${readName(data)}`;
  const numbers = [4, 4, 4, 4, 4].map((size) => readNumber(data, size));
  return `${names} ${numbers.join(" ")}`;
}

function readStrings(data: Cursor): string {
  let text = "";
  while (data.at < data.bytes.length) {
    const string = take(data, readNumber(data, 1));
    text += `"${escaped(string, NOT_IN_STRING)}" `;
  }
  return text.trim();
}

/** An IPv6 address in its short form (RFC 5952), as URLs have it, too. */
function readIPv6(data: Cursor): string {
  const hex = take(data, 16).toString("hex");
  const groups = hex.match(FOUR_DIGITS) ?? [];
  const address = new URL(`http://[${groups.join(":")}]`).hostname.slice(1, -1);
  if (!hex.startsWith("ffff".padStart(24, "0"))) return address;
  return `::ffff:${Buffer.from(hex, "hex").subarray(12).join(".")}`;
}

/** A name: the root, a pointer to a name, or a label and again a name. */
function readName(message: Cursor, parts = 0): string {
  const start = message.at;
  const length = readNumber(message, 1);
  if (length === 0) return ".";
  if (length >= POINTER) {
    const at = (length - POINTER) * 256 + readNumber(message, 1);
    if (at >= start || parts === 255) malformed("a pointer does not lead back");
    return readName({ bytes: message.bytes, at }, parts + 1);
  }
  if (length > 63 || parts === 255) malformed("a name is too long");
  const label = escaped(take(message, length), NOT_IN_NAME);
  const rest = readName(message, parts + 1);
  return rest === "." ? `${label}.` : `${label}.${rest}`;
}

function readNumber(message: Cursor, size: number): number {
  return take(message, size).readUIntBE(0, size);
}

/** The next bytes of a message. Only here, the cursor moves. */
function take(message: Cursor, size: number): Buffer {
  const bytes = message.bytes.subarray(message.at, message.at + size);
  if (bytes.length < size) malformed("it ends too early");
  message.at += size;
  return bytes;
}

/** Bytes as text, in which no byte has a meaning or steers the terminal. */
function escaped(bytes: Buffer, unsafe: RegExp): string {
  const number = (byte: string) => String(byte.charCodeAt(0)).padStart(3, "0");
  const text = bytes.toString("latin1");
  return text.replace(unsafe, (byte) => `\\${number(byte)}`);
}

/** A name as it is typed, with a dot at its end or not. */
function writeName(text: string): number[] {
  const labels = text === "." ? [] : text.replace(LAST_DOT, "").split(".");
  const bytes = labels.flatMap(writeString);
  if (!labels.every((label) => LABEL.test(label)) || bytes.length > 254)
    // 255 with the 0
    fail(`${text} is no name that this client takes: see --help`, 2);
  return [...bytes, 0];
}

function malformed(what: string): never {
  fail(`malformed reply from ${server}: ${what}`);
}

function fail(line: string, status = 1): never {
  console.error(line);
  process.exit(status);
}
