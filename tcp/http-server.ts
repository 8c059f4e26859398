/**
 * HTTP server over TCP: answers GET and HEAD with the request that it has read.
 *
 * A request is a head, which ends with an empty line, and perhaps a body. Fields
 * of the head say how long the body is. A stream has no requests in it, so the
 * server must find where each one ends. This server takes no bodies: the empty
 * line is the end. A proxy between client and server must find the same end. If
 * it does not, what it takes for a body is the next request for the server, and a
 * stranger can pass a request through the proxy unseen. So a request that can be
 * read in two ways is refused, and its connection ends after the reply.
 *
 *     $ tsx tcp/http-server.ts
 *     The HTTP server is ready on 127.0.0.1:8080
 */
import { type AddressInfo, createServer } from "node:net";
import { config } from "../shared/config.ts";

const { host, port } = config("http");
const { stdout } = process;
stdout.setMaxListeners(0); // each connection adds one, and that is no leak

const headLimit = 16_384; // bytes
const timeLimit = 10_000; // milliseconds
const endOfHead = "\r\n\r\n";
const ok = "200 OK";
const badRequest = "400 Bad Request";

// What a method or a field's name may consist of, in HTTP's grammar (RFC 9110).
const token = /^[!#$%&'*+.^`|~\w-]+$/;
const visible = /^[!-~]+$/;
const httpVersion = /^HTTP\/\d\.\d$/;
const field = /^[!#$%&'*+.^`|~\w-]+:[^\r]*$/;
const fromFirstToLastVisible = /[^\t ](.*[^\t ])?/;
const controlOrBareLF = /[^\t\r\n -~\x80-\xff]|(^|[^\r])\n/;
const httpAuthority = /^http:\/\/([^/?]+)/i;
const notInAuthority = /[^!-~]|[@/\\?#,]/;
const digits = /^\d+$/;
const notPrintable = /[^ -~]/g;

const server = createServer({ allowHalfOpen: true, noDelay: true });
server.listen(port, host);

server.on("listening", () => {
  const { address, port } = server.address() as AddressInfo;
  console.log(`The HTTP server is ready on ${address}:${port}`);
});

server.on("connection", (connection) => {
  const client = `${connection.remoteAddress}:${connection.remotePort}`;
  let received = ""; // and not answered yet
  let begun = false; // whether a part of the next head is here
  const timer = setTimeout(giveUp, timeLimit);
  connection.setEncoding("latin1"); // a character for each byte: they are counted
  connection.on("data", (chunk) => {
    if (connection.writableEnded) return; // after the last reply, drop it
    received += chunk;
    answer();
  });
  connection.on("end", answer);
  connection.on("drain", answer);
  stdout.on("drain", answer);
  connection.on("error", (error) => console.error("a client:", error.message));
  connection.on("close", () => {
    clearTimeout(timer);
    stdout.off("drain", answer);
  });

  /** Answers each request that is here, and then waits for more bytes. */
  function answer() {
    while (!connection.writableEnded) {
      if (!hasRoom()) {
        connection.pause(); // "drain" calls answer() again
        return;
      }
      // Old clients send an empty line behind a body (RFC 9112, 2.2).
      while (received.startsWith("\r\n")) received = received.slice(2);
      if (received !== "" && !begun) {
        begun = true;
        timer.refresh(); // now, and not with each byte: a head has 10 s in all
      }
      const end = received.indexOf(endOfHead);
      const length = end === -1 ? received.length : end + endOfHead.length;
      const head = received.slice(0, length);
      const status = judge(head);
      if (status === undefined) {
        if (connection.readableEnded) connection.end();
        connection.resume();
        return;
      }
      received = received.slice(length);
      reply(head, status);
    }
  }

  /** Whether the client reads its replies, and whether anyone reads the log. */
  function hasRoom() {
    return !connection.writableNeedDrain && !stdout.writableNeedDrain;
  }

  function reply(head: string, status: string) {
    const lines = head.split("\r\n");
    const shown = lines[0]?.slice(0, 200).replaceAll(notPrintable, "?");
    console.log(`${client} ${shown}: ${status}`);
    const body = status === ok ? head : `${status}\n`;
    const last = status !== ok || wantsClose(lines);
    const replyHead =
      `HTTP/1.1 ${status}\r\n` +
      `Date: ${new Date().toUTCString()}\r\n` +
      "Allow: GET, HEAD\r\n" +
      "Content-Type: text/plain; charset=utf-8\r\n" +
      `Content-Length: ${body.length}\r\n` +
      `Connection: ${last ? "close" : "keep-alive"}\r\n\r\n`;
    const toHead = head.startsWith("HEAD "); // which wants no body
    connection.write(toHead ? replyHead : replyHead + body, "latin1");
    begun = false;
    timer.refresh();
    if (last) {
      // Closing with bytes unread makes the system send a reset, and a client
      // that gets a reset may throw away the reply. So end this half only, and
      // read on until the client ends its own.
      connection.end();
      connection.resume();
    }
  }

  function giveUp() {
    const unread = connection.writableLength > 0;
    if (unread) console.error(`a client: ${client} does not read its replies`);
    if (begun && hasRoom()) reply(received, "408 Request Timeout");
    else connection.destroy();
  }
});

/** The status for a head, or undefined as long as a part of it is missing. */
function judge(head: string) {
  if (controlOrBareLF.test(head)) return badRequest;
  const complete = head.endsWith(endOfHead);
  if (head.length < headLimit && !complete) return undefined;
  const lines = head.split("\r\n");
  const [line = ""] = lines;
  if (line.length >= headLimit) return "414 URI Too Long";
  if (head.length > headLimit || !complete) return "431 Head Too Large";

  const [method = "", target = "", version = "", ...more] = line.split(" ");
  const fields = lines.slice(1, -2); // the head ends with two line ends
  if (!token.test(method) || !visible.test(target)) return badRequest;
  if (!httpVersion.test(version) || more.length > 0) return badRequest;
  if (!version.startsWith("HTTP/1.")) return "505 HTTP Version Not Supported";
  if (!fields.every((text) => field.test(text))) return badRequest;

  const host = valueOf("host", lines);
  if (host === undefined && version !== "HTTP/1.0") return badRequest;
  if (host && !isAuthority(host)) return badRequest; // it may be empty
  if (method !== "GET" && method !== "HEAD") return "405 Method Not Allowed";
  const [, authority] = httpAuthority.exec(target) ?? [];
  const known = authority ? isAuthority(authority) : target.startsWith("/");
  if (!known || target.includes("#")) return badRequest;

  // The two fields that announce a body.
  const coding = valueOf("transfer-encoding", lines);
  if (coding !== undefined) return "411 Length Required";
  const length = valueOf("content-length", lines) ?? "0";
  if (!digits.test(length)) return badRequest;
  return Number(length) > 0 ? "413 Content Too Large" : ok;
}

/** A field's value. If there are two, both, with a comma between them. */
function valueOf(name: string, lines: string[]) {
  const start = `${name}:`;
  const found = lines.filter((line) => line.toLowerCase().startsWith(start));
  if (found.length === 0) return undefined;
  const values = found.map((line) => {
    const value = line.slice(start.length);
    return fromFirstToLastVisible.exec(value)?.[0] ?? "";
  });
  return values.join();
}

/** Whether this is a host, with or without a port, and nothing more. */
function isAuthority(text: string) {
  return !notInAuthority.test(text) && URL.canParse(`http://${text}`);
}

/** Whether the connection ends behind the reply: in HTTP/1.0 it always does. */
function wantsClose(lines: string[]) {
  if (lines[0]?.endsWith("HTTP/1.0")) return true;
  const options = valueOf("connection", lines) ?? "";
  const words = options.toLowerCase().split(",");
  return words.some((word) => word.trim() === "close");
}
