/**
 * Shows the examples at work: each client with its server, as the transcript in
 * its header says, and between them a relay that draws what passes.
 *
 *     npm run demo
 *     npm run demo chat
 *     npm run demo udp/echo
 *     npm run demo -- --all
 *     npm run demo -- --list
 *     npm run demo -- --html page.html
 *
 * --html also draws what passed: a page with a sequence diagram of each pair, or
 * for a FILE.svg the diagram of one.
 */
import { availableParallelism } from "node:os";
import { writeFileSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { setImmediate } from "node:timers/promises";
import { chalk } from "zx/core";
import { commandLine, mistake } from "./command-line.ts";
import { type Example, examples, isNamed, usual } from "./examples.ts";
import { type Diagram, type Happening, page, svg } from "./picture.ts";
import { headers, play, type Step, throughRelay } from "./transcript.ts";
import type { Transcript } from "./transcript.ts";

const begin = performance.now();
chalk.level = process.stdout.isTTY && process.stdout.hasColors() ? 1 : 0;

/** Of each program, so many lines are shown. */
const most = 32;

interface Show extends Transcript {
  example: Example;
}
const { values, positionals: names } = commandLine({
  allowPositionals: true,
  options: {
    all: { type: "boolean" },
    list: { type: "boolean" },
    html: { type: "string" },
  },
});
// npm takes an option that stands before no "--" for its own.
const everything = values.all ?? process.env.npm_config_all;
const list = values.list ?? process.env.npm_config_list;
const { html } = values;
const diagrams = new Map<Show, Diagram>();

const shows = await allShows();
for (const name of names)
  if (!shows.some(({ example }) => isNamed(example, partner(name))))
    mistake(`there is no ${name}: npm run demo -- --list tells what there is`);
const chosen = shows.filter(({ example }) => {
  if (names.length) return names.some((n) => isNamed(example, partner(n)));
  return everything || list || usual.includes(example.file);
});
if (!everything && !names.length && !list)
  chosen.sort((a, b) => usual.indexOf(a.name) - usual.indexOf(b.name));
if (list) {
  for (const show of chosen) console.log(files(show));
  process.exit();
}

// While one is shown, the next ones run already, unseen.
const held = chosen.map((): string[] => []);
const done: boolean[] = [];
const failed: string[] = [];
let shown = 0;
const queue = chosen.entries();
const worker = async () => {
  for (const [i, show] of queue) await run(show, i);
};
await Promise.all(Array.from({ length: availableParallelism() }, worker));

const seconds = ((performance.now() - begin) / 1000).toFixed(1);
const good = chosen.length - failed.length;
console.log(
  `${good} of ${chosen.length} ran as their headers say, ${seconds} s`,
);
if (chosen.length < shows.length)
  console.log("More: npm run demo -- --all, or by name: npm run demo chat");
if (html) {
  const drawn = chosen.flatMap((show) => diagrams.get(show) ?? []);
  if (html.endsWith(".svg") && drawn.length !== 1)
    mistake("a file.svg holds one picture: name one pair");
  const text = html.endsWith(".svg") ? svg(drawn[0]!) : page(drawn);
  writeFileSync(resolve(process.env.INIT_CWD ?? ".", html), text);
}
if (failed.length) {
  console.error(chalk.red(`failed: ${failed.join(", ")}`));
  process.exitCode = 1;
}

/** Runs a transcript, and prints it once those before it are shown. */
async function run(show: Show, i: number) {
  const tell = (line: string) =>
    i === shown ? console.log(line) : held[i]!.push(line);
  tell(chalk.bold(heading(show)));
  const through = throughRelay(show, Boolean(html));
  const diagram = {
    name: show.name.replace("/", "-").replace(".ts", ""),
    heading: heading(show),
    commands: [] as string[],
    lanes: lanesOf(through),
    happenings: [] as Happening[],
  };
  diagrams.set(show, diagram);
  const printed = new Map<Step, number>();
  const told = async (step: Step, line: string) => {
    // What a relay draws comes before what it causes: it draws first and sends
    // then, so its line is there already, and only has to be read.
    const picture = /^ *\d+\.\d{3} s |^\{/.test(line);
    if (!picture) await setImmediate(await setImmediate());
    const lines = (printed.get(step) ?? 0) + 1;
    printed.set(step, lines);
    if (html && step.file.endsWith("relay.ts") && picture)
      return diagram.happenings.push(happening(line, diagram.lanes));
    if (lines > most || isHidden(step, line)) return;
    const at = performance.now();
    if (line.startsWith("$ "))
      diagram.commands.push(line.replace(/ --json$/, ""));
    else if (!picture)
      diagram.happenings.push({ at, kind: "print", ...spoken(step, line) });
    if (picture) tell(chalk.yellow(line));
    else if (show.steps.length === 1) tell(line);
    else tell(`${chalk.cyan(role(step).padEnd(7))} ${line}`);
  };
  try {
    const differences = await play(through, { tell: told });
    await setImmediate(await setImmediate());
    for (const [step, lines] of printed)
      if (lines > most)
        tell(`${role(step).padEnd(7)} and ${lines - most} lines more`);
    if (differences.length) throw new Error(differences.join("\n"));
  } catch (error) {
    tell(chalk.red((error as Error).message));
    failed.push(files(show));
  }
  tell("");
  done[i] = true;
  while (done[shown]) for (const line of held[++shown] ?? []) console.log(line);
}

/** All transcripts that show a program at work, in the order of the README. */
async function allShows(): Promise<Show[]> {
  const transcripts = new Map((await headers()).map((t) => [t.name, t]));
  const all = (await examples()).map((example) => {
    return { ...transcripts.get(example.file)!, example };
  });
  // A server's own header shows it alone; its client's shows the two together.
  return all.filter(({ steps }) => !steps.at(-1)?.server);
}

/** A server's name as its client's, whose header shows the two. */
function partner(name: string) {
  return name.replace(/\bserver\b/, "client");
}

/** The files that a transcript runs, "tcp/server.ts tcp/client.ts". */
function files({ steps }: Transcript) {
  return [...new Set(steps.map(({ file }) => file))].filter(Boolean).join(" ");
}

/** What a transcript shows, and what to look at. */
function heading({ example: { file, service, teaches } }: Show) {
  return `${service} over ${dirname(file).toUpperCase()}: ${teaches}`;
}

/** Who speaks: "server", "client", "relay", or a member of a chat. */
function role({ file, prompt }: Step) {
  if (prompt) return prompt.slice(0, -": ".length);
  return /\b(server|client|\w+)\.ts$/.exec(file)?.[1] ?? "shell";
}

/** The programs of a transcript, clients first; a walkthrough is two. */
function lanesOf({ steps }: Transcript): string[] {
  if (steps.length === 1) return ["client", "server"];
  const programs = steps.filter(({ file }) => !file.endsWith("relay.ts"));
  const names = new Set(programs.map(role));
  names.delete("server");
  return [...names, "server"];
}

/** Who printed a line: a walkthrough's lines say so themselves. */
function spoken(step: Step, line: string) {
  const [, lane, text] = /^(client|server): (.*)$/.exec(line) ?? [];
  if (step.file.endsWith("walkthrough.ts") && lane && text)
    return { lane, text };
  return { lane: role(step), text: line };
}

/** An event of a relay. Its clients have numbers, in the order of the lanes. */
function happening(line: string, lanes: string[]): Happening {
  const event = JSON.parse(line);
  const clients = lanes.slice(0, -1);
  const client = clients[Math.min(event.client, clients.length) - 1]!;
  const [from, to] = event.up ? [client, "server"] : ["server", client];
  const data = Buffer.from(event.data, "hex");
  const text = data.toString();
  // Hexadecimal digits where it is no text, or would turn text.
  const isText = !/(?![\t\r\n])\p{Cc}|[\ufffd\u2028-\u202e\u2066-\u2069]/u.test(
    text,
  );
  const content = isText ? JSON.stringify(text) : event.data;
  return {
    at: performance.now(),
    kind: event.kind,
    from: from!,
    to: to!,
    number: event.number,
    data:
      data.length || event.number
        ? `${data.length} bytes ${content}`
        : undefined,
  };
}

/** A relay's line that it is ready, and its command where no header has it. */
function isHidden({ file, added }: Step, line: string) {
  if (!file.endsWith("relay.ts")) return false;
  return added ? line.startsWith("$ ") || isReady(line) : isReady(line);
}

function isReady(line: string) {
  return / is ready on /.test(line);
}
