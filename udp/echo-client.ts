/**
 * Echo client over UDP: sends each line as a datagram, prints what comes back.
 *
 * connect() on a UDP socket sends nothing. It tells the system who the other
 * end is. From then on send() needs no address, datagrams from anyone else are
 * dropped, and "nobody listens there" arrives as an error, ECONNREFUSED. But
 * connect() itself succeeds whether or not there is a server.
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

// The server's address, from the command line. If an await below fails, the
// program ends and says why.
const { host, port } = config("echo");

// On a terminal, lines are typed: they get a prompt, and can be edited. Lines from
// a pipe or a file get none.
const { stdin, stderr } = process;
const output = stdin.isTTY ? stderr : undefined;
const keyboard = createInterface({ input: stdin, output, crlfDelay: Infinity });
keyboard.setPrompt("A message: ");
// Ctrl-C ends the program at once, as it does everywhere.
keyboard.on("SIGINT", () => stderr.write("\n", () => process.exit(130)));

if (keyboard.terminal) stderr.write(keyboard.getPrompt());
for await (const message of keyboard) {
  const client = createSocket(isIPv6(host) ? "udp6" : "udp4");
  client.connect(port, host);
  await once(client, "connect"); // a host's name has been looked up
  // A line that is too long fails here, and with it the wait for its reply.
  client.send(message, (error) => error && client.emit("error", error));
  const signal = AbortSignal.timeout(2000); // ends that wait after 2 seconds
  const [reply] = await once(client, "message", { signal });
  client.close();
  console.log(`${reply}`);
  if (keyboard.terminal) stderr.write(keyboard.getPrompt());
}
if (keyboard.terminal) stderr.write("\n"); // after Ctrl-D
