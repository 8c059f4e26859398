import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { listen, memory, needs, run, serve } from "../helper.ts";

const rooms: Socket[] = [];
const port = await listen((room) => room.write(`${rooms.push(room)} in\n`));
const server = await serve(`tcp/websocket-server.ts --to 127.0.0.1:${port}`);
const line = `${"x".repeat(59_999)}\n`;
const message = Buffer.from(`\x81\xfe\xea\x60\0\0\0\0${line}`, "latin1");
test("an end that does not read slows down the other end", async () => {
  const browser = connect(server.port, "127.0.0.1");
  browser.write(`GET / HTTP/1.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r
Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${"x".repeat(24)}\r\n\r\n`);
  await once(browser, "data");
  while (rooms.length === 0) await sleep(10);
  const room = rooms[0]!.on("error", () => {});
  for (const from of [browser, room]) {
    const to = from === room ? browser : room;
    to.pause();
    for (let i = 0; i < 500; i++) from.write(from === room ? line : message);
    await sleep(3000); // what could take all 30 MB has time for it
    assert.ok(from.writableLength > 0);
    to.resume();
    await once(from, "drain");
  }
  const pings = Buffer.alloc(120e6, "\x89\xfd\0\0\0\0".padEnd(131), "latin1");
  browser.pause().write(pings);
  await once(browser, "drain");
  assert.ok(memory(server.pid) < 250e6); // no pongs pile up
  browser.destroy();
});
needs("chromium")("Chromium shows what the chat says", async () => {
  const { stdout } = await run(`chromium --headless --no-sandbox --dump-dom \
--virtual-time-budget=5000 http://127.0.0.1:${server.port}`);
  assert.match(stdout, /<form .*>2 in\n/s);
});
test.after(server.stop);
test.run();
