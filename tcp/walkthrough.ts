/**
 * TCP step by step: both ends in one program, each call told as it happens.
 *
 * The server's socket only listens. For each client, accept makes a new one,
 * the connection, and there the server receives and sends. The trap: recv
 * brings some bytes, not a message, so both ends must know where a message
 * ends. Here nothing comes after it: end() sends a FIN behind its last bytes.
 *
 *     $ tsx tcp/walkthrough.ts
 *     server: socket
 *     client: socket
 *     server: bind 127.0.0.1:40404
 *     server: listen, backlog 1
 *     client: connect, from 127.0.0.1:50505
 *     server: accept 127.0.0.1:50505, a new socket
 *     client: send "message"
 *     server: recv "message"
 *     server: send "reply message"
 *     client: recv "reply message"
 *     client: close
 *     server: close, the new socket
 *     server: close
 */
import { once } from "node:events";
import { type AddressInfo, createServer, isIPv6, Socket } from "node:net";
import { config } from "../shared/config.ts";

const { host, port } = config("walkthrough");
const endpoint = ({ address, port }: { address: string; port: number }) =>
  `${isIPv6(address) ? `[${address}]` : address}:${port}`;
const fail = ({ message }: Error) => {
  console.error(`${message}: try another port or host`);
  process.exit(1);
};
const receive = async (socket: Socket) => {
  let message = "";
  socket.setEncoding("utf8").on("data", (chunk) => (message += chunk));
  await once(socket, "end").catch(fail);
  // What came from the network must not steer the terminal.
  return message.replace(/\p{Cc}/gu, "");
};

const server = createServer({ allowHalfOpen: true }).on("error", fail);
console.log("server: socket");
const client = new Socket().on("error", fail);
console.log("client: socket");

server.listen({ port, host, backlog: 1 });
await once(server, "listening");
const bound = server.address() as AddressInfo;
console.log(`server: bind ${endpoint(bound)}`);
console.log("server: listen, backlog 1");

const accept = once(server, "connection");
client.connect(bound.port, host);
await once(client, "connect");
const local = client.address() as AddressInfo;
console.log(`client: connect, from ${endpoint(local)}`);
const [connection] = await accept;
const { remoteAddress, remotePort } = connection;
const remote = { address: remoteAddress, port: remotePort };
console.log(`server: accept ${endpoint(remote)}, a new socket`);

client.end("message");
console.log('client: send "message"');
console.log(`server: recv "${await receive(connection)}"`);

connection.end("reply message");
console.log('server: send "reply message"');
console.log(`client: recv "${await receive(client)}"`);

client.destroy();
console.log("client: close");
connection.destroy();
console.log("server: close, the new socket");
server.close();
console.log("server: close");
