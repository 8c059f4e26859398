import { chmodSync, symlinkSync, writeFileSync } from "node:fs";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { needs, node, run, temporaryFolder } from "../helper.ts";

// This Node and the system's programs, without the other runtimes.
const folder = temporaryFolder();
symlinkSync(process.execPath, `${folder}/node`);
const path = `PATH=${folder}:/usr/bin:/bin`;
const bench = `env ${path} ${node} scripts/bench.ts --rounds 1 --seconds 0.3`;

/** The figures of each row, without the ratios below it. */
function figuresOf(table: string) {
  const rows = table.matchAll(/^(\S.*?) {2,}([\d.* ]+)$/gm);
  return Array.from(rows, ([, title, figures = ""]) => {
    return { title, figures: figures.split(/\*? +/).map(parseFloat) };
  });
}

needs("python3", "ps")("measures each figure, also of Python", async () => {
  const { status, stdout, stderr } = await run(bench);
  assert.is(status, 0, stderr);
  const rows = figuresOf(stdout);
  assert.is(rows.length, 6, stdout);
  for (const { figures } of rows) assert.ok(Math.max(...figures) > 0, stdout);
  assert.is(stdout.match(/^  to Python's .* 1.00$/gm)?.length, 6, stdout);
});

test("a wrong byte that comes back ends it with 1", async () => {
  const program = `#!/bin/sh\nexec ${node} udp/server.ts --port 0\n`;
  writeFileSync(`${folder}/bun`, program); // measured as Bun with an echo server
  chmodSync(`${folder}/bun`, 0o755);
  const { status, stderr } = await run(bench);
  assert.match(stderr, /^round 1 of 1: bun\na wrong byte came back$/m);
  assert.is(status, 1);
});

test.run();
