/**
 * HTTP server over TCP: serves the files of a folder.
 *
 * A request is a head: a line such as "GET / HTTP/1.1", then fields such as "Host:
 * 127.0.0.1". TCP carries a stream of bytes, so the server must find where each
 * request ends. Here an empty line ends it, since this server takes no bodies. A
 * proxy that finds another end sees one request where the server sees two, and the
 * second passes unchecked. So a request that can be read in two ways is refused,
 * and its connection ends.
 *
 * The path of a request comes from a stranger. It must never name a file outside
 * of the folder, as /../../etc/passwd does, or a hidden one such as /.env.
 *
 * --folder FOLDER chooses the folder. Without it, a reply shows its own request.
 *
 *     $ tsx tcp/http-server.ts
 *     The HTTP server is ready on 127.0.0.1:8080
 */
import { createReadStream, promises as fs } from "node:fs";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { extname, join } from "node:path";
import { pipeline } from "node:stream/promises";
import { config } from "../shared/config.ts";

const { host, port, folder } = config("http", { folder: "" });
// The final slash matters: without it, /home/anna would seem to be in /home/ann.
const root = folder && join(await fs.realpath(folder), "/");

const headLimit = 16_384; // bytes
const timeLimit = 10_000; // milliseconds
const endOfHead = "\r\n\r\n";
const requestLine = /^[A-Z]+ \/[!-~]* HTTP\/1\.[01]$/;
const field = /^[\w!#$%&'*+.^`|~-]+:[^\0\r\n]*$/; // no space before the colon
// A request with one of these has a body: any transfer coding, any length but 0.
const bodyField = /^(transfer-encoding:|content-length:(?! ?0$))/im;
const closeField = /^connection:.*close/im;
const unsafePath = /\/\.|\/\/|\\/; // a hidden or an empty segment, a backslash
const controls = /[\p{Cc}\u202a-\u202e\u2066-\u2069]/gu; // could redraw or reverse a terminal's text
const types: Record<string, string> = {
  ".html": "text/html; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".txt": "text/plain; charset=utf-8",
  ".json": "application/json",
  ".svg": "image/svg+xml",
  ".png": "image/png",
  ".jpg": "image/jpeg",
};

type Reply = { status: string; text?: string; file?: string; size?: number };
const notFound: Reply = { status: "404 Not Found" };

// A client may end its half after a request, and must still get the whole reply.
// noDelay sends a small file at once: otherwise it waits until the client's system
// has acknowledged the reply's head.
const server = createServer({ allowHalfOpen: true, noDelay: true });
server.listen(port, host);

server.on("listening", () => {
  const { address, port } = server.address() as AddressInfo;
  console.log(`The HTTP server is ready on ${address}:${port}`);
});

server.on("connection", (connection) => {
  connection.on("error", (error) => console.error("a client:", error.message));
  serve(connection).catch((error) => connection.destroy(error));
});

/** Answers one request after the other. */
async function serve(connection: Socket) {
  let received = "";
  let isLast = false; // no reply follows the current one
  let timer = setTimeout(giveUp, timeLimit);
  connection.on("close", () => clearTimeout(timer));
  connection.setEncoding("latin1"); // a character for each byte

  // Without the option, the client's FIN would destroy replies on their way.
  for await (const chunk of connection.iterator({ destroyOnReturn: false })) {
    // After the last reply, drop what comes until the client's FIN. Closing with
    // bytes unread would reset the connection, and that can destroy the reply.
    if (!isLast) received += chunk;
    while (!isLast) {
      const [head = ""] = received.split(endOfHead, 1);
      if (head === received && head.length <= headLimit) break;
      received = received.slice(head.length + endOfHead.length);
      await answer(head, judge(head));
    }
  }
  connection.end();

  function giveUp() {
    if (isLast || received === "") connection.destroy();
    else answer(received, "408 Request Timeout");
  }

  async function answer(head: string, problem: string) {
    clearTimeout(timer);
    const [line = ""] = head.split("\r\n");
    const [method, path = ""] = line.split(/[ ?]/);
    isLast = problem !== "" || line.endsWith("1.0") || closeField.test(head);
    let reply: Reply = { status: problem || "200 OK", text: problem || head };
    if (root && !problem) reply = await find(path).catch(() => notFound);
    const { status, text = status, file, size } = reply;
    console.log(`${line.slice(0, 200).replaceAll(controls, "")}: ${status}`);

    const ending = extname(file ?? "text.txt");
    const fields = [
      `HTTP/1.1 ${status}`,
      `Date: ${new Date().toUTCString()}`,
      "Allow: GET, HEAD",
      `Connection: ${isLast ? "close" : "keep-alive"}`,
      `Content-Type: ${types[ending] ?? "application/octet-stream"}`,
      `Content-Length: ${size ?? Buffer.byteLength(text) + 1}`,
    ];
    if (status.startsWith("301")) fields.push(`Location: ${path}/`);
    const body = file || method === "HEAD" ? "" : `${text}\n`;
    const start = fields.join("\r\n") + endOfHead + body;
    await new Promise((taken) => connection.write(start, taken));
    if (file && size && method !== "HEAD") {
      const stream = createReadStream(file, { end: size - 1 });
      await pipeline(stream, connection, { end: false }); // as fast as the client reads
      if (stream.bytesRead < size) throw new Error("a file got shorter");
    }
    if (isLast) connection.end();
    timer = setTimeout(giveUp, timeLimit);
  }
}

/** The status that refuses a head, or "". */
function judge(head: string) {
  const [line = "", ...fields] = head.split("\r\n");
  const hosts = fields.filter((line) => /^host:/i.test(line));
  if (head.length > headLimit) return "431 Request Header Fields Too Large";
  if (!requestLine.test(line) || hosts.length !== 1) return "400 Bad Request";
  if (!fields.every((line) => field.test(line))) return "400 Bad Request";
  if (!/^(GET|HEAD) /.test(line)) return "405 Method Not Allowed";
  return bodyField.test(head) ? "413 Content Too Large" : "";
}

/** What a path names in the folder: a file, or a folder as a list of names. */
async function find(path: string): Promise<Reply> {
  const name = decodeURIComponent(path);
  const file = unsafePath.test(name) ? "" : await fs.realpath(join(root, name));
  if (!join(file, "/").startsWith(root)) return notFound;
  const info = await fs.stat(file);
  if (info.isFile()) return { status: "200 OK", file, size: info.size };
  if (!path.endsWith("/")) return { status: "301 Moved Permanently" };
  const index = await find(`${path}index.html`).catch(() => notFound);
  if (index.file) return index;
  const names = (await fs.readdir(file)).filter((name) => name[0] !== ".");
  return { status: "200 OK", text: names.sort().join("\n") };
}
