import { createSocket } from "node:dgram";
import { once } from "node:events";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { readyLine, run, start } from "../scripts/processes.ts";
import { check, node } from "./harness.ts";

const pairs = [
  "udp/chat-server.ts udp/chat-client.ts",
  "udp/server.ts udp/client.ts",
  "udp/dns-server.ts udp/dns-client.ts",
  "udp/echo-server.ts udp/echo-client.ts",
  "udp/server.ts udp/relay.ts udp/client.ts",
  "udp/reliable-server.ts udp/relay.ts udp/reliable-client.ts",
  "udp/reliable-server.ts udp/relay.ts udp/reliable-client.ts",
  "udp/walkthrough.ts",
  "tcp/chat-server.ts tcp/chat-client.ts",
  "tcp/server.ts tcp/client.ts",
  "tcp/echo-server.ts tcp/echo-client.ts",
  "tcp/http-server.ts tcp/http-client.ts",
  "tcp/server.ts tcp/relay.ts tcp/client.ts",
  "tcp/smtp-server.ts tcp/smtp-client.ts",
  "tcp/walkthrough.ts",
];

// How many pictures begin with something from the client; one #1 is dropped.
for (const [transport, arrows] of Object.entries({ udp: 6, tcp: 13 }))
  check(`npm run demo shows every pair over ${transport}`, async () => {
    const own = pairs.filter((pair) => pair.startsWith(transport));
    const { stdout, exitCode } = await run(
      `npm run --silent demo ${transport}/`,
      "",
      280_000,
    );
    for (const file of own.flatMap((pair) => pair.split(" ")))
      assert.match(stdout, RegExp(`^${file}( ada)? +\\$ .*tsx ${file}`, "m"));
    assert.match(stdout, RegExp(`^${transport}/client.ts +HELLO$`, "m"));
    // Between each pair, its relay draws what passes.
    const drawn = stdout.match(/^ +\d+\.\d{3} s  client 1 ── (#1|data) ─+▶/gm);
    assert.is(drawn?.length, arrows);
    if (transport === "udp") {
      assert.match(stdout, / client 1 ── #1 ─+✗ /);
      assert.match(stdout, /^udp\/relay.ts +and \d+ lines more$/m);
    }
    const all = `${own.length} of ${own.length} as their headers say`;
    assert.match(stdout, RegExp(`\n${all}, \\d+\\.\\d s\n$`));
    assert.not.match(stdout, /\x1b/);
    assert.is(exitCode, 0);
  });

check("npm run demo lists the pairs, with -- or without", async () => {
  for (const list of ["-- --list", "--list"]) {
    const { stdout } = await run(`npm run --silent demo ${list}`);
    assert.is(stdout, `${pairs.join("\n")}\n`);
  }
});

check("the demo takes no other words", async () => {
  for (const words of ["quic", "--lost"]) {
    const result = await run(`${node} scripts/demo.ts ${words}`);
    assert.is(result.stdout, "");
    assert.match(result.stderr, /^.*(quic|--lost).*\n$/);
    assert.is(result.exitCode, 2);
  }
});

check(
  "the demo has colours on a terminal, but for NO_COLOR",
  async () => {
    const demo = `${node} scripts/demo.ts udp/walkthrough`;
    // Node shows no colours where CI is set.
    const terminal = `env -u CI TERM=xterm python3 test/terminal.py "${demo}"`;
    const coloured = await run(terminal);
    assert.match(coloured.stdout, /\x1b\[\d+mudp\/walkthrough.ts/);
    const plain = await run(`NO_COLOR=1 ${terminal}`);
    assert.match(plain.stdout, /^udp\/walkthrough.ts +server: socket\r$/m);
    assert.not.match(plain.stdout, /\x1b/);
  },
  "python3",
);

check("Ctrl-C ends npm run demo and all that it has started", async () => {
  const demo = start("npm run --silent demo udp/server");
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
