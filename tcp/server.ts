/**
 * Uppercase server over TCP: sends back in capitals what comes in.
 *
 * listen() waits for clients. Each client gets a connection, which is a socket
 * of its own. A connection carries a stream of bytes, and the network may cut it
 * anywhere: a chunk is not a sentence, and may end in the middle of a character.
 * The sentence ends where the client ends its half of the connection.
 *
 *     $ tsx tcp/server.ts
 *     The uppercase server is ready on 127.0.0.1:12000
 */
import { type AddressInfo, createServer } from "node:net";
import { config } from "../shared/config.ts";

const { host, port } = config("uppercase");

const options = { allowHalfOpen: true, keepAlive: true, noDelay: true };
const server = createServer(options);
server.listen(port, host);

server.on("listening", () => {
  const { address, port } = server.address() as AddressInfo;
  console.log(`The uppercase server is ready on ${address}:${port}`);
});

server.on("connection", (connection) => {
  connection.setEncoding("utf8"); // puts characters together again
  connection.on("data", (sentence) => {
    const room = connection.write(`${sentence}`.toUpperCase());
    if (!room) connection.pause();
  });
  connection.on("drain", () => connection.resume());
  connection.on("end", () => connection.end());
  connection.on("error", (error) => console.error("a client:", error.message));
});
