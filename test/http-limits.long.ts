import { once } from "node:events";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { run } from "../scripts/processes.ts";
import { check, connect, listen, node, serve } from "./harness.ts";

const { port } = await serve("tcp/http-server.ts");
const clientFile = "tcp/http-client.ts";
const fetch = (words: string) => run(`${node} ${clientFile} ${words}`);
const ok = "HTTP/1.1 200 OK\n";
const reply = (field: string) => `HTTP/1.1 200 OK\r\n${field}\r\n\r\n`;
const request = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";

/** Writes to a connection, and gives what came until its end, and the seconds. */
async function wait(pieces: Iterable<string>) {
  const connection = await connect(port);
  const begin = performance.now();
  const received = connection.toArray();
  const rest = pieces[Symbol.iterator]();
  const write = () => connection.write(rest.next().value ?? "");
  write();
  const timer = setInterval(write, 1_000);
  connection.once("end", () => clearInterval(timer));
  const text = Buffer.concat(await received).toString();
  clearInterval(timer);
  return { text, seconds: (performance.now() - begin) / 1000 };
}

check("tcp/http-server.ts lets a head, or silence, take 10 s", async () => {
  const [silent, cut, trickle, idle] = await Promise.all([
    wait([]),
    wait(["GET / HTTP/1.1\r\n"]),
    wait(request),
    wait([request]),
  ]);
  for (const { text, seconds } of [silent, cut, trickle]) {
    assert.match(text, /^HTTP\/1\.1 408 /);
    assert.ok(seconds > 9.5 && seconds < 30, `${seconds} s`);
  }
  assert.match(idle.text, /^HTTP\/1\.1 200 OK\r\n/);
  assert.not.match(idle.text, "408");
  assert.ok(idle.seconds > 9.5 && idle.seconds < 30, `${idle.seconds} s`);
});

check("tcp/http-server.ts waits for a slow client up to 10 s", async () => {
  const connection = await connect(port);
  for (let i = 0; i < 4; i++) {
    connection.write(request);
    await once(connection, "data");
    await new Promise((over) => setTimeout(over, 7_000));
  }
  connection.write(request);
  assert.match(`${(await once(connection, "data"))[0]}`, /^HTTP\/1\.1 200 /);
});

check(`${clientFile} gives up after 10 s of silence`, async () => {
  const starts = ["", "HTTP/1.1 200", `${reply("Content-Length: 5")}hel`];
  await Promise.all(
    starts.map(async (start) => {
      const port = await listen((connection) => connection.write(start));
      const { stderr, exitCode } = await fetch(`--port ${port}`);
      assert.match(
        stderr,
        RegExp(`^(${ok})?no reply from 127.0.0.1:${port} within 10 s: .*\n$`),
      );
      assert.is(exitCode, 1);
    }),
  );
});

check(`${clientFile} waits for whoever reads slowly`, async () => {
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
