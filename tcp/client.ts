/**
 * Uppercase client over TCP: sends each line over a connection of its own, prints
 * the reply.
 *
 * A stream of bytes has no sentences in it, so both sides must agree on where one
 * ends. Here the end of the stream is the end of the sentence: end() sends the
 * sentence and then a FIN, a segment that says "no more bytes". That closes only
 * our half; the reply still comes through the other, in chunks of any size, and is
 * complete when the server sends its own FIN.
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

if (process.stdin.isTTY) console.error("Type sentences, then Ctrl-D:");
for await (const sentence of createInterface({ input: process.stdin })) {
  // After 10 seconds an error ends the connection, wherever it is.
  const client = connect({ host, port, signal: AbortSignal.timeout(10_000) });
  await once(client, "connect"); // the handshake is done: a server is there
  client.end(sentence);
  const reply = await buffer(client); // all that comes until the server's FIN
  console.log(`${reply}`);
}
