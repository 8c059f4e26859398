/**
 * Uppercase server over TCP: sends back in capitals what comes in.
 *
 * listen() waits for clients, and each gets a connection, a socket of its own.
 * The trap: a connection carries a stream of bytes, cut anywhere on its way.
 * A chunk is not a sentence, and not even whole characters; setEncoding() puts
 * those together again. A sentence ends where its client ends its half.
 *
 *     $ tsx tcp/server.ts
 *     The uppercase server is ready on 127.0.0.1:12000
 */
import { type AddressInfo, createServer, isIPv6 } from "node:net";
import { config } from "../shared/config.ts";

const { host, port } = config("uppercase");
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
  console.log(`The uppercase server is ready on ${endpoint(address)}`);
});

server.on("connection", (connection) => {
  connection.setEncoding("utf8");
  connection.on("data", (sentence) => {
    // Replies that a client leaves unread must not pile up here.
    if (!connection.write(String(sentence).toUpperCase())) connection.pause();
  });
  connection.on("drain", () => connection.resume());
  connection.on("end", () => connection.end());
  connection.on("error", (error) => {
    console.error(`a client is gone: ${error.message}`);
  });
});
