import { createSocket } from "node:dgram";
import { once } from "node:events";
import { createServer, type AddressInfo } from "node:net";
import { setTimeout } from "node:timers/promises";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { check, connect, type Server, serve, udp } from "./harness.ts";

/** Waits until a relay draws nothing for a second. */
async function rest({ lines }: Server) {
  for (let last = -1; last !== lines.length;) {
    last = lines.length;
    await setTimeout(1000);
  }
}

check("udp/relay.ts to itself comes to rest, and goes on", async () => {
  const free = createSocket("udp4").bind(0, "127.0.0.1");
  await once(free, "listening");
  const { port } = free.address();
  free.close();
  const relay = await serve(
    `udp/relay.ts --port ${port} --to localhost:${port} --duplicate 1,10,100`,
  );
  const clients = await Promise.all(
    Array.from({ length: 20 }, () => udp(port)),
  );
  for (const client of clients) client.send("round");
  await relay.line(/^1000 clients /);
  await rest(relay);
  const { length } = relay.lines;
  clients[0]!.send("another round");
  await relay.line(/another round/);
  await rest(relay);
  assert.ok(relay.lines.length < length + 3_000, `${relay.lines.length} lines`);
});

check("tcp/relay.ts to itself comes to rest", async () => {
  const free = createServer().listen(0, "127.0.0.1");
  await once(free, "listening");
  const { port } = free.address() as AddressInfo;
  free.close();
  const relay = await serve(
    `tcp/relay.ts --port ${port} --to localhost:${port}`,
  );
  const client = await connect(port);
  client.on("error", () => {}).resume();
  await once(client, "close");
  await rest(relay);
  assert.match(relay.lines.join("\n"), /client 1 .*close/);
});

test.run();
