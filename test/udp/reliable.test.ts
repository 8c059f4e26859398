import { randomBytes, randomUUID } from "node:crypto";
import * as assert from "uvu/assert";
import { test } from "uvu";
import { ask, run, serve, udp } from "../helper.ts";

const server = await serve("udp/reliable-server.ts");
const relay = await serve(
  `udp/relay.ts --to 127.0.0.1:${server.port} --drop 1 --duplicate 3 --delay 5:300`,
);

const packet = (session: string, number: number, line = "", type = "request") =>
  `${type} ${number} ${session} 1782.4 ${line}`;

/** The lines that the server has done, up to now. */
async function done() {
  const mark = `mark ${randomUUID()}`;
  await ask(server.port, packet(mark.slice(5), 1, mark));
  await server.line(RegExp(`${mark}\n`));
  const lines = server.printed.stdout.replaceAll(/^1 mark .*\n/gm, "");
  return lines.trimEnd().split("\n").slice(1);
}

test("each line is done once, whatever the network loses or doubles", async () => {
  const client = `udp/reliable-client.ts --port ${relay.port}`;
  const result = await run(client, "one\ntwo  words \nnaïve ß");
  const stdout = "ONE\nTWO  WORDS \nNAÏVE SS\n";
  assert.equal(result, { stdout, stderr: "", status: 0 });
  assert.equal(await done(), ["1 one", "2 two  words ", "3 naïve ß"]);
});

test("only a request is done, and only once; a copy gets the same reply", async () => {
  const [client, session] = [await udp(server.port), randomUUID()];
  const before = await done();
  let reply = "";
  for (const [number, line] of ["one", "two", "\x1b[31m\u202e"].entries())
    for (let copy = 0; copy < 3; copy++) {
      reply = packet(session, number + 1, line.toUpperCase(), "reply");
      assert.is(await ask(client, packet(session, number + 1, line)), reply);
    }
  client.send(packet(session, 1, "late"));
  client.send(packet(session, 5, "early"));
  client.send(packet(randomUUID(), 0, "before the first"));
  for (const wrong of [reply, "", "request", "request 1", "REQUEST 1 a 1 x"])
    client.send(wrong);
  for (let i = 0; i < 200; i++) client.send(randomBytes(i));
  reply = packet(session, 4, "LAST", "reply");
  assert.is(await ask(client, packet(session, 4, "last")), reply);
  const lines = (await done()).slice(before.length);
  assert.equal(lines, ["1 one", "2 two", "3 [31m", "4 last"]);
});

test("the session silent for longest is forgotten after 1000 others", async () => {
  const client = await udp(server.port);
  const [first, second] = [randomUUID(), randomUUID()];
  const sessions = Array.from({ length: 998 }, () => randomUUID());
  for (const session of [first, second, ...sessions, first])
    await ask(client, packet(session, 1, "one"));
  await ask(client, packet(randomUUID(), 1, "one more"));
  const before = await done();
  client.send(packet(second, 2, "of a forgotten session"));
  await ask(client, packet(first, 2, "two"));
  assert.equal((await done()).slice(before.length), ["2 two"]);
});

test("the client takes nothing but the reply to its request", async () => {
  const fake = await udp();
  const numbers: string[] = [];
  fake.on("message", (datagram, { port }) => {
    const [, number = "", session, sent, line] = `${datagram}`.split(" ");
    numbers.push(number);
    fake.send("reply", port);
    fake.send(datagram, port);
    fake.send(`reply ${number} ${randomUUID()} ${sent} wrong`, port);
    fake.send(`reply ${number}1 ${session} ${sent} wrong`, port);
    fake.send(`reply ${number} ${session} never wrong`, port);
    fake.send(`reply ${number} ${session} 1e9 wrong`, port);
    if (numbers.length === 1) return; // so it is sent again
    for (let copy = 0; copy < 2; copy++)
      fake.send(`reply ${number} ${session} ${sent} right ${line}`, port);
  });
  const client = `udp/reliable-client.ts --port ${fake.address().port}`;
  const { stdout } = await run(client, "one\ntwo\n");
  assert.is(stdout, "right one\nright two\n");
  assert.is(numbers.slice(0, 3).join(), "1,1,2");
});

test("the client waits for a little more than a round trip, then longer, then gives up", async () => {
  const fake = await udp();
  const times: number[] = [];
  fake.on("message", (datagram, { port }) => {
    times.push(performance.now());
    const reply = `${datagram}`.replace("request", "reply");
    if (times.length === 1) setTimeout(() => fake.send(reply, port), 30);
  });
  const { port } = fake.address();
  const client = `udp/reliable-client.ts --port ${port} --tries 8`;
  const result = await run(client, "one\nlost\nand no more\n");
  const stderr = `127.0.0.1:${port}: no reply in 8 tries: try again\n`;
  assert.equal(result, { stdout: "one\n", stderr, status: 1 });
  // 30 ms + 4 * 15 ms are learnt from the first reply, then 180, 360, 720, 1000.
  const wait = (number: number) => times[number + 1]! - times[number]!;
  assert.ok(wait(1) > 80 && wait(2) > 170 && wait(7) > 990, `${times}`);
  assert.ok(wait(1) + wait(2) < wait(7), `${times}`);
});

test("a line too long for a datagram ends the client", async () => {
  const client = `udp/reliable-client.ts --port ${server.port}`;
  const { stderr, status } = await run(client, "x".repeat(65_500));
  assert.match(`${status} ${stderr}`, /^1 127\.0\.0\.1:\d+: too long .+\n$/);
});

test.after(async () => {
  await Promise.all([server.stop(), relay.stop()]);
});
test.run();
