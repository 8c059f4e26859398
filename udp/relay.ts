/**
 * Relay over UDP: passes datagrams between clients and a server, draws each
 * one, and loses, doubles or delays some on request.
 *
 * A datagram may get lost, come twice or be overtaken. On one machine that
 * hardly ever happens; here you see what your program does then. No connection
 * says which client a reply is for, so the relay has one more socket for each
 * client, and what comes in there is for that client. It may come from any port
 * of the server's address, and the client's next datagrams go to that port
 * (TFTP works like this). Nobody says goodbye either: a client is forgotten
 * when nothing has passed for a minute. There is room for 1000 clients, so two
 * relays that send to each other come to rest.
 *
 * --to is the server; a name means its IPv4 address. The datagrams of both
 * directions are numbered: --drop 1 loses the first, --duplicate 2 passes the
 * second twice, --delay 4:300 passes the fourth 300 milliseconds late and
 * --delay all:20 each one 20 milliseconds late, --loss 30 loses 30 of 100, the
 * same ones in every run. In the data that is shown, · is a control character,
 * such as a line feed.
 *
 *     $ tsx udp/server.ts
 *     The uppercase server is ready on 127.0.0.1:12000
 *     $ tsx udp/relay.ts --to 127.0.0.1:12000 --drop 3
 *     The relay to 127.0.0.1:12000 is ready on 127.0.0.1:12001
 *        0.000 s  client 1 ── #1 ─────────────▶ server  5 bytes "hello"
 *        0.001 s  client 1 ◀───────────── #2 ── server  5 bytes "HELLO"
 *        0.004 s  client 2 ── #3 ─────────────✗ server  5 bytes "again"
 *     $ printf 'hello\nagain' | tsx udp/client.ts --port 12001
 *     HELLO
 *     127.0.0.1:12001: no reply in time: try again
 */
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { isIPv6 } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { config } from "../shared/config.ts";

const faults = { drop: 0, duplicate: 0, delay: "0:0", loss: 0 };
const own = { to: "127.0.0.1:12000", ...faults };
const { host, port, to, drop, duplicate, delay, loss } = config("relay", own);

const [, toHost = "", toPort] = /^\[?(.+?)\]?:([1-9]\d*)$/.exec(to) ?? [];
// Without a port it is NaN, and no comparison with NaN is true.
if (!(Number(toPort) < 65536)) refuse("--to takes HOST:PORT");
if (!/^(\d+|all):\d{1,4}$/.test(delay))
  refuse("--delay takes a pair such as 4:300 or all:20, at most 4:9999");
if (loss > 100) refuse("--loss takes 0 to 100");
const [held, wait] = delay.split(":"); // a number and milliseconds

// connect() looks the name up; replies come from the address that it finds.
const type = isIPv6(toHost) ? "udp6" : "udp4";
const probe = createSocket(type);
probe.connect(Number(toPort), toHost);
await once(probe, "connect");
const target = probe.remoteAddress();
probe.close();

const server = createSocket(isIPv6(host) ? "udp6" : "udp4");
server.bind(port, host);

server.on("listening", () => {
  const { address, port } = server.address();
  console.log(`The relay to ${to} is ready on ${address}:${port}`);
  server.on("error", (error) => console.error("a client:", error.message));
});

/** For each client, what passes its datagrams on. */
const clients = new Map<string, (data: Buffer) => void>();
let joined = 0;
let datagrams = 0;

server.on("message", (data, { address, port }) => {
  if (port === 0) return; // forged: no reply can go there
  const key = `${address}:${port}`;
  const known = clients.get(key);
  if (known) return known(data);

  if (clients.size === 1000) return console.error(`no room for ${key}`);
  joined++;
  const client = joined;
  const upstream = createSocket(type);
  let serverPort = target.port;
  clients.set(key, (data) => pass(data, true));
  upstream.on("message", (reply, from) => {
    if (from.address !== target.address || from.port === 0) return;
    pass(reply, false, from.port);
  });
  upstream.on("error", (error) => console.error("a client:", error.message));
  upstream.on("close", () => clients.delete(key));
  const silence = setTimeout(() => upstream.close(), 60_000);
  pass(data, true);

  async function pass(data: Buffer, up: boolean, from = serverPort) {
    silence.refresh();
    datagrams++;
    const number = datagrams;
    // The last digits of a sine look random, and are the same in every run.
    const chance = Math.abs(Math.sin(number) * 1e6) % 100;
    const isLost = number === drop || chance < loss;
    if (isLost) return draw(client, number, up, data, "✗");
    if (held === "all" || held === `${number}`) await sleep(Number(wait));
    if (!up) serverPort = from; // only now does the client know it
    for (let copies = number === duplicate ? 2 : 1; copies > 0; copies--) {
      draw(client, number, up, data);
      if (up) upstream.send(data, serverPort, target.address);
      else server.send(data, port, address);
    }
  }
});

// Control characters could redraw or reverse a terminal's text.
const controls = /[\p{Cc}\u202a-\u202e\u2066-\u2069]/gu;
let begin: number | undefined;

/** Draws a datagram, and as much of its data as 80 columns hold. */
function draw(client: number, id: number, up: boolean, data: Buffer, end = "") {
  begin ??= performance.now();
  const time = ((performance.now() - begin) / 1000).toFixed(3).padStart(8);
  let arrow = `── #${id} `.padEnd(19, "─") + (end || "▶");
  if (!up) arrow = (end || "◀") + ` #${id} ──`.padStart(19, "─");
  const line = `${time} s  client ${client} ${arrow} server  ${data.length} bytes `;
  const text = `${data.subarray(0, 78 - line.length)}`;
  console.log(`${line}"${text.replaceAll(controls, "·")}"`);
}

function refuse(problem: string) {
  console.error(`${problem}: see --help`);
  process.exit(2);
}
