import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";
import * as assert from "uvu/assert";
import { test } from "uvu";
import { ask, serve, udp } from "../helper.ts";

/** Waits for a socket's next datagram. */
async function receive(socket: Socket) {
  const signal = AbortSignal.timeout(60_000);
  const [data, from] = await once(socket.ref(), "message", { signal });
  socket.unref();
  return { data: `${data}`, port: from.port as number };
}

/** Starts a relay to a socket. */
const relay = (to: Socket, options = "") =>
  serve(`udp/relay.ts --to localhost:${to.address().port} ${options}`);

const counter = await udp(); // counts the datagrams in its replies
let count = 0;
counter.on("message", (message, { port }) => {
  count++;
  counter.send(`${count} ${message}`, port);
});
const faulty = await relay(counter, "--drop 1 --duplicate 3 --delay 4:2000");

test("datagrams are lost, doubled and held on request, and drawn", async () => {
  const client = await udp(faulty.port);
  client.send("lost");
  assert.is(await ask(client, "two"), "1 two");
  assert.is((await receive(client)).data, "1 two");
  client.send("late\n");
  const other = await udp(faulty.port);
  assert.is(await ask(other, "é\\"), "2 é\\");
  await faulty.line(/"3 late·"/);
  assert.match(faulty.printed.stdout, /\n   0\.000 s  client 1 ── #1 /);
  const [, ...lines] = faulty.printed.stdout.trimEnd().split("\n");
  const drawn = lines.map((line) => line.slice(line.indexOf("client")));
  assert.equal(drawn, [
    'client 1 ── #1 ─────────────✗ server  4 bytes "lost"',
    'client 1 ── #2 ─────────────▶ server  3 bytes "two"',
    'client 1 ◀───────────── #3 ── server  5 bytes "1 two"',
    'client 1 ◀───────────── #3 ── server  5 bytes "1 two"',
    'client 2 ── #5 ─────────────▶ server  3 bytes "é\\"',
    'client 2 ◀───────────── #6 ── server  5 bytes "2 é\\"',
    'client 1 ── #4 ─────────────▶ server  5 bytes "late·"',
    'client 1 ◀───────────── #7 ── server  7 bytes "3 late·"',
  ]);
});

const server = await udp();
const plain = await relay(server);
const lossy = await relay(await udp(), "--loss 30");

test("--loss 30 loses 30 of 100, the same ones in every run", async () => {
  const client = await udp(lossy.port);
  for (let i = 1; i <= 400; i++) {
    client.send("hello");
    await lossy.line(RegExp(` #${i} `));
  }
  const lost = lossy.printed.stdout.match(/#\d+(?= ─+✗)/g)!;
  assert.is(lost.slice(0, 8).join(), "#3,#4,#5,#6,#9,#10,#14,#16");
  assert.ok(lost.length > 100 && lost.length < 140, `${lost.length} are lost`);
});

test("a line of 80 columns shows the beginning of data, safely", async () => {
  const client = await udp(plain.port);
  for (const data of ["\x1b[31m\x9b\x7f\u202eabc\u2066", "界".repeat(900)]) {
    client.send(data);
    assert.is((await receive(server)).data, data);
  }
  await plain.line(/ server  17 bytes "·\[31m···abc·"$/m);
  const [line] = await plain.line(/.* server  2700 bytes "界界界界界�"$/m);
  assert.ok(line.length + "界".length * 5 <= 80, line);
});

test("replies come from any port of the server, and later datagrams go there", async () => {
  const [client, transfer] = [await udp(plain.port), await udp()];
  client.send("read");
  const { port: back } = await receive(server);
  if (process.platform === "linux") {
    const stranger = createSocket("udp4").bind(0, "127.0.0.2");
    await once(stranger, "listening");
    await new Promise((sent) => stranger.send("forged", back, sent));
    stranger.close();
  }
  transfer.send("data", back);
  assert.is((await receive(client)).data, "data");
  client.send("acknowledged");
  assert.is((await receive(transfer)).data, "acknowledged");
});

const mirror = await udp(); // sends each datagram back from a new port
const full = await relay(mirror);

test("two relays that send to each other stop at 1000 clients", async () => {
  const ports = new Set<number>();
  mirror.on("message", (message, { port }) => {
    if (ports.has(port)) return;
    ports.add(port);
    createSocket("udp4").unref().send(message, full.port, "127.0.0.1");
  });
  const first = await udp(full.port);
  first.send("round");
  await full.line(/^no room for 127\.0\.0\.1:\d+$/m);
  assert.is(ports.size, 1000);
  first.send("known"); // still passes
  await full.line(/client 1 ── #1001 .* "known"/);
});

test.after(async () => {
  await Promise.all([faulty.stop(), plain.stop(), lossy.stop(), full.stop()]);
});
test.run();
