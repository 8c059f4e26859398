import { once } from "node:events";
import { connect } from "node:net";
import { createInterface } from "node:readline";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { memory, node, run, serve, start } from "../helper.ts";

const server = await serve("tcp/chat-server.ts");
const taken = "! The name is taken: choose another one";

/** A client as the specification of Budget Chat has it, with a name or without. */
async function join(name?: string) {
  const socket = connect({ port: server.port, noDelay: true });
  socket.setTimeout(90_000, () => socket.destroy());
  const lines = createInterface({ input: socket })[Symbol.asyncIterator]();
  const next = async () => (await lines.next()).value ?? "THE END";
  const hears = async (...expected: string[]) => {
    for (const line of expected) assert.is(await next(), line);
  };
  await hears("Welcome! What is your name?");
  if (name) socket.write(`${name}\n`);
  return { socket, next, hears };
}

/** Ends connections, and waits until the server has noticed it. */
async function leave(...clients: Awaited<ReturnType<typeof join>>[]) {
  for (const { socket } of clients) {
    socket.resume().end();
    if (!socket.closed) await once(socket, "close");
  }
}

test("members read who is there, who enters, what is said, who leaves", async () => {
  const silent = await join(); // has no name yet, so nothing is sent to it
  const ada = await join("ada");
  await ada.hears("* The room contains: nobody else");
  const bob = await join("7\r"); // the shortest name
  await bob.hears("* The room contains: ada");
  const eve = await join("abcdefghijKLMNOP0123"); // the longest
  await eve.hears("* The room contains: ada, 7");
  await ada.hears("* 7 has entered the room");
  for (const member of [ada, bob])
    await member.hears("* abcdefghijKLMNOP0123 has entered the room");
  const messages = ["hello", "", "/foo", "[x] * y: z", "😀".repeat(500)];
  for (const byte of Buffer.from(`${messages.join("\r\n")}\r\n`))
    await new Promise((sent) => ada.socket.write(Buffer.of(byte), sent));
  for (const message of messages)
    for (const member of [bob, eve]) await member.hears(`[ada] ${message}`);
  ada.socket.write(`${"x".repeat(1001)}\n`);
  await ada.hears("! A message has at most 1000 characters");
  ada.socket.write("\x1b[31mred\x07\x7f\u009b and\r m\u202eo\u2066re\u2028*\n");
  for (const member of [bob, eve])
    await member.hears("[ada] [31mred and more*");
  bob.socket.end("a line without an end is no message");
  await ada.hears("* 7 has left the room");
  eve.socket.resetAndDestroy();
  await ada.hears("* abcdefghijKLMNOP0123 has left the room");
  await leave(silent); // nobody hears of it
  await silent.hears("THE END");
  const next = await join("7"); // the name is free again
  await next.hears("* The room contains: ada");
  await ada.hears("* 7 has entered the room");
  await leave(ada, next);
});

test("a bad or taken name is refused, and nobody hears of it", async () => {
  const ada = await join("ada");
  await ada.hears("* The room contains: nobody else");
  const bad = ["", "a b", "a_b", "zoë", "a\x1bb", "abcdefghijKLMNOP01234"];
  for (const name of [...bad, "ada"]) {
    const guest = await join();
    guest.socket.write(`${name}\neve\nhello\n`); // there is no second try
    await guest.hears(
      name === "ada" ? taken : "! A name has 1 to 20 letters or digits",
      "THE END",
    );
  }
  const bob = await join("bob");
  await ada.hears("* bob has entered the room");
  await leave(ada, bob);
});

test("a first line that never ends takes no memory", async () => {
  const endless = await join();
  const before = memory(server.pid);
  for (let i = 0; i < 100; i++)
    await new Promise((sent) => endless.socket.write("x".repeat(1e6), sent));
  assert.ok(memory(server.pid) - before < 50e6);
  await leave(endless);
});

test("a member that leaves 1 MB unread is dropped", async () => {
  const sleeper = await join("sleeper");
  sleeper.socket.pause();
  const [ada, bob] = [await join("ada"), await join("bob")];
  await bob.hears("* The room contains: sleeper, ada");
  do ada.socket.write(`${"x".repeat(1000)}\n`);
  while ((await bob.next()) !== "* sleeper has left the room");
  await server.line(/^a client: left 1 MB unread$/m);
  await leave(ada, bob);
});

test("200 clients may be connected, and a line reports one more", async () => {
  const clients = await Promise.all(Array.from({ length: 200 }, () => join()));
  await once(connect(server.port).resume(), "close");
  await server.line(/^a client: refused, 200 are connected$/m);
  await leave(...clients);
});

const client = `tcp/chat-client.ts --port ${server.port}`;
test("the client prints what arrives, sends what it reads, and leaves", async () => {
  const ada = await join("ada");
  await ada.hears("* The room contains: nobody else");
  const bob = start(`env USER=bob ${node} ${client}`); // the name by default
  await ada.hears("* bob has entered the room");
  ada.socket.write("hello\n");
  await bob.line(/hello$/m);
  bob.stdin.end("one\n\n/foo\nlast");
  await ada.hears("[bob] one", "[bob] ", "[bob] /foo", "[bob] last");
  await ada.hears("* bob has left the room");
  const stdout = "* The room contains: ada\n[ada] hello\n";
  assert.equal(await bob.ended(), { stdout, stderr: "", status: 0 });
  const refused = await run(`${client} --name ada`, "eve\nhello\n");
  const stderr = `127.0.0.1:${server.port}: ${taken}\n`;
  assert.equal(refused, { stdout: "", stderr, status: 1 });
  await run(`env USER="a b" ${node} ${client}`);
  await ada.hears("* guest has entered the room");
  await leave(ada);
});

test.after(server.stop);
test.run();
