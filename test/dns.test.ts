import { test } from "uvu";
import * as assert from "uvu/assert";
import { run } from "../scripts/processes.ts";
import {
  client,
  compare,
  dig,
  dnsmasq,
  message,
  question,
  unbound,
} from "./dns.ts";
import { ask, check, checkPeers, meet, serve, udp } from "./harness.ts";

const server = await serve("udp/dns-server.ts");
const opt = (flags = 0) => [0, 0, 41, 4, 208, 0, 0, flags, 0, 0, 0];

meet(
  "udp/dns-server.ts",
  "`dig`",
  "it is answered",
  async () => {
    // What is asked, and what the header, the answers and the authority say.
    const answers: Record<string, string> = {
      "example.test A": "NOERROR aa 1 0 edns",
      "example.test A +noedns": "NOERROR aa 1 0",
      "EXAMPLE.Test AAAA": "NOERROR aa 1 0 edns",
      "example.test MX +noedns": "NOERROR aa 2 0",
      "example.test NS": "NOERROR aa 1 0 edns",
      "example.test SOA": "NOERROR aa 1 0 edns",
      "example.test TXT": "NOERROR aa 1 0 edns",
      "example.test ANY": "NOERROR aa 1 0 edns",
      "example.test SRV": "NOERROR aa 0 1 edns",
      "mail.example.test A": "NOERROR aa 1 0 edns",
      "mail.example.test TXT": "NOERROR aa 0 1 edns",
      "nothing.example.test A": "NXDOMAIN aa 0 1 edns",
      "nothing.example.test ANY": "NXDOMAIN aa 0 1 edns",
      "ample.test A": "REFUSED 0 0 edns",
      "badexample.test A": "REFUSED 0 0 edns",
      "example.com A": "REFUSED 0 0 edns",
      "test NS": "REFUSED 0 0 edns",
      ". NS": "REFUSED 0 0 edns",
      "example.test CH TXT": "REFUSED 0 0 edns",
      "example.test A +edns=7 +noednsneg": "BADVERS 0 0 edns",
      "example.test A +opcode=2 +noedns": "NOTIMP 0 0",
      "example.test A +opcode=5 +noedns": "NOTIMP 0 0",
      "example.test MX +bufsize=50": "NOERROR aa 2 0 edns",
      "example.test A +subnet=192.0.2.0/24": "NOERROR aa 1 0 edns",
    };
    const replies = await dig(server.port, Object.keys(answers));
    assert.equal(replies, Object.values(answers));
    // Each is told in a line.
    await server.line(/^127.0.0.1 asks nothing.example.test. A: NXDOMAIN$/);
    await server.line(/^127.0.0.1 asks example.test. TYPE33: NOERROR$/);
    await server.line(/^127.0.0.1 asks example.test. A: BADVERS$/);
    await server.line(/^127.0.0.1 asks . NS: REFUSED$/);
  },
  "dig",
);

meet(
  "udp/dns-server.ts",
  "`dnsmasq`",
  "it asks, and passes the answer on",
  async () => {
    const to = `--server=/example.test/127.0.0.1#${server.port}`;
    const [host, port] = await dnsmasq(to);
    const through = `dig @${host} -p ${port} +short`;
    const { stdout } = await run(`${through} example.test MX`);
    assert.is(stdout, "10 mail.example.test.\n20 mail2.example.test.\n");
    const none = await run(`dig @${host} -p ${port} no.example.test`);
    assert.match(none.stdout, "status: NXDOMAIN");
  },
  "dnsmasq",
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
    "a name one byte too long": message(
      one,
      `${long.repeat(3)}\x3e${"a".repeat(62)}\0\0\x01\0\x01`,
    ),
    "a name of 30,000 labels": message(one, "\x01a".repeat(30_000)),
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
  // The longest name there can be, and another operation without a question.
  const longest = `${long.repeat(3)}\x30${"a".repeat(48)}${question}`;
  assert.is(header(await ask(socket, message(one, longest))), "00078503");
  const status = message([7, 0x1100, 0, 0, 0, 0]);
  assert.is(header(await ask(socket, status)), "00079104");
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
  "udp/dns-server.ts outlives a datagram of no port",
  async () => {
    const query = message([1, 0x100, 1, 0, 0, 0], question);
    const { stdout } = await run(
      `python3 test/forge.py 0 ${server.port} ${query.toString("hex")}`,
    );
    assert.is(stdout, "0 replies\n");
    await ask(await udp(server.port), query);
  },
  "python3",
  "root",
);

meet(
  "udp/dns-client.ts",
  "`dnsmasq`",
  "it prints what dig does",
  async () => {
    const mx = "--mx-host=one.test,mail.one.test,30";
    const cname = "--cname=a-longer.one.test,one.test";
    const at = await dnsmasq(mx, cname, "--host-record=one.test,192.0.2.7");
    await compare(at, ["a-longer.one.test MX"]);
  },
  "dnsmasq",
  "dig",
);

meet(
  "udp/dns-client.ts",
  "`unbound`",
  "it prints what dig does",
  async () => {
    const text = "v=spf1 ip4:192.0.2.0/24 -all";
    const record = `two.test. 60 IN TXT "${text}" "more; a=b"`;
    await compare(await unbound(record), ["Two.test. TXT"]);
  },
  "unbound",
  "dig",
);

check("udp/dns-client.ts tells what is no answer", async () => {
  const outcomes: [string, RegExp, number][] = [
    [
      "nothing.example.test",
      /^NXDOMAIN for nothing.example.test, says \S+\n$/,
      1,
    ],
    ["mail.example.test MX", /^\S+ has no MX of mail.example.test\n$/, 0],
    ["'a\\.example.test'", /^a\\.example.test is no name .*: see --help\n$/, 2],
  ];
  await Promise.all(
    outcomes.map(async ([words, line, status]) => {
      const result = await run(`${client} --port ${server.port} ${words}`);
      assert.is(result.stdout, "", words);
      assert.match(result.stderr, line);
      assert.is(result.exitCode, status, words);
    }),
  );
});

check("udp/dns-client.ts asks again, and takes only the reply", async () => {
  const fake = await udp();
  const stranger = await udp();
  const silent = await udp();
  const queries: string[] = [];
  silent.on("message", (query) => queries.push(query.toString("hex")));
  let seen = 0;
  fake.on("message", async (query, { port }) => {
    seen++;
    if (seen === 1) return; // lost, as it seems
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
    await send(reply(3, (data) => (data[27] = 97))); // "A" in another case
    await send(reply(3, (data) => (data[29] = 3))); // another class
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
    await send(reply(99, (data) => (data[13]! -= 32))); // in capitals
    await send(reply(10)); // once more, and late
  });
  const [answered, unheard] = await Promise.all([
    run(`${client} --port ${fake.address().port} example.test TYPE65`),
    run(`${client} --port ${silent.address().port}`),
  ]);
  assert.is(answered.text(), "Example.test.\t9\tIN\tA\t192.0.2.99\n");
  assert.is(answered.exitCode, 0);
  assert.is(seen, 2);
  assert.is(unheard.stdout, "");
  assert.match(unheard.stderr, /^no reply from 127.0.0.1:\d+ in time: .*\n$/);
  assert.is(unheard.exitCode, 1);
  assert.is(queries.length, 3);
  assert.is(new Set(queries).size, 1);
});

checkPeers();

test.run();
