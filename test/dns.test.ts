import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { run } from "../scripts/processes.ts";
import {
  ask,
  check,
  checkPeers,
  meet,
  node,
  nobody,
  serve,
  temporaryFolder,
  udp,
} from "./harness.ts";

const server = await serve("udp/dns-server.ts");
const dig = `dig @127.0.0.1 -p ${server.port} +tries=1 +notcp`;
const client = `${node} udp/dns-client.ts`;

/** Bytes of a query, or of a reply: a header, and what follows it. */
const message = (header: number[], ...rest: (string | number[])[]) =>
  Buffer.concat([
    Buffer.from(header.flatMap((n) => [n >> 8, n & 255])),
    ...rest.map((part) => Buffer.from(part as string, "latin1")),
  ]);
const apex = "\x07example\x04test\0";
const question = `${apex}\0\x01\0\x01`;
const opt = [0, 0, 41, 4, 208, 0, 0, 0, 0, 0, 0];

meet(
  "udp/dns-server.ts",
  "`dig`",
  "it is answered",
  async () => {
    // What is asked, and what the header, the answers and the authority say.
    const answers: Record<string, string> = {
      "example.test A": "NOERROR aa 1 0",
      "EXAMPLE.Test AAAA": "NOERROR aa 1 0",
      "example.test MX": "NOERROR aa 2 0",
      "mail.example.test A": "NOERROR aa 1 0",
      "example.test SRV": "NOERROR aa 0 1",
      "example.test SOA": "NOERROR aa 1 0",
      "example.test ANY +notcp": "NOERROR aa 6 0",
      "mail.example.test TXT": "NOERROR aa 0 1",
      "nothing.example.test A": "NXDOMAIN aa 0 1",
      "ample.test A": "REFUSED 0 0",
      "example.com A": "REFUSED 0 0",
      "test NS": "REFUSED 0 0",
      ". NS": "REFUSED 0 0",
      "example.test CH TXT": "REFUSED 0 0",
      "example.test A +edns=7 +noednsneg": "BADVERS 0 0",
      "example.test A +opcode=2 +noedns": "NOTIMP 0 0",
      "example.test A +opcode=5 +noedns": "NOTIMP 0 0",
      "long.example.test TXT": "NOERROR aa 2 0",
      "long.example.test TXT +noedns +ignore": "NOERROR aa tc 0 0",
      "long.example.test TXT +bufsize=100 +ignore": "NOERROR aa tc 0 0",
      "example.test MX +bufsize=50 +ignore": "NOERROR aa 2 0",
      "long.example.test TXT +bufsize=560 +ignore": "NOERROR aa tc 0 0",
      "long.example.test TXT +bufsize=700 +ignore": "NOERROR aa 2 0",
      "example.test A +subnet=192.0.2.0/24": "NOERROR aa 1 0",
    };
    await Promise.all(
      Object.entries(answers).map(async ([words, answer]) => {
        const { stdout } = await run(`${dig} ${words}`);
        const status = /status: (\w+)/.exec(stdout)?.[1];
        const flags = /flags: qr((?: aa| tc)*)/.exec(stdout)?.[1];
        const counts = /ANSWER: (\d+), AUTHORITY: (\d+)/.exec(stdout);
        const seen = `${status}${flags} ${counts?.[1]} ${counts?.[2]}`;
        assert.is(seen, answer, words);
        assert.is(/; EDNS: /.test(stdout), !/\+noedns\b/.test(words), words);
      }),
    );
    const { stdout } = await run(`${dig} +short example.test MX`);
    assert.is(stdout, "10 mail.example.test.\n20 mail2.example.test.\n");
  },
  "dig",
);

check("udp/dns-server.ts answers no reply, and nothing broken", async () => {
  const socket = await udp(server.port);
  const query = message([7, 0x100, 1, 0, 0, 0], question);
  const header = (reply: Buffer) =>
    [...reply.subarray(0, 4)].map((byte) => byte.toString(16)).join(" ");
  // A reply, and half a header, get no answer: the next query's comes first.
  const reply = Buffer.from(query);
  reply[2]! |= 0x80;
  for (const bytes of [reply, query.subarray(0, 11), Buffer.alloc(0)])
    socket.send(bytes);
  assert.is(header(await ask(socket, query)), "0 7 85 0");

  const broken = {
    "no question": message([7, 0x100, 0, 0, 0, 0], question),
    "two questions": message([7, 0x100, 2, 0, 0, 0], question, question),
    "no end of the name": message([7, 0x100, 1, 0, 0, 0], "\x07example"),
    "a label too long": message(
      [7, 0x100, 1, 0, 0, 0],
      `\x40${"a".repeat(64)}${question}`,
    ),
    "a name too long": message(
      [7, 0x100, 1, 0, 0, 0],
      `\x3f${"a".repeat(63)}`.repeat(4) + question,
    ),
    "a pointer to itself": message(
      [7, 0x100, 1, 0, 0, 0],
      "\xc0\x0c\0\x01\0\x01",
    ),
    "half a type": message([7, 0x100, 1, 0, 0, 0], question.slice(0, -3)),
    "half an OPT": message([7, 0x100, 1, 0, 0, 1], question, opt.slice(0, 7)),
    "an OPT without its data": message(
      [7, 0x100, 1, 0, 0, 1],
      question,
      opt.with(10, 5),
    ),
  };
  for (const [name, bytes] of Object.entries(broken))
    assert.is(header(await ask(socket, bytes)), "0 7 81 1", name);
  // A label with dots in it is another name.
  for (const name of ["\x0cexample.test\0", "\x0ex.example.test\0"]) {
    const odd = message([7, 0x100, 1, 0, 0, 0], `${name}\0\x01\0\x01`);
    assert.is(header(await ask(socket, odd)), "0 7 81 5");
  }
});

check(
  "udp/dns-server.ts outlives datagrams of no port",
  async () => {
    const query = message([1, 0x100, 1, 0, 0, 0], question);
    const hex = query.toString("hex");
    await run(`python3 test/loop.py 0 ${server.port} ${hex}`);
    await ask(await udp(server.port), query);
    // Two such servers, set on each other, exchange a query and its answer.
    const other = await serve("udp/dns-server.ts");
    const { stdout } = await run(
      `python3 test/loop.py ${other.port} ${server.port} ${hex}`,
    );
    assert.is(stdout, "2\n");
  },
  "python3",
  "root",
);

/** A free port on an address that no other test uses. */
const place = async () => (await nobody("udp/dns-client.ts"))[1];

const dnsmasq =
  "dnsmasq -k --conf-file=/dev/null --no-resolv --no-hosts --log-facility=- " +
  "--pid-file= --user=root --bind-interfaces --listen-address=127.0.0.79";

meet(
  "udp/dns-server.ts",
  "`dnsmasq`",
  "it asks, and passes the answer on",
  async () => {
    const port = await place();
    const to = `--server=/example.test/127.0.0.1#${server.port}`;
    await serve(`${dnsmasq} -p ${port} ${to}`, /started/);
    const through = `dig @127.0.0.79 -p ${port} +short`;
    const { stdout } = await run(`${through} example.test MX`);
    assert.is(stdout, "10 mail.example.test.\n20 mail2.example.test.\n");
    const none = await run(`dig @127.0.0.79 -p ${port} no.example.test`);
    assert.match(none.stdout, "status: NXDOMAIN");
  },
  "dnsmasq",
  "dig",
);

/** Asks a name server with our client and with dig: both print the same. */
async function compare(host: string, port: number, questions: string[]) {
  await Promise.all(
    questions.map(async (words) => {
      const to = `--host ${host} --port ${port}`;
      const ours = await run(`${client} ${to} ${words}`);
      const digs = await run(`dig +noall +answer @${host} -p ${port} ${words}`);
      // dig aligns the columns behind a long name, too.
      const plain = (text: string) => text.replaceAll(/[\t ]+/g, " ");
      assert.is(plain(ours.stdout), plain(digs.stdout), words);
      assert.is(ours.stderr, "");
      assert.is(ours.exitCode, 0);
    }),
  );
}

check(
  "udp/dns-client.ts prints what dig does",
  () =>
    compare(server.host, server.port, [
      "example.test A",
      "eXample.test AAAA",
      "example.test MX",
      "example.test. TXT",
      "long.example.test TXT",
      "mail.example.test A",
    ]),
  "dig",
);

meet(
  "udp/dns-client.ts",
  "`dnsmasq`",
  "it answers",
  async () => {
    const port = await place();
    const zone = [
      "--host-record=one.test,192.0.2.7,2001:db8:0:0:1::7",
      "--host-record=a-name-longer-than-a-tab.one.test,192.0.2.8",
      "--cname=alias.one.test,one.test",
      "--mx-host=one.test,mail.one.test,30",
      `--txt-record=one.test,'a "quoted" \\ text','and ; more'`,
      "--caa-record=one.test,0,issue,ca.test",
      "--ptr-record=7.2.0.192.in-addr.arpa,one.test",
    ];
    await serve(`${dnsmasq} -p ${port} ${zone.join(" ")}`, /started/);
    await compare("127.0.0.79", port, [
      "one.test A",
      "one.test AAAA",
      "one.test MX",
      "one.test TXT",
      "alias.one.test A",
      "alias.one.test CNAME",
      "a-name-longer-than-a-tab.one.test A",
      "7.2.0.192.in-addr.arpa PTR",
    ]);
    // dig knows CAA records, and we show them as RFC 3597 does.
    const known = await run(
      `${client} --host 127.0.0.79 --port ${port} one.test TYPE257`,
    );
    assert.match(known.stdout, /\tTYPE257\t\\# 14 00056973737565[0-9A-F]+\n$/);
  },
  "dnsmasq",
  "dig",
);

meet(
  "udp/dns-client.ts",
  "`unbound`",
  "it answers",
  async () => {
    const folder = temporaryFolder();
    const port = await place();
    const conf = join(folder, "unbound.conf");
    writeFileSync(
      conf,
      `server:
  interface: 127.0.0.79
  port: ${port}
  username: ""
  chroot: ""
  directory: "${folder}"
  pidfile: ""
  logfile: ""
  use-syslog: no
  verbosity: 1
  do-daemonize: no
  local-zone: "two.test." static
  local-data: "two.test. 60 IN A 192.0.2.9"
  local-data: "two.test. 60 IN AAAA 2001:db8::9"
  local-data: "two.test. 60 IN MX 5 mail.two.test."
  local-data: 'two.test. 60 IN TXT "more" "than one"'
  local-data: "two.test. 60 IN NS ns.two.test."
remote-control:
  control-enable: no
`,
    );
    await serve(`unbound -d -c ${conf}`, /start of service/);
    const words = ["A", "AAAA", "MX", "TXT", "NS"].map((t) => `two.test ${t}`);
    await compare("127.0.0.79", port, words);
    const none = await run(
      `${client} --host 127.0.0.79 --port ${port} no.two.test`,
    );
    assert.match(none.stderr, /^NXDOMAIN for no.two.test, says \S+\n$/);
    assert.is(none.exitCode, 1);
  },
  "unbound",
  "dig",
);

check("udp/dns-client.ts tells what is no answer", async () => {
  const outcomes: Record<string, [RegExp, number]> = {
    "nothing.example.test": [
      /^NXDOMAIN for nothing.example.test, says \S+\n$/,
      1,
    ],
    "example.com": [/^REFUSED for example.com, says \S+\n$/, 1],
    "mail.example.test MX": [/^\S+ has no MX of mail.example.test\n$/, 0],
    "a..test": [/^a..test is no name: .*\n$/, 2],
    [`${"a".repeat(64)}.test`]: [/ is no name: .*\n$/, 2],
    [`${"abcdefg.".repeat(32)}test`]: [/ is no name: .*\n$/, 2],
    "example.test FOO": [/^there is no type FOO: .*\n$/, 2],
    "example.test TYPE65536": [/^there is no type TYPE65536: .*\n$/, 2],
    "example.test A more": [/^Unexpected argument 'more': try --help\n$/, 2],
  };
  await Promise.all(
    Object.entries(outcomes).map(async ([words, [line, status]]) => {
      const result = await run(`${client} --port ${server.port} ${words}`);
      assert.is(result.stdout, "");
      assert.match(result.stderr, line);
      assert.is(result.exitCode, status, words);
    }),
  );
});

check("udp/dns-client.ts takes nothing but the reply", async () => {
  const fake = await udp();
  const stranger = await udp();
  fake.on("message", async (query, { port }) => {
    const reply = (change: (bytes: Buffer) => void) => {
      const bytes = message(
        [query.readUInt16BE(0), 0x8180, 1, 1, 0, 0],
        question,
        `\xc0\x0c\0\x01\0\x01\0\0\0\x09\0\x04`,
        [192, 0, 2, 99],
      );
      change(bytes);
      return bytes;
    };
    const send = (bytes: Buffer, from = fake) =>
      new Promise((sent) => from.send(bytes, port, sent));
    await send(reply((bytes) => bytes[1]!++)); // another identifier
    await send(reply((bytes) => bytes[13]!++)); // another question
    await send(
      reply((bytes) => {
        bytes[3]! += 3; // NXDOMAIN
        bytes[13]!++;
      }),
    );
    await send(
      reply((bytes) => {
        bytes[2]! |= 0x28; // another operation
        bytes[44]!++;
      }),
    );
    await send(reply((bytes) => (bytes[2]! &= 0x7f))); // a query
    await send(reply(() => {}).subarray(0, 11));
    await send(
      reply((bytes) => bytes[44]!++),
      stranger,
    );
    await send(reply(() => {}));
    await send(reply((bytes) => bytes[44]!++)); // once more, and late
  });
  const { port } = fake.address();
  const result = await run(`${client} --port ${port} example.test`);
  assert.is(result.text(), "example.test.\t\t9\tIN\tA\t192.0.2.99\n");
});

check("udp/dns-client.ts follows no circle, and reads not beyond", async () => {
  const record = "\0\x01\0\x01\0\0\0\x09\0\x04\x01\x02\x03\x04";
  const answers: Record<string, [string, RegExp]> = {
    circle: [`\xc0\x22${record}`, /malformed/],
    "to and fro": [`\x01a\xc0\x26\x01b\xc0\x22${record}`, /malformed/],
    onward: [`\xc0\x30${record}`, /malformed/],
    "no end": ["\x3fab", /malformed/],
    "cut data": [`\xc0\x0c${record.slice(0, -2)}`, /malformed/],
    "longer data": [`\xc0\x0c${record.replace("\x04", "\x05")}x`, /malformed/],
    "too long": [
      `${`\x3f${"a".repeat(63)}`.repeat(4)}\0${record}`,
      /malformed/,
    ],
    "to the terminal": [
      `\x05\x1b[31m\0\0\x10\0\x01\0\0\0\x09\0\x04\x03\x1b"\x9b`,
      /^\\027\[31m\.\t\t9\tIN\tTXT\t"\\027\\"\\155"\n$/,
    ],
    cut: [`\xc0\x0c${record}`, /^example.test.*\nthe reply is cut: .*\n$/],
  };
  const fake = await udp();
  const names = Object.keys(answers);
  fake.on("message", (query, { port }) => {
    // The type that is asked for says which answer is wanted.
    const name = names[query.readUInt16BE(26) - 1000]!;
    const flags = name === "cut" ? 0x8380 : 0x8180;
    const head = [query.readUInt16BE(0), flags, 1, 1, 0, 0];
    const rest = query.subarray(12, 30).toString("latin1");
    fake.send(message(head, rest, answers[name]![0]), port);
  });
  await Promise.all(
    names.map(async (name, i) => {
      const words = `example.test TYPE${1000 + i}`;
      const { port } = fake.address();
      const result = await run(`${client} --port ${port} ${words}`);
      const [, line] = answers[name]!;
      assert.match(result.stdout + result.stderr, line, name);
      assert.is(result.exitCode, name === "to the terminal" ? 0 : 1, name);
    }),
  );
});

check("udp/dns-client.ts follows no endless chain of pointers", async () => {
  // The data of a first record; each pointer leads to the one before it.
  const data = [0, 0];
  for (let to = 41; to < 16_041; to += 2) data.push(0xc0 | (to >> 8), to & 255);
  const size = [data.length >> 8, data.length & 255];
  const first = [0, 0xff, 0, 0, 1, 0, 0, 0, 0, ...size, ...data];
  const second = [...data.slice(-2), 0, 1, 0, 1, 0, 0, 0, 0, 0, 4, 1, 2, 3, 4];
  const fake = await udp();
  fake.on("message", (query, { port }) => {
    const head = [query.readUInt16BE(0), 0x8180, 1, 2, 0, 0];
    fake.send(message(head, question, first, second), port);
  });
  const result = await run(`${client} --port ${fake.address().port}`);
  assert.is(result.stdout, "");
  assert.is(
    result.stderr,
    `malformed reply from 127.0.0.1:${fake.address().port}\n`,
  );
  assert.is(result.exitCode, 1);
});

check("udp/dns-client.ts asks three times", async () => {
  const fake = await udp();
  const queries: string[] = [];
  fake.on("message", (query) => queries.push(query.toString("hex")));
  const { port } = fake.address();
  const result = await run(`${client} --port ${port} example.test`);
  assert.is(result.stdout, "");
  assert.match(result.stderr, /^no reply from 127.0.0.1:\d+ to 3 tries: .*\n$/);
  assert.is(result.exitCode, 1);
  assert.is(queries.length, 3);
  assert.is(new Set(queries).size, 1);
  const [host, closed] = await nobody("udp/dns-client.ts");
  const refused = await run(`${client} --host ${host} --port ${closed}`);
  assert.match(
    refused.stderr,
    /^nothing answers on .* tsx udp\/dns-server.ts there\n$/,
  );
  assert.is(refused.exitCode, 1);
});

check("a lost or a doubled datagram costs no answer", async () => {
  for (const fault of ["--drop 1", "--drop 2,3", "--duplicate 1,2,3"]) {
    const relay = await serve(
      `udp/relay.ts --to 127.0.0.1:${server.port} ${fault}`,
    );
    const result = await run(`${client} --port ${relay.port} example.test A`);
    assert.is(result.text(), "example.test.\t\t300\tIN\tA\t192.0.2.1\n");
    assert.is(result.exitCode, 0);
  }
});

checkPeers();

test.run();
