import { randomBytes } from "node:crypto";
import { createSocket } from "node:dgram";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { run } from "../scripts/processes.ts";
import { ask, check, node, pairs, serve, texts, udp } from "./harness.ts";

for (const { server: file, client: clientFile, answer } of pairs.udp) {
  const server = await serve(file);

  check(`${file} answers every text`, async () => {
    const client = await udp(server.port);
    for (const text of [...texts, "a".repeat(65_507)])
      assert.is(`${await ask(client, text)}`, answer(text));
  });

  check(`${file} answers 300 clients, each its own`, async () => {
    const clients = await Promise.all(
      Array.from({ length: 300 }, () => udp(server.port)),
    );
    // As many at a time as its receive buffer is sure to hold.
    for (let first = 0; first < clients.length; first += 50)
      await Promise.all(
        clients.slice(first, first + 50).map(async (client, i) => {
          const text = `client ${first + i}`;
          assert.is(`${await ask(client, text)}`, answer(text));
        }),
      );
  });

  check(`${file} answers 5,000 random datagrams`, async () => {
    const client = await udp(server.port);
    for (let i = 0; i < 5_000; i++) {
      const bytes = randomBytes(i % 1_473);
      const reply = await ask(client, bytes);
      if (file.includes("echo")) assert.ok(reply.equals(bytes));
      else assert.is(`${reply}`, answer(`${bytes}`));
    }
  });

  check(`${file} outlives clients that are gone`, async () => {
    for (let i = 0; i < 100; i++) {
      const client = createSocket("udp4");
      await new Promise((sent) =>
        client.send("and away", server.port, "127.0.0.1", sent),
      );
      client.close();
    }
    assert.is(`${await ask(await udp(server.port), "ß")}`, answer("ß"));
  });

  check(`${file} answers 1,000 equal datagrams, each of them`, async () => {
    const client = await udp(server.port);
    for (let i = 0; i < 1_000; i++)
      assert.is(`${await ask(client, "ping")}`, answer("ping"));
  });

  if (answer("ΐ") !== "ΐ")
    check(`${file} outlives a reply that is too large`, async () => {
      const client = await udp(server.port);
      client.send("ΐ".repeat(32_000)); // three times as long in capitals
      const { port } = client.address();
      await server.line(
        RegExp(`^no reply to 127.0.0.1: send EMSGSIZE 127.0.0.1:${port}$`),
      );
      assert.is(`${await ask(client, "ß")}`, answer("ß"));
    });

  check(
    `${file} sends no reply to a port below 1024, or to its own for ever`,
    async () => {
      for (const port of [0, 7, 19, 1023]) {
        const { stdout } = await run(
          `python3 test/forge.py ${port} ${server.port}`,
        );
        assert.is(stdout, "0 replies\n", `port ${port}`);
      }
      const { stdout } = await run(`python3 test/forge.py 1024 ${server.port}`);
      assert.is(stdout, "1 replies\n");
      assert.is(`${await ask(await udp(server.port), "ß")}`, answer("ß"));
    },
    "python3",
    "root",
  );

  check(`${clientFile} prints each reply on its line`, async () => {
    const lines = [...texts, "a".repeat(65_507), "last"];
    const result = await run(
      `${node} ${clientFile} --port ${server.port}`,
      lines.join("\n"),
    );
    assert.is(result.stdout, lines.map((line) => `${answer(line)}\n`).join(""));
    assert.is(result.stderr, "");
    assert.is(result.exitCode, 0);
  });

  check(`${clientFile} prints the reply to each line, no other`, async () => {
    const fake = await udp();
    const stranger = await udp();
    let late = async () => {};
    fake.on("message", async (message, { port }) => {
      const send = (text: string, from = fake) =>
        new Promise<void>((sent) => from.send(text, port, () => sent()));
      await late();
      await send("forged", stranger);
      await send(`${message}`);
      await send("once more");
      late = () => send("late");
    });
    const { stdout, stderr, exitCode } = await run(
      `${node} ${clientFile} --port ${fake.address().port}`,
      `one\ntwo\n${"a".repeat(65_508)}\nand no more\n`,
    );
    assert.is(stdout, "one\ntwo\n");
    assert.match(stderr, /^too long for one datagram to 127.0.0.1:\d+: .+\n$/);
    assert.is(exitCode, 1);
  });

  check(`${clientFile} ends at the first line without a reply`, async () => {
    const fake = await udp();
    const heard: string[] = [];
    fake.on("message", (message, { port }) => {
      heard.push(`${message}`);
      if (`${message}` === "one") fake.send("ONE", port);
    });
    const { port } = fake.address();
    const { stdout, stderr, exitCode } = await run(
      `${node} ${clientFile} --port ${port}`,
      "one\nlost\ntwo\n",
    );
    assert.is(stdout, "ONE\n");
    assert.is(stderr, `no reply from 127.0.0.1:${port} in time: try again\n`);
    assert.is(exitCode, 1);
    assert.equal(heard, ["one", "lost"]);
  });
}

test.run();
