/**
 * What the tests of the HTTP programs share: requests, and how replies are read.
 */
import * as assert from "uvu/assert";
import { connect } from "./harness.ts";

export const serverFile = "tcp/http-server.ts";
export const clientFile = "tcp/http-client.ts";
export const chunked = "Transfer-Encoding: chunked";

/** What the client tells of a reply that is one. */
export const ok = "HTTP/1.1 200 OK\n";

/** A reply of the server. */
export interface Reply {
  status: number;
  head: string;
  body: string;
}

/**
 * A GET, by a client that keeps its connection.
 *
 * @param target what stands behind the method
 * @param fields more fields than Host
 * @returns the whole request
 */
export function get(target: string, ...fields: string[]): string {
  return `GET ${target} HTTP/1.1\r\n${["Host: x", ...fields].join("\r\n")}\r\n\r\n`;
}

/** The same as a POST, which the server does not take. */
export function post(...fields: string[]): string {
  return get("/", ...fields).replace("GET", "POST");
}

/** The head of a reply, for the client. */
export function reply(...fields: string[]): string {
  return `HTTP/1.1 200 OK\r\n${fields.map((field) => `${field}\r\n`).join("")}\r\n`;
}

/** A GET, and the connection ends behind its reply. */
export const last: string = get("/last", "Connection: close");

/**
 * Reads the replies in a stream, and fails if it has anything else.
 *
 * @param stream all bytes that came back
 * @param heads which replies answer a HEAD, and so have no body
 * @returns the replies in order
 */
export function replies(stream: Buffer, ...heads: number[]): Reply[] {
  const found: Reply[] = [];
  let rest = stream.toString("latin1");
  while (rest) {
    const all = /^HTTP\/1\.1 (\d{3}) [ -~]+\r\n([!-~]+: [ -~]*\r\n)*\r\n/;
    const [head = "", status] = all.exec(rest) ?? [];
    assert.ok(head, `no reply begins with ${JSON.stringify(rest)}`);
    const [, length = 0] = /^Content-Length: (\d+)\r$/m.exec(head) ?? [];
    const size = heads.includes(found.length) ? 0 : Number(length);
    rest = rest.slice(head.length);
    assert.ok(rest.length >= size, "the last reply is cut");
    found.push({ status: Number(status), head, body: rest.slice(0, size) });
    rest = rest.slice(size);
  }
  return found;
}

/**
 * The status of each reply in a stream.
 *
 * @param stream all bytes that came back
 * @returns the numbers in order
 */
export function statuses(stream: Buffer): number[] {
  return replies(stream).map(({ status }) => status);
}

/**
 * Writes to a connection, whose half stays open, until the server's ends.
 *
 * @param port the server's
 * @param text each character is a byte
 * @returns all bytes that came back
 */
export async function say(port: number, text: string): Promise<Buffer> {
  const connection = await connect(port);
  const received = connection.toArray();
  connection.write(text, "latin1");
  const chunks = await received;
  connection.destroy();
  return Buffer.concat(chunks);
}
