/**
 * Plays the transcripts at the top of the examples, live: starts the servers on
 * free ports, puts a relay in front of them that draws what passes, runs the
 * clients, and compares what they print with what is written.
 *
 *     npm run demo
 *     npm run demo all
 *     npm run demo chat udp/ping.ts
 */
import { argv, chalk, fs, type ProcessPromise, sleep } from "zx";
import { named } from "./programs.ts";
import { killAll, start } from "./shell.ts";

if (process.env.NO_COLOR) chalk.level = 0;
process.stdout.on("error", () => process.exit(1)); // `npm run demo | head`

const first = ["walkthrough", "uppercase", "echo", "udp/relay"];
const names = argv._.length > 0 ? argv._.map(String) : first;
const files = names.flatMap(named).map((file) => {
  const client = file.replace("server.ts", "client.ts"); // its transcript has both
  return fs.existsSync(client) ? client : file;
});
for (const file of new Set(files)) await play(file);

/** A command, the lines written below it in a header, and those that it printed. */
type Step = { command: string; written: string; printed: string };

/** The transcript of a file, with a relay in front of a server that needs one. */
function stepsOf(file: string): Step[] {
  const header = headerOf(file);
  const transcript = header.match(/(?<=^ {4}).*\n/gm)?.join("") ?? "";
  const [, ...parts] = transcript.split(/^\$ /m);
  const steps = parts.map((part) => {
    const [command = "", written = ""] = part.split(/\n(.*)/s);
    return { command, written, printed: "" };
  });
  const hasOwnWire = /relay|netcat|chat|discover/.test(transcript);
  if (steps.length === 1 || hasOwnWire) return steps;
  const address = `127.0.0.1:${portIn(transcript)}`;
  const command = `tsx ${file.slice(0, 3)}/relay.ts --to ${address}`;
  const written = `The relay to ${address} is ready on 127.0.0.1:12001\n...\n`;
  return steps.toSpliced(1, 0, { command, written, printed: "" });
}

/** Plays the transcript of a file; a difference sets the exit status to 1. */
async function play(file: string) {
  const steps = stepsOf(file);
  const [sentence = ""] = headerOf(file).split(/(?<=\.)\s/);
  console.log(chalk.bold(sentence.replaceAll("\n", " ")));
  const members: Promise<void>[] = [];
  let port = ""; // of the server or relay that was started last
  for (const step of steps) {
    const command = withPort(step, port);
    console.log(chalk.cyan(`$ ${command.replaceAll("tsx ", "npx tsx ")}`));
    const child = start(command);
    const ended = show(child, step);
    if (portIn(step.written)) {
      await until(() => portIn(step.printed) || child.child?.exitCode);
      port = portIn(step.printed);
    } else if (/^> /m.test(step.written)) {
      members.push(talk(child, step));
      await until(() => step.printed || child.child?.exitCode);
    } else {
      child.stdin.end();
      await ended;
    }
  }
  await Promise.all(members);
  await until(() => steps.every(isAsWritten), 3000); // of a server, a line may be late
  killAll();
  for (const step of steps) {
    if (isAsWritten(step)) continue;
    console.log(chalk.red(`${step.command} should print:\n${step.written}`));
    process.exitCode = 1;
  }
  console.log();
}

/** The text of the comment at the top of a file. */
function headerOf(file: string): string {
  const [comment = ""] = fs.readFileSync(file, "utf8").split(" */");
  return comment.replaceAll(/^(\/\*\*\n| \* ?)/gm, "");
}

/** The port in the line with which a server says that it is ready, or "". */
function portIn(text: string): string {
  return /\bready\b.*:(\d+)$/m.exec(text)?.[1] ?? "";
}

/** A command with any free port for a server, and with this port for the others. */
function withPort({ command, written }: Step, port: string): string {
  // The second listener of udp/discover.ts shares the port of the first.
  const isServer = portIn(written) && !(port && command.includes("--listen"));
  const address = /(:|127.0.0.1 |--port )\d{4,5}\b/g;
  const called = command.replaceAll(address, `$1${port}`);
  if (isServer)
    return called.replace(/ --port \d*/, "").replace(".ts", ".ts --port 0");
  if (called !== command || !port) return called;
  return called.replace(".ts", `.ts --port ${port}`);
}

/** Prints each line of a command as it comes. */
async function show(child: ProcessPromise, step: Step) {
  const [, member = ""] = /--name (\w+)/.exec(step.command) ?? [];
  for await (const line of child) {
    const isWire = /^ *\d+\.\d+ s /.test(line);
    // A relay draws before it sends, so its line is here already: let it go first.
    for (let i = 0; i < 2 && !isWire; i++) await new Promise(setImmediate);
    const text = isWire ? chalk.yellow(line) : line;
    console.log(member ? `${chalk.magenta(member)}  ${text}` : text);
    step.printed += `${line}\n`;
  }
}

/** Types a member's lines, each when everything above it is printed. */
async function talk(child: ProcessPromise, step: Step) {
  for (const { index, 0: line } of step.written.matchAll(/^> .*\n/gm)) {
    const written = step.written.slice(0, index);
    await until(() => isAsWritten({ ...step, written }));
    process.stdout.write(line);
    child.stdin.write(line.slice("> ".length));
  }
  await until(() => isAsWritten(step));
  child.stdin.end();
}

/** Compares: "..." is any lines, typed lines are not printed, ports and times vary. */
function isAsWritten({ written, printed }: Step): boolean {
  const pattern = written
    .replaceAll(/[.*+?^${}()|[\]\\]/g, "\\$&")
    .replaceAll(/^> .*\n/gm, "")
    .replaceAll(/^(\\\.){3}\n/gm, "(.*\n)*")
    .replaceAll(/:\d+\b/g, ":\\d+")
    .replaceAll(/ *\d+\\\.\d+ (?=m?s\b)/g, " *[\\d.]+ ");
  return RegExp(`^${pattern}$`).test(printed);
}

/** Waits until something is true, for at most `limit` milliseconds. */
async function until(isTrue: () => unknown, limit = 30_000) {
  const begin = performance.now();
  while (!isTrue() && performance.now() - begin < limit) await sleep(10);
}
