/**
 * Uppercase client over TCP: a connection for each line, prints the reply.
 *
 * A stream has no sentences in it, so both sides must agree where one ends.
 * Here end() says so: the client ends its half of the connection, and reads on.
 * The trap: a reply comes in chunks of any size, and is whole only when the
 * server has ended its half as well.
 *
 *     $ tsx tcp/server.ts
 *     The uppercase server is ready on 127.0.0.1:12000
 *     $ echo hello | tsx tcp/client.ts
 *     HELLO
 */
import { connect, isIPv6 } from "node:net";
import { createInterface } from "node:readline";
import { config } from "../shared/config.ts";

const { host, port } = config("uppercase");
const server = isIPv6(host) ? `[${host}]:${port}` : `${host}:${port}`;
const cut = `${server} cut the connection before the reply was whole: try again`;
const trouble: Record<string, string> = {
  ETIMEDOUT: `no reply from ${server} within 10 s: try again`,
  ECONNREFUSED: `nothing answers on ${server}: start tsx tcp/server.ts there`,
  ECONNRESET: cut,
  EPIPE: cut,
};
const terminal = process.stdin.isTTY && process.stderr.isTTY;
const prompt = terminal ? "A lowercase sentence: " : "";
process.stdout.on("error", () => process.exit(1)); // as in: client | head -1

process.stderr.write(prompt);
for await (const sentence of createInterface({ input: process.stdin })) {
  const client = connect(port, host);
  try {
    client.setTimeout(10_000, () => client.destroy(new Error("ETIMEDOUT")));
    client.end(sentence);
    let reply = "";
    for await (const chunk of client.setEncoding("utf8")) reply += chunk;
    // What came from the network must not steer the terminal.
    console.log(reply.replace(/(?!\t)\p{Cc}/gu, ""));
  } catch (error) {
    const { message, code = message } = error as NodeJS.ErrnoException;
    console.error(
      trouble[code] ??
        `cannot reach ${server} (${code}): try another host or port`,
    );
    process.exit(1);
  }
  process.stderr.write(prompt);
}
if (terminal) console.error(); // Ctrl-D ends no line
