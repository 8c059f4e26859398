/**
 * Runs every test file, each in a process of its own. Those that take minutes
 * are run apart.
 *
 *     npm test
 *     npm test udp
 *     npm run test:long
 *
 * uvu alone is too kind: a file whose checks never ran, or whose process hangs
 * behind them, would pass. Here a file passes if it ends by itself, with 0, and
 * its summary says that it has checks and that all have passed.
 */
import { readdirSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { root, run } from "../scripts/processes.ts";
import { node } from "./harness.ts";

const long = process.argv.includes("--long");
const names = process.argv.slice(2).filter((word) => word !== "--long");
const ending = long ? ".long.ts" : ".test.ts";
const all = readdirSync(join(root, "test"))
  .filter((name) => name.endsWith(ending))
  .map((name) => `test/${name}`);
// The longest come first, so that nothing is waited for alone in the end.
const longest =
  /transcripts|copy|demo|tcp|reliable|runtimes|smtp.long|relay.long/;
const files = all
  .sort()
  .reverse()
  .filter((file) => !names.length || names.some((name) => file.includes(name)))
  .sort((a, b) => Number(longest.test(b)) - Number(longest.test(a)));
const limit = long ? 1_200_000 : 600_000;
let passed = 0;
let failed = 0;
let skipped = 0;
const red: string[] = [];

async function test(file: string) {
  const begin = performance.now();
  let output = "";
  let good = false;
  try {
    const { stdout, stderr, exitCode } = await run(
      `${node} ${file}`,
      "",
      limit,
    );
    output = stdout + stderr;
    const count = (what: string) =>
      Number(RegExp(`^  ${what}: +(\\d+)$`, "m").exec(stdout)?.[1] ?? NaN);
    const total = count("Total");
    good = exitCode === 0 && total > 0 && count("Passed") === total;
    passed += count("Passed") || 0;
    skipped += count("Skipped") || 0;
    if (!good) failed += total - count("Passed") || 1;
  } catch (error) {
    output = (error as Error).message;
    failed++;
  }
  const seconds = ((performance.now() - begin) / 1000).toFixed(1);
  console.log(`${good ? "passed" : "FAILED"} ${file}, ${seconds} s`);
  for (const line of output.match(/^skipped for .*$/gm) ?? [])
    console.log(`  ${line}`);
  if (!good) red.push(`\n${file}\n${output}`);
}

// They wait a lot, so more of them than there are cores keep those busy.
const queue = files.values();
const worker = async () => {
  for (const file of queue) await test(file);
};
await Promise.all(Array.from({ length: 2 * availableParallelism() }, worker));

// What differs stands at the end, where one looks.
for (const output of red) console.log(output);
console.log(`${passed} passed, ${failed} failed, ${skipped} skipped`);
// Where everything is installed, nothing is skipped unnoticed.
if (failed || !passed || (process.env.CI && skipped)) process.exitCode = 1;
