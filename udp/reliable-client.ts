/**
 * Reliable uppercase client over UDP: each line arrives once and in order, or
 * the client says that it did not.
 *
 * What is not answered in time is sent again. The reply brings back when its
 * request was sent, so the round-trip time is known after a retransmission, too.
 * The trap is to flood a busy network: each try waits twice as long as the last,
 * within floor and ceiling (milliseconds), and the first of all a second.
 * reliable-server.ts has the format.
 *
 *     $ tsx udp/reliable-server.ts
 *     The reliable server is ready on 127.0.0.1:12002
 *     1 one
 *     2 two
 *     3 three
 *     $ tsx udp/relay.ts --to 127.0.0.1:12002 --drop 1 --duplicate 3 --delay 5:300
 *     The relay to 127.0.0.1:12002 is ready on 127.0.0.1:12001
 *     ...
 *     $ printf 'one\ntwo\nthree' | tsx udp/reliable-client.ts --port 12001
 *     ONE
 *     TWO
 *     THREE
 */
import { randomBytes } from "node:crypto";
import { createSocket } from "node:dgram";
import { on, once } from "node:events";
import { isIPv6 } from "node:net";
import { createInterface } from "node:readline";
import { config } from "../shared/config.ts";

const options = { tries: 20, floor: 10, ceiling: 1000 };
const { host, port, tries, floor, ceiling } = config("reliable", options);
const server = isIPv6(host) ? `[${host}]:${port}` : `${host}:${port}`;
const trouble: Record<string, string> = {
  ECONNREFUSED: `nothing answers on ${server}: start tsx udp/reliable-server.ts there`,
  EMSGSIZE: `the line is too long for a datagram to ${server}: send less`,
};
const terminal = process.stdin.isTTY && process.stderr.isTTY;
const prompt = terminal ? "A lowercase sentence: " : "";
process.stdout.on("error", () => process.exit(1)); // as in: client | head -1

const client = createSocket(isIPv6(host) ? "udp6" : "udp4");
client.on("error", ({ code = "" }: NodeJS.ErrnoException) => {
  const other = `cannot reach ${server} (${code}): try another host or port`;
  console.error(trouble[code] ?? other);
  process.exit(1);
});
client.connect(port, host);
await once(client, "connect");

const session = randomBytes(8);
let sequence = 0;
let timeout = Math.min(1000, ceiling); // RFC 6298, 2.1: before any round trip
let [srtt, rttvar] = [0, 0]; // the smoothed round-trip time, its variation

/** The reply to a line; none, once it has been sent as often as it may be. */
async function request(line: string) {
  const header = Buffer.concat([Buffer.of(1), session, Buffer.alloc(12)]);
  header.writeUInt32BE(++sequence, 9);
  const begin = performance.now();
  for (let tried = 0; tried < tries; tried++) {
    header.writeDoubleBE(performance.now(), 13);
    const datagram = Buffer.concat([header, Buffer.from(line)]);
    // Without a callback, nobody is told that it is too long.
    client.send(datagram, (error) => error && client.emit("error", error));
    const signal = AbortSignal.timeout(Math.ceil(timeout));
    try {
      for await (const [reply] of on(client, "message", { signal })) {
        const known = reply.subarray(1, 13).equals(header.subarray(1, 13));
        const sent = reply.length < 21 ? NaN : reply.readDoubleBE(13);
        const rtt = performance.now() - sent;
        // Anything else is no reply, or late, or a copy of one.
        if (reply[0] !== 2 || !known || !(sent >= begin && rtt >= 0)) continue;
        // RFC 6298, 2.2 to 2.5, but for a floor of one second
        rttvar = srtt ? 0.75 * rttvar + 0.25 * Math.abs(srtt - rtt) : rtt / 2;
        srtt = srtt ? 0.875 * srtt + 0.125 * rtt : rtt;
        timeout = srtt + Math.max(1, 4 * rttvar);
        timeout = Math.min(Math.max(timeout, floor), ceiling);
        return reply.toString("utf8", 21);
      }
    } catch (error) {
      if ((error as Error).name !== "AbortError") throw error;
      timeout = Math.min(2 * timeout, ceiling); // 5.5
    }
  }
}

process.stderr.write(prompt);
for await (const line of createInterface({ input: process.stdin })) {
  const reply = await request(line);
  if (reply === undefined) {
    console.error(`no reply from ${server} after ${tries} tries: try again`);
    process.exit(1);
  }
  // What came from the network must not steer the terminal.
  console.log(reply.replace(/(?!\t)\p{Cc}/gu, ""));
  process.stderr.write(prompt);
}
client.close();
if (terminal) console.error(); // Ctrl-D ends no line
