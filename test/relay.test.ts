import { createSocket } from "node:dgram";
import { once } from "node:events";
import { connect as open, type Socket } from "node:net";
import { setTimeout } from "node:timers/promises";
import { test } from "uvu";
import * as assert from "uvu/assert";
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
import { refuses } from "./relay.ts";

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

/** A TCP server that sends back what it gets. */
const echo = () => listen((connection) => connection.pipe(connection));

check("udp/relay.ts draws, drops, doubles and holds datagrams", async () => {
  const { port, picture, line } = await relay(
    "udp/relay.ts --drop 1 --duplicate 3,8 --delay 4:500,7:1",
    await counting(),
  );
  const [client, other] = [await udp(port), await udp(port)];
  client.send("lost");
  assert.is(`${await ask(client, "two")}`, "1 two");
  assert.is(`${(await once(client, "message"))[0]}`, "1 two");
  // The held datagram is overtaken by another one.
  const late = once(client, "message");
  client.send("late\n");
  await line(/#4/);
  assert.is(`${await ask(other, "é\\")}`, "2 é\\");
  assert.is(`${(await late)[0]}`, "3 late\n");
  client.send("twice");
  await line(/"5 twice"/);
  assert.equal(picture(), [
    'client 1 ── #1 ───✗           server  4 bytes "lost"',
    'client 1 ── #2 ─────────────▶ server  3 bytes "two"',
    'client 1 ◀───────────── #3 ── server  5 bytes "1 two"',
    'client 1 ◀───────────── #3 ── server  5 bytes "1 two"',
    'client 1 ── #4 ───…           server  5 bytes "late\\n"',
    'client 2 ── #5 ─────────────▶ server  3 bytes "é\\\\"',
    'client 2 ◀───────────── #6 ── server  5 bytes "2 é\\\\"',
    'client 1 ── #4 ─────────────▶ server  5 bytes "late\\n"',
    'client 1           …─── #7 ── server  7 bytes "3 late\\n"',
    'client 1 ◀───────────── #7 ── server  7 bytes "3 late\\n"',
    'client 1 ── #8 ─────────────▶ server  5 bytes "twice"',
    'client 1 ── #8 ─────────────▶ server  5 bytes "twice"',
    'client 1 ◀───────────── #9 ── server  7 bytes "4 twice"',
    'client 1 ◀──────────── #10 ── server  7 bytes "5 twice"',
  ]);
});

// The first that are lost, in every run.
const losses = {
  "--loss 0.3": "#3,#5,#8,#10,#11,#13",
  "--loss 0.3 --seed 8": "#2,#3,#4,#7,#10,#15",
};
for (const [options, first] of Object.entries(losses))
  check(`udp/relay.ts ${options} loses the same datagrams always`, async () => {
    const sink = await udp();
    const { port, picture, line } = await relay(
      `udp/relay.ts ${options}`,
      sink.address().port,
    );
    const client = await udp(port);
    // As many at a time as its receive buffer is sure to hold.
    for (let i = 1; i <= 500; i++) {
      client.send("hello");
      if (i % 100 === 0) await line(RegExp(` #${i} `));
    }
    const lost = picture()
      .filter((line) => line.includes("✗"))
      .map((line) => /#\d+/.exec(line)![0]);
    assert.is(lost.slice(0, 6).join(), first);
    assert.ok(lost.length > 120 && lost.length < 180, `${lost.length} of 500`);
  });

/** Data, and how a relay shows it. */
const data: [sent: string | Buffer, shown: RegExp][] = [
  ["ΐ 😀\t\r\n", / 10 bytes "ΐ 😀\\t\\r\\n"$/],
  ["sixteen of bytes", / 16 bytes "sixteen of bytes"$/],
  ["seventeen of them", / 17 bytes "seventeen of the…"$/],
  [`123456789012345${"😀".repeat(99)}`, / 411 bytes "123456789012345·…"$/],
  ['"\\', / 2 bytes "\\"\\\\"$/],
  [Buffer.from("ff07c3a9416e640a", "hex"), / 8 bytes "··éAnd\\n"$/],
  ["\x1b[31m", / 5 bytes "·\[31m"$/],
  ["\x9b\x7f", / 3 bytes "··"$/],
  ["\u202eabc\u2066", / 9 bytes "·abc·"$/],
  [Buffer.from("ΐ").subarray(0, 1), / 1 bytes "·"$/],
];

check("the relays show the beginning of data, and nothing unsafe", async () => {
  const sink = await udp();
  const datagrams = await relay("udp/relay.ts", sink.address().port);
  const bytes = await relay("tcp/relay.ts", await listen((c) => c.resume()));
  const client = await udp(datagrams.port);
  for (const [sent, shown] of data) {
    client.send(sent);
    (await connect(bytes.port)).end(sent);
    await Promise.all([datagrams.line(shown), bytes.line(shown)]);
  }
});

check("the relays' --json tells each event with all its data", async () => {
  const datagrams = await relay(
    "udp/relay.ts --json",
    await counting(),
    "localhost",
  );
  const bytes = await relay("tcp/relay.ts --json", await echo(), "localhost");
  const events = ({ lines }: { lines: string[] }) =>
    lines.slice(1).map((line) => {
      const { time, ...event } = JSON.parse(line);
      assert.ok(time > 0 && time < 60, line);
      return event;
    });
  const text = `${"long ".repeat(50)}end`;
  await ask(await udp(datagrams.port), text);
  await ask(await udp(datagrams.port), Buffer.of(0x31, 0xff));
  const hex = (words: string) => Buffer.from(words).toString("hex");
  const up = { client: 1, up: true, number: 1, kind: "passed" };
  assert.equal(events(datagrams).slice(0, 3), [
    { ...up, data: hex(text) },
    { ...up, up: false, number: 2, data: hex(`1 ${text}`) },
    { ...up, client: 2, number: 3, data: "31ff" },
  ]);

  await exchange(bytes.port, [text]);
  await bytes.line(/"up":true,"kind":"close"/);
  const [connected, first, ...rest] = events(bytes);
  const to = { client: 1, up: true };
  assert.equal(connected, { ...to, kind: "connect", data: "" });
  assert.equal(first, { ...to, kind: "data", data: hex(text) });
  assert.equal(
    new Set(rest.map(({ kind }) => kind)),
    new Set(["data", "FIN", "close"]),
  );
});

check("udp/relay.ts tells that nobody answers, and goes on", async () => {
  const [host, port] = await nobody("udp/");
  const { line, ...through } = await relay("udp/relay.ts", port, host);
  const client = await udp(through.port);
  client.send("hello");
  await line(RegExp(`^between a client and ${host}:${port}: .*ECONNREFUSED$`));
  client.send("again");
  await line(/client 1 .*"again"/);
});

check("udp/relay.ts looks a name up again until it is known", async () => {
  // The first three times that it is asked for, nobody knows it.
  const lookup = `import dns from "node:dns";
    const { lookup } = dns;
    let asked = 0;
    dns.lookup = (name, ...rest) => {
      if (name === "late.example")
        name = ++asked > 3 ? "127.0.0.1" : "late.invalid";
      lookup(name, ...rest);
    };`;
  const port = await counting();
  const through = await serve(
    `${node} --import 'data:text/javascript,${encodeURIComponent(lookup)}' ` +
      `udp/relay.ts --port 0 --to late.example:${port}`,
  );
  const client = await udp(through.port);
  const told = () =>
    through.lines.filter((line) =>
      line.startsWith(`between a client and late.example:${port}: `),
    );
  for (let times = 1; times <= 3; times++) {
    client.send("lost");
    while (told().length < times) await setTimeout(20);
  }
  assert.is(`${await ask(client, "hello")}`, "1 hello");
  assert.is(told().length, 3);
});

check("two UDP relays that are each other's target come to rest", async () => {
  const free = createSocket("udp4").bind(0, "127.0.0.1");
  await once(free, "listening");
  const { port } = free.address();
  const one = await relay("udp/relay.ts", port);
  free.close();
  const two = await relay(`udp/relay.ts --port ${port}`, one.port);
  const client = await udp(one.port);
  client.send("round");
  await Promise.race([one, two].map(({ line }) => line(/^no room for /)));
  const length = () => one.lines.length + two.lines.length;
  const before = length();
  await setTimeout(500);
  assert.is(length(), before);
  assert.ok(before < 2_100, `${before} lines`);

  // Now there are 1000 clients, so a new one is refused, and told so.
  const another = await udp(one.port);
  another.send("another");
  const full = /^no room for 127\.0\.0\.1:\d+$/;
  await Promise.race([one, two].map(({ line }) => line(full)));
  // Those that are known still pass.
  client.send("once more");
  await one.line(/client 1 .*"once more"/);
});

check("the relays take no wrong value", async () => {
  const wrong = ["udp/relay.ts --drop a", "tcp/relay.ts --only a"];
  await Promise.all(wrong.map(refuses));
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
  const port = await echo();
  const through = await relay("tcp/relay.ts --chunk 3 --delay 5", port);
  const client = await connect(through.port);
  const begin = performance.now();
  client.end("naïve ΐ 😀 ß".repeat(10));
  const chunks: Buffer[] = await client.toArray();
  assert.is(`${Buffer.concat(chunks)}`, "naïve ΐ 😀 ß".repeat(10));
  // 170 bytes are 57 pieces.
  assert.ok(performance.now() - begin > 57 * 5);
  const sizes = through.picture().map((line) => / (\d) bytes /.exec(line)?.[1]);
  assert.is(sizes.filter((size) => size === "3").length, 112);

  // So long after the first piece, no second one can have come with it.
  const late = await relay("tcp/relay.ts --chunk 3 --delay 60000", port);
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

check("tcp/relay.ts --hang passes no more, and ends nothing", async () => {
  const servers: Socket[] = [];
  const port = await listen((connection) => {
    servers.push(connection);
    connection.resume().write("Hi");
  });
  // Only to the second client: the first and the third pass.
  const { line, picture, ...through } = await relay(
    "tcp/relay.ts --hang 5 --only 2,4",
    port,
  );
  for (const id of [1, 3]) {
    const client = await connect(through.port);
    const [hi] = await once(client, "data");
    assert.is(`${hi}`, "Hi");
    const got = once(servers.at(-1)!, "data");
    const ended = once(servers.at(-1)!, "end");
    client.end("hello");
    assert.is(`${(await got)[0]}`, "hello");
    await ended;
    servers.at(-1)!.end();
    await once(client, "end");
    if (id === 3) break;

    const second = await connect(through.port);
    await once(second, "data");
    const server = servers.at(-1)!;
    const happened: string[] = [];
    for (const end of [second, server])
      for (const event of ["end", "close", "error"])
        end.on(event, () => happened.push(event));
    server.on("data", (chunk) => happened.push(`${chunk}`));
    second.on("data", (chunk) => happened.push(`${chunk}`));
    second.end("hello");
    await line(/client 2 hang {16} server/);
    server.end("reply");
    await setTimeout(200);
    assert.equal(happened, ["hel"]);
    assert.is(picture().filter((l) => /client 2 .*FIN/.test(l)).length, 0);
  }
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
  assert.ok(grown < 30e6, `the relay has grown by ${grown} bytes`);
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

/** A relay whose ready line is read, and nothing that it draws. */
const unread = (file: string, port: number) =>
  serve(
    `${node} ${file} --port 0 --json --to 127.0.0.1:${port} | ` +
      "{ head -1; exec sleep 600; }",
  );

check("udp/relay.ts goes on when nobody reads its picture", async () => {
  const through = await unread("udp/relay.ts", await counting());
  const client = await udp(through.port);
  const datagram = "x".repeat(60_000);
  for (let i = 0; i < 100; i++) await ask(client, datagram);
  const before = memory(through);
  for (let i = 0; i < 1_000; i++) await ask(client, datagram);
  // What it does not draw would be 120 MB.
  const grown = memory(through) - before;
  assert.ok(grown < 70e6, `it has grown by ${grown} bytes`);
});

check("tcp/relay.ts goes on when nobody reads its picture", async () => {
  const through = await unread("tcp/relay.ts", await echo());
  const client = await connect(through.port);
  const piece = Buffer.alloc(20e6, 0xff);
  let got = 0;
  const passed = async () => {
    const expected = got + piece.length;
    client.write(piece);
    while (got < expected) got += (await once(client, "data"))[0].length;
  };
  await passed(); // its picture would be 80 MB, and it keeps 10
  const before = memory(through);
  for (let i = 0; i < 3; i++) await passed();
  const grown = memory(through) - before;
  assert.ok(grown < 70e6, `it has grown by ${grown} bytes`);
});

test.run();
