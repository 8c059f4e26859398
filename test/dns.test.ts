import { cpSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { root, run } from "../scripts/processes.ts";
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
const question = "\x07example\x04test\0\0\x01\0\x01";
const opt = (flags = 0) => [0, 0, 41, 4, 208, 0, 0, flags, 0, 0, 0];

/** Asks with dig: status, flags, and how many answers and authority records. */
async function dig(port: number, words: string) {
  const command = `dig @127.0.0.1 -p ${port} +tries=1 +notcp +ignore ${words}`;
  const { stdout } = await run(command);
  const status = /status: (\w+)/.exec(stdout)?.[1];
  const flags = /flags: qr((?: aa| tc)*)/.exec(stdout)?.[1];
  const counts = /ANSWER: (\d+), AUTHORITY: (\d+)/.exec(stdout);
  assert.is(/; EDNS: /.test(stdout), !/\+noedns\b/.test(words), words);
  return `${status}${flags} ${counts?.[1]} ${counts?.[2]}`;
}

meet(
  "udp/dns-server.ts",
  "`dig`",
  "it is answered",
  async () => {
    // What is asked, and what the header, the answers and the authority say.
    const answers: Record<string, string> = {
      "example.test A": "NOERROR aa 1 0",
      "example.test A +noedns": "NOERROR aa 1 0",
      "EXAMPLE.Test AAAA": "NOERROR aa 1 0",
      "example.test MX +noedns": "NOERROR aa 2 0",
      "example.test NS": "NOERROR aa 1 0",
      "example.test SOA": "NOERROR aa 1 0",
      "example.test TXT": "NOERROR aa 1 0",
      "example.test ANY": "NOERROR aa 1 0",
      "example.test SRV": "NOERROR aa 0 1",
      "mail.example.test A": "NOERROR aa 1 0",
      "mail.example.test TXT": "NOERROR aa 0 1",
      "nothing.example.test A": "NXDOMAIN aa 0 1",
      "nothing.example.test ANY": "NXDOMAIN aa 0 1",
      "ample.test A": "REFUSED 0 0",
      "badexample.test A": "REFUSED 0 0",
      "example.com A": "REFUSED 0 0",
      "test NS": "REFUSED 0 0",
      ". NS": "REFUSED 0 0",
      "example.test CH TXT": "REFUSED 0 0",
      "example.test A +edns=7 +noednsneg": "BADVERS 0 0",
      "example.test A +opcode=2 +noedns": "NOTIMP 0 0",
      "example.test A +opcode=5 +noedns": "NOTIMP 0 0",
      "example.test MX +bufsize=50": "NOERROR aa 2 0",
      "example.test A +subnet=192.0.2.0/24": "NOERROR aa 1 0",
    };
    for (const [words, answer] of Object.entries(answers))
      assert.is(await dig(server.port, words), answer, words);
    // Each is told in a line.
    await server.line(/^127.0.0.1 asks nothing.example.test. A: NXDOMAIN$/);
    await server.line(/^127.0.0.1 asks example.test. TYPE33: NOERROR$/);
  },
  "dig",
);

check(
  "udp/dns-server.ts takes other records, and cuts what is too long",
  async () => {
    const folder = temporaryFolder();
    for (const name of ["shared", "package.json"])
      cpSync(join(root, name), join(folder, name), { recursive: true });
    const source = readFileSync(join(root, "udp/dns-server.ts"), "utf8");
    const row = '  record(ORIGIN, "TXT", writeString("hello")),\n';
    assert.ok(source.includes(row));
    const rows = row.replace("hello", "a".repeat(250)).repeat(2);
    const deep = row.replace("ORIGIN", '"a.b.example.test"');
    const file = join(folder, "udp", "dns-server.ts");
    cpSync(join(root, "udp/dns-server.ts"), file);
    writeFileSync(file, source.replace(row, row + rows + deep));
    const { port } = await serve(`${node} ${file} --port 0`);
    const answers: Record<string, string> = {
      "example.test TXT": "NOERROR aa 3 0",
      "example.test TXT +noedns": "NOERROR aa tc 0 0",
      "example.test TXT +bufsize=100": "NOERROR aa tc 0 0",
      "example.test TXT +bufsize=560": "NOERROR aa tc 0 0",
      "example.test TXT +bufsize=700": "NOERROR aa 3 0",
      "b.example.test TXT": "NOERROR aa 0 1",
      "a.b.example.test TXT": "NOERROR aa 1 0",
    };
    for (const [words, answer] of Object.entries(answers))
      assert.is(await dig(port, words), answer, words);
  },
  "dig",
);

check("udp/dns-server.ts answers no reply, and nothing broken", async () => {
  const socket = await udp(server.port);
  const one = [7, 0x100, 1, 0, 0, 0];
  const two = [7, 0x100, 1, 0, 0, 2];
  const query = message(one, question);
  const header = (reply: Buffer) => reply.subarray(0, 4).toString("hex");
  // A reply, and half a header, get no answer: the next query's comes first.
  const reply = Buffer.from(query);
  reply[2]! |= 0x80;
  for (const datagram of [reply, query.subarray(0, 11), Buffer.alloc(0)])
    socket.send(datagram);
  assert.is(header(await ask(socket, query)), "00078500");

  const long = `\x3f${"a".repeat(63)}`;
  const broken = {
    "no question": message([7, 0x100, 0, 0, 0, 0], question),
    "two questions": message([7, 0x100, 2, 0, 0, 0], question, question),
    "no end of the name": message(one, "\x07example"),
    "a label too long": message(one, `\x40${"a".repeat(64)}${question}`),
    "a name too long": message(one, long.repeat(4) + question),
    "a pointer to itself": message(one, "\xc0\x0c\0\x01\0\x01"),
    "half a type": message(one, question.slice(0, -3)),
    "half an OPT": message(two, question, opt(), opt().slice(0, 7)),
    "an OPT without its data": message(
      [7, 0x100, 1, 0, 0, 1],
      question,
      opt().with(10, 5),
    ),
    "two OPT records": message(two, question, opt(), opt()),
    "more records than there are": message([7, 0x100, 1, 0, 0, 9], question),
  };
  for (const [name, datagram] of Object.entries(broken))
    assert.is(header(await ask(socket, datagram)), "00078101", name);

  // A label with dots in it is another name, and nothing for a terminal.
  for (const name of ["\x0cexample.test\0", "\x0ex.example.test\0"]) {
    const odd = message(one, `${name}\0\x01\0\x01`);
    assert.is(header(await ask(socket, odd)), "00078105");
  }
  const odd = message(one, `\x03\x1b[\x9b${question}`);
  assert.is(header(await ask(socket, odd)), "00078503");
  // The question comes back as it was asked.
  const mixed = message(one, question.replace("example", "eXaMpLe"));
  const echoed = await ask(socket, mixed);
  assert.is(echoed.toString("latin1", 12, 30), mixed.toString("latin1", 12));
  // An OPT record counts behind another one too, with its flag DO.
  const other = [1, 97, 0, 0, 250, 0, 255, 0, 0, 0, 0, 0, 1, 99];
  for (const records of [
    [other, opt(0x80)],
    [opt(0x80), other],
  ]) {
    const signed = await ask(socket, message(two, question, ...records));
    assert.is(signed.readUInt16BE(10), 1);
    assert.equal([...signed.subarray(-11)], opt(0x80));
  }
  await server.line(/^127.0.0.1 asks \?\[\?.example.test. A: NXDOMAIN$/);
  await server.line(/^127.0.0.1 asks \?: FORMERR$/);
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
    compare(server.host, server.port, ["eXample.test MX", "example.test. SOA"]),
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
      "one.test AAAA",
      "one.test TXT",
      "alias.one.test A",
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
    const words = ["MX", "TXT", "NS"].map((t) => `two.test ${t}`);
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
    // Its one label has a dot and a space, and so it is not in the zone.
    "'mail\\.example\\032.test'": [
      /^REFUSED for mail\\.example\\032.test, /,
      1,
    ],
    "mail.example.test MX": [/^\S+ has no MX of mail.example.test\n$/, 0],
    "a..test": [/^a..test is no name: .*\n$/, 2],
    "'a\\256.test'": [/ is no name: .*\n$/, 2],
    [`${"a".repeat(64)}.test`]: [/ is no name: .*\n$/, 2],
    [`${"abcdefg.".repeat(32)}test`]: [/ is no name: .*\n$/, 2],
    "example.test TYPE65536": [/^there is no type TYPE65536: .*\n$/, 2],
    "example.test A more": [/^too many words: .*\n$/, 2],
  };
  await Promise.all(
    Object.entries(outcomes).map(async ([words, [line, status]]) => {
      const result = await run(`${client} --port ${server.port} ${words}`);
      assert.is(result.stdout, "", words);
      assert.match(result.stderr, line);
      assert.is(result.exitCode, status, words);
    }),
  );
});

check("udp/dns-client.ts takes nothing but the reply", async () => {
  const fake = await udp();
  const stranger = await udp();
  fake.on("message", async (query, { port }) => {
    const reply = (address: number, change = (_bytes: Buffer) => {}) => {
      const data = message(
        [query.readUInt16BE(0), 0x8180, 1, 1, 0, 0],
        query.subarray(12, 30).toString("latin1"),
        "\xc0\x0c\0\x01\0\x01\0\0\0\x09\0\x04",
        [192, 0, 2, address],
      );
      change(data);
      return data;
    };
    const send = (datagram: Buffer, from = fake) =>
      new Promise((sent) => from.send(datagram, port, sent));
    await send(reply(1, (data) => data[1]!++)); // another identifier
    await send(reply(2, (data) => data[13]!++)); // another name
    await send(reply(3, (data) => (data[27] = 28))); // another type
    await send(
      reply(4, (data) => {
        data[3]! += 3; // NXDOMAIN
        data[13]!++; // for another name
      }),
    );
    await send(reply(5, (data) => (data[2]! |= 0x28))); // another operation
    await send(reply(6, (data) => (data[2]! &= 0x7f))); // a query
    await send(reply(7).subarray(0, 11));
    await send(reply(8).subarray(0, 20)); // no error, and half a question
    await send(reply(9), stranger);
    await send(reply(99));
    await send(reply(10)); // once more, and late
  });
  const { port } = fake.address();
  const result = await run(`${client} --port ${port} example.test`);
  assert.is(result.text(), "example.test.\t\t9\tIN\tA\t192.0.2.99\n");
});

check(
  "udp/dns-client.ts asks three times, and an error may be bare",
  async () => {
    const silent = await udp();
    const queries: string[] = [];
    silent.on("message", (query) => queries.push(query.toString("hex")));
    // One question, it says, and ends: such is the error of some servers. Another
    // sends the question back in other case.
    const bare = await udp();
    bare.on("message", (query, { port }) =>
      bare.send(message([query.readUInt16BE(0), 0x8181, 1, 0, 0, 0]), port),
    );
    const capitals = await udp();
    capitals.on("message", (query, { port }) => {
      const asked = query.toString("latin1", 12, 30).toUpperCase();
      const head = [query.readUInt16BE(0), 0x8185, 1, 0, 0, 0];
      capitals.send(message(head, asked), port);
    });
    const [host, closed] = await nobody("udp/dns-client.ts");
    const outcomes: [string, RegExp][] = [
      [
        `--port ${silent.address().port}`,
        /^no reply from 127.0.0.1:\d+ to 3 queries: try again\n$/,
      ],
      [`--port ${bare.address().port}`, /^FORMERR for example.test, says /],
      [`--port ${capitals.address().port}`, /^REFUSED for example.test, says /],
      [`--host ${host} --port ${closed}`, /^nothing answers on .*\n$/],
    ];
    await Promise.all(
      outcomes.map(async ([options, line]) => {
        const result = await run(`${client} ${options}`);
        assert.is(result.stdout, "");
        assert.match(result.stderr, line);
        assert.is(result.exitCode, 1);
      }),
    );
    assert.is(queries.length, 3);
    assert.is(new Set(queries).size, 1);
  },
);

check("a lost or a doubled datagram costs no answer", async () => {
  const faults = "--drop 1,3 --duplicate 2,4";
  const relay = await serve(
    `udp/relay.ts --to 127.0.0.1:${server.port} ${faults}`,
  );
  const result = await run(`${client} --port ${relay.port} example.test A`);
  assert.is(result.text(), "example.test.\t\t300\tIN\tA\t192.0.2.1\n");
  assert.is(result.exitCode, 0);
});

checkPeers();

test.run();
