/**
 * Uppercase server over TCP: sends back in capitals what comes in.
 *
 * listen() waits for clients, and each client gets a connection: a new socket with
 * two streams of bytes, one each way. The bytes arrive in chunks of any size. A
 * chunk is not a sentence, and may even end in the middle of a character. So the
 * server answers chunk by chunk until the client ends its stream with a FIN, a
 * segment that says "no more bytes". Then Node ends our stream too, after the last
 * reply. A client that does not read its replies must not fill our memory: while
 * replies wait to be sent, the server reads nothing more from that client.
 *
 *     $ tsx tcp/server.ts
 *     The uppercase server is ready on 127.0.0.1:12000
 */
import { type AddressInfo, createServer } from "node:net";
import { config } from "../shared/config.ts";

const { host, port } = config("uppercase");

const server = createServer();
server.listen(port, host);

server.on("listening", () => {
  const { address, port } = server.address() as AddressInfo;
  console.log(`The uppercase server is ready on ${address}:${port}`);
});

server.on("connection", (connection) => {
  connection.setEncoding("utf8"); // joins the bytes of a character
  connection.on("data", (chunk) => {
    const hasRoom = connection.write(`${chunk}`.toUpperCase());
    if (!hasRoom) connection.pause();
  });
  connection.on("drain", () => connection.resume()); // all replies are sent
  connection.on("error", (error) => console.error("a client:", error.message));
});
