import { once } from "node:events";
import * as fs from "node:fs";
import { createServer as createHttpServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { quote } from "zx";
import { run } from "../scripts/processes.ts";
import { numbers, spoiled } from "./fuzz.ts";
import {
  check,
  checkPeers,
  connect,
  exchange,
  listen,
  meet,
  memory,
  node,
  nobody,
  serve,
  temporaryFolder,
} from "./harness.ts";

const serverFile = "tcp/http-server.ts";
const clientFile = "tcp/http-client.ts";
const server = await serve(serverFile);
const quick = await serve(`${serverFile} --limit 1`);

interface Reply {
  status: number;
  head: string;
  body: string;
}

/** Reads the replies in a stream. In: which of them answer a HEAD. */
function replies(stream: Buffer, ...heads: number[]): Reply[] {
  const found: Reply[] = [];
  let rest = stream.toString("latin1");
  while (rest) {
    const all = /^HTTP\/1\.1 (\d{3}) [ -~]+\r\n([!-~]+: [ -~]*\r\n)*\r\n/;
    const [head = "", status] = all.exec(rest) ?? [];
    assert.ok(head, `no reply begins with ${JSON.stringify(rest)}`);
    const [, length = 0] = /^Content-Length: (\d+)\r$/m.exec(head) ?? [];
    const size = heads.includes(found.length) ? 0 : Number(length);
    rest = rest.slice(head.length);
    assert.ok(rest.length >= size, "the last reply is cut");
    found.push({ status: Number(status), head, body: rest.slice(0, size) });
    rest = rest.slice(size);
  }
  return found;
}

const statuses = (stream: Buffer) =>
  replies(stream).map(({ status }) => status);

/** Writes to a connection, whose half stays open, until the server's ends. */
async function say(port: number, ...pieces: (string | Buffer)[]) {
  const connection = await connect(port);
  const received = connection.toArray();
  for (const piece of pieces) connection.write(piece);
  return Buffer.concat(await received);
}

const get = (path: string, ...fields: string[]) =>
  `GET ${path} HTTP/1.1\r\n${["Host: x", ...fields].join("\r\n")}\r\n\r\n`;
const post = (...fields: string[]) =>
  get("/", ...fields).replace("GET", "POST");
const close = get("/last", "Connection: close");
const chunked = "Transfer-Encoding: chunked";
/** A request whose body would be good, and empty, if it were in chunks. */
const coded = (...fields: string[]) => `${post(...fields)}0\r\n\r\n`;

check(`${serverFile} answers with the request that it has read`, async () => {
  const request = get("/a?b=c", "Accept: caf\xe9", "X-Empty:");
  const bytes = Buffer.from(request, "latin1");
  const reply = replies(await exchange(server.port, [bytes]))[0]!;
  assert.is(reply.status, 200);
  assert.is(reply.body, request);
  assert.match(reply.head, "\r\nContent-Type: text/plain; charset=utf-8\r\n");
  const [, date = ""] = /\r\nDate: (.*)\r\n/.exec(reply.head) ?? [];
  assert.is(new Date(date).toUTCString(), date);
  assert.ok(Math.abs(Date.parse(date) - Date.now()) < 60_000);
});

check(`${serverFile} answers HEAD with no body`, async () => {
  const head = get("/").replace("GET", "HEAD");
  const stream = await say(server.port, head, close);
  const [first, last] = replies(stream, 0) as [Reply, Reply];
  assert.is(first.status, 200);
  assert.match(first.head, `\r\nContent-Length: ${head.length}\r\n`);
  assert.is(last.body, close);
});

check(`${serverFile} keeps a connection, or closes it, as asked`, async () => {
  const connection = await connect(server.port);
  for (const path of ["/1", "/2", "/3"]) {
    connection.write(get(path));
    const [bytes] = await once(connection, "data");
    assert.is(replies(bytes)[0]?.body, get(path));
    assert.match(replies(bytes)[0]!.head, "\r\nConnection: keep-alive\r\n");
  }
  connection.destroy();
  const after = get("/after");
  const old = "GET / HTTP/1.0\r\n\r\n";
  const stays = "GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n";
  const requests: Record<string, number> = {
    [close + after]: 1,
    [get("/", "Connection: x, Close") + after]: 1,
    [get("/", "Connection: x", "connection:CLOSE") + after]: 1,
    [old + after]: 1,
    [stays + old + after]: 2,
    [stays.replace("Keep", "close, Keep") + after]: 1,
    [get("/", "Connection: unclosed") + close]: 2,
  };
  for (const [request, answered] of Object.entries(requests)) {
    const found = replies(await say(server.port, request));
    assert.is(found.length, answered, request);
    const last = found.at(-1)!;
    assert.is(last.status, 200);
    assert.match(last.head, "\r\nConnection: close\r\n");
  }
});

check(
  `${serverFile} answers 1,000 requests of one segment in order`,
  async () => {
    const requests = Array.from({ length: 1_000 }, (_, i) => get(`/${i}`));
    const found = replies(await exchange(server.port, [requests.join("")]));
    assert.equal(
      found.map(({ body }) => body),
      requests,
    );
  },
);

check(
  `${serverFile} answers all that a client asks before it ends its half`,
  async () => {
    const own = await serve(serverFile);
    const result = await run(`python3 test/pipeline.py ${own.port}`);
    assert.is(result.exitCode, 0);
    const counts = result.stdout.trim().split("\n");
    assert.is(counts.length, 10);
    for (const count of counts) assert.match(count, /^(\d+) of \1$/);
  },
  "python3",
);

check(`${serverFile} takes empty lines for no request`, async () => {
  assert.equal(statuses(await say(server.port, `\r\n\r\n${close}`)), [200]);
  const connection = await connect(quick.port);
  const received = connection.toArray();
  let left = 80;
  const timer = setInterval(() => {
    if (left--) connection.write("\r\n");
    else connection.end();
  }, 100);
  connection.once("end", () => clearInterval(timer));
  assert.equal(statuses(Buffer.concat(await received)), [408]);
});

check(`${serverFile} sends no body to a HEAD that it refuses`, async () => {
  for (const request of [
    "HEAD / HTTP/1.1\r\n\r\n",
    get("/").replace("GET", "HEAD").replace("1.1", "2.0"),
    get("/", "X : y").replace("GET", "HEAD"),
  ]) {
    const [refusal] = replies(await say(server.port, request), 0);
    assert.ok(refusal!.status >= 400);
  }
  // What follows a HEAD has a body again.
  const head = get("/").replace("GET", "HEAD");
  const both = replies(await say(server.port, `${head}\x00\r\n\r\n`), 0);
  assert.is(both[1]?.body, "400 Bad Request\n");
});

check(`${serverFile} answers what comes byte by byte`, async () => {
  const relay = await serve(
    `tcp/relay.ts --to 127.0.0.1:${server.port} --chunk 1`,
  );
  const body = `${post(chunked)}5\r\nhello\r\n0\r\nX: y\r\n\r\n`;
  const stream = await say(relay.port, `${get("/1")}${body}\r\n${close}`);
  assert.equal(statuses(stream), [200, 405, 200]);
});

check(`${serverFile} finds the end of a body`, async () => {
  const big = "GET /body HTTP/1.1\r\nHost: x\r\n\r\n".repeat(100_000);
  const hex = big.length.toString(16);
  const requests = [
    `${post("Content-Length: 5")}hello`,
    `${get("/", "Content-Length: 5")}hello`,
    post("Content-Length: 0"),
    `${post(`content-length:\t${big.length} `)}${big}`,
    `${post(chunked)}0\r\n\r\n`,
    `${post("transfer-encoding:CHUNKED")}5;a="b c";d\r\nhello\r\n000\r\n\r\n`,
    `${post(chunked)}${hex}\r\n${big}\r\n1 ;x\r\n0\r\n0\r\nX: y\r\nZ:\r\n\r\n`,
    `${post(chunked)}${"1\r\nx\r\n".repeat(50_000)}0\r\n\r\n`,
  ];
  for (const request of requests) {
    const stream = await say(server.port, request, close);
    const name = request.slice(0, 100);
    const status = request.startsWith("GET") ? 200 : 405;
    assert.equal(statuses(stream), [status, 200], name);
    assert.is(replies(stream).at(-1)!.body, close, name);
  }
});

check(`${serverFile} says 100 to who waits for it`, async () => {
  const connection = await connect(server.port);
  connection.write(post("Content-Length: 5", "Expect: 100-Continue"));
  const [bytes] = await once(connection, "data");
  assert.is(`${bytes}`, "HTTP/1.1 100 Continue\r\n\r\n");
  connection.end("hello");
  assert.equal(statuses(Buffer.concat(await connection.toArray())), [405]);
  const other = await say(
    server.port,
    get("/", "Expect: not-100-continue"),
    close,
  );
  assert.equal(statuses(other), [200, 200]);
});

check(`${serverFile} refuses the methods that it does not serve`, async () => {
  const requests = [
    "POST / HTTP/1.1",
    "get / HTTP/1.1",
    "OPTIONS * HTTP/1.1",
    "CONNECT x:443 HTTP/1.1",
    "X-~!y /z HTTP/1.1",
  ];
  for (const request of requests) {
    const head = `${request}\r\nHost: x\r\n\r\n`;
    const found = replies(await say(server.port, head, close));
    assert.equal(
      found.map(({ status }) => status),
      [405, 200],
    );
    assert.match(found[0]!.head, "\r\nAllow: GET, HEAD\r\n");
  }
});

check(`${serverFile} takes what RFC 9112 allows`, async () => {
  const requests = [
    get("http://x/y?z"),
    `\r\n${get("/")}`,
    get("/").replace("1.1", "1.9"),
    get("/").replace("Host: x", "hOST:x:80\t"),
    get("/").replace("Host: x", "Host:"),
    get("/").replace("Host: x", "Host: [::1]:8080"),
    get("/", `X: ${"y".repeat(16_300)}`),
    get("/", "X:\ty z\t", "X: again"),
  ];
  for (const request of requests) {
    const stream = await say(server.port, request, close);
    assert.equal(statuses(stream), [200, 200], request.slice(0, 100));
  }
});

/** What is refused, and with which status. */
const refused: Record<string, [status: number, request: string]> = {
  "a length and a coding": [400, coded("Content-Length: 5", chunked)],
  "two lengths": [400, post("Content-Length: 5", "Content-Length: 6")],
  "a length twice": [400, post("Content-Length: 5", "Content-Length: 5")],
  "a list of lengths": [400, post("Content-Length: 5, 5")],
  "a signed length": [400, post("Content-Length: +5")],
  "a length below 0": [400, post("Content-Length: -5")],
  "an empty length": [400, post("Content-Length:")],
  "a length in hex": [400, post("Content-Length: 0x5")],
  "a length beyond count": [400, post(`Content-Length: ${"9".repeat(16)}`)],
  "a length, no-break space": [400, post("Content-Length: 5\xa0")],
  "another coding": [400, coded("Transfer-Encoding: gzip")],
  "more codings": [400, coded("Transfer-Encoding: gzip, chunked")],
  "chunked twice": [400, coded(chunked, chunked)],
  "chunked, and not at the end": [400, coded("Transfer-Encoding: chunked, x")],
  "nearly chunked": [400, coded("Transfer-Encoding: xchunked")],
  "chunked, vertical tab": [400, coded("Transfer-Encoding: \x0bchunked")],
  "an empty coding": [400, coded("Transfer-Encoding:")],
  "a coding in HTTP/1.0": [400, coded(chunked).replace("1.1", "1.0")],
  "a space before the colon": [400, post("Content-Length : 5")],
  "a tab before the colon": [400, post("Transfer-Encoding\t: chunked")],
  "a folded line": [400, get("/", "X: y", " z")],
  "a first line that is folded": [400, get("/").replace("Host", " Host")],
  "no colon": [400, get("/", "X")],
  "no name": [400, get("/", ": x")],
  "a name in quotes": [400, get("/", '"X": y')],
  "a bare LF": [400, get("/").replace("x\r\n", "x\n")],
  "nothing but bare LFs": [400, get("/").replaceAll("\r", "")],
  "a bare LF at the end": [400, get("/").replace("\r\n\r\n", "\r\n\n")],
  "a bare CR": [400, get("/", "X: y\rContent-Length: 5")],
  "a CR at the end": [400, get("/", "X: y\r")],
  "a NUL in a value": [400, get("/", "X: y\0z")],
  "an escape in a value": [400, get("/", "X: \x1b[31m")],
  "a DEL in a value": [400, get("/", "X: \x7f")],
  "no host": [400, "GET / HTTP/1.1\r\n\r\n"],
  "two hosts": [400, get("/", "Host: y")],
  "the same host twice": [400, get("/", "host: x")],
  "two hosts in HTTP/1.0": [400, get("/", "Host: y").replace("1.1", "1.0")],
  "two hosts on a line": [400, get("/").replace(": x", ": x, y")],
  "a host with a path": [400, get("/").replace(": x", ": x/y")],
  "a host with a name": [400, get("/").replace(": x", ": a@x")],
  "a target of no form": [400, get("x")],
  "an empty target": [400, get("")],
  "a target with a space": [400, get("/a b")],
  "a target with a fragment": [400, get("/#a")],
  "a target that is not ASCII": [400, get("/\xe9")],
  "a star": [400, get("*")],
  "a target with a NUL": [400, get("/\0")],
  "CONNECT with a path": [400, get("/").replace("GET /", "CONNECT x/:1")],
  "a method that is none": [400, get("/").replace("GET", "G(T")],
  "no method": [400, get("/").replace("GET", "")],
  "two spaces": [400, get("/").replace(" / ", "  / ")],
  "a tab for a space": [400, get("/").replace(" / ", "\t/ ")],
  "a space at the end": [400, get("/").replace("1.1", "1.1 ")],
  "no version": [400, "GET /\r\n\r\n"],
  "half a version": [400, get("/").replace("1.1", "1")],
  "a version in lower case": [400, get("/").replace("HTTP", "http")],
  "HTTP/2": [505, get("/").replace("1.1", "2.0")],
  "HTTP/2's first line": [505, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"],
  "HTTP/0.9": [505, get("/").replace("1.1", "0.9")],
  "a handshake of TLS": [400, "\x16\x03\x01\x02\0\x01\0\x01\xfc\r\n\r\n"],
  "two empty lines": [400, `\r\n\n${get("/")}`],
  "a long target": [414, get(`/${"x".repeat(17_000)}`)],
  "a line without end": [414, "x".repeat(17_000)],
  "a long field": [431, get("/", `X: ${"y".repeat(17_000)}`)],
  "many fields": [431, get("/", ...Array(5_000).fill("X: y"))],
  "a chunk size that is none": [400, `${post(chunked)}x\r\n`],
  "a chunk size in 0x": [400, `${post(chunked)}0x5\r\nhello\r\n0\r\n\r\n`],
  "a signed chunk size": [400, `${post(chunked)}+5\r\nhello\r\n0\r\n\r\n`],
  "a space before a chunk size": [400, `${post(chunked)} 5\r\nhello\r\n`],
  "no chunk size": [400, `${post(chunked)};x\r\n`],
  "a huge chunk size": [400, `${post(chunked)}${"f".repeat(9)}\r\n`],
  "a chunk size, bare LF": [400, `${post(chunked)}5\nhello\r\n0\r\n\r\n`],
  "a chunk size, bare CR": [400, `${post(chunked)}5;\rx\r\nhello\r\n`],
  "a chunk size without end": [400, `${post(chunked)}${"0".repeat(300)}`],
  "a long extension": [400, `${post(chunked)}5;${"x".repeat(300)}\r\n`],
  "a chunk that is longer": [400, `${post(chunked)}5\r\nhello!\r\n`],
  "a chunk, bare LF": [400, `${post(chunked)}5\r\nhello\n0\r\n\r\n`],
  "a bad trailer": [400, `${post(chunked)}0\r\nX : y\r\n\r\n`],
  "a trailer, bare LF": [400, `${post(chunked)}0\r\nX: y\n\r\n`],
  "long trailers": [400, `${post(chunked)}0\r\nX: ${"y".repeat(17_000)}`],
};

for (const [name, [status, request]] of Object.entries(refused))
  check(`${serverFile} refuses ${name}, and ends`, async () => {
    const bytes = Buffer.from(request + get("/after"), "latin1");
    const found = replies(await say(server.port, bytes));
    assert.equal(
      found.map(({ status }) => status),
      [status],
    );
    assert.match(found[0]!.head, "\r\nConnection: close\r\n");
  });

check(`${serverFile} does not lose its refusal by a reset`, async () => {
  for (let i = 0; i < 20; i++) {
    const bytes = Buffer.alloc(1e6, "x");
    assert.equal(statuses(await exchange(server.port, [bytes])), [414]);
  }
});

check(`${serverFile} lets a head take as long as it is told`, async () => {
  const began = performance.now();
  const connection = await connect(quick.port);
  const bytes = Array.from(get("/").repeat(100));
  const trickle = setInterval(() => connection.write(bytes.shift()!), 50);
  // One is silent, one stops within a head, one never ends its head.
  const streams = await Promise.all([
    say(quick.port),
    say(quick.port, "GET / HTTP/1.1\r\nHost:"),
    say(quick.port, `${post("Content-Length: 5")}hell`),
    say(quick.port, `${post(chunked)}5\r\nhell`),
    connection.toArray().then((chunks) => Buffer.concat(chunks)),
  ]);
  clearInterval(trickle);
  connection.destroy();
  const seconds = (performance.now() - began) / 1000;
  assert.ok(seconds > 0.9 && seconds < 9, `${seconds} s`);
  for (const stream of streams.slice(0, 4))
    assert.equal(statuses(stream), [408]);
  // A head of 26 bytes at 20 a second is too slow.
  assert.equal(statuses(streams[4]!), [408]);
});

check(`${serverFile} closes an idle connection without a word`, async () => {
  assert.equal(
    statuses(await say(quick.port, get("/1"), get("/2"))),
    [200, 200],
  );
});

check(`${serverFile} takes its time for a body that comes slowly`, async () => {
  const connection = await connect(quick.port);
  const received = connection.toArray();
  connection.write(post("Content-Length: 20", "Connection: close"));
  let left = 20;
  await new Promise<void>((sent) => {
    const timer = setInterval(() => {
      connection.write("x");
      if (--left) return;
      clearInterval(timer);
      sent();
    }, 100);
  });
  assert.equal(statuses(Buffer.concat(await received)), [405]);
});

check(`${serverFile} does not read from who does not read`, async () => {
  const own = await serve(`${serverFile} --limit 2`);
  const before = memory(own);
  const client = await connect(own.port);
  client.on("error", () => {}); // it is dropped
  const piece = get("/", `X: ${"y".repeat(16_000)}`).repeat(4);
  let written = 0;
  while (!client.destroyed && written < 100e6) {
    await new Promise((done) => client.write(piece, done));
    written += piece.length;
  }
  assert.ok(client.destroyed, `${written} bytes have found room on the way`);
  const grown = memory(own) - before;
  assert.ok(grown < 30e6, `the server has grown by ${grown} bytes`);
  await own.line(/^a client is gone: it does not read$/);
  assert.equal(statuses(await exchange(own.port, [close])), [200]);
});

check(`${serverFile} keeps a body of 200 MB off its memory`, async () => {
  const own = await serve(serverFile);
  const before = memory(own);
  const client = await connect(own.port);
  const received = client.toArray();
  const piece = Buffer.alloc(1e6, "x");
  client.write(post("Content-Length: 200000000", "Connection: close"));
  let most = 0;
  for (let i = 0; i < 200; i++) {
    await new Promise((written) => client.write(piece, written));
    if (i % 20 === 0) most = Math.max(most, memory(own));
  }
  assert.equal(statuses(Buffer.concat(await received)), [405]);
  assert.ok(most - before < 60e6, `it has grown by ${most - before} bytes`);
});

check(`${serverFile} outlives resets, and tells them`, async () => {
  for (let i = 0; i < 50; i++) {
    const client = await connect(server.port);
    client.write(`${get("/")}GET`);
    await once(client, "data");
    client.resetAndDestroy();
  }
  await server.line(/^a client is gone: read ECONNRESET$/);
  assert.equal(statuses(await exchange(server.port, [close])), [200]);
});

check(`${serverFile} outlives clients that do not wait`, async () => {
  for (let i = 0; i < 50; i++) {
    const client = await connect(server.port);
    await new Promise((written) => client.write(get("/").repeat(500), written));
    client.destroy();
  }
  assert.equal(statuses(await exchange(server.port, [close])), [200]);
});

check(`${serverFile} outlives 100,000 requests that are spoiled`, async () => {
  const own = await serve(serverFile);
  const valid = [
    get("/path?query", "Accept: */*", "User-Agent: fuzz"),
    get("/").replace("GET", "HEAD"),
    "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
    `${post("Content-Length: 11")}hello world`,
    `${post(chunked)}5;a=b\r\nhello\r\n6\r\n world\r\n0\r\nX: y\r\n\r\n`,
    `${post("Expect: 100-continue", "Content-Length: 2")}hi`,
  ].map((text) => Buffer.from(text));
  const below = numbers(1);
  const seen = new Map<string, number>();
  let left = 100_000;
  const worker = async () => {
    while (left > 0) {
      const count = 1 + below(5);
      left -= count;
      const requests = Array.from({ length: count }, () =>
        spoiled(valid[below(valid.length)]!, below),
      );
      const reply = `${await exchange(own.port, [Buffer.concat(requests)])}`;
      assert.match(reply, /^(HTTP\/1\.1 \d{3} [ -~]+\r\n|$)/);
      for (const [status] of reply.matchAll(/(?<=^HTTP\/1\.1 )\d+/gm))
        seen.set(status, (seen.get(status) ?? 0) + 1);
    }
  };
  await Promise.all([worker(), worker(), worker()]);
  assert.equal([...seen.keys()].sort(), ["100", "200", "400", "405", "505"]);
  for (const count of seen.values()) assert.ok(count > 10);
  const grown = memory(own);
  assert.ok(grown < 250e6, `the server has ${grown} bytes`);
  assert.equal(statuses(await exchange(own.port, [close])), [200]);
  assert.is(own.lines.length, 1, own.lines.slice(0, 9).join("\n"));
});

meet(
  serverFile,
  "`curl`",
  "it is answered",
  async () => {
    const url = `http://127.0.0.1:${server.port}`;
    const got = await run(`curl -sv ${url}/a ${url}/b`);
    assert.match(got.stdout, /^GET \/a HTTP\/1.1\r\nHost: .*GET \/b HTTP/s);
    assert.match(got.stderr, /Re-using existing connection/);
    const head = await run(`curl -sI ${url}/`);
    assert.match(head.stdout, /^HTTP\/1.1 200 OK\r\n([\w-]+: .*\r\n)+\r\n$/);
    const upload = `curl -s -w %{http_code} --expect100-timeout 20 -T -`;
    const body = Buffer.alloc(3e6, "x");
    // Without the 100 it waits for, curl would be late.
    const put = `${upload} -H Expect:100-continue ${url}/up`;
    const { stdout } = await run(put, body, 10_000);
    assert.match(stdout, /^PUT .*\r\nTransfer-Encoding: chunked\r\n/s);
    assert.match(stdout, /\n405$/);
    const posted = await run(
      `curl -s -w %{http_code} --data-binary @- ${url}/ --next -s ${url}/`,
      body,
    );
    assert.match(posted.stdout, /\r\nContent-Length: 3000000\r\n.*405GET /s);
  },
  "curl",
);

meet(
  serverFile,
  "`wrk`",
  "it is answered over 50 connections",
  async () => {
    const url = `http://127.0.0.1:${server.port}/`;
    const { stdout } = await run(`wrk -t 1 -c 50 -d 2 ${url}`);
    const [, requests] = /(\d+) requests in/.exec(stdout) ?? [];
    assert.ok(Number(requests) > 200, stdout);
    assert.not.match(stdout, /Non-2xx|Socket errors/);
  },
  "wrk",
);

meet(
  serverFile,
  "Chromium",
  "the page shows its own request",
  async () => {
    const profile = temporaryFolder();
    const off =
      "gpu,quic,background-networking,component-update,sync,dev-shm-usage";
    const { stdout } = await run(
      "chromium --headless --no-sandbox --no-first-run --dump-dom " +
        `${off.replaceAll(/(^|,)/g, " --disable-")} ` +
        `--user-data-dir=${profile} http://127.0.0.1:${server.port}/x?y`,
      "",
      50_000,
    );
    assert.match(stdout, /<pre[^>]*>GET \/x\?y HTTP\/1.1\n/);
    assert.match(stdout, /\nUser-Agent: .*Chrome\//);
  },
  "chromium",
);

meet(
  serverFile,
  "Python's `http.client` and `urllib`",
  "it is answered",
  async () => {
    const program = `
import http.client, urllib.request
port = ${server.port}
client = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
for path in ["/1", "/2"]:
    client.request("GET", path)
    socket = client.sock
    print(client.getresponse().read().split()[1].decode())
client.request("POST", "/3", iter([b"hello", b"GET /4 HTTP/1.1\\r\\n\\r\\n"]), encode_chunked=True, headers={"Transfer-Encoding": "chunked"})
reply = client.getresponse()
print(reply.status, reply.headers["Allow"], len(reply.read()) > 0)
client.request("HEAD", "/5")
reply = client.getresponse()
print(reply.status, len(reply.read()), client.sock is socket)
print(urllib.request.urlopen(f"http://127.0.0.1:{port}/6").read().split()[1].decode())
`;
    const { stdout, stderr } = await run(`python3 -c ${quote(program)}`);
    assert.is(stdout, "/1\n/2\n405 GET, HEAD True\n200 0 True\n/6\n", stderr);
  },
  "python3",
);

/** Runs the client. In: its words. */
const fetch = (words: string) => run(`${node} ${clientFile} ${words}`);

const reply = (...fields: string[]) =>
  `HTTP/1.1 200 OK\r\n${fields.map((field) => `${field}\r\n`).join("")}\r\n`;
const ok = "HTTP/1.1 200 OK\n";
const wrong = /^127.0.0.1:\d+ sent what is no HTTP reply: .+\n$/;
const cut =
  /^127.0.0.1:\d+ cut the connection before the reply was whole: .+\n$/;

/** A server's bytes, and what the client makes of them. */
const told: Record<
  string,
  [bytes: string, stdout: string, stderr: string | RegExp, status?: number]
> = {
  "a length": [`${reply("Content-Length: 5")}hello`, "hello", ok],
  "more than its length": [`${reply("content-length:2 ")}hello`, "he", ok],
  "no bytes": [reply("Content-Length: 0"), "", ok],
  chunks: [
    `${reply("transfer-encoding: Chunked")}5;a=b\r\nhello\r\n00B \r\n, old wor` +
      "ld\r\n0\r\nX: y\r\n\r\nmore",
    "hello, old world",
    ok,
  ],
  "the end of the connection": [`${reply()}hello`, "hello", ok],
  "HTTP/1.0": ["HTTP/1.0 200\r\n\r\nhello", "hello", "HTTP/1.0 200\n"],
  "a 100 before": [
    `HTTP/1.1 103 Early\r\nX: y\r\n\r\nHTTP/1.1 100\r\n\r\n${reply()}hello`,
    "hello",
    ok,
  ],
  "a folded line": [
    `${reply("X: a\r\n\tb", "Content-Length:\r\n 2")}hello`,
    "he",
    ok,
  ],
  "a 204": [
    "HTTP/1.1 204 None\r\nContent-Length: 5\r\n\r\nhello",
    "",
    "HTTP/1.1 204 None\n",
  ],
  "a 304": [
    "HTTP/1.1 304 Same\r\nTransfer-Encoding: chunked\r\n\r\n",
    "",
    "HTTP/1.1 304 Same\n",
  ],
  "a redirect": [
    "HTTP/1.1 302 Found\r\nLocation: /x\x80\x9by\r\nContent-Length: 2\r\n\r\nhi",
    "hi",
    "HTTP/1.1 302 Found\nnot followed: /xy\n",
  ],
  "a 201": [
    "HTTP/1.1 201 Made\r\nLocation: /x\r\nContent-Length: 0\r\n\r\n",
    "",
    "HTTP/1.1 201 Made\n",
  ],
  "a 404": [
    "HTTP/1.1 404 No\x9b[31m\r\nContent-Length: 2\r\n\r\nno",
    "no",
    "HTTP/1.1 404 No[31m\n",
    1,
  ],
  "a length that is not reached": [
    `${reply("Content-Length: 6")}hello`,
    "hello",
    RegExp(`^${ok}${cut.source.slice(1)}`),
    1,
  ],
  "a chunk that is cut": [
    `${reply(chunked)}5\r\nhel`,
    "hel",
    RegExp(`^${ok}${cut.source.slice(1)}`),
    1,
  ],
  "chunks without an end": [
    `${reply(chunked)}5\r\nhello\r\n`,
    "hello",
    RegExp(`^${ok}${cut.source.slice(1)}`),
    1,
  ],
  "trailers without an end": [
    `${reply(chunked)}0\r\nX: y\r\n`,
    "",
    RegExp(`^${ok}${cut.source.slice(1)}`),
    1,
  ],
  "a head that is cut": [reply().slice(0, -2), "", cut, 1],
  "a status line that is cut": ["HT", "", cut, 1],
  nothing: ["", "", cut, 1],
  "another protocol": ["SSH-2.0-OpenSSH_9\r\n", "", wrong, 1],
  "a bare LF": [reply().replaceAll("\r", ""), "", wrong, 1],
  "a bare CR": [reply("X: y\rz"), "", wrong, 1],
  "no name": [reply(": y"), "", wrong, 1],
  "a space before the colon": [reply("Content-Length : 5"), "", wrong, 1],
  "a status of two digits": ["HTTP/1.1 20 OK\r\n\r\n", "", wrong, 1],
  "another version": ["HTTP/2.0 200 OK\r\n\r\n", "", wrong, 1],
  "a long head": [reply(`X: ${"y".repeat(70_000)}`), "", wrong, 1],
  "100 for ever": ["HTTP/1.1 100 Go on\r\n\r\n".repeat(5_000), "", wrong, 1],
};
for (const [name, ...fields] of [
  ["a length and a coding", "Content-Length: 5", chunked],
  ["two lengths", "Content-Length: 5", "Content-Length: 6"],
  ["no good length", "Content-Length: 5x"],
  ["another coding", "Transfer-Encoding: gzip, chunked"],
])
  told[name!] = [
    `${reply(...fields)}hello`,
    "",
    RegExp(`^${ok}${wrong.source.slice(1)}`),
    1,
  ];
for (const [name, body] of [
  ["no chunk size", "x\r\n"],
  ["a huge chunk size", "fffffffff\r\n"],
  ["a bad trailer", "0\r\nX\r\n\r\n"],
])
  told[name!] = [
    `${reply(chunked)}${body}`,
    "",
    RegExp(`^${ok}${wrong.source.slice(1)}`),
    1,
  ];
told["a coding in HTTP/1.0"] = [
  `${reply(chunked).replace("1.1", "1.0")}0\r\n\r\n`,
  "",
  RegExp(`^${ok.replace("1.1", "1.0")}${wrong.source.slice(1)}`),
  1,
];

// Each path is answered with the bytes at that place in the table.
const fake = await listen((connection) => {
  connection.on("error", () => {});
  connection.once("data", (request) => {
    const [, i] = /^GET \/(\d+) /.exec(`${request}`) ?? [];
    const [bytes = ""] = Object.values(told)[Number(i)] ?? [];
    connection.end(Buffer.from(bytes, "latin1"));
  });
});

check(`${clientFile} makes the right thing of each reply`, async () => {
  const queue = Object.entries(told).entries();
  const worker = async () => {
    for (const [i, [name, [, stdout, stderr, status = 0]]] of queue) {
      const result = await fetch(`http://127.0.0.1:${fake}/${i}`);
      assert.is(result.stdout, stdout, name);
      if (typeof stderr === "string") assert.is(result.stderr, stderr, name);
      else assert.match(result.stderr, stderr, name);
      assert.is(result.exitCode, status, name);
    }
  };
  await Promise.all([worker(), worker(), worker()]);
});

check(`${clientFile} asks for what the URL names`, async () => {
  const { port } = await serve(serverFile);
  const here = `127.0.0.1:${port}`;
  const urls: Record<string, [target: string, host: string]> = {
    "": ["/", here],
    [`--url /a`]: ["/a", here],
    "a/../b?c=d#e": ["/b?c=d", here],
    [`http://${here}`]: ["/", here],
    [`http://localhost:${port}/x`]: ["/x", `localhost:${port}`],
    [quote("/a b\r\nX: y\r\n\r\n?é")]: ["/a%20bX:%20y?%C3%A9", here],
  };
  for (const [url, [target, host]] of Object.entries(urls)) {
    const { stdout } = await fetch(`--port ${port} ${url}`);
    const fields = `Host: ${host}\r\nConnection: close\r\n\r\n`;
    assert.is(stdout, `GET ${target} HTTP/1.1\r\n${fields}`);
  }
  const other = await serve(`${serverFile} --host ::1`);
  for (const words of [
    `http://[::1]:${other.port}/x`,
    `--host ::1 --port ${other.port} /x`,
  ]) {
    const { stdout } = await fetch(words);
    assert.match(stdout, `GET /x HTTP/1.1\r\nHost: [::1]:${other.port}\r\n`);
  }
});

check(`${clientFile} says which URLs it does not take`, async () => {
  const urls = {
    "https://127.0.0.1/": /^only http: .+\n$/,
    "localhost:8080": /^only http: .+\n$/,
    "http://ada:secret@127.0.0.1/": /^only http: [^@]+\n$/,
    "http://": /^http:\/\/ is no URL, .+\n$/,
    "http://a b/": /^http:\/\/a b\/ is no URL, .+\n$/,
    "http://x:99999/": /^http:\/\/x:99999\/ is no URL, .+\n$/,
  };
  for (const [url, line] of Object.entries(urls)) {
    const { stdout, stderr, exitCode } = await fetch(quote(url));
    assert.is(stdout, "");
    assert.match(stderr, line);
    assert.is(exitCode, 2);
  }
});

check(`${clientFile} says that nobody waits for its request`, async () => {
  const port = await listen((connection) => connection.destroy());
  // It is told so as it writes, or as it reads.
  const all = Array.from({ length: 10 }, () => fetch(`--port ${port}`));
  for (const { stderr, exitCode } of await Promise.all(all)) {
    assert.match(stderr, /^127.0.0.1:\d+ cut the connection .+\n$/);
    assert.is(exitCode, 1);
  }
});

check(`${clientFile} says that nobody answers`, async () => {
  const [host, port] = await nobody(clientFile);
  for (const words of [
    `--host ${host} --port ${port}`,
    `http://${host}:${port}`,
  ]) {
    const { stderr, exitCode } = await fetch(words);
    assert.is(
      stderr,
      `nothing answers on ${host}:${port}: start tsx ${serverFile} there\n`,
    );
    assert.is(exitCode, 1);
  }
  const unknown = await fetch("http://unknown.invalid/");
  assert.match(
    unknown.stderr,
    /^cannot reach unknown.invalid:80 \((ENOTFOUND|EAI_AGAIN)\): .+\n$/,
  );
  assert.is(unknown.exitCode, 1);
});

check(`${clientFile} says that the server cut the connection`, async () => {
  const port = await listen((connection) =>
    connection.once("data", () => connection.resetAndDestroy()),
  );
  const result = await fetch(`--port ${port}`);
  assert.is(result.stdout, "");
  assert.match(result.stderr, cut);
  assert.is(result.exitCode, 1);
});

check(`${clientFile} prints what comes byte by byte`, async () => {
  const { port } = await serve(serverFile);
  const relay = await serve(`tcp/relay.ts --to 127.0.0.1:${port} --chunk 1`);
  const { stdout, stderr } = await fetch(`--port ${relay.port} /x`);
  assert.match(stdout, /^GET \/x HTTP\/1.1\r\n(.+\r\n)+\r\n$/);
  assert.is(stderr, ok);
});

check(`${clientFile} keeps 500 MB off its memory`, async () => {
  const piece = Buffer.alloc(1e6, "x");
  const port = await listen(async (connection) => {
    connection.write(`${reply(chunked)}`);
    for (let i = 0; i < 500; i++)
      await new Promise((written) =>
        connection.write(
          Buffer.concat([Buffer.from("f4240\r\n"), piece, Buffer.from("\r\n")]),
          written,
        ),
      );
    connection.end("0\r\n\r\n");
  });
  const { stdout, stderr } = await run(
    `/usr/bin/env bash -c 'ulimit -d 900000; ${node} --max-old-space-size=40 ${clientFile} --port ${port} | wc -c'`,
  );
  assert.is(stdout.trim(), "500000000");
  assert.is(stderr, ok);
});

check(
  `${clientFile} does not let a reply steer the terminal`,
  async () => {
    const port = await listen((connection) => {
      connection.once("data", () =>
        connection.end(`${reply()}\x1b[31mred\x07\u009b\r\n\té\x7f😀\n`),
      );
    });
    const command = `${node} ${clientFile} --port ${port}`;
    const { stdout } = await run(`python3 test/terminal.py ${quote(command)}`);
    assert.is(stdout, `${ok.replace("\n", "\r\n")}[31mred\r\n\té😀\r\n`);
  },
  "python3",
);

check(`${clientFile} ends quietly when its output is not read`, async () => {
  const port = await listen(async (connection) => {
    connection.on("error", () => {});
    connection.write(reply());
    const piece = "y\n".repeat(50_000);
    while (!connection.destroyed)
      await new Promise((written) => connection.write(piece, written));
  });
  const command = `${node} ${clientFile} --port ${port} 2>&-`;
  const result = await run(`{ ${command}; echo status $? >&2; } | head -1`);
  assert.is(result.stdout, "y\n");
  assert.is(result.stderr, "status 1\n");
});

/** A folder with a file of bytes that no text has, and what is in it. */
function folderWithFile(): [string, Buffer] {
  const folder = temporaryFolder();
  const file = Buffer.alloc(1_000_003, Uint8Array.from(Array(251).keys()));
  fs.writeFileSync(join(folder, "bytes"), file);
  return [folder, file];
}

/** Compares what the client gets with a file. In: its URL; a folder to use. */
async function compare(url: string, folder: string, file: Buffer) {
  const got = join(folder, "got");
  const result = await run(`${node} ${clientFile} ${url} >${got}`);
  assert.match(result.stderr, /^HTTP\/1.1 200 OK\n$/);
  assert.ok(fs.readFileSync(got).equals(file), url);
}

meet(
  clientFile,
  "Python's `http.server`",
  "it answers",
  async () => {
    const [folder, file] = folderWithFile();
    fs.mkdirSync(join(folder, "below"));
    const { port } = await serve(
      `cd ${folder} && python3 -u -m http.server 0 --bind 127.0.0.1 --protocol HTTP/1.1`,
      /^Serving HTTP on (?<host>\S+) port (?<port>\d+)/,
    );
    const url = `http://127.0.0.1:${port}`;
    await compare(`${url}/bytes`, folder, file);
    const missing = await fetch(`${url}/missing`);
    assert.match(missing.stdout, /<html/i);
    assert.is(missing.stderr, "HTTP/1.1 404 File not found\n");
    assert.is(missing.exitCode, 1);
    const moved = await fetch(`${url}/below`);
    assert.is(
      moved.stderr,
      "HTTP/1.1 301 Moved Permanently\nnot followed: /below/\n",
    );
    assert.is(moved.exitCode, 0);
  },
  "python3",
);

meet(
  clientFile,
  "nginx",
  "it answers",
  async () => {
    const [folder, file] = folderWithFile();
    // An address of their own, for it must be told a port.
    const host = "127.0.0.81";
    const [, port] = await nobody(clientFile);
    // A filter that may change the length makes nginx send chunks.
    fs.writeFileSync(
      join(folder, "nginx.conf"),
      `daemon off; master_process off; pid ${folder}/pid;
        error_log stderr notice; events {}
        http { access_log off; gzip off; root ${folder};
          client_body_temp_path ${folder}/a; proxy_temp_path ${folder}/b;
          fastcgi_temp_path ${folder}/c; uwsgi_temp_path ${folder}/d;
          scgi_temp_path ${folder}/e;
          server { listen ${host}:${port};
            location /chunks/ { alias ${folder}/;
              sub_filter_types *; sub_filter nothing-like-it x; } } }`,
    );
    const nginx = await serve(
      `/usr/sbin/nginx -e stderr -p ${folder} -c ${folder}/nginx.conf`,
      /start worker|using the "/,
    );
    await connect(port, host);
    const url = `http://${host}:${port}`;
    await compare(`${url}/bytes`, folder, file);
    const raw = await exchange(
      port,
      [get("/chunks/bytes", "Connection: close")],
      host,
    );
    assert.match(`${raw.subarray(0, 1_000)}`, chunked);
    await compare(`${url}/chunks/bytes`, folder, file);
    const missing = await fetch(`${url}/missing`);
    assert.is(missing.stderr, "HTTP/1.1 404 Not Found\n");
    assert.is(missing.exitCode, 1);
    await nginx.stop("SIGTERM");
  },
  "/usr/sbin/nginx",
);

check(`${clientFile} and Node's http: it answers`, async () => {
  const [folder, file] = folderWithFile();
  const http = createHttpServer(async (request, response) => {
    if (request.url === "/close") response.useChunkedEncodingByDefault = false;
    for (let i = 0; i < file.length; i += 50_000)
      await new Promise((written) =>
        response.write(file.subarray(i, i + 50_000), written),
      );
    response.end();
  }).listen(0, "127.0.0.1");
  try {
    await once(http, "listening");
    const { port } = http.address() as AddressInfo;
    for (const path of ["chunks", "close"])
      await compare(`http://127.0.0.1:${port}/${path}`, folder, file);
  } finally {
    http.close();
  }
});

checkPeers();

test.run();
