import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { run } from "../scripts/processes.ts";
import {
  check,
  connect,
  exchange,
  listen,
  memory,
  node,
  pairs,
  serve,
  texts,
} from "./harness.ts";

for (const { server: file, client: clientFile, answer } of pairs.tcp) {
  const server = await serve(file);

  check(`${file} answers every text`, async () => {
    for (const text of texts)
      assert.is(`${await exchange(server.port, [text])}`, answer(text));
  });

  check(`${file} answers while the client has not ended its half`, async () => {
    const client = await connect(server.port);
    for (const text of ["hello", "again"]) {
      client.write(text);
      assert.is(`${(await once(client, "data"))[0]}`, answer(text));
    }
  });

  check(`${file} puts together what comes byte by byte`, async () => {
    const text = "naïve ΐ 😀 ß, and so on ".repeat(20);
    const bytes = Array.from(Buffer.from(text), (byte) => Buffer.of(byte));
    assert.is(`${await exchange(server.port, bytes)}`, answer(text));
  });

  check(`${file} answers a sentence of 1 MB`, async () => {
    const text = "naïve ΐ 😀 ß, and so on ".repeat(40_000);
    assert.ok(Buffer.byteLength(text) > 1e6);
    assert.is(`${await exchange(server.port, [text])}`, answer(text));
  });

  check(`${file} answers 300 clients at once`, async () => {
    const clients = await Promise.all(
      Array.from({ length: 300 }, () => connect(server.port)),
    );
    await Promise.all(
      clients.map(async (client, i) => {
        client.end(`client ${i}`);
        const reply = Buffer.concat(await client.toArray());
        assert.is(`${reply}`, answer(`client ${i}`));
      }),
    );
  });

  check(
    `${file} keeps 40 MB for a sleeping reader off its memory`,
    async () => {
      const piece = "0123456789abcdef".repeat(4_096);
      const before = memory(server);
      const client = await connect(server.port);
      let written = 0;
      const writing = async () => {
        while (written < 40e6) {
          await new Promise((done) => client.write(piece, done));
          written += piece.length;
        }
        client.end();
      };
      const all = writing();
      // Once nothing moves any more, every buffer on the way is full.
      for (let last = -1; last !== written;) {
        last = written;
        await sleep(500);
      }
      assert.ok(written < 40e6, `${written} bytes have found room on the way`);
      const grown = memory(server) - before;
      assert.ok(grown < 20e6, `the server has grown by ${grown} bytes`);
      assert.is(`${await exchange(server.port, ["hello"])}`, answer("hello"));

      const chunks = await client.setEncoding("utf8").toArray();
      await all;
      const text = piece.repeat(written / piece.length);
      assert.ok(chunks.join("") === answer(text));
    },
  );

  check(`${file} outlives resets, and tells them`, async () => {
    for (let i = 0; i < 50; i++) {
      const client = await connect(server.port);
      client.write("hello");
      await once(client, "data");
      client.resetAndDestroy();
    }
    await server.line(/^a client: read ECONNRESET$/);
    assert.is(`${await exchange(server.port, ["hello"])}`, answer("hello"));
  });

  check(`${file} outlives clients that do not wait for the reply`, async () => {
    for (let i = 0; i < 50; i++) {
      const client = await connect(server.port);
      await new Promise((written) => client.write("x".repeat(1e5), written));
      client.destroy();
    }
    assert.is(`${await exchange(server.port, ["hello"])}`, answer("hello"));
  });

  check(`${file} outlives random bytes`, async () => {
    const bytes = randomBytes(1e6);
    const reply = await exchange(server.port, [bytes]);
    if (file.includes("echo")) assert.ok(reply.equals(bytes));
    else assert.ok(`${reply}` === answer(bytes.toString()));
  });

  check(
    `${file} has the system look for clients that have vanished`,
    async () => {
      const client = await connect(server.port);
      const { stdout } = await run(
        `ss -tnoH sport = :${server.port} and dport = :${client.localPort}`,
      );
      assert.match(stdout, /timer:\(keepalive,\d+/);
    },
    "ss",
  );

  check(`${clientFile} prints each reply on its line`, async () => {
    const megabyte = "naïve ΐ 😀 ß, and so on ".repeat(40_000);
    const lines = [...texts, megabyte, "last"];
    const result = await run(
      `${node} ${clientFile} --port ${server.port}`,
      lines.join("\n"),
    );
    const replies = lines.map((line) => `${answer(line)}\n`).join("");
    assert.ok(result.stdout === replies, result.stdout.slice(0, 100));
    assert.is(result.stderr, "");
    assert.is(result.exitCode, 0);
  });

  check(`${clientFile} says that the server cut the connection`, async () => {
    const port = await listen((connection) =>
      connection.once("data", () => connection.resetAndDestroy()),
    );
    const result = await run(`${node} ${clientFile} --port ${port}`, "hello\n");
    assert.is(result.stdout, "");
    assert.match(result.stderr, /^127.0.0.1:\d+ cut the connection .*\n$/);
    assert.is(result.exitCode, 1);
  });

  check(
    `${clientFile} prints no part of a reply that is cut`,
    async () => {
      const port = await listen(async (connection) => {
        connection.resume().write("hel");
        // Node 20 and 22 take a reset for an end while bytes are unread.
        const unread = `ss -tnH sport = :${connection.remotePort}`;
        while (!/^\S+ +0 /.test((await run(unread)).stdout));
        connection.resetAndDestroy();
      });
      const result = await run(
        `${node} ${clientFile} --port ${port}`,
        "hello\n",
      );
      assert.is(result.stdout, "");
      assert.match(result.stderr, /^127.0.0.1:\d+ cut the connection .*\n$/);
      assert.is(result.exitCode, 1);
    },
    "ss",
  );

  check(`${clientFile} says so if nobody waits for all of it`, async () => {
    const port = await listen((connection) => connection.destroy());
    const result = await run(
      `${node} ${clientFile} --port ${port}`,
      "x".repeat(10_000_000),
    );
    assert.is(result.stdout, "");
    assert.match(result.stderr, /^127.0.0.1:\d+ cut the connection .*\n$/);
    assert.is(result.exitCode, 1);
  });

  check(`${clientFile} opens a connection for each line`, async () => {
    // Each line goes back byte by byte, when its connection's half has ended.
    const port = await listen(async (connection) => {
      const chunks: Buffer[] = [];
      connection.on("data", (chunk) => chunks.push(chunk));
      await once(connection, "end");
      for (const byte of Buffer.concat([Buffer.from("got "), ...chunks]))
        await new Promise((done) => connection.write(Buffer.of(byte), done));
      connection.end();
    });
    const result = await run(
      `${node} ${clientFile} --port ${port}`,
      "naïve ΐ 😀 ß\n\n\ufefflast\n",
    );
    assert.is(result.text(), "got naïve ΐ 😀 ß\ngot \ngot \ufefflast\n");
  });
}

check("a TCP client gives up after 10 s, even if bytes drip in", async () => {
  const port = await listen((connection) => {
    connection.resume();
    const drip = setInterval(() => connection.write("x"), 1000);
    connection.on("close", () => clearInterval(drip));
    connection.on("error", () => {}); // the client gives up
  });
  await Promise.all(
    pairs.tcp.map(async ({ client }) => {
      const result = await run(
        `${node} ${client} --port ${port}`,
        "hello\nagain\n",
      );
      assert.is(result.stdout, "");
      assert.is(
        result.stderr,
        `no reply from 127.0.0.1:${port} in time: try again\n`,
      );
      assert.is(result.exitCode, 1);
    }),
  );
});

test.run();
