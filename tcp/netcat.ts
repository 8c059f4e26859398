/**
 * Netcat over TCP: standard input goes to the other end, and what comes from
 * there goes to standard output.
 *
 * A connection is two streams, one each way, and pipe() is all that each needs:
 * it waits for a reader that is slow. Each ends by itself. The end of the input
 * ends only our half, so a reply still arrives. The program ends when both halves
 * have ended. At a terminal it also ends when the other end does.
 *
 * It calls the server on --port. With --listen it waits for one client instead.
 * Bytes are printed as they come, so a stranger can send your terminal codes that
 * move its cursor or change its title.
 *
 *     $ tsx tcp/netcat.ts --listen --port 9000 | cksum
 *     The netcat server is ready on 127.0.0.1:9000
 *     747582247 100000000
 *     $ head -c 100000000 /dev/zero | tsx tcp/netcat.ts --port 9000
 *     $ head -c 100000000 /dev/zero | cksum
 *     747582247 100000000
 */
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { config } from "../shared/config.ts";

const { host, port, listen } = config("netcat", { listen: false });
const { stdin, stdout } = process;
if (port === 0 && !listen) {
  console.error("give it a --port, such as 8080 for the HTTP server");
  process.exit(2);
}
// A file is sent to its end, but nobody has to type when nobody listens.
const allowHalfOpen = !stdin.isTTY;

async function call() {
  const client = connect({ host, port, allowHalfOpen });
  await once(client, "connect", { signal: AbortSignal.timeout(10_000) });
  return client;
}

async function accept(): Promise<Socket> {
  const server = createServer({ allowHalfOpen });
  server.listen(port, host);
  await once(server, "listening");
  const bound = server.address() as AddressInfo;
  console.error(`The netcat server is ready on ${bound.address}:${bound.port}`);
  const [connection] = await once(server, "connection");
  server.close(); // it takes no other clients
  return connection;
}

const socket = listen ? await accept() : await call();
socket.on("error", (error) => {
  console.error(`the other end: ${error.message}`);
  process.exitCode = 1;
});
stdin.pipe(socket).pipe(stdout);
