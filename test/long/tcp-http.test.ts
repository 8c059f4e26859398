import { randomBytes } from "node:crypto";
import { once } from "node:events";
import * as fs from "node:fs";
import * as net from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { test } from "uvu";
import * as assert from "uvu/assert";
import * as helper from "../helper.ts";

const { exchange, memory, needs, ownAddress, run, serve, temporaryFolder } =
  helper;
const folder = temporaryFolder();
const page = '<link rel="stylesheet" href="style.css"><img src="bytes">';
fs.writeFileSync(`${folder}/index.html`, page);
fs.writeFileSync(`${folder}/style.css`, "img { border: solid }");
fs.writeFileSync(
  `${folder}/bytes`,
  Uint8Array.from({ length: 1e6 }, (_, i) => i),
);
fs.writeFileSync(`${folder}/huge`, "");
fs.truncateSync(`${folder}/huge`, 1e9);

const server = await serve(`tcp/http-server.ts --folder ${folder}`);
const mirror = await serve("tcp/http-server.ts");
const { port, pid } = server;
const get = (path: string) => `GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`;
const connect = (allowHalfOpen = false) =>
  net.connect({ port, host: "127.0.0.1", allowHalfOpen }).on("error", () => {});

const python = `python3 -c "import sys, urllib.request as r
sys.stdout.buffer.write(r.urlopen('URL').read())"`;
const node = `node -e "fetch('URL').then((r) => r.bytes?.() ?? r.arrayBuffer())
.then((b) => process.stdout.write(new Uint8Array(b)))"`;
for (const command of ["curl -s URL", python, node])
  needs("curl", "python3")(`${command} gets a file`, async () => {
    const url = `http://127.0.0.1:${port}/bytes`;
    const line = `${command.replace("URL", url)} | cmp - ${folder}/bytes`;
    assert.is((await run(line)).status, 0);
  });

needs("chromium")("Chromium shows a page with style and picture", async () => {
  const flags = `headless no-sandbox disable-gpu disable-quic no-first-run
    disable-background-networking disable-component-update disable-sync dump-dom user-data-dir`;
  const options = `--${flags.split(/\s+/).join(" --")}=${temporaryFolder()}`;
  await run(`chromium ${options} http://127.0.0.1:${port}/?chromium`);
  const [, log = ""] = server.printed.stdout.split("/?chromium");
  assert.match(log, /^GET \/style.css HTTP\/1.1: 200 OK$/m);
  assert.match(log, /^GET \/bytes HTTP\/1.1: 200 OK$/m);
});

needs("wrk")("wrk gets 200 on each of 50 connections", async () => {
  const { stdout } = await run(`wrk -t1 -c50 -d2 http://127.0.0.1:${port}/`);
  assert.match(stdout, /^(?!.*(Non-2xx|Socket errors)).* requests in /s);
});

needs("ps")("a client that stops reading costs little (Linux)", async () => {
  const opened = async () =>
    (await run(`ls -l /proc/${pid}/fd`)).stdout.split("/huge").length - 1;
  const clients = Array.from({ length: 20 }, () => connect().pause());
  for (const [i, client] of clients.entries())
    client.write(i % 2 ? get("/huge") : get("/").repeat(1e5));
  const unread = net.connect(mirror.port, "127.0.0.1").pause();
  unread.on("error", () => {}); // it may be too slow with its first request
  unread.write(get(`/${"x".repeat(16_000)}`).repeat(2e4));
  for (const client of clients) await once(client, "readable");
  await sleep(3000); // what could fill the memory has time for it
  assert.is(await opened(), 10);
  assert.ok(memory(pid) < 500e6, `${memory(pid)} bytes`);
  assert.ok(memory(mirror.pid) < 250e6, `${memory(mirror.pid)} bytes`);
  for (const client of [...clients, unread]) client.destroy();
  while ((await opened()) > 0) await sleep(100);
});

test("rubbish and 2,000 clients at once do not stop the server", async () => {
  for (let i = 0; i < 100; i++)
    await exchange(port, randomBytes(300), "\r\n\r\n");
  const ask = () => exchange(port, get("/"));
  // The system itself resets those that find its queue full.
  await Promise.allSettled(Array.from({ length: 2000 }, ask));
  assert.ok((await ask()).endsWith(page));
});

test("small files do not wait for acknowledgements", async () => {
  const client = connect().setEncoding("latin1");
  const begin = performance.now();
  for (let i = 0; i < 200; i++) {
    client.write(get("/style.css"));
    let reply = "";
    while (!reply.endsWith("}")) reply += (await once(client, "data"))[0];
  }
  client.destroy();
  assert.ok(performance.now() - begin < 7000); // else each waits 40 ms
});

/** The reply to pieces, one each second, from a server that waits 10 seconds. */
async function wait(pieces: string[], client = connect()) {
  const begin = performance.now();
  let reply = "";
  client.on("data", (chunk) => void (reply += chunk));
  const timer = setInterval(() => client.write(pieces.shift() ?? ""), 1000);
  await new Promise((closed) => client.on("close", closed));
  clearInterval(timer);
  const seconds = (performance.now() - begin) / 1000;
  assert.ok(seconds > 9 && seconds < 60, `${seconds} s`);
  return reply;
}

test("the server waits 10 seconds for a head and for a FIN", async () => {
  connect().end("GET /gone"); // it ends in the middle
  const [silent, slow, refused] = await Promise.all([
    wait([]),
    wait([...get("/").trim()]),
    wait([`${get("x")}GET /gone`, ..."x".repeat(60)], connect(true)),
  ]);
  assert.is(silent, "");
  assert.match(slow, /^HTTP\/1\.1 408 [^]*\r\n\r\n408 Request Timeout\n$/);
  assert.match(refused, /^HTTP\/1\.1 400 /);
  assert.not.match(server.printed.stdout, "/gone");
});

test("the client waits 10 seconds for bytes, not for its reader", async () => {
  const ok = "HTTP/1.1 200 OK\r\n";
  const silent = ["", ok, `${ok}\r\nhello`].map(async (start) => {
    const port = await helper.listen((connection) => connection.write(start));
    const { stderr, status } = await run(`tcp/http-client.ts --port ${port}`);
    assert.match(stderr, /: nothing came for 10 seconds: try again\n$/);
    assert.is(status, 1);
  });
  const client = `${helper.node} tcp/http-client.ts --port ${port} /huge`;
  const limited = `sh -c 'ulimit -d 900000; ${client}'`; // less than the file
  const { stdout } = await run(`${limited} | (sleep 12; wc -c)`);
  assert.is(stdout.trim(), "1000000000");
  await Promise.all(silent);
});

const nginx = `daemon off; master_process off; pid FOLDER/pid; events {} http {
  access_log off; root FOLDER; server { listen ADDRESS:PORT;
  sub_filter_types *; sub_filter nothing-like-it x; } }
  error_log stderr notice;`; // the filter makes it send chunks
for (const command of [
  "python3 -um http.server PORT --bind ADDRESS --directory FOLDER",
  "/usr/sbin/nginx -e stderr -c FOLDER/nginx.conf",
])
  needs(command.split(" ")[0]!)(`the client asks ${command}`, async () => {
    const free = net.createServer().listen(0, ownAddress);
    await once(free, "listening");
    const { port } = free.address() as net.AddressInfo;
    await once(free.close(), "close");
    const fill = (text: string) =>
      text
        .replaceAll("ADDRESS", ownAddress)
        .replaceAll("PORT", `${port}`)
        .replaceAll("FOLDER", folder);
    fs.writeFileSync(`${folder}/nginx.conf`, fill(nginx));
    const peer = helper.start(fill(command));
    await peer.line(/^Serving HTTP|event method$/m);
    const client = `tcp/http-client.ts http://${ownAddress}:${port}/bytes`;
    assert.is((await run(`${client} | cmp - ${folder}/bytes`)).stdout, "");
    await peer.stop("SIGTERM");
  });

test.after(server.stop);
test.run();
