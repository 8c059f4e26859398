/**
 * Ping over UDP: sends numbered datagrams to an echo server, tells how long each
 * reply takes, and which replies never come.
 *
 * UDP has no answer to "is it there?", so this program makes one: what the echo
 * server sends back has made the whole trip. Nobody reports a lost datagram: the
 * program calls it lost after a second without a reply. That reply may still
 * come, or any reply come twice. So each datagram has its number and its time in
 * it, and no reply is taken for another's.
 *
 * --count says how many to send. --interval is the least time between two, in
 * seconds; with 0, each is sent as soon as the one before is back or lost. Ctrl-C
 * ends it early. Jitter is the standard deviation. The first takes longer, as the
 * program is still being compiled. The exit status is 0 if a reply came in time.
 *
 *     $ tsx udp/echo-server.ts
 *     The echo server is ready on 127.0.0.1:2105
 *     $ tsx udp/relay.ts --to 127.0.0.1:2105 --drop 3
 *     The relay to 127.0.0.1:2105 is ready on 127.0.0.1:12001
 *     ...
 *     $ tsx udp/ping.ts --port 12001 --count 3
 *     1: 6.58 ms
 *     2: lost, no reply within 1 s
 *     3: 0.62 ms
 *     3 sent, 2 received, 1 lost (33%)
 *     least 0.62 ms, mean 3.60 ms, most 6.58 ms, jitter 2.98 ms
 */
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { isIPv6 } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { config } from "../shared/config.ts";

const { host, port, count, interval } = config("echo", {
  count: 10,
  interval: "1",
});
if (count === 0 || !/^\d{1,4}(\.\d+)?$/.test(interval)) {
  console.error("--count takes 1 or more, --interval seconds, such as 0.2");
  process.exit(2);
}
const pause = Number(interval) * 1000;
const replies = new Map<string, () => void>(); // what each one's arrival does
const times: number[] = []; // of the replies, in milliseconds
let lost = 0;

const client = createSocket(isIPv6(host) ? "udp6" : "udp4");
client.connect(port, host);
await once(client, "connect");
client.on("error", ({ message }) => {
  console.error(`cannot reach ${host}:${port}: ${message}`);
});
client.on("message", (reply) => {
  const arrive = replies.get(`${reply}`);
  if (arrive) arrive();
  else console.log(`not an echo: ${reply.length} bytes`);
});

/** Sends a datagram, and waits until it is back or lost. */
function ping(number: number): Promise<void> {
  const begin = performance.now();
  const text = `ping ${number} ${begin}`;
  client.send(text, (error) => error && client.emit("error", error));
  return new Promise((done) => {
    let note = "";
    const timer = setTimeout(() => {
      console.log(`${number}: lost, no reply within 1 s`);
      lost++;
      note = ", too late";
      done();
    }, 1000);
    replies.set(text, () => {
      const time = performance.now() - begin;
      console.log(`${number}: ${ms(time)}${note}`);
      if (note) return;
      times.push(time);
      note = ", once more";
      clearTimeout(timer);
      done();
    });
  });
}

process.once("SIGINT", finish);
for (let number = 1; number <= count; number++)
  await Promise.all([ping(number), sleep(number < count ? pause : 0)]);
finish();

function finish() {
  const sent = replies.size;
  const received = times.length;
  const percent = Math.round((100 * lost) / sent);
  console.log(`${sent} sent, ${received} received, ${lost} lost (${percent}%)`);
  if (received > 0) console.log(statistics());
  process.stdout.write("", () => process.exit(received > 0 ? 0 : 1));
}

function statistics() {
  times.sort((a, b) => a - b);
  const average = mean(times);
  const jitter = Math.sqrt(mean(times.map((time) => (time - average) ** 2)));
  const least = `least ${ms(times[0])}, mean ${ms(average)}`;
  return `${least}, most ${ms(times.at(-1))}, jitter ${ms(jitter)}`;
}

function mean(numbers: number[]) {
  return numbers.reduce((sum, number) => sum + number, 0) / numbers.length;
}

function ms(time = 0) {
  return `${time.toFixed(2)} ms`;
}
