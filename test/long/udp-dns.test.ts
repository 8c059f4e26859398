import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { ask, memory, needs, run, sendFromPort0, serve } from "../helper.ts";
import { start, temporaryFolder, udp } from "../helper.ts";

const server = await serve("udp/dns-server.ts");

/** Starts a name server on a free port of 127.0.0.2, which replaces PORT. */
async function peer(command: string, ready: RegExp, conf = "") {
  const socket = await udp();
  const port = `${socket.address().port}`;
  await once(socket.close(), "close");
  const file = join(temporaryFolder(), "conf");
  writeFileSync(file, conf.replace("PORT", port));
  const program = start(`${command.replace("PORT", port)} ${file}`);
  test.after(async () => void (await program.stop()));
  await program.line(ready);
  return port;
}

/** Checks that our client and dig print the same; in a cache, the time runs. */
async function compare(port: string, ...questions: string[]) {
  for (const asked of questions) {
    const at = `--host 127.0.0.2 --port ${port}`;
    const client = await run(`udp/dns-client.ts ${at} ${asked}`);
    const ours = client.stdout.replaceAll(/ \d+ IN /g, " IN ");
    const to = `@127.0.0.2 -p ${port} +noall +answer +nottlid`;
    const { stdout } = await run(`dig ${to} ${asked}`);
    assert.is(ours, stdout.replaceAll(/[\t ]+/g, " "));
    assert.ok(ours);
  }
}

needs("dig")("dig reads the server's records without a complaint", async () => {
  const asked = "A AAAA TXT NS SOA".replaceAll(/\w+/g, "example.test $&");
  const { stdout } = await run(`dig @127.0.0.1 -p ${server.port} ${asked}`);
  const answers = stdout.match(/(?<=^example.test.\t\t300\tIN\t).*$/gm);
  assert.equal(answers, [
    "A\t192.0.2.1",
    "AAAA\t2001:db8::1",
    'TXT\t"hello"',
    "NS\tns.example.test.",
    "SOA\tns.example.test. ada.example.test. 1 7200 900 86400 300",
  ]);
  assert.not.match(stdout, /warning(?!: recursion)|mismatch|malformed/i);
});

needs("unbound", "dig")("unbound asks the server for the client", async () => {
  const conf = `server: interface: 127.0.0.2 port: PORT username: "" chroot: ""
  pidfile: "" use-syslog: no do-not-query-localhost: no rrset-roundrobin: no
  local-zone: "test." nodefault
  local-data: "two.test. TXT 'v=spf1 ip4:192.0.2.0/24 -all' 'more; a=b'"
forward-zone: name: example.test forward-addr: 127.0.0.1@${server.port}`;
  const port = await peer("unbound -d -c", /start of service/, conf);
  await compare(port, "example.test MX", "two.test TXT");
});

needs("dnsmasq", "dig")("dnsmasq asks the server for the client", async () => {
  const plain = "--user= --pid-file= --no-resolv --no-hosts --log-facility=-";
  const at = "--bind-interfaces --listen-address=127.0.0.2 -p PORT";
  const to = `--server=/example.test/127.0.0.1#${server.port}`;
  const zone =
    "--cname=b.test,a.test --host-record=a.test,192.0.2.7,2001:db8::7";
  const command = `dnsmasq -k ${plain} ${at} ${to} ${zone} -C`;
  const port = await peer(command, /started/);
  await compare(port, "example.test MX", "b.test AAAA");
});

needs("root", "python3")(
  "port 0 gets no reply, and harms nothing",
  async () => {
    const query = "0007000000010000000000000000010001"; // for the root
    sendFromPort0(server.port, query);
    await ask(server.port, Buffer.from(query, "hex"));
  },
);

test("random datagrams do not end the server, nor fill its memory", async () => {
  const socket = await udp(server.port);
  const known = Buffer.from("000700000001000000000000", "hex");
  let before = 0;
  for (let i = 0; i < 20_000; i++) {
    const datagram = randomBytes(i % 600);
    if (i % 2) known.copy(datagram); // a header that the server reads on from
    socket.send(datagram);
    if (i % 50 === 0) await ask(server.port, known);
    if (i === 10_000) before = memory(server.pid);
  }
  assert.ok(memory(server.pid) - before < 20e6);
});

test("the client refuses replies that lie", async () => {
  // The flags, and the record that begins at byte 24, after the question.
  const replies: [string, string, RegExp][] = [
    ["8180", "c018 0001 0001 00000009 0004 01020304", /does not lead back$/],
    ["8180", "0161 c018 0001 0001 00000009 0004 01020304", /lead back$/],
    ["8180", "400c 0001 0001 00000009 0004 01020304", /does not lead back$/],
    ["8180", "c00c 0010 0001 00000009 0002 0561 626364", /it is cut$/],
    ["8180", "00".repeat(600), /ask over TCP/],
    ["8380", "c00c 0001 0001 00000009 0004 01020304", /ask over TCP/],
  ];
  const fake = await udp();
  for (const [flags, record, problem] of replies) {
    fake.once("message", (query, client) => {
      const id = query.toString("hex", 0, 2);
      const hex = `${id}${flags}0001000100000000${query.toString("hex", 12)}`;
      const bytes = Buffer.from(hex + record.replaceAll(" ", ""), "hex");
      fake.send(bytes, client.port);
    });
    const to = `--port ${fake.address().port}`;
    const result = await run(`udp/dns-client.ts ${to} a.test`);
    assert.match(result.stderr.trim(), problem);
  }
});

test.after(server.stop);
test.run();
