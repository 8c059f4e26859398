/**
 * TCP step by step: a server and a client in one file, each call printed as it
 * happens.
 *
 * There are three sockets. The server's first one only listens. When a client
 * connects, accept makes one more, the connection, and the two ends talk through
 * that. recv brings some bytes and not a message, so both ends must know where a
 * message ends. Here end() shows it: after the last byte it sends a FIN.
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
import { type AddressInfo, createServer, Socket } from "node:net";
import { buffer } from "node:stream/consumers";
import { config } from "../shared/config.ts";

const { host, port } = config("any");

// allowHalfOpen: this server replies after the client's FIN.
const server = createServer({ allowHalfOpen: true });
console.log("server: socket");
const client = new Socket();
console.log("client: socket");

server.listen({ port, host, backlog: 1 });
await once(server, "listening");
const bound = server.address() as AddressInfo;
console.log(`server: bind ${bound.address}:${bound.port}`);
console.log("server: listen, backlog 1");

const accept = once(server, "connection");
client.connect(bound.port, bound.address);
await once(client, "connect");
console.log(`client: connect, from ${client.localAddress}:${client.localPort}`);
const [connection] = await accept;
const { remoteAddress, remotePort } = connection;
console.log(`server: accept ${remoteAddress}:${remotePort}, a new socket`);

client.end("message");
console.log('client: send "message"');
let message = "";
connection.on("data", (chunk: Buffer) => {
  message += chunk;
});
await once(connection, "end"); // the client's FIN
console.log(`server: recv "${message}"`);

connection.end("reply message");
console.log('server: send "reply message"');
console.log(`client: recv "${await buffer(client)}"`);

client.destroy();
console.log("client: close");
connection.destroy();
console.log("server: close, the new socket");
server.close();
console.log("server: close");
