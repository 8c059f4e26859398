/**
 * Netcat over UDP: sends each line as a datagram, prints what comes back.
 *
 * UDP has no end: "nothing more comes" looks like "nothing yet". So after the
 * end of the input, 2 seconds of silence count as the end. And a receiver
 * cannot slow its sender down: what finds no room in its buffer is lost.
 *
 * HOST PORT is the server to call. With --listen, netcat waits for a datagram,
 * on --host and --port, and then talks to its sender only. --wait is the
 * silence in seconds. It prints bytes as they come: a stranger can send codes
 * that move the cursor of your terminal or change its title.
 *
 *     $ tsx udp/server.ts
 *     The uppercase server is ready on 127.0.0.1:12000
 *     $ printf 'hello\nagain\n' | tsx udp/netcat.ts 127.0.0.1 12000
 *     HELLO
 *     AGAIN
 */
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { isIPv6 } from "node:net";
import { createInterface } from "node:readline";
import { config } from "../shared/config.ts";

const own = { listen: false, wait: 2, words: [] as string[] };
const netcat = config("any", own);
const [host = netcat.host, text = netcat.port, ...more] = netcat.words;
const port = Number(text);
Object.assign(netcat, { host, port }); // an error names them
if (more.length || (port === 0 && !netcat.listen)) {
  console.error("give it HOST PORT, or --listen: see --help");
  process.exit(2);
}
if (netcat.wait > 2_000_000) {
  console.error("--wait takes at most 2000000 seconds: see --help");
  process.exit(2);
}

const socket = createSocket(isIPv6(host) ? "udp6" : "udp4");
if (netcat.listen) await accept();
socket.connect(netcat.port, netcat.host);
await once(socket, "connect");

const peer = socket.remoteAddress();
socket.on("message", (message, sender) => {
  // What others sent before connect() still arrives.
  const isPeer = sender.address === peer.address && sender.port === peer.port;
  if (isPeer) process.stdout.write(message);
});

if (process.stdin.isTTY) console.error("Type lines, then Ctrl-D:");
for await (const line of createInterface({ input: process.stdin }))
  await new Promise<void>((resolve, reject) => {
    // Without a callback, a connected socket drops a line that is too long.
    socket.send(`${line}\n`, (error) => (error ? reject(error) : resolve()));
  });
const end = setTimeout(() => socket.close(), netcat.wait * 1000);
socket.on("message", () => end.refresh());

/** Waits for a first datagram; its sender is the other end from then on. */
async function accept() {
  socket.bind(port, host);
  await once(socket, "listening");
  const { address, port: bound } = socket.address();
  console.error(`The netcat server is ready on ${address}:${bound}`);
  let [message, sender] = await once(socket, "message");
  // No reply can go to port 0.
  while (sender.port === 0) [message, sender] = await once(socket, "message");
  process.stdout.write(message);
  Object.assign(netcat, { host: sender.address, port: sender.port });
}
