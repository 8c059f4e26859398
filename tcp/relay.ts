/**
 * TCP relay: stands between clients and a server, draws what passes, and cuts,
 * delays, resets or stops it on request.
 *
 * Each client has two connections here, and what happens to one must happen to
 * the other. Each direction ends by itself, with a FIN of its own. A slow reader
 * must slow the writer down, or what cannot leave fills the memory.
 *
 * --to is the server. --chunk 3 passes at most three bytes at a time, --delay 20
 * waits 20 milliseconds after each piece. After 1000 bytes, counted in both
 * directions together, --reset 1000 resets both connections: a reset (RST) ends
 * both directions at once, and loses what is under way. --hang 1000 passes nothing
 * more but keeps both open: does your program give up in time? --only 1,2 does all
 * of this to the first two clients and to nobody else. --json prints each event as
 * a line of JSON, with all the data as hexadecimal digits; "up" is to the server.
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

const faults = { chunk: 0, delay: 0, reset: 0, hang: 0, only: "" };
const { host, port, to, json, chunk, delay, reset, hang, only } = config(
  "relay",
  { to: "127.0.0.1:12000", json: false, ...faults },
);
// HOST:PORT, without the brackets of [::1]:12000. Without a port, it is NaN,
// and no comparison with NaN is true.
const [, toHost = "", toPort] = /^\[?(.+?)\]?:([1-9]\d*)$/.exec(to) ?? [];
if (!(Number(toPort) < 65536)) wrong("to", "targets such as localhost:12000");
const chosen = new Set(only.split(",").map(Number));
if (chosen.has(NaN)) wrong("only", "numbers of clients, such as 1,2");

// Control characters, and those that turn text around, would redraw a terminal.
// U+FFFD stands for bytes that are no text.
const unsafe = /(?![\t\r\n])\p{Cc}|[\ufffd\u2028-\u202e\u2066-\u2069]/gu;

// A client that has ended may still get data, a peer that is gone is noticed in
// the end, and small pieces leave at once.
const options = { allowHalfOpen: true, keepAlive: true, noDelay: true };
const server = createServer(options);
server.maxConnections = 1000; // so a relay to itself comes to an end
server.listen(port, host);

server.on("listening", () => {
  const { address, port } = server.address() as AddressInfo;
  console.log(`The relay to ${to} is ready on ${address}:${port}`);
});

let connections = 0;

server.on("connection", (connection) => {
  const client = ++connections;
  const faulty = only === "" || chosen.has(client);
  const most = faulty && chunk > 0 ? chunk : 65536; // bytes at a time
  let left = Infinity; // bytes of both directions until the reset or the hang
  if (faulty) left = reset || hang || Infinity;

  const upstream = connect({ ...options, host: toHost, port: Number(toPort) });
  upstream.on("connect", () => draw("connect", true));
  join(connection, upstream, true);
  join(upstream, connection, false);

  /** What happens to one connection also happens to the other. */
  function join(from: Socket, other: Socket, up: boolean) {
    from.on("error", ({ code }: NodeJS.ErrnoException) => {
      draw(code === "ECONNRESET" ? "RST" : `${code}`, up);
      other.resetAndDestroy();
    });
    from.on("close", () => draw(left === 0 && reset ? "RST" : "close", up));
    // What fails there also comes as "error", and is drawn.
    upstream.on("connect", () => pass(from, other, up).catch(() => {}));
  }

  /** Passes data on, up to the server or down to the client, and its end. */
  async function pass(from: Socket, other: Socket, up: boolean) {
    // Without the option, break would close the connection.
    for await (let data of from.iterator({ destroyOnReturn: false })) {
      while (data.length > 0 && left > 0 && other.writable) {
        const piece = data.subarray(0, Math.min(most, left));
        data = data.subarray(piece.length);
        left -= piece.length;
        draw("data", up, piece);
        // Until this is written, nothing more is read.
        await new Promise((written) => other.write(piece, written));
        if (faulty && delay) await sleep(delay);
      }
      if (left === 0) break;
    }
    if (left > 0) {
      draw("FIN", up);
      other.end();
    } else if (reset) {
      from.resetAndDestroy();
      other.resetAndDestroy();
    } else draw("hang", up);
  }

  /** Draws what happens, and the beginning of the data. */
  function draw(kind: string, up: boolean, data = Buffer.alloc(0)) {
    if (process.stdout.writableLength > 10e6) return; // 10 MB that nobody reads
    const time = performance.now() / 1000;
    const line = { time, client, up, kind, data: data.toString("hex") };
    if (json) return console.log(JSON.stringify(line));

    let arrow = `── ${kind} `.padEnd(19, "─") + "▶";
    if (!up) arrow = "◀" + ` ${kind} ──`.padStart(19, "─");
    if (kind === "close" || kind === "hang")
      arrow = up ? kind.padEnd(20) : kind.padStart(20);
    // 80 columns have room for 16 bytes of data.
    let text = data.toString("utf8", 0, 16).replace(unsafe, "·");
    if (data.length > 16) text += "…";
    let way = `client ${client} ${arrow} server`;
    if (data.length) way += `  ${data.length} bytes ${JSON.stringify(text)}`;
    console.log(time.toFixed(3).padStart(8), "s ", way);
  }
});

function wrong(option: string, takes: string) {
  console.error(`--${option} takes ${takes}`);
  process.exit(2);
}
