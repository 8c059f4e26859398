/**
 * HTTP client over TCP: asks a server for what a URL names, and prints it.
 *
 * The trap: a reply ends where its length says, or its last chunk, or, if it has
 * neither, with the connection; only the first two tell a whole one from one that
 * was cut. The status is told on stderr, and from 400 on it is a failure.
 *
 *     $ tsx tcp/http-server.ts
 *     The HTTP server is ready on 127.0.0.1:8080
 *     $ tsx tcp/http-client.ts /path
 *     HTTP/1.1 200 OK
 *     GET /path HTTP/1.1
 *     ...
 */
import { connect, isIPv6 } from "node:net";
import { config } from "../shared/config.ts";

const { host, port, url } = config("http", { url: "/" }, ["url"]);
// What came from the network must not steer the terminal.
const visible = (text: string) => text.replace(/(?!\t)\p{Cc}/gu, "");
const base = `http://${isIPv6(host) ? `[${host}]` : host}:${port}`;
if (!URL.canParse(url, base))
  fail(`${visible(url)} is no URL, nor a path on ${base}: try /path`, 2);
const to = new URL(url, base);
if (to.protocol !== "http:" || to.username || to.password)
  fail(`only http: is spoken here, with no password: try ${base}/path`, 2);
const server = `${to.hostname}:${to.port || 80}`;
const wrong = `${server} sent what is no HTTP reply: try another port`;
const cut = `${server} cut the connection before the reply was whole: try again`;
const trouble: Record<string, string> = {
  ETIMEDOUT: `no reply from ${server} within 10 s: try again`,
  ECONNREFUSED: `nothing answers on ${server}: start tsx tcp/http-server.ts there`,
  ECONNRESET: cut,
  EPIPE: cut,
};
const { stdout } = process;
stdout.on("error", () => process.exit(1)); // as in: client | head -1

const most = 65_536; // bytes of heads, or of trailers
const end = /^(\r\n|[^]*?(\r\n\r\n|(?<!\r)\n))/;
const start = /^1\.(?:(0)|\d) ([1-9]\d\d)(?: [\t -~\x80-\xff]*)?\r\n/;
const fields = /^([!#$%&'*+.^`|~\w-]+:[\t -~\x80-\xff]*\r\n)*\r\n$/;
// Values from their colons on: both, or two of one, leave the end open.
const framing = /^(?::[\t ]*(\d{1,15})[\t ]*)?\/$|^\/:[\t ]*(chunked)[\t ]*$/i;
const chunk = /^([\da-f]{1,8})[\t ]*(;[\t -~\x80-\xff]*)?\r\n$/i;
const of = (name: string) =>
  head.match(RegExp(`(?<=^${name}):.*$`, "gim"))?.join() ?? "";
const decoder = new TextDecoder(); // a character may be cut in two
let [rest, head, status, old, code] = ["", "", "", "", ""];
const name = to.hostname.replace(/[[\]]/g, "");
const connection = connect(Number(to.port || 80), name);
connection.setTimeout(10_000, () => connection.destroy(new Error("ETIMEDOUT")));
connection.setEncoding("latin1"); // a character for each byte
const chunks = connection.iterator({ destroyOnReturn: false });
try {
  connection.write(`GET ${to.pathname}${to.search} HTTP/1.1\r\n`);
  connection.write(`Host: ${to.host}\r\nConnection: close\r\n\r\n`);
  // Its half stays open: many a server takes its end for a client that is gone.
  for (let room = most; code < "2"; room -= head.length) {
    if ((await upTo(/^[^]{5}/, 5)) !== "HTTP/") fail(wrong, 1);
    head = (await upTo(end, room)).replace(/\r\n[\t ]+/g, " ");
    [status = "", old = "", code = ""] = start.exec(head) ?? fail(wrong, 1);
    if (!fields.test(head.slice(status.length))) fail(wrong, 1);
  }
  console.error(`HTTP/${visible(status)}`);
  if (/^3/.test(code) && of("location"))
    console.error(`not followed${visible(of("location"))}`);
  let ends = `${of("content-length")}/${of("transfer-encoding")}`;
  if (/204|304/.test(code)) ends = ":0/";
  const [, length, chunked] = framing.exec(ends) ?? fail(wrong, 1);
  if (old && chunked) fail(wrong, 1);
  if (length) await pass(Number(length));
  else if (!chunked)
    do await print(rest);
    while ((rest = (await chunks.next()).value));
  for (let size = chunked ? 1 : 0; size;) {
    const line = chunk.exec(await upTo(/^[^\n]*\n/, 256)) ?? fail(wrong, 1);
    await pass((size = parseInt(line[1]!, 16)));
    if (size && (await upTo(/^\r?\n/, 2)) !== "\r\n") fail(wrong, 1);
  }
  if (chunked && !fields.test(await upTo(end, most))) fail(wrong, 1);
  connection.destroy();
  process.exitCode = code < "400" ? 0 : 1;
} catch (error) {
  const { message, code = message } = error as NodeJS.ErrnoException;
  const other = `cannot reach ${server} (${code}): try another host or port`;
  fail(trouble[code] ?? other, 1);
}

/** What matches, once it has come, or else as much as may come without. */
async function upTo(mark: RegExp, most: number) {
  while (rest.length < most && !mark.test(rest)) {
    const { value, done } = await chunks.next();
    if (done) throw new Error("ECONNRESET");
    rest += value;
  }
  const [found] = mark.exec(rest.slice(0, most)) ?? [rest.slice(0, most)];
  rest = rest.slice(found.length);
  return found;
}

async function pass(size: number) {
  for (let piece = ""; size; size -= piece.length)
    await print((piece = await upTo(/^[^]+/, Math.min(size, most))));
}

/** Prints bytes as they are, but no control characters to a terminal. */
async function print(piece: string) {
  const bytes = Buffer.from(piece, "latin1");
  const text = decoder.decode(bytes, { stream: true });
  const shown = text.replace(/(?![\n\t])\p{Cc}/gu, "");
  connection.setTimeout(0); // whoever reads this may take their time
  const what = stdout.isTTY ? shown : bytes;
  await new Promise((written) => stdout.write(what, written));
  connection.setTimeout(10_000);
}

function fail(text: string, status: number): never {
  console.error(text);
  process.exit(status);
}
