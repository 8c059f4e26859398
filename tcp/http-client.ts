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
const digits = /^\d{1,15}$/;
// Another coding behind it would hide the chunks.
const lastIsChunked = /(^|,)[\t ]*chunked[\t ,]*$/i;
const chunkSize = /^[\da-f]{1,8}[\t ]*(;.*)?$/i; // ; begins an extension
// Control characters, and those that turn text around: a server must not
// redraw the terminal.
const steersTerminal = /[^\P{Cc}\n\t]|[\u202a-\u202e\u2066-\u2069]/gu;

const { host, port, words } = config("http", { words: ["/"] });
const [path = "/", ...more] = words;
if (!visiblePath.test(path) || path.includes("#") || more.length > 0) {
  console.error("give one path, such as /a%20b; the server is --host, --port");
  process.exit(2);
}

const server = `${host}:${port}`;
const notHttp = `${server} sent no valid HTTP reply: try another --port`;
const cut = `${server} cut the connection before the reply was complete: try again`;
const late = `no reply from ${server} within 10 s: try again`; // of silence
const lineLimit = 65_536; // bytes
const timeLimit = 10_000; // milliseconds
const decoder = new TextDecoder(); // puts characters together again
let received = Buffer.alloc(0); // and not used yet
let linesLeft = 200; // of heads and trailers, which could go on for ever

const client = connect({ host, port });
client.setTimeout(timeLimit, () => fail(late));
await once(client, "connect");
const pieces = client.iterator(); // as they come: their borders mean nothing

// In one write, because many a server expects all of it in the first chunk.
const name = isIPv6(host) ? `[${host}]` : host;
client.write(
  `GET ${path} HTTP/1.1\r\nHost: ${name}:${port}\r\nConnection: close\r\n\r\n`,
);

let status = "";
let code = 0;
let fields = new Headers();
while (code < 200) {
  // A code of 1xx, such as 100 Continue, is no reply yet: that comes later.
  status = await readLine();
  if (!statusLine.test(status)) fail(notHttp);
  code = Number(status.slice(9, 12));
  fields = await readFields();
}

console.error(status.replaceAll(steersTerminal, ""));
const location = fields.get("location");
if (code >= 300 && code < 400 && location)
  console.error(`not followed: ${location.replaceAll(steersTerminal, "")}`);

await printBody();
client.destroy();
process.exitCode = code < 400 ? 0 : 1;

async function printBody() {
  if (code === 204 || code === 304) return; // no body, whatever its fields say
  const length = fields.get("content-length");
  const coding = fields.get("transfer-encoding");
  // Another program between us and the server might read these in another way.
  const both = length !== null && coding !== null;
  const tooOld = coding !== null && status.startsWith("HTTP/1.0");
  const noNumber = length !== null && !digits.test(length);
  if (both || tooOld || noNumber)
    fail(`${server} does not say clearly where its reply ends: not printed`);
  if (coding !== null && lastIsChunked.test(coding)) await printChunks();
  else if (length !== null) await printBytes(Number(length));
  else await printToTheEnd();
}

/** Each chunk: its size as a line, its bytes, a line end. The last has size 0. */
async function printChunks() {
  let size = 0;
  do {
    const line = await readLine();
    if (!chunkSize.test(line)) fail(notHttp);
    size = parseInt(line, 16); // which stops behind the digits
    await printBytes(size);
    if (size > 0 && (await readLine()) !== "") fail(notHttp);
  } while (size > 0);
  await readFields(); // the trailers: fields behind the body
}

async function printBytes(size: number) {
  let missing = size;
  while (missing > 0) {
    if (received.length === 0) await receive();
    const piece = received.subarray(0, missing);
    received = received.subarray(piece.length);
    missing -= piece.length;
    await print(piece);
  }
}

async function printToTheEnd() {
  await print(received);
  for await (const piece of pieces) await print(piece);
}

/** The fields up to an empty line. Headers joins those of one name by a comma. */
async function readFields() {
  const fields = new Headers();
  while (linesLeft > 0) {
    linesLeft--;
    const line = await readLine();
    if (line === "") return fields;
    if (!field.test(line)) fail(notHttp);
    const colon = line.indexOf(":");
    fields.append(line.slice(0, colon), line.slice(colon + 1));
  }
  return fail(notHttp);
}

async function readLine() {
  while (!received.includes("\n")) {
    if (received.length > lineLimit) fail(notHttp);
    await receive();
  }
  const end = received.indexOf("\n");
  const line = received.toString("latin1", 0, end); // a character for each byte
  received = received.subarray(end + 1);
  if (!line.endsWith("\r")) fail(notHttp);
  return line.slice(0, -1);
}

async function receive() {
  const { value, done } = await pieces.next();
  if (done) fail(cut);
  received = Buffer.concat([received, value]);
}

/** Prints bytes as they are, but to a terminal only what is text. */
async function print(bytes: Buffer) {
  const text = decoder.decode(bytes, { stream: true });
  const safe = text.replaceAll(steersTerminal, "");
  const shown = process.stdout.isTTY ? safe : bytes;
  client.setTimeout(0); // the server is not to blame for what comes now
  await new Promise((written) => process.stdout.write(shown, written));
  client.setTimeout(timeLimit);
}

function fail(message: string): never {
  console.error(message);
  process.exit(1);
}
