import { once } from "node:events";
import { setTimeout } from "node:timers/promises";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { run, start } from "../scripts/processes.ts";
import { join } from "./chat.ts";
import { check, connect, listen, memory, node, serve, udp } from "./harness.ts";
import { runtimes } from "./runtimes.ts";

check(
  "udp/chat-client.ts says that nobody answers, and does not hang",
  async () => {
    const silent = await udp();
    const mia = start(
      `${node} udp/chat-client.ts --port ${silent.address().port}`,
    );
    const { stderr, exitCode } = await mia.ended;
    assert.match(stderr, /^127.0.0.1:\d+ is silent\n$/);
    assert.is(exitCode, 1);
  },
);

check("tcp/chat-client.ts does not read on when nobody takes it", async () => {
  const port = await listen(() => {});
  const client = start(`${node} tcp/chat-client.ts --port ${port}`);
  client.stdin.on("error", () => {}); // it is ended while it is written to
  const before = memory(client);
  let written = 0;
  // Once nothing moves any more, every buffer on the way is full.
  const write = () =>
    client.stdin.write(`${"x".repeat(999)}\n`.repeat(1_000), () => {
      written += 1e6;
      if (written < 200e6) write();
    });
  write();
  for (let last = -1; last !== written;) {
    last = written;
    await setTimeout(1_000);
  }
  assert.ok(written < 200e6, `${written} bytes have found room on the way`);
  const grown = memory(client) - before;
  assert.ok(grown < 100e6, `the client has grown by ${grown} bytes`);
  await client.stop("SIGKILL");
});

check("over UDP, who is silent for 15 s is gone, on both sides", async () => {
  const own = await serve("udp/chat-server.ts");
  const ned = start(`${node} udp/chat-client.ts --port ${own.port} --name ned`);
  await ned.line(/^\* here: ned$/);
  const begin = performance.now(); // raw says nothing more once it has joined
  const raw = await join("udp", own.port, "raw", false);
  // The client makes itself heard, and so it stays.
  await ned.line(/^\* raw left$/);
  assert.ok(performance.now() - begin > 14_000);
  await setTimeout(5_000);
  assert.not.ok(own.lines.includes("* ned left"));
  // A server that is stopped and not ended is only silent.
  process.kill(-own.pid, "SIGSTOP");
  const { stderr, exitCode } = await ned.ended;
  assert.is(stderr, `127.0.0.1:${own.port} is silent\n`);
  assert.is(exitCode, 1);
  assert.is(raw.lines.at(-1), "* here: ned, raw");
});

check("200 members over TCP hear all 50 messages of each other", async () => {
  const server = await serve("tcp/chat-server.ts");
  const members = [];
  for (let i = 0; i < 200; i++)
    members.push(await join("tcp", server.port, `m${i}`));
  for (const { hears } of members) await hears(/ m199/);
  for (const { lines } of members) lines.length = 0;
  for (let n = 1; n <= 50; n++) for (const { say } of members) say(`${n}`);
  for (const [me, { lines, socket }] of members.entries()) {
    while (lines.length < 199 * 50) await once(socket, "data");
    const next = new Map<string, number>();
    for (const line of lines) {
      const [, name = "", n] = /^(m\d+): (\d+)$/.exec(line) ?? [];
      assert.is(Number(n), (next.get(name) ?? 0) + 1, line);
      next.set(name, Number(n));
    }
    assert.is(next.size, 199);
    assert.not.ok(next.has(`m${me}`));
  }
});

check("2,000 idle members do not keep two waiting", async () => {
  const { port } = await serve("tcp/chat-server.ts");
  for (let i = 0; i < 2_000; i++) {
    const idle = await connect(port);
    idle.resume().write(`idle${i}\n`);
    await once(idle, "data");
  }
  const ada = await join("tcp", port, "ada");
  const bob = await join("tcp", port, "bob");
  const times: number[] = [];
  for (let i = 0; i < 100; i++) {
    const begin = performance.now();
    ada.say(`${i}`);
    await bob.hears(`ada: ${i}`);
    times.push(performance.now() - begin);
  }
  const [least, median, most] = [0, 50, 99].map((i) =>
    times.sort((a, b) => a - b)[i]!.toFixed(1),
  );
  console.log(`a message among 2,002: ${least}, ${median}, ${most} ms`);
  assert.is(times.length, 100);
});

for (const transport of ["udp", "tcp"] as const)
  check(
    `${transport}/chat-client.ts keeps its rows under every runtime`,
    async () => {
      const server = await serve(`${transport}/chat-server.ts`);
      const { port } = server;
      const tmux = `tmux -L chat-${process.pid}-${transport} -f /dev/null`;
      for (const [i, { start }] of runtimes.entries()) {
        const name = `m${i}x`;
        const client = start(`${transport}/chat-client.ts`);
        const command = `${client} --port ${port} --name ${name}`;
        await run(`${tmux} new-session -d -x 20 -y 12 "${command}"`);
        /** Waits for what the screen should show; in the end, it must. */
        const shows = async (...lines: string[]) => {
          let screen = "";
          for (let i = 0; i < 500 && screen !== lines.join("\n"); i++)
            screen = (await run(`${tmux} capture-pane -p`)).stdout.trimEnd();
          assert.is(screen, lines.join("\n"), client);
        };
        const joined = [`* ${name} joined`, `* here: ${name}`];
        await shows(...joined, `${name}:`);
        await run(`${tmux} send-keys -l "one two three four five six"`);
        await shows(...joined, `${name}: one two three f`, "our five six");
        const lea = await join(transport, port, "lea");
        lea.say("look");
        lea.say("/quit");
        await shows(
          ...[...joined, "* lea joined", "lea: look", "* lea left"],
          ...[`${name}: one two three f`, "our five six"],
        );
        await run(`${tmux} kill-server`);
        await server.line(RegExp(`^\\* ${name} left$`));
      }
    },
    "tmux",
  );

test.run();
