import { once } from "node:events";
import * as fs from "node:fs";
import * as net from "node:net";
import { buffer } from "node:stream/consumers";
import { setTimeout as sleep } from "node:timers/promises";
import { test } from "uvu";
import * as assert from "uvu/assert";
import * as helper from "../helper.ts";

const { exchange, listen, memory, run, serve, temporaryFolder } = helper;
const folder = `${temporaryFolder()}/site`;
fs.mkdirSync(`${folder}/sub`, { recursive: true });
for (const [name, content] of Object.entries({
  "/index.html": "<h1>start</h1>\n",
  "/a b%20.png": "\0\r\n\r\n",
  "/unknown.x": "?\n",
  "/empty.txt": "",
  "/large.txt": "0123456789abcde\n".repeat(1e6),
  "/sub/.hidden": "hidden",
  "/sub/b.js": "1;\n",
  "/back\\slash": "hidden",
  "-secret": "outside",
}))
  fs.writeFileSync(folder + name, content);
fs.symlinkSync(`${folder}-secret`, `${folder}/out`);
fs.symlinkSync("sub/b.js", `${folder}/in.js`);

const files = await serve(`tcp/http-server.ts --folder ${folder}`);
const mirror = await serve("tcp/http-server.ts --host ::");

const get = (path: string, ...fields: string[]) =>
  [`GET ${path} HTTP/1.1`, "Host: x", ...fields, "\r\n"].join("\r\n");
const ask = (path: string) => exchange(files.port, get(path));
const connect = (request: string) => {
  const connection = net.connect(files.port, "127.0.0.1");
  connection.write(request);
  return connection;
};

const notFound = String.raw`/missing /index.html/ /sub/%2ehidden /sub/.hidden
  /../site-secret /%2e%2e/site-secret /..%2fsite-secret //sub /%2fsub
  /sub/../../site-secret /sub//b.js /back\slash /back%5cslash /out
  /in.js%00 /%ff /%zz`;
for (const [path, status, type, body] of [
  ["/?a=b", "200 OK", "text/html; charset=utf-8", "<h1>start</h1>\n"],
  ["/in.js", "200 OK", "text/javascript; charset=utf-8", "1;\n"],
  ["/a%20b%2520.png", "200 OK", "image/png", "\0\r\n\r\n"],
  ["/unknown.x", "200 OK", "application/octet-stream", "?\n"],
  ["/empty.txt", "200 OK", "text/plain; charset=utf-8", ""],
  ["/sub/", "200 OK", "text/plain; charset=utf-8", "b.js\n"],
  ...notFound.split(/\s+/).map((path) => [path, "404 Not Found"]),
])
  test(`${path} is ${status}`, async () => {
    const [head, fields] = (await ask(path!)).split(/Date: .*\r\n/);
    assert.is(head, `HTTP/1.1 ${status}\r\n`);
    const text = body ?? `${status}\n`;
    const size = `Content-Length: ${text.length}\r\n\r\n`;
    const end = `${type ?? "text/plain; charset=utf-8"}\r\n${size}${text}`;
    assert.ok(fields?.endsWith(`\r\nContent-Type: ${end}`), fields);
  });

test("a folder without its slash is redirected", async () => {
  const moved = await ask("/sub?a");
  assert.match(moved, /^HTTP\/1\.1 301 [^]*\r\nLocation: \/sub\/\r/);
});

test("HEAD is answered without a body", async () => {
  for (const path of ["/index.html", "/sub/", "/missing"]) {
    const [, body = ""] = (await ask(path)).split("\r\n\r\n");
    const request = get(path).replace("GET", "HEAD");
    const end = `Content-Length: ${body.length}\r\n\r\n`;
    const replies = await exchange(files.port, request + request);
    assert.match(replies, RegExp(`^(HTTP((?!HTTP)[^])*${end}){2}$`));
  }
});

test("without --folder, a reply is the request's own head", async () => {
  const request = get("/?<b>", "Accept: é");
  const reply = await exchange(mirror.port, request);
  assert.match(reply, /\r\nContent-Type: text\/plain; charset=utf-8\r\n/);
  assert.ok(reply.endsWith(`\r\n\r\n${request.trim().replace("é", "Ã©")}\n`));
});

test("1,000 requests at once are answered in order", async () => {
  const numbers = Array.from({ length: 1000 }, (_, i) => `${i}`);
  const [first = "", ...more] = numbers.map((i) => get(`/${i}`));
  // The first one comes byte by byte.
  const replies = await exchange(mirror.port, ...first, more.join(""));
  const found = Array.from(replies.matchAll(/^GET \/(\d+)/gm), ([, i]) => i);
  assert.equal(found, numbers);
});

for (const [expected, request] of [
  ["200 200", get("/empty.txt", "Connection: x", "Content-Length: 0")],
  ["200 200", get("/", `X: ${"y".repeat(16_300)}`)],
  ["200", get("/", "connection: x, CLOSE")],
  ["200", get("/").replace("1.1", "1.0")],
  ["400", `${get("/").replaceAll("\r", "")}\r\n\r\n`],
  ["400", get("/", "X: y\nContent-Length: 5")],
  ["400", get("/", "X: y\rContent-Length: 5")],
  ["400", get("/", "X: \0")],
  ["400", get("/", "X: y", " folded: z")],
  ["400", get("/", "Content-Length : 5")],
  ["400", get("/", "no colon")],
  ["400", get("/", "Host: y")],
  ["400", get("/").replace("Host", "Most")],
  ["400", get("/é")],
  ["400", get("/").replace("1.1", "2.0")],
  ["405", get("/", "Content-Length: 5").replace("GET", "POST")],
  ["413", get("/", "Content-Length: 00")],
  ["413", get("/", "Content-Length: 0", "content-length: 5")],
  ["413", get("/", "Transfer-Encoding: chunked")],
] as const)
  test(`${JSON.stringify(request).slice(0, 60)}: ${expected}`, async () => {
    const replies = await exchange(files.port, request + get("/"));
    const codes = replies.matchAll(/(?<=HTTP\/1\.1 )\d{3}/g);
    assert.is([...codes].join(" "), expected);
    const connection = expected === "200 200" ? "keep-alive" : "close";
    const fields = `\r\nAllow: GET, HEAD\r\nConnection: ${connection}\r\n`;
    assert.ok(replies.split("\r\n\r\n")[0]?.includes(fields), replies);
  });

test("the last reply is not lost, whatever the client still sends", async () => {
  const before = memory(files.pid);
  const begin = performance.now();
  const connection = connect("y".repeat(17_000)).pause();
  for (let i = 0; i < 150; i++)
    await new Promise((done) => connection.write(Buffer.alloc(1e6), done));
  assert.match(`${await buffer(connection)}`, /^HTTP\/1\.1 431 [^]*Large\n$/);
  assert.ok(performance.now() - begin < 9000); // the server's FIN comes at once
  assert.ok(memory(files.pid) < before + 80e6);
});

test("a client that ended its half gets a file, but not what is added", async () => {
  const connection = connect(get("/large.txt")).end();
  await once(connection, "readable");
  fs.appendFileSync(`${folder}/large.txt`, "more");
  const reply = await buffer(connection);
  assert.is(reply.length - reply.indexOf("\r\n\r\n"), 16e6 + 4);
});

test("a file that gets shorter is cut off, not padded", async () => {
  const connection = connect(get("/large.txt"));
  await once(connection, "readable");
  fs.truncateSync(`${folder}/large.txt`);
  assert.ok((await buffer(connection)).length < 16e6);
  await files.line(/^a client: a file got shorter$/m);
});

test("a client that resets or steers a terminal does no harm", async () => {
  const connection = connect(get(`/\x1b[31m\x9b\x7f<${"x".repeat(999)}`));
  await files.line(/^GET \/\[31mÂ<x{1,200}: 400 Bad Request$/m);
  connection.resetAndDestroy();
  await files.line(/^a client: (read|write) E[A-Z]+$/m);
});

const ok = "HTTP/1.1 200 OK\r\n";
const chunked = `${ok}Content-Length: 1\r\nTransfer-Encoding:\r\n\tChunked\r\n\r\n`;
const cut = /: the server closed the connection too early: try again\n$/;
const invalid = /: the reply is not valid HTTP\/1.1: check the --port\n$/;

/** What the client prints for a reply. A server of `|` keeps its end open. */
const replies: [reply: string, stdout: string, stderr?: RegExp][] = [
  [`${ok}Content-Length: 3\r\n\r\na\n\xff|`, "a\n\ufffd"],
  ["HTTP/1.1 103 X\r\nA: b\r\n\r\nHTTP/1.0 201\n\nx", "x"],
  [
    `${chunked}5;a=b\r\nhello\r\n00B \r\n, old world\r\n0\r\nA: b\r\n\r\n|`,
    "hello, old world",
  ],
  ["HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n|", ""],
  ["HTTP/1.1 404 Not Found\r\n\r\nno", "no", /^HTTP\/1.1 404 Not Found\n$/],
  [`${ok}Content-Length: 5\r\n\r\nhell`, "hell", cut],
  [`${chunked}1\r\nx\r\n0\r\n`, "x", cut],
  [`${ok}Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd`, "", invalid],
  [`${ok}Transfer-Encoding: gzip\r\n\r\nabc`, "", invalid],
  [`${chunked}x\r\n|`, "", invalid],
  [`${chunked}1\r\nxy\r\n|`, "x", invalid],
  ["SSH-2.0-OpenSSH_9\r\n|", "", invalid],
  [`${ok}X: ${"y".repeat(150_000)}|`, "", invalid],
  [`${ok}${"X: y\r\n".repeat(20_000)}|`, "", invalid],
];
for (const [reply, stdout, stderr] of replies)
  test(`the client reads ${JSON.stringify(reply).slice(0, 90)}`, async () => {
    const port = await listen(async (connection) => {
      connection.on("error", () => {}).resume();
      const text = reply.replace("|", "");
      connection.write(text.slice(0, -2), "latin1");
      await sleep(20); // so the last two characters come by themselves
      connection.write(text.slice(-2), "latin1");
      if (!reply.endsWith("|")) connection.end();
    });
    const result = await run(`tcp/http-client.ts --port ${port}`);
    assert.is(result.stdout, stdout);
    assert.match(result.stderr, stderr ?? /^HTTP\/1\.\d [23]\d\d[\w ]*\n$/);
    assert.is(result.status, stderr ? 1 : 0);
  });

test("the client asks for its path or its URL", async () => {
  const { port } = mirror;
  for (const [host, words] of [
    ["localhost", `--host localhost --port ${port} "/0?a b#c"`],
    ["[::1]", `http://[::1]:${port}/0?a%20b`],
  ]) {
    const { stdout } = await run(`tcp/http-client.ts ${words}`);
    const fields = `Host: ${host}:${port}\r\nConnection: close\n`;
    assert.is(stdout, `GET /0?a%20b HTTP/1.1\r\n${fields}`);
  }
});

test.after(files.stop);
test.after(mirror.stop);
test.run();
