import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { needs, ownAddress, run, sendFromPort0 } from "../helper.ts";
import { serve, udp } from "../helper.ts";

const server = await serve("udp/echo-server.ts");
const client = `udp/echo-client.ts --port ${server.port}`;

for (const size of [0, 1, 1472, 2049, 65_507])
  test(`a datagram of ${size} bytes comes back whole`, async () => {
    const socket = await udp(server.port);
    const bytes = randomBytes(size);
    socket.ref().send(bytes);
    const [reply] = await once(socket, "message");
    socket.unref();
    assert.ok(bytes.equals(reply));
  });

needs("root", "python3")("ports 0 to 1023 get no reply", async () => {
  for (const port of [7, 19, 1023]) {
    const service = await udp(server.port, port, ownAddress);
    service.on("message", () => assert.unreachable(`a reply to port ${port}`));
    service.send("hello");
  }
  sendFromPort0(server.port);
  assert.is((await run(client, "hello")).stdout, "hello\n");
});

test("the client prints what comes back for each line", async () => {
  const result = await run(client, "hello\r\n\nnaïve ß\nlast");
  const stdout = "hello\n\nnaïve ß\nlast\n";
  assert.equal(result, { stdout, stderr: "", status: 0 });
});

test("empty input ends the client with 0", async () => {
  assert.equal(await run(client), { stdout: "", stderr: "", status: 0 });
});

test("the client does not hear strangers, and says when no reply comes", async () => {
  const silent = await udp();
  const stranger = await udp();
  silent.on("message", (_, { port }) => stranger.send("forged", port));
  const { port } = silent.address();
  const result = await run(`udp/echo-client.ts --port ${port}`, "hello\nagain");
  const stderr = `127.0.0.1:${port}: no reply in time: try again\n`;
  assert.equal(result, { stdout: "", stderr, status: 1 });
});

test("the client says at once that nothing listens", async () => {
  const gone = await udp();
  const { port } = gone.address();
  gone.close();
  const result = await run(`udp/echo-client.ts --port ${port}`, "hello\nagain");
  const problem = "nothing listens there: start the server or check the --port";
  const stderr = `127.0.0.1:${port}: ${problem}\n`;
  assert.equal(result, { stdout: "", stderr, status: 1 });
});

test("the client says that a line is too long for a datagram", async () => {
  const result = await run(client, "a".repeat(65_508));
  const stderr = `127.0.0.1:${server.port}: too long for one datagram: send less\n`;
  assert.equal(result, { stdout: "", stderr, status: 1 });
});

test("the server and the client speak IPv6", async () => {
  const { host, port, stop } = await serve("udp/echo-server.ts --host ::1");
  assert.is(host, "::1");
  const command = `udp/echo-client.ts --host ::1 --port ${port}`;
  assert.is((await run(command, "hello")).stdout, "hello\n");
  await stop();
});

test.after(server.stop);
test.run();
