import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { connect } from "node:net";
import { buffer } from "node:stream/consumers";
import { setTimeout as sleep } from "node:timers/promises";
import { test } from "uvu";
import * as assert from "uvu/assert";
import * as helper from "../helper.ts";

const { exchange, listen, memory, node, run, serve } = helper;
const server = await serve("tcp/echo-server.ts");
const client = `tcp/echo-client.ts --port ${server.port}`;
const slow = helper.start(client);
slow.stdin.write("hello\n");
await slow.line(/^hello$/m);
const typedFirst = performance.now();

test("10 MB of random bytes come back as they were", async () => {
  const bytes = randomBytes(10_000_000);
  const socket = connect(server.port, "127.0.0.1");
  socket.end(bytes);
  assert.ok(bytes.equals(await buffer(socket)));
});

test("a reader that starts late gets every byte, and costs little memory", async () => {
  const piece = randomBytes(65_536);
  const before = memory(server.pid);
  const socket = connect(server.port, "127.0.0.1").pause();
  let written = 0;
  // Nothing leaves any more for 1 s: every buffer on the way is full.
  for (let isStuck = false; !isStuck; written++) {
    assert.ok(written < 2000, "the server reads on");
    const drained = socket.write(piece) ? true : once(socket, "drain");
    isStuck = !(await Promise.race([drained, sleep(1000, false)]));
  }
  assert.ok(memory(server.pid) - before < 30e6);
  socket.end();
  const all = await buffer(socket.resume());
  assert.is(all.length, written * piece.length);
  assert.ok(all.subarray(-piece.length).equals(piece));
});

test("resets do not end the server, which reports them", async () => {
  for (let i = 0; i < 20; i++) {
    const socket = connect(server.port, "127.0.0.1");
    socket.write("hello");
    await once(socket, "data");
    socket.resetAndDestroy();
  }
  await server.line(/^a client: read ECONNRESET$/m);
  assert.is(await exchange(server.port, "hello"), "hello");
});

test("the client sends all lines over one connection", async () => {
  let connections = 0;
  const port = await listen((connection) => {
    connections++;
    connection.pipe(connection);
  });
  const command = `tcp/echo-client.ts --port ${port}`;
  const result = await run(command, "a\r\n\nnaïve ß\nlast");
  const stdout = "a\n\nnaïve ß\nlast\n";
  assert.equal(result, { stdout, stderr: "", status: 0 });
  assert.is(connections, 1);
});

test("a reply in pieces and two replies in one chunk are each one line", async () => {
  const port = await listen(async (connection) => {
    await once(connection, "data");
    for (const byte of Buffer.from("naïve\n")) {
      connection.write(Buffer.of(byte));
      await sleep(5);
    }
    connection.write("second\nthird\n");
  });
  const client = `tcp/echo-client.ts --port ${port}`;
  const { stdout } = await run(client, "a\nb\nc\n");
  assert.is(stdout, "naïve\nsecond\nthird\n");
});

test("empty input ends the client with 0, even if a name has two addresses", async () => {
  const twoAddresses = `${node} --import ./test/two-addresses.js`;
  const options = `--host both --port ${server.port}`;
  const command = `${twoAddresses} tcp/echo-client.ts ${options}`;
  assert.equal(await run(command), { stdout: "", stderr: "", status: 0 });
});

test("the client gives up after 10 seconds without a reply", async () => {
  let begin = 0;
  const port = await listen((connection) => {
    begin = performance.now();
    connection.once("data", () => connection.write("no line feed"));
  });
  const result = await run(`tcp/echo-client.ts --port ${port}`, "hello\nagain");
  const stderr = `127.0.0.1:${port}: no reply in 10 seconds: try again\n`;
  assert.equal(result, { stdout: "", stderr, status: 1 });
  const waited = performance.now() - begin;
  assert.ok(waited > 7000 && waited < 19_000, `${waited} ms`);
});

test("the client waits as long as it takes for the next line", async () => {
  await sleep(Math.max(1, typedFirst + 10_500 - performance.now()));
  slow.stdin.end("again\n");
  assert.is((await slow.ended()).stdout, "hello\nagain\n");
});

test.after(server.stop);
test.run();
