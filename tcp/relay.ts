/**
 * TCP relay: stands between clients and a server, draws what passes, and cuts,
 * delays, resets or stops it on request.
 *
 * Each client has two connections here, and what happens to one must happen to
 * the other. Each direction ends by itself, with a FIN of its own. A slow reader
 * must slow the writer down, or what cannot leave fills the memory.
 *
 * --to is the server. --chunk 3 passes at most three bytes at a time, --delay 20
 * waits 20 milliseconds after each piece. After 1000 bytes of both directions,
 * --reset 1000 resets both connections, and --hang 1000 passes nothing more but
 * keeps both open: does your program give up in time? --only 1,2 does this to the
 * first two clients and to nobody else. --json prints each event as a line of
 * JSON, with all the data; "up" is to the server.
 *
 *     $ tsx tcp/server.ts
 *     The uppercase server is ready on 127.0.0.1:12000
 *     $ tsx tcp/relay.ts --to 127.0.0.1:12000 --chunk 3
 *     The relay to 127.0.0.1:12000 is ready on 127.0.0.1:12001
 *        1.800 s  client 1 ── connect ────────▶ server
 *        1.803 s  client 1 ── data ───────────▶ server  3 bytes "hel"
 *        1.804 s  client 1 ── data ───────────▶ server  2 bytes "lo"
 *     ...
 *     $ echo hello | tsx tcp/client.ts --port 12001
 *     HELLO
 */
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { config } from "../shared/config.ts";

const { host, port, to, chunk, delay, reset, hang, only, json } = config(
  "relay",
  {
    to: "127.0.0.1:12000",
    chunk: 65536,
    delay: 0,
    reset: 0,
    hang: 0,
    only: "",
    json: false,
  },
);

const [, name = "", digits] = /^(.+):(\d+)$/.exec(to) ?? [];
const target = { host: name.replace(/[[\]]/g, ""), port: Number(digits) };
if (!(target.port > 0 && target.port < 65536))
  wrong("--to takes a host and a port, such as 127.0.0.1:12000");
if (!/^[\d,]*$/.test(only))
  wrong("--only takes numbers of clients, such as 1,2");
if (chunk === 0) wrong("--chunk takes a number of bytes, such as 3");
// Shown as hex: no UTF-8, or characters that control a terminal or turn text.
const binary = /(?![\t\r\n])\p{Cc}|[\ufffd\u2028-\u202e\u2066-\u2069]/u;
const chosen = new Set(only.split(",").map(Number));

const options = { allowHalfOpen: true, keepAlive: true, noDelay: true };
const server = createServer(options);
server.maxConnections = 1000; // a relay to itself comes to an end
server.listen(port, host);

server.on("listening", () => {
  const { address, port } = server.address() as AddressInfo;
  console.log(`The relay to ${to} is ready on ${address}:${port}`);
});

let connections = 0;
server.on("connection", (client) => {
  if (process.stdout.writableLength > 10e6) return client.resetAndDestroy();
  const id = ++connections;
  const faulty = only === "" || chosen.has(id);
  const size = faulty ? chunk : 65536;
  const wait = faulty ? delay : 0;
  let left = Infinity; // bytes until the reset or the hang
  if (faulty) left = reset || hang || Infinity;

  const upstream = connect({ ...options, ...target });
  upstream.on("connect", () => draw(id, "up", "connect"));
  join(client, upstream, "up");
  join(upstream, client, "down");

  function join(from: Socket, other: Socket, direction: string) {
    from.on("error", (error: NodeJS.ErrnoException) => {
      const code = error.code ?? error.message;
      draw(id, direction, code === "ECONNRESET" ? "RST" : code);
      other.resetAndDestroy();
    });
    from.on("close", () => draw(id, direction, "close"));
    // If this fails, the error is drawn above.
    upstream.on("connect", () => pass(from, other, direction).catch(() => {}));
  }

  async function pass(from: Socket, other: Socket, direction: string) {
    for await (let data of from.iterator({ destroyOnReturn: false })) {
      while (data.length > 0 && left > 0 && other.writable) {
        const piece = data.subarray(0, Math.min(size, left));
        data = data.subarray(piece.length);
        left -= piece.length;
        const last = left === 0;
        await draw(id, direction, "data", piece);
        await new Promise((written) => other.write(piece, written));
        if (wait) await sleep(wait);
        if (last) return stop(direction);
      }
      if (left === 0) break; // the other direction has passed the last byte
    }
    if (left === 0) return;
    draw(id, direction, "FIN");
    other.end();
  }

  function stop(direction: string) {
    if (!reset) return draw(id, direction, "hang");
    draw(id, "up", "RST");
    draw(id, "down", "RST");
    client.resetAndDestroy();
    upstream.resetAndDestroy();
  }
});

/** Draws what happens. The promise is kept when the line is written. */
function draw(
  client: number,
  direction: string,
  kind: string,
  data = Buffer.alloc(0),
) {
  const time = Math.round(performance.now());
  const bytes = data.length;
  const text = data.toString();
  const content = binary.test(text) ? { hex: data.toString("hex") } : { text };
  const event = { time, client, direction, kind, bytes, ...content };
  if (json) return print(JSON.stringify(event));

  const up = direction === "up";
  let arrow = "◀" + ` ${kind} ──`.padStart(19, "─");
  if (up) arrow = `── ${kind} `.padEnd(19, "─") + "▶";
  if (kind === "close" || kind === "hang")
    arrow = up ? kind.padEnd(20) : kind.padStart(20);
  const seconds = (time / 1000).toFixed(3).padStart(8);
  let line = `${seconds} s  client ${client} ${arrow} server`;
  if (bytes === 0) return print(line);
  line += `  ${bytes} bytes ${content.hex ? "hex " : ""}`;
  const shown = [...JSON.stringify(content.text ?? content.hex).slice(0, 999)];
  const room = Math.max(9, (process.stdout.columns || 80) - line.length);
  if (shown.length > room) shown.splice(room - 2, shown.length, "…", '"');
  return print(line + shown.join(""));
}

function print(line: string) {
  return new Promise((written) => process.stdout.write(`${line}\n`, written));
}

function wrong(message: string) {
  console.error(message);
  process.exit(2);
}
