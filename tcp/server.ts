/**
 * Uppercase server over TCP: sends back in capitals what comes in.
 *
 * listen() waits for clients. Each client gets a connection, which is a socket
 * of its own. A connection is two streams of bytes, one each way, and each end
 * ends its half with a FIN, a segment that says "no more bytes". The bytes arrive
 * in chunks of any size: a chunk is not a sentence, and may end in the middle of a
 * character. So the server answers chunk by chunk, until the client's FIN.
 *
 *     $ tsx tcp/server.ts
 *     The uppercase server is ready on 127.0.0.1:12000
 */
import { type AddressInfo, createServer } from "node:net";
import { config } from "../shared/config.ts";

// The address to listen on, from the command line. If it cannot be had, the
// program ends and says why.
const { host, port } = config("uppercase");

// allowHalfOpen: a client that has ended its half still gets the rest. keepAlive:
// the system notices when a client vanishes. noDelay: what is written leaves at
// once, however short.
const options = { allowHalfOpen: true, keepAlive: true, noDelay: true };
const server = createServer(options);
server.listen(port, host);

server.on("listening", () => {
  const { address, port } = server.address() as AddressInfo;
  console.log(`The uppercase server is ready on ${address}:${port}`);
});

server.on("connection", (connection) => {
  connection.setEncoding("utf8"); // puts characters together again
  connection.on("data", (chunk) => {
    const room = connection.write(`${chunk}`.toUpperCase());
    // The client does not read its replies. So that they do not pile up here,
    // nothing more is read from it until they are gone.
    if (!room) connection.pause();
  });
  connection.on("drain", () => connection.resume());
  connection.on("end", () => connection.end()); // after the client's FIN
  connection.on("error", (error) => console.error("a client:", error.message));
});
