import { on } from "node:events";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { needs, node, run, serve, start, udp } from "../helper.ts";
import { sendFromPort0 } from "../helper.ts";

const server = await serve("udp/chat-server.ts");
const awake = setInterval(() => {}, 1000); // the sockets do not keep this running
const taken = "! The name is taken: choose another one";

/** A client that has got a token, and has joined if it has a name. */
async function join(name?: string, ...expected: string[]) {
  const socket = await udp(server.port);
  const signal = AbortSignal.timeout(90_000);
  const messages = on(socket, "message", { signal });
  const next = async () => `${(await messages.next()).value[0]}`;
  const hears = async (...expected: string[]) => {
    for (const line of expected) assert.is(await next(), `${line}\n`);
  };
  const say = (text: string) => socket.send(text);
  say("hello");
  const token = (await next()).trim().slice(-8);
  if (name) say(`${name} ${token}\n`); // nc sends a line feed too
  await hears(...expected);
  const welcome = `? Not in the room. To join, send: NAME ${token}`;
  return { hears, say, leave: () => say("\x04"), token, welcome };
}

test("members read who is there, who enters, what is said, who leaves", async () => {
  const ada = await join("ada", "* The room contains: nobody else");
  const bob = await join("bob", "* The room contains: ada");
  const eve = await join("eve", "* The room contains: ada, bob");
  await ada.hears("* bob has entered the room", "* eve has entered the room");
  await bob.hears("* eve has entered the room");
  ada.say(`ada ${ada.token}`); // she is still there
  await ada.hears("* The room contains: bob, eve");
  const messages = ["hello", "", "/foo", "[x] naïve 😀", "x".repeat(1000)];
  for (const message of messages) ada.say(`${message}\n`);
  for (const message of messages)
    for (const member of [bob, eve]) await member.hears(`[ada] ${message}`);
  ada.say("x".repeat(1001));
  await ada.hears("! A message has at most 1000 characters");
  ada.say("\x1b[31mred\x07\x7f\u009b and\r m\u202eo\u2066re\u2028*");
  await bob.hears("[ada] [31mred and more*");
  bob.leave();
  await ada.hears("* bob has left the room");
  bob.say("am I still there?");
  await bob.hears(bob.welcome);
  const next = await join("bob", "* The room contains: ada, eve");
  for (const member of [ada, eve, next]) member.leave();
});

test("only the token of an address lets it in, and moves nobody", async () => {
  const ada = await join("ada", "* The room contains: nobody else");
  const eve = await join();
  const wrong = ["ada", "eve none", eve.token, `eve${eve.token}`];
  for (const text of [...wrong, `eve ${ada.token}`, `ada ${ada.token}`]) {
    eve.say(text);
    await eve.hears(eve.welcome);
  }
  for (const name of ["", "a b", "a_b", "zoë", "abcdefghijKLMNOP01234"]) {
    eve.say(`${name} ${eve.token}`);
    await eve.hears("! A name has 1 to 20 letters or digits");
  }
  eve.say(`ada ${eve.token}`);
  await eve.hears(taken);
  eve.say(`abcdefghijKLMNOP0123 ${eve.token}`);
  await eve.hears("* The room contains: ada");
  await ada.hears("* abcdefghijKLMNOP0123 has entered the room");
  for (const member of [ada, eve]) member.leave();
});

test("what a server says is not answered, or it would go around", async () => {
  const echo = await join();
  const lines = ["* The room", "[ada] hello", taken, echo.welcome];
  for (const line of [...lines, `ada ${echo.token}`]) echo.say(line);
  await echo.hears("* The room contains: nobody else");
  echo.leave();
});

needs("root", "python3")("a port below 1024 gets no answer", async () => {
  sendFromPort0(server.port);
  const service = await udp(server.port, 600 + (process.pid % 400));
  service.on("message", (message) => assert.unreachable(`${message}`));
  service.send("hello");
  await join();
});

test("200 members fit into the room, and a line reports one more", async () => {
  const members = [];
  for (let i = 0; i < 200; i++) members.push(await join(`m${i}`));
  await join("last", "! The room is full: try again later");
  await server.line(/^a client: refused, 200 are in the room$/m);
  for (const member of members) member.leave();
});

const client = `udp/chat-client.ts --port ${server.port}`;
test("the client prints what arrives, sends what it reads, and leaves", async () => {
  const ada = await join("ada", "* The room contains: nobody else");
  const bob = start(`env USER=bob ${node} ${client}`); // the name by default
  await ada.hears("* bob has entered the room");
  ada.say("hello");
  await bob.line(/^\[ada\] hello$/m);
  bob.stdin.write("x".repeat(1001) + "\n");
  await bob.line(/^! A message has/m); // and it stays
  bob.stdin.end("one\n\n/foo\nlast");
  await ada.hears("[bob] one", "[bob] ", "[bob] /foo", "[bob] last");
  await ada.hears("* bob has left the room");
  const { status, stdout } = await bob.ended();
  assert.match(stdout, /^\* The room contains: ada\n\[ada\] hello\n! A .+\n$/);
  assert.is(status, 0);
  const refused = await run(`${client} --name ada`, "eve\nhello\n");
  const stderr = `127.0.0.1:${server.port}: ${taken}\n`;
  assert.equal(refused, { stdout: "", stderr, status: 1 });
  const guest = start(`env USER="a b" ${node} ${client}`);
  guest.stdin.write(`${"x".repeat(70_000)}\n`);
  await guest.line(/: too long for one datagram: send less$/m);
  await ada.hears("* guest has entered the room");
});

test.after(() => clearInterval(awake));
test.after(server.stop);
test.run();
