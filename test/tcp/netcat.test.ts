import { once } from "node:events";
import { connect } from "node:net";
import { buffer } from "node:stream/consumers";
import { setTimeout as sleep } from "node:timers/promises";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { listen, memory, node, run, serve, start } from "../helper.ts";

test("the end of the input ends one half, and the reply arrives", async () => {
  const port = await listen((connection) => {
    connection.pipe(connection, { end: false });
    connection.on("end", () => connection.end(Buffer.of(0xff, 0)));
  });
  const twoAddresses = `${node} --import ./test/two-addresses.js`;
  const command = `${twoAddresses} tcp/netcat.ts both ${port}`;
  const { stdout } = await run(`${command} | od -An -c`, Buffer.of(0xfe, 10));
  assert.is(stdout.replaceAll(/\s+/g, ""), "376\\n377\\0");
});

test("30 MB pass through two of them, though one half ends first", async () => {
  const server = await serve("tcp/netcat.ts --listen < /dev/null | wc -c");
  const client = `tcp/netcat.ts 127.0.0.1 ${server.port}`;
  const { status } = await run(`head -c 30000000 /dev/zero | ${client}`);
  assert.is(status, 0);
  assert.is((await server.ended()).stdout.trim(), "30000000");
});

test("a peer that does not read slows the input down", async () => {
  const port = await listen(() => {});
  const program = start(`tcp/netcat.ts 127.0.0.1 ${port} < /dev/zero`);
  await sleep(2000); // long enough to take in a gigabyte
  const used = memory(program.pid);
  assert.ok(used > 0 && used < 250e6, `${used} bytes of memory`);
  await program.stop();
});

test("it ends with 1 when the peer closes the connection", async () => {
  const port = await listen(async (connection) => {
    connection.write("before\n");
    await once(connection, "data");
    connection.destroy();
  });
  const program = start(`tcp/netcat.ts 127.0.0.1 ${port}`);
  await program.line(/^before$/m);
  const typing = setInterval(() => program.stdin.write("now\n"), 50).unref();
  const { stdout, stderr, status } = await program.ended();
  clearInterval(typing);
  assert.is(stdout, "before\n");
  assert.match(stderr, /^127\.0\.0\.1:\d+: connection closed before .*\n$/);
  assert.is(status, 1);
});

test("--listen serves one client only", async () => {
  const server = await serve("tcp/netcat.ts --listen");
  const client = connect(server.port, "127.0.0.1");
  client.write("first\n");
  await server.line(/^first$/m);
  const second = connect(server.port, "127.0.0.1");
  const [error] = await once(second, "error");
  assert.is(error.code, "ECONNREFUSED");
  server.stdin.end("reply");
  client.end();
  assert.is(`${await buffer(client)}`, "reply");
  assert.is((await server.ended()).stdout, "first\n");
});

test.run();
