/**
 * Runs the test files, several at a time, each in a process of its own.
 *
 *     npm test
 *     npm test udp
 *     npm run test:long
 *
 * uvu forgives a file that never calls run() or that breaks between two tests. Here
 * a file passes only if it exits with 0 and its summary counts tests, all passed.
 */
import { availableParallelism, constants } from "node:os";
import { $, glob, minimist } from "zx";

const argv = minimist(process.argv.slice(2), { boolean: ["long"] });
const pattern = argv.long ? "test/long/**/*.test.ts" : "test/**/*.test.ts";
const ignore = argv.long ? [] : ["test/long/**"];
// Backwards, since the longest ones are the last of their folder.
const found = (await glob(pattern, { ignore })).sort().reverse();
const files = found.filter(
  (file) => !argv._.length || argv._.some((name) => file.includes(name)),
);

// Each file runs in a process group, and whatever it leaves running ends with it.
const groups = new Set<number>();
const shell = $({ nothrow: true, quiet: true, detached: true, timeout: "20m" });
process.on("exit", () => groups.forEach(killGroup));
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT"] as const)
  process.on(signal, () => process.exit(128 + constants.signals[signal]));

const totals = { passed: 0, failed: 0, skipped: 0 };
const failures: string[] = [];

async function runFile(file: string) {
  const begin = performance.now();
  const child = shell`${process.execPath} --import tsx ${file}`;
  const { pid } = child;
  if (pid) groups.add(pid);
  // A test that failed may leave sockets open, which keep its process running.
  child.stdout.on("data", (text) => {
    if (/^  Duration:/m.test(`${text}`)) child.timeout("10s");
  });
  const { stdout, stderr, exitCode } = await child;
  if (pid) killGroup(pid);

  const count = (word: string) =>
    Number(RegExp(`^  ${word}: +(\\d+)$`, "m").exec(stdout)?.[1] ?? 0);
  const passed = count("Passed");
  const skipped = count("Skipped");
  const total = count("Total") + skipped;
  const good = exitCode === 0 && total > 0 && passed + skipped === total;
  totals.passed += passed;
  totals.skipped += skipped;
  if (!good) totals.failed += Math.max(1, total - passed - skipped);
  if (!good) failures.push(`\n${file}\n${stdout}${stderr}`);
  const seconds = ((performance.now() - begin) / 1000).toFixed(1);
  console.log(`${good ? "passed" : "FAILED"} ${file}, ${seconds} s`);
}

function killGroup(pid: number) {
  groups.delete(pid);
  try {
    process.kill(-pid, "SIGKILL");
  } catch (error) {
    // ESRCH: nothing of it is left.
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}

const queue = files.values();
const worker = async () => {
  for (const file of queue) await runFile(file);
};
// A long test loads the machine by itself; the others mostly wait.
const cores = availableParallelism();
const length = argv.long ? cores + 1 : 3 * cores;
await Promise.all(Array.from({ length }, worker));

for (const output of failures) console.log(output);
const { passed, failed, skipped } = totals;
console.log(`${passed} passed, ${failed} failed, ${skipped} skipped`);
// Where all tools are installed, as in CI, a skipped test is a fault too.
if (failed || !passed || (process.env.CI && skipped)) process.exitCode = 1;
