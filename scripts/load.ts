/**
 * The load generator of the benchmark, a process of its own: it is told what to
 * prepare, and then how long to run that. As light as it can be, it makes no
 * closure and, over TCP, no buffer for a request; yet it compares every byte.
 */
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { connect, type OnReadOpts } from "node:net";
import { createHistogram } from "node:perf_hooks";
import { setTimeout as sleep } from "node:timers/promises";

/** What to prepare. */
export interface Job {
  kind: keyof typeof kinds;
  /** The server's port on 127.0.0.1, and whether it answers in capitals. */
  port: number;
  capitals: boolean;
  /** How many connections, members, or datagrams under way. */
  many: number;
}

/** An order: prepare, run so many milliseconds (0 is once), or close all. */
export type Order = { prepare: Job } | { run: number } | "end";

/** What came of an order. */
export interface Report {
  /** Replies, or messages that all members have, or bytes. */
  done: number;
  /** Datagrams without a reply, or that did not reach a member. */
  lost: number;
  /** Half of the round trips, and 99 of 100, took at most so many µs. */
  p50: number;
  p99: number;
  /** What it took, and the generator's own processor time, in seconds. */
  seconds: number;
  cpu: number;
  error?: string;
}

const host = "127.0.0.1";
const histogram = createHistogram();
const opened = new Set<() => void>(); // and how to close it
let done = 0;
let lost = 0;
let running = false;
let finish = () => {};
let run = (_ms: number): void | Promise<void> => {};

/** All that is read is read here, and dealt with before the next is. */
const buffer = Buffer.alloc(65536);
type Hear = OnReadOpts["callback"];

const answer = ({ capitals }: Job, text: Buffer) =>
  capitals ? Buffer.from(`${text}`.toUpperCase()) : text;

function wrong(): never {
  throw new Error("a wrong byte came back");
}

/** Runs until all is done that was begun in so many milliseconds. */
async function during(ms: number, begin: () => void) {
  const ended = new Promise<void>((resolve) => (finish = resolve));
  running = ms > 0;
  setTimeout(() => (running = false), ms);
  begin();
  await ended;
}

function record(since: number) {
  histogram.record(Math.max(1, Math.round((performance.now() - since) * 1e6)));
}

/** A new connection, and what is called with each piece that comes. */
async function open(port: number, callback: Hear) {
  const onread = { buffer, callback };
  const connection = connect({ port, host, noDelay: true, onread });
  opened.add(() => connection.destroy());
  await once(connection, "connect");
  return connection;
}

/** So many at once that no server's queue of connections is too short. */
async function each(many: number, one: (i: number) => Promise<unknown>) {
  const workers = Array.from({ length: 32 }, async (_, k) => {
    for (let i = k; i < many; i += 32) await one(i);
  });
  await Promise.all(workers);
}

/** Compares what comes with a reply, again and again; tells when it is whole. */
function compare(reply: Buffer, whole: () => void): Hear {
  let got = 0;
  return (size, bytes) => {
    if (got + size > reply.length) wrong();
    if (reply.compare(bytes, 0, size, got, got + size)) wrong();
    got = (got + size) % reply.length;
    if (!got) whole();
    return true;
  };
}

/** Each of many connections sends 32 bytes when the last ones are answered. */
async function requests(job: Job) {
  const alone = job.many === 1;
  const sends: (() => void)[] = [];
  let busy = 0;
  let sent = 0;
  await each(job.many, async (i) => {
    const message = Buffer.from(`client ${i} has this to say `.padEnd(32, "z"));
    const hear = compare(answer(job, message), () => {
      done++;
      if (alone) record(sent);
      if (running) send();
      else if (--busy === 0) finish();
    });
    const connection = await open(job.port, hear);
    const send = () => {
      if (alone) sent = performance.now();
      connection.write(message);
    };
    sends.push(send);
  });
  run = (ms) => {
    busy = job.many;
    return during(ms, () => sends.forEach((send) => send()));
  };
}

/** A connection for each sentence, closed when its reply is there. */
function sentences(job: Job) {
  const { port } = job;
  const sentence = Buffer.from("what a sentence!");
  const callback = compare(answer(job, sentence), () => {
    done++;
    connection.end();
  });
  const options = { port, host, noDelay: true, onread: { buffer, callback } };
  let connection = connect(options).on("connect", () => connection.destroy());
  const next = () => {
    if (!running) return finish();
    connection = connect(options).on("close", next);
    connection.write(sentence);
  };
  run = (ms) => during(ms, next);
}

/** Blocks of 64 KiB, one after the other, while the replies are read. */
function stream(job: Job) {
  const block = Buffer.from(buffer.map((_, i) => 97 + (((i * i) >> 3) % 26)));
  const reply = answer(job, block);
  const expected = Buffer.concat([reply, reply]);
  run = async (ms) => {
    let sent = 0;
    const connection = await open(job.port, (size, bytes) => {
      const at = done % block.length;
      if (expected.compare(bytes, 0, size, at, at + size)) wrong();
      done += size;
      return true;
    });
    connection.on("close", () => (done === sent ? finish() : wrong()));
    const more = () => {
      if (!running) return connection.end();
      sent += block.length;
      connection.write(block, more);
    };
    await during(ms, more);
  };
}

/** Writes up to 200 MB and reads nothing, until nothing more is taken. */
function sleeper({ port }: Job) {
  run = async () => {
    const connection = connect({ port, host }).pause();
    opened.add(() => connection.destroy());
    const more = () => {
      done += buffer.length;
      if (done < 200e6) connection.write(buffer, more);
    };
    connection.write(buffer.fill("z"), more);
    for (let before = -1; before < done; await sleep(400)) before = done;
  };
}

/** A socket that hears just the server, and what is called with a datagram. */
async function socket(port: number, hear: (datagram: Buffer) => void) {
  const socket = createSocket({ type: "udp4", recvBufferSize: 4 << 20 });
  opened.add(() => socket.close());
  socket.on("message", hear).connect(port, host);
  await once(socket, "connect");
  return socket;
}

/** The 8 digits at a place in a datagram; no text is made for them. */
function numberAt(at: number, datagram: Buffer) {
  let number = 0;
  for (let i = at; i < at + 8; i++) number = number * 10 + datagram[i]! - 48;
  return number;
}

/** Writes them at its beginning. */
function setNumber(datagram: Buffer, number: number) {
  for (let i = 7; i >= 0; i--, number = Math.floor(number / 10))
    datagram[i] = 48 + (number % 10);
}

/** Compares what comes after a place. */
function check(from: number, datagram: Buffer, expected: Buffer) {
  if (datagram.length !== expected.length) wrong();
  if (datagram.compare(expected, from, undefined, from)) wrong();
}

/** So many are under way; each is lost after 300 ms without an answer. */
async function datagrams(job: Job) {
  const message = Buffer.from("00000000 is its number, for now");
  const reply = answer(job, message);
  const numbers = new Int32Array(job.many);
  const times = new Float64Array(job.many);
  let number = 0;
  let busy = 0;
  const server = await socket(job.port, (datagram) => {
    check(8, datagram, reply);
    const its = numberAt(0, datagram);
    const slot = its % job.many;
    if (numbers[slot] !== its) return; // it was thought lost
    done++;
    if (job.many === 1) record(times[0]!);
    next(slot);
  });
  const send = (slot: number) => {
    number = (number + job.many) % (30_000 * job.many);
    numbers[slot] = number + slot;
    setNumber(message, number + slot);
    times[slot] = performance.now();
    server.send(message);
  };
  const next = (slot: number) => {
    numbers[slot] = -1;
    if (running) send(slot);
    else if (--busy === 0) finish();
  };
  run = async (ms) => {
    busy = job.many;
    const timer = setInterval(() => {
      const late = performance.now() - 300;
      for (const [slot, time] of times.entries())
        if (numbers[slot]! >= 0 && time < late) {
          lost++;
          next(slot);
        }
    }, 50);
    await during(ms, () => times.forEach((_, slot) => send(slot)));
    clearInterval(timer);
  };
}

/**
 * One of the members of a chat speaks, and speaks again when the last of the
 * others has it. Over UDP, what has not come after 300 ms is lost.
 */
async function chat(job: Job) {
  const udp = job.kind === "udpChat";
  const said = Buffer.from("00000000 goes to all of them\n");
  const heard = Buffer.from(`m0: ${said}`);
  const says: ((text: string | Buffer) => void)[] = [];
  let number = 0;
  let left = 0;
  let sent = 0;
  let joining = true;
  let lines = 0;
  const one = () => --left || whole();
  const whole = () => {
    if (!left) record(sent);
    lost += left;
    done++;
    if (running) speak();
    else finish();
  };
  const speak = () => {
    left = job.many - 1;
    setNumber(said, ++number);
    said.copy(heard, 4);
    sent = performance.now();
    says[0]!(said);
  };
  const joinTcp = async (i: number) => {
    const listen = compare(heard, one);
    const member = await open(job.port, (size, bytes) => {
      if (!joining) return listen(size, bytes);
      if (i === 0) lines += `${bytes.subarray(0, size)}`.split("\n").length - 1;
      return true;
    });
    says[i] = (text) => member.write(text);
    says[i](`m${i}\n`);
  };
  const joinUdp = async (i: number) => {
    const member = await socket(job.port, (datagram) => {
      const [kind] = datagram;
      if (kind === 63) says[i]!(`/join m${i} ${datagram.subarray(2, 6)}`);
      if (kind !== 109) return; // "* m1 joined" and the like, or "here"
      check(12, datagram, heard);
      if (numberAt(4, datagram) === number) one();
    });
    says[i] = (text) => member.send(text);
    says[i](`/join m${i}`);
    await once(member, "message"); // the word
    await once(member, "message"); // it has joined
  };
  if (udp) for (let i = 0; i < job.many; i++) await joinUdp(i);
  else {
    await joinTcp(0);
    await each(job.many - 1, (i) => joinTcp(i + 1));
    // It hears of each who joins, itself included, and once who is there.
    while (lines <= job.many) await sleep(20);
  }
  await sleep(500);
  joining = false;
  // Who says nothing for 15 s has left.
  const stay = setInterval(() => {
    if (udp) for (const say of says) say("/here");
  }, 5000);
  opened.add(() => clearInterval(stay));
  run = async (ms) => {
    const late = setInterval(() => {
      if (udp && sent < performance.now() - 300) whole();
    }, 50);
    await during(ms, speak);
    clearInterval(late);
  };
}

const kinds = {
  requests,
  sentences,
  stream,
  sleeper,
  datagrams,
  chat,
  udpChat: chat,
};

function tell(begin: number, error?: string) {
  const { user, system } = process.cpuUsage(cpu);
  const seconds = (performance.now() - begin) / 1e3;
  const [p50, p99] = [50, 99].map((n) => histogram.percentile(n) / 1e3);
  const report = { done, lost, p50, p99, seconds, cpu: (user + system) / 1e6 };
  process.send?.({ ...report, error });
}

let cpu = process.cpuUsage();
process.on("message", async (order: Order) => {
  const begin = performance.now();
  cpu = process.cpuUsage();
  done = lost = 0;
  histogram.reset();
  if (order === "end") {
    opened.forEach((close) => close());
    opened.clear();
  } else if ("run" in order) await run(order.run);
  else await kinds[order.prepare.kind](order.prepare);
  tell(begin);
});
process.on("uncaughtException", ({ message }) => tell(0, message));
process.on("disconnect", () => process.exit());
