/**
 * UDP relay: stands between clients and a server, draws each datagram, and loses
 * some on request.
 *
 * No connection tells which client a reply is for. So the relay has one socket
 * for each client, and what arrives there is for that client. Nobody says
 * goodbye either: a client is forgotten when nothing passes for 60 seconds. There
 * is room for 1000. A relay sends each client's datagrams from a port of its own,
 * so two relays that send to each other would find new clients for ever: the
 * 1000 end that.
 *
 * --to is the server; a name stands for its IPv4 address. The relay numbers the
 * datagrams of both directions. --drop 1,3 loses the first and the third,
 * --duplicate 2 sends the second twice, --delay 4:300 holds the fourth for 300
 * milliseconds. --loss 0.3 loses 30%, in every run the same for one --seed. In the
 * picture, a lost datagram ends at a ✗; a held one waits at a …, and is drawn once
 * more when it goes on. --json prints each event as a line of JSON, with all the
 * data as hexadecimal digits; "up" is to the server.
 *
 *     $ tsx udp/server.ts
 *     The uppercase server is ready on 127.0.0.1:12000
 *     $ tsx udp/relay.ts --to 127.0.0.1:12000 --loss 0.3
 *     The relay to 127.0.0.1:12000 is ready on 127.0.0.1:12001
 *        1.782 s  client 1 ── #1 ─────────────▶ server  5 bytes "hello"
 *        1.783 s  client 1 ◀───────────── #2 ── server  5 bytes "HELLO"
 *        1.785 s  client 2 ── #3 ───✗           server  5 bytes "again"
 *     $ printf 'hello\nagain' | tsx udp/client.ts --port 12001
 *     HELLO
 *     no reply from 127.0.0.1:12001 in time: try again
 */
import { createSocket, type RemoteInfo } from "node:dgram";
import { once } from "node:events";
import { isIPv6 } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { config } from "../shared/config.ts";

const { host, port, to, drop, duplicate, delay, loss, seed, json } = config(
  "relay",
  {
    to: "127.0.0.1:12000",
    drop: "",
    duplicate: "",
    delay: "",
    loss: "0",
    seed: 1,
    json: false,
  },
);
const [, name = "", digits] = /^(.+):(\d+)$/.exec(to) ?? [];
const target = { host: name.replace(/[[\]]/g, ""), port: Number(digits) };
if (!(target.port > 0 && target.port < 65536))
  wrong("--to takes a host and a port, such as 127.0.0.1:12000");
// An option that is not given is the number 0, which no datagram has.
const dropped = new Set(drop.split(",").map(Number));
const doubled = new Set(duplicate.split(",").map(Number));
if (dropped.has(NaN)) wrong("--drop takes numbers of datagrams, such as 1,3");
if (doubled.has(NaN)) wrong("--duplicate takes numbers, such as 1,3");
if (!/^(\d+:\d{1,9},?)*$/.test(delay))
  wrong("--delay takes numbers of datagrams and milliseconds, such as 4:300");
const pairs = delay.split(",").map((pair) => pair.split(":"));
const delays: Record<number, string> = Object.fromEntries(pairs);
if (!(Number(loss) <= 1)) wrong("--loss takes a part of 1, such as 0.3"); // NaN too

const heads: Record<string, string> = { lost: "✗", held: "…" };
const room = Math.max(16, (process.stdout.columns || 80) - 64); // for data
// Control characters, and those that turn text around, would redraw a terminal.
// U+FFFD stands for bytes that are no text.
const unsafe = /(?![\t\r\n])\p{Cc}|[\ufffd\u2028-\u202e\u2066-\u2069]/gu;

const server = createSocket(isIPv6(host) ? "udp6" : "udp4");
server.bind(port, host);

server.on("listening", () => {
  const { address, port } = server.address();
  console.log(`The relay to ${to} is ready on ${address}:${port}`);
  // bind() has succeeded, so an error concerns one client, and others go on.
  server.on("error", tell);
});

const clients = new Map<string, ReturnType<typeof join>>();
let joined = 0;
let datagrams = 0;
let random = (seed + 1) * 13000; // any start but 0

server.on("message", (message, from) => {
  const key = `${from.address}:${from.port}`;
  if (clients.size === 1000 && !clients.has(key))
    return console.error(`no room for ${key}: there are 1000 clients`);
  const pass = clients.get(key) ?? join(key, from);
  pass(message, true).catch(tell);
});

/** Makes a socket for a client. What is returned passes its datagrams on. */
function join(key: string, from: RemoteInfo) {
  const client = ++joined;
  const upstream = createSocket(isIPv6(target.host) ? "udp6" : "udp4");
  upstream.connect(target.port, target.host); // so only the target is heard
  const connected = once(upstream, "connect");
  // If the target's name is unknown, forget the client: its next datagram makes
  // a new one, which looks the name up again.
  connected.then(() => upstream.on("error", tell), forget);
  upstream.on("message", (reply) => pass(reply, false).catch(tell));
  const silence = setTimeout(forget, 60_000);
  clients.set(key, pass);
  return pass;

  /** Passes a datagram on: up to the server, or down to the client. */
  async function pass(data: Buffer, up: boolean) {
    const number = ++datagrams;
    // Lehmer's random numbers, below 2147483647. In every run they are the same.
    random = (random * 48271) % 2147483647;
    const lost = dropped.has(number) || random / 2147483647 < Number(loss);
    silence.refresh();
    await connected;

    if (lost) return draw("lost", number, up, data);
    const wait = Number(delays[number] ?? 0);
    if (wait) draw("held", number, up, data);
    if (wait) await sleep(wait);
    for (let left = doubled.has(number) ? 2 : 1; left > 0; left--) {
      draw("passed", number, up, data);
      if (up) upstream.send(data, tell);
      else server.send(data, from.port, from.address, tell);
    }
  }

  /** Draws what happens to a datagram: it is passed, lost or held. */
  function draw(kind: string, number: number, up: boolean, data: Buffer) {
    if (process.stdout.writableLength > 10e6) return; // 10 MB that nobody reads
    const time = performance.now() / 1000;
    const line = { time, client, up, number, kind, data: data.toString("hex") };
    if (json) return console.log(JSON.stringify(line));

    // Every arrow is 20 wide. What is lost or held stops half-way.
    const size = kind === "passed" ? 19 : 9;
    const head = heads[kind] ?? (up ? "▶" : "◀");
    let arrow = (`── #${number} `.padEnd(size, "─") + head).padEnd(20);
    if (!up) arrow = (head + ` #${number} ──`.padStart(size, "─")).padStart(20);
    let text = data.toString("utf8", 0, room).replace(unsafe, "·");
    if (data.length > room) text += "…";
    const way = `client ${client} ${arrow} server  ${data.length} bytes`;
    console.log(time.toFixed(3).padStart(8), "s ", way, JSON.stringify(text));
  }

  function forget() {
    clients.delete(key);
    clearTimeout(silence);
    upstream.close();
  }
}

function tell(error: Error | null) {
  if (error) console.error(`between a client and ${to}: ${error.message}`);
}

function wrong(message: string) {
  console.error(message);
  process.exit(2);
}
