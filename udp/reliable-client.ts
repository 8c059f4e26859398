/**
 * Reliable uppercase client over UDP: sends each line until the reply comes, and
 * prints the reply.
 *
 * How long should it wait before it sends again? A fixed time is too long on a
 * fast network, and floods a slow one. So it measures the round trip, as TCP
 * does, and waits a little longer than that; after each wait in vain it waits
 * twice as long. A reply brings back the time at which its request was sent, so
 * it is clear which of several copies it answers. reliable-server.ts explains the
 * packets.
 *
 * --tries is how often it sends a line before it gives up.
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
// What came from the network must not steer the terminal.
const controls = /(?!\t)\p{Cc}|[\u202a-\u202e\u2066-\u2069]/gu;

const client = createSocket(isIPv6(host) ? "udp6" : "udp4");
client.connect(port, host);
await once(client, "connect");

const session = crypto.randomUUID();
let number = 0;
let SRTT = 0; // smoothed round-trip time, in milliseconds
let RTTVAR = 0; // its variation
let RTO = 1000; // retransmission timeout: how long to wait for a reply
const G = 10; // the granularity of the clock, in milliseconds
const upperBound = 1000; // of RTO; TCP waits up to 60 s, but here someone waits

client.on("message", (packet) => {
  const reply = read(packet);
  const R = performance.now() - reply.sent;
  if (reply.type !== "reply" || !(R >= 0 && R < Infinity)) return;
  if (reply.session !== session || reply.number !== number) return;
  client.emit("reply", reply.line); // request() waits for it

  // The names and the steps are RFC 6298's, section 2: mostly the old value, and
  // a little of the new one.
  const first = SRTT === 0;
  RTTVAR = first ? R / 2 : (3 / 4) * RTTVAR + (1 / 4) * Math.abs(SRTT - R);
  SRTT = first ? R : (7 / 8) * SRTT + (1 / 8) * R;
  RTO = Math.min(SRTT + Math.max(G, 4 * RTTVAR), upperBound);
});

/** Sends a line until the reply comes. */
async function request(line: string): Promise<string> {
  number++;
  const answered = once(client, "reply");
  for (let attempt = 0; attempt < tries; attempt++) {
    const sent = performance.now();
    const packet = write({ type: "request", number, session, sent, line });
    client.send(packet, (error) => error && client.emit("error", error));
    const waited = sleep(RTO, undefined, { ref: false });
    const answer = await Promise.race([answered, waited]);
    if (answer) return answer[0];
    RTO = Math.min(2 * RTO, upperBound);
  }
  console.error(`no reply from ${host}:${port} in ${tries} tries: try again`);
  process.exit(1);
}

/** Reads a packet: five fields with a space between; only a line has spaces. */
function read(packet: Buffer) {
  const [type, number, session = "", sent, ...words] = `${packet}`.split(" ");
  const line = words.join(" ");
  return { type, number: Number(number), session, sent: Number(sent), line };
}

/** Writes a packet: five fields with a space between. */
function write({ type, number, session, sent, line }: ReturnType<typeof read>) {
  return `${type} ${number} ${session} ${sent} ${line}`;
}

// On a terminal, lines are typed: they get a prompt, and can be edited. Lines from
// a pipe or a file get none.
const { stdin, stderr } = process;
const output = stdin.isTTY ? stderr : undefined;
const keyboard = createInterface({ input: stdin, output, crlfDelay: Infinity });
keyboard.setPrompt("A lowercase sentence: ");
// Ctrl-C ends the program at once, as it does everywhere.
keyboard.on("SIGINT", () => stderr.write("\n", () => process.exit(130)));

if (keyboard.terminal) stderr.write(keyboard.getPrompt());
for await (const line of keyboard) {
  const reply = await request(line);
  console.log(reply.replace(controls, ""));
  if (keyboard.terminal) stderr.write(keyboard.getPrompt());
}
if (keyboard.terminal) stderr.write("\n"); // after Ctrl-D
client.close();
