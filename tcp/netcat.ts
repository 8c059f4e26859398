/**
 * Netcat over TCP: sends standard input to a server, prints what comes back.
 *
 * A connection is two streams, one each way, and pipe() is all that each needs:
 * it reads no faster than the other side takes it. Each stream ends by itself.
 * The end of the input ends only our half, so the reply still arrives; netcat
 * ends when both halves have. At a terminal it ends when the other end does:
 * nobody needs to type what nobody hears.
 *
 * HOST PORT is the server to call. With --listen, netcat waits for one client,
 * on --host and --port. It prints bytes as they come: a stranger can send codes
 * that move the cursor of your terminal or change its title.
 *
 *     $ tsx tcp/server.ts
 *     The uppercase server is ready on 127.0.0.1:12000
 *     $ echo hello | tsx tcp/netcat.ts 127.0.0.1 12000
 *     HELLO
 */
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { config } from "../shared/config.ts";

const netcat = config("any", { listen: false, words: [] as string[] });
const [host = netcat.host, text = netcat.port, ...more] = netcat.words;
const port = Number(text);
Object.assign(netcat, { host, port }); // an error names them
if (more.length || (port === 0 && !netcat.listen)) {
  console.error("give it HOST PORT, or --listen: see --help");
  process.exit(2);
}

const { stdin, stdout } = process;
const allowHalfOpen = !stdin.isTTY;
const connection = netcat.listen ? await accept() : await call();
if (stdin.isTTY) console.error("Connected. Type lines, then Ctrl-D:");
stdin.pipe(connection).pipe(stdout);

async function call() {
  const client = connect({ host, port, allowHalfOpen });
  await once(client, "connect", { signal: AbortSignal.timeout(10_000) });
  return client;
}

async function accept(): Promise<Socket> {
  const server = createServer({ allowHalfOpen });
  server.listen(port, host);
  await once(server, "listening");
  const { address, port: bound } = server.address() as AddressInfo;
  console.error(`The netcat server is ready on ${address}:${bound}`);
  const [client] = await once(server, "connection");
  server.close(); // it takes no other clients
  return client;
}
