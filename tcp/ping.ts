/**
 * Ping over TCP: connects again and again, times the handshakes.
 *
 * TCP has an answer to "are you there?": connect() takes one round trip, in
 * which the other system agrees. So this works with any TCP server, and shows
 * whether a port is open. "Nothing listens there" is the answer of a system
 * whose port is closed. No answer at all means no such system, a firewall, or a
 * lost packet. TCP sends that again after a second: with --interval 3000 you
 * see a time just above 1000 ms. The time is that of the address that answered;
 * looking up a name, or waiting for another of its addresses, is not in it.
 *
 * --count says how many to try. --interval is the time between two, and so the
 * limit for an answer, in milliseconds. Ctrl-C ends it early. The exit status
 * is 0 if it connected at least once, else 1.
 *
 *     $ tsx tcp/echo-server.ts
 *     The echo server is ready on 127.0.0.1:2105
 *     $ tsx tcp/ping.ts --count 2
 *     1: connected to 127.0.0.1 in 6.00 ms
 *     2: connected to 127.0.0.1 in 0.82 ms
 *     2 tried, 2 connected, 0 lost, 0 errors
 *     min 0.82 ms, mean 3.41 ms, max 6.00 ms
 */
import { connect } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { config } from "../shared/config.ts";

const own = { count: 10, interval: 1000 };
const { host, port, count, interval } = config("echo", own);

const total = { tried: 0, connected: 0, lost: 0, errors: 0 };
const times = { min: Infinity, sum: 0, max: 0 }; // in milliseconds
const ms = (time: number) => `${time.toFixed(2)} ms`;
const nobody = "nothing listens there: start the server or check the --port";

process.on("SIGINT", finish);
while (total.tried < count) {
  total.tried++;
  const client = connect(port, host);
  let begin = performance.now();
  client.on("connectionAttempt", () => {
    begin = performance.now(); // again for each address of a name
  });
  client.on("connect", () => {
    const time = performance.now() - begin;
    total.connected++;
    times.min = Math.min(times.min, time);
    times.sum += time;
    times.max = Math.max(times.max, time);
    const address = client.remoteAddress;
    console.log(`${total.tried}: connected to ${address} in ${ms(time)}`);
    client.destroy();
  });
  client.on("error", ({ code, message }: NodeJS.ErrnoException) => {
    total.errors++;
    const problem = code === "ECONNREFUSED" ? nobody : message;
    // With several addresses, the message is empty.
    console.log(`${total.tried}: ${problem || code}`);
  });
  await sleep(interval);
  await sleep(1); // to see an answer that came while this program was stopped
  if (client.connecting) {
    total.lost++;
    console.log(`${total.tried}: lost, no answer in ${interval} ms`);
  }
  client.destroy();
}
finish();

function finish() {
  const { tried, connected, lost, errors } = total;
  const { min, sum, max } = times;
  console.log(
    `${tried} tried, ${connected} connected, ${lost} lost, ${errors} errors`,
  );
  const mean = sum / connected;
  if (connected)
    console.log(`min ${ms(min)}, mean ${ms(mean)}, max ${ms(max)}`);
  process.exit(connected ? 0 : 1);
}
