/**
 * Uppercase client over TCP: a connection for each line, prints the reply.
 *
 * A stream has no sentences in it, so both sides must agree where one ends. Here
 * end() says so: the client ends its half of the connection with a FIN, and goes
 * on reading. The reply comes in chunks of any size. It is complete when the
 * server has ended its half as well.
 *
 *     $ tsx tcp/server.ts
 *     The uppercase server is ready on 127.0.0.1:12000
 *     $ echo hello | tsx tcp/client.ts
 *     HELLO
 */
import { once } from "node:events";
import { connect } from "node:net";
import { createInterface } from "node:readline";
import { buffer } from "node:stream/consumers";
import { config } from "../shared/config.ts";

const { host, port } = config("uppercase");
const { stdin, stderr } = process;
const output = stdin.isTTY ? stderr : undefined; // the prompt is for a person
const keyboard = createInterface({ input: stdin, output, crlfDelay: Infinity });
keyboard.setPrompt("A lowercase sentence: ");
keyboard.on("SIGINT", () => stderr.write("\n", () => process.exit(130)));

if (keyboard.terminal) stderr.write(keyboard.getPrompt());
for await (const sentence of keyboard) {
  const signal = AbortSignal.timeout(10_000);
  const client = connect({ host, port, signal });
  await once(client, "connect"); // the handshake is done: a server is there
  client.end(sentence);
  const reply = await buffer(client); // all that comes until the server's FIN
  console.log(`${reply}`);
  if (keyboard.terminal) stderr.write(keyboard.getPrompt());
}
if (keyboard.terminal) stderr.write("\n"); // Ctrl-D ends no line
