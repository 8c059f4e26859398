/**
 * Uppercase client over UDP: sends each line as a datagram, prints the reply.
 *
 * send() hands a datagram to the network and learns nothing more: the datagram,
 * or its reply, may be lost. So the client waits 2 seconds and gives up. A reply
 * may also be late. Each line has a socket of its own, and so a port of its own,
 * where a late reply to another line cannot arrive.
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
const { stdin, stderr } = process;
const output = stdin.isTTY ? stderr : undefined; // the prompt is for a person
const keyboard = createInterface({ input: stdin, output, crlfDelay: Infinity });
keyboard.setPrompt("A lowercase sentence: ");
keyboard.on("SIGINT", () => stderr.write("\n", () => process.exit(130)));

if (keyboard.terminal) stderr.write(keyboard.getPrompt());
for await (const message of keyboard) {
  const client = createSocket(isIPv6(host) ? "udp6" : "udp4");
  client.connect(port, host); // no handshake: it only fixes the other end
  await once(client, "connect");
  client.send(message, (error) => error && client.emit("error", error));
  const signal = AbortSignal.timeout(2000);
  const [reply] = await once(client, "message", { signal });
  client.close();
  console.log(`${reply}`);
  if (keyboard.terminal) stderr.write(keyboard.getPrompt());
}
if (keyboard.terminal) stderr.write("\n"); // Ctrl-D ends no line
