/**
 * DNS client over UDP: asks for the records of a name, prints them as dig does.
 *
 * The traps: a reply can be forged, so the identifier is random, and the question
 * must come back with it; and a name in a reply may point to an earlier one, and
 * so round in a circle.
 *
 *     $ tsx udp/dns-server.ts
 *     The DNS server is ready on 127.0.0.1:5300
 *     $ tsx udp/dns-client.ts example.test MX
 *     example.test.		300	IN	MX	10 mail.example.test.
 *     example.test.		300	IN	MX	20 mail2.example.test.
 */
import { randomBytes } from "node:crypto";
import { createSocket } from "node:dgram";
import { isIPv6 } from "node:net";
import { config } from "../shared/config.ts";

const own = { name: "example.test", type: "A" };
const { host, port, name, type } = config("dns", own, ["name", "type"]);
const server = isIPv6(host) ? `[${host}]:${port}` : `${host}:${port}`;
const codes = "NOERROR FORMERR SERVFAIL NXDOMAIN NOTIMP REFUSED".split(" ");
const types = { A: 1, NS: 2, CNAME: 5, PTR: 12, MX: 15, TXT: 16, AAAA: 28 };
const words = new Map(Object.entries(types));
const wanted =
  words.get(type.toUpperCase()) ?? Number(/^type(\d+)$/i.exec(type)?.[1]);
if (!(wanted < 65536))
  fail(`there is no type ${type}: try ${[...words.keys()]}, TYPE15`, 2);
process.stdout.on("error", () => process.exit(1)); // as in: client | head -1
const dotted = name.replace(/\.?$/, ".").replace(/^\.$/, "");
if (!/^([!--/-~]{1,63}\.)*$/.test(dotted) || dotted.length > 254)
  fail(`${name} is no name: it takes labels of 1 to 63 ASCII characters`, 2);

const labels = dotted.split(".").flatMap((l) => [l.length, ...Buffer.from(l)]);
const asked = Buffer.of(...labels, wanted >> 8, wanted, 0, 1); // class IN
const id = randomBytes(2);
// Recursion is desired; there are a question, and an OPT record that says how
// long a reply may be: 1232 bytes (RFC 6891, 6.1.2).
const opt = [0, 0, 41, 4, 208, 0, 0, 0, 0, 0, 0];
const query = Buffer.of(...id, 1, 0, 0, 1, 0, 0, 0, 0, 0, 1, ...asked, ...opt);

const client = createSocket(isIPv6(host) ? "udp6" : "udp4");
client.on("error", ({ code }: NodeJS.ErrnoException) => {
  if (code === "ECONNREFUSED")
    fail(`nothing answers on ${server}: start tsx udp/dns-server.ts there`);
  fail(`cannot reach ${server} (${code}): try another host or port`);
});
let tries = 0;
client.on("connect", function ask() {
  if (tries++ === 3) fail(`no reply from ${server} to 3 tries: try again`);
  client.send(query);
  setTimeout(ask, 2000).unref();
});
client.connect(port, host);
client.on("message", (reply, from) => {
  // Until it is connected, strangers reach it.
  if (!tries || from.address !== client.remoteAddress().address) return;
  if (reply.length < 12 || !reply.subarray(0, 2).equals(id)) return;
  const code = reply[3]! & 15;
  // An error may come without the question, but not with another one.
  const same = reply.subarray(12, 12 + asked.length).equals(asked);
  const none = code > 0 && reply.readUInt16BE(4) === 0;
  if ((reply[2]! & 0xf8) !== 0x80 || !(same || none)) return;
  client.removeAllListeners("message").unref(); // so that it ends
  if (code) fail(`${codes[code] ?? code} for ${name}, says ${server}`);
  const records = read(reply);
  for (const record of records) console.log(record);
  if (!records.length) console.error(`${server} has no ${type} of ${name}`);
  if (reply[2]! & 2) fail(`the reply is cut: ask for all of it over TCP`);
});

/** The answers, as a zone file has them (RFC 1035, 5.1). */
function read(reply: Buffer) {
  const malformed = () => fail(`malformed reply from ${server}`);
  let at = 12 + asked.length;
  const take = (size: number) =>
    at + size > reply.length ? malformed() : reply.subarray(at, (at += size));
  const number = (size: number) => take(size).readUIntBE(0, size);
  /** A name has at most 255 bytes, and a pointer leads back (4.1.4). */
  const name = (start = at, left = 254, jumps = 0): string => {
    const n = number(1);
    if (n === 0) return left < 254 ? "" : ".";
    if (n < 64 && n < left)
      return `${escaped(take(n))}.${name(start, left - n - 1, jumps)}`;
    const to = ((n & 0x3f) << 8) | number(1);
    if (n < 0xc0 || to >= start || jumps === 127) malformed();
    const behind = at;
    const rest = name((at = to), left, jumps + 1);
    at = behind;
    return rest;
  };
  return Array.from({ length: reply.readUInt16BE(6) }, () => {
    const owner = name();
    const [type, kind, time] = [number(2), number(2), number(4)];
    const end = number(2) + at;
    let text = "";
    if (type === types.A) text = take(4).join(".");
    else if (type === types.AAAA) {
      const groups = Array.from({ length: 8 }, () => number(2).toString(16));
      text = new URL(`http://[${groups.join(":")}]`).hostname.slice(1, -1);
    } else if (type === types.MX) text = `${number(2)} ${name()}`;
    else if (type === types.TXT)
      while (at < end)
        text += `${text && " "}"${escaped(take(number(1)), /["\\]/g)}"`;
    else if ([types.NS, types.CNAME, types.PTR].includes(type)) text = name();
    else
      text = `\\# ${end - at} ${take(end - at).toString("hex")}`.toUpperCase();
    if (at !== end || kind !== 1) malformed();
    const word = [...words].find(([, n]) => n === type)?.[0] ?? `TYPE${type}`;
    const tabs = "\t".repeat(Math.max(1, 3 - (owner.length >> 3)));
    return [owner + tabs + time, "IN", word, text].join("\t");
  });
}

/** Bytes as text; what is special, or would steer a terminal, is escaped. */
function escaped(bytes: Buffer, special = /[\\".;()@$ ]/g) {
  const number = (c: string) => `\\${`${c.charCodeAt(0)}`.padStart(3, "0")}`;
  const text = bytes.toString("latin1").replace(special, "\\$&");
  return text.replace(/[^ -~]/g, number);
}

function fail(text: string, status = 1): never {
  console.error(text);
  process.exit(status);
}
