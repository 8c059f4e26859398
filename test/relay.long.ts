import { setTimeout } from "node:timers/promises";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { ask, check, serve, udp } from "./harness.ts";

check("udp/relay.ts forgets a client after a minute of silence", async () => {
  const server = await udp();
  server.on("message", (message, { port }) => server.send(message, port));
  const relay = await serve(
    `udp/relay.ts --to 127.0.0.1:${server.address().port}`,
  );
  const client = await udp(relay.port);
  for (const [seconds, id] of [
    [0, 1],
    [55, 1],
    [61, 2],
  ]) {
    await setTimeout(seconds! * 1000);
    assert.is(`${await ask(client, "hello")}`, "hello");
    assert.match(relay.lines.at(-1)!, RegExp(` client ${id} ◀`));
  }
});

test.run();
