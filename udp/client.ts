/**
 * Uppercase client over UDP: sends each line as a datagram, prints the reply.
 *
 * send() hands a datagram to the network and learns nothing more: the datagram,
 * or its reply, may be lost. So the client waits 2 seconds for the reply, and then
 * ends. A reply may also be late. It goes to the port that its line was sent from,
 * so each line gets a new socket with a new port, where no other reply arrives.
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

// The server's address, from the command line. If an await below fails, the
// program ends and says why.
const { host, port } = config("uppercase");

// On a terminal, lines are typed: they get a prompt, and can be edited. Lines from
// a pipe or a file get none.
const { stdin, stderr } = process;
const output = stdin.isTTY ? stderr : undefined;
const keyboard = createInterface({ input: stdin, output, crlfDelay: Infinity });
keyboard.setPrompt("A lowercase sentence: ");
// Ctrl-C ends the program at once, as it does everywhere.
keyboard.on("SIGINT", () => stderr.write("\n", () => process.exit(130)));

if (keyboard.terminal) stderr.write(keyboard.getPrompt());
for await (const message of keyboard) {
  const client = createSocket(isIPv6(host) ? "udp6" : "udp4");
  client.connect(port, host); // sends nothing: see echo-client.ts
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
