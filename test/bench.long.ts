import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { run } from "../scripts/processes.ts";
import { check, node, temporaryFolder } from "./harness.ts";

const bench = `${node} scripts/bench.ts --quick`;

check("npm run bench measures an echo server, and writes it down", async () => {
  const path = temporaryFolder();
  const json = join(path, "figures.json");
  const result = await run(`${bench} --only tcp/echo --json ${json}`);
  assert.is(result.stderr, "");
  assert.is(result.exitCode, 0);
  assert.match(result.stdout, /^tcp\/echo-server.ts: 50 connections, .*\/s/m);
  assert.match(result.stdout, /^ {2}tsx +[\d,.]+/m);
  assert.not.match(result.stdout, /.{81}/);

  const { measured, failures } = JSON.parse(await readFile(json, "utf8"));
  assert.equal(failures, []);
  assert.is(measured.length, 7);
  for (const { title, unit, rows } of measured) {
    assert.ok(unit, title);
    assert.is(rows[0].name, "tsx");
    for (const { name, median } of rows)
      assert.ok(median > 0, `${title}, ${name}`);
  }
});

check("npm run bench fails for one wrong byte", async () => {
  const path = temporaryFolder();
  const file = join(path, "flip.mjs");
  await writeFile(
    file,
    `import { createServer } from "node:net";
      let chunks = 0;
      const server = createServer((connection) => {
        connection.on("error", () => {});
        connection.on("data", (chunk) => {
          if (++chunks === 100) chunk[7] ^= 1;
          connection.write(chunk);
        });
      });
      server.listen(0, "127.0.0.1", () => {
        console.log("ready on 127.0.0.1:" + server.address().port);
      });`,
  );
  const result = await run(
    `${bench} --only "tcp/echo-server.ts: 50" --with "node ${file}"`,
  );
  assert.is(
    result.stderr,
    `FAILED: tcp/echo-server.ts: 50 connections, node ${file}: a wrong byte came back\n`,
  );
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
