/**
 * Relay over TCP: passes bytes between clients and a server, draws what passes,
 * and cuts, delays, resets or stops it on request.
 *
 * A program that takes a chunk for a message works on one machine, until a
 * network cuts the stream elsewhere; here you see what your program does then.
 * Each client has two connections, one with the relay and one from there to the
 * server, and what happens to one must happen to the other. Each direction ends
 * by itself, with a FIN of its own. A reset ends both directions at once, and
 * loses what is on its way. And a slow reader must slow the writer down, or
 * what it has not read yet fills the relay's memory.
 *
 * --to is the server. --chunk 3 passes at most three bytes at a time, --delay
 * 20 waits 20 milliseconds after each piece. After 1000 bytes of both
 * directions together, --reset 1000 resets both connections, and --hang 1000
 * passes no more data, and a FIN only 15 seconds late: does your program give
 * up in time? In the data that is shown, · is a control character, such as a
 * line feed. There is room for 1000 clients, so a relay to itself comes to
 * rest.
 *
 *     $ tsx tcp/server.ts
 *     The uppercase server is ready on 127.0.0.1:12000
 *     $ tsx tcp/relay.ts --to 127.0.0.1:12000 --chunk 3
 *     The relay to 127.0.0.1:12000 is ready on 127.0.0.1:12001
 *        0.000 s  client 1 ── connect ────────▶ server
 *        0.004 s  client 1 ── data ───────────▶ server  3 bytes "hel"
 *        0.005 s  client 1 ── data ───────────▶ server  2 bytes "lo"
 *     ...
 *     $ echo hello | tsx tcp/client.ts --port 12001
 *     HELLO
 */
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { config } from "../shared/config.ts";

const faults = { chunk: 0, delay: 0, reset: 0, hang: 0 };
const own = { to: "127.0.0.1:12000", ...faults };
const { host, port, to, chunk, delay, reset, hang } = config("relay", own);

const [, toHost = "", toPort] = /^\[?(.+?)\]?:([1-9]\d*)$/.exec(to) ?? [];
// A FIN ends one direction only, and a small piece leaves at once.
const sockets = { allowHalfOpen: true, noDelay: true };
const target = { ...sockets, host: toHost, port: Number(toPort) };
// Without a port it is NaN, and no comparison with NaN is true.
if (!(target.port < 65536)) refuse("--to takes HOST:PORT, such as [::1]:12000");
if (reset && hang) refuse("--reset and --hang exclude each other");

const server = createServer(sockets);
server.maxConnections = 1000;
server.listen(port, host);

server.on("listening", () => {
  const { address, port } = server.address() as AddressInfo;
  console.log(`The relay to ${to} is ready on ${address}:${port}`);
});

server.on("drop", () => console.error("no room for one more client"));

let joined = 0;

server.on("connection", (connection) => {
  joined++;
  const client = joined;
  let left = reset || hang || Infinity; // bytes to pass, in both directions
  draw(client, "connect", true);
  const upstream = connect(target);
  const connected = once(upstream, "connect");
  for (const up of [true, false])
    join(up).catch((error) => {
      // A connection's error has a code, and has been drawn by now.
      if (!error.code) throw error;
    });

  /** Whatever happens at one end also happens at the other. */
  async function join(up: boolean) {
    const [from, other] = up ? [connection, upstream] : [upstream, connection];
    from.on("error", ({ code }: NodeJS.ErrnoException) => {
      draw(client, `${code}`, up);
      sendReset(other);
    });
    await connected;
    // Without the option, a FIN would destroy data that goes the other way.
    for await (let data of from.iterator({ destroyOnReturn: false })) {
      while (data.length > 0 && left > 0 && other.writable) {
        const piece = data.subarray(0, Math.min(chunk || data.length, left));
        data = data.subarray(piece.length);
        left -= piece.length;
        const isLast = left === 0;
        draw(client, "data", up, piece);
        // More is read only after this, so a slow reader slows the writer down.
        await new Promise((written) => other.write(piece, written));
        if (delay) await sleep(delay);
        if (isLast) draw(client, reset ? "RST" : "hang", up, undefined, "✗");
        if (isLast && reset) [from, other].forEach(sendReset);
      }
    }
    if (!other.writable) return; // it was reset
    draw(client, "FIN", up, undefined, left === 0 ? "…" : "");
    if (left === 0) await sleep(15_000);
    other.end();
  }
});

/** Resets a connection; Node cannot do that while it is sending the FIN. */
function sendReset(socket: Socket) {
  const isEnding = socket.writableEnded && !socket.writableFinished;
  if (isEnding) socket.on("finish", () => socket.resetAndDestroy());
  else socket.resetAndDestroy();
}

// Control characters could redraw or reverse a terminal's text.
const controls = /[\p{Cc}\u202a-\u202e\u2066-\u2069]/gu;
let begin: number | undefined;

/** Draws what happens, and as much of the data as 80 columns hold. */
function draw(id: number, what: string, up: boolean, data?: Buffer, end = "") {
  begin ??= performance.now();
  const time = ((performance.now() - begin) / 1000).toFixed(3).padStart(8);
  let arrow = `── ${what} `.padEnd(19, "─") + (end || "▶");
  if (!up) arrow = (end || "◀") + ` ${what} ──`.padStart(19, "─");
  let line = `${time} s  client ${id} ${arrow} server`;
  if (data) line += `  ${data.length} bytes `;
  const text = `${data?.subarray(0, 78 - line.length)}`;
  if (data) line += `"${text.replaceAll(controls, "·")}"`;
  console.log(line);
}

function refuse(problem: string) {
  console.error(`${problem}: see --help`);
  process.exit(2);
}
