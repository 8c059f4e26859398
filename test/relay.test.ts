import { once } from "node:events";
import { connect as open, type Socket } from "node:net";
import { setTimeout } from "node:timers/promises";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { run } from "../scripts/processes.ts";
import {
  ask,
  check,
  connect,
  exchange,
  listen,
  memory,
  node,
  nobody,
  serve,
  udp,
} from "./harness.ts";

/** Starts a relay, and gives what it has drawn so far, but for the times. */
async function relay(command: string, port: number, host = "127.0.0.1") {
  const server = await serve(`${command} --to ${host}:${port}`);
  const picture = () =>
    server.lines.slice(1).map((line) => line.replace(/^ *\d+\.\d{3} s  /, ""));
  return { ...server, picture };
}

/** A UDP server that says what it got, and how many times in all. */
async function counting() {
  const server = await udp();
  let count = 0;
  server.on("message", (message, { port }) =>
    server.send(`${++count} ${message}`, port),
  );
  return server.address().port;
}

check("udp/relay.ts draws, drops, doubles and holds datagrams", async () => {
  const { port, picture, line } = await relay(
    "udp/relay.ts --drop 1 --duplicate 3 --delay 4:500",
    await counting(),
  );
  const [client, other] = [await udp(port), await udp(port)];
  client.send("lost");
  assert.is(`${await ask(client, "two")}`, "1 two");
  assert.is(`${(await once(client, "message"))[0]}`, "1 two");
  // The held datagram is overtaken by another one.
  const late = once(client, "message");
  client.send("late\x1b[31m\x9b\n");
  await line(/#4/);
  assert.is(`${await ask(other, "é\\")}`, "2 é\\");
  assert.is(`${(await late)[0]}`, "3 late\x1b[31m\x9b\n");
  assert.equal(picture(), [
    'client 1 ── #1 ───✗           server  4 bytes "lost"',
    'client 1 ── #2 ─────────────▶ server  3 bytes "two"',
    'client 1 ◀───────────── #3 ── server  5 bytes "1 two"',
    'client 1 ◀─── #3 ──           server  5 bytes "1 two"',
    'client 1 ── #4 ───…           server  12 bytes "late·[31m··\\n"',
    'client 2 ── #5 ─────────────▶ server  3 bytes "··\\\\"',
    'client 2 ◀───────────── #6 ── server  5 bytes "2 ··\\\\"',
    'client 1           ── #4 ───▶ server  12 bytes "late·[31m··\\n"',
    'client 1 ◀───────────── #7 ── server  14 bytes "3 late·[31m··\\n"',
  ]);
});

check("udp/relay.ts --loss loses the same datagrams every time", async () => {
  const lost = async (options: string) => {
    const sink = await udp();
    const { port, picture, line } = await relay(
      `udp/relay.ts ${options}`,
      sink.address().port,
    );
    const client = await udp(port);
    // As many at a time as its receive buffer is sure to hold.
    for (let i = 1; i <= 1_000; i++) {
      client.send("hello");
      if (i % 100 === 0) await line(RegExp(` #${i} `));
    }
    return picture()
      .filter((line) => line.includes("✗"))
      .map((line) => /#\d+/.exec(line)![0])
      .join();
  };
  const [seven, again, eight] = await Promise.all(
    ["--seed 7", "--seed 7", "--seed 8"].map((seed) =>
      lost(`--loss 0.3 ${seed}`),
    ),
  );
  assert.is(again, seven);
  assert.is.not(eight, seven);
  for (const { length } of [seven!.split(","), eight!.split(",")])
    assert.ok(length > 200 && length < 400, `${length} of 1,000 are lost`);
});

check("the relays cut what they draw, and --hex shows all of it", async () => {
  const text = `${"😀 ".repeat(30)}end`;
  const hex = Buffer.from(text).toString("hex").match(/../g)!.join(" ");
  const sees = ({ lines }: { lines: string[] }) => {
    const line = lines.findIndex((line) => line.includes("153 bytes"));
    assert.is(lines[line]!.length, 80);
    assert.is(lines[line + 1]!.trim(), hex);
  };
  const datagrams = await relay("udp/relay.ts --hex", await counting());
  await ask(await udp(datagrams.port), text);
  sees(datagrams);
  const echo = await listen((connection) => connection.pipe(connection));
  const bytes = await relay("tcp/relay.ts --hex", echo);
  assert.is(`${await exchange(bytes.port, [text])}`, text);
  sees(bytes);
});

check("bytes that are no text are drawn as dots", async () => {
  const { port, picture } = await relay("udp/relay.ts", await counting());
  await ask(await udp(port), Buffer.from("ff07c3a9416e640a", "hex"));
  assert.match(picture()[0]!, /server  8 bytes "····And\\n"$/);
});

check("udp/relay.ts tells that nobody answers, and goes on", async () => {
  const [host, port] = await nobody("udp/");
  const { line, ...through } = await relay("udp/relay.ts", port, host);
  const client = await udp(through.port);
  client.send("hello");
  await line(RegExp(`^between a client and ${host}:${port}: .*ECONNREFUSED$`));
  client.send("again");
  await line(/"again"/);
});

check("udp/relay.ts tells that a host is unknown, and goes on", async () => {
  const through = await relay("udp/relay.ts", 9, "unknown.invalid");
  (await udp(through.port)).send("hello");
  const told = /^between a client and unknown.invalid:9: .+/;
  await through.line(told);
  (await udp(through.port)).send("again");
  while (through.lines.filter((line) => told.test(line)).length < 2)
    await setTimeout(50);
});

check("udp/relay.ts keeps 1,000 clients, those that last spoke", async () => {
  const { port, line } = await relay("udp/relay.ts", await counting());
  const [first, second] = [await udp(port), await udp(port)];
  await ask(first, "first");
  await ask(second, "second");
  for (let i = 0; i < 998; i++) await ask(await udp(port), "hello");
  await ask(first, "first once more");
  await ask(await udp(port), "one more");
  // The second has been silent longest, so it is as new now.
  await ask(first, "the first");
  await ask(second, "the second");
  await line(/client 1 .*"the first"/);
  await line(/client 1002 .*"the second"/);
});

for (const file of ["udp/relay.ts", "tcp/relay.ts"])
  check(`${file} takes no wrong value`, async () => {
    const wrong = file.startsWith("udp/")
      ? ["--drop a", "--duplicate 1:2", "--delay 4", "--loss 1.5"]
      : ["--chunk 0", "--chunk 1.5", "--reset 0.5", "--delay x"];
    const to = ["12000", "a:0", "a:65536", "127.0.0.1:12001"];
    await Promise.all(
      [...wrong, ...to.map((to) => `--to ${to}`)].map(async (options) => {
        const result = await run(`${node} ${file} ${options}`);
        assert.is(result.stdout, "");
        assert.match(
          result.stderr,
          options.endsWith(":12001")
            ? /^127.0.0.1:12001 is the relay itself: .*\n$/
            : RegExp(`^[^\\n]*${options.split(/[- ]+/)[1]} [^\\n]*\\n$`),
          options,
        );
        assert.is(result.exitCode, 2);
      }),
    );
  });

check("tcp/relay.ts draws each half, and passes its end on", async () => {
  // Its reply comes once the client has ended its half.
  const port = await listen(async (connection) => {
    connection.resume();
    await once(connection, "end");
    connection.end("late reply");
  });
  const { line, picture, ...through } = await relay("tcp/relay.ts", port);
  assert.is(`${await exchange(through.port, ["hello\r\n"])}`, "late reply");
  await line(/ close {16}/);
  await line(/ {16}close/);
  const drawn = picture();
  assert.equal(drawn.slice(0, 5), [
    "client 1 ── connect ────────▶ server",
    'client 1 ── data ───────────▶ server  7 bytes "hello\\r\\n"',
    "client 1 ── FIN ────────────▶ server",
    'client 1 ◀─────────── data ── server  10 bytes "late reply"',
    "client 1 ◀──────────── FIN ── server",
  ]);
  assert.equal(drawn.slice(5).sort(), [
    "client 1                close server",
    "client 1 close                server",
  ]);
});

check("tcp/relay.ts passes a reset on, from either end", async () => {
  const connections: Socket[] = [];
  const port = await listen((connection) => {
    connections.push(connection);
    connection.write("hello");
  });
  const { line, ...through } = await relay("tcp/relay.ts", port);
  for (const id of [1, 2]) {
    const client = open(through.port, "127.0.0.1");
    await once(client, "data");
    const server = connections.at(-1)!;
    const [from, to] = id === 1 ? [client, server] : [server, client];
    from.resetAndDestroy();
    assert.match(`${await once(to, "error")}`, /ECONNRESET/);
    await line(
      RegExp(`client ${id} ${id === 1 ? "── RST ─+▶" : "◀─+ RST ──"}`),
    );
  }
});

check("tcp/relay.ts --chunk and --delay cut a stream", async () => {
  const echo = await listen((connection) => connection.pipe(connection));
  const { port, picture } = await relay(
    "tcp/relay.ts --chunk 3 --delay 5",
    echo,
  );
  const client = await connect(port);
  const begin = performance.now();
  client.end("naïve ΐ 😀 ß".repeat(10));
  const chunks: Buffer[] = await client.toArray();
  assert.is(`${Buffer.concat(chunks)}`, "naïve ΐ 😀 ß".repeat(10));
  // 170 bytes are 57 pieces.
  assert.ok(performance.now() - begin > 57 * 5);
  const sizes = picture().map((line) => / (\d) bytes /.exec(line)?.[1]);
  assert.is(sizes.filter((size) => size === "3").length, 112);

  // So long after the first piece, no second one can have come with it.
  const late = await relay("tcp/relay.ts --chunk 3 --delay 60000", echo);
  const impatient = await connect(late.port);
  impatient.write("hello");
  assert.is(`${(await once(impatient, "data"))[0]}`, "hel");
});

check("tcp/relay.ts --reset resets both ends after so many bytes", async () => {
  let server: Socket | undefined;
  const port = await listen((connection) => {
    server = connection;
    connection.on("data", () => connection.write("0123456789"));
  });
  const through = await relay("tcp/relay.ts --reset 9 --delay 300", port);
  const client = await connect(through.port);
  const got: Buffer[] = [];
  client.on("data", (chunk) => got.push(chunk));
  client.write("hello");
  await once(client, "data");
  const resets = [client, server!].map((end) => once(end, "error"));
  for (const [error] of await Promise.all(resets))
    assert.is(error.message, "read ECONNRESET");
  assert.is(`${Buffer.concat(got)}`, "0123");
  await through.line(/── RST ─+▶/);
  await through.line(/◀─+ RST ──/);
});

check("tcp/relay.ts draws nothing after the end of both", async () => {
  const port = await listen((connection) => {
    connection.once("data", () => connection.resetAndDestroy());
  });
  const through = await relay("tcp/relay.ts --chunk 1 --delay 50", port);
  const client = await connect(through.port);
  client.write("x".repeat(1_000));
  await once(client, "error");
  await through.line(/ close {16}/);
  await through.line(/ {16}close/);
  const { length } = through.picture();
  await setTimeout(300);
  assert.is(through.picture().length, length);
});

check("tcp/relay.ts keeps 40 MB for a sleeping reader away", async () => {
  const piece = Buffer.alloc(65_536, "x");
  let written = 0;
  const port = await listen(async (connection) => {
    while (written < 40e6) {
      await new Promise((done) => connection.write(piece, done));
      written += piece.length;
    }
    connection.end();
  });
  const through = await relay("tcp/relay.ts", port);
  const before = memory(through);
  const client = await connect(through.port);
  // Once nothing moves any more, every buffer on the way is full.
  for (let last = -1; last !== written;) {
    last = written;
    await setTimeout(500);
  }
  assert.ok(written < 40e6, `${written} bytes have found room on the way`);
  const grown = memory(through) - before;
  assert.ok(grown < 20e6, `the relay has grown by ${grown} bytes`);
  let received = 0;
  for await (const chunk of client) received += chunk.length;
  assert.is(received, written);
});

check("tcp/relay.ts tells that nobody answers, and goes on", async () => {
  const [host, port] = await nobody("tcp/");
  const through = await relay("tcp/relay.ts", port, host);
  for (const id of [1, 2]) {
    const client = open(through.port, "127.0.0.1").resume();
    const [error] = await once(client, "error");
    assert.match(error.message, /^(connect|read) ECONNRESET/);
    await through.line(RegExp(`client ${id} ◀─+ ECONNREFUSED ── server`));
  }
});

test.run();
