/**
 * Uppercase server over UDP: sends each datagram's text back in capitals.
 *
 * bind() is all it needs: no listen, no accept, no connection. Each datagram
 * brings the address that its reply goes to. The trap: anyone can write any
 * address there, so a reply may go to somebody who never asked.
 *
 *     $ tsx udp/server.ts
 *     The uppercase server is ready on 127.0.0.1:12000
 */
import { createSocket } from "node:dgram";
import { lookup } from "node:dns";
import { isIP, isIPv6 } from "node:net";
import { crc32 } from "node:zlib";
import { config } from "../shared/config.ts";

const { host, port } = config("uppercase");
const endpoint = ({ address, port }: { address: string; port: number }) =>
  `${isIPv6(address) ? `[${address}]` : address}:${port}`;

const server = createSocket({
  type: isIPv6(host) ? "udp6" : "udp4",
  // A burst waits here, as far as the system lets it. Deno would make a buffer
  // of that size for each datagram.
  recvBufferSize: "Deno" in globalThis ? undefined : 4 << 20,
  // An address need not be looked up, for each reply anew: only a name, to bind.
  lookup: (name, options, found) =>
    isIP(name) ? found(null, name, isIP(name)) : lookup(name, options, found),
});
server.on("error", ({ code }: NodeJS.ErrnoException) => {
  const address = endpoint({ address: host, port });
  console.error(`cannot bind ${address} (${code}): try another port or host`);
  process.exit(1);
});
server.bind(port, host, () => {
  console.log(`The uppercase server is ready on ${endpoint(server.address())}`);
});

const copies = new Uint16Array(65536);
// Made once: to make it anew for each reply would take its time.
const sent = (error: Error | null) =>
  error && console.error(`a client gets no reply: ${error.message}`);
server.on("message", (message, client) => {
  // Set on each other by a forged address, two servers would repeat one text
  // for ever. So every 4096th copy of a datagram from a port gets no reply,
  // and none goes to port 0, which is nobody's and makes send() throw.
  const slot = crc32(message, client.port) % copies.length;
  if (++copies[slot]! % 4096 === 0 || client.port === 0)
    return console.error(`no reply to ${endpoint(client)}`);

  const reply = message.toString().toUpperCase();
  server.send(reply, client.port, client.address, sent);
});
