/**
 * Echo client over TCP: a connection for each line, prints what comes back.
 *
 * connect() shakes hands with the server, so the client knows that a server is
 * there before it sends; over UDP it does not. write() and end() only hand bytes
 * to the system. That the server has them is known when its reply arrives.
 *
 *     $ tsx tcp/echo-server.ts
 *     The echo server is ready on 127.0.0.1:2105
 *     $ echo hello | tsx tcp/echo-client.ts
 *     hello
 */
import { once } from "node:events";
import { connect } from "node:net";
import { createInterface } from "node:readline";
import { buffer } from "node:stream/consumers";
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
  const signal = AbortSignal.timeout(10_000); // for all of it, the reply too
  const client = connect({ host, port, signal });
  await once(client, "connect");
  client.end(message);
  const reply = await buffer(client);
  console.log(`${reply}`);
  if (keyboard.terminal) stderr.write(keyboard.getPrompt());
}
if (keyboard.terminal) stderr.write("\n"); // after Ctrl-D
