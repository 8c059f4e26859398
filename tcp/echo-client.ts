/**
 * Echo client over TCP: one connection for all lines, prints what comes back.
 *
 * tcp/client.ts pays for a handshake with every sentence, because there a sentence
 * ends only when the stream ends. Here a line feed ends each message and each
 * reply, so one connection carries them all. A chunk need not be one reply:
 * readline cuts the stream at the line feeds, wherever the chunks end.
 *
 *     $ tsx tcp/echo-server.ts
 *     The echo server is ready on 127.0.0.1:2105
 *     $ printf 'hello\nagain\n' | tsx tcp/echo-client.ts
 *     hello
 *     again
 */
import { connect } from "node:net";
import { createInterface } from "node:readline";
import { config } from "../shared/config.ts";

const { host, port } = config("echo");

const client = connect({ host, port });
// An iterator over the lines that come back: next() waits for one.
const replies = createInterface({ input: client })[Symbol.asyncIterator]();
const late = new Error("no reply in 10 seconds: try again");

if (process.stdin.isTTY) console.error("Type messages, then Ctrl-D:");
for await (const message of createInterface({ input: process.stdin })) {
  client.write(`${message}\n`);
  const limit = setTimeout(() => client.destroy(late), 10_000);
  const { value: reply, done } = await replies.next();
  clearTimeout(limit);
  if (done) throw new Error("the server closed the connection: try again");
  console.log(reply);
}
client.destroy(); // every reply is here, so close at once
