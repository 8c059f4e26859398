/**
 * DNS server over UDP: answers for a small zone of its own, as RFC 1035 has it.
 *
 * DNS is a standard application: whoever reads the RFC can write the other end,
 * `dig @127.0.0.1 -p 5300 example.test MX` for one. A datagram is a header of
 * 12 bytes, a question, and records. The traps: a length in it may lead beyond
 * its end; the reply is longer than the query, and goes to whoever is said to
 * have asked; and a reply to a reply would go to and fro for ever.
 *
 *     $ tsx udp/dns-server.ts
 *     The DNS server is ready on 127.0.0.1:5300
 */
import { createSocket } from "node:dgram";
import { isIPv6 } from "node:net";
import { config } from "../shared/config.ts";

const { host, port } = config("dns");
// A number's high byte comes first, and a label's length (RFC 1035, 3.1).
const two = (n: number) => [n >> 8, n & 255];
const counted = (text: string) => [text.length, ...Buffer.from(text)];
const encoded = (name: string) => [...name.split(".").flatMap(counted), 0];
const [A, SOA, MX, TXT, AAAA, ANY] = [1, 6, 15, 16, 28, 255]; // 3.2.2; RFC 3596, 2.1
// Nobody's name, and addresses for documentation (RFC 2606, 5737 and 3849).
const origin = "example.test";
const names = [...encoded(origin), ...encoded("ada.example.test")];
const times = [1, 7200, 900, 14400, 300].flatMap((n) => [0, 0, ...two(n)]);
const soa = record(origin, SOA, [...names, ...times]);
const records = [
  soa,
  record(origin, A, [192, 0, 2, 1]),
  record(origin, AAAA, Buffer.from("20010db8".padEnd(31, "0") + 1, "hex")),
  record(origin, MX, [...two(10), ...encoded("mail.example.test")]),
  record(origin, MX, [...two(20), ...encoded("mail2.example.test")]),
  record(origin, TXT, counted("hello")),
  record("mail.example.test", A, [192, 0, 2, 25]),
  record("mail2.example.test", A, [198, 51, 100, 25]),
  record("long.example.test", TXT, counted("a".repeat(250))),
  record("long.example.test", TXT, counted("b".repeat(250))),
];

const endpoint = ({ address, port }: { address: string; port: number }) =>
  `${isIPv6(address) ? `[${address}]` : address}:${port}`;
const server = createSocket(isIPv6(host) ? "udp6" : "udp4");
server.on("error", ({ code }: NodeJS.ErrnoException) => {
  const address = endpoint({ address: host, port });
  console.error(`cannot bind ${address} (${code}): try another port or host`);
  process.exit(1);
});
server.bind(port, host, () => {
  console.log(`The DNS server is ready on ${endpoint(server.address())}`);
});

server.on("message", (query, client) => {
  if (query.length < 12 || query[2]! & 0x80) return; // no header, or a reply
  if (client.port === 0) return; // nobody's, and send() would throw
  const reply = Buffer.from(answer(query));
  server.send(reply, client.port, client.address, (error) => {
    if (error) console.error(`a client gets no reply: ${error.message}`);
  });
});

function answer(query: Buffer) {
  const header = (flags: number, ...counts: number[]) => {
    const same = query.readUInt16BE(2) & 0x7900; // the kind of query, and RD
    const id = query.readUInt16BE(0);
    return [id, 0x8000 | same | flags, ...counts].flatMap(two);
  };
  if (query[2]! & 0x78) return header(4, 0, 0, 0, 0); // NOTIMP: no plain query
  let asked: ReturnType<typeof read>;
  try {
    asked = read(query);
  } catch {
    return header(1, 0, 0, 0, 0); // FORMERR
  }
  const { name, type, kind, question, limit, version } = asked;
  const there = records.some((r) => `.${r.owner}`.endsWith(`.${name}`));
  let code = there ? 0 : 3; // NOERROR, NXDOMAIN
  if (kind !== 1 || !`.${name}`.endsWith(`.${origin}`)) code = 5; // REFUSED
  if (version > 0) code = 16; // BADVERS (RFC 6891, 6.1.3)
  const ours = code === 0 || code === 3;
  const own = ours ? records.filter((r) => r.owner === name) : [];
  const found = own.filter((r) => r.type === type || type === ANY);
  // Without an answer, the SOA record says how long that holds (RFC 2308, 3).
  const soas = ours && !found.length ? [soa] : [];
  const opt = [0, ...[41, 1232].flatMap(two), code >> 4, 0, 0, 0, 0, 0];
  const opts = version < 0 ? [] : opt; // to a client that has sent one
  const rest = [...found, ...soas].flatMap(({ wire }) => wire);
  const flags = (ours ? 0x400 : 0) | (code & 15); // AA: from the source
  const counts = [found.length, soas.length, opts.length && 1];
  const whole = [...header(flags, 1, ...counts), ...question, ...rest, ...opts];
  if (whole.length <= limit) return whole;
  return [...header(flags | 0x200, 1, 0, 0, counts[2]!), ...question, ...opts]; // TC
}

/** Takes a query apart. What leads beyond its end throws. */
function read(query: Buffer) {
  const labels: string[] = [];
  let at = 12;
  for (let n; (n = query.readUInt8(at++)); at += n) {
    if (n > 63) throw new RangeError("no label is so long"); // nor points back
    labels.push(query.toString("latin1", at, at + n).replaceAll(".", "\\046"));
  }
  const [type, kind] = [query.readUInt16BE(at), query.readUInt16BE(at + 2)];
  const question = query.subarray(12, (at += 4));
  if (query.readUInt16BE(4) !== 1 || question.length > 259)
    throw new RangeError("not one question, or too long");
  let [limit, version] = [512, -1]; // without EDNS (4.2.1)
  if (query.readUInt16BE(10) > 0 && query.readUIntBE(at, 3) === 41) {
    // OPT says how long a reply may be (RFC 6891, 6.1).
    limit = Math.min(Math.max(512, query.readUInt16BE(at + 3)), 1232);
    version = query.readUInt8(at + 6);
    query.readUInt8(at + 10 + query.readUInt16BE(at + 9)); // its last byte
  }
  const name = labels.join(".").toLowerCase();
  return { name, type, kind, question, limit, version };
}

/** A resource record: its owner, type, class, time to live, data (3.2.1). */
function record(owner: string, type: number, data: Iterable<number>) {
  const rest = [...data];
  const head = [type, 1, 0, 300, rest.length].flatMap(two);
  return { owner, type, wire: [...encoded(owner), ...head, ...rest] };
}
