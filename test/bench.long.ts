import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { run } from "../scripts/processes.ts";
import { check, temporaryFolder } from "./harness.ts";

const bench = "tsx scripts/bench.ts --quick";

check("npm run bench measures an echo server, and writes it down", async () => {
  const json = join(temporaryFolder(), "figures.json");
  const result = await run(`${bench} --only tcp/echo --json ${json}`);
  assert.is(result.stderr, "");
  assert.is(result.exitCode, 0);
  assert.match(result.stdout, /^tcp\/echo-server.ts: 50 connections, .*\/s/m);
  assert.match(result.stdout, /^ {2}tsx +[\d,.]+/m);
  assert.not.match(result.stdout, /.{81}/);

  const { told } = JSON.parse(await readFile(json, "utf8"));
  assert.is(Object.keys(told).length, 7);
  for (const [title, rows] of Object.entries<object>(told)) {
    assert.is(Object.keys(rows)[0], "tsx");
    for (const rounds of Object.values(rows)) {
      assert.is(rounds.length, 2);
      const unit = title.split(", ").at(-1)!;
      for (const values of rounds) assert.ok(values[unit] > 0, title);
    }
  }
});

// Servers that spoil what they send: how, and what is said of it.
const spoilt = {
  "chunk[7] ^= 1;": "a wrong byte came back",
  "chunk = chunk.subarray(1);": "a wrong byte came back",
  "chunk = Buffer.concat([chunk, chunk]);": "a wrong byte came back",
};
for (const [spoil, message] of Object.entries(spoilt))
  check(`npm run bench fails after ${spoil}`, async () => {
    const file = join(temporaryFolder(), "flip.mjs");
    await writeFile(
      file,
      `import { createServer } from "node:net";
      let chunks = 0;
      const server = createServer((connection) => {
        connection.on("error", () => {});
        connection.on("data", (chunk) => {
          chunks++;
          if (chunks === 100) ${spoil}
          connection.write(chunk);
        });
      });
      server.listen(0, "127.0.0.1", () => {
        console.log("ready on 127.0.0.1:" + server.address().port);
      });`,
    );
    const figure = "tcp/echo-server.ts: 50 connections, replies/s";
    const result = await run(
      `${bench} --only "${figure}" --with "node ${file}"`,
    );
    assert.is(result.stderr, `FAILED: ${figure}, node ${file}: ${message}\n`);
    assert.is(result.exitCode, 1);
    assert.match(result.stdout, /^ {2}tsx +[\d,.]+/m);
  });

check("npm run bench tells a mistake in a line", async () => {
  for (const words of ["--fast", "--only quic", "fast"]) {
    const result = await run(`${bench} ${words}`);
    assert.is(result.stdout, "");
    assert.match(result.stderr, /^.*(fast|quic).*\n$/);
    assert.is(result.exitCode, 2);
  }
});

test.run();
