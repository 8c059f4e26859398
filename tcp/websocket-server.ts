/**
 * WebSocket server over TCP: lets browsers join the chat.
 *
 * A page in a browser cannot open a TCP or UDP socket, but it can send HTTP
 * requests. One with "Upgrade: websocket" turns its connection into a WebSocket
 * (RFC 6455), which carries frames both ways: a kind, a length, the content. This
 * server connects each browser to the chat server. What the browser sends becomes
 * a line of the chat, and each line of the chat goes to the browser in a frame.
 *
 * Any page in the world can open a WebSocket to 127.0.0.1. So a browser says in
 * the Origin which server the page came from, and this server refuses all pages
 * but its own. Nor may a page choose the bytes on the wire, which could look like
 * an HTTP request to a proxy on the way. So a browser XORs the content of each
 * frame with a random mask, which it sends along.
 *
 * --to is the chat server. Open the page by an address or as localhost. Other
 * names are refused, because their owners can let them point to 127.0.0.1.
 *
 *     $ tsx tcp/chat-server.ts
 *     The chat server is ready on 127.0.0.1:12003
 *     $ tsx tcp/websocket-server.ts --to 127.0.0.1:12003
 *     The WebSocket server is ready on 127.0.0.1:8081
 *     $ tsx tcp/http-client.ts http://127.0.0.1:8081/
 *     HTTP/1.1 200 OK
 *     <!doctype html><html lang="en" style="color-scheme: light dark">
 *     ...
 */
import { isUtf8 } from "node:buffer";
import { hash } from "node:crypto";
import { createServer } from "node:http";
import { type AddressInfo, connect } from "node:net";
import { createInterface } from "node:readline";
import { config } from "../shared/config.ts";

const { host, port, to } = config("websocket", { to: "127.0.0.1:12003" });
const [, chatHost, chatPort] = /^\[?(.+?)\]?:([1-9]\d*)$/.exec(to) ?? [];
if (!chatPort || Number(chatPort) > 65_535) {
  console.error("--to takes HOST:PORT such as [::1]:12003: see --help");
  process.exit(2);
}

const html = { "Content-Type": "text/html; charset=utf-8" };
const page = `<!doctype html><html lang="en" style="color-scheme: light dark">
<title>Chat</title><meta name="viewport" content="width=device-width">
<form id="form" onsubmit="event.preventDefault();
  socket.send(line.value);
  log.prepend('> ', line.value, '\\n');
  reset()">
<input name="line" placeholder="Name, then messages" autofocus></form>
<pre id="log" role="log" style="white-space: pre-wrap; overflow-wrap: anywhere"></pre>
<script>
  const socket = new WebSocket("ws://" + location.host);
  socket.onclose = ({ reason }) => form.replaceChildren("Closed: ", reason);
  socket.onmessage = ({ data }) => log.prepend(data, "\\n");</script>`;

const server = createServer((_, reply) => reply.writeHead(200, html).end(page));
server.listen(port, host);

server.on("listening", () => {
  const { address, port } = server.address() as AddressInfo;
  console.log(`The WebSocket server is ready on ${address}:${port}`);
});

const guid = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"; // from the RFC
const refusal = "HTTP/1.1 403 Forbidden\r\nSec-WebSocket-Version: 13\r\n\r\n";
const address = /^(localhost|[\d.]+|\[[\da-f:]+\])(:\d+)?$/;
// The first byte of a frame: its kind, and 0x80 unless a fragment follows.
const [text, closing, ping, pong] = [0x81, 0x88, 0x89, 0x8a];

server.on("upgrade", ({ headers }, browser) => {
  browser.on("error", (error) => console.error("a browser:", error.message));
  const { host = "", origin, "sec-websocket-key": key = "" } = headers;
  // Only browsers send an Origin, and only their pages come from strangers.
  const isOwn = !origin || (origin === `http://${host}` && address.test(host));
  const valid = key.length === 24 && headers["sec-websocket-version"] === "13";
  if (!isOwn || !valid) return browser.end(refusal, () => browser.destroy());

  const proof = hash("sha1", key + guid, "base64"); // of a WebSocket server
  browser.write("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\n");
  browser.write(`Upgrade: websocket\r\nSec-WebSocket-Accept: ${proof}\r\n\r\n`);

  const chat = connect(Number(chatPort), chatHost);
  const lines = createInterface({ input: chat });
  // 21,845 characters of at most 3 bytes fit into a length of 16 bits.
  lines.on("line", (line) => send(text, Buffer.from(line.slice(0, 21_845))));
  lines.on("error", () => {}); // the chat's errors come here, too
  chat.on("error", (error) => console.error("the chat:", error.message));
  chat.on("close", () => close(1001, "no connection to the chat server"));
  chat.on("drain", () => browser.resume());
  browser.on("drain", () => chat.resume());
  browser.on("end", () => browser.end());
  browser.on("close", () => chat.destroy());

  let received = Buffer.alloc(0); // frames, the last one perhaps incomplete
  let message: Buffer | undefined; // its fragments so far
  browser.on("data", (chunk) => {
    if (!browser.writable) return; // after our Close, drop what still comes
    received = Buffer.concat([received, chunk]);
    while (received.length >= 2) {
      // Kind, length, 2 more bytes of length if it is 126, mask, content.
      const [kind = 0, second = 0, third = 0, fourth = 0] = received;
      const start = second === 0x80 + 126 ? 8 : 6;
      const length = start === 8 ? third * 256 + fourth : second & 0x7f;
      const isText = (message ? [0x00, 0x80] : [0x01, 0x81]).includes(kind);
      const isControl = [closing, ping, pong].includes(kind) && length <= 125;
      if (second < 0x80 || !(isText || isControl)) return close(1002);
      if (second === 0x80 + 127) return close(1009); // 8 bytes of length
      if (received.length < start + length) return;

      const mask = received.subarray(start - 4, start);
      const masked = received.subarray(start, start + length);
      const payload = masked.map((byte, i) => byte ^ mask[i % 4]!);
      received = received.subarray(start + length);
      if (kind === closing) return close(1000);
      // A browser that does not read gets no pongs: they would fill the memory.
      if (kind === ping && !browser.writableNeedDrain) send(pong, payload);
      if (isControl) continue;
      message = Buffer.concat([message ?? Buffer.alloc(0), payload]);
      if (message.length > 65_535) return close(1009);
      if (kind < 0x80) continue;
      if (!isUtf8(message)) return close(1007);
      if (!chat.write(`${message}\n`)) browser.pause();
      message = undefined;
    }
  });

  function send(kind: number, payload: Uint8Array) {
    if (!browser.writable) return; // nothing may follow a Close
    const { length } = payload;
    const size = length < 126 ? [length] : [126, length >> 8, length];
    if (!browser.write(Buffer.from([kind, ...size, ...payload]))) chat.pause();
  }

  function close(code: number, reason = "") {
    send(closing, Buffer.from([code >> 8, code, ...Buffer.from(reason)]));
    browser.end();
    setTimeout(() => browser.destroy(), 2000); // it may never end its half
  }
});
