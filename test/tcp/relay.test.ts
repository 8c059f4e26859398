import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import * as assert from "uvu/assert";
import { test } from "uvu";
import { exchange, listen, memory, serve } from "../helper.ts";

let server!: Socket; // the newest connection of the echo server
const echo = await listen((connection) => {
  server = connection;
  connection.on("error", () => {}).pipe(connection);
});
const relay = (to: number, options = "") =>
  serve(`tcp/relay.ts --to localhost:${to} ${options}`);
const plain = await relay(echo);
const hanging = await relay(echo, "--hang 5");
const resetting = await relay(echo, "--reset 12 --delay 200");
const lonely = await relay(1);

/** Connects; an "error" event is no failure of the test. */
const open = (port: number) => connect(port, "127.0.0.1").on("error", () => {});

/** The code of the error that closes a connection. */
const failure = (connection: Socket) =>
  new Promise<string>((closed) => {
    connection.on("error", (error) => closed(`${error}`));
    connection.on("close", () => closed("no error"));
  });

test("each direction ends by itself, and is drawn", async () => {
  const reply = await exchange(plain.port, "\x1b[2J\u202ehello, everybody");
  assert.is(reply, "\x1b[2J\u202ehello, everybody");
  await plain.line(/◀.* FIN/);
  const [, first = "", ...lines] = plain.printed.stdout.trim().split("\n");
  assert.is(first, "   0.000 s  client 1 ── connect ────────▶ server");
  assert.equal(lines.map((line) => line.slice(12)).sort(), [
    "client 1 ── FIN ────────────▶ server",
    'client 1 ── data ───────────▶ server  23 bytes "·[2J·hello, every"',
    'client 1 ◀─────────── data ── server  23 bytes "·[2J·hello, every"',
    "client 1 ◀──────────── FIN ── server",
  ]);
});

for (const resets of [true, false])
  test(`a reset passes to the ${resets ? "server" : "client"}`, async () => {
    const client = open(plain.port);
    client.write("hello");
    await once(client, "data");
    const [from, to] = resets ? [client, server] : [server, client];
    const failed = failure(to);
    from.resetAndDestroy();
    assert.match(await failed, "ECONNRESET");
    await plain.line(resets ? /─ ECONNRESET ─+▶/ : /◀─+ ECONNRESET ─/);
  });

for (const up of [true, false])
  test(`a slow ${up ? "server" : "client"} slows the other end`, async () => {
    const before = memory(plain.pid);
    const client = open(plain.port);
    client.write("hello");
    await once(client, "data");
    const ends: [Socket, Socket] = [server.unpipe(), client.pause()];
    const [reader, writer] = up ? ends : ends.reverse();
    let written = 0;
    const all = (async () => {
      for (; written < 40e6; written += 50_000)
        await new Promise((done) => writer!.write(Buffer.alloc(50_000), done));
      writer!.end();
    })();
    for (let last = -1; last !== written; await sleep(500)) last = written;
    assert.ok(written < 40e6, "everything has found room on the way");
    const grown = memory(plain.pid) - before;
    assert.ok(grown < 25e6, `the relay has grown by ${grown} bytes`);
    let read = 0;
    reader!.resume().on("data", ({ length }) => void (read += length));
    await Promise.all([all, once(reader!, "end")]);
    assert.is(read, written);
    reader!.end();
  });

let sizes: number[] = [];
const collecting = await listen((connection) => {
  let total = 0;
  connection.on("data", ({ length }) => {
    sizes.push(length);
    total += length;
    if (total % 30 === 0) connection.write("ok");
  });
  connection.on("error", () => {});
  connection.on("end", () => connection.end(`${total} bytes`));
});
const cutting = await relay(collecting, "--chunk 3 --delay 5");

test("--chunk and --delay pass small pieces, one after the other", async () => {
  const client = open(cutting.port);
  const begin = performance.now();
  let good = 0;
  for (let round = 0; round < 50 && good < 4; round++) {
    sizes = [];
    client.write("x".repeat(30));
    await once(client, "data");
    if (sizes.length === 10) good++; // on a busy machine two may arrive as one
  }
  assert.is(good, 4);
  assert.ok(performance.now() - begin > 150); // 4 rounds of 10 pieces
  client.destroy();
});

test("a FIN waits until all pieces before it are passed", async () => {
  assert.is(await exchange(cutting.port, "hello world"), "11 bytes");
});

test("a client may reset what it has already ended", async () => {
  const client = open(cutting.port);
  client.end("x".repeat(90)); // answered after each 30 bytes
  await once(client, "data");
  client.resetAndDestroy();
  await cutting.line(/client 3 ── E[A-Z]+ ─+▶ server/);
  await exchange(cutting.port, "hello"); // and the relay goes on
  assert.not.match(cutting.printed.stdout, /client 3 ── E[^]*client 3 ──/);
});

test("--reset resets both ends after so many bytes", async () => {
  const client = open(resetting.port);
  client.resume().write("hello world");
  await resetting.line(/client 1 ◀─+ data ── server  1 bytes "h"/);
  const ends = await Promise.all([failure(client), failure(server)]);
  assert.match(ends.join(), /ECONNRESET.*ECONNRESET/);
  await resetting.line(/client 1 ✗─+ RST ── server/);
});

test("--hang passes no more data, and draws a FIN that it holds", async () => {
  const client = open(hanging.port);
  const data = once(client, "data");
  client.write("hel");
  assert.is(`${(await data)[0]}`, "he");
  await hanging.line(/client 1 ✗─+ hang ── server/);
  const next = [once(client, "data"), once(client, "end")];
  server.write("more");
  client.end("lo");
  await hanging.line(/client 1 ── FIN ─+… server/);
  assert.is(await Promise.race([...next, sleep(200)]), undefined);
  client.destroy();
});

test("clients are reset when no server is there", async () => {
  for (const id of [1, 2]) {
    assert.match(await failure(open(lonely.port).resume()), "ECONNRESET");
    await lonely.line(RegExp(`client ${id} ◀─+ ECONNREFUSED ── server`));
  }
});

let back = 0; // the relay's own port
const mirror = await listen((connection) => {
  connection.on("error", () => {});
  connection.pipe(open(back)).pipe(connection);
});
const full = await relay(mirror);

test("two relays that connect to each other stop at 1000 clients", async () => {
  back = full.port;
  const client = open(back);
  await full.line(/^no room for one more client$/m);
  client.destroy();
  assert.not.match(full.printed.stdout, /client 1001/);
});

test.after(async () => {
  const all = [plain, cutting, resetting, hanging, lonely, full];
  await Promise.all(all.map(({ stop }) => stop()));
});
test.run();
