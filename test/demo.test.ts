import { createSocket } from "node:dgram";
import { once } from "node:events";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { examples, isNamed } from "../scripts/examples.ts";
import { readyLine, run, start } from "../scripts/processes.ts";
import { check, node } from "./harness.ts";

const pairs = [
  "udp/walkthrough.ts",
  "tcp/walkthrough.ts",
  "udp/server.ts udp/client.ts",
  "tcp/server.ts tcp/client.ts",
  "udp/echo-server.ts udp/echo-client.ts",
  "tcp/echo-server.ts tcp/echo-client.ts",
  "udp/echo-server.ts udp/relay.ts udp/ping.ts",
  "tcp/echo-server.ts tcp/ping.ts",
  "udp/server.ts udp/relay.ts udp/client.ts",
  "tcp/server.ts tcp/relay.ts tcp/client.ts",
  "udp/reliable-server.ts udp/relay.ts udp/reliable-client.ts",
  "udp/reliable-server.ts udp/relay.ts udp/reliable-client.ts",
  "udp/chat-server.ts udp/chat-client.ts",
  "tcp/chat-server.ts tcp/chat-client.ts",
  "udp/server.ts udp/netcat.ts",
  "tcp/netcat.ts",
  "udp/dns-server.ts udp/dns-client.ts",
  "tcp/http-server.ts tcp/http-client.ts",
  "tcp/smtp-server.ts tcp/smtp-client.ts",
];

/** The lines that a pattern matches, in order. */
const order = (text: string, pattern: RegExp) => text.match(pattern) ?? [];

check("npm run demo shows the notes' programs, in their order", async () => {
  const { stdout, stderr, exitCode } = await run("npm run --silent demo");
  assert.is(stderr, "", stdout);
  assert.equal(order(stdout, /^\w+ over (UDP|TCP)(?=: .{10})/gm), [
    "walkthrough over UDP",
    "walkthrough over TCP",
    "uppercase over UDP",
    "uppercase over TCP",
    "echo over UDP",
    "echo over TCP",
    "relay over UDP",
  ]);
  const lines = stdout.split("\n");
  assert.ok(lines.length < 100, `${lines.length} lines`);
  assert.not.match(stdout, /.{81}|--port 0|The relay to|\x1b/);
  assert.match(stdout, / #\d+ ─+✗ /);
  assert.match(stdout, /\n7 of 7 ran as their headers say, \d+\.\d s\n/);
  assert.match(stdout, /-- --all.*demo chat\n$/);
  assert.is(exitCode, 0);

  // The wire comes before what it caused.
  const shape = stdout.replaceAll(/ +\d+\.\d{3} s|─+/g, "");
  assert.match(
    shape,
    /client +\$ echo hello.*\n.*#1.*"hello"\n.*#2.*"HELLO"\nclient +HELLO\n/,
  );
  // The server may answer before the client's FIN is there.
  const tcp = shape.slice(shape.indexOf("uppercase over TCP"));
  assert.match(tcp, /connect.*\n.*data.*"hello"\n(.*FIN.*\n)?.*data.*"HELLO"/);
  assert.ok(/◀[─ ]*FIN.*\n(.*close.*\n)*client +HELLO\n/.test(tcp), tcp);
});

check("a name selects by file, service and transport", async () => {
  const all = await examples();
  const names = { uppercase: 4, "udp/echo": 2, "tcp/server.ts": 1, udp: 14 };
  for (const [name, many] of Object.entries(names)) {
    const named = all.filter((example) => isNamed(example, name));
    assert.is(named.length, many, name);
  }
});

check("npm run demo lists the pairs, and takes no other words", async () => {
  const { stdout } = await run("npm run --silent demo --list");
  assert.is(stdout, `${pairs.join("\n")}\n`);
  const result = await run(`${node} scripts/demo.ts quic`);
  assert.is(result.stdout, "");
  assert.match(result.stderr, /^.*quic.*\n$/);
  assert.is(result.exitCode, 2);
});

check(
  "the demo has colours on a terminal, but for NO_COLOR",
  async () => {
    const demo = `${node} scripts/demo.ts udp/walkthrough`;
    // Node shows no colours where CI is set.
    const terminal = `env -u CI TERM=xterm python3 test/terminal.py "${demo}"`;
    const coloured = await run(terminal);
    assert.match(coloured.stdout, /\x1b\[1mwalkthrough over UDP/);
    const plain = await run(`NO_COLOR=1 ${terminal}`);
    assert.match(plain.stdout, /^walkthrough over UDP: .*\r$/m);
    assert.not.match(plain.stdout, /\x1b/);
  },
  "python3",
);

check("Ctrl-C ends npm run demo and all that it has started", async () => {
  const demo = start("npm run --silent demo udp/uppercase");
  const { port } = (await demo.line(readyLine)).groups!;
  const { exitCode, signal } = await demo.stop("SIGINT");
  assert.ok(exitCode === 130 || signal === "SIGINT");
  // The system takes a moment to end what was killed.
  for (let free = false; !free;) {
    const socket = createSocket("udp4");
    socket.bind(Number(port), "127.0.0.1");
    free = await once(socket, "listening").then(
      () => true,
      () => false,
    );
    socket.close();
  }
});

test.run();
