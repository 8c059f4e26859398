/**
 * Echo server over UDP: sends each datagram back as it came.
 *
 * A datagram keeps its boundaries: it arrives whole or not at all, and each one is
 * a "message" event of its own, even an empty one. Over IPv4 it holds at most
 * 65,507 bytes. In the notes, recvfrom(2048) loses what is longer than 2048 bytes;
 * Node delivers the whole datagram. Here each reply fits, as its request did.
 *
 *     $ tsx udp/echo-server.ts
 *     The echo server is ready on 127.0.0.1:2105
 */
import { createSocket } from "node:dgram";
import { isIPv6 } from "node:net";
import { config } from "../shared/config.ts";

const { host, port } = config("echo");

const server = createSocket(isIPv6(host) ? "udp6" : "udp4");
server.bind(port, host);

server.on("listening", () => {
  const { address, port } = server.address();
  console.log(`The echo server is ready on ${address}:${port}`);
  // From now on an error concerns a single client: print it and go on.
  server.on("error", (error) => console.error("a client:", error.message));
});

server.on("message", (message, client) => {
  if (client.port < 1024) return; // a service: udp/server.ts explains the danger
  server.send(message, client.port, client.address);
});
