import { createSocket } from "node:dgram";
import { once } from "node:events";
import { createServer, type AddressInfo } from "node:net";
import { setTimeout } from "node:timers/promises";
import { test } from "uvu";
import * as assert from "uvu/assert";
import {
  ask,
  check,
  connect,
  exchange,
  type Server,
  serve,
  udp,
} from "./harness.ts";
import { refuses } from "./relay.ts";

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
  await relay.line(/^no room for /);
  await rest(relay);
  const { length } = relay.lines;
  clients[0]!.send("another round");
  await relay.line(/another round/);
  await rest(relay);
  assert.ok(relay.lines.length < length + 3_000, `${relay.lines.length} lines`);
  // All are forgotten after 60 seconds, and nothing begins anew.
  const last = relay.lines.length;
  await setTimeout(65_000);
  assert.is(relay.lines.length, last);
  clients[0]!.send("the first of many");
  await relay.line(/client 1001 .*"the first of man…"/);
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

check("udp/relay.ts keeps 1,000 clients, each for 60 seconds", async () => {
  const server = await udp();
  server.on("message", (message, { port }) => server.send(message, port));
  const { port, line } = await serve(
    `udp/relay.ts --to 127.0.0.1:${server.address().port}`,
  );
  const clients = [];
  for (let i = 0; i < 1_001; i++) clients.push(await udp(port));
  const [silent, talking] = clients;
  const late = clients.pop()!;
  for (const client of clients) await ask(client, "hello");
  late.send("one too many");
  await line(RegExp(`^no room for 127.0.0.1:${late.address().port}$`));
  for (let i = 0; i < 6; i++) {
    await setTimeout(10_500);
    await ask(talking!, "here");
  }
  assert.is(`${await ask(late, "now")}`, "now");
  await ask(silent!, "again");
  await ask(talking!, "still here");
  await line(/client 1001 .*"now"/);
  await line(/client 1002 .*"again"/);
  await line(/client 2 .*"still here"/);
});

check("the relays take an address of IPv6 for their target", async () => {
  const upper = await udp(0, "::1");
  upper.on("message", (message, { port }) =>
    upper.send(`${message}`.toUpperCase(), port, "::1"),
  );
  const datagrams = await serve(
    `udp/relay.ts --to [::1]:${upper.address().port}`,
  );
  assert.is(`${await ask(await udp(datagrams.port), "a")}`, "A");

  const server = createServer((connection) => connection.end("B"));
  server.listen(0, "::1").unref();
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const bytes = await serve(`tcp/relay.ts --to [::1]:${port}`);
  assert.is(`${await exchange(bytes.port, [])}`, "B");
});

for (const command of [
  "udp/relay.ts --duplicate 1:2",
  "udp/relay.ts --delay 4",
  "udp/relay.ts --loss 1.5",
  "udp/relay.ts --to a:65536",
  "tcp/relay.ts --to 12000",
  "tcp/relay.ts --to a:0",
])
  check(`${command} is refused`, () => refuses(command));

test.run();
