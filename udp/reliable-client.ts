/**
 * Reliable client over UDP: sends each line until the reply comes, and prints
 * it.
 *
 * How long should it wait before it sends again? A fixed time is too long on a
 * fast network, and floods a slow one. So it measures the round trip, as TCP
 * does, and waits a little longer than that; after each wait without a reply it
 * waits twice as long. A reply repeats the time at which its request was sent,
 * so it is clear which of several copies it answers. udp/reliable-server.ts
 * explains the packets. --tries is how often a line is sent before the client
 * gives up.
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
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { isIPv6 } from "node:net";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { config } from "../shared/config.ts";

const { host, port, tries } = config("reliable", { tries: 20 });

const client = createSocket(isIPv6(host) ? "udp6" : "udp4");
client.connect(port, host);
await once(client, "connect");

const session = crypto.randomUUID();
let number = 0;
// Names and steps are those of TCP (RFC 6298, section 2), in milliseconds.
let SRTT = 0; // smoothed round-trip time
let RTTVAR = 0; // its variation
let RTO = 1000; // retransmission timeout: how long to wait for a reply
const G = 10; // granularity of the clock
const most = 1000; // TCP waits up to 60 s, but here someone waits

client.on("message", (packet) => {
  const reply = read(packet);
  const R = performance.now() - reply.sent; // the round trip just measured
  if (reply.type !== "reply" || !(R >= 0)) return; // NaN as well
  if (reply.session !== session || reply.number !== number) return;

  const first = SRTT === 0;
  RTTVAR = first ? R / 2 : (3 / 4) * RTTVAR + (1 / 4) * Math.abs(SRTT - R);
  SRTT = first ? R : (7 / 8) * SRTT + (1 / 8) * R;
  RTO = Math.min(SRTT + Math.max(G, 4 * RTTVAR), most);
  client.emit("reply", reply.line);
});

/** Sends a line until the reply comes. */
async function request(line: string): Promise<string> {
  const answered = once(client, "reply");
  for (let attempt = 0; attempt < tries; attempt++) {
    const sent = performance.now();
    const packet = `request ${number} ${session} ${sent} ${line}`;
    // Without a callback, a connected socket drops a line that is too long.
    client.send(packet, (error) => error && client.emit("error", error));
    const waited = sleep(RTO, undefined, { ref: false });
    const answer = await Promise.race([answered, waited]);
    if (answer) return answer[0];
    RTO = Math.min(2 * RTO, most);
  }
  throw new Error(`no reply in ${tries} tries: try again`);
}

/** Reads a packet: five fields with a space between; only a line has spaces. */
function read(packet: Buffer) {
  const [type, number, session = "", sent, ...words] = `${packet}`.split(" ");
  const line = words.join(" ");
  return { type, number: Number(number), session, sent: Number(sent), line };
}

if (process.stdin.isTTY) console.error("Type sentences, then Ctrl-D:");
for await (const line of createInterface({ input: process.stdin })) {
  number++;
  console.log(await request(line));
}
client.close();
