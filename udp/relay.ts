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
 * milliseconds. --loss 0.3 loses 30%: the same ones in every run, and others with
 * another --seed. In the picture, a lost datagram ends at a ✗; a held one waits at
 * a …, and is drawn once more when it goes on. --json prints each event as a line
 * of JSON, with all the data as hexadecimal digits; "up" is to the server.
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

const faults = { drop: "", duplicate: "", delay: "", loss: "0", seed: 0 };
const { host, port, to, json, drop, duplicate, delay, loss, seed } = config(
  "relay",
  { to: "127.0.0.1:12000", json: false, ...faults },
);
// HOST:PORT, without the brackets of [::1]:12000. Without a port, it is NaN,
// and no comparison with NaN is true.
const [, toHost = "", toPort] = /^\[?(.+?)\]?:([1-9]\d*)$/.exec(to) ?? [];
if (!(Number(toPort) < 65536)) wrong("to", "targets such as localhost:12000");
// An option that is not given is the number 0, which no datagram has.
const dropped = new Set(drop.split(",").map(Number));
const doubled = new Set(duplicate.split(",").map(Number));
if (dropped.has(NaN)) wrong("drop", "numbers of datagrams, such as 1,3");
if (doubled.has(NaN)) wrong("duplicate", "numbers of datagrams, such as 1,3");
if (!/^(\d+:\d{1,9},?)*$/.test(delay)) wrong("delay", "pairs such as 4:300");
const pairs = delay.split(",").map((pair) => pair.split(":"));
const delays: Record<number, string> = Object.fromEntries(pairs);
if (!(Number(loss) <= 1)) wrong("loss", "a part of 1, such as 0.3"); // NaN too

const heads: Record<string, string> = { lost: "✗", held: "…" };
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

const clients = new Map<string, (data: Buffer, up: boolean) => Promise<void>>();
let joined = 0;
let datagrams = 0;

server.on("message", (message, from) => {
  const key = `${from.address}:${from.port}`;
  if (!clients.has(key)) join(key, from);
  clients.get(key)?.(message, true).catch(tell);
});

/** Makes a socket for a client, and the function that passes its datagrams on. */
function join(key: string, from: RemoteInfo) {
  if (clients.size === 1000) return console.error(`no room for ${key}`);
  const client = ++joined;
  const upstream = createSocket(isIPv6(toHost) ? "udp6" : "udp4");
  upstream.connect(Number(toPort), toHost); // so only the target is heard
  const connected = once(upstream, "connect");
  // If the target's name is unknown, forget the client: its next datagram makes
  // a new one, which looks the name up again.
  connected.then(() => upstream.on("error", tell), forget);
  upstream.on("message", (reply) => pass(reply, false).catch(tell));
  const silence = setTimeout(forget, 60_000);
  clients.set(key, pass);

  /** Passes a datagram on: up to the server, or down to the client. */
  async function pass(data: Buffer, up: boolean) {
    const number = ++datagrams;
    // The last digits of a sine seem random, but are the same in every run.
    const chance = Math.abs(Math.sin(seed * 1000 + number) * 1e6) % 1;
    const lost = dropped.has(number) || chance < Number(loss);
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
    // 80 columns have room for 16 bytes of data.
    let text = data.toString("utf8", 0, 16).replace(unsafe, "·");
    if (data.length > 16) text += "…";
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

function wrong(option: string, takes: string) {
  console.error(`--${option} takes ${takes}`);
  process.exit(2);
}
