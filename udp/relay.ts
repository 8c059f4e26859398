/**
 * UDP relay: draws each datagram between client and server, and loses some.
 *
 * It counts the datagrams of both sides. drop 1,3 loses the first and the third,
 * duplicate 2 doubles the second, delay 4:300 holds the fourth for 300 ms; loss
 * 0.3 loses 30%, for one seed always the same. A ✗ is where one ended, a … where
 * one waits. The trap: no connection tells whose a reply is. So each client has
 * a socket here, until a minute of silence.
 *
 *     $ tsx udp/server.ts
 *     The uppercase server is ready on 127.0.0.1:12000
 *     $ tsx udp/relay.ts --to 127.0.0.1:12000 --loss 0.3 --seed 7
 *     The relay to 127.0.0.1:12000 is ready on 127.0.0.1:12001
 *        1.782 s  client 1 ── #1 ─────────────▶ server  5 bytes "hello"
 *        1.783 s  client 1 ◀───────────── #2 ── server  5 bytes "HELLO"
 *        1.785 s  client 2 ── #3 ───✗           server  5 bytes "again"
 *     $ printf 'hello\nagain' | tsx udp/client.ts --port 12001
 *     HELLO
 *     no reply from 127.0.0.1:12001 within 2 s: try again
 */
import { createHash } from "node:crypto";
import { createSocket, type RemoteInfo } from "node:dgram";
import { once } from "node:events";
import { isIPv6 } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { config } from "../shared/config.ts";

const to = { address: "127.0.0.1", port: 12000 };
const faults = { drop: "", duplicate: "", delay: "", loss: 0, seed: 1 };
const options = config("relay", { to, ...faults, hex: false });
const { host, port, drop, duplicate, delay, loss, seed } = options;
const lists = `${drop};${duplicate};${delay}`;
if (loss > 1 || !/^[\d,]*;[\d,]*;(\d+:\d{1,9},?)*$/.test(lists))
  fail("give drop 1,3, duplicate 2, delay 4:300,5:100, loss 0.3", 2);
const listed = (list: string, n: number) => `,${list},`.includes(`,${n},`);
const endpoint = ({ address, port }: { address: string; port: number }) =>
  `${isIPv6(address) ? `[${address}]` : address}:${port}`;
const target = endpoint(options.to);
if (target === endpoint({ address: host, port }))
  fail(`${target} is the relay itself: give it or its target another port`, 2);
const tell = (error: Error | null) =>
  error && console.error(`between a client and ${target}: ${error.message}`);
process.stdout.on("error", () => process.exit(1)); // as in: relay | head -1

const server = createSocket(isIPv6(host) ? "udp6" : "udp4");
server.on("error", ({ code }: NodeJS.ErrnoException) => {
  const address = endpoint({ address: host, port });
  fail(`cannot bind ${address} (${code}): try another port or host`, 1);
});
server.bind(port, host, () => {
  const address = endpoint(server.address());
  console.log(`The relay to ${target} is ready on ${address}`);
});

type Client = ReturnType<typeof join>;
const clients = new Map<string, Client>(); // the longest silent one first
let [joined, datagrams] = [0, 0];
server.on("message", (message, from) => {
  if (from.port === 0) return; // nobody's, and send() would throw
  const client = clients.get(endpoint(from)) ?? join(from);
  pass(message, client, true).catch(tell);
});

function join(from: RemoteInfo) {
  if (clients.size === 1000) forget([...clients.values()][0]!);
  const upstream = createSocket(isIPv6(options.to.address) ? "udp6" : "udp4");
  const connected = once(upstream, "connect");
  upstream.on("connect", () => upstream.on("error", tell));
  upstream.on("message", (reply) => pass(reply, client, false).catch(tell));
  upstream.connect(options.to.port, options.to.address);
  const silence = setTimeout(() => forget(client), 60_000);
  const client = { ...from, id: ++joined, upstream, connected, silence };
  return client;
}

function forget(client: Client) {
  clearTimeout(client.silence);
  clients.delete(endpoint(client));
  client.upstream.close();
}

async function pass(message: Buffer, client: Client, up: boolean) {
  const n = ++datagrams;
  clients.delete(endpoint(client));
  clients.set(endpoint(client), client);
  client.silence.refresh();
  await client.connected;
  const hash = createHash("sha256").update(`${seed} ${n}`).digest();
  if (listed(drop, n) || hash.readUInt32BE() < loss * 2 ** 32)
    return draw(message, client, up, n, "✗");
  const [, held] = RegExp(`\\b${n}:(\\d+)`).exec(delay) ?? [];
  if (held) draw(message, client, up, n, "…");
  if (held) await sleep(Number(held));
  for (const copy of listed(duplicate, n) ? [1, 2] : [1]) {
    if (up) client.upstream.send(message, tell);
    else server.send(message, client.port, client.address, tell);
    draw(message, client, up, n, held || copy === 2 ? "half" : "");
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
  const text = m.toString("latin1", 0, 999).replace(/[^\n\r\t -~]/g, "·");
  const line = `${time} s  client ${id} ${arrow} server  ${m.length} bytes ${JSON.stringify(text)}`;
  console.log(line.slice(0, process.stdout.columns || 80));
  if (options.hex) console.log(m.toString("hex").replace(/../g, "$& "));
}

function fail(text: string, status: number) {
  console.error(text);
  process.exit(status);
}
