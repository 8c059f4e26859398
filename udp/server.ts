/**
 * Uppercase server over UDP: sends each datagram's text back in capitals.
 *
 * A UDP server needs one call before it can receive: bind(), which gives its
 * socket a port. Nobody connects. Each datagram brings the address of its
 * sender, and the reply goes there. But a sender can write a false address into
 * its datagram, and then the reply goes to somebody who never asked. On
 * --host 0.0.0.0 the system picks the address that a reply leaves from: if the
 * client asked another one, it ignores the reply. So name one address.
 *
 *     $ tsx udp/server.ts
 *     The uppercase server is ready on 127.0.0.1:12000
 */
import { createSocket } from "node:dgram";
import { isIPv6 } from "node:net";
import { config } from "../shared/config.ts";

// The address to listen on, from the command line. If it cannot be had, the
// program ends and says why.
const { host, port } = config("uppercase");

const server = createSocket(isIPv6(host) ? "udp6" : "udp4");
server.bind(port, host);

server.on("listening", () => {
  const { address, port } = server.address();
  console.log(`The uppercase server is ready on ${address}:${port}`);
  // bind() has succeeded, so an error concerns one client, and others go on.
  server.on("error", (error) => console.error("a client:", error.message));
});

server.on("message", (message, client) => {
  // A client's port is 1024 or more; a smaller one belongs to a service. With a
  // forged address, we would answer that service, it us, and so on for ever.
  if (client.port < 1024) return;
  const reply = message.toString().toUpperCase();
  server.send(reply, client.port, client.address, (error) => {
    // The capitals can be too long for a datagram.
    if (error) console.error(`no reply to ${client.address}: ${error.message}`);
  });
});
