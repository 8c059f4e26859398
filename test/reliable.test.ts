import { randomBytes, randomUUID } from "node:crypto";
import { setTimeout } from "node:timers/promises";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { run } from "../scripts/processes.ts";
import { ask, check, memory, node, serve, texts, udp } from "./harness.ts";

const server = await serve("udp/reliable-server.ts");

/** A packet as the header of the server tells. */
const packet = (
  session: string,
  number: number,
  line = "",
  type = "request",
  sent: number | string = 1782.4,
) => `${type} ${number} ${session} ${sent} ${line}`;

/** The lines that the server has done up to now. */
async function done() {
  const mark = randomUUID();
  await ask(await udp(server.port), packet(mark, 1, mark));
  await server.line(RegExp(`^1 ${mark}$`));
  return server.lines.slice(1, server.lines.indexOf(`1 ${mark}`));
}

check("the example in udp/reliable-server.ts is real", async () => {
  const { stdout } = await run(`${node} udp/reliable-server.ts --help`);
  const [request, reply] = stdout.match(/(?<=^ +)(request|reply) \d.*$/gm)!;
  assert.is(`${await ask(await udp(server.port), request!)}`, reply);
});

check("udp/reliable-server.ts does each request once", async () => {
  const client = await udp(server.port);
  const session = randomUUID();
  const lines = [...texts, "two  blanks "];
  const before = (await done()).length;
  for (const [i, text] of lines.entries())
    for (let copy = 0; copy < 3; copy++) {
      const reply = await ask(client, packet(session, i + 1, text));
      const expected = packet(session, i + 1, text.toUpperCase(), "reply");
      assert.is(`${reply}`, expected);
    }
  // A request that comes late gets no reply, and neither does one too early.
  client.send(packet(session, lines.length - 1, "late"));
  client.send(packet(session, lines.length + 2, "early"));
  const last = await ask(client, packet(session, lines.length + 1, "last"));
  assert.is(`${last}`, packet(session, lines.length + 1, "LAST", "reply"));
  assert.equal(
    (await done()).slice(before + 1),
    [...lines, "last"].map((line, i) => `${i + 1} ${line}`),
  );
});

check("udp/reliable-server.ts answers requests only", async () => {
  const client = await udp(server.port);
  const [known, unknown] = [randomUUID(), randomUUID()];
  await ask(client, packet(known, 1, "known"));
  const before = (await done()).length;
  const wrong = [
    ...["", "request", "request 1", packet(unknown, 1, "a reply", "reply")],
    ...[packet(unknown, 1, "none", "Request"), packet(unknown, 1, "", "")],
    ...[packet(unknown, 2, "forgotten"), packet(unknown, 0, "before")],
    ...[packet(known, 0, "before"), packet(known, 1.5), packet(known, NaN)],
  ];
  for (const datagram of wrong) client.send(datagram);
  // Whatever these are, no reply comes but the one that is due.
  for (let i = 0; i < 2_000; i++) {
    client.send(randomBytes(i % 200));
    client.send(`request ${randomBytes(i % 20).toString("latin1")}`);
    if (i % 100) continue;
    const reply = await ask(client, packet(known, 2 + i / 100, "next"));
    assert.is(`${reply}`, packet(known, 2 + i / 100, "NEXT", "reply"));
  }
  assert.is((await done()).length, before + 1 + 20);
});

check("udp/reliable-server.ts shows no control characters", async () => {
  const line = "\x1b[31m\tred\x07\x7f\u009b\u202e\u2066";
  await ask(await udp(server.port), packet(randomUUID(), 1, line));
  assert.is((await done()).at(-1), "1 [31m\tred");
});

check("udp/reliable-server.ts keeps 1,000 sessions", async () => {
  const before = (await done()).length;
  const client = await udp(server.port);
  const sessions = Array.from({ length: 1_001 }, () => randomUUID());
  const [first, second] = sessions;
  for (const [i, session] of sessions.entries()) {
    // The first is heard once more, so the second is silent longest.
    if (i === 1_000) await ask(client, packet(first!, 1, "one"));
    await ask(client, packet(session, 1, "one"));
  }
  client.send(packet(second!, 2, "of a forgotten session"));
  await ask(client, packet(first!, 2, "two"));
  assert.equal((await done()).slice(before + 1 + sessions.length), ["2 two"]);
});

check("two of udp/reliable-server.ts cannot answer each other", async () => {
  const client = await udp(server.port);
  const reply = await ask(client, packet(randomUUID(), 1, "hello"));
  const before = (await done()).length;
  // As if the other server had sent it to the address that was forged.
  client.send(reply);
  const next = packet(randomUUID(), 1, "next");
  assert.match(`${await ask(client, next)}`, /^reply 1 .* NEXT$/);
  assert.equal((await done()).slice(before + 1), ["1 next"]);
});

check("udp/reliable-server.ts does no line that it cannot print", async () => {
  const unread = await serve(
    `${node} udp/reliable-server.ts --port 0 | { head -1; exec sleep 600; }`,
  );
  const client = await udp(unread.port);
  const session = randomUUID();
  let answered = 0;
  client.on("message", () => answered++);
  const before = memory(unread);
  for (let i = 1; i <= 1_000; i++) {
    client.send(packet(session, i, "x".repeat(60_000)));
    const limit = performance.now() + (answered < i - 1 ? 0 : 2_000);
    while (answered < i && performance.now() < limit) await setTimeout(1);
  }
  assert.ok(answered > 5 && answered < 100, `${answered} are done`);
  const grown = memory(unread) - before;
  assert.ok(grown < 30e6, `it has grown by ${grown} bytes`);
});

check("udp/reliable-client.ts prints each reply on its line", async () => {
  const lines = [...texts, "a\u2028b", "last"];
  const result = await run(
    `${node} udp/reliable-client.ts --port ${server.port}`,
    lines.join("\n"),
  );
  const replies = lines.map((line) => `${line.toUpperCase()}\n`).join("");
  assert.is(result.stdout, replies);
  assert.is(result.stderr, "");
  assert.is(result.exitCode, 0);
});

check("udp/reliable-client.ts takes nothing but the reply", async () => {
  const [fake, stranger] = [await udp(), await udp()];
  const requests: string[][] = [];
  const times: number[] = [];
  fake.on("message", async (datagram, { port }) => {
    const [type, number, session, sent, ...words] = `${datagram}`.split(" ");
    requests.push([type!, number!, session!, sent!]);
    times.push(performance.now());
    const send = (reply: string | Buffer, from = fake) =>
      new Promise((sent) => from.send(reply, port, sent));
    const reply = (line: string) =>
      packet(session!, Number(number), line, "reply", sent);
    await send(reply("a stranger's"), stranger);
    await send(Buffer.alloc(0));
    await send(randomBytes(100));
    await send("reply");
    await send(datagram);
    await send(packet(randomUUID(), Number(number), "wrong", "reply", sent));
    await send(packet(session!, Number(number) + 1, "wrong", "reply", sent));
    await send(packet(session!, Number(number) - 1, "wrong", "reply", sent));
    for (const time of ["1e9", "-Infinity", "never"])
      await send(packet(session!, Number(number), "wrong", "reply", time));
    if (requests.length === 1) return;
    await send(reply(`right ${words.join(" ")}`));
    await send(reply("once more"));
  });
  const { port } = fake.address();
  const result = await run(
    `${node} udp/reliable-client.ts --port ${port}`,
    "one\ntwo\n\x1b[31m\tred\x07\x7f\u009b\u202e\n",
  );
  assert.is(result.text(), "right one\nright two\nright [31m\tred\n");
  // The first one was sent again after a second, with a time of its own.
  assert.ok(times[1]! - times[0]! > 995, `${times}`);
  const [first, again, second] = requests;
  assert.equal(again!.slice(0, 3), first!.slice(0, 3));
  assert.ok(Number(again![3]) > Number(first![3]));
  assert.is(second![1], "2");
});

check("udp/reliable-client.ts waits twice as long each time", async () => {
  const fake = await udp();
  const times: number[] = [];
  fake.on("message", (datagram, { port }) => {
    times.push(performance.now());
    const reply = `${datagram}`.replace("request", "reply");
    if (times.length === 1) fake.send(reply, port);
  });
  const { port } = fake.address();
  const result = await run(
    `${node} udp/reliable-client.ts --port ${port} --tries 8`,
    "one\nlost\nand no more\n",
  );
  assert.is(result.stdout, "one\n");
  const end = `no reply from 127.0.0.1:${port} in 8 tries: try again\n`;
  assert.is(result.stderr, end);
  assert.is(result.exitCode, 1);
  const waits = times.slice(2).map((time, i) => time - times[i + 1]!);
  assert.is(waits.length, 7);
  // A timer may be late, but it is not early; one round trip is above 10 ms.
  for (const [i, least] of [10, 20, 40, 80, 160, 320, 640].entries())
    assert.ok(waits[i]! > least - 5, `${waits}`);
  assert.ok(waits[0]! < 1_000, `${waits}`);
});

check("udp/reliable-client.ts learns how long a round trip takes", async () => {
  // Replies take 600 ms, so once that is known, nothing is sent twice.
  const slow = await udp();
  const requests: string[] = [];
  const replies: Promise<void>[] = [];
  slow.on("message", (datagram, { port }) => {
    const line = `${datagram}`.split(" ")[4]!;
    requests.push(line);
    const reply = `${datagram}`.replace("request", "reply");
    const time = line === "late" ? 2_700 : 600;
    replies.push(setTimeout(time).then(() => void slow.send(reply, port)));
  });
  const result = await run(
    `${node} udp/reliable-client.ts --port ${slow.address().port}`,
    "1\n2\n3\n4\n5\nlate\nlast\n",
  );
  assert.is(result.text(), "1\n2\n3\n4\n5\nlate\nlast\n");
  await Promise.all(replies);
  assert.equal(requests.slice(0, 6), ["1", "2", "3", "4", "5", "late"]);
  assert.ok(requests.filter((line) => line === "late").length > 1);
});

check("udp/reliable-client.ts says that a line is too long", async () => {
  const result = await run(
    `${node} udp/reliable-client.ts --port ${server.port}`,
    `${"a".repeat(65_000)}\n${"a".repeat(65_500)}\nand no more\n`,
  );
  assert.is(result.stdout, `${"A".repeat(65_000)}\n`);
  assert.match(result.stderr, /^too long for one datagram .+\n$/);
  assert.is(result.exitCode, 1);
});

test.run();
