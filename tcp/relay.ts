/**
 * TCP relay: draws what passes between client and server, and cuts it in pieces.
 *
 * chunk 3 passes three bytes at a time, delay 20 waits 20 ms after each piece,
 * reset 1000 resets both ends after 1000 bytes. The trap: each client has two
 * connections here, and what happens to one must happen to the other. A half
 * ends by itself, with a FIN of its own, and a slow reader must slow the writer
 * down, not fill the memory between.
 *
 *     $ tsx tcp/server.ts
 *     The uppercase server is ready on 127.0.0.1:12000
 *     $ tsx tcp/relay.ts --to 127.0.0.1:12000 --chunk 3
 *     The relay to 127.0.0.1:12000 is ready on 127.0.0.1:12001
 *        1.800 s  client 1 ── connect ────────▶ server
 *        1.803 s  client 1 ── data ───────────▶ server  3 bytes "hel"
 *        1.804 s  client 1 ── data ───────────▶ server  2 bytes "lo"
 *     ...
 *     $ echo hello | tsx tcp/client.ts --port 12001
 *     HELLO
 */
import { connect, createServer, isIPv6 } from "node:net";
import type { AddressInfo, Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { config } from "../shared/config.ts";

const to = { address: "127.0.0.1", port: 12000 };
const faults = { chunk: 65536, delay: 0, reset: 0 };
const options = config("relay", { to, ...faults, hex: false });
const { host, port, chunk: size, delay, reset } = options;
if (!size || !Number.isInteger(size) || !Number.isInteger(reset))
  fail("give chunk 3, reset 1000, in whole bytes", 2);

const endpoint = ({ address, port }: { address: string; port: number }) =>
  `${isIPv6(address) ? `[${address}]` : address}:${port}`;
const target = endpoint(options.to);
if (target === endpoint({ address: host, port }))
  fail(`${target} is the relay itself: give it or its target another port`, 2);
process.stdout.on("error", () => process.exit(1)); // as in: relay | head -1

const each = {
  allowHalfOpen: true, // a half that has ended is passed on, the other goes on
  noDelay: true, // pieces leave one by one
  keepAlive: true, // an end whose machine is gone is found out and dropped
  keepAliveInitialDelay: 60_000,
};
const server = createServer(each);
server.on("error", ({ code }: NodeJS.ErrnoException) => {
  const address = endpoint({ address: host, port });
  fail(`cannot bind ${address} (${code}): try another port or host`, 1);
});
server.listen(port, host, () => {
  const address = endpoint(server.address() as AddressInfo);
  console.log(`The relay to ${target} is ready on ${address}`);
});

server.maxConnections = 1000; // so that a relay to itself comes to an end
let connections = 0;
server.on("connection", (client) => {
  const id = ++connections;
  const { address: host, port } = options.to;
  const upstream = connect({ ...each, host, port });
  let left = reset || Infinity;

  async function pass(from: Socket, to: Socket, up: boolean) {
    for await (const chunk of from.iterator({ destroyOnReturn: false }))
      for (let i = 0; i < chunk.length; i += size) {
        if (left === 0 || to.destroyed) return;
        const piece = chunk.subarray(i, i + Math.min(size, left));
        left -= piece.length;
        draw(id, up, "data", piece);
        // Once it is written, and not before: a slow reader slows the writer.
        await new Promise((written) => to.write(piece, written));
        if (delay) await sleep(delay);
        if (left > 0) continue;
        draw(id, true, "RST");
        draw(id, false, "RST");
        client.resetAndDestroy();
        upstream.resetAndDestroy();
        return;
      }
    draw(id, up, "FIN");
    to.end();
  }

  upstream.setTimeout(5000, () => upstream.destroy(new Error("ETIMEDOUT")));
  upstream.on("connect", () => {
    upstream.setTimeout(0);
    draw(id, true, "connect");
  });
  for (const up of [true, false]) {
    const [from, to] = up ? [client, upstream] : [upstream, client];
    from.on("error", ({ message, code = message }: NodeJS.ErrnoException) => {
      draw(id, up, code === "ECONNRESET" ? "RST" : code);
      to.resetAndDestroy();
    });
    from.on("close", () => draw(id, up, "close"));
    // What makes it fail is drawn above.
    upstream.on("connect", () => pass(from, to, up).catch(() => {}));
  }
});

/** Draws what passes up to the server or down to the client, and each close. */
function draw(id: number, up: boolean, what: string, bytes = Buffer.alloc(0)) {
  let arrow = up
    ? `── ${what} `.padEnd(19, "─") + "▶"
    : "◀" + ` ${what} ──`.padStart(19, "─");
  if (what === "close") arrow = up ? what.padEnd(20) : what.padStart(20);
  const time = (performance.now() / 1000).toFixed(3).padStart(8);
  const text = bytes.toString("latin1", 0, 999).replace(/[^\n\r\t -~]/g, "·");
  const data = text && `  ${bytes.length} bytes ${JSON.stringify(text)}`;
  const line = `${time} s  client ${id} ${arrow} server${data}`;
  console.log(line.slice(0, process.stdout.columns || 80));
  if (options.hex && text)
    console.log(bytes.toString("hex").replace(/../g, "$& "));
}

function fail(text: string, status: number) {
  console.error(text);
  process.exit(status);
}
