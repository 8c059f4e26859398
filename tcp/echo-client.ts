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

const { host, port } = config("echo");
const { stdin, stderr } = process;
const output = stdin.isTTY ? stderr : undefined; // the prompt is for a person
const keyboard = createInterface({ input: stdin, output, crlfDelay: Infinity });
keyboard.setPrompt("A message: ");
keyboard.on("SIGINT", () => stderr.write("\n", () => process.exit(130)));

if (keyboard.terminal) stderr.write(keyboard.getPrompt());
for await (const message of keyboard) {
  const signal = AbortSignal.timeout(10_000);
  const client = connect({ host, port, signal });
  await once(client, "connect");
  client.end(message);
  const reply = await buffer(client);
  console.log(`${reply}`);
  if (keyboard.terminal) stderr.write(keyboard.getPrompt());
}
if (keyboard.terminal) stderr.write("\n"); // Ctrl-D ends no line
