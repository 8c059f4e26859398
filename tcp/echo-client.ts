/**
 * Echo client over TCP: a connection for each line, prints what comes back.
 *
 * connect() shakes hands with the server, so unlike over UDP the client knows
 * that one is there before it sends. The trap: write() only hands bytes to the
 * system. That the server has them is known when its reply is there.
 *
 *     $ tsx tcp/echo-server.ts
 *     The echo server is ready on 127.0.0.1:2105
 *     $ echo hello | tsx tcp/echo-client.ts
 *     hello
 */
import { connect, isIPv6 } from "node:net";
import { createInterface } from "node:readline";
import { config } from "../shared/config.ts";

const { host, port } = config("echo");
const server = isIPv6(host) ? `[${host}]:${port}` : `${host}:${port}`;
const cut = `${server} cut the connection before the reply was whole: try again`;
const trouble: Record<string, string> = {
  ETIMEDOUT: `no reply from ${server} within 10 s: try again`,
  ECONNREFUSED: `nothing answers on ${server}: start tsx tcp/echo-server.ts there`,
  ECONNRESET: cut,
  EPIPE: cut,
};
const terminal = process.stdin.isTTY && process.stderr.isTTY;
const prompt = terminal ? "A message: " : "";
process.stdout.on("error", () => process.exit(1)); // as in: client | head -1

process.stderr.write(prompt);
for await (const message of createInterface({ input: process.stdin })) {
  const client = connect(port, host);
  try {
    client.setTimeout(10_000, () => client.destroy(new Error("ETIMEDOUT")));
    client.end(message);
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
