/**
 * Reliable uppercase server over UDP: does each line once, however often it is
 * asked.
 *
 * Whoever hears no reply cannot tell whether the request was lost or the reply,
 * and asks again. The server knows a request by its number, and repeats the
 * reply from memory. It prints the lines that it does, numbered: none is done
 * twice. The trap: a memory of clients must have a bound.
 *
 * A request, and what becomes of it in the reply:
 *
 *     byte  0      1                                        2
 *     bytes 1-8    the client's session, chosen at random   the same
 *     bytes 9-12   the line's number in it, from 1          the same
 *     bytes 13-20  when it was sent, by the client's clock  the same
 *     bytes 21-    the line, in UTF-8                       in capitals
 *
 *     01 9f3c07e1b2a85d64 00000001 40790ccccccccccd 68656c6c6f
 *     02 9f3c07e1b2a85d64 00000001 40790ccccccccccd 48454c4c4f
 *
 *     $ tsx udp/reliable-server.ts
 *     The reliable server is ready on 127.0.0.1:12002
 *     ...
 *     100 100
 *     $ tsx udp/relay.ts --to 127.0.0.1:12002 --loss 0.3 --seed 7
 *     The relay to 127.0.0.1:12002 is ready on 127.0.0.1:12001
 *     ...
 *     $ seq 100 | tsx udp/reliable-client.ts --port 12001 | cmp - <(seq 100) && echo same
 *     same
 */
import { createSocket } from "node:dgram";
import { isIPv6 } from "node:net";
import { config } from "../shared/config.ts";

const { host, port } = config("reliable");
const endpoint = ({ address, port }: { address: string; port: number }) =>
  `${isIPv6(address) ? `[${address}]` : address}:${port}`;

const server = createSocket(isIPv6(host) ? "udp6" : "udp4");
server.on("error", ({ code }: NodeJS.ErrnoException) => {
  const address = endpoint({ address: host, port });
  console.error(`cannot bind ${address} (${code}): try another port or host`);
  process.exit(1);
});
server.bind(port, host, () => {
  console.log(`The reliable server is ready on ${endpoint(server.address())}`);
});

process.stdout.on("error", () => process.exit(1)); // as in: server | head -1

/** The last line of each session, the session that is silent longest first. */
const sessions = new Map<string, { sequence: number; reply: string }>();
let done = 0;

server.on("message", (request, client) => {
  const session = request.toString("hex", 1, 9);
  const sequence = request.length < 21 ? 0 : request.readUInt32BE(9);
  let last = sessions.get(session);
  // The first line of a session that is unknown, or a line of one that is not.
  // Of a forgotten session, the server does not know what it has done.
  if (request[0] !== 1 || !(last ? sequence : sequence === 1) || !client.port)
    return console.error(`no reply to ${endpoint(client)}`);

  if (sequence === (last?.sequence ?? 0) + 1) {
    const line = request.toString("utf8", 21);
    // What came from the network must not steer the terminal.
    console.log(`${++done} ${line.replace(/(?!\t)\p{Cc}/gu, "")}`);
    last = { sequence, reply: line.toUpperCase() };
  }
  // A late copy: the client has its reply, or would not be further on.
  if (sequence !== last?.sequence) return;

  sessions.delete(session);
  sessions.set(session, last);
  const [oldest = ""] = sessions.keys();
  if (sessions.size > 1000) sessions.delete(oldest);

  const header = Buffer.from(request.subarray(0, 21));
  header[0] = 2;
  const reply = Buffer.concat([header, Buffer.from(last.reply)]);
  server.send(reply, client.port, client.address, (error) => {
    if (error) console.error(`a client gets no reply: ${error.message}`);
  });
});
