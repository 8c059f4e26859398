/**
 * WebSocket server over TCP: lets browsers join the chat.
 *
 * A page in a browser gets no TCP or UDP socket, only HTTP. But a request with
 * "Upgrade: websocket" turns its connection into a WebSocket (RFC 6455): a stream
 * of frames, each with its kind and its length in front. Here each browser gets a
 * connection of its own to the chat server, and a message becomes a line, and a
 * line a message. Any page in the world may open a WebSocket to 127.0.0.1, so the
 * server asks for the Origin, the place that the page came from, and refuses all
 * but its own. A page must not choose the bytes on the wire either: they could
 * look like a request to a proxy on the way. So a browser sends a random mask with
 * each frame, and XORs the content with it.
 *
 * --to is the chat server. Open the page by its address, not by a name: a
 * stranger can make a name mean 127.0.0.1.
 *
 *     $ tsx tcp/chat-server.ts
 *     The chat server is ready on 127.0.0.1:12003
 *     $ tsx tcp/websocket-server.ts --to 127.0.0.1:12003
 *     The WebSocket server is ready on 127.0.0.1:8081
 */
import { isUtf8 } from "node:buffer";
import { createHash } from "node:crypto";
import { createServer } from "node:http";
import { type AddressInfo, connect } from "node:net";
import { createInterface } from "node:readline";
import { config } from "../shared/config.ts";

const { host, port, to } = config("websocket", { to: "127.0.0.1:12003" });
const [, chatHost, chatPort] = /^\[?(.+?)\]?:(\d{1,5})$/.exec(to) ?? [];
if (!chatPort) throw new Error("--to takes HOST:PORT, such as [::1]:12003");

const html = { "Content-Type": "text/html; charset=utf-8" };
const page = `<!doctype html><html lang="en" style="color-scheme: light dark">
<title>Chat</title><meta name="viewport" content="width=device-width">
<form onsubmit="say(line.value); reset(); return false">
<input name="line" placeholder="Name, then messages" autofocus></form>
<output id="state">Connecting</output>
<pre id="log" role="log" style="white-space: pre-wrap; overflow-wrap: anywhere"></pre>
<script>
  const socket = new WebSocket("ws://" + location.host);
  socket.onopen = () => state.replaceChildren("Connected");
  socket.onclose = ({ reason }) => state.replaceChildren("Closed: ", reason);
  socket.onmessage = ({ data }) => log.prepend(data, "\\n");
  function say(line) {
    socket.send(line);
    log.prepend("> ", line, "\\n");
  }</script>`;

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

server.on("upgrade", ({ headers }, browser, head) => {
  browser.on("error", (error) => console.error("a browser:", error.message));
  const { host = "", origin, "sec-websocket-key": key = "" } = headers;
  // Programs that are no browsers send no Origin.
  const isOurs = !origin || (origin === `http://${host}` && address.test(host));
  const valid = key.length === 24 && headers["sec-websocket-version"] === "13";
  if (!isOurs || !valid) return browser.end(refusal, () => browser.destroy());

  const sha1 = createHash("sha1").update(key + guid);
  const hash = sha1.digest("base64"); // shows that a WebSocket server answers
  browser.write("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n");
  browser.write(`Connection: Upgrade\r\nSec-WebSocket-Accept: ${hash}\r\n\r\n`);

  const chat = connect(Number(chatPort), chatHost);
  const lines = createInterface({ input: chat });
  lines.on("line", (line) => send(text, line));
  lines.on("error", () => {}); // the chat's own, once more
  chat.on("error", (error) => console.error("the chat:", error.message));
  chat.on("close", () => close(1001, "no connection to the chat server"));
  chat.on("drain", () => browser.resume());
  browser.on("drain", () => chat.resume());
  browser.on("end", () => browser.end());
  browser.on("close", () => chat.destroy());

  let received = head; // frames, the last one perhaps incomplete
  let message: Buffer | undefined; // its fragments so far
  browser.on("data", (chunk) => {
    received = Buffer.concat([received, chunk]);
    while (browser.writable && received.length >= 2) {
      const [first = 0, second = 0, third = 0, fourth = 0] = received;
      // 0x80 says that there is a mask, 126 that the length is in the next bytes.
      const start = second === 0x80 + 126 ? 8 : 6;
      const length = start === 8 ? third * 256 + fourth : second & 0x7f;
      const isData = (message ? [0x00, 0x80] : [0x01, 0x81]).includes(first);
      const isControl = [closing, ping, pong].includes(first) && length <= 125;
      if (second < 0x80 || !(isData || isControl)) return close(1002);
      if (second === 0x80 + 127) return close(1009); // a length of 64 bits
      if (received.length < start + length) return;

      const mask = received.subarray(start - 4, start);
      const masked = received.subarray(start, start + length);
      const payload = masked.map((byte, i) => byte ^ mask[i % 4]!);
      received = received.subarray(start + length);
      if (first === closing) return close(1000);
      // A browser that does not read gets no pongs: they would fill the memory.
      if (first === ping && !browser.writableNeedDrain) send(pong, payload);
      if (isControl) continue;
      message = Buffer.concat([message ?? Buffer.alloc(0), payload]);
      if (message.length > 65_535) return close(1009);
      if (first < 0x80) continue;
      if (!isUtf8(message)) return close(1007);
      if (!chat.write(`${message}\n`)) browser.pause();
      message = undefined;
    }
  });

  function send(first: number, content: string | Uint8Array) {
    if (!browser.writable) return;
    const payload = Buffer.from(content).subarray(0, 65_535);
    const { length } = payload;
    const size = length < 126 ? [length] : [126, length >> 8, length];
    if (!browser.write(Buffer.from([first, ...size, ...payload]))) chat.pause();
  }

  function close(code: number, reason = "") {
    send(closing, Buffer.from([code >> 8, code, ...Buffer.from(reason)]));
    browser.end(() => chat.end());
  }
});
