import { once } from "node:events";
import * as fs from "node:fs";
import {
  Agent,
  createServer as createHttpServer,
  get as httpGet,
} from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { quote } from "zx/core";
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
import {
  chunked,
  clientFile,
  get,
  last,
  ok,
  post,
  reply,
  say,
  serverFile,
  statuses,
} from "./http.ts";

const server = await serve(serverFile);

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

check(`${serverFile} answers through a relay, byte by byte`, async () => {
  const relay = await serve(
    `tcp/relay.ts --to 127.0.0.1:${server.port} --chunk 1`,
  );
  const stream = await say(relay.port, `${get("/1")}\r\n${last}`);
  assert.equal(statuses(stream), [200, 200]);
});

check(
  `${serverFile} drops a client that does not read, and says so`,
  async () => {
    const own = await serve(`${serverFile}`);
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
    await own.line(/^a client: \S+ does not read its replies$/);
    assert.equal(statuses(await exchange(own.port, [last])), [200]);
  },
);

check(`${serverFile} goes on when nobody reads its lines`, async () => {
  const pipe = join(temporaryFolder(), "pipe");
  // What prints the server's lines stops behind the first, until it is let go.
  const own = await serve(
    `mkfifo ${pipe}; ${node} ${serverFile} --port 0 | ` +
      `{ read -r line; echo "$line"; cat ${pipe}; cat; }`,
  );
  const path = `/${"x".repeat(150)}`;
  const ask = async () => {
    const stream = await exchange(own.port, [get(path).repeat(1_000) + last]);
    assert.is(statuses(stream).length, 1_001);
  };
  await ask();
  const before = memory(own);
  for (let i = 0; i < 200; i++) await ask();
  const grown = memory(own) - before;
  assert.ok(grown < 40e6, `the programs have grown by ${grown} bytes`);
  fs.closeSync(fs.openSync(pipe, "w"));
  // Once the old lines are read, there are new ones.
  const printed = own.line(/GET \/late HTTP\/1\.1: 200 OK$/);
  let seen = false;
  void printed.then(() => (seen = true));
  while (!seen) await exchange(own.port, [last.replace("/last", "/late")]);
});

check(`${serverFile} outlives clients that do not wait`, async () => {
  for (let i = 0; i < 50; i++) {
    const client = await connect(server.port);
    await new Promise((written) => client.write(get("/").repeat(500), written));
    client.destroy();
  }
  assert.equal(statuses(await exchange(server.port, [last])), [200]);
});

check(`${serverFile} outlives 100,000 requests that are spoiled`, async () => {
  const own = await serve(serverFile);
  const valid = [
    get("/path?query", "Accept: */*", "User-Agent: fuzz"),
    get("/").replace("GET", "HEAD"),
    "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
    `${post("Content-Length: 11")}hello world`,
    `${get("/", chunked)}5;a=b\r\nhello\r\n6\r\n world\r\n0\r\nX: y\r\n\r\n`,
    `${get("/", "Expect: 100-continue", "Content-Length: 2")}hi`,
  ].map((text) => Buffer.from(text));
  const log = /^127\.0\.0\.1:\d+ [ -~]*: \d{3} [A-Z][ -~]+$/;
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
  assert.equal([...seen.keys()].sort(), [
    "200",
    "400",
    "405",
    "411",
    "413",
    "505",
  ]);
  for (const count of seen.values()) assert.ok(count > 10);
  const grown = memory(own);
  assert.ok(grown < 250e6, `the server has ${grown} bytes`);
  assert.equal(statuses(await exchange(own.port, [last])), [200]);
  const others = own.lines.slice(1).filter((line) => !log.test(line));
  assert.equal(others, []);
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
    // Each is refused, and the refusal is not lost.
    const body = Buffer.alloc(3e6, "x");
    const upload = "curl -s -w %{http_code} --expect100-timeout 20";
    for (const how of [
      "-T - -H Expect:100-continue",
      "-T - -H Expect:",
      "--data-binary @- -H Expect:",
    ]) {
      const { stdout } = await run(`${upload} ${how} ${url}/`, body, 15_000);
      assert.is(stdout, "405 Method Not Allowed\n405", how);
    }
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
    print(client.getresponse().read().split()[1].decode())
client.request("POST", "/3", iter([b"hello", b"GET /4 HTTP/1.1\\r\\n\\r\\n"]), encode_chunked=True, headers={"Transfer-Encoding": "chunked"})
reply = client.getresponse()
print(reply.status, reply.headers["Allow"], len(reply.read()) > 0)
client.request("HEAD", "/5")
reply = client.getresponse()
print(reply.status, len(reply.read()))
print(urllib.request.urlopen(f"http://127.0.0.1:{port}/6").read().split()[1].decode())
`;
    const { stdout, stderr } = await run(`python3 -c ${quote(program)}`);
    assert.is(stdout, "/1\n/2\n405 GET, HEAD True\n200 0\n/6\n", stderr);
  },
  "python3",
);

meet(
  serverFile,
  "Node's `fetch` and `http.Agent`",
  "it is answered",
  async () => {
    const url = `http://127.0.0.1:${server.port}`;
    for (const path of ["/a", "/b"]) {
      const text = await (await fetch(url + path)).text();
      assert.match(text, RegExp(`^GET ${path} HTTP/1.1\r\n`));
    }
    const posted = await fetch(url, { method: "POST", body: "hello" });
    assert.is(posted.status, 405);
    assert.is(await posted.text(), "405 Method Not Allowed\n");
    const asked = await fetch(url, { method: "HEAD" });
    assert.is(asked.status, 200);
    assert.is(await asked.text(), "");
    // An agent keeps one connection for all.
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    const ports = new Set<number | undefined>();
    for (let i = 0; i < 50; i++) {
      const request = httpGet(`${url}/${i}`, { agent });
      const [response] = await once(request, "response");
      ports.add(request.socket?.localPort);
      const body = Buffer.concat(await response.toArray()).toString();
      assert.match(body, `GET /${i} HTTP/1.1\r\n`);
      await new Promise(setImmediate); // the agent takes the socket back
    }
    agent.destroy();
    assert.is(ports.size, 1);
  },
);

/** Runs the client with words on its command line. */
const ask = (words: string) => run(`${node} ${clientFile} ${words}`);

const at = "127\\.0\\.0\\.1:\\d+";
const wrong = RegExp(`^${at} sent .+\n$`);
const cut = RegExp(
  `^${at} cut the connection before the reply was complete: try again\n$`,
);
const unclear = RegExp(
  `^(HTTP/1.. 200 OK\n)${at} does not say clearly where its reply ends: .+\n$`,
);
const behind = (status: string, { source }: RegExp) =>
  RegExp(`^${status}${source.slice(1)}`);

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
  "chunks of one byte and a trailer": [
    `${reply(chunked)}1\r\nx\r\n1\r\ny\r\n0\r\nX: y\r\n\r\n`,
    "xy",
    ok,
  ],
  "the end of the connection": [`${reply()}hello`, "hello", ok],
  "HTTP/1.0": ["HTTP/1.0 200\r\n\r\nhello", "hello", "HTTP/1.0 200\n"],
  "a 100 before": [
    `HTTP/1.1 103 Early\r\nX: y\r\n\r\nHTTP/1.1 100\r\n\r\n${reply()}hello`,
    "hello",
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
    behind(ok, cut),
    1,
  ],
  "a chunk that is cut": [
    `${reply(chunked)}5\r\nhel`,
    "hel",
    behind(ok, cut),
    1,
  ],
  "chunks without an end": [
    `${reply(chunked)}5\r\nhello\r\n`,
    "hello",
    behind(ok, cut),
    1,
  ],
  "trailers without an end": [
    `${reply(chunked)}0\r\nX: y\r\n`,
    "",
    behind(ok, cut),
    1,
  ],
  "a head that is cut": [reply().slice(0, -2), "", cut, 1],
  "a status line that is cut": ["HT", "", cut, 1],
  nothing: ["", "", cut, 1],
  "another protocol": ["SSH-2.0-OpenSSH_9\r\n", "", wrong, 1],
  "a bare LF": [reply().replaceAll("\r", ""), "", wrong, 1],
  "a bare CR": [reply("X: y\rz"), "", wrong, 1],
  "a folded line": [reply("X: a", "\tb"), "", wrong, 1],
  "a folded first line": [reply(" Content-Length: 2"), "", wrong, 1],
  "no name": [reply(": y"), "", wrong, 1],
  "a space before the colon": [reply("Content-Length : 5"), "", wrong, 1],
  "a status of two digits": ["HTTP/1.1 20 OK\r\n\r\n", "", wrong, 1],
  "another version": ["HTTP/2.0 200 OK\r\n\r\n", "", wrong, 1],
  "a long head": [reply(`X: ${"y".repeat(200_000)}`), "", wrong, 1],
  "100 for ever": ["HTTP/1.1 100 Go on\r\n\r\n".repeat(5_000), "", wrong, 1],
  "many fields": [reply(...Array<string>(100).fill("X: y")), "", ok],
  "fields without end": [
    reply(...Array<string>(5_000).fill("X: y")),
    "",
    wrong,
    1,
  ],
};
for (const [name, ...fields] of [
  ["a length and a coding", "Content-Length: 5", chunked],
  ["two lengths", "Content-Length: 5", "Content-Length: 6"],
  ["a length twice", "Content-Length: 5", "Content-Length: 5"],
  ["no good length", "Content-Length: 5x"],
  ["a length with a no-break space", "Content-Length: 5\xa0"],
])
  told[name!] = [`${reply(...fields)}hello`, "", unclear, 1];
told["a coding in HTTP/1.0"] = [
  `${reply(chunked).replace("1.1", "1.0")}0\r\n\r\n`,
  "",
  unclear,
  1,
];
for (const [name, body, printed = ""] of [
  ["no chunk size", "x\r\n"],
  ["a huge chunk size", "fffffffff\r\n"],
  ["a chunk size behind a bare LF", "5\nhello\r\n0\r\n\r\n"],
  ["a chunk that is longer", "5\r\nhello!\r\n0\r\n\r\n", "hello"],
  ["a bad trailer", "0\r\nX\r\n\r\n"],
  ["trailers for ever", `0\r\n${"X: y\r\n".repeat(5_000)}`],
])
  told[name!] = [`${reply(chunked)}${body}`, printed, behind(ok, wrong), 1];
for (const coding of ["gzip", "chunked, gzip", "xchunked"])
  told[`the coding ${coding}`] = [
    `${reply(`Transfer-Encoding: ${coding}`)}5\r\nhello`,
    "5\r\nhello",
    ok,
  ];
told["chunks behind another coding"] = [
  `${reply("Transfer-Encoding: gzip", chunked)}5\r\nhello\r\n0\r\n\r\n`,
  "hello",
  ok,
];
told["many small chunks"] = [
  `${reply(chunked)}${"1\r\nx\r\n".repeat(100_000)}0\r\n\r\n`,
  "x".repeat(100_000),
  ok,
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
      const result = await ask(`--port ${fake} /${i}`);
      assert.is(result.stdout, stdout, name);
      if (typeof stderr === "string") assert.is(result.stderr, stderr, name);
      else assert.match(result.stderr, stderr, name);
      assert.is(result.exitCode, status, name);
    }
  };
  await Promise.all([worker(), worker(), worker()]);
});

check(`${clientFile} asks for the path that it is given`, async () => {
  const other = await serve(`${serverFile} --host ::1`);
  const asked: [words: string, target: string, host: string][] = [
    [`--port ${server.port}`, "/", `127.0.0.1:${server.port}`],
    [
      `--port ${server.port} "/a?b=%20"`,
      "/a?b=%20",
      `127.0.0.1:${server.port}`,
    ],
    [`--host localhost --port ${server.port}`, "/", `localhost:${server.port}`],
    [`--host ::1 --port ${other.port} /x`, "/x", `[::1]:${other.port}`],
  ];
  for (const [words, target, host] of asked) {
    const { stdout } = await ask(words);
    const fields = `Host: ${host}\r\nConnection: close\r\n\r\n`;
    assert.is(stdout, `GET ${target} HTTP/1.1\r\n${fields}`);
  }
  const bad = ["a", "/a b", "/é", "/a#b", "", "/\r\nX: y"].map(
    (path) => quote(path) || "''",
  );
  for (const path of [...bad, "/a /b"]) {
    const { stdout, stderr, exitCode } = await ask(path);
    assert.is(stdout, "");
    assert.match(stderr, /^give one path, .+\n$/);
    assert.is(exitCode, 2, path);
  }
});

check(`${clientFile} says that nobody waits for its request`, async () => {
  const port = await listen((connection) => connection.destroy());
  // It is told so as it writes, or as it reads.
  const all = Array.from({ length: 10 }, () => ask(`--port ${port}`));
  for (const { stderr, exitCode } of await Promise.all(all)) {
    assert.match(stderr, /^127.0.0.1:\d+ cut the connection .+\n$/);
    assert.is(exitCode, 1);
  }
});

check(`${clientFile} says that the server cut the connection`, async () => {
  const port = await listen((connection) =>
    connection.once("data", () => connection.resetAndDestroy()),
  );
  const result = await ask(`--port ${port}`);
  assert.is(result.stdout, "");
  assert.match(result.stderr, cut);
  assert.is(result.exitCode, 1);
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
        connection.end(
          `${reply()}\x1b[31mred\x07\u009b\u202e\u2066\r\n\té\x7f😀\n`,
        ),
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

/** Compares what the client gets for some words with a file in a folder. */
async function compare(words: string, folder: string, file: Buffer) {
  const got = join(folder, "got");
  const result = await run(`${node} ${clientFile} ${words} >${got}`);
  assert.match(result.stderr, /^HTTP\/1.1 200 OK\n$/);
  assert.ok(fs.readFileSync(got).equals(file), words);
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
    const words = `--port ${port}`;
    await compare(`${words} /bytes`, folder, file);
    const missing = await ask(`${words} /missing`);
    assert.match(missing.stdout, /<html/i);
    assert.is(missing.stderr, "HTTP/1.1 404 File not found\n");
    assert.is(missing.exitCode, 1);
    const moved = await ask(`${words} /below`);
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
    const words = `--host ${host} --port ${port}`;
    await compare(`${words} /bytes`, folder, file);
    const raw = await exchange(
      port,
      [get("/chunks/bytes", "Connection: close")],
      host,
    );
    assert.match(`${raw.subarray(0, 1_000)}`, chunked);
    await compare(`${words} /chunks/bytes`, folder, file);
    const missing = await ask(`${words} /missing`);
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
      await compare(`--port ${port} /${path}`, folder, file);
  } finally {
    http.close();
  }
});

checkPeers();

test.run();
