import { test } from "uvu";
import * as assert from "uvu/assert";
import { run } from "../scripts/processes.ts";
import { check, node, udp } from "./harness.ts";

const client = `${node} udp/dns-client.ts`;

/** Bytes: numbers of one byte each, or characters of one byte each. */
const bytes = (...parts: (string | number[])[]) =>
  Buffer.concat(parts.map((part) => Buffer.from(part as string, "latin1")));
/** A message: a header of six numbers of two bytes, and what follows it. */
const message = (header: number[], ...rest: (string | number[])[]) =>
  bytes(
    header.flatMap((n) => [n >> 8, n & 255]),
    ...rest,
  );

/** A record: the bytes of its owner, its type, its data, and its class. */
const record = (owner: string, type: number, data: string, kind = 1) =>
  bytes(
    owner,
    [type >> 8, type & 255, kind >> 8, kind & 255],
    [0, 0, 0, 9, data.length >> 8, data.length & 255],
    data,
  ).toString("latin1");
const own = "\xc0\x0c"; // the name in the question
const at = 26; // where the records begin: the question is \x03c00\x04test
const address = "\x01\x02\x03\x04";
/** Pointers, each of which leads to the one before it. */
function chain() {
  const data = [0, 0];
  for (let to = at + 11; to < 16_000; to += 2)
    data.push(0xc0 | (to >> 8), to & 255);
  const last = String.fromCharCode(...data.slice(-2));
  const first = record("\0", 255, bytes(data).toString("latin1"));
  return first + record(last, 1, address);
}

// Flags, and how many records there are of each kind; the records; what the
// client prints, what it tells, and its exit status.
const replies: [number[], string, string | RegExp, RegExp, number][] = [
  [
    [0x8180, 7, 0, 0],
    record(own, 28, `${"\0".repeat(10)}\xff\xff\xc0\0\x02\x01`) +
      record(own, 28, `\x20\x01${"\0".repeat(13)}\x01`) +
      record(own, 6, `\x02ns${own}\x03a.b${own}${"\0\0\0\x07".repeat(5)}`) +
      record(own, 33, `\0\x01\0\x02\0\x03${own}`) +
      record("\x06\x1b[31m \0", 16, '\x03\x1b"\x9b\0') +
      record(own, 65280, "\xab\xcd") +
      record(own, 5, "\0"),
    [
      "c00.test.\t\t9\tIN\tAAAA\t::ffff:192.0.2.1\n",
      "c00.test.\t\t9\tIN\tAAAA\t2001::1\n",
      "c00.test.\t\t9\tIN\tSOA\tns.c00.test. a\\.b.c00.test. 7 7 7 7 7\n",
      "c00.test.\t\t9\tIN\tSRV\t1 2 3 c00.test.\n",
      '\\027[31m\\032.\t\t9\tIN\tTXT\t"\\027\\"\\155" ""\n',
      "c00.test.\t\t9\tIN\tTYPE65280\t\\# 2 ABCD\n",
      "c00.test.\t\t9\tIN\tCNAME\t.\n",
    ].join(""),
    /^$/,
    0,
  ],
  // An alias to a name that does not exist.
  [
    [0x8183, 1, 0, 0],
    record(own, 5, `\x02no${own}`),
    "c01.test.\t\t9\tIN\tCNAME\tno.c01.test.\n",
    /^NXDOMAIN for c01.test, says \S+\n$/,
    1,
  ],
  [
    [0x8380, 1, 0, 0],
    record(own, 1, address),
    "",
    /is cut: ask it over TCP/,
    1,
  ],
  [[0x8380, 1, 0, 0], `${own}\0`, "", /is cut: ask it over TCP/, 1],
  [
    [0x8180, 0, 0, 1],
    record("\0", 41, "").replace("\0\0\0\x09", "\x01\0\0\0"),
    "",
    /^BADVERS for /,
    1,
  ],
  [
    [0x8180, 0, 2, 1],
    record(own, 2, `\x02ns${own}`) +
      record(own, 2, "\x01x\0") +
      record("\0", 41, "", 1232),
    "",
    /does not know c05.test: ask ns.c05.test. or x.\n$/,
    1,
  ],
  [
    [0x8180, 1, 0, 0],
    record(own, 14, own + own),
    "",
    /TYPE14, which this client cannot/,
    1,
  ],
  [
    [0x8180, 1, 0, 0],
    record(`\xc0${String.fromCharCode(at)}`, 1, address),
    "",
    /^malformed/,
    1,
  ],
  [[0x8180, 1, 0, 0], record("\xc0\x26", 2, "\x01x\0"), "", /^malformed/, 1],
  [
    [0x8180, 1, 0, 0],
    record(own, 1, address).slice(0, -1),
    "",
    /^malformed/,
    1,
  ],
  [[0x8180, 1, 0, 0], record(own, 1, `${address}x`), "", /^malformed/, 1],
  [[0x8180, 1, 0, 0], record(own, 15, "\0\x01\x3fab"), "", /^malformed/, 1],
  [[0x8180, 2, 0, 0], chain(), "", /^malformed/, 1],
];

check("udp/dns-client.ts reads a reply, and not beyond", async () => {
  const fake = await udp();
  fake.on("message", (query, { port }) => {
    // The name says which reply is wanted. It comes back in capitals.
    const [flags, ...counts] =
      replies[Number(query.toString("latin1", 14, 16))]![0];
    const records = replies[Number(query.toString("latin1", 14, 16))]![1];
    const asked = query.toString("latin1", 12, at);
    const head = [query.readUInt16BE(0), flags!, 1, ...counts];
    fake.send(message(head, asked, records), port);
  });
  const { port } = fake.address();
  await Promise.all(
    replies.map(async ([, , stdout, stderr, status], i) => {
      const words = `c${String(i).padStart(2, "0")}.test ${i ? "A" : "TYPE255"}`;
      const result = await run(`${client} --port ${port} ${words}`);
      assert.is(result.stdout, stdout, words);
      assert.match(result.stderr, stderr, words);
      assert.is(result.exitCode, status, words);
    }),
  );
});

test.run();
