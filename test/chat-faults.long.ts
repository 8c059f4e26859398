import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import * as net from "node:net";
import * as path from "node:path";
import { setTimeout } from "node:timers/promises";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { run, start } from "../scripts/processes.ts";
import { join, router, tcpMember, udpMember } from "./chat.ts";
import {
  check,
  checkPeers,
  meet,
  connect,
  listen,
  memory,
  node,
  serve,
  temporaryFolder,
  udp,
} from "./harness.ts";

const tcp = await serve("tcp/chat-server.ts");
const datagrams = await serve("udp/chat-server.ts");

check("tcp/chat-server.ts drops who never reads, and nobody else", async () => {
  const sleeper = await connect(tcp.port);
  sleeper.pause().write("sleeper\n");
  const [ada, bob] = [
    await join("tcp", tcp.port, "ada"),
    await join("tcp", tcp.port, "bob"),
  ];
  const before = memory(tcp);
  // Each message is heard before the next one is said, until he is gone.
  let said = 0;
  const gone = bob.hears("* sleeper left").then(() => (said = Infinity));
  for (let i = 0; said !== Infinity; i = ++said) {
    ada.say(`${i} ${"x".repeat(900)}`);
    await bob.hears(RegExp(`^ada: ${i} x`));
    bob.lines.length = 0;
  }
  await gone;
  await tcp.line(/^a member: left 1 MB unread$/);
  const grown = memory(tcp) - before;
  assert.ok(grown < 30e6, `the server has grown by ${grown} bytes`);
  ada.say("still here");
  await bob.hears("ada: still here");
  for (const member of [ada, bob]) member.say("/quit");
});

check("tcp/chat-server.ts drops who asks, and does not read", async () => {
  const before = memory(tcp);
  const rude = await connect(tcp.port);
  rude.pause().write("rude\n");
  rude.on("error", () => {}); // it may be reset
  const gone = new Promise((done) => rude.on("close", done));
  while (!rude.destroyed && memory(tcp) - before < 100e6)
    await new Promise((done) => rude.write("/x\n".repeat(20_000), done));
  await gone;
  await tcp.line(/^\* rude left$/);
  const grown = memory(tcp) - before;
  assert.ok(grown < 100e6, `the server has grown by ${grown} bytes`);
});

check("who has said /quit is gone, though it keeps its half open", async () => {
  const lon = await join("tcp", tcp.port, "lon");
  const mae = await join("tcp", tcp.port, "mae");
  mae.say("/quit");
  await lon.hears("* mae left");
  lon.say("/who");
  await lon.hears("* here: lon");
  const again = await join("tcp", tcp.port, "mae");
  for (const member of [lon, again]) member.say("/quit");
});

check("tcp/chat-client.ts says that it was never let in", async () => {
  const port = await listen((connection) => connection.resume().end());
  const result = await run(`${node} tcp/chat-client.ts --port ${port}`);
  assert.is(result.stderr, `127.0.0.1:${port} has ended the chat\n`);
  assert.is(result.exitCode, 1);
});

check("tcp/chat-server.ts does not keep a line that never ends", async () => {
  const cy = await join("tcp", tcp.port, "cy");
  const dee = await join("tcp", tcp.port, "dee");
  const before = memory(tcp);
  for (let i = 0; i < 1_000; i++)
    await new Promise((done) => cy.socket.write("x".repeat(1e5), done));
  const grown = memory(tcp) - before;
  assert.ok(grown < 50e6, `the server has grown by ${grown} bytes`);
  cy.say("");
  await cy.hears("! a line has at most 1000 characters");
  cy.say("short");
  await dee.hears("cy: short");
  assert.not.ok(dee.lines.some((line) => line.includes("xx")));
  for (const member of [cy, dee]) member.say("/quit");
});

check("tcp/chat-server.ts outlives resets, cuts and random bytes", async () => {
  const flo = await join("tcp", tcp.port, "flo");
  for (let i = 0; i < 20; i++) {
    const guest = await join("tcp", tcp.port, `guest${i}`);
    const closed = new Promise((done) => guest.socket.on("close", done));
    if (i % 2) guest.socket.resetAndDestroy();
    else guest.socket.end("its last line has no end");
    await flo.hears(`* guest${i} left`);
    if (i % 2) continue;
    await flo.hears(`guest${i}: its last line has no end`);
    await closed;
  }
  for (let i = 0; i < 20; i++) {
    const noise = await connect(tcp.port);
    noise.on("error", () => {}); // it is not told how it fares
    noise.end(
      Buffer.concat([
        Buffer.from(i % 2 ? `noise${i}\n` : ""),
        randomBytes(1e5),
      ]),
    );
    noise.resume();
    await once(noise, "close").catch(() => {});
  }
  flo.say("/who");
  await flo.hears("* here: flo");
  assert.not.ok(
    flo.lines.some((line) => /\p{Cc}/u.test(line.replaceAll("\t", ""))),
  );
  flo.say("/quit");
});

check(
  "tcp/chat-server.ts says one thing to who is refused, and ends",
  async () => {
    const rude = await tcpMember(tcp.port);
    const ended = once(rude.socket, "end");
    rude.socket.write("a b\n/who\nhello\n");
    await ended;
    assert.equal(rude.lines, [
      "! a name has 1 to 20 letters or digits; _ . - may follow",
    ]);
    assert.not.ok(tcp.lines.includes("* /who joined"));
  },
);

meet(
  "tcp/chat-server.ts",
  "`nc`",
  "it is a whole client",
  async () => {
    const gil = await join("tcp", tcp.port, "gil");
    const nc = start(`nc -N 127.0.0.1 ${tcp.port}`);
    nc.stdin.write("net\r\n");
    await nc.line(/^\* here: gil, net$/);
    gil.say("hello");
    await nc.line(/^gil: hello$/);
    nc.stdin.write("hi\n");
    await gil.hears("net: hi");
    nc.stdin.end("/quit\n");
    assert.is((await nc.ended).exitCode, 0);
    await gil.hears("* net left");
    gil.say("/quit");
  },
  "nc",
);

meet(
  "udp/chat-server.ts",
  "`nc`",
  "it is a client",
  async () => {
    const hue = await join("udp", datagrams.port, "hue");
    const nc = start(`nc -u 127.0.0.1 ${datagrams.port}`);
    nc.stdin.write("/join net\n");
    const [, word] = await nc.line(/^\? (\S{4})$/);
    nc.stdin.write(`/join net ${word}\n`);
    await nc.line(/^\* here: hue, net$/);
    nc.stdin.write("hello\n");
    await hue.hears("net: hello");
    hue.say("hi");
    await nc.line(/^hue: hi$/);
    nc.stdin.write("/quit\n");
    await nc.line(/^bye$/);
    await hue.hears("* net left");
    hue.say("/quit");
    await nc.stop("SIGTERM");
  },
  "nc",
);

check("no server steers the terminal of the chat clients", async () => {
  const steering = "\x1b[31m\tr\u202ee\u2069d\x07\x7f\u009b";
  const port = await listen((connection) => connection.write(`${steering}\n`));
  const fake = await udp();
  fake.on("message", (_, { port }) => fake.send(`* ${steering}\n`, port));
  for (const [file, to, shown] of [
    ["tcp/chat-client.ts", port, /^\[31m\tred$/],
    ["udp/chat-client.ts", fake.address().port, /^\* \[31m\tred$/],
  ] as const) {
    const client = start(`${node} ${file} --port ${to}`);
    await client.line(shown);
    await client.stop("SIGTERM");
  }
  const refusing = await listen((connection) =>
    connection.write(`! ${steering}\n`),
  );
  const result = await run(`${node} tcp/chat-client.ts --port ${refusing}`);
  assert.is(result.stderr, "! [31m\tred\n");
});

check("tcp/chat-client.ts does not mind how bytes are cut", async () => {
  const port = await listen((connection) => {
    const server = net.connect(tcp.port, "127.0.0.1");
    connection.pipe(server); // and back, byte by byte
    server.on("data", async (chunk) => {
      server.pause();
      for (const byte of chunk)
        await new Promise((done) => connection.write(Buffer.of(byte), done));
      server.resume();
    });
    server.on("end", () => connection.end());
  });
  const ivo = await join("tcp", tcp.port, "ivo");
  const jan = start(`${node} tcp/chat-client.ts --port ${port} --name jan`);
  await jan.line(/^\* here: ivo, jan$/);
  ivo.say("naïve ΐ 😀 ß");
  await jan.line(/^ivo: naïve ΐ 😀 ß$/);
  jan.stdin.end("naïve ΐ 😀 ß");
  await ivo.hears("jan: naïve ΐ 😀 ß");
  assert.is((await jan.ended).exitCode, 0);
  ivo.say("/quit");
});

check("tcp/chat-client.ts says that the connection was cut", async () => {
  const port = await listen((connection) =>
    connection.once("data", () => connection.resetAndDestroy()),
  );
  const result = await run(`${node} tcp/chat-client.ts --port ${port}`);
  assert.match(result.stderr, /^127.0.0.1:\d+ cut the connection .+\n$/);
  assert.is(result.exitCode, 1);
});

check(
  "tcp/chat-client.ts is let in where the first address does not answer",
  async () => {
    const hosts = path.join(temporaryFolder(), "hosts");
    writeFileSync(hosts, "::1 two.test\n127.0.0.1 two.test\n");
    const command = `${node} tcp/chat-client.ts --host two.test --port ${tcp.port} --name two`;
    const { stdout, stderr, exitCode } = await run(
      `unshare --mount sh -c 'mount --bind ${hosts} /etc/hosts && ${command}'`,
    );
    assert.is(stderr, "");
    assert.is(stdout, "* two joined\n* here: two\n");
    assert.is(exitCode, 0);
  },
  "root",
  "unshare",
);

check("a chat server whose output is not read goes on serving", async () => {
  for (const transport of ["udp", "tcp"] as const) {
    const own = await serve(
      `bash -c '${node} ${transport}/chat-server.ts --port 0 > >(head -1; sleep 300)'`,
    );
    const ada = await join(transport, own.port, "ada");
    const before = memory(own);
    for (let i = 0; i < 200; i++) {
      for (let j = 0; j < 200; j++) ada.say("x".repeat(900));
      ada.say("/who");
      await ada.hears(/^\* here: /);
      ada.lines.length = 0;
    }
    const grown = memory(own) - before;
    assert.ok(grown < 30e6, `${transport}: grown by ${grown} bytes`);
  }
});

check(
  "udp/chat-client.ts joins and leaves although datagrams are lost",
  async () => {
    // The request, and then the one with the word.
    const { port } = await router(datagrams.port, { 1: 0, 3: 0 });
    const lou = start(`${node} udp/chat-client.ts --port ${port} --name lou`);
    await lou.line(/^\* here: lou$/);
    lou.stdin.end();
    assert.is((await lou.ended).exitCode, 0);
    assert.is((await lou.ended).stderr, "");
    const joins = datagrams.lines.filter((line) => line === "* lou joined");
    assert.is(joins.length, 1);
    await datagrams.line(/^\* lou left$/);
  },
);

check("udp/chat-client.ts says /quit until it is answered", async () => {
  const fake = await udp();
  let quits = 0;
  fake.on("message", (message, { port }) => {
    const text = `${message}`;
    if (text.startsWith("/join pat")) {
      fake.send(text.includes(" abcd") ? "here" : "? abcd", port);
    } else if (text === "/quit" && ++quits === 3) fake.send("bye", port);
  });
  const { port } = fake.address();
  const pat = await run(
    `${node} udp/chat-client.ts --port ${port} --name pat`,
    "hi\n",
  );
  assert.is(pat.stdout, "");
  assert.is(pat.stderr, "");
  assert.is(pat.exitCode, 0);
  assert.is(quits, 3);
});

check("over UDP, a message is lost or doubled as its datagram is", async () => {
  const ned = await join("udp", datagrams.port, "ned");
  const copies: Record<number, number> = {};
  const { port, sent } = await router(datagrams.port, copies);
  const oda = start(`${node} udp/chat-client.ts --port ${port} --name oda`);
  await oda.line(/^\* here: ned, oda$/);
  // A sign of life may come first: only what is said counts.
  copies[sent.length + 1] = 0;
  copies[sent.length + 2] = 2;
  oda.stdin.end("one\ntwo\nthree");
  assert.is((await oda.ended).exitCode, 0);
  await ned.hears("* oda left");
  const first = sent.indexOf("one") + 1;
  const heard = ["one", "two", "three"].flatMap((text, i) =>
    Array<string>(copies[first + i] ?? 1).fill(`oda: ${text}`),
  );
  assert.equal(ned.lines.slice(-heard.length - 1), [...heard, "* oda left"]);
  ned.say("/quit");
});

check("over UDP, a client whose port changes keeps its name", async () => {
  const sam = await join("udp", datagrams.port, "sam");
  const { port, move } = await router(datagrams.port);
  const tom = start(`${node} udp/chat-client.ts --port ${port} --name tom`);
  await tom.line(/^\* here: sam, tom$/);
  for (const text of ["one", "two"]) {
    await move();
    // It hears again, by itself, and is heard.
    while (!tom.lines.includes(`sam: ${text}`)) {
      sam.say(text);
      await setTimeout(100);
    }
    tom.stdin.write(`${text}\n`);
    await sam.hears(`tom: ${text}`);
  }
  tom.stdin.end();
  assert.is((await tom.ended).exitCode, 0);
  assert.is((await tom.ended).stderr, "");
  await sam.hears("* tom left");
  const told = sam.lines.filter((line) => line.startsWith("* tom"));
  assert.equal(told, ["* tom joined", "* tom left"]);
  // Nobody else takes a name, or moves a member to an address of others.
  const rude = await udpMember(datagrams.port);
  rude.say("/join sam");
  const word = (await rude.hears(/^\? /)).slice(2);
  rude.say(`/join sam ${word} ${word}`);
  await rude.hears(/^! that name is taken/);
  sam.say("/quit");
});

check("over UDP, a late copy of a join does not bring one back", async () => {
  const una = await udpMember(datagrams.port);
  una.say("/join una");
  const word = (await una.hears(/^\? /)).slice(2);
  una.say(`/join una ${word}`);
  await una.hears("* here: una");
  una.say("/quit");
  await una.hears("bye");
  una.lines.length = 0;
  una.say(`/join una ${word}`);
  await una.hears(/^\? /);
  una.say("/quit");
  await una.hears("bye");
  assert.is(una.lines.length, 2);
});

check("udp/chat-client.ts leaves when it is told to end", async () => {
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    const { port } = datagrams;
    const vic = start(`${node} udp/chat-client.ts --port ${port} --name vic`);
    await vic.line(/^\* here: vic$/);
    const left = datagrams.lines.filter((line) => line === "* vic left").length;
    const { stderr, exitCode } = await vic.stop(signal);
    assert.is(stderr, "");
    assert.is(exitCode, 130);
    const who = await join("udp", port, "who");
    assert.is(who.lines.at(-1), "* here: who");
    const now = datagrams.lines.filter((line) => line === "* vic left").length;
    assert.is(now, left + 1);
    who.say("/quit");
    await who.hears("bye");
  }
});

check(
  "udp/chat-server.ts says little to strangers, and forgets them",
  async () => {
    const before = memory(datagrams);
    const ora = await join("udp", datagrams.port, "ora");
    for (let i = 0; i < 100; i++) {
      const stranger = await udpMember(datagrams.port);
      let sent = 0;
      let heard = 0;
      stranger.socket.on("message", (message) => (heard += message.length));
      for (let j = 0; j < 50; j++) {
        const kinds = [
          "/join a",
          `/join ${i} a1b2`,
          "/quit",
          "/who",
          "/here",
          "hello",
          "",
          randomBytes(j * 20),
        ];
        const datagram = Buffer.from(kinds[j % kinds.length]!);
        sent += datagram.length;
        stranger.say(datagram);
      }
      stranger.say("/quit");
      await stranger.hears("bye");
      assert.ok(heard <= sent, `${heard} bytes for ${sent}`);
    }
    const grown = memory(datagrams) - before;
    assert.ok(grown < 30e6, `the server has grown by ${grown} bytes`);
    ora.say("/who");
    await ora.hears("* here: ora");
    assert.not.ok(
      ora.lines.some(
        (line) => /(joined|left)$/.test(line) && !line.includes("ora"),
      ),
    );
    ora.say("/quit");
  },
);

check("udp/chat-server.ts takes 200 members", async () => {
  const own = await serve("udp/chat-server.ts");
  for (let i = 0; i < 200; i++) await join("udp", own.port, `m${i}`);
  const late = await udpMember(own.port);
  late.say("/join late");
  const word = (await late.hears(/^\? /)).slice(2);
  late.say(`/join late ${word}`);
  assert.is(await late.hears(/^!/), "! the chat is full");
});

checkPeers();

test.run();
