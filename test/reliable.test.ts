import { randomBytes } from "node:crypto";
import { setTimeout } from "node:timers/promises";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { run } from "../scripts/processes.ts";
import { ask, check, node, serve, texts, udp } from "./harness.ts";

const server = await serve("udp/reliable-server.ts");
const stamp = Buffer.from("40790ccccccccccd", "hex");

/** A request as the header of the server tells, or with another first byte. */
function request(session: Buffer, sequence: number, line = "", type = 1) {
  const number = Buffer.alloc(4);
  number.writeUInt32BE(sequence);
  const header = [Buffer.of(type), session, number, stamp];
  return Buffer.concat([...header, Buffer.from(line)]);
}

/** The lines that the server has done, without their numbers, up to now. */
async function done() {
  const mark = randomBytes(8);
  const line = mark.toString("hex");
  await ask(await udp(server.port), request(mark, 1, line));
  await server.line(RegExp(`^\\d+ ${line}$`));
  const lines = server.lines.flatMap((l) => /^\d+ (.*)/.exec(l)?.[1] ?? []);
  return lines.slice(0, lines.indexOf(line));
}

check("the hex example in udp/reliable-server.ts is real", async () => {
  const { stdout } = await run(`${node} udp/reliable-server.ts --help`);
  const [request, reply] = stdout
    .match(/^ +0[12]( [0-9a-f]+)+$/gm)!
    .map((row) => Buffer.from(row.replaceAll(" ", ""), "hex"));
  assert.equal(await ask(await udp(server.port), request!), reply);
});

check("udp/reliable-server.ts does each request once", async () => {
  const client = await udp(server.port);
  const session = randomBytes(8);
  const before = (await done()).length;
  for (const [i, text] of texts.entries())
    for (let copy = 0; copy < 3; copy++) {
      const reply = await ask(client, request(session, i + 1, text));
      const expected = request(session, i + 1, text.toUpperCase(), 2);
      assert.equal(reply, expected);
    }
  // A request that comes late gets no reply, and neither does one too early.
  client.send(request(session, texts.length - 1, "late"));
  client.send(request(session, texts.length + 2, "early"));
  const last = await ask(client, request(session, texts.length + 1, "last"));
  assert.equal(last, request(session, texts.length + 1, "LAST", 2));
  assert.equal((await done()).slice(before + 1), [...texts, "last"]);
});

check("udp/reliable-server.ts numbers what it does", async () => {
  const numbers = server.lines.flatMap((l) => /^(\d+) /.exec(l)?.[1] ?? []);
  assert.equal(
    numbers,
    Object.keys(numbers).map((i) => `${Number(i) + 1}`),
  );
});

check("udp/reliable-server.ts answers requests only", async () => {
  const client = await udp(server.port);
  const [known, unknown] = [randomBytes(8), randomBytes(8)];
  await ask(client, request(known, 1, "known"));
  const before = (await done()).length;
  const { port } = client.address();
  const told = () =>
    server.lines.filter((line) => line === `no reply to 127.0.0.1:${port}`);
  const wrong = [
    ...[Buffer.alloc(0), Buffer.of(1), request(unknown, 1).subarray(0, 20)],
    ...[request(unknown, 1, "a reply", 2), request(unknown, 1, "none", 0)],
    ...[request(unknown, 2, "forgotten"), request(unknown, 0, "before")],
    ...[request(known, 0, "before")],
  ];
  for (const datagram of wrong) client.send(datagram);
  // Whatever these are, no reply comes but the one that is due.
  for (let i = 0; i < 5_000; i++) {
    const bytes = randomBytes(i % 200);
    if (bytes[0] !== 1) client.send(bytes);
    if (i % 100) continue;
    const reply = await ask(client, request(known, 2 + i / 100, "next"));
    assert.equal(reply, request(known, 2 + i / 100, "NEXT", 2));
  }
  assert.is((await done()).length, before + 1 + 50);
  assert.ok(told().length > 4_000);
});

check("udp/reliable-server.ts shows no control characters", async () => {
  const line = request(randomBytes(8), 1, "\x1b[31m\tred\x07\x7f\u009b");
  await ask(await udp(server.port), line);
  assert.is((await done()).at(-1), "[31m\tred");
});

check("udp/reliable-server.ts keeps 1,000 sessions", async () => {
  const before = (await done()).length;
  const client = await udp(server.port);
  const sessions = Array.from({ length: 1_001 }, () => randomBytes(8));
  const [first, second] = sessions;
  for (const [i, session] of sessions.entries()) {
    // The first is heard once more, so the second is silent longest.
    if (i === 1_000) await ask(client, request(first!, 1, "one"));
    await ask(client, request(session, 1, "one"));
  }
  client.send(request(second!, 2, "of a forgotten session"));
  await ask(client, request(first!, 2, "two"));
  assert.equal((await done()).slice(before + 1 + sessions.length), ["two"]);
});

check("udp/reliable-client.ts prints each reply on its line", async () => {
  const lines = [...texts, "last"];
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
  const requests: Buffer[] = [];
  const times: number[] = [];
  fake.on("message", async (datagram, { port }) => {
    requests.push(datagram);
    times.push(performance.now());
    const send = (reply: Buffer, from = fake) =>
      new Promise((sent) => from.send(reply, port, sent));
    const reply = (text: string) => {
      const copy = Buffer.concat([datagram.subarray(0, 21), Buffer.from(text)]);
      copy[0] = 2;
      return copy;
    };
    const changed = (at: number, byte: number) => {
      const copy = reply("wrong");
      copy[at] = byte;
      return copy;
    };
    await send(reply("a stranger's"), stranger);
    await send(Buffer.alloc(0));
    await send(reply("").subarray(0, 20));
    await send(datagram);
    await send(changed(1, datagram[1]! ^ 1)); // another session
    await send(changed(12, datagram[12]! ^ 1)); // another line
    await send(changed(13, 0)); // sent long ago
    await send(changed(13, 0x7f)); // sent in the future
    await send(changed(13, 0xff));
    if (requests.length === 1) return;
    await send(reply(`right ${datagram.subarray(21)}`));
    await send(reply("once more"));
  });
  const { port } = fake.address();
  const result = await run(
    `${node} udp/reliable-client.ts --port ${port}`,
    "one\ntwo\n\x1b[31m\tred\x07\x7f\u009b\n",
  );
  assert.is(result.text(), "right one\nright two\nright [31m\tred\n");
  // The first one was sent again after a second, with a time of its own.
  assert.ok(times[1]! - times[0]! > 995, `${times}`);
  const [first, again, second] = requests;
  assert.equal(again!.subarray(0, 13), first!.subarray(0, 13));
  assert.ok(again!.readDoubleBE(13) > first!.readDoubleBE(13));
  assert.is(second!.readUInt32BE(9), 2);
});

check("udp/reliable-client.ts waits twice as long each time", async () => {
  const fake = await udp();
  const times: number[] = [];
  fake.on("message", (datagram, { port }) => {
    times.push(performance.now());
    datagram[0] = 2;
    if (times.length === 1) fake.send(datagram, port);
  });
  const { port } = fake.address();
  const options = "--floor 100 --ceiling 400 --tries 8";
  const result = await run(
    `${node} udp/reliable-client.ts --port ${port} ${options}`,
    "one\nlost\nand no more\n",
  );
  assert.is(result.stdout, "one\n");
  const end = `no reply from 127.0.0.1:${port} after 8 tries: try again\n`;
  assert.is(result.stderr, end);
  assert.is(result.exitCode, 1);
  const waits = times.slice(2).map((time, i) => time - times[i + 1]!);
  assert.is(waits.length, 7);
  // A timer may be late, but it is not early.
  for (const [i, least] of [100, 200, 400, 400, 400, 400, 400].entries())
    assert.ok(waits[i]! > least - 5, `${waits}`);
  assert.ok(waits.at(-1)! < 6_400, `${waits}`);
});

check("udp/reliable-client.ts learns how long a round trip takes", async () => {
  // Replies take 600 ms, so once that is known, nothing is sent twice.
  const slow = await udp();
  const requests: string[] = [];
  const replies: Promise<void>[] = [];
  slow.on("message", (datagram, { port }) => {
    const line = `${datagram.subarray(21)}`;
    requests.push(line);
    datagram[0] = 2;
    replies.push(
      setTimeout(line === "late" ? 2_700 : 600).then(() =>
        slow.send(datagram, port),
      ),
    );
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
    `${"a".repeat(65_486)}\n${"a".repeat(65_487)}\nand no more\n`,
  );
  assert.is(result.stdout, `${"A".repeat(65_486)}\n`);
  assert.match(result.stderr, /^the line is too long .+\n$/);
  assert.is(result.exitCode, 1);
});

test.run();
