import { once } from "node:events";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { run } from "../scripts/processes.ts";
import {
  check,
  connect,
  exchange,
  listen,
  node,
  nobody,
  serve,
} from "./harness.ts";
import {
  chunked,
  clientFile,
  get,
  last,
  ok,
  post,
  replies,
  reply,
  say,
  serverFile,
  statuses,
} from "./http.ts";

const server = await serve(serverFile);
const head = (request: string) => request.replace(/^(\r\n)*\w+/, "$1HEAD");

check(`${serverFile} answers with the request that it has read`, async () => {
  const request = get("/a?b=c", "Accept: caf\xe9", "X-Empty:");
  const bytes = Buffer.from(request, "latin1");
  const [reply] = replies(await exchange(server.port, [bytes]));
  assert.is(reply?.status, 200);
  assert.is(reply?.body, request);
  assert.match(reply!.head, "\r\nContent-Type: text/plain; charset=utf-8\r\n");
  const [, date = ""] = /\r\nDate: (.*)\r\n/.exec(reply!.head) ?? [];
  assert.is(new Date(date).toUTCString(), date);
  assert.ok(Math.abs(Date.parse(date) - Date.now()) < 60_000);
});

check(`${serverFile} answers HEAD with no body, and goes on`, async () => {
  const first = head(get("/"));
  const found = replies(await say(server.port, first + last), 0);
  assert.is(found[0]?.status, 200);
  assert.match(found[0]!.head, `\r\nContent-Length: ${first.length}\r\n`);
  assert.is(found[1]?.body, last);
});

check(`${serverFile} prints a line for each request`, async () => {
  const connection = await connect(server.port);
  const from = `127.0.0.1:${connection.localPort}`;
  const received = connection.toArray();
  const steering = "GET /\x1b[31m\x9b\x7f\u00e9 HTTP/1.1\r\n\r\n";
  connection.write(get("/one") + head(get("/two")) + steering, "latin1");
  await received;
  const begin = server.lines.findIndex((line) => line.startsWith(from));
  assert.equal(server.lines.slice(begin, begin + 3), [
    `${from} GET /one HTTP/1.1: 200 OK`,
    `${from} HEAD /two HTTP/1.1: 200 OK`,
    `${from} GET /?[31m??? HTTP/1.1: 400 Bad Request`,
  ]);
});

check(`${serverFile} keeps a connection, or closes it, as asked`, async () => {
  const old = "GET / HTTP/1.0\r\n\r\n";
  const requests: [request: string, answered: number][] = [
    [last, 1],
    [get("/", "Connection: x, Close"), 1],
    [get("/", "Connection: x", "connection:CLOSE"), 1],
    [get("/", "Connection: unclosed") + last, 2],
    [get("/", "Connection: close-timeout") + last, 2],
    [get("/", "Connection: keep-alive, not-close") + last, 2],
    [get("/ HTTP/1.0") + last, 1],
    [old, 1],
    [old.replace("\r\n", "\r\nConnection: x-keep-alive\r\n"), 1],
    [old.replace("\r\n", "\r\nConnection: keep-alive\r\n"), 1],
  ];
  for (const [request, answered] of requests) {
    const found = replies(await say(server.port, request + get("/after")));
    assert.is(found.length, answered, request);
    const connections = found.map(
      ({ head }) => /Connection: .*/.exec(head)![0],
    );
    assert.is(connections.pop(), "Connection: close");
    for (const kept of connections) assert.is(kept, "Connection: keep-alive");
  }
});

check(`${serverFile} answers 1,000 requests at once in order`, async () => {
  const requests = Array.from({ length: 1_000 }, (_, i) => get(`/${i}`));
  const found = replies(await exchange(server.port, [requests.join("")]));
  assert.equal(
    found.map(({ body }) => body),
    requests,
  );
});

check(`${serverFile} ends with its client`, async () => {
  const began = performance.now();
  for (const [text, answered] of [
    ["", 0],
    ["\r\n", 0],
    [get("/").slice(0, 20), 0],
    [get("/") + get("/").slice(0, 20), 1],
  ] as const) {
    const stream = await exchange(server.port, [text]);
    assert.is(replies(stream).length, answered, text);
  }
  // It does not wait until a time limit of 10 s has passed.
  assert.ok(performance.now() - began < 9_000);
});

check(`${serverFile} answers what comes byte by byte`, async () => {
  const found = replies(await exchange(server.port, `\r\n${get("/")}${last}`));
  assert.equal(
    found.map(({ body }) => body),
    [get("/"), last],
  );
});

check(`${serverFile} takes what RFC 9112 allows`, async () => {
  const requests = [
    get("http://x/y?z"),
    get("HTTP://[::1]:80?z"),
    get("/"),
    `\r\n\r\n${get("/")}`,
    get("/").replace("1.1", "1.9"),
    get("/").replace("Host: x", "hOST:x:80\t"),
    get("/").replace("Host: x", "Host:"),
    get("/").replace("Host: x", "Host: [::1]:8080"),
    get("/").replace("Host: x", "Host: a_b.example:"),
    get("/", `X: ${"y".repeat(16_300)}`),
    get("/", `X: ${"y ".repeat(8_000)}`),
    get("/", "X:\ty z\t", "X: again", "X:"),
    get("/", "Content-Length: 0"),
    get("/", "Expect: 100-continue"),
  ];
  for (const request of requests) {
    const stream = await say(server.port, request + last);
    assert.equal(statuses(stream), [200, 200], request.slice(0, 100));
  }
});

/** What is refused, and with which status. */
const refused: [name: string, status: number, request: string][] = [
  ["a method that is not served", 405, post()],
  ["a method in lower case", 405, get("/").replace("GET", "get")],
  ["OPTIONS", 405, get("*").replace("GET", "OPTIONS")],
  ["CONNECT", 405, get("x:443").replace("GET", "CONNECT")],
  ["a method of odd characters", 405, get("/").replace("GET", "X-~!y")],
  ["a body", 413, get("/", "Content-Length: 5")],
  ["a huge body", 413, get("/", `Content-Length: ${"9".repeat(400)}`)],
  [
    "a body that waits",
    413,
    get("/", "Content-Length: 5", "Expect: 100-continue"),
  ],
  ["a coding", 411, get("/", chunked)],
  ["another coding", 411, get("/", "Transfer-Encoding: gzip")],
  ["an empty coding", 411, get("/", "Transfer-Encoding:")],
  ["a coding with a no-break space", 411, get("/", `${chunked}\xa0`)],
  ["a coding in HTTP/1.0", 411, get("/", chunked).replace("1.1", "1.0")],
  ["a length and a coding", 411, get("/", "Content-Length: 5", chunked)],
  ["two lengths", 400, get("/", "Content-Length: 0", "Content-Length: 5")],
  ["a length twice", 400, get("/", "Content-Length: 0", "content-length: 0")],
  ["a list of lengths", 400, get("/", "Content-Length: 0, 0")],
  ["a signed length", 400, get("/", "Content-Length: +0")],
  ["a length below 0", 400, get("/", "Content-Length: -5")],
  ["an empty length", 400, get("/", "Content-Length:")],
  ["a length in hex", 400, get("/", "Content-Length: 0x0")],
  ["a length with a no-break space", 400, get("/", "Content-Length: 0\xa0")],
  ["a space before the colon", 400, get("/", "Content-Length : 5")],
  ["a tab before the colon", 400, get("/", "Transfer-Encoding\t: chunked")],
  ["a folded line", 400, get("/", "X: y", " z")],
  ["a first line that is folded", 400, get("/").replace("Host", " Host")],
  ["no colon", 400, get("/", "X")],
  ["no name", 400, get("/", ": x")],
  ["a name in quotes", 400, get("/", '"X": y')],
  ["a bare LF", 400, get("/").replace("x\r\n", "x\n")],
  ["nothing but bare LFs", 400, get("/").replaceAll("\r", "")],
  ["a bare LF at the end", 400, get("/").replace("\r\n\r\n", "\r\n\n")],
  ["a bare CR", 400, get("/", "X: y\rContent-Length: 5")],
  ["a bare CR in the first line", 400, get("/").replace("1.1", "1.1\rX: y")],
  ["a CR at the end", 400, get("/", "X: y\r")],
  ["a NUL in a value", 400, get("/", "X: y\0z")],
  ["an escape in a value", 400, get("/", "X: \x1b[31m")],
  ["a DEL in a value", 400, get("/", "X: \x7f")],
  ["a control character in a head that goes on", 400, "GET /\x01"],
  ["a bare LF in a head that goes on", 400, "GET / HTTP/1.1\nHost: x\n"],
  ["no host", 400, "GET / HTTP/1.1\r\n\r\n"],
  ["two hosts", 400, get("/", "Host: y")],
  ["the same host twice", 400, get("/", "host: x")],
  ["an empty host behind one", 400, get("/", "Host:")],
  ["two empty hosts", 400, get("/", "Host:").replace(": x", ":")],
  ["two hosts in HTTP/1.0", 400, get("/", "Host: y").replace("1.1", "1.0")],
  ...[
    "x, y",
    "x y",
    "x\ty",
    "x/y",
    "a@x",
    "x:y",
    ":80",
    "[::1",
    "[x]",
    "::1",
  ].map((host): [string, number, string] => [
    `the host ${host}`,
    400,
    get("/").replace(": x", `: ${host}`),
  ]),
  ...["x", "", "*", "/a b", "/#a", "/\xe9", "/\0", "x:443", "https://x/"].map(
    (target): [string, number, string] => [
      `the target ${target}`,
      400,
      get(target),
    ],
  ),
  ...[
    "://x",
    ":/x",
    ":///x",
    "://:80/",
    "://u@h/",
    "://h:x/",
    "://]/",
    "://?x",
  ].map((rest): [string, number, string] => [
    `the target http${rest}`,
    400,
    get(`http${rest}${rest === "://x" ? "#a" : ""}`),
  ]),
  ["a target of another scheme", 400, get("1http://h/")],
  ["a method that is none", 400, get("/").replace("GET", "G(T")],
  ["no method", 400, get("/").replace("GET", "")],
  ["two spaces", 400, get("/").replace(" HTTP", "  HTTP")],
  ["a tab for a space", 400, get("/").replace("/ HTTP", "/\tHTTP")],
  ["a space at the end", 400, get("/").replace("1.1", "1.1 ")],
  ["no version", 400, "GET /\r\n\r\n"],
  ["half a version", 400, get("/").replace("1.1", "1")],
  ["a version that is none", 400, get("/").replace("1.1", "x.1")],
  ["a version in lower case", 400, get("/").replace("HTTP", "http")],
  ["HTTP/2", 505, get("/").replace("1.1", "2.0")],
  ["HTTP/2's first line", 505, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"],
  ["HTTP/0.9", 505, get("/").replace("1.1", "0.9")],
  ["a handshake of TLS", 400, "\x16\x03\x01\x02\0\x01\0\x01\xfc"],
  ["two empty lines", 400, `\r\n\n${get("/")}`],
  ["a long target", 414, get(`/${"x".repeat(17_000)}`)],
  ["a line without end", 414, `GET /${"x".repeat(17_000)}`],
  ["a long field", 431, get("/", `X: ${"y".repeat(17_000)}`)],
  ["many fields", 431, get("/", ...Array(5_000).fill("X: y"))],
];

check(`${serverFile} refuses what is not clear, and ends`, async () => {
  for (const [name, status, request] of refused) {
    const found = replies(await say(server.port, request + get("/after")));
    assert.equal(
      found.map(({ status }) => status),
      [status],
      name,
    );
    assert.match(found[0]!.head, "\r\nConnection: close\r\n", name);
    assert.match(found[0]!.body, RegExp(`^${status} [A-Z].+\n$`), name);
    const allow = /\r\nAllow: GET, HEAD\r\n/.test(found[0]!.head);
    if (status === 405) assert.ok(allow, name);
  }
});

check(`${serverFile} refuses a HEAD without a body`, async () => {
  for (const [name, status, request] of refused) {
    if (status === 405 || !/^(\r\n)*(GET|POST) /.test(request)) continue;
    const stream = await say(server.port, head(request) + get("/after"));
    const found = replies(stream, 0);
    assert.equal(
      found.map(({ status }) => status),
      [status],
      name,
    );
  }
});

check(`${serverFile} refuses at once what cannot become clear`, async () => {
  // Nothing follows these, and no time has to pass.
  for (const begin of ["\x16\x03\x01\x02", "GET /\x01", "GET / HTTP/1.1\n"]) {
    const connection = await connect(server.port);
    connection.write(begin);
    const signal = AbortSignal.timeout(9_000);
    const [reply] = await once(connection, "data", { signal });
    assert.equal(statuses(reply), [400]);
  }
});

check(`${serverFile} does not lose its last reply by a reset`, async () => {
  const large = get("/large", `X: ${"y".repeat(16_200)}`, "Connection: close");
  for (const [request, status] of [
    ["x".repeat(17_000), 414],
    [large, 200],
  ] as const) {
    const connection = await connect(server.port);
    connection.on("error", () => {}); // reading fails then as well
    connection.write(request);
    const from = `127.0.0.1:${connection.localPort}`;
    await server.line(RegExp(`^${from} .*: ${status} `));
    // The reply is on its way, and not read yet. The server drops all this.
    for (let i = 0; i < 20; i++)
      await new Promise((written) =>
        connection.write(Buffer.alloc(1e6, "x"), written),
      );
    connection.end();
    const received = Buffer.concat(await connection.toArray());
    assert.equal(statuses(received), [status]);
  }
});

check(`${serverFile} does not read from a client that does not`, async () => {
  const client = await connect(server.port);
  client.on("error", () => {}); // it is dropped in the end
  const piece = get("/", `X: ${"y".repeat(16_000)}`).repeat(4);
  let written = 0;
  let stopped = false;
  while (!stopped && written < 100e6) {
    const taken = new Promise((done) => client.write(piece, () => done(false)));
    const late = new Promise((over) => setTimeout(over, 1_000, true));
    stopped = (await Promise.race([taken, late])) === true;
    written += piece.length;
  }
  assert.ok(stopped, `${written} bytes have found room on the way`);
});

check(`${serverFile} outlives resets, and tells them`, async () => {
  for (let i = 0; i < 20; i++) {
    const client = await connect(server.port);
    client.write(`${get("/")}GET`);
    await once(client, "data");
    client.resetAndDestroy();
  }
  await server.line(/^a client: read ECONNRESET$/);
  assert.equal(statuses(await exchange(server.port, [last])), [200]);
});

/** A server's bytes, and what the client makes of them. */
const told: {
  bytes: string;
  stdout: string;
  stderr: string;
  status?: number;
}[] = [
  {
    bytes:
      "HTTP/1.1 103 Early\r\nX: y\r\n\r\nHTTP/1.1 100\r\n\r\n" +
      `${reply(chunked)}5;a=b\r\nhello\r\n00B \r\n, old world\r\n0\r\nX: y\r\n\r\nmore`,
    stdout: "hello, old world",
    stderr: ok,
  },
  {
    bytes: `${reply("Transfer-Encoding: gzip")}hello`,
    stdout: "hello",
    stderr: ok,
  },
  {
    bytes: `${reply("Content-Length: 6")}hello`,
    stdout: "hello",
    stderr: `${ok}ADDRESS cut the connection before the reply was complete: try again\n`,
    status: 1,
  },
  {
    bytes: `${reply("Content-Length: 5", chunked)}0\r\n\r\n`,
    stdout: "",
    stderr: `${ok}ADDRESS does not say clearly where its reply ends: not printed\n`,
    status: 1,
  },
  {
    bytes: "SSH-2.0-OpenSSH_9\r\n",
    stdout: "",
    stderr: "ADDRESS sent no valid HTTP reply: try another --port\n",
    status: 1,
  },
  {
    bytes:
      "HTTP/1.1 302 Found\r\nLocation: /x\x80\x9by\r\nContent-Length: 2\r\n\r\nhi!",
    stdout: "hi",
    stderr: "HTTP/1.1 302 Found\nnot followed: /xy\n",
  },
];

check(`${clientFile} finds the end of each reply`, async () => {
  // Each path is answered with the bytes at that place in the table.
  const fake = await listen((connection) => {
    connection.on("error", () => {});
    connection.once("data", (request) => {
      // All of the request has come at once, for it is one write.
      const [, i] =
        /^GET \/(\d) HTTP\/1\.1\r\n(.+\r\n)+\r\n$/.exec(`${request}`) ?? [];
      connection.end(told[Number(i)]?.bytes ?? "", "latin1");
    });
  });
  const all = told.map(async ({ stdout, stderr, status = 0 }, i) => {
    const result = await run(`${node} ${clientFile} --port ${fake} /${i}`);
    assert.is(result.stdout, stdout);
    assert.is(result.stderr, stderr.replace("ADDRESS", `127.0.0.1:${fake}`));
    assert.is(result.exitCode, status);
  });
  await Promise.all(all);
});

check(`${clientFile} says what is wrong in one line`, async () => {
  const [host, port] = await nobody(clientFile);
  const [none, url] = await Promise.all([
    run(`${node} ${clientFile} --host ${host} --port ${port}`),
    run(`${node} ${clientFile} http://127.0.0.1/`),
  ]);
  assert.match(
    none.stderr,
    RegExp(`^nothing answers on ${host}:${port}: .+\n$`),
  );
  assert.is(none.exitCode, 1);
  assert.match(url.stderr, /^give one path, .+--host.+--port\n$/);
  assert.is(url.exitCode, 2);
});

test.run();
