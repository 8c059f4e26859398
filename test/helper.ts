/** What the tests share: starting programs, and sockets to talk to them with. */
import { spawn, spawnSync } from "node:child_process";
import { createSocket, type Socket as UdpSocket } from "node:dgram";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import * as net from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { test } from "uvu";

/** How long a program may take to print or to end, on a busy machine too; ms. */
const limit = 240_000;

/** An address of this process: other runs of a test bind the same low ports. */
export const ownAddress = `127.${process.pid % 256}.${(process.pid >> 8) % 256}.2`;

/** The command that runs a TypeScript file in one process; tsx itself takes two. */
const { typescript } = process.features as { typescript?: string };
export const node = `"${process.execPath}"${typescript ? "" : " --import tsx"}`;

// Whatever this test file started or made ends with it.
const cleanup = new Set<() => void>();
process.on("exit", () => cleanup.forEach((end) => end()));
for (const signal of ["SIGINT", "SIGTERM"] as const)
  process.on(signal, () => process.exit(1));

/**
 * Starts a shell command in the project's folder. Each wait below fails after 4
 * minutes, and its error shows what the command printed.
 *
 * @param command such as "udp/client.ts --port 9 | head -1"; this Node runs a
 *   TypeScript file of the project that begins it or follows a pipe
 */
export function start(command: string) {
  const ours = /(^|\| )(?=(udp|tcp|scripts|test)\/\S+\.ts)/g;
  const line = command.replaceAll(ours, (bar) => `${bar}${node} `);
  const child = spawn("sh", ["-c", `exec ${line}`]);
  const kill = () => void child.kill("SIGKILL");
  cleanup.add(kill);
  // A server that nobody waits for does not keep the test file running.
  child.unref();
  for (const pipe of [child.stdin, child.stdout, child.stderr])
    (pipe as net.Socket).unref();
  child.stdin.on("error", () => {}); // it may end before it has read everything
  const printed = { stdout: "", stderr: "" };
  for (const name of ["stdout", "stderr"] as const)
    child[name].setEncoding("utf8").on("data", (chunk) => {
      printed[name] += chunk;
      child.emit("printed");
    });
  const end = once(child, "close").then(([status]) => {
    cleanup.delete(kill);
    return { ...printed, status: status as number | null };
  });
  const failure = (what: string) =>
    new Error(`${command} ${what}: ${JSON.stringify(printed)}`);
  const within = <T>(wait: Promise<T>, problem: string) =>
    new Promise<T>((resolve, reject) => {
      const timer = setTimeout(() => reject(failure(problem)), limit);
      wait.then(resolve, reject).finally(() => clearTimeout(timer));
    });
  const find = async (pattern: RegExp) => {
    for (;;) {
      const found = printed.stdout.match(pattern);
      const match = found ?? printed.stderr.match(pattern);
      if (match) return match;
      const ended = await Promise.race([once(child, "printed"), end]);
      if ("status" in ended) throw failure("ended");
    }
  };
  return {
    pid: child.pid!,
    stdin: child.stdin,
    /** Everything printed so far. */
    printed,
    /** Waits until a pattern is printed; returns its match. */
    line: (pattern: RegExp) => within(find(pattern), `lacks ${pattern}`),
    /** Waits until it ends; returns what it printed and its exit status. */
    ended: () => within(end, "does not end"),
    /** Makes it end, and waits for that. */
    stop(signal: NodeJS.Signals = "SIGKILL") {
      child.kill(signal);
      return within(end, "does not end");
    },
  };
}

/** Runs a command with that input to its end. */
export function run(command: string, input: string | Uint8Array = "") {
  const program = start(command);
  program.stdin.end(input);
  return program.ended();
}

/** Starts an example on a free port, waits for `ready`; stop() wants it alive. */
export async function serve(command: string) {
  const program = start(command.replace(/^(udp|tcp)\/\S+/, "$& --port 0"));
  const [, host = "", port] = await program.line(/\bready\b.* (\S+):(\d+)$/m);
  const stop = async () => {
    const { status, stderr } = await program.stop();
    if (status !== null) throw new Error(`${command} ended: ${stderr}`);
  };
  return { ...program, host, port: Number(port), stop };
}

/** uvu's test where these commands, "linux" and "root" are had, else test.skip. */
export function needs(...needed: string[]) {
  const has = (name: string) =>
    (name === "linux" && process.platform === "linux") ||
    (name === "root" && process.getuid?.() === 0) ||
    spawnSync("sh", ["-c", `command -v ${name}`]).status === 0;
  return needed.every(has) ? test : test.skip;
}

/** The resident memory of a process, in bytes. */
export function memory(pid: number): number {
  return 1024 * Number(spawnSync("ps", ["-o", "rss=", "-p", `${pid}`]).stdout);
}

/** An empty folder outside of the project, which goes when the test file ends. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "socket-examples-"));
  cleanup.add(() => rmSync(folder, { recursive: true, maxRetries: 5 }));
  return folder;
}

/** A UDP socket, connected to a port of 127.0.0.1 if one is given. */
export async function udp(port = 0, from = 0, host = "127.0.0.1") {
  const socket = createSocket("udp4").unref();
  socket.bind(from, host);
  await once(socket, "listening");
  if (port) socket.connect(port, "127.0.0.1");
  if (port) await once(socket, "connect");
  return socket;
}

/** Sends a datagram whose source port is 0, as only a forger does (root). */
export function sendFromPort0(port: number, hex = "00") {
  const words = ["test/port0.py", `${port}`, hex];
  const { status, stderr } = spawnSync("python3", words);
  if (status !== 0) throw new Error(`${stderr}`);
}

/** Sends a datagram to a port, or from a connected socket; returns the reply. */
export async function ask(to: number | UdpSocket, data: string | Uint8Array) {
  const client = typeof to === "number" ? await udp(to) : to;
  client.ref().send(data);
  const signal = AbortSignal.timeout(limit);
  const [reply] = await once(client, "message", { signal });
  client.unref();
  return `${reply}`;
}

/** Sends pieces one by one over TCP, then FIN; returns all that comes back. */
export async function exchange(port: number, ...pieces: (string | Buffer)[]) {
  const connection = net.connect({ port, host: "127.0.0.1", noDelay: true });
  connection.setTimeout(limit, () => connection.destroy(new Error("no reply")));
  const reply = text(connection);
  for (const piece of pieces)
    await new Promise((written) => connection.write(piece, written));
  connection.end();
  return reply;
}

/** A TCP server on a free port that does this with each connection; its port. */
export async function listen(serve: (connection: net.Socket) => void) {
  const server = net.createServer({ allowHalfOpen: true }, serve).unref();
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return (server.address() as net.AddressInfo).port;
}
