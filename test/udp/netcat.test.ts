import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { needs, run, sendFromPort0, serve, udp } from "../helper.ts";

test("each line is a datagram, until 2 seconds of silence", async () => {
  const server = await udp();
  const received: string[] = [];
  server.on("message", async (message, { port }) => {
    received.push(`${message}`);
    if (received.length < 3) return server.send(message, port);
    await sleep(1200);
    server.send("no line end, ", port);
    await sleep(1200);
    server.send(Buffer.of(0xff, 0x00), port);
  });
  const command = `udp/netcat.ts 127.0.0.1 ${server.address().port}`;
  const result = await run(`${command} | od -An -c`, "one\n\nthree");
  assert.equal(received, ["one\n", "\n", "three\n"]);
  assert.is(result.stdout.replaceAll(/\s+/g, ""), "one\\n\\nnolineend,377\\0");
  assert.is(result.stderr, "");
});

const netcat = await serve("udp/netcat.ts --listen --wait 1");

needs("root", "python3")("--listen ignores a source port of 0", async () => {
  const netcat = await serve("udp/netcat.ts --listen");
  sendFromPort0(netcat.port);
  (await udp(netcat.port)).send("hello\n");
  assert.ok(await netcat.line(/^hello$/m));
  await netcat.stop();
});

test("--listen talks to the first sender only", async () => {
  const client = await udp(netcat.port);
  const stranger = await udp(netcat.port);
  const send = (from: typeof client, text: string) =>
    new Promise((sent) => from.send(text, sent));
  process.kill(netcat.pid, "SIGSTOP"); // so it finds all three at once
  await send(client, "first\n");
  await send(stranger, "second\n");
  await send(client, "third\n");
  process.kill(netcat.pid, "SIGCONT");
  await netcat.line(/^third$/m);
  netcat.stdin.end("welcome\n");
  const signal = AbortSignal.timeout(60_000);
  const [reply] = await once(client.ref(), "message", { signal });
  client.unref();
  assert.is(`${reply}`, "welcome\n");
  const { stdout, status } = await netcat.ended();
  assert.equal([stdout, status], ["first\nthird\n", 0]);
});

test("--listen names its peer when a line is too long for it", async () => {
  const netcat = await serve("udp/netcat.ts --listen");
  const client = await udp(netcat.port);
  client.send("hello\n");
  await netcat.line(/^hello$/m);
  netcat.stdin.write("a".repeat(65_507));
  netcat.stdin.write("\n");
  const { stderr, status } = await netcat.ended();
  const problem = `127.0.0.1:${client.address().port}: too long for one datagram`;
  assert.match(stderr, problem);
  assert.is(status, 1);
});

test.run();
