/**
 * The clients of the benchmark. They compare every byte that comes back. One
 * kind runs at a time, so all of them count in the same variables.
 */
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { connect } from "node:net";
import { createInterface } from "node:readline";
import { run as command } from "./processes.ts";

/** A server on 127.0.0.1, and whether it answers in capitals. */
export interface Target {
  port: number;
  capitals: boolean;
}

/** What a run brought: replies, their times in ms, processor time in seconds. */
export interface Report {
  done: number;
  lost: number;
  times: number[];
  seconds: number;
  cpu: number;
}

/** Lets clients work for so many milliseconds; for 0, each sends just once. */
export type Run = (ms: number) => Promise<Report>;

const host = "127.0.0.1";
const buffer = Buffer.alloc(65536); // all that comes over TCP is read here
const opened: (() => void)[] = []; // and how to close it
let running = false; // whether to send again after a reply
let waiting = 0; // for so many replies
let sent = 0; // when the last message was
let heard = 0; // when the last reply came
let times: number[] = [];
let finish = () => {};
let fail = (_message: string) => {};

/** Closes all clients. */
export function closeAll(): void {
  for (const close of opened.splice(0)) close();
}

/** Makes clients. Each is a function that sends, and has messages under way. */
async function clients(
  many: number,
  underWay: number,
  client: (i: number) => Promise<() => void>,
): Promise<Run> {
  const sends: (() => void)[] = [];
  while (sends.length < many) sends.push(await client(sends.length));
  return async (ms) => {
    const start = performance.now();
    const before = process.cpuUsage();
    const ended = new Promise<void>((resolve, reject) => {
      finish = resolve;
      fail = (message) => reject(new Error(message));
    });
    times = [];
    heard = start;
    waiting = many * underWay;
    running = ms > 0;
    const clock = setInterval(() => {
      const now = performance.now();
      const silence = now - heard;
      if (now > start + ms) running = false;
      if (silence > 300 && times.length > 0) finish(); // the rest is lost
      if (silence > 10_000) fail("no reply within 10 s");
    }, 10);
    for (let i = 0; i < underWay; i++) for (const send of sends) send();
    await ended.finally(() => clearInterval(clock));
    const { user, system } = process.cpuUsage(before);
    const cpu = (user + system) / 1e6;
    const seconds = (heard - start) / 1e3;
    return { done: times.length, lost: waiting, times, seconds, cpu };
  };
}

/** A reply is whole: the next message is sent, or this was the last one. */
function replied(send: () => void) {
  heard = performance.now();
  times.push(heard - sent);
  if (running) return send();
  waiting--;
  if (waiting === 0) finish();
}

/** What a server sends back. */
function answer(text: Buffer, { capitals }: Target) {
  return capitals ? Buffer.from(`${text}`.toUpperCase()) : text;
}

/** Opens a connection, and tells each time that a whole reply has come. */
function open({ port }: Target, reply: Buffer, whole: () => void) {
  const twice = Buffer.concat([reply, reply]); // a chunk may end in the next
  let got = 0;
  const callback = (size: number, bytes: Uint8Array) => {
    const end = got + size;
    if (size > reply.length || twice.compare(bytes, 0, size, got, end))
      fail("a wrong byte came back");
    got = end % reply.length;
    if (end >= reply.length) whole();
    return true;
  };
  const onread = { buffer, callback };
  const connection = connect({ port, host, noDelay: true, onread });
  return connection.on("error", ({ message }) => fail(message));
}

/** Connections, each with so many messages of a size under way. */
export function requests(to: Target, many: number, underWay = 1, size = 32) {
  return clients(many, underWay, async (i) => {
    const message = Buffer.from(`client ${i} says `.padEnd(size, "abcdefg"));
    const connection = open(to, answer(message, to), () => replied(send));
    const send = () => {
      sent = performance.now();
      connection.write(message);
    };
    opened.push(() => connection.destroy());
    await once(connection, "connect");
    return send;
  });
}

/** A connection for each sentence, closed when its reply is there. */
export function sentences(to: Target) {
  const sentence = Buffer.from("what a sentence!");
  const reply = answer(sentence, to);
  const send = () => {
    let whole = false;
    sent = performance.now();
    const connection = open(to, reply, () => {
      whole = true;
      connection.end();
    });
    connection.write(sentence);
    connection.on("close", () => {
      if (whole) replied(send);
      else fail("a connection ended before its reply");
    });
  };
  return clients(1, 1, async () => send);
}

/** Sockets, each with so many datagrams under way. */
export function datagrams(to: Target, many: number, underWay = 1) {
  const message = Buffer.from("a datagram has 32 bytes, for now");
  const reply = answer(message, to);
  return clients(many, underWay, async () => {
    const socket = createSocket("udp4");
    const send = () => {
      sent = performance.now();
      socket.send(message);
    };
    socket.on("error", ({ message }) => fail(message));
    socket.on("message", (datagram) => {
      if (!reply.equals(datagram)) fail("a wrong byte came back");
      replied(send);
    });
    opened.push(() => socket.close());
    socket.connect(to.port, host);
    await once(socket, "connect");
    return send;
  });
}

/** One member of a chat speaks, and again when all of the others have heard. */
export async function chat({ port }: Target, members: number) {
  const first = connect({ port, host, noDelay: true });
  let left = 0;
  const speak = () => {
    left = members - 1;
    sent = performance.now();
    first.write("good news for all\n");
  };
  for (let i = 0; i < members; i++) {
    const member = i === 0 ? first : connect(port, host);
    createInterface({ input: member }).on("line", (line) => {
      if (line.startsWith("* here: ")) member.emit("here");
      if (line.startsWith("* ")) return; // somebody joined
      if (line !== "m0: good news for all") fail("a wrong byte came back");
      left--;
      if (left === 0) replied(speak);
    });
    member.on("error", ({ message }) => fail(message));
    member.write(`m${i}\n`);
    opened.push(() => member.destroy());
    await once(member, "here");
  }
  return clients(1, 1, async () => speak);
}

/** wrk's requests over 50 connections, for whole seconds. */
export async function wrk({ port }: Target): Promise<Run> {
  const url = `http://${host}:${port}/`;
  const reply = await (await fetch(url)).text();
  if (!reply.startsWith("GET / HTTP/1.1\r\n")) throw new Error(reply);
  return async (ms) => {
    const wrk = `wrk -t1 -c50 -d${Math.ceil(ms / 1000)} ${url}`;
    const { stdout } = await command(wrk);
    const [, done, seconds] = /(\d+) requests in ([\d.]+)s/.exec(stdout) ?? [];
    if (!done || /Non-2xx|errors/.test(stdout)) throw new Error(stdout);
    const counts = { done: Number(done), lost: 0, times: [], cpu: 0 };
    return { ...counts, seconds: Number(seconds) };
  };
}
