/**
 * HTTP server over TCP: answers GET and HEAD with the request's own head, as text.
 *
 * A request is a head, which ends with an empty line, and perhaps a body. Fields
 * of the head say how long the body is. A stream has no requests in it, so the
 * server must find where each one ends. This server takes no bodies: the empty
 * line is the end, and a request that announces a body is refused.
 *
 * A proxy may stand between client and server, and must find the same end. If it
 * finds another one, it passes on as a body what the server reads as the next
 * request: a request that the proxy has never checked. So a request that can be
 * read in two ways is refused, too. Each refusal ends the connection.
 *
 *     $ tsx tcp/http-server.ts
 *     The HTTP server is ready on 127.0.0.1:8080
 */
import { type AddressInfo, createServer } from "node:net";
import { config } from "../shared/config.ts";

const { host, port } = config("http");

const headLimit = 16_384; // bytes
const timeLimit = 10_000; // milliseconds
const endOfHead = "\r\n\r\n";
const ok = "200 OK";
const badRequest = "400 Bad Request";

const control = /[^\t\r -~\x80-\xff]/; // CR is looked at with each line
// A method, a space, a target, a space, a version. A method is a token, as a
// field's name is: HTTP's grammar names its characters (RFC 9110, 5.6.2).
const requestLine = /^[!#$%&'*+.^`|~\w-]+ [!-~]+ HTTP\/\d\.\d$/;
const field = /^[!#$%&'*+.^`|~\w-]+:[^\r]*$/;
const fromFirstToLastVisible = /[^\t ](.*[^\t ])?/; // trim() takes more
// An authority is a host with or without a port.
const httpAuthority = /^http:\/\/([^/?]+)/i;
const notInAuthority = /[^!-~]|[@/\\?#,]/;
const digits = /^\d+$/;
const closeAmongWords = /(^|,)[\t ]*close[\t ]*(,|$)/i;
const notPrintable = /[^ -~]/g;

type Head = ReturnType<typeof readHead>;

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
  connection.setEncoding("latin1"); // a character for each byte
  connection.on("data", answer);
  connection.on("drain", () => connection.resume());
  connection.on("end", () => connection.end());
  connection.on("error", (error) => console.error("a client:", error.message));
  connection.on("close", () => clearTimeout(timer));

  /** Answers each request that is complete now. */
  function answer(chunk: string) {
    if (connection.writableEnded) return; // after the last reply, drop it
    received += chunk;
    while (!connection.writableEnded) {
      // Old clients send a line end too much between requests (RFC 9112, 2.2).
      while (received.startsWith("\r\n")) received = received.slice(2);
      if (received !== "" && !begun) {
        begun = true;
        timer.refresh(); // now, and not with each byte: a head has 10 s in all
      }
      const head = readHead(received);
      const status = judge(head);
      if (status === undefined) break;
      received = received.slice(head.text.length);
      reply(head, status);
    }
    // If the client does not read its replies, read no more requests until it has.
    if (connection.writableNeedDrain) connection.pause();
  }

  function reply(head: Head, status: string) {
    const { text, line, method, version, fields } = head;
    const shown = line.slice(0, 200).replaceAll(notPrintable, "?");
    const logged = `${client} ${shown}: ${status}`;
    // If nobody reads the log, leave lines out: they would pile up in memory.
    if (!process.stdout.writableNeedDrain) console.log(logged);

    const options = valuesOf("connection", fields).join();
    // In HTTP/1.0, a connection is for one request.
    const asked = version === "HTTP/1.0" || closeAmongWords.test(options);
    const last = asked || status !== ok;
    const body = status === ok ? text : `${status}\n`;
    const replyHead =
      `HTTP/1.1 ${status}\r\n` +
      `Date: ${new Date().toUTCString()}\r\n` +
      "Allow: GET, HEAD\r\n" +
      "Content-Type: text/plain; charset=utf-8\r\n" +
      `Content-Length: ${body.length}\r\n` +
      `Connection: ${last ? "close" : "keep-alive"}\r\n\r\n`;
    const withBody = method !== "HEAD";
    connection.write(withBody ? replyHead + body : replyHead, "latin1");
    begun = false;
    timer.refresh();
    // Closing with bytes unread makes the system send a reset, and a client that
    // gets a reset may throw away the reply. So end this half only, and read on
    // (and drop what comes) until the client ends its own, or time is up.
    if (last) connection.end();
  }

  function giveUp() {
    const unread = connection.writableLength > 0;
    if (unread) console.error(`a client: ${client} does not read its replies`);
    if (begun && !unread) reply(readHead(received), "408 Request Timeout");
    else connection.destroy();
  }
});

/** Takes the first head apart, as far as it is here. */
function readHead(received: string) {
  const end = received.indexOf(endOfHead);
  const size = end === -1 ? received.length : end + endOfHead.length;
  const text = received.slice(0, size);
  const [line = "", ...more] = text.split("\r\n");
  const [method, target = "", version = ""] = line.split(" ");
  const fields = more.slice(0, -2); // the head ends with two line ends
  return { text, line, method, target, version, fields };
}

/** The status for a head, or undefined as long as a part of it is missing. */
function judge({ text, line, method, target, version, fields }: Head) {
  if (control.test(text.replaceAll("\r\n", ""))) return badRequest;
  if (line.length >= headLimit) return "414 URI Too Long";
  if (text.length > headLimit) return "431 Request Header Fields Too Large";
  if (!text.endsWith(endOfHead)) return undefined;

  if (!requestLine.test(line)) return badRequest;
  if (!version.startsWith("HTTP/1.")) return "505 HTTP Version Not Supported";
  if (!fields.every((line) => field.test(line))) return badRequest;

  // A client must name the host that it asks, once, and in HTTP/1.0 it may.
  const [host, ...moreHosts] = valuesOf("host", fields);
  if (host === undefined && version !== "HTTP/1.0") return badRequest;
  if (moreHosts.length > 0) return badRequest;
  if (host && !isAuthority(host)) return badRequest; // it may be empty
  if (method !== "GET" && method !== "HEAD") return "405 Method Not Allowed";
  // The target is a path, or a whole URL. What is behind a # is never sent.
  const [, authority] = httpAuthority.exec(target) ?? [];
  const known = authority ? isAuthority(authority) : target.startsWith("/");
  if (!known || target.includes("#")) return badRequest;

  // The two fields that announce a body.
  const [coding] = valuesOf("transfer-encoding", fields);
  if (coding !== undefined) return "411 Length Required";
  const [length = "0", ...moreLengths] = valuesOf("content-length", fields);
  if (!digits.test(length) || moreLengths.length > 0) return badRequest;
  return Number(length) > 0 ? "413 Content Too Large" : ok;
}

/** The values of all fields of a name. */
function valuesOf(name: string, fields: string[]) {
  const start = `${name}:`;
  const found = fields.filter((line) => line.toLowerCase().startsWith(start));
  const values = found.map((line) => line.slice(start.length));
  return values.map((value) => fromFirstToLastVisible.exec(value)?.[0] ?? "");
}

/** Whether this is a host, with or without a port, and nothing more. */
function isAuthority(text: string) {
  return !notInAuthority.test(text) && URL.canParse(`http://${text}`);
}
