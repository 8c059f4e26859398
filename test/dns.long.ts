import { spawn } from "node:child_process";
import { once } from "node:events";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { type Program, root, run } from "../scripts/processes.ts";
import { ask, check, memory, node, serve, udp } from "./harness.ts";
import { numbers, spoiled } from "./fuzz.ts";

const apex = Buffer.from("\x07example\x04test\0\0\x01\0\x01", "latin1");
const head = Buffer.from([0, 7, 1, 0, 0, 1, 0, 0, 0, 0, 0, 1]);
const opt = Buffer.from([0, 0, 41, 4, 208, 0, 0, 0, 0, 0, 0]);
const query = Buffer.concat([head, apex, opt]);

check("udp/dns-server.ts outlives 100,000 broken queries", async () => {
  const server = await serve("udp/dns-server.ts");
  const client = await udp(server.port);
  const codes = new Map<number, number>();
  let replies = 0;
  client.on("message", (reply) => {
    replies++;
    // Each is a reply, and never longer than what a client without EDNS takes.
    assert.ok(reply[2]! & 0x80 && reply.length <= 1232);
    const code = reply[3]! & 15;
    codes.set(code, (codes.get(code) ?? 0) + 1);
  });
  const send = (bytes: Buffer) =>
    new Promise((sent) => client.send(bytes, sent));
  const known = Buffer.from(query);
  known.writeUInt16BE(0xabcd);
  const answered = () =>
    new Promise<void>((resolve) => {
      client.on("message", function look(reply) {
        if (reply.readUInt16BE(0) !== 0xabcd) return;
        client.off("message", look);
        resolve();
      });
      client.send(known);
    });
  const random = numbers(1);
  let before = 0;
  for (let i = 0; i < 100_000; i++) {
    await send(spoiled(query, random));
    // All before it are answered, or never will be, once this is.
    if (i % 50 === 0) await answered();
    if (i === 20_000) before = memory(server);
  }
  assert.ok(replies > 50_000, `${replies} replies`);
  // NOERROR, FORMERR, NXDOMAIN, NOTIMP and REFUSED have all been seen.
  for (const code of [0, 1, 3, 4, 5]) assert.ok(codes.get(code), `${code}`);
  const grown = memory(server) - before;
  assert.ok(grown < 20e6, `the server has grown by ${grown} bytes`);
  // Each query is told in a line, in which nothing steers a terminal.
  const told = /^127.0.0.1 asks (\?|[!-~]*\. [A-Z\d]+): [A-Z]+$/;
  const others = server.lines.slice(1).filter((line) => !told.test(line));
  assert.equal(others, []);
});

check("udp/dns-server.ts goes on when nobody reads its lines", async () => {
  const words = [...node.split(" "), "udp/dns-server.ts", "--port", "0"];
  const [command = "", ...options] = words;
  const server = spawn(command, options, {
    cwd: root,
    detached: true,
    stdio: ["ignore", "pipe", "inherit"],
  });
  try {
    const [line] = await once(server.stdout!, "data");
    server.stdout!.pause();
    const client = await udp(Number(/:(\d+)\n/.exec(`${line}`)![1]));
    const labels = `\x3f${"a".repeat(63)}`.repeat(3);
    const long = Buffer.concat([
      Buffer.from([0, 7, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0]),
      Buffer.from(`${labels}\0\0\x01\0\x01`),
    ]);
    for (let i = 0; i < 5000; i++) await ask(client, long);
    const before = memory({ pid: server.pid } as Program);
    for (let i = 0; i < 50_000; i++) await ask(client, long);
    const grown = memory({ pid: server.pid } as Program) - before;
    assert.ok(grown < 15e6, `the server has grown by ${grown} bytes`);
  } finally {
    server.kill("SIGKILL");
  }
});

check("udp/dns-client.ts outlives 150 broken replies", async () => {
  const server = await serve("udp/dns-server.ts");
  const real = await udp(server.port);
  const fake = await udp();
  const random = numbers(2);
  fake.on("message", async (asked, { port }) => {
    const reply = once(real, "message");
    real.send(asked);
    const bytes = spoiled((await reply)[0], random);
    // The identifier and the question are right, or it would not be read.
    asked.copy(bytes, 0, 0, 2);
    if (bytes.length > 30) asked.copy(bytes, 12, 12, 30);
    fake.send(bytes, port);
  });
  const { port } = fake.address();
  for (let i = 0; i < 150; i++) {
    const result = await run(
      `${node} udp/dns-client.ts --port ${port} example.test MX`,
    );
    // Whatever it prints, it is no stack trace, and nothing for a terminal.
    assert.not.match(result.text(), /^ +at |[^\n\t -~]/m);
    assert.ok(result.exitCode === 0 || result.exitCode === 1, result.text());
    assert.match(result.stderr, /^([^\n]+\n)?$/);
  }
});

test.run();
