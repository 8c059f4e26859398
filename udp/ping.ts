/**
 * Ping over UDP: sends numbered datagrams to an echo server, times the replies.
 *
 * UDP has no answer to "are you there?", so ping asks for one: a reply from the
 * echo server has made the whole trip. Nobody reports a lost datagram; ping
 * calls it lost if its reply is not there when the next one is due. That reply
 * may still come late, and any reply may come again. So each datagram has its
 * number and its time in it: no reply is taken for another's, and ping
 * remembers only the last one. A system without an echo server may say so: that
 * is an error, not a loss.
 *
 * --count says how many to send. --interval is the time between two, and so the
 * limit for a reply, in milliseconds. Ctrl-C ends it early. The first reply
 * takes longer, since Node is still compiling. The exit status is 0 if a reply
 * came in time, else 1.
 *
 *     $ tsx udp/echo-server.ts
 *     The echo server is ready on 127.0.0.1:2105
 *     $ tsx udp/relay.ts --to 127.0.0.1:2105 --drop 3
 *     The relay to 127.0.0.1:2105 is ready on 127.0.0.1:12001
 *     ...
 *     $ tsx udp/ping.ts --port 12001 --count 3
 *     1: 6.58 ms
 *     2: lost, no reply in 1000 ms
 *     3: 0.62 ms
 *     3 sent, 2 received, 1 lost, 0 errors
 *     min 0.62 ms, mean 3.60 ms, max 6.58 ms
 */
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { isIPv6 } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { config } from "../shared/config.ts";

const own = { count: 10, interval: 1000 };
const { host, port, count, interval } = config("echo", own);

const token = crypto.randomUUID(); // so nobody else can make up a reply
const total = { sent: 0, received: 0, lost: 0, errors: 0 };
const times = { min: Infinity, sum: 0, max: 0 }; // in milliseconds
const ms = (time: number) => `${time.toFixed(2)} ms`;
let awaited: string | undefined; // the last datagram, until its reply comes

const client = createSocket(isIPv6(host) ? "udp6" : "udp4");
client.connect(port, host);
await once(client, "connect");

client.on("message", (reply) => {
  const [, number, begin, mark] = `${reply}`.split(" ");
  const time = performance.now() - Number(begin);
  if (`${reply}` === awaited) {
    awaited = undefined;
    total.received++;
    times.min = Math.min(times.min, time);
    times.sum += time;
    times.max = Math.max(times.max, time);
    console.log(`${number}: ${ms(time)}`);
  } else if (mark === token) {
    const problem = time > interval ? "late" : "again";
    console.log(`${number}: ${ms(time)}, ${problem}`);
  } else {
    console.log(`not an echo: ${reply.length} bytes`);
  }
});

const nobody = "nothing listens there: start the server or check the --port";
client.on("error", ({ code, message }: NodeJS.ErrnoException) => {
  awaited = undefined;
  total.errors++;
  console.log(`${total.sent}: ${code === "ECONNREFUSED" ? nobody : message}`);
});

process.on("SIGINT", finish);
while (total.sent < count) {
  total.sent++;
  awaited = `ping ${total.sent} ${performance.now()} ${token}`;
  client.send(awaited);
  await sleep(interval);
  await sleep(1); // to read a reply that came while this program was stopped
  if (!awaited) continue;
  total.lost++;
  console.log(`${total.sent}: lost, no reply in ${interval} ms`);
}
finish();

function finish() {
  const { sent, received, lost, errors } = total;
  const { min, sum, max } = times;
  console.log(
    `${sent} sent, ${received} received, ${lost} lost, ${errors} errors`,
  );
  const mean = sum / received;
  if (received) console.log(`min ${ms(min)}, mean ${ms(mean)}, max ${ms(max)}`);
  process.exit(received ? 0 : 1);
}
