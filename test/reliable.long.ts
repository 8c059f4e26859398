import { test } from "uvu";
import * as assert from "uvu/assert";
import { run } from "../scripts/processes.ts";
import { check, node, serve } from "./harness.ts";

const lines = Array.from({ length: 1_000 }, (_, i) => `line ${i + 1}`);
check("10,000 lines through ten relays, each is done once", async () => {
  const queue = Array(10).keys();
  const worker = async () => {
    for (const seed of queue) await survive(seed);
  };
  await Promise.all([worker(), worker(), worker(), worker(), worker()]);
});

/** 1,000 lines through a relay that loses, doubles and delays datagrams. */
async function survive(seed: number) {
  const server = await serve("udp/reliable-server.ts");
  // One of 7 is doubled; one of 41 comes up to 20 ms late.
  const numbers = Array.from({ length: 6_000 }, (_, n) => n + seed);
  const doubled = numbers.filter((n) => n % 7 === 0);
  const late = numbers.filter((n) => n % 41 === 0);
  const relay = await serve(
    `udp/relay.ts --to 127.0.0.1:${server.port} --loss 0.3 --seed ${seed} ` +
      `--duplicate ${doubled} --delay ${late.map((n) => `${n}:${n % 20}`)}`,
  );
  const result = await run(
    `${node} udp/reliable-client.ts --port ${relay.port} --tries 60`,
    lines.join("\n"),
    600_000,
  );
  assert.is(result.stderr, "");
  assert.ok(result.stdout === `${lines.join("\n")}\n`.toUpperCase());
  // The server has done each of them once, and in order.
  await server.line(/^1000 /);
  const done = lines.map((line, i) => `${i + 1} ${line}`);
  assert.ok(server.lines.slice(1).join("\n") === done.join("\n"));
  const lost = relay.lines.filter((line) => line.includes("✗")).length;
  const share = lost / Number(/#(\d+)/.exec(relay.lines.at(-1)!)![1]);
  assert.ok(Math.abs(share - 0.3) < 0.04, `${share} of the datagrams are lost`);
}

check("a relay that loses all ends the client by its own", async () => {
  const server = await serve("udp/reliable-server.ts");
  const relay = await serve(
    `udp/relay.ts --to 127.0.0.1:${server.port} --loss 1`,
  );
  const client = `${node} udp/reliable-client.ts --port ${relay.port}`;
  const result = await run(client, lines.join("\n"), 600_000);
  assert.is(result.stdout, "");
  assert.match(result.stderr, /^no reply from \S+ in 20 tries: .+\n$/);
  assert.is(result.exitCode, 1);
  assert.is(server.lines.length, 1);
});

test.run();
