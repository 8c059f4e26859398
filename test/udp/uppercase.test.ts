import { test } from "uvu";
import * as assert from "uvu/assert";
import * as helper from "../helper.ts";

const { ask, needs, run, serve, udp } = helper;
const server = await serve("udp/server.ts");

for (const text of ["hello", "", "ß", "naïve ΐ 😀", "a".repeat(65_507)])
  test(`"${text.slice(0, 20)}" comes back in capitals`, async () => {
    assert.is(await ask(server.port, text), text.toUpperCase());
  });

test("capitals that no longer fit into a datagram are reported", async () => {
  const socket = await udp(server.port);
  socket.send("ΐ".repeat(32_000)); // three times as long in capitals
  const { port } = socket.address();
  await server.line(RegExp(`^no reply: send EMSGSIZE 127.0.0.1:${port}$`, "m"));
  assert.is(await ask(socket, "hello"), "HELLO");
});

test("each of 300 clients gets its own reply", async () => {
  const open = Array.from({ length: 300 }, () => udp(server.port));
  for (const [i, socket] of (await Promise.all(open)).entries())
    assert.is(await ask(socket, `client ${i}`), `CLIENT ${i}`);
});

needs("root", "python3")("ports 0 to 1023 get no reply", async () => {
  for (const port of [7, 19, 1023]) {
    const service = await udp(server.port, port, helper.ownAddress);
    service.on("message", () => assert.unreachable(`a reply to port ${port}`));
    service.send("hello");
    await ask(server.port, "after it");
  }
  helper.sendFromPort0(server.port);
  assert.is(await ask(server.port, "hello"), "HELLO");
});

test("the client sends each line from a port of its own and prints the reply", async () => {
  const fake = await udp();
  const senders = new Set<number>();
  fake.on("message", (message, { port }) => {
    senders.add(port);
    fake.send(`${message}`.toUpperCase(), port);
  });
  const client = `udp/client.ts --port ${fake.address().port}`;
  const result = await run(client, "hello\r\n\nnaïve ß\nlast");
  const stdout = "HELLO\n\nNAÏVE SS\nLAST\n";
  assert.equal(result, { stdout, stderr: "", status: 0 });
  assert.is(senders.size, 4);
});

test("the client waits 2 seconds where nobody answers, then says so", async () => {
  const silent = await udp();
  const { port } = silent.address();
  let begin = 0;
  silent.on("message", () => (begin = performance.now()));
  const result = await run(`udp/client.ts --port ${port}`, "a\nb\n");
  const stderr = `127.0.0.1:${port}: no reply in time: try again\n`;
  assert.equal(result, { stdout: "", stderr, status: 1 });
  const waited = performance.now() - begin;
  assert.ok(waited > 1200 && waited < 15_000, `${waited} ms`);
});

test.after(server.stop);
test.run();
