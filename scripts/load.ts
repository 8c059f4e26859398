/** The clients of the benchmark. They compare every byte that comes back. */
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { connect } from "node:net";
import { createInterface } from "node:readline";
import { cpus } from "node:os";
import { setTimeout as sleep } from "node:timers/promises";
import { run } from "./processes.ts";

/** A server on 127.0.0.1 that is measured. */
export interface Server {
  file: string; // whose protocol it has
  port: number;
  ready: number; // milliseconds after its start
  fail: (error: Error) => void; // ends the measurement
}
/** What was measured, by units. */
export type Values = Record<string, number>;

/** Sends a message, and resolves when the whole reply is there. */
type Client = () => Promise<void>;
const host = "127.0.0.1";
const buffer = Buffer.alloc(65536); // all that comes over TCP is read here
const opened: (() => void)[] = []; // how to close each client

/** Closes all clients. */
export function closeAll(): void {
  for (const close of opened.splice(0)) close();
}

/**
 * Makes clients. Each sends again when its reply is there, for so many ms, and
 * just once for 0. A third of the time is to warm up.
 */
export async function work(
  server: Server,
  newClient: (server: Server) => Promise<Client>,
  { ms = 0, many = 1, each = 1 } = {},
): Promise<Values> {
  const clients: Client[] = [];
  while (clients.length < many) clients.push(await newClient(server));
  const times: number[] = []; // of each reply, in milliseconds
  const ours = process.cpuUsage();
  const before = worked();
  const start = performance.now();
  let heard = start; // when the last reply came
  let over = false;
  const repeat = async (client: Client) => {
    do {
      const sent = performance.now();
      await client();
      heard = performance.now();
      if (sent >= start + ms / 3) times.push(heard - sent);
    } while (heard < start + ms || times.length === 0);
  };
  const loops = clients.flatMap((one) => new Array<Client>(each).fill(one));
  const all = Promise.all(loops.map(repeat)).then(() => (over = true));
  const lossy = server.file.startsWith("udp");
  while (!over && performance.now() < heard + (lossy ? 500 : 10_000))
    await Promise.race([all, sleep(50)]);
  if (times.length === 0 || !(over || lossy)) throw new Error("no reply");
  const { user, system } = process.cpuUsage(ours);
  const took = (heard - start) / 1000;
  const busy = took > 0.02 && (user + system) / 1e6 > 0.85 * took;
  const idle = worked() - before < 1.6 * took; // the other cores: the server
  return {
    "ms from start": server.ready + times[0]!,
    ms: part(0.5, times),
    "ms at p99": part(0.99, times),
    replies: times.length,
    "replies/s": times.length / (took - ms / 3000),
    slow: Number(busy && idle),
  };
}

/** The value that so great a share of the values does not exceed. */
export function part(share: number, values: number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length * share)]!;
}

/** The seconds that all cores have worked so far. */
const worked = () =>
  cpus().reduce((ms, { times }) => ms + times.user + times.sys, 0) / 1000;

/** A client with a socket; its messages have so many bytes. */
export async function client({ file, port, fail }: Server, size = 32) {
  const message = Buffer.alloc(size, `client ${opened.length} says `);
  const upper = file.endsWith("/server.ts");
  const reply = upper ? Buffer.from(`${message}`.toUpperCase()) : message;
  const waiting: (() => void)[] = [];
  let got = 0;
  const receive = (bytes: Buffer) => {
    const expected = reply.subarray(got, got + bytes.length);
    if (!expected.equals(bytes)) fail(new Error("a wrong byte came back"));
    got = (got + bytes.length) % reply.length;
    if (got === 0) waiting.pop()?.(); // not the first: its reply may be lost
    return true;
  };
  let send = () => {};
  if (file.startsWith("udp")) {
    const socket = createSocket("udp4", receive).on("error", fail);
    socket.connect(port, host);
    opened.push(() => socket.close());
    await once(socket, "connect");
    send = () => socket.send(message);
  } else {
    const callback = (size: number) => receive(buffer.subarray(0, size));
    const onread = { buffer, callback };
    const socket = connect({ port, host, noDelay: true, onread });
    socket.on("error", fail);
    opened.push(() => socket.destroy());
    await once(socket, "connect");
    send = () => socket.write(message);
  }
  return () =>
    new Promise<void>((resolve) => {
      waiting.push(resolve);
      send();
    });
}

/** A client with a new connection for each message. */
export const sentences = async (server: Server) => async () => {
  const send = await client(server);
  await send();
  closeAll();
};

/** A member of a chat; the reply is that all the others have heard it. */
export async function chat({ port, fail }: Server, members: number) {
  const speaker = connect(port, host).on("error", fail);
  let left = 0;
  const hear = (line: string) => {
    if (line === "m0: good news for all") left--; // others tell who joined
    if (left === 0) speaker.emit("heard");
  };
  for (let i = 0; i < members; i++) {
    const member = i === 0 ? speaker : connect(port, host).on("error", fail);
    createInterface({ input: member }).on("line", hear);
    opened.push(() => member.destroy());
    member.write(`m${i}\n`);
    await once(member, "data");
  }
  return async () => {
    left = members - 1;
    speaker.write("good news for all\n");
    await once(speaker, "heard");
  };
}

/** What wrk measures in a second. */
export async function wrk({ port }: Server): Promise<Values> {
  const { stdout } = await run(`wrk -t1 -c50 -d1 http://127.0.0.1:${port}/`);
  const [, rate] = /Requests\/sec: +([\d.]+)/.exec(stdout) ?? [];
  if (!rate || /Non-2xx|errors/.test(stdout)) throw new Error(stdout);
  return { "replies/s": Number(rate) };
}
