import { readdirSync } from "node:fs";
import { connect } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import * as assert from "uvu/assert";
import { test } from "uvu";
import { listen, needs, serve } from "../helper.ts";

const echo = await listen((connection) => {
  connection.on("error", () => {}).pipe(connection);
});
const plain = await serve(`tcp/relay.ts --to 127.0.0.1:${echo}`);
const lonely = await serve("tcp/relay.ts --to 127.0.0.1:1");
const to = `--to 127.0.0.1:${echo}`;
const resetting = await serve(`tcp/relay.ts ${to} --reset 12 --chunk 5`);
const hanging = await serve(`tcp/relay.ts ${to} --hang 3`);

for (const [name, { pid, port }, ends] of [
  ["end", plain, "FIN"],
  ["reset", plain, "RST"],
  ["end, then reset", plain, "FIN, RST"],
  ["end, and are reset", resetting, "FIN"],
  ["find no server", lonely, "FIN"],
  ["give up after a hang", hanging, "FIN"],
] as const)
  needs("linux")(
    `100 clients that ${name} leave no descriptor open`,
    async () => {
      const count = () => readdirSync(`/proc/${pid}/fd`).length;
      const before = count();
      for (let i = 0; i < 100; i++) {
        const client = connect(port, "127.0.0.1").on("error", () => {});
        client.resume().write("hello world");
        client.once(ends === "RST" ? "data" : "connect", async () => {
          if (ends.includes("FIN")) client.end();
          if (ends === "FIN, RST") await sleep(10);
          if (ends.includes("RST")) client.resetAndDestroy();
        });
      }
      for (let i = 0; i < 100 && (!i || count() > before); i++)
        await sleep(500);
      assert.is(count(), before);
    },
  );

test.after(async () => {
  const all = [plain, lonely, resetting, hanging];
  await Promise.all(all.map(({ stop }) => stop()));
});
test.run();
