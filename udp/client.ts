/**
 * Uppercase client over UDP: sends each line to the server, prints the reply.
 *
 * send() takes the server's address with each datagram; nothing is set up before.
 * The system picks the client's port, and the reply comes to that port. But a
 * datagram from anybody else can come there too, and if no server is there, nobody
 * says so: the client waits for 2 seconds, as it does when a datagram is lost. One
 * call changes both: connect(), in udp/echo-client.ts. Each sentence gets a new
 * socket, so a late reply cannot be taken for that of the next sentence.
 *
 *     $ tsx udp/server.ts
 *     The uppercase server is ready on 127.0.0.1:12000
 *     $ echo hello | tsx udp/client.ts
 *     HELLO
 */
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { isIPv6 } from "node:net";
import { createInterface } from "node:readline";
import { config } from "../shared/config.ts";

const { host, port } = config("uppercase");

if (process.stdin.isTTY) console.error("Type sentences, then Ctrl-D:");
for await (const sentence of createInterface({ input: process.stdin })) {
  const client = createSocket(isIPv6(host) ? "udp6" : "udp4");
  // If it fails, on a line that is too long perhaps, only a callback gets the error.
  const report = (error: Error | null) => error && client.emit("error", error);
  client.send(sentence, port, host, report);
  const signal = AbortSignal.timeout(2000);
  // If "error" comes first or the time is up, this fails and the program ends.
  const [reply] = await once(client, "message", { signal });
  console.log(`${reply}`);
  client.close();
}
