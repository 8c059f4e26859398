import { randomBytes } from "node:crypto";
import { connect, type Socket } from "node:net";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { memory, serve, udp } from "../helper.ts";

const udpServers =
  "server echo-server reliable-server chat-server dns-server relay file-server";
const tcpServers =
  "server echo-server chat-server http-server smtp-server relay";

for (const name of udpServers.split(" "))
  test(`udp/${name}.ts outlives 5,000 random datagrams`, async () => {
    const server = await serve(`udp/${name}.ts`);
    const before = memory(server.pid);
    for (let i = 0; i < 50; i++) {
      const client = await udp(server.port);
      for (let j = 0; j < 100; j++) {
        const bytes = randomBytes(j % 50 === 0 ? 65_507 : j * 5);
        await new Promise((sent) => client.send(bytes, sent));
      }
      client.close();
    }
    assert.ok(memory(server.pid) - before < 150e6);
    await server.stop();
  });

/** What a hostile client does with its connection. */
const attacks: Record<string, (client: Socket) => unknown> = {
  "that send nothing": (client) => client.end(),
  "that send random bytes": (client) => client.end(randomBytes(100_000)),
  "that send an endless line": (client) => client.end("a".repeat(1_000_000)),
  "that send byte by byte and reset": async (client) => {
    for (const byte of randomBytes(20))
      await new Promise((sent) => client.write(Buffer.of(byte), sent));
    client.resetAndDestroy();
  },
  "that never read": (client) => {
    client.pause().write("a\n".repeat(200_000));
    setTimeout(() => client.destroy(), 1000);
  },
};

for (const name of tcpServers.split(" "))
  test(`tcp/${name}.ts outlives 2,000 hostile clients`, async () => {
    const server = await serve(`tcp/${name}.ts`);
    const before = memory(server.pid);
    for (const attack of Object.values(attacks))
      for (let round = 0; round < 4; round++)
        await Promise.all(
          Array.from({ length: 100 }, async () => {
            const client = connect(server.port, "127.0.0.1");
            client.on("error", () => {}).resume();
            client.on("connect", () => attack(client));
            await new Promise((closed) => client.on("close", closed));
          }),
        );
    assert.ok(memory(server.pid) - before < 300e6);
    await server.stop();
  });

test.run();
