import { once } from "node:events";
import * as net from "node:net";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { run } from "../scripts/processes.ts";
import { check, connect, listen, node, serve } from "./harness.ts";
import { clientFile, get, ok, reply, serverFile } from "./http.ts";

const { port } = await serve(serverFile);
const ask = (words: string) => run(`${node} ${clientFile} ${words}`);

/**
 * Writes a piece each second, and waits for the server's end.
 *
 * @param pieces what to write
 * @returns what came, and the seconds that it took
 */
async function wait(...pieces: string[]) {
  const connection = await connect(port);
  const begin = performance.now();
  const received = connection.toArray();
  const write = () => connection.write(pieces.shift() ?? "");
  write();
  const timer = setInterval(write, 1_000);
  connection.once("end", () => clearInterval(timer));
  const text = Buffer.concat(await received).toString();
  return { text, seconds: (performance.now() - begin) / 1000 };
}

check(`${serverFile} waits 10 s, and no longer`, async () => {
  const refused = [wait("GET / HTTP/1.1\r\n"), wait(...get("/"))];
  const head = wait("HEAD / HTTP/1.1\r\nHo");
  const silent = [wait(), wait(...Array<string>(60).fill("\r\n"))];
  const idle = wait(get("/"));
  const all = [...refused, ...silent, head, idle];
  for (const { seconds } of await Promise.all(all))
    assert.ok(seconds > 9.5 && seconds < 30, `${seconds} s`);
  for (const { text } of await Promise.all(refused))
    assert.match(text, /^HTTP\/1\.1 408 .*\r\n\r\n408 Request Timeout\n$/s);
  assert.match((await head).text, /^HTTP\/1\.1 408 .*\r\n\r\n$/s);
  for (const { text } of await Promise.all(silent)) assert.is(text, "");
  assert.match((await idle).text, /^HTTP\/1\.1 200 [^]*\r\n\r\n$/);
  assert.not.match((await idle).text, "408");
});

check(`${serverFile} drops who goes on behind a refusal`, async () => {
  const begin = performance.now();
  // Its own half stays open, whatever the server does.
  const connection = net.connect({ port, allowHalfOpen: true });
  connection.write(get("/").replace("GET", "POST"));
  connection.resume();
  const drip = setInterval(() => connection.write("x"), 500);
  await once(connection, "error"); // it is cut off
  clearInterval(drip);
  const seconds = (performance.now() - begin) / 1000;
  assert.ok(seconds > 9.5 && seconds < 30, `${seconds} s`);
});

check(`${serverFile} waits for a slow client up to 10 s`, async () => {
  const connection = await connect(port);
  for (let i = 0; i < 4; i++) {
    connection.write(get("/"));
    await once(connection, "data");
    await new Promise((over) => setTimeout(over, 7_000));
  }
  // A head has its own 10 s, from its first byte on.
  connection.write(get("/").slice(0, 5));
  await new Promise((over) => setTimeout(over, 7_000));
  connection.write(get("/").slice(5));
  assert.match(`${(await once(connection, "data"))[0]}`, /^HTTP\/1\.1 200 /);
});

check(`${clientFile} gives up after 10 s of silence`, async () => {
  const starts = ["", "HTTP/1.1 200", `${reply("Content-Length: 5")}hel`];
  await Promise.all(
    starts.map(async (start) => {
      const port = await listen((connection) => connection.write(start));
      const { stderr, exitCode } = await ask(`--port ${port}`);
      assert.match(
        stderr,
        RegExp(`^(${ok})?no reply from 127.0.0.1:${port} within 10 s: .*\n$`),
      );
      assert.is(exitCode, 1);
    }),
  );
});

check(`${clientFile} waits for who reads slowly`, async () => {
  let sent = 0;
  const piece = Buffer.alloc(1e6, "x");
  const port = await listen(async (connection) => {
    connection.on("error", () => {});
    connection.write(reply("Content-Length: 100000000"));
    for (; sent < 100e6 && !connection.destroyed; sent += piece.length)
      await new Promise((written) => connection.write(piece, written));
    connection.end();
  });
  // Longer than the client waits for a server, and then all of it.
  const { stdout, stderr } = await run(
    `/usr/bin/env bash -c '${node} ${clientFile} --port ${port} | (sleep 11; wc -c)'`,
  );
  assert.is(stdout.trim(), "100000000");
  assert.is(stderr, ok);
});

test.run();
