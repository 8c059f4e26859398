/**
 * Echo server over TCP: sends back what comes in.
 *
 * Receive and send in a loop, and two things that a loop of one's own forgets:
 * to stop receiving while the client does not read its replies, and to end this
 * half of the connection once the client has ended the other. pipe() does both,
 * too, and takes more memory for each connection.
 *
 *     $ tsx tcp/echo-server.ts
 *     The echo server is ready on 127.0.0.1:2105
 */
import { type AddressInfo, createServer, isIPv6 } from "node:net";
import { config } from "../shared/config.ts";

const { host, port } = config("echo");
const endpoint = ({ address, port }: { address: string; port: number }) =>
  `${isIPv6(address) ? `[${address}]` : address}:${port}`;

const server = createServer({
  noDelay: true, // what is written leaves at once (Nagle, RFC 896)
  allowHalfOpen: true, // a client that has ended its half still gets the rest
  keepAlive: true, // a client whose machine is gone is found out and dropped
  keepAliveInitialDelay: 60_000,
});
server.on("error", ({ code }: NodeJS.ErrnoException) => {
  const address = endpoint({ address: host, port });
  console.error(`cannot bind ${address} (${code}): try another port or host`);
  process.exit(1);
});
server.listen(port, host, () => {
  const address = server.address() as AddressInfo;
  console.log(`The echo server is ready on ${endpoint(address)}`);
});

server.on("connection", (connection) => {
  connection.on("data", (chunk) => {
    // Replies that a client leaves unread must not pile up here.
    if (!connection.write(chunk)) connection.pause();
  });
  connection.on("drain", () => connection.resume());
  connection.on("end", () => connection.end());
  connection.on("error", (error) => {
    console.error(`a client is gone: ${error.message}`);
  });
});
