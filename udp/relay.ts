/**
 * UDP relay: stands between clients and a server, draws each datagram, and loses
 * some on request.
 *
 * No connection tells which client a reply is for. So the relay has one socket
 * for each client, and what arrives there is for that client. Nobody says
 * goodbye either: when there are 1000 clients, the one that was silent longest
 * makes room for the next. If that one never got a reply, the new datagram is
 * lost: so relays that send to each other in a circle come to rest.
 *
 * --to is the server; a name stands for its IPv4 address. The relay numbers the
 * datagrams of both directions. --drop 1,3 loses the first and the third,
 * --duplicate 2 sends the second twice, --delay 4:300 holds the fourth for 300
 * milliseconds, --loss 0.3 loses 30%, for one --seed always the same. In the
 * picture, a datagram ends at a ✗ and waits at a …. --json prints each event as
 * a line of JSON, with all the data; "up" is to the server.
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
 *     no reply from 127.0.0.1:12001 in time: try again
 */
import { createHash } from "node:crypto";
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
const list = /^[\d,]*$/;
if (!list.test(drop)) wrong("--drop takes numbers of datagrams, such as 1,3");
if (!list.test(duplicate)) wrong("--duplicate takes numbers, such as 1,3");
if (!/^(\d+:\d{1,9},?)*$/.test(delay))
  wrong("--delay takes numbers of datagrams and milliseconds, such as 4:300");
if (!(Number(loss) <= 1)) wrong("--loss takes a part of 1, such as 0.3");
// Shown as hex: no UTF-8, or characters that control a terminal or turn text.
const binary = /(?![\t\r\n])\p{Cc}|[\ufffd\u2028-\u202e\u2066-\u2069]/u;
const dropped = new Set(drop.split(",").map(Number));
const doubled = new Set(duplicate.split(",").map(Number));
const delays = new Map<number, number>();
for (const pair of delay.split(",")) {
  const [number = 0, milliseconds = 0] = pair.split(":").map(Number);
  delays.set(number, milliseconds);
}

const server = createSocket(isIPv6(host) ? "udp6" : "udp4");
server.bind(port, host);

server.on("listening", () => {
  const { address, port } = server.address();
  console.log(`The relay to ${to} is ready on ${address}:${port}`);
  server.on("error", tell); // from now on, of one client
});

type Client = ReturnType<typeof join>;
const clients = new Map<string, Client>(); // the one silent longest comes first
let joined = 0;
let datagrams = 0;

server.on("message", (message, from) => {
  if (from.port === 0) return; // nobody's: no reply can be sent there
  const key = `${from.address}:${from.port}`;
  const [oldest] = clients.values();
  if (oldest && clients.size === 1000 && !clients.has(key)) {
    forget(oldest);
    if (!oldest.answered) return console.error("1000 clients have no reply");
  }
  const client = clients.get(key) ?? join(key, from);
  pass(message, client, "up").catch(tell);
});

function join(key: string, from: RemoteInfo) {
  const upstream = createSocket(isIPv6(target.host) ? "udp6" : "udp4");
  upstream.connect(target.port, target.host);
  const connected = once(upstream, "connect");
  connected.then(
    () => upstream.on("error", tell),
    () => forget(client), // its next datagram looks the name up again
  );
  upstream.on("message", (reply) => {
    client.answered = true;
    pass(reply, client, "down").catch(tell);
  });
  const id = ++joined;
  const client = { id, key, from, upstream, connected, answered: false };
  return client;
}

function forget(client: Client) {
  clients.delete(client.key);
  client.upstream.close();
}

/** Passes a datagram on, "up" to the server or "down" to the client. */
async function pass(data: Buffer, client: Client, direction: string) {
  clients.delete(client.key);
  clients.set(client.key, client);
  const { id, from, upstream, connected } = client;
  const number = ++datagrams;
  await connected;

  const hash = createHash("sha256").update(`${seed} ${number}`).digest();
  const random = hash.readUInt32BE() / 2 ** 32; // from 0 to 1
  if (dropped.has(number) || random < Number(loss))
    return draw(id, direction, number, "lost", data);
  const wait = delays.get(number);
  if (wait) draw(id, direction, number, "held", data);
  if (wait) await sleep(wait);
  for (const copy of doubled.has(number) ? [1, 2] : [1]) {
    const whole = !wait && copy === 1;
    draw(id, direction, number, whole ? "passed" : "sent", data);
    if (direction === "up") upstream.send(data, tell);
    else server.send(data, from.port, from.address, tell);
  }
}

/** Draws what happens to a datagram: it is passed, lost, held or sent later. */
function draw(
  client: number,
  direction: string,
  number: number,
  kind: string,
  data: Buffer,
) {
  if (process.stdout.writableLength > 10e6) return; // nobody reads the picture
  const time = Math.round(performance.now());
  const bytes = data.length;
  const text = data.toString();
  const content = binary.test(text) ? { hex: data.toString("hex") } : { text };
  const event = { time, client, direction, number, kind, bytes, ...content };
  if (json) return console.log(JSON.stringify(event));

  // An arrow's parts, from its beginning to its head. A reply's are turned round.
  const stop = { lost: "✗", held: "…" }[kind];
  const head = stop ?? (direction === "up" ? "▶" : "◀");
  const dashes = (kind === "passed" ? 14 : 4) - `${number}`.length;
  const arrow = ["──", ` #${number} `, "".padEnd(dashes, "─"), head];
  if (stop) arrow.push(" ".repeat(10));
  if (kind === "sent") arrow.unshift(" ".repeat(10));
  if (direction === "down") arrow.reverse();
  const seconds = (time / 1000).toFixed(3).padStart(8);
  let line = `${seconds} s  client ${client} ${arrow.join("")} server`;
  line += `  ${bytes} bytes ${content.hex ? "hex " : ""}`;
  const shown = [...JSON.stringify(content.text ?? content.hex).slice(0, 999)];
  const room = Math.max(9, (process.stdout.columns || 80) - line.length);
  if (shown.length > room) shown.splice(room - 2, shown.length, "…", '"');
  console.log(line + shown.join(""));
}

function tell(error: Error | null) {
  if (error) console.error(`between a client and ${to}: ${error.message}`);
}

function wrong(message: string) {
  console.error(message);
  process.exit(2);
}
