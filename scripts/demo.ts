/**
 * Shows the examples at work: each client with its server, and each program
 * that stands alone, as the transcripts in their headers tell.
 *
 *     npm run demo
 *     npm run demo tcp/echo
 *     npm run demo -- --list
 */
import { availableParallelism } from "node:os";
import { chalk } from "zx";
import { commandLine, mistake } from "./command-line.ts";
import {
  headers,
  play,
  type Step,
  throughRelay,
  type Transcript,
} from "./transcript.ts";

const begin = performance.now();
chalk.level = process.stdout.isTTY && process.stdout.hasColors() ? 1 : 0;

/** Of each command, so many lines are shown. */
const most = 32;

/** The files that a transcript runs, "tcp/server.ts tcp/client.ts". */
const files = ({ steps }: Transcript) =>
  [...new Set(steps.map(({ file }) => file))].join(" ");

const { values, positionals: names } = commandLine({
  allowPositionals: true,
  options: { list: { type: "boolean" } },
});
// A server's own header shows it alone; its client's shows the two together.
const all = (await headers()).filter(({ steps }) => !steps.at(-1)?.server);
const chosen = all.filter(
  (transcript) =>
    !names.length || names.some((name) => files(transcript).includes(name)),
);
if (!chosen.length)
  mistake(`there is no ${names.join(" ")}: -- --list tells what there is`);
// npm takes an option that stands before no "--" for its own.
if (values.list ?? process.env.npm_config_list) {
  for (const transcript of chosen) console.log(files(transcript));
  process.exit();
}

// While one transcript is shown, the next ones run already, unseen.
const held = chosen.map((): string[] => []);
const done: boolean[] = [];
const failed: string[] = [];
let shown = 0;

async function show(i: number) {
  const tell = (line: string) =>
    i === shown ? console.log(line) : held[i]!.push(line);
  const transcript = chosen[i]!;
  const printed = new Map<Step, number>();
  try {
    const told = (step: Step, line: string) => {
      const colour = step.server ? chalk.cyan : chalk.green;
      const lines = (printed.get(step) ?? 0) + 1;
      printed.set(step, lines);
      if (lines > most) return;
      // The picture that a relay draws is as wide as a terminal.
      const picture = /^ *\d+\.\d{3} s /.test(line);
      const speaker = `${step.file} ${step.prompt?.slice(0, -2) ?? ""}`;
      tell(picture ? chalk.yellow(line) : colour(speaker.padEnd(25)) + line);
    };
    const differences = await play(throughRelay(transcript), { tell: told });
    for (const [{ file }, lines] of printed)
      if (lines > most)
        tell(`${file.padEnd(25)}and ${lines - most} lines more`);
    if (differences.length) throw new Error(differences.join("\n"));
  } catch (error) {
    tell(chalk.red((error as Error).message));
    failed.push(files(transcript));
  }
  tell("");
  done[i] = true;
  while (done[shown]) for (const line of held[++shown] ?? []) console.log(line);
}

const queue = chosen.keys();
const worker = async () => {
  for (const i of queue) await show(i);
};
await Promise.all(Array.from({ length: availableParallelism() }, worker));

const seconds = ((performance.now() - begin) / 1000).toFixed(1);
const good = chosen.length - failed.length;
console.log(`${good} of ${chosen.length} as their headers say, ${seconds} s`);
if (failed.length) {
  console.error(chalk.red(`failed: ${failed.join(", ")}`));
  process.exitCode = 1;
}
