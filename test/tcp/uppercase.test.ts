import { once } from "node:events";
import { connect } from "node:net";
import { text as read } from "node:stream/consumers";
import { setTimeout as sleep } from "node:timers/promises";
import { test } from "uvu";
import * as assert from "uvu/assert";
import * as helper from "../helper.ts";

const { exchange, listen, memory, node, run, serve } = helper;
const server = await serve("tcp/server.ts");

for (const text of ["hello", "", "ß", "naïve ΐ 😀", "é".repeat(1_000_000)])
  test(`"${text.slice(0, 20)}" comes back in capitals`, async () => {
    assert.ok((await exchange(server.port, text)) === text.toUpperCase());
  });

test("characters that arrive byte by byte stay whole", async () => {
  const bytes = Array.from(Buffer.from("naïve ΐ 😀"), (b) => Buffer.of(b));
  assert.is(await exchange(server.port, ...bytes), "naïve ΐ 😀".toUpperCase());
});

test("the reply comes before the client ends its half", async () => {
  const socket = connect(server.port, "127.0.0.1");
  for (const text of ["hello", "again"]) {
    socket.write(text);
    assert.is(`${(await once(socket, "data"))[0]}`, text.toUpperCase());
  }
  socket.destroy();
});

test("300 clients at a time each get their own reply", async () => {
  const replies = Array.from({ length: 300 }, (_, i) =>
    exchange(server.port, `client ${i}`),
  );
  for (const [i, reply] of (await Promise.all(replies)).entries())
    assert.is(reply, `CLIENT ${i}`);
});

test("a reader that starts late gets every byte, and costs little memory", async () => {
  const piece = "0123456789abcdef".repeat(4096);
  const before = memory(server.pid);
  const socket = connect(server.port, "127.0.0.1").pause();
  let written = 0;
  // Nothing leaves any more for 1 s: every buffer on the way is full.
  while (written < 2000) {
    const drained =
      socket.write(piece) || once(socket, "drain").then(() => true);
    written++;
    if (!(await Promise.race([drained, sleep(1000, false)]))) break;
  }
  assert.ok(written < 2000, "the server reads on");
  assert.ok(memory(server.pid) - before < 30e6);
  socket.end();
  const all = await read(socket.resume());
  assert.ok(all === piece.toUpperCase().repeat(written));
});

test("each sentence has its connection, and its reply may drip in after the FIN", async () => {
  const port = await listen(async (connection) => {
    let sentence = "";
    connection.on("data", (chunk) => (sentence += chunk));
    await once(connection, "end");
    for (const byte of Buffer.from(`${sentence}: ΐ`)) {
      connection.write(Buffer.of(byte));
      await sleep(5);
    }
    connection.end();
  });
  const client = `tcp/client.ts --port ${port}`;
  const result = await run(client, "hello\r\n\nnaïve ß\nlast");
  const stdout = "hello: ΐ\n: ΐ\nnaïve ß: ΐ\nlast: ΐ\n";
  assert.equal(result, { stdout, stderr: "", status: 0 });
});

test("the client finds the second address of a name", async () => {
  const twoAddresses = "--import ./test/two-addresses.js";
  const command = `${node} ${twoAddresses} tcp/client.ts --host both`;
  const result = await run(`${command} --port ${server.port}`, "hello");
  assert.equal(result, { stdout: "HELLO\n", stderr: "", status: 0 });
});

test("the client says that the server cut the connection", async () => {
  const port = await listen((connection) => {
    connection.once("data", () => connection.resetAndDestroy());
  });
  const result = await run(`tcp/client.ts --port ${port}`, "hello\nagain");
  assert.match(result.stderr, /^127.0.0.1:\d+: connection closed before .*\n$/);
  assert.is(`${result.stdout}${result.status}`, "1");
});

test("the client gives up after 10 seconds, though bytes drip in", async () => {
  let begin = 0;
  const port = await listen((connection) => {
    begin = performance.now();
    const drip = setInterval(() => connection.write("x"), 1000);
    connection.on("close", () => clearInterval(drip)).on("error", () => {});
  });
  const result = await run(`tcp/client.ts --port ${port}`, "hello\nagain");
  const stderr = `127.0.0.1:${port}: no reply in time: try again\n`;
  assert.equal(result, { stdout: "", stderr, status: 1 });
  const waited = performance.now() - begin;
  assert.ok(waited > 7000 && waited < 19_000, `${waited} ms`);
});

test.after(server.stop);
test.run();
