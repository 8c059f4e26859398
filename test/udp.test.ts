import { randomBytes } from "node:crypto";
import { createSocket } from "node:dgram";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { run } from "../scripts/processes.ts";
import { ask, check, node, pairs, serve, texts, udp } from "./harness.ts";

const uppercase = await serve("udp/server.ts");
const echo = await serve("udp/echo-server.ts");

for (const { server: file, client: clientFile, answer } of pairs.udp) {
  const server = file === "udp/server.ts" ? uppercase : echo;

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

  check(`${file} leaves a copy unanswered now and then`, async () => {
    const client = await udp(server.port);
    let copies = 0;
    const again = () => client.send("again", () => copies++);
    client.on("message", again);
    again();
    const { port } = client.address();
    await server.line(RegExp(`^no reply to 127.0.0.1:${port}$`));
    // Not 4,096 where other datagrams have counted for the same slot.
    assert.ok(copies > 1_000 && copies <= 4_096, `${copies} copies`);
    assert.is(`${await ask(client, "ß")}`, answer("ß"));
  });

  if (answer("ΐ") !== "ΐ")
    check(`${file} outlives a reply that is too large`, async () => {
      const client = await udp(server.port);
      client.send("ΐ".repeat(32_000)); // three times as long in capitals
      const { port } = client.address();
      await server.line(RegExp(`EMSGSIZE 127.0.0.1:${port}$`));
      assert.is(`${await ask(client, "ß")}`, answer("ß"));
    });

  check(
    `${file} outlives datagrams that seem its own, or of no port`,
    async () => {
      await run(`python3 test/loop.py ${server.port} ${server.port}`);
      await run(`python3 test/loop.py 0 ${server.port}`);
      await server.line(/^no reply to 127.0.0.1:0$/);
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
    let held = async () => {};
    fake.on("message", async (message, { port }) => {
      const send = (text: string, from = fake) =>
        new Promise<void>((sent) => from.send(text, port, () => sent()));
      if (`${message}` === "lost") return;
      if (`${message}` === "late") held = () => send("late");
      else {
        await held();
        await send("forged", stranger);
        await send(`${message}`);
        await send("once more");
      }
    });
    const { port } = fake.address();
    const { stdout, stderr, exitCode } = await run(
      `${node} ${clientFile} --port ${port}`,
      "one\nlost\nlate\ntwo\n\x1b[31m\tred\x07\x7f\u009b\n" +
        `${"a".repeat(65_508)}\nand no more\n`,
    );
    assert.is(stdout, "one\ntwo\n[31m\tred\n");
    const noReply = `no reply from 127.0.0.1:${port} within 2 s: .+\n`;
    const tooLong = `the line is too long .+\n`;
    assert.match(stderr, RegExp(`^${noReply}${noReply}${tooLong}$`));
    assert.is(exitCode, 1);
  });
}

for (const [name, one, other] of [
  ["two uppercase servers", uppercase, await serve("udp/server.ts")],
  ["two echo servers", echo, await serve("udp/echo-server.ts")],
  ["an uppercase and an echo server", uppercase, echo],
] as const)
  check(
    `a forged datagram sets ${name} on each other, but not for ever`,
    async () => {
      const result = await run(
        `python3 test/loop.py ${one.port} ${other.port}`,
      );
      assert.is(result.stderr, "");
      const datagrams = Number(result.stdout);
      assert.ok(datagrams > 2, `they sent ${datagrams} datagrams`);
      for (const { port } of [one, other])
        assert.is(`${await ask(await udp(port), "HELLO")}`, "HELLO");
    },
    "python3",
    "root",
  );

test.run();
