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
import { availableParallelism } from "node:os";
import { globby } from "zx";
import { root, run } from "../scripts/processes.ts";
import { node } from "./harness.ts";

const long = process.argv.includes("--long");
const names = process.argv.slice(2).filter((word) => word !== "--long");
const all = await globby(`test/*.${long ? "long" : "test"}.ts`, { cwd: root });
const files = all
  .sort()
  .reverse() // the longest ones, as it happens, come first then
  .filter((file) => !names.length || names.some((name) => file.includes(name)));
const limit = long ? 1_200_000 : 600_000;
let passed = 0;
let failed = 0;
let skipped = 0;

async function test(file: string) {
  try {
    const { stdout, stderr, exitCode } = await run(
      `${node} ${file}`,
      "",
      limit,
    );
    const count = (what: string) =>
      Number(RegExp(`^  ${what}: +(\\d+)$`, "m").exec(stdout)?.[1] ?? NaN);
    const good =
      exitCode === 0 &&
      count("Total") > 0 &&
      count("Passed") === count("Total");
    console.log(`${file} ${good ? "passed" : "FAILED"}\n${stdout}${stderr}`);
    passed += count("Passed") || 0;
    skipped += count("Skipped") || 0;
    if (!good) failed += count("Total") - count("Passed") || 1;
  } catch (error) {
    console.log(`${file} FAILED\n${(error as Error).message}`);
    failed++;
  }
}

// They wait a lot, so more of them than there are cores keep those busy.
const queue = files.values();
const worker = async () => {
  for (const file of queue) await test(file);
};
await Promise.all(Array.from({ length: 2 * availableParallelism() }, worker));

console.log(`${passed} passed, ${failed} failed, ${skipped} skipped`);
// Where everything is installed, nothing is skipped unnoticed.
if (failed || !passed || (process.env.CI && skipped)) process.exitCode = 1;
