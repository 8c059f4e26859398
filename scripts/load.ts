/**
 * The clients of the benchmark, all in this process. They compare every byte.
 */
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { connect, type OnReadOpts, type Socket } from "node:net";

/** A server on 127.0.0.1, and whether it answers in capitals. */
export interface Target {
  port: number;
  capitals: boolean;
}

/** Clients that are ready to run, again and again. */
export interface Load {
  /** How many replies (or MB) have come, and the seconds that each took. */
  done: number;
  times: number[];
  /** Whether to begin something new, and what to call at the end. */
  running: boolean;
  finish: () => void;
  fail: (error: Error) => void;
  begin: () => void;
  close: () => void;
}

const host = "127.0.0.1";
const buffer = Buffer.alloc(65536); // all that is read over TCP is read here

function newLoad(): Load {
  const nothing = () => {};
  const calls = { finish: nothing, fail: nothing, begin: nothing };
  return { done: 0, times: [], running: false, ...calls, close: nothing };
}

/**
 * Runs clients until all is done that they have begun within a time.
 *
 * @param load the clients
 * @param ms the time; after 0, each has begun once
 * @returns the seconds that it took
 */
export async function run(load: Load, ms: number): Promise<number> {
  const start = performance.now();
  load.done = 0;
  load.times = [];
  load.running = ms > 0;
  const stop = setTimeout(() => (load.running = false), ms);
  const late = new Error("no reply within 10 s");
  const limit = setTimeout(() => load.fail(late), ms + 10_000);
  try {
    await new Promise<void>((resolve, reject) => {
      load.finish = resolve;
      load.fail = reject;
      load.begin();
    });
  } finally {
    clearTimeout(stop);
    clearTimeout(limit);
  }
  return (performance.now() - start) / 1e3;
}

/** What a server sends back. */
function answer(text: string | Buffer, { capitals }: Target) {
  return Buffer.from(capitals ? `${text}`.toUpperCase() : text);
}

/** Compares what comes with a reply, again and again; tells when it is whole. */
function comparing(load: Load, reply: Buffer, whole: () => void) {
  let got = 0;
  return (size: number, bytes: Uint8Array) => {
    const end = got + size;
    if (end > reply.length || reply.compare(bytes, 0, size, got, end))
      load.fail(new Error("a wrong byte came back"));
    got = end % reply.length;
    if (got === 0) whole();
    return true;
  };
}

function open(load: Load, port: number, callback: OnReadOpts["callback"]) {
  const onread = { buffer, callback };
  const connection = connect({ port, host, noDelay: true, onread });
  return connection.on("error", (error) => load.fail(error));
}

/** Opens connections, 32 at once: no server's queue is too short for that. */
async function openAll(many: number, one: (i: number) => Socket) {
  const all: Socket[] = [];
  while (all.length < many) {
    const count = Math.min(32, many - all.length);
    const some = Array.from({ length: count }, (_, i) => one(all.length + i));
    await Promise.all(some.map((connection) => once(connection, "connect")));
    all.push(...some);
  }
  return all;
}

/** Each of many connections sends 32 bytes when the last ones are answered. */
export async function requests(target: Target, many: number): Promise<Load> {
  const load = newLoad();
  let busy = 0;
  const client = (i: number) => {
    const message = `client ${i} has this to say `.padEnd(32, "z");
    let sent = 0;
    const send = () => {
      if (many === 1) sent = performance.now();
      connection.write(message);
    };
    const whole = () => {
      load.done++;
      if (many === 1) load.times.push(performance.now() - sent);
      if (load.running) send();
      else if (--busy === 0) load.finish();
    };
    const hear = comparing(load, answer(message, target), whole);
    const connection = open(load, target.port, hear);
    sends.push(send);
    return connection;
  };
  const sends: (() => void)[] = [];
  const connections = await openAll(many, client);
  load.begin = () => {
    busy = many;
    for (const send of sends) send();
  };
  load.close = () => connections.forEach((each) => each.destroy());
  return load;
}

/** A connection for each sentence, closed when its reply is there. */
export async function sentences(target: Target): Promise<Load> {
  const load = newLoad();
  const sentence = "what a sentence!";
  const reply = answer(sentence, target);
  load.begin = () => {
    const before = load.done;
    const whole = () => {
      load.done++;
      connection.end();
    };
    const connection = open(load, target.port, comparing(load, reply, whole));
    connection.write(sentence);
    connection.on("close", () => {
      if (load.done === before) load.fail(new Error("no whole reply"));
      else if (load.running) load.begin();
      else load.finish();
    });
  };
  return load;
}

/** Blocks of 64 KiB, one after the other, while the replies are read. */
export async function stream(target: Target): Promise<Load> {
  const load = newLoad();
  const block = Buffer.alloc(65536);
  for (let i = 0; i < block.length; i++) block[i] = 97 + (((i * i) >> 3) % 26);
  const reply = answer(block, target);
  const expected = Buffer.concat([reply, reply]);
  load.begin = () => {
    let sent = 0;
    let got = 0;
    const connection = open(load, target.port, (size, bytes) => {
      const at = got % block.length;
      if (expected.compare(bytes, 0, size, at, at + size))
        load.fail(new Error("a wrong byte came back"));
      got += size;
      return true;
    });
    const more = () => {
      if (!load.running) return connection.end();
      sent += block.length;
      connection.write(block, more);
    };
    connection.on("connect", more);
    connection.on("close", () => {
      load.done = got / 1e6;
      if (got === sent) load.finish();
      else load.fail(new Error("the stream was cut short"));
    });
  };
  return load;
}

/** So many datagrams are under way, 64 for each socket. */
export async function datagrams(target: Target, many: number): Promise<Load> {
  const load = newLoad();
  const message = Buffer.from("a datagram has 32 bytes, for now");
  const reply = answer(message, target);
  let busy = 0;
  let sent = 0;
  let quiet: NodeJS.Timeout;
  const hear = (datagram: Buffer) => {
    if (!reply.equals(datagram))
      load.fail(new Error("a wrong byte came back"));
    load.done++;
    ...
  };
}
