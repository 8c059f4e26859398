import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import * as assert from "uvu/assert";
import { test } from "uvu";
import { ask, needs, sendFromPort0, serve, udp } from "../helper.ts";

const echo = await udp();
echo.on("message", (message, { port }) => echo.send(message, port));
const relay = await serve(`udp/relay.ts --to 0.0.0.0:${echo.address().port}`);

needs("root", "python3")("port 0 ends no relay and no server", async () => {
  const reliable = await serve("udp/reliable-server.ts");
  const client = await udp(relay.port);
  const upstream = once(echo, "message");
  await ask(client, "hello");
  const [, { port }] = await upstream;
  for (const target of [relay.port, port, reliable.port])
    sendFromPort0(target, Buffer.from("request 1 a 1 x").toString("hex"));
  assert.is(await ask(client, "again"), "again");
  assert.is(await ask(reliable.port, "request 1 b 1 x"), "reply 1 b 1 X");
  assert.not.match(relay.printed.stdout, "request");
  await reliable.stop();
});

test("a client is forgotten after a minute of silence, no sooner", async () => {
  const [silent, talking] = [await udp(relay.port), await udp(relay.port)];
  await ask(silent, "1");
  for (const second of [0, 20, 40, 61, 64]) {
    await ask(talking, `talking at ${second} s`);
    if (second < 60) await sleep(21_000);
  }
  await ask(silent, "2");
  const drawn = relay.printed.stdout.match(/client \d+ ── .*"[12t]/g)!;
  const clients = new Set(drawn.map((line) => line.slice(0, 9)));
  assert.is(clients.size, 3);
});

test.after(relay.stop);
test.run();
