/**
 * HTTP server over TCP: answers GET and HEAD with the request that it has read.
 *
 * A connection brings many requests. The trap: where two programs see different
 * ends of one, what is a body here is a request there; so what can be read in two
 * ways is refused. A client has limit seconds for a head, and between requests.
 *
 *     $ tsx tcp/http-server.ts
 *     The HTTP server is ready on 127.0.0.1:8080
 */
import { type AddressInfo, createServer, isIPv6 } from "node:net";
import { config } from "../shared/config.ts";

const { host, port, limit } = config("http", { limit: 10 });
const endpoint = ({ address, port }: { address: string; port: number }) =>
  `${isIPv6(address) ? `[${address}]` : address}:${port}`;

const server = createServer({ allowHalfOpen: true, noDelay: true });
server.on("error", ({ code }: NodeJS.ErrnoException) => {
  const address = endpoint({ address: host, port });
  console.error(`cannot bind ${address} (${code}): try another port or host`);
  process.exit(1);
});
server.listen(port, host, () => {
  const address = server.address() as AddressInfo;
  console.log(`The HTTP server is ready on ${endpoint(address)}`);
});

const most = 16_384; // bytes of a head, or of trailers
const request = /^([!#$%&'*+.^`|~\w-]+ [!-~]+) HTTP\/(\d)\.(?:(0)|\d)\r\n/;
const target = /^(\S+ (\/|\w+:\/\/[^/?#])[^#]*|OPTIONS \*|CONNECT [^/]+:\d+)$/;
// No space before the colon, no folded line, no control character (RFC 9112, 5).
const fields = /^([!#$%&'*+.^`|~\w-]+:[\t -~\x80-\xff]*\r\n)*\r\n$/;
// An empty line ends them. So does a bare LF, which then is refused (2.2).
const end = /^(\r\n|[^]*?(\r\n\r\n|(?<!\r)\n))/;
const authority = /^:[\t ]*((\[[\da-f:.]+\]|[!$-+;=\w.~-]+)(:\d*)?[\t ]*)?$/i;
// Values from their colons on: both, or two of one, leave the end open (6.3).
const framing = /^(?::[\t ]*(\d{1,15})[\t ]*)?\/$|^\/:[\t ]*(chunked)[\t ]*$/i;
const chunk = /^([\da-f]{1,8})[\t ]*(;[\t -~\x80-\xff]*)?\r\n$/i;

server.on("connection", async (connection) => {
  let rest = ""; // what has come and is not used yet
  let method = ""; // of the last request, until another begins
  let bare = false; // a reply to HEAD is a head only
  const timer = setTimeout(late, Math.min(limit * 1000, 2 ** 31 - 1));
  connection.setEncoding("latin1"); // a character for each byte
  connection.on("end", () => connection.emit("readable"));
  connection.on("close", () => clearTimeout(timer));
  connection.on("error", ({ message }) => {
    console.error(`a client is gone: ${message}`);
  });
  const bad = () => reply("400 Bad Request");
  for (;;) {
    await upTo(/^(?=[^])/, 1);
    if (method) timer.refresh(); // and not again before the head is whole
    [method, bare] = ["", false];
    const head = await upTo(end, most);
    if (head === "\r\n") continue; // 2.2
    if (head.length === most)
      await reply(/\n/.test(head) ? "431 Head Too Large" : "414 URI Too Long");
    const [top, line = "", major, old] = request.exec(head) ?? (await bad());
    bare = line.startsWith("HEAD ");
    if (major !== "1") await reply("505 HTTP Version Not Supported");
    if (!target.test(line) || !fields.test(head.slice(top.length))) await bad();
    const of = (name: string) =>
      head.match(RegExp(`(?<=^${name}):.*$`, "gim"))?.join() ?? "";
    const ends = `${of("content-length")}/${of("transfer-encoding")}`;
    const [, length = 0, chunked] = framing.exec(ends) ?? (await bad());
    if (old && chunked) await bad(); // 6.1
    if (!authority.test(of("host") || (old ? ":" : ""))) await bad(); // 3.2
    if (!old && /^:[\t ]*100-continue[\t ]*$/i.test(of("expect")))
      connection.write("HTTP/1.1 100 Continue\r\n\r\n");
    await skip(Number(length));
    for (let size = chunked ? 1 : 0; size;) {
      const line = chunk.exec(await upTo(/^[^\n]*\n/, 256)) ?? (await bad());
      await skip((size = parseInt(line[1]!, 16)));
      if (size && (await upTo(/^\r?\n/, 2)) !== "\r\n") await bad();
    }
    if (chunked && !fields.test(await upTo(end, most))) await bad();
    const wish = `${old}${of("connection")}`; // 0: HTTP/1.0, which ends by itself
    const last = /\bclose\b|^0(?!.*\bkeep-alive\b)/i.test(wish);
    [method = ""] = line.split(" ");
    const known = /^(GET|HEAD)$/.test(method);
    await reply(known ? "200 OK" : "405 Method Not Allowed", head, last);
  }

  /** What matches, once it has come, or else as much as may come without. */
  async function upTo(mark: RegExp, most: number) {
    while (rest.length < most && !mark.test(rest)) {
      if (connection.readableEnded) connection.end();
      await new Promise((come) => connection.once("readable", come));
      rest += connection.read() ?? "";
    }
    const [found] = mark.exec(rest.slice(0, most)) ?? [rest.slice(0, most)];
    rest = rest.slice(found.length);
    return found;
  }

  async function skip(size: number) {
    for (; size; timer.refresh())
      size -= (await upTo(/^[^]+/, Math.min(size, 65_536))).length;
  }

  /** Comes back when the system has taken it, and never behind the last one. */
  function reply(status: string, text = `${status}\n`, last = true) {
    timer.refresh();
    const head =
      `HTTP/1.1 ${status}\r\nDate: ${new Date().toUTCString()}\r\n` +
      "Content-Type: text/plain; charset=utf-8\r\nAllow: GET, HEAD\r\n" +
      `Connection: ${last ? "close" : "keep-alive"}\r\n` +
      `Content-Length: ${text.length}\r\n\r\n${bare ? "" : text}`;
    return new Promise<never>((taken) => {
      if (!last) return connection.write(head, "latin1", taken as () => void);
      // It is read on, with nobody listening: a reset would undo this (9.6).
      connection.end(head, "latin1").removeAllListeners("readable").resume();
    });
  }

  function late() {
    const { writableEnded: ended, writableLength: unread } = connection;
    if (!method && !ended) return reply("408 Request Timeout");
    connection.destroy(unread ? new Error("it does not read") : undefined);
  }
});
