/**
 * HTTP client over TCP: asks a server for a path, prints the body of its reply.
 *
 * A body can end in three ways: after as many bytes as the head says, after a
 * chunk of size 0, or, if the head says neither, where the connection ends. Only
 * the first two show that the body is complete: in the third, a body that was
 * cut looks like a whole one. The status goes to stderr. A status of 400 or more
 * is a failure.
 *
 *     $ tsx tcp/http-server.ts
 *     The HTTP server is ready on 127.0.0.1:8080
 *     127.0.0.1:50505 GET /path HTTP/1.1: 200 OK
 *     $ tsx tcp/http-client.ts /path
 *     HTTP/1.1 200 OK
 *     GET /path HTTP/1.1
 *     ...
 */
import { once } from "node:events";
import { connect, isIPv6 } from "node:net";
import { config } from "../shared/config.ts";

const visiblePath = /^\/[!-~]*$/;
const statusLine = /^HTTP\/1\.\d [1-9]\d\d( .*)?$/;
const field = /^[!#$%&'*+.^`|~\w-]+:[\t -~\x80-\xff]*$/;
const fromFirstToLastVisible = /[^\t ](.*[^\t ])?/;
const digits = /^\d{1,15}$/;
const lastIsChunked = /(^|,)[\t ]*chunked[\t ,]*$/i;
const chunkSize = /^([\da-f]{1,8})[\t ]*(;.*)?$/i;
const steersTerminal = /[^\P{Cc}\n\t]|[\u202a-\u202e\u2066-\u2069]/gu;

const { host, port, words } = config("http", { words: ["/"] });
const [path = "/", ...more] = words;
if (!visiblePath.test(path) || path.includes("#") || more.length > 0) {
  console.error("give one path, such as /a%20b; the server is --host, --port");
  process.exit(2);
}

const { stdout } = process;
const server = `${host}:${port}`;
const notHttp = `${server} sent no HTTP reply: try another --port`;
const cut = `${server} cut the connection before the reply was complete: try again`;
const lineLimit = 65_536; // bytes of a head, a chunk's size, or trailers
const decoder = new TextDecoder(); // puts characters together again
let received = ""; // and not used yet
let room = lineLimit;

const client = connect({ host, port });
client.setEncoding("latin1"); // a character for each byte
client.setTimeout(10_000, () => {
  const printing = stdout.writableLength > 0; // so it is not the server's fault
  if (printing) client.setTimeout(10_000);
  else fail(`no reply from ${server} within 10 s: try again`);
});
await once(client, "connect");
const chunks = client.iterator();

// In one write, because many a server expects all of it in the first chunk.
const name = isIPv6(host) ? `[${host}]` : host;
client.write(
  `GET ${path} HTTP/1.1\r\nHost: ${name}:${port}\r\nConnection: close\r\n\r\n`,
);

let status = "";
let code = 0;
let fields: string[] = [];
while (code < 200) {
  // A code of 1xx says that the reply itself comes later.
  status = await readLine();
  if (!statusLine.test(status)) fail(notHttp);
  code = Number(status.slice(9, 12));
  fields = await readFields();
}

console.error(status.replaceAll(steersTerminal, ""));
const location = valueOf("location");
if (code >= 300 && code < 400 && location)
  console.error(`not followed: ${location.replaceAll(steersTerminal, "")}`);

const hasBody = code !== 204 && code !== 304; // whatever its fields say
if (hasBody) await printBody();
client.destroy();
process.exitCode = code < 400 ? 0 : 1;

async function printBody() {
  const length = valueOf("content-length");
  const coding = valueOf("transfer-encoding");
  const both = length !== undefined && coding !== undefined;
  const tooOld = coding !== undefined && status.startsWith("HTTP/1.0");
  const noNumber = length !== undefined && !digits.test(length);
  if (both || tooOld || noNumber)
    fail(`${server} does not say clearly where its reply ends: not printed`);
  if (coding !== undefined && lastIsChunked.test(coding)) await printChunks();
  else if (length !== undefined) await printBytes(Number(length));
  else await printToTheEnd();
}

async function printChunks() {
  let size = 0;
  do {
    room = lineLimit;
    const [, hex] = chunkSize.exec(await readLine()) ?? [];
    if (hex === undefined) fail(`${server} sent a chunk without a size`);
    size = parseInt(hex, 16);
    await printBytes(size);
    if (size > 0 && (await readLine()) !== "")
      fail(`${server} sent a chunk that is longer than its size`);
  } while (size > 0);
  await readFields(); // the trailers: fields behind the body
}

async function printBytes(size: number) {
  let missing = size;
  while (missing > 0) {
    if (received === "") await receive();
    const piece = received.slice(0, missing);
    received = received.slice(piece.length);
    missing -= piece.length;
    await print(piece);
  }
}

async function printToTheEnd() {
  await print(received);
  for await (const piece of chunks) await print(piece);
}

/** The lines up to an empty one. One that begins with a space goes on the last. */
async function readFields() {
  const fields: string[] = [];
  let line = await readLine();
  while (line !== "") {
    const folded = line.startsWith(" ") || line.startsWith("\t");
    if (folded) line = `${fields.pop() ?? ""} ${line}`;
    if (!field.test(line))
      fail(`${server} sent a bad field: try another --port`);
    fields.push(line);
    line = await readLine();
  }
  return fields;
}

async function readLine() {
  while (!received.includes("\n") && received.length < room) await receive();
  const [line = ""] = received.split("\n", 1);
  received = received.slice(line.length + 1);
  room -= line.length;
  if (room <= 0) fail(`${server} sent more than ${lineLimit} bytes of a head`);
  if (!line.endsWith("\r")) fail(notHttp);
  return line.slice(0, -1);
}

async function receive() {
  const { value, done } = await chunks.next();
  if (done) fail(cut);
  received += value;
}

/** Prints bytes as they are, but to a terminal only what is text. */
async function print(piece: string) {
  const bytes = Buffer.from(piece, "latin1");
  const text = decoder.decode(bytes, { stream: true });
  const shown = stdout.isTTY ? text.replaceAll(steersTerminal, "") : bytes;
  await new Promise((written) => stdout.write(shown, written));
}

/** The value of a field. Two fields of one name are one, joined by a comma. */
function valueOf(name: string) {
  const start = `${name}:`;
  const found = fields.filter((line) => line.toLowerCase().startsWith(start));
  if (found.length === 0) return undefined;
  const values = found.map((line) => {
    const value = line.slice(start.length);
    return fromFirstToLastVisible.exec(value)?.[0] ?? "";
  });
  return values.join();
}

function fail(message: string): never {
  console.error(message);
  process.exit(1);
}
