/**
 * Uppercase client over UDP: sends each line as a datagram, prints the reply.
 *
 * send() tells nothing about what becomes of a datagram. It or its reply may be
 * lost, so the client waits with a limit. The trap: a reply may also be late.
 * A new socket for each line has a new port, and there no late reply to one
 * line can pass for the reply to the next.
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
const server = isIPv6(host) ? `[${host}]:${port}` : `${host}:${port}`;
const trouble: Record<string, string> = {
  ABORT_ERR: `no reply from ${server} within 2 s: try again`,
  ECONNREFUSED: `nothing answers on ${server}: start tsx udp/server.ts there`,
  EMSGSIZE: `the line is too long for a datagram to ${server}: send less`,
};
const terminal = process.stdin.isTTY && process.stderr.isTTY;
const prompt = terminal ? "A lowercase sentence: " : "";
process.stdout.on("error", () => process.exit(1)); // as in: client | head -1

process.stderr.write(prompt);
for await (const message of createInterface({ input: process.stdin })) {
  const client = createSocket(isIPv6(host) ? "udp6" : "udp4");
  try {
    client.connect(port, host);
    await once(client, "connect");
    // Without a callback, nobody is told that a datagram is too long.
    client.send(message, (error) => error && client.emit("error", error));
    const signal = AbortSignal.timeout(2000);
    const [reply] = await once(client, "message", { signal });
    // What came from the network must not steer the terminal.
    console.log(String(reply).replace(/(?!\t)\p{Cc}/gu, ""));
  } catch (error) {
    const { code = "" } = error as NodeJS.ErrnoException;
    console.error(
      trouble[code] ??
        `cannot reach ${server} (${code}): try another host or port`,
    );
    if (code !== "ABORT_ERR") process.exit(1);
    process.exitCode = 1;
  } finally {
    client.close();
  }
  process.stderr.write(prompt);
}
if (terminal) console.error(); // Ctrl-D ends no line
