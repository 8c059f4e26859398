/**
 * Echo server over TCP: sends back what comes in.
 *
 * pipe() is the whole server. It writes what it reads, it stops reading from a
 * client that does not read its replies (back-pressure), and it ends our half of
 * the connection when the client has ended the other (half-close). tcp/server.ts
 * does the first two by hand.
 *
 *     $ tsx tcp/echo-server.ts
 *     The echo server is ready on 127.0.0.1:2105
 */
import { type AddressInfo, createServer } from "node:net";
import { config } from "../shared/config.ts";

const { host, port } = config("echo");

const server = createServer();
server.listen(port, host);

server.on("listening", () => {
  const { address, port } = server.address() as AddressInfo;
  console.log(`The echo server is ready on ${address}:${port}`);
});

server.on("connection", (connection) => {
  connection.pipe(connection);
  connection.on("error", (error) => console.error("a client:", error.message));
});
