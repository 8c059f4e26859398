import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { exchange, listen, serve } from "../helper.ts";

const chat = await serve("tcp/chat-server.ts");
const to = "tcp/websocket-server.ts --to";
const server = await serve(`${to} 127.0.0.1:${chat.port}`);
const echoPort = await listen((room) => void room.pipe(room)); // hears itself
const echo = await serve(`${to} [127.0.0.1]:${echoPort}`);
const upgrade = "Connection: Upgrade\r\nUpgrade: websocket\r\n";
const start = `GET / HTTP/1.1\r\n${upgrade}`;
const valid = `Sec-WebSocket-Version: 13\r
Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n`;
const accepted = `HTTP/1.1 101 Switching Protocols\r\n${upgrade}\
Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n`;
/** A browser's frame, or with no mask a server's; each character is a byte. */
function frame(first: number, text = "", mask = [0xa1, 0x02, 0x73, 0x84]) {
  const n = text.length;
  const size = n < 126 ? [n] : [126, n >> 8, n];
  if (mask.length > 0) size[0]! += 0x80;
  const data = Buffer.from(text, "latin1");
  const masked = data.map((byte, i) => byte ^ (mask[i % 4] ?? 0));
  return Buffer.from([first, ...size, ...mask, ...masked]).toString("latin1");
}
const reply = (first: number, text = "") => frame(first, text, []);
const line = (text: string) => reply(0x81, text);
async function open(port: number, heard = "") {
  const socket = connect({ port, host: "127.0.0.1", noDelay: true });
  socket.setTimeout(90_000, () => socket.destroy()).setEncoding("latin1");
  socket.setDefaultEncoding("latin1").write(start + valid);
  await hears(socket, accepted + heard);
  return socket;
}
/** Reads as much as is expected, or to the end for "". */
async function hears(socket: Socket, expected: string) {
  let heard = "";
  for await (const chunk of socket.iterator({ destroyOnReturn: false })) {
    heard += chunk;
    if (heard.length >= expected.length) break;
  }
  assert.is(heard, expected);
}
/** Sends frames, whole and byte by byte, and then a Close; compares the replies. */
async function talk(frames: string, replies: string, end = 1000) {
  const isShort = frames.length < 500 && end === 1000;
  for (const pieces of isShort ? [[frames], frames] : [[frames]]) {
    const socket = await open(echo.port);
    for (const piece of pieces) socket.write(piece);
    if (replies) await hears(socket, replies);
    socket.write(frame(0x88, "\x03\xe8".padEnd(125)) + frame(0x81, "unheard"));
    await hears(socket, reply(0x88, String.fromCharCode(3, end & 255)));
    await hears(socket, "");
  }
}
const x = "x".repeat(65_535);
const utf8 = Buffer.from("κόσμε 😀").toString("latin1");
test("a message and a ping come back, also in fragments", async () => {
  for (const n of [0, 1, 125, 126, 127, 128, 255, 256, 21_845])
    await talk(frame(0x81, x.slice(0, n)), line(x.slice(0, n)));
  await talk(frame(0x81, x), line(x.slice(0, 21_845))); // a long line is cut
  const cut = [...utf8].map((byte) => frame(0x00, byte) + frame(0x8a));
  const text = frame(0x01) + cut.join("") + frame(0x89, "p") + frame(0x80);
  await talk(text, reply(0x8a, "p") + line(utf8));
});
const firsts = [...Array(256).keys()].filter((n) => ![1, 129].includes(n));
const wrong = firsts.map((n) => frame(n, x.slice(0, 126)));
const noText = ["\xce", "\xed\xa0\x80", "ok\xff"].map((t) => frame(0x81, t));
test("a wrong frame ends the connection, and Close says why", async () => {
  for (const frames of [...wrong, line("no mask"), frame(0x01) + frame(0x81)])
    await talk(frames, "", 1002);
  for (const frames of noText) await talk(frames, "", 1007);
  for (const frames of ["\x81\xff", frame(0x01, x) + frame(0x80, "x")])
    await talk(frames, "", 1009);
});
test("only its own page and a right handshake are let in", async () => {
  const status = async (host: string, page: string, fields = valid) => {
    const origin = `Host: ${host}\r\nOrigin: http://${page}\r\n`;
    return (await exchange(server.port, start, origin, fields)).slice(9, 12);
  };
  assert.is(await status("[::1]:1", "[::1]:1"), "101");
  assert.is(await status("localhost", "localhost"), "101");
  assert.is(await status("1.name.1", "1.name.1"), "403"); // may mean 127.0.0.1
  assert.is(await status("[::1]:1", "[::1]:2"), "403");
  for (const wrong of [valid.replace("==", ""), valid.replace("13", "12")])
    assert.is(await status("[::1]", "[::1]", wrong), "403");
  const refusal = await exchange(server.port, start, "\r\n");
  assert.match(refusal, /\r\nSec-WebSocket-Version: 13\r\n\r\n$/);
});
test("the page is HTML, and for this machine alone", async () => {
  assert.is(server.host, "127.0.0.1");
  const page = await exchange(server.port, "GET / HTTP/1.0\r\n\r\n");
  assert.match(page, /\r\nContent-Type: text\/html; charset=utf-8\r\n/);
});
test("a browser that never ends its half is dropped", async () => {
  const socket = await open(echo.port);
  socket.allowHalfOpen = true;
  socket.write(frame(0x88));
  const typing = setInterval(() => socket.write(frame(0x81, "more")), 100);
  await once(socket, "error"); // after 2 seconds, the server is gone
  clearInterval(typing);
});
test("browsers and terminals share a room, and leave it", async () => {
  const welcome = "Welcome! What is your name?";
  const ada = connect(chat.port).setEncoding("latin1");
  ada.setDefaultEncoding("latin1").write("ada\n");
  await hears(ada, `${welcome}\n* The room contains: nobody else\n`);
  for (const leave of ["end", "destroySoon", "resetAndDestroy"] as const) {
    const bob = await open(server.port, line(welcome));
    bob.write(frame(0x81, "bob"));
    await hears(bob, line("* The room contains: ada"));
    bob.write(frame(0x81, utf8));
    await hears(ada, `* bob has entered the room\n[bob] ${utf8}\n`);
    ada.write(`${utf8}\n`);
    await hears(bob, line(`[ada] ${utf8}`));
    bob[leave](frame(0x88));
    await hears(ada, "* bob has left the room\n");
  }
  await chat.stop();
  const reason = "\x03\xe9no connection to the chat server"; // 1001
  (await open(server.port, reply(0x88, reason))).destroy();
  await server.line(/^the chat: connect ECONNREFUSED/m);
});
for (const { stop } of [server, echo]) test.after(stop);
test.run();
