/**
 * Uppercase server over UDP: sends each datagram's text back in capitals.
 *
 * A UDP server needs one call before it can receive: bind(), which gives its
 * socket a port. Nobody connects. Each datagram brings the address of its
 * sender, and the reply is sent there. A sender can forge that address, so a
 * reply may reach somebody who never asked.
 *
 *     $ tsx udp/server.ts
 *     The uppercase server is ready on 127.0.0.1:12000
 */
import { createSocket } from "node:dgram";
import { isIPv6 } from "node:net";
import { config } from "../shared/config.ts";

const { host, port } = config("uppercase");

const server = createSocket(isIPv6(host) ? "udp6" : "udp4");
server.bind(port, host);

server.on("listening", () => {
  const { address, port } = server.address();
  console.log(`The uppercase server is ready on ${address}:${port}`);
  // Bun tells the server that a client is gone; it must not end for that.
  server.on("error", (error) => console.error("a client:", error.message));
});

server.on("message", (message, client) => {
  // A port below 1024 belongs to a service. If that service answers as well, a
  // forged datagram would make the two answer each other for ever.
  if (client.port < 1024) return;
  const reply = message.toString().toUpperCase();
  server.send(reply, client.port, client.address, (error) => {
    if (error) console.error(`no reply to ${client.address}: ${error.message}`);
  });
});
