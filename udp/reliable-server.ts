/**
 * Reliable uppercase server over UDP: answers each line, but does its work only
 * once.
 *
 * A client that hears no reply sends its request again, and cannot know whether
 * the request or the reply was lost. The server knows a request by its session
 * and number: it keeps each session's last reply, and sends a copy of it. A memory
 * of clients must have a bound: after 1000 other sessions, a session is forgotten,
 * and a late copy of its first request would be done again. The server prints a
 * line when it does the work.
 *
 * A packet is text: its type, the line's number, the client's session, when it
 * was sent by the client's clock, and the line. A reply repeats the time, so that
 * the client can measure with it. It has a type of its own and is never answered,
 * so two of these servers cannot answer each other for ever.
 *
 *     request 1 2f1c8a60-5a52-4d0e-9b54-6f8a1d3c7e42 1782.4 hello
 *     reply 1 2f1c8a60-5a52-4d0e-9b54-6f8a1d3c7e42 1782.4 HELLO
 *
 *     $ tsx udp/reliable-server.ts
 *     The reliable server is ready on 127.0.0.1:12002
 *     ...
 *     100 100
 *     $ tsx udp/relay.ts --to 127.0.0.1:12002 --loss 0.3
 *     The relay to 127.0.0.1:12002 is ready on 127.0.0.1:12001
 *     ...
 *     $ seq 100 | tsx udp/reliable-client.ts --port 12001 | cmp - <(seq 100) && echo same
 *     same
 */
import { createSocket } from "node:dgram";
import { isIPv6 } from "node:net";
import { config } from "../shared/config.ts";

const { host, port } = config("reliable");
// What came from the network must not steer the terminal.
const controls = /(?!\t)\p{Cc}|[\u202a-\u202e\u2066-\u2069]/gu;

const server = createSocket(isIPv6(host) ? "udp6" : "udp4");
server.bind(port, host);

server.on("listening", () => {
  const { address, port } = server.address();
  console.log(`The reliable server is ready on ${address}:${port}`);
  // bind() has succeeded, so an error concerns one client, and others go on.
  server.on("error", (error) => console.error("a client:", error.message));
});

/** Each session's last reply. The session that is silent longest comes first. */
const sessions = new Map<string, { number: number; line: string }>();

server.on("message", (packet, client) => {
  const { type, number, session, sent, line } = read(packet);
  if (type !== "request" || isNaN(sent) || client.port === 0) return;
  if (process.stdout.writableLength > 1e6) return; // until someone reads that

  let last = sessions.get(session) ?? { number: 0, line: "" };
  if (number === last.number + 1) {
    console.log(`${number} ${line.replace(controls, "")}`);
    last = { number, line: line.toUpperCase() };
  }
  // A late copy, or a number whose session is forgotten. The first number is 1.
  if (number === 0 || number !== last.number) return;

  sessions.delete(session); // and set: who spoke last is the last in the map
  sessions.set(session, last);
  const [oldest = ""] = sessions.keys();
  if (sessions.size > 1000) sessions.delete(oldest);
  const text = write({ type: "reply", number, session, sent, line: last.line });
  server.send(text, client.port, client.address, (error) => {
    if (error) console.error(`no reply to ${client.address}: ${error.message}`);
  });
});

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
