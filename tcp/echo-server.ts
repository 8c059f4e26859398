/**
 * Echo server over TCP: sends back what comes in.
 *
 * pipe() is the whole server. It writes what it reads, it stops reading while
 * the client does not read its replies (back-pressure), and it ends this half
 * of the connection when the client has ended the other (half-close).
 * tcp/server.ts does the same three things by hand.
 *
 *     $ tsx tcp/echo-server.ts
 *     The echo server is ready on 127.0.0.1:2105
 */
import { type AddressInfo, createServer } from "node:net";
import { config } from "../shared/config.ts";

// The address to listen on, from the command line. If it cannot be had, the
// program ends and says why.
const { host, port } = config("echo");

// allowHalfOpen: a client that has ended its half still gets the rest. keepAlive:
// the system notices when a client vanishes. noDelay: what is written leaves at
// once, however short.
const options = { allowHalfOpen: true, keepAlive: true, noDelay: true };
const server = createServer(options);
server.listen(port, host);

server.on("listening", () => {
  const { address, port } = server.address() as AddressInfo;
  console.log(`The echo server is ready on ${address}:${port}`);
});

server.on("connection", (connection) => {
  connection.pipe(connection);
  connection.on("error", (error) => console.error("a client:", error.message));
});
