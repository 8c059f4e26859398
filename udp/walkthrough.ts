/**
 * UDP step by step: both ends in one program, each call told as it happens.
 *
 * No listen, no connect, no accept: a datagram is sent to an address, and it
 * brings its sender's. The system gives the client a port when it first sends.
 * The trap: anyone may send to that port, so the client looks who has sent.
 *
 *     $ tsx udp/walkthrough.ts
 *     server: socket
 *     client: socket
 *     server: bind 127.0.0.1:40404
 *     client: sendto 127.0.0.1:40404 "message"
 *     server: recvfrom 127.0.0.1:50505 "message"
 *     server: sendto 127.0.0.1:50505 "reply message"
 *     client: recvfrom 127.0.0.1:40404 "reply message"
 *     client: close
 *     server: close
 */
import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";
import { isIPv6 } from "node:net";
import { config } from "../shared/config.ts";

const { host, port } = config("walkthrough");
const endpoint = ({ address, port }: { address: string; port: number }) =>
  `${isIPv6(address) ? `[${address}]` : address}:${port}`;
const fail = ({ message }: Error) => {
  console.error(`${message}: try another port or host`);
  process.exit(1);
};
const receive = async (socket: Socket) => {
  const limit = { signal: AbortSignal.timeout(2000) };
  const [message, from] = await once(socket, "message", limit).catch(fail);
  // What came from the network must not steer the terminal.
  return { from, message: String(message).replace(/\p{Cc}/gu, "") };
};

const server = createSocket(isIPv6(host) ? "udp6" : "udp4").on("error", fail);
console.log("server: socket");
const client = createSocket(isIPv6(host) ? "udp6" : "udp4").on("error", fail);
console.log("client: socket");

server.bind(port, host);
await once(server, "listening");
const bound = server.address();
console.log(`server: bind ${endpoint(bound)}`);

client.send("message", bound.port, host);
console.log(`client: sendto ${endpoint(bound)} "message"`);
const { from, message } = await receive(server);
console.log(`server: recvfrom ${endpoint(from)} "${message}"`);

server.send("reply message", from.port, from.address);
console.log(`server: sendto ${endpoint(from)} "reply message"`);
// Not the address: a server on 0.0.0.0 replies from any of this machine's.
let reply = await receive(client);
while (reply.from.port !== bound.port) reply = await receive(client);
console.log(`client: recvfrom ${endpoint(reply.from)} "${reply.message}"`);

client.close();
console.log("client: close");
server.close();
console.log("server: close");
