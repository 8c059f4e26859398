/**
 * TCP relay: stands between client and server, draws what passes, and cuts it
 * into pieces, slows it down or resets it.
 *
 * `--chunk 3` passes three bytes at a time, `--delay 20` waits 20 ms after each
 * piece, `--reset 1000` resets both ends after 1000 bytes; `--hex` adds the
 * bytes. A ✗ is where a connection did not get through.
 *
 * The trap: each client has two connections here, and what happens to one must
 * happen to the other. Each half ends by itself, with a FIN of its own; and a
 * reader that is slow must slow the writer down, not fill the memory between.
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
import { isUtf8 } from "node:buffer";
import {
  type AddressInfo,
  connect,
  createServer,
  isIPv6,
  type Socket,
} from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { config } from "../shared/config.ts";

const options = config("relay", {
  to: "127.0.0.1:12000",
  chunk: 65536,
  delay: 0,
  reset: 0,
  hex: false,
});
const { host, port, to, chunk: size, delay, reset } = options;
const [, toHost = "", toPort] = /^\[?(.+?)\]?:(\d{1,5})$/.exec(to) ?? [];
for (const [right, example] of [
  [Number(toPort) > 0 && Number(toPort) < 65536, "--to 127.0.0.1:12000"],
  [
    toHost !== host || Number(toPort) !== port,
    "--to 127.0.0.1:12000 --port 12001",
  ],
  [Number.isInteger(size) && size > 0, "--chunk 1"],
  [Number.isInteger(reset), "--reset 1000"],
] as const)
  if (!right) {
    console.error(`wrong value: write it as in ${example}`);
    process.exit(2);
  }

const endpoint = ({ address, port }: { address: string; port: number }) =>
  `${isIPv6(address) ? `[${address}]` : address}:${port}`;
process.stdout.on("error", () => process.exit(1)); // as in: relay | head -1

const server = createServer({
  allowHalfOpen: true, // a half that has ended is passed on, the other goes on
  keepAlive: true, // a client whose machine is gone is found out and dropped
  keepAliveInitialDelay: 60_000,
  noDelay: true, // pieces leave one by one
});
server.on("error", ({ code }: NodeJS.ErrnoException) => {
  const address = endpoint({ address: host, port });
  console.error(`cannot bind ${address} (${code}): try another port or host`);
  process.exit(1);
});
server.listen(port, host, () => {
  const address = endpoint(server.address() as AddressInfo);
  console.log(`The relay to ${to} is ready on ${address}`);
});

server.maxConnections = 1000; // so that a relay to itself comes to an end
let connections = 0;
server.on("connection", (client) => {
  const id = ++connections;
  const upstream = connect({
    port: Number(toPort),
    host: toHost,
    allowHalfOpen: true,
    noDelay: true,
  });
  const late = Object.assign(new Error(), { code: "ETIMEDOUT" });
  upstream.setTimeout(5000, () => upstream.destroy(late));
  let connected = false;
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

  upstream.on("connect", () => {
    connected = true;
    upstream.setTimeout(0);
    draw(id, true, "connect");
    for (const half of [
      pass(client, upstream, true),
      pass(upstream, client, false),
    ])
      half.catch(() => {}); // told by "error", below
  });
  for (const [from, other, up] of [
    [client, upstream, true],
    [upstream, client, false],
  ] as const) {
    from.on("error", ({ code = "" }: NodeJS.ErrnoException) => {
      if (from === upstream && !connected) {
        draw(id, true, "connect", undefined, "✗");
        console.error(`cannot reach ${to} (${code})`);
      } else draw(id, up, code === "ECONNRESET" ? "RST" : code);
      other.resetAndDestroy();
    });
    from.on("close", () => draw(id, up, "close"));
  }
});

/** Draws what passes up to the server or down to the client, and each close. */
function draw(
  id: number,
  up: boolean,
  what: string,
  bytes = Buffer.alloc(0),
  head = up ? "▶" : "◀",
) {
  const shaft = up
    ? `── ${what} `.padEnd(19, "─") + head
    : head + ` ${what} ──`.padStart(19, "─");
  const arrow = what === "close" ? what : shaft;
  const column = up ? arrow.padEnd(20) : arrow.padStart(20);
  const time = (performance.now() / 1000).toFixed(3).padStart(8);
  const width = process.stdout.columns || 80;
  // What came from the network must not steer the terminal.
  const visible = isUtf8(bytes)
    ? bytes.toString("utf8", 0, 4 * width).replace(/(?![\n\r\t])\p{Cc}/gu, "·")
    : bytes.toString("latin1", 0, width).replace(/[^\n\r\t -~]/g, "·");
  const text = `  ${bytes.length} bytes ${JSON.stringify(visible)}`;
  const line = `${time} s  client ${id} ${column} server${bytes.length ? text : ""}`;
  const cut = [...line].slice(0, width - 1).join("");
  console.log(cut.length + 1 < line.length ? `${cut}…` : line);
  if (options.hex)
    for (const row of bytes.toString("hex").match(/.{1,32}/g) ?? [])
      console.log(`${" ".repeat(12)}${row.replaceAll(/\B(?=(..)+$)/g, " ")}`);
}
