/**
 * Ping over TCP: connects again and again, tells how long each handshake takes.
 *
 * TCP has an answer to "is it there?": connect() takes one round trip, in which
 * the other system agrees. So this works with any TCP server, and tells if a port
 * is open. "Refused" means that the host is there, and nothing listens on the
 * port. No answer means no host, or a firewall. A time just above 1000 ms means
 * that a packet was lost: TCP sends it again, UDP does not.
 *
 * --count says how many to try. --interval is the time between two in seconds.
 * --echo also sends some bytes, and tells when an echo server has sent them back.
 * Ctrl-C ends it early. The exit status is 0 if it connected at least once, else 1.
 *
 *     $ tsx tcp/echo-server.ts
 *     The echo server is ready on 127.0.0.1:2105
 *     $ tsx tcp/ping.ts --count 2 --echo
 *     1: connected in 6.00 ms
 *     1: echoed in 2.41 ms
 *     2: connected in 0.82 ms
 *     2: echoed in 0.87 ms
 *     2 tried, 2 connected
 */
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { config } from "../shared/config.ts";

const { host, port, count, interval, echo } = config("echo", {
  count: 10,
  interval: "1",
  echo: false,
});
if (count === 0 || !/^\d{1,4}(\.\d+)?$/.test(interval)) {
  console.error("--count takes 1 or more, --interval seconds, such as 0.2");
  process.exit(2);
}
const pause = Number(interval) * 1000;
const meanings: Record<string, string> = {
  ECONNREFUSED: "refused: the host is there, but nothing listens on the port",
  ECONNRESET: "reset: the other end cut the connection",
  EPIPE: "reset: the other end cut the connection",
  EHOSTUNREACH: "unreachable: the host does not answer in its network",
  ENETUNREACH: "unreachable: no route leads to that network",
  ETIMEDOUT: "no answer",
  ABORT_ERR: "no answer within 5 s",
};
let tried = 0;
let connected = 0;

/** Connects, closes, and tells how long the handshake took, or what failed. */
async function ping(number: number) {
  tried++;
  const signal = AbortSignal.timeout(5000);
  let begin = performance.now();
  const client = connect({ host, port, signal });
  client.on("lookup", () => {
    begin = performance.now(); // finding a name's address is no part of it
  });
  try {
    await once(client, "connect");
    connected++;
    console.log(`${number}: connected in ${since(begin)}`);
    if (echo)
      console.log(`${number}: ${await exchange(client, `ping ${number}`)}`);
  } catch (error) {
    const meaning = meanings[(error as NodeJS.ErrnoException).code ?? ""];
    if (!meaning) throw error;
    console.log(`${number}: ${meaning}`);
  }
  client.destroy();
}

/** Sends a message, and tells how long it takes until all of it is back. */
async function exchange(client: Socket, message: string) {
  const begin = performance.now();
  client.write(message);
  let reply = "";
  for await (const chunk of client) {
    reply += chunk; // it may come in pieces
    if (reply.length >= message.length) break;
  }
  return reply === message ? `echoed in ${since(begin)}` : "not an echo";
}

process.once("SIGINT", finish);
for (let number = 1; number <= count; number++)
  await Promise.all([ping(number), sleep(number < count ? pause : 0)]);
finish();

function finish() {
  const line = `${tried} tried, ${connected} connected\n`;
  process.stdout.write(line, () => process.exit(connected > 0 ? 0 : 1));
}

function since(begin: number) {
  return `${(performance.now() - begin).toFixed(2)} ms`;
}
