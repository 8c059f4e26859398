import { test } from "uvu";
import * as assert from "uvu/assert";
import { run } from "../scripts/processes.ts";
import { bytes, client, compare, dnsmasq, message, unbound } from "./dns.ts";
import { check, nobody, serve, udp } from "./harness.ts";

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
      record(own, 28, "\0".repeat(16)) +
      record("\x09\x1b[31m \\.;\0", 16, '\x04\x1b"\x9b\\\0') +
      record(own, 65280, "\xab\xcd") +
      record(own, 5, "\0"),
    [
      "c00.test.\t9\tIN\tAAAA\t::ffff:192.0.2.1\n",
      "c00.test.\t9\tIN\tAAAA\t2001::1\n",
      "c00.test.\t9\tIN\tSOA\tns.c00.test. a\\046b.c00.test. 7 7 7 7 7\n",
      "c00.test.\t9\tIN\tAAAA\t::\n",
      '\\027\\09131m\\032\\092\\046\\059.\t9\tIN\tTXT\t"\\027\\034\\155\\092" ""\n',
      "c00.test.\t9\tIN\tTYPE65280\t\\# 2 ABCD\n",
      "c00.test.\t9\tIN\tCNAME\t.\n",
    ].join(""),
    /^$/,
    0,
  ],
  // An alias to a name that does not exist.
  [
    [0x8183, 1, 0, 0],
    record(own, 5, `\x02no${own}`),
    "c01.test.\t9\tIN\tCNAME\tno.c01.test.\n",
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
    /does not know c05.test: ask ns.c05.test.\n$/,
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
  [
    [0x8180, 1, 0, 0],
    record(own, 33, `\0\x01\0\x02\0\x03${own}`),
    "",
    /sent a TYPE33, which this client cannot read/,
    1,
  ],
  // Another class, a label that leads back to itself, and a code without a name.
  [[0x8180, 1, 0, 0], record(own, 1, address, 3), "", /^malformed/, 1],
  [
    [0x8180, 1, 0, 0],
    record(`\x01a\xc0${String.fromCharCode(at)}`, 1, address),
    "",
    /^malformed/,
    1,
  ],
  [
    [0x8185, 0, 0, 1],
    record("\0", 41, "", 1232).replace("\0\0\0\x09", "\xff\0\0\0"),
    "",
    /^4085 for c16.test/,
    1,
  ],
  [
    [0x8180, 1, 0, 0],
    record("\x01a".repeat(30_000), 1, address),
    "",
    /^malformed reply from [^\n]+\n$/,
    1,
  ],
  // Only an alias.
  [
    [0x8180, 1, 0, 0],
    record(own, 5, `\x02to${own}`),
    "c18.test.\t9\tIN\tCNAME\tto.c18.test.\n",
    / has no A of c\d\d.test\n$/,
    0,
  ],
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

check(
  "udp/dns-client.ts prints what dig does with dnsmasq's records",
  async () => {
    const at = await dnsmasq(
      "--host-record=one.test,192.0.2.7,2001:db8:0:0:1::7",
      "--host-record=a-name-longer-than-a-tab.one.test,192.0.2.8",
      "--cname=alias.one.test,one.test",
      "--mx-host=one.test,mail.one.test,30",
      "--txt-record=one.test,'and ; more','v=a.b (c) $d @e'",
      "--caa-record=one.test,0,issue,ca.test",
      "--ptr-record=7.2.0.192.in-addr.arpa,one.test",
    );
    await compare(at, [
      "one.test AAAA",
      "one.test MX",
      "one.test TXT",
      "alias.one.test A",
      "a-name-longer-than-a-tab.one.test A",
      "7.2.0.192.in-addr.arpa PTR",
    ]);
    // dig knows CAA records, and we show them as RFC 3597 does.
    const known = await run(
      `${client} --host ${at[0]} --port ${at[1]} one.test TYPE257`,
    );
    assert.match(known.stdout, /\tTYPE257\t\\# 14 00056973737565[0-9A-F]+\n$/);
  },
  "dnsmasq",
  "dig",
);

check(
  "udp/dns-client.ts prints what dig does with unbound's records",
  async () => {
    const at = await unbound(
      "two.test. 60 IN A 192.0.2.9",
      "two.test. 60 IN AAAA 2001:db8::9",
      "two.test. 60 IN AAAA ::ffff:192.0.2.9",
      "two.test. 60 IN MX 5 mail.two.test.",
      "two.test. 60 IN MX 0 .",
      'two.test. 60 IN TXT "more" "than one"',
      "two.test. 60 IN NS ns.two.test.",
      "two.test. 60 IN TYPE4711 \\# 3 abcdef",
    );
    const types = ["A", "AAAA", "MX", "TXT", "NS", "TYPE4711"];
    for (const type of types) await compare(at, [`two.test ${type}`]);
    const none = await run(
      `${client} --host ${at[0]} --port ${at[1]} no.two.test`,
    );
    assert.match(none.stderr, /^NXDOMAIN for no.two.test, says \S+\n$/);
    assert.is(none.exitCode, 1);
  },
  "unbound",
  "dig",
);

check("udp/dns-client.ts tells what it does not take", async () => {
  const longest = `${"a".repeat(63)}.`.repeat(3) + "a".repeat(48);
  const { port } = await serve("udp/dns-server.ts");
  const outcomes: [string, RegExp, number][] = [
    ["a..test", /^a..test is no name /, 2],
    [".test", /^.test is no name /, 2],
    ["ä.test", /^ä.test is no name /, 2],
    ["'a b.test'", / is no name /, 2],
    ["'a\\032b.test'", / is no name /, 2],
    [`${"a".repeat(64)}.test`, / is no name /, 2],
    [`${longest}.example.test`, /^NXDOMAIN for /, 1],
    [`${longest}a.example.test`, / is no name /, 2],
    ["example.test TYPE65536", /^there is no type TYPE65536: /, 2],
    ["example.test SRV", /^there is no type SRV: /, 2],
    ["example.test TYPE33", / has no TYPE33 of example.test\n$/, 0],
    [". NS", /^REFUSED for ., says /, 1],
    ["example.test A more", /^too many words: /, 2],
  ];
  for (const [words, line, status] of outcomes) {
    const result = await run(`${client} --port ${port} ${words}`);
    assert.is(result.stdout, "", words);
    assert.match(result.stderr, line);
    assert.match(result.stderr, /^[^\n]+\n$/);
    assert.is(result.exitCode, status, words);
  }
});

check("udp/dns-client.ts takes an error without the question", async () => {
  /** A server that answers with the header of an error, and with no more. */
  const bare = async (...counts: number[]) => {
    const socket = await udp();
    socket.on("message", (query, { port }) => {
      const head = [query.readUInt16BE(0), 0x8181, ...counts];
      socket.send(message(head), port);
    });
    return `--port ${socket.address().port}`;
  };
  const [host, closed] = await nobody("udp/dns-client.ts");
  const outcomes: [string, RegExp][] = [
    [await bare(0, 0, 0, 0), /^FORMERR for example.test, says /],
    [await bare(1, 0, 0, 0), /^FORMERR for example.test, says /],
    [await bare(1, 0, 0, 1), /^FORMERR for example.test, says /],
    [`--host ${host} --port ${closed}`, /^nothing answers on .*\n$/],
  ];
  for (const [options, line] of outcomes) {
    const result = await run(`${client} ${options}`);
    assert.is(result.stdout, "");
    assert.match(result.stderr, line);
    assert.is(result.exitCode, 1);
  }
});

check("a lost or a doubled datagram costs no answer", async () => {
  const server = await serve("udp/dns-server.ts");
  const faults = "--drop 1,3 --duplicate 2,4";
  const relay = await serve(
    `udp/relay.ts --to 127.0.0.1:${server.port} ${faults}`,
  );
  const result = await run(`${client} --port ${relay.port} example.test A`);
  assert.is(result.text(), "example.test.\t300\tIN\tA\t192.0.2.1\n");
  assert.is(result.exitCode, 0);
});

test.run();
