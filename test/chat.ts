/** What the tests of the chat share: members that are sockets of their own. */
import type { Socket as UdpSocket } from "node:dgram";
import { EventEmitter } from "node:events";
import type { Socket } from "node:net";
import { createInterface } from "node:readline";
import { connect, udp } from "./harness.ts";

/** A member of the chat, or someone who would like to be one. */
export interface Member<Transport> {
  socket: Transport;
  /** All that the server has said to it. */
  lines: string[];
  /** Sends a line, or a datagram. */
  say(text: string | Buffer): void;
  /** Waits until the server has said this; a text must be the whole line. */
  hears(what: string | RegExp): Promise<string>;
}

/** Someone who is connected to a TCP chat, and has said nothing yet. */
export async function tcpMember(port: number): Promise<Member<Socket>> {
  const socket = await connect(port);
  const { lines, hear, hears } = ear();
  createInterface({ input: socket }).on("line", hear);
  const say = (text: string | Buffer) =>
    socket.write(Buffer.concat([Buffer.from(text), Buffer.from("\n")]));
  return { socket, lines, say, hears };
}

/** Someone who has a socket towards a UDP chat, and has said nothing yet. */
export async function udpMember(port: number): Promise<Member<UdpSocket>> {
  const socket = await udp(port);
  const { lines, hear, hears } = ear();
  socket.on("message", (message) => {
    const line = `${message}`.replace(/\n$/, "");
    if (line !== "here") hear(line); // the reply to a sign of life
  });
  return { socket, lines, say: (text) => socket.send(text), hears };
}

/**
 * Joins a chat under a name, and waits until it is in. Over UDP, it stays in as
 * long as its socket is open, or else is silent from then on.
 */
export async function join<T extends "udp" | "tcp">(
  transport: T,
  port: number,
  name: string,
  stays?: boolean,
): Promise<Member<T extends "udp" ? UdpSocket : Socket>>;
export async function join(
  transport: "udp" | "tcp",
  port: number,
  name: string,
  stays = true,
): Promise<Member<UdpSocket | Socket>> {
  if (transport === "tcp") {
    const member = await tcpMember(port);
    member.say(name);
    await member.hears(/^\* here: /);
    return member;
  }
  const member = await udpMember(port);
  member.say(`/join ${name}`);
  const word = (await member.hears(/^\? \S{4}$/)).slice(2);
  member.say(`/join ${name} ${word}`);
  await member.hears(/^\* here: /);
  if (stays) {
    const again = () => member.say(`/join ${name} ${word}`);
    const timer = setInterval(again, 5_000);
    member.socket.on("close", () => clearInterval(timer));
  }
  return member;
}

/** A router between a UDP client and a server; see `router`. */
export interface Router {
  /** The port that the client sends to. */
  port: number;
  /** What the client has sent. */
  sent: string[];
  /** Sends on from another port from now on, as when a mapping is lost. */
  move(): Promise<void>;
}

/**
 * Passes on what a UDP client and a server send each other.
 * @param to the server's port
 * @param copies how many copies of the client's nth datagram are passed on, if
 * not one
 */
export async function router(
  to: number,
  copies: Record<number, number> = {},
): Promise<Router> {
  const front = await udp();
  let client = 0;
  let back = await udp(to);
  const move = async () => {
    back.removeAllListeners("message"); // nothing comes back on the old way
    back = await udp(to);
    back.on("message", (message) => front.send(message, client));
  };
  await move();
  const sent: string[] = [];
  front.on("message", (message, { port }) => {
    client = port;
    sent.push(`${message}`);
    for (let i = copies[sent.length] ?? 1; i > 0; i--) back.send(message);
  });
  return { port: front.address().port, sent, move };
}

/** Lines that arrive, and a way to wait for one of them. */
function ear() {
  const lines: string[] = [];
  const arrived = new EventEmitter().setMaxListeners(0);
  const hear = (line: string) => {
    lines.push(line);
    arrived.emit("line", line);
  };
  const hears = (what: string | RegExp) =>
    new Promise<string>((resolve) => {
      const fits = (line: string) =>
        typeof what === "string" ? line === what : what.test(line);
      const found = lines.find(fits);
      if (found !== undefined) return resolve(found);
      arrived.on("line", function look(line: string) {
        if (!fits(line)) return;
        arrived.off("line", look);
        resolve(line);
      });
    });
  return { lines, hear, hears };
}
