/**
 * Uppercase server over UDP: sends the text of each datagram back in capitals.
 *
 * bind() is all that a UDP server needs: it gives the socket a port. Nobody
 * connects. Each datagram brings the address of its sender, and the reply goes
 * there. That address may be forged, so a reply can reach a program that never
 * asked. A client's port is 1024 or higher; a lower one belongs to a service that
 * might answer our reply, and so on for ever. Such a datagram gets no reply.
 *
 * Start it with --host and one address of this machine to let others in. On
 * 0.0.0.0 the system chooses the address that a reply comes from, and a client
 * that asked another one may ignore it.
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
  server.on("error", (error) => console.error("a client:", error.message));
});

server.on("message", (message, client) => {
  if (client.port < 1024) return;
  const reply = message.toString().toUpperCase();
  server.send(reply, client.port, client.address, (error) => {
    if (error) console.error("no reply:", error.message); // "ΐ" grows threefold
  });
});
