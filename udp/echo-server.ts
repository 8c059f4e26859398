/**
 * Echo server over UDP: sends each datagram back as it came.
 *
 * A datagram keeps its borders: it arrives whole or not at all, and one message
 * event is one datagram, even an empty one. It holds at most 65,507 bytes over
 * IPv4. A recvfrom(2048) as in the notes cuts a longer one off; Node never does.
 * For other machines, give it one address as --host: from 0.0.0.0, a reply may
 * leave from an address that the client did not ask.
 *
 *     $ tsx udp/echo-server.ts
 *     The echo server is ready on 127.0.0.1:2105
 */
import { createSocket } from "node:dgram";
import { isIPv6 } from "node:net";
import { config } from "../shared/config.ts";

// The address to listen on, from the command line. If it cannot be had, the
// program ends and says why.
const { host, port } = config("echo");

const server = createSocket(isIPv6(host) ? "udp6" : "udp4");
server.bind(port, host);

server.on("listening", () => {
  const { address, port } = server.address();
  console.log(`The echo server is ready on ${address}:${port}`);
  // bind() has succeeded, so an error concerns one client, and others go on.
  server.on("error", (error) => console.error("a client:", error.message));
});

server.on("message", (message, client) => {
  if (client.port < 1024) return; // a service: it might answer us for ever
  server.send(message, client.port, client.address, (error) => {
    if (error) console.error(`no reply to ${client.address}: ${error.message}`);
  });
});
