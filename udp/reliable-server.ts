/**
 * Reliable server over UDP: sends each line back in capitals, and does the work
 * for it only once.
 *
 * A client that gets no reply sends its request again, and cannot know whether
 * the request or the reply was lost. Done twice, "transfer 10" would be 20. So
 * each request has a session and a number, and the server keeps the last reply
 * of each session: for a copy of the request it sends a copy of the reply. That
 * memory must have a limit. After 1000 other sessions one is forgotten, and a
 * late copy of its first request would be done again. The server prints each
 * line when it does the work.
 *
 * A packet is a text: its type, the number of the line, the session, the time
 * at which the client sent it, and the line. The reply repeats the time, so
 * that the client can measure. Replies are never answered, so two of these
 * servers cannot answer each other for ever.
 *
 *     request 1 2f1c8a60-5a52-4d0e-9b54-6f8a1d3c7e42 1782.4 hello
 *     reply 1 2f1c8a60-5a52-4d0e-9b54-6f8a1d3c7e42 1782.4 HELLO
 *
 *     $ tsx udp/reliable-server.ts
 *     The reliable server is ready on 127.0.0.1:12002
 */
import { createSocket } from "node:dgram";
import { isIPv6 } from "node:net";
import { config } from "../shared/config.ts";

const { host, port } = config("reliable");
// Control characters could redraw or reverse a terminal's text.
const controls = /[\p{Cc}\u202a-\u202e\u2066-\u2069]/gu;

const server = createSocket(isIPv6(host) ? "udp6" : "udp4");
server.bind(port, host);

server.on("listening", () => {
  const { address, port } = server.address();
  console.log(`The reliable server is ready on ${address}:${port}`);
  server.on("error", (error) => console.error("a client:", error.message));
});

/** The last reply of each session, the one silent for longest first. */
const sessions = new Map<string, { number: number; line: string }>();

server.on("message", (packet, client) => {
  const { type, number, session, sent, line } = read(packet);
  if (type !== "request" || isNaN(sent)) return;
  if (client.port === 0) return; // forged: no reply can go there

  let last = sessions.get(session) ?? { number: 0, line: "" };
  if (number === last.number + 1) {
    console.log(`${number} ${line.replaceAll(controls, "")}`);
    last = { number, line: line.toUpperCase() };
  }
  if (number !== last.number || number === 0) return; // late, or forgotten

  sessions.delete(session); // or set() would not move it to the end
  sessions.set(session, last);
  const [oldest = ""] = sessions.keys();
  if (sessions.size > 1000) sessions.delete(oldest);
  const reply = `reply ${number} ${session} ${sent} ${last.line}`;
  server.send(reply, client.port, client.address, (error) => {
    if (error) console.error("no reply:", error.message); // "ΐ" grows threefold
  });
});

/** Reads a packet: five fields with a space between; only a line has spaces. */
function read(packet: Buffer) {
  const [type, number, session = "", sent, ...words] = `${packet}`.split(" ");
  const line = words.join(" ");
  return { type, number: Number(number), session, sent: Number(sent), line };
}
