/**
 * Uppercase server over UDP: sends the text of each datagram back in capitals.
 *
 * bind() is all that a UDP server needs: it gives the socket a port. Nobody
 * connects. Each datagram brings the address of its sender, and the reply goes
 * there. That address may be forged, so a reply can reach a program that never
 * asked. Ports below 1024 belong to services: one might answer our reply, we would
 * answer that, and so on for ever. So a datagram from such a port gets no reply.
 *
 * To let other machines in, give --host one address of this machine. 0.0.0.0 means
 * all of them, but a reply may then leave from another address than the one that
 * the client asked, and the client may ignore it.
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
  // From now on an error concerns a single client: print it and go on.
  server.on("error", (error) => console.error("a client:", error.message));
});

server.on("message", (message, client) => {
  if (client.port < 1024) return;
  const reply = message.toString().toUpperCase();
  server.send(reply, client.port, client.address, (error) => {
    // Capitals can be longer, and too long for a datagram: "ΐ" grows from 2 to 6.
    if (error) console.error("no reply:", error.message);
  });
});
