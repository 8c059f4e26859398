/**
 * What the tests share: checks with a time limit that clean up behind them,
 * and sockets to talk to the examples with.
 */
import { execFileSync } from "node:child_process";
import { createSocket, type Socket as UdpSocket } from "node:dgram";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import * as net from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { which } from "zx/core";
import {
  node,
  type Program,
  readyLine,
  root,
  run,
  start,
} from "../scripts/processes.ts";

export { node };

/** A server that is ready, and its address. */
export interface Server extends Program {
  host: string;
  port: number;
}

const upper = (text: string) => text.toUpperCase();
const same = (text: string) => text;

/** The notes' servers, their clients, and what they answer to a text. */
export const pairs = {
  udp: [
    { server: "udp/server.ts", client: "udp/client.ts", answer: upper },
    {
      server: "udp/echo-server.ts",
      client: "udp/echo-client.ts",
      answer: same,
    },
  ],
  tcp: [
    { server: "tcp/server.ts", client: "tcp/client.ts", answer: upper },
    {
      server: "tcp/echo-server.ts",
      client: "tcp/echo-client.ts",
      answer: same,
    },
  ],
};

/** Texts that a careless program spoils: "ΐ" in capitals is three characters. */
export const texts = ["hello", "", " ", "ß", "é", "😀", "ΐ", "naïve ΐ 😀 ß"];

/** What a check may take, in milliseconds. */
const limit = process.argv[1]!.endsWith(".long.ts") ? 600_000 : 300_000;

/** What a check, or else the file, has started and must end. */
let cleanup: (() => unknown)[] = [];
let left = 0;

/**
 * Defines a test. What it opens with the functions below ends with it; what its
 * file has opened for all checks ends with the last one.
 *
 * @param name what is seen if it passes
 * @param body what it does; it fails by throwing, or by taking more than five
 *   minutes (ten, in a file of long tests)
 * @param needs commands, "root" for its rights, or "linux" for what only that
 *   system has; without them it is skipped
 */
export function check(
  name: string,
  body: () => Promise<void>,
  ...needs: string[]
): void {
  const missing = needs.filter((need) => {
    if (need === "root") return process.getuid?.() !== 0;
    if (need === "linux") return process.platform !== "linux";
    return !which.sync(need, { nothrow: true });
  });
  if (missing.length) {
    console.log(`skipped for want of ${missing.join(" and ")}: ${name}`);
    return test.skip(name);
  }
  left++;
  test(name, async () => {
    const shared = cleanup;
    cleanup = [];
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise((_, reject) => {
      timer = setTimeout(reject, limit, new Error(`took over ${limit} ms`));
    });
    try {
      await Promise.race([body(), late]);
    } finally {
      clearTimeout(timer);
      await cleanUp();
      cleanup = shared;
      if (--left === 0) await cleanUp();
    }
  });
}

/** What was opened last goes first: a folder goes after who writes there. */
async function cleanUp() {
  for (const end of cleanup.reverse()) await end();
}

/** An empty folder outside of the project. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "socket-examples-"));
  cleanup.push(() => rmSync(folder, { recursive: true, maxRetries: 5 }));
  return folder;
}

const met = new Map<string, Set<string>>();

/**
 * Defines a check of an example against a program of others.
 *
 * @param example its file
 * @param peer the other program, as the tables of peers call it
 * @param what is seen if it passes
 * @param rest the body and what it needs, as for any check
 */
export function meet(
  example: string,
  peer: string,
  what: string,
  ...rest: [body: () => Promise<void>, ...needs: string[]]
): void {
  met.set(example, (met.get(example) ?? new Set()).add(peer));
  check(`${example} and ${peer}: ${what}`, ...rest);
}

/** Checks that the tables of peers name just the peers that have been met. */
export function checkPeers(): void {
  const rows = readmeTables("Peers");
  for (const [example, peers] of met)
    check(`the table of peers tells which ${example} has met`, async () => {
      const row = rows.find(([name]) => name === `\`${example}\``);
      assert.equal(row?.[1]?.split(", ").sort(), [...peers].sort());
    });
}

/**
 * Reads the tables in README.md, udp/README.md and tcp/README.md.
 *
 * @param column a column's name
 * @returns the rows of all tables that have that column, each with its cells
 */
export function readmeTables(column: string): string[][] {
  const text = ["README.md", "udp/README.md", "tcp/README.md"]
    .map((file) => readFileSync(join(root, file), "utf8"))
    .join("\n");
  const cells = (line: string) =>
    line
      .split("|")
      .slice(1, -1)
      .map((cell) => cell.trim());
  const tables = text
    .match(/(^\|.*\|\n)+/gm)!
    .map((table) => table.trim().split("\n").map(cells));
  return tables.filter(([head]) => head?.includes(column)).flat();
}

/**
 * Starts a server and waits until it is ready.
 *
 * @param command an example with its options, "udp/server.ts --host ::1", which is
 *   given any free port; or any other command
 * @param line by which it tells that it is ready
 * @returns the server, with its address
 */
export async function serve(
  command: string,
  line = readyLine,
): Promise<Server> {
  const program = start(
    command.replace(/^(udp|tcp)\/\S+/, `${node} $& --port 0`),
    { limit: 5 * limit },
  );
  cleanup.push(() => program.stop("SIGKILL"));
  const { host = "", port } = (await program.line(line)).groups ?? {};
  return { ...program, host: host.replace(/[[\]]/g, ""), port: Number(port) };
}

/** The memory of a program's processes together, in bytes. */
export function memory({ pid }: Program): number {
  const table = execFileSync("ps", ["-A", "-o", "pgid=,rss="], {
    encoding: "utf8",
  });
  let kilobytes = 0;
  for (const row of table.trim().split("\n")) {
    const [group, rss] = row.trim().split(/\s+/);
    if (Number(group) === pid) kilobytes += Number(rss);
  }
  return kilobytes * 1024;
}

/** A UDP socket: connected to an address, or else bound to a free port. */
export async function udp(port = 0, host = "127.0.0.1"): Promise<UdpSocket> {
  const socket = createSocket(net.isIPv6(host) ? "udp6" : "udp4");
  cleanup.push(() => socket.close());
  if (port) socket.connect(port, host);
  else socket.bind(0, host);
  await once(socket, port ? "connect" : "listening");
  return socket;
}

/** Sends a datagram, and waits at most 20 s for the next one that comes. */
export async function ask(
  socket: UdpSocket,
  datagram: string | Buffer,
): Promise<Buffer> {
  const signal = AbortSignal.timeout(20_000);
  const reply = once(socket, "message", { signal });
  socket.send(datagram);
  return (await reply)[0];
}

/** A connection to a server, and its handshake is done. */
export async function connect(
  port: number,
  host = "127.0.0.1",
): Promise<net.Socket> {
  const connection = net.connect({ port, host, noDelay: true });
  cleanup.push(() => connection.destroy());
  await once(connection, "connect");
  return connection;
}

/**
 * Writes pieces one by one to a connection of their own, and ends its half.
 *
 * @param port the server's
 * @param pieces what is written
 * @param host the server's, 127.0.0.1 if none is given
 * @returns all bytes that come back until the other half ends
 */
export async function exchange(
  port: number,
  pieces: Iterable<string | Uint8Array>,
  host?: string,
): Promise<Buffer> {
  const connection = await connect(port, host);
  const received = connection.toArray();
  for (const piece of pieces)
    await new Promise((written) => connection.write(piece, written));
  connection.end();
  return Buffer.concat(await received);
}

/** A TCP server that does something with each connection, and its port. */
export async function listen(
  serve: (connection: net.Socket) => void,
): Promise<number> {
  const options = { allowHalfOpen: true, noDelay: true };
  const server = net.createServer(options, (connection) => {
    cleanup.push(() => connection.destroy());
    serve(connection);
  });
  cleanup.push(() => server.close());
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return (server.address() as net.AddressInfo).port;
}

/**
 * An address where nobody listens on the transport of an example: this
 * machine's, but not the one that the tests use, and a port that no other
 * program can take for all addresses meanwhile.
 */
export async function nobody(file: string): Promise<[string, number]> {
  const port = file.startsWith("udp/")
    ? (await udp()).address().port
    : await listen(() => {});
  return ["127.0.0.77", port];
}

/** Defines a check that a server tells the user that its port is in use. */
export function checkInUse(file: string): void {
  check(`${file} says that its port is in use`, async () => {
    const port = file.startsWith("udp/")
      ? (await udp()).address().port
      : await listen(() => {});
    const result = await run(`${node} ${file} --port ${port}`);
    assert.is(result.stdout, "");
    assert.match(result.stderr, RegExp(`^127.0.0.1:${port} is in use: .+\\n$`));
    assert.is(result.exitCode, 1);
  });
}
