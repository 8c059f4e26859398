/**
 * HTTP client over TCP: asks a server for a path, prints the body of its reply.
 *
 * The bytes of a reply arrive in chunks of any size, and its body ends in one of
 * three ways: after as many bytes as the head says, after a chunk of size 0, or,
 * if the head says neither, with the connection. Only the first two show that the
 * body is complete; in the third, a body that was cut looks like a whole one. The
 * status goes to stderr, and one of 400 or more makes the exit status 1.
 *
 * Its argument is a URL, or a path on the server that --host and --port name.
 *
 *     $ tsx tcp/http-server.ts
 *     The HTTP server is ready on 127.0.0.1:8080
 *     GET /path HTTP/1.1: 200 OK
 *     $ tsx tcp/http-client.ts /path
 *     HTTP/1.1 200 OK
 *     GET /path HTTP/1.1
 *     ...
 */
import { once } from "node:events";
import { connect, isIPv6 } from "node:net";
import { config } from "../shared/config.ts";

const server = config("http", { words: [] as string[] });
const name = isIPv6(server.host) ? `[${server.host}]` : server.host;
const base = `http://${name}:${server.port}`;
const [word = "/", ...more] = server.words;
const url = URL.canParse(word, base) ? new URL(word, base) : undefined;
if (url?.protocol !== "http:" || more.length > 0) {
  console.error("Give one path such as /a.txt, or one http: URL: see --help");
  process.exit(2);
}
server.host = url.hostname.replace(/^\[|\]$/g, ""); // for the error lines, too
server.port = Number(url.port || 80);

const headLimit = 65_536; // bytes
const notHttp = new Error("the reply is not valid HTTP/1.1: check the --port");
const cut = new Error("the server closed the connection too early: try again");
const late = new Error("nothing came for 10 seconds: try again");

const client = connect({ host: server.host, port: server.port });
const chunks = client[Symbol.asyncIterator]();
let received = Buffer.alloc(0); // and not used yet
// In one write, since some servers expect the whole request in one chunk.
client.write(
  `GET ${url.pathname}${url.search} HTTP/1.1\r\n` +
    `Host: ${url.host}\r\nConnection: close\r\n\r\n`,
);

let status = "";
let fields = "";
do {
  status = await readLine();
  if (!/^HTTP\/1\.\d [1-9]\d\d/.test(status)) throw notHttp;
  fields = await readFields();
} while (status.startsWith("1", 9)); // such as 100 Continue: the reply comes later
console.error(status);
const code = Number(status.slice(9, 12));
if (code !== 204 && code !== 304) await printBody();
client.destroy(); // the server may keep its end open
process.exitCode = code < 400 ? 0 : 1;

async function printBody() {
  const coding = valueOf("transfer-encoding"); // if there is one, it counts
  const length = valueOf("content-length");
  if (coding.toLowerCase() === "chunked") await printChunks();
  else if (coding !== "" || !/^\d*$/.test(length)) throw notHttp;
  else if (length !== "") await printBytes(Number(length));
  else
    while (received.length > 0 || (await receive()))
      await printBytes(received.length);
}

/** Each chunk is its size as a line, its bytes, and a line end. */
async function printChunks() {
  for (;;) {
    const size = parseInt(await readLine(), 16); // ends before an extension
    if (!(size >= 0)) throw notHttp; // NaN, too
    if (size === 0) break;
    await printBytes(size);
    if ((await readLine()) !== "") throw notHttp;
  }
  await readFields(); // the trailers: fields after the body
}

async function printBytes(missing: number) {
  while (missing > 0) {
    if (received.length === 0 && !(await receive())) throw cut;
    const piece = received.subarray(0, missing);
    received = received.subarray(piece.length);
    missing -= piece.length;
    if (!process.stdout.write(piece)) await once(process.stdout, "drain");
  }
}

/** All lines up to an empty one. */
async function readFields() {
  let lines = "";
  for (let line = await readLine(); line !== ""; line = await readLine()) {
    lines += `${line}\n`;
    if (lines.length > headLimit) throw notHttp;
  }
  return lines.replaceAll(/\n[ \t]+/g, " "); // a folded field goes on there
}

/** The values of all fields of that name. */
function valueOf(name: string) {
  const same = fields.match(RegExp(`^${name}:.*`, "gim")) ?? [];
  return same.map((line) => line.slice(name.length + 1).trim()).join();
}

async function readLine() {
  while (!received.includes("\n")) {
    if (received.length > headLimit) throw notHttp;
    if (!(await receive())) throw cut;
  }
  const end = received.indexOf("\n");
  const line = received.toString("latin1", 0, end); // a character for each byte
  received = received.subarray(end + 1);
  return line.replace(/\r$/, "");
}

/** Waits for more bytes; false if the server has ended its half. */
async function receive() {
  const limit = setTimeout(() => client.destroy(late), 10_000);
  const { value, done } = await chunks.next();
  clearTimeout(limit);
  if (!done) received = Buffer.concat([received, value]);
  return !done;
}
