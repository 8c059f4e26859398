/**
 * Uppercase client over TCP: a connection for each line, prints the reply.
 *
 * A stream of bytes has no sentences in it, so both sides must agree where one
 * ends. Here it ends with the stream: end() sends the sentence and then a FIN, a
 * segment that says "no more bytes". The client can still read. The reply comes in
 * chunks of any size, and is complete when the server has sent its FIN, too.
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
for await (const sentence of keyboard) {
  const signal = AbortSignal.timeout(10_000); // for all of it, the reply too
  const client = connect({ host, port, signal });
  await once(client, "connect"); // the handshake is done: a server is there
  client.end(sentence);
  const reply = await buffer(client); // all that comes until the server's FIN
  console.log(`${reply}`);
  if (keyboard.terminal) stderr.write(keyboard.getPrompt());
}
if (keyboard.terminal) stderr.write("\n"); // after Ctrl-D
