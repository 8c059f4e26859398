/**
 * UDP relay: stands between client and server, draws each datagram that passes,
 * and loses, doubles or delays those that you choose.
 *
 * Datagrams are numbered as they come. `--drop 1,3 --duplicate 2 --delay 4:300`
 * holds the fourth for 300 ms, and later ones overtake it; `--loss 0.3 --seed 7`
 * loses 30% of all, the same ones every time; `--hex` adds the bytes. A ✗ is
 * where a datagram ended, a … where it waits.
 *
 * The trap: no connection tells whose a reply is. So each client has a socket of
 * its own towards the server, and as nobody says goodbye, a minute of silence
 * closes it.
 *
 *     $ tsx udp/server.ts
 *     The uppercase server is ready on 127.0.0.1:12000
 *     $ tsx udp/relay.ts --to 127.0.0.1:12000 --loss 0.3 --seed 7
 *     The relay to 127.0.0.1:12000 is ready on 127.0.0.1:12001
 *        1.782 s  client 1 ── #1 ─────────────▶ server  5 bytes "hello"
 *        1.783 s  client 1 ◀───────────── #2 ── server  5 bytes "HELLO"
 *        1.785 s  client 2 ── #3 ───✗           server  5 bytes "again"
 *        3.787 s  client 3 ── #4 ─────────────▶ server  5 bytes "third"
 *        3.787 s  client 3 ◀───────────── #5 ── server  5 bytes "THIRD"
 *     $ printf 'hello\nagain\nthird' | tsx udp/client.ts --port 12001
 *     HELLO
 *     no reply from 127.0.0.1:12001 within 2 s: try again
 *     THIRD
 */
import { isUtf8 } from "node:buffer";
import { createHash } from "node:crypto";
import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";
import { isIPv6 } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { config } from "../shared/config.ts";

const options = config("relay", {
  to: "127.0.0.1:12000",
  drop: "",
  duplicate: "",
  delay: "",
  loss: 0,
  seed: 1,
  hex: false,
});
const { host, port, to, loss, seed } = options;
const [, toHost = "", toPort] = /^\[?(.+?)\]?:(\d{1,5})$/.exec(to) ?? [];
for (const [right, example] of [
  [Number(toPort) > 0 && Number(toPort) < 65536, "--to 127.0.0.1:12000"],
  [
    toHost !== host || Number(toPort) !== port,
    "--to 127.0.0.1:12000 --port 12001",
  ],
  [/^[\d,]*$/.test(options.drop), "--drop 1,3"],
  [/^[\d,]*$/.test(options.duplicate), "--duplicate 2,5"],
  [/^(\d+:\d{1,9},?)*$/.test(options.delay), "--delay 4:300,5:100"],
  [loss <= 1, "--loss 0.3"],
] as const)
  if (!right) {
    console.error(`wrong value: write it as in ${example}`);
    process.exit(2);
  }
const dropped = new Set(options.drop.split(",").map(Number));
const doubled = new Set(options.duplicate.split(",").map(Number));
const held = new Map<number, number>();
for (const [, n, ms] of options.delay.matchAll(/(\d+):(\d+)/g))
  held.set(Number(n), Number(ms));

const endpoint = ({ address, port }: { address: string; port: number }) =>
  `${isIPv6(address) ? `[${address}]` : address}:${port}`;
const tell = (error?: Error | null) =>
  error &&
  console.error(`a datagram to or from ${to} is lost: ${error.message}`);
process.stdout.on("error", () => process.exit(1)); // as in: relay | head -1

const server = createSocket(isIPv6(host) ? "udp6" : "udp4");
server.on("error", ({ code }: NodeJS.ErrnoException) => {
  const address = endpoint({ address: host, port });
  console.error(`cannot bind ${address} (${code}): try another port or host`);
  process.exit(1);
});
server.bind(port, host, () => {
  const address = endpoint(server.address());
  console.log(`The relay to ${to} is ready on ${address}`);
});

interface Client {
  id: number;
  name: string;
  upstream: Socket;
  connected: Promise<unknown>;
  reply: (message: Buffer) => void;
  silence: NodeJS.Timeout;
}
const clients = new Map<string, Client>(); // the longest silent one first
let joined = 0;
let datagrams = 0;

server.on("message", (message, { address, port }) => {
  if (port === 0) return; // nobody's, and send() would throw
  const name = endpoint({ address, port });
  const client = clients.get(name) ?? join(name, port, address);
  pass(message, client, true);
});

function join(name: string, port: number, address: string) {
  const [longestSilent] = clients.values();
  if (clients.size === 1000) forget(longestSilent!);
  const upstream = createSocket(isIPv6(toHost) ? "udp6" : "udp4");
  upstream.on("message", (reply) => pass(reply, client, false));
  upstream.on("error", tell);
  upstream.connect(Number(toPort), toHost);
  const client: Client = {
    id: ++joined,
    name,
    upstream,
    connected: once(upstream, "connect").then(
      () => {
        if (endpoint(upstream.remoteAddress()) !== endpoint(server.address()))
          return;
        console.error(`--to ${to} leads back to this relay`);
        process.exit(2);
      },
      () => forget(client),
    ),
    reply: (message) => server.send(message, port, address, tell),
    silence: setTimeout(() => forget(client), 60_000),
  };
  return client;
}

function forget({ name, upstream, silence }: Client) {
  clearTimeout(silence);
  clients.delete(name);
  upstream.close();
}

async function pass(message: Buffer, client: Client, up: boolean) {
  const n = ++datagrams;
  clients.delete(client.name);
  clients.set(client.name, client);
  client.silence.refresh();

  // A hash, so that each datagram of a seed has its fate for good.
  const hash = createHash("sha256").update(`${seed} ${n}`).digest();
  if (dropped.has(n) || hash.readUInt32BE() < loss * 2 ** 32)
    return draw(message, client, up, n, "✗");
  await client.connected;
  if (held.has(n)) {
    draw(message, client, up, n, "…");
    await sleep(held.get(n));
  }
  for (const copy of doubled.has(n) ? [1, 2] : [1]) {
    if (clients.get(client.name) !== client)
      // it is forgotten by now
      return draw(message, client, up, n, "✗");
    const half = copy === 2 || held.has(n);
    draw(message, client, up, n, half ? "half" : "");
    if (up) client.upstream.send(message, tell);
    else client.reply(message);
  }
}

/** Draws the way to the relay ("✗", "…"), the way from it ("half"), or both. */
function draw(m: Buffer, { id }: Client, up: boolean, n: number, way = "") {
  const ends = way === "✗" || way === "…";
  const head = ends ? way : up ? "▶" : "◀";
  const length = way ? 9 : 19;
  const half = up
    ? `── #${n} `.padEnd(length, "─") + head
    : head + ` #${n} ──`.padStart(length, "─");
  const arrow = up === ends ? half.padEnd(20) : half.padStart(20);
  const time = (performance.now() / 1000).toFixed(3).padStart(8);
  const width = process.stdout.columns || 80;
  // What came from the network must not steer the terminal.
  const visible = isUtf8(m)
    ? m.toString("utf8", 0, 4 * width).replace(/(?![\n\r\t])\p{Cc}/gu, "·")
    : m.toString("latin1", 0, width).replace(/[^\n\r\t -~]/g, "·");
  const text = `${m.length} bytes ${JSON.stringify(visible)}`;
  const line = `${time} s  client ${id} ${arrow} server  ${text}`;
  const cut = [...line].slice(0, width - 1).join("");
  console.log(cut.length + 1 < line.length ? `${cut}…` : line);
  if (options.hex)
    for (const row of m.toString("hex").match(/.{1,32}/g) ?? [])
      console.log(`${" ".repeat(12)}${row.replaceAll(/\B(?=(..)+$)/g, " ")}`);
}
