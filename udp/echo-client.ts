/**
 * Echo client over UDP: sends each line to the server, prints what comes back.
 *
 * It differs from udp/client.ts by one call: connect(). Over UDP that sends
 * nothing; the socket only stores the server's address. Then send() needs no
 * address, datagrams from anybody else are dropped, and if nothing listens there,
 * a message is soon answered by the error ECONNREFUSED instead of 2 seconds of
 * silence. Stop the server and compare the two clients.
 *
 *     $ tsx udp/echo-server.ts
 *     The echo server is ready on 127.0.0.1:2105
 *     $ echo hello | tsx udp/echo-client.ts
 *     hello
 */
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { isIPv6 } from "node:net";
import { createInterface } from "node:readline";
import { config } from "../shared/config.ts";

const { host, port } = config("echo");

if (process.stdin.isTTY) console.error("Type messages, then Ctrl-D:");
for await (const message of createInterface({ input: process.stdin })) {
  const client = createSocket(isIPv6(host) ? "udp6" : "udp4");
  client.connect(port, host);
  await once(client, "connect"); // if host is a name, it is looked up first
  const report = (error: Error | null) => error && client.emit("error", error);
  client.send(message, report); // see udp/client.ts
  const signal = AbortSignal.timeout(2000);
  const [reply] = await once(client, "message", { signal });
  console.log(`${reply}`);
  client.close();
}
