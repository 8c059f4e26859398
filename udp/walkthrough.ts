/**
 * UDP step by step: a server and a client in one file, each call printed as it
 * happens.
 *
 * Two sockets are enough, and there is nothing to listen to or to accept: the
 * client sends a datagram to the server's address, and the datagram brings the
 * client's address along. The client needs no bind(); the system gives it a port
 * when it first sends. Anybody may send to that port, so look at the address that
 * comes with a reply.
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
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { isIPv6 } from "node:net";
import { config } from "../shared/config.ts";

const { host, port } = config("any");
const type = isIPv6(host) ? "udp6" : "udp4";

const server = createSocket(type);
console.log("server: socket");
const client = createSocket(type);
console.log("client: socket");

server.bind(port, host);
await once(server, "listening");
const bound = server.address();
console.log(`server: bind ${bound.address}:${bound.port}`);

client.send("message", bound.port, bound.address);
console.log(`client: sendto ${bound.address}:${bound.port} "message"`);
const [message, from] = await once(server, "message");
console.log(`server: recvfrom ${from.address}:${from.port} "${message}"`);

server.send("reply message", from.port, from.address);
console.log(`server: sendto ${from.address}:${from.port} "reply message"`);
const [reply, sender] = await once(client, "message");
console.log(`client: recvfrom ${sender.address}:${sender.port} "${reply}"`);

client.close();
console.log("client: close");
server.close();
console.log("server: close");
