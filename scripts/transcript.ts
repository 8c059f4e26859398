/**
 * Console transcripts: read from headers and from Markdown, and run again.
 */
import { EventEmitter } from "node:events";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Writable } from "node:stream";
import { exampleFiles } from "./examples.ts";
import { node, type Program, readyLine, root, start } from "./processes.ts";

/** A command, and what it prints. */
export interface Step {
  command: string;
  output: string[];
  /** The example that it runs, "udp/server.ts"; empty for anything else. */
  file: string;
  /** Whether it says that it is ready, so that it goes on. */
  server: boolean;
  /** Whether no header has it: a relay that draws what passes. */
  added?: boolean;
  /** What begins a line that is typed: "ada: " for one that has --name ada. */
  prompt?: string;
}

/** The steps of a transcript, and where it is written. */
export interface Transcript {
  name: string;
  steps: Step[];
}

/** The transcripts in the headers of the examples. */
export async function headers(): Promise<Transcript[]> {
  return exampleFiles().map((name) => headerOf(join(root, name), name));
}

/** The transcript in the header of a file, which may be any copy of an example. */
export function headerOf(file: string, name = file): Transcript {
  const [header = ""] = readFileSync(file, "utf8").split(" */");
  const lines = header.match(/(?<=^ \*     ).*$/gm) ?? [];
  return { name, steps: parse(lines) };
}

/** The transcripts in the console blocks of a Markdown file. */
export function consoleBlocks(file: string): Transcript[] {
  const text = readFileSync(join(root, file), "utf8");
  const blocks = text.matchAll(/^```console\n(.*?)\n```$/gms);
  return [...blocks].map(({ 1: lines = "", index }) => ({
    name: `${file}:${text.slice(0, index).split("\n").length}`,
    steps: parse(lines.split("\n")),
  }));
}

function parse(lines: string[]): Step[] {
  const steps: Step[] = [];
  for (const line of lines) {
    const step = steps.at(-1);
    if (line.startsWith("$ ")) {
      const [file = ""] = /\w+\/[\w-]+\.ts/.exec(line) ?? [];
      const command = line.slice(2);
      const [, name] = /--name (\w+)$/.exec(line) ?? [];
      const prompt = name && `${name}: `;
      steps.push({ command, output: [], file, server: false, prompt });
    } else if (step) {
      step.output.push(line);
      step.server ||= readyLine.test(line);
    }
  }
  return steps;
}

/**
 * Puts a relay between a transcript's server and its clients. A transcript that
 * has a relay, or no clients, stays as it is.
 *
 * @param transcript as written
 * @param json whether relays print their events as JSON, each on a line
 */
export function throughRelay(
  { name, steps }: Transcript,
  json = false,
): Transcript {
  const [server, client] = steps;
  const isRelay = ({ file }: Step) => file.endsWith("relay.ts");
  const all = [...steps];
  if (client && server?.server && !steps.some(isRelay)) {
    const { host, port } = ready(server);
    const file = server.file.replace(/\/.*/, "/relay.ts");
    all.splice(1, 0, {
      command: `tsx ${file} --to ${host}:${port}`,
      output: [`The relay to ${host}:${port} is ready on ${host}:12001`, "..."],
      file,
      server: true,
      added: true,
    });
  }
  if (!json) return { name, steps: all };
  const asJson = (step: Step) => ({
    ...step,
    command: `${step.command} --json`,
    output: [step.output.find((line) => readyLine.test(line))!, "..."],
  });
  return { name, steps: all.map((s) => (isRelay(s) ? asJson(s) : s)) };
}

/**
 * Runs a transcript: starts its servers, runs the other commands one by one,
 * stops the servers. Those that are typed into run side by side, each line typed
 * when all that stands above it is printed. Ports and times may differ from those
 * that are written, ports if they do so throughout; "..." stands for any lines.
 *
 * @param transcript what to run
 * @param options tell is told each command and each line that it prints, as it
 *   prints it; toRun makes a step's command, given the ports that stand for those
 *   that are written; limit is the time in milliseconds for each command
 * @returns a line for each command that printed something else than is written
 * @throws if a command hangs, or a server ends before it is ready
 */
export async function play(
  { steps }: Transcript,
  {
    tell = (_step: Step, _line: string): unknown => undefined,
    toRun = inOneProcess,
    limit = 60_000,
  } = {},
): Promise<string[]> {
  const servers: Program[] = [];
  const ports = new Map<string, string>();
  const printed = steps.map((): string[] => []);
  const written = numbered(steps.map((step) => heard(step)));
  /** The steps that have not printed what is written, and what they have. */
  const differences = () => {
    const actual = numbered(printed);
    return steps
      .map((step, i) => ({ step, is: actual[i]!, not: written[i]! }))
      .filter(({ is, not }) => !pattern(not).test(is));
  };
  let differing: ReturnType<typeof differences> = [];
  const printing = new EventEmitter().setMaxListeners(0);
  const talks: Promise<unknown>[] = [];
  try {
    for (const [i, step] of steps.entries()) {
      const onLine = (line: string) => {
        printed[i]!.push(line);
        tell(step, line);
        printing.emit("line");
      };
      const command = toRun(step, ports);
      tell(step, `$ ${step.command}`);
      const program = start(command, { onLine, limit });
      if (step.prompt) {
        talk(step, program.stdin, printed[i]!, printing, tell);
        talks.push(program.ended);
        await program.line(/./);
        continue;
      }
      program.stdin.end();
      if (step.server) {
        servers.push(program);
        const { groups } = await program.line(readyLine);
        ports.set(ready(step).port!, groups!.port!);
      } else await program.ended;
    }
    await Promise.all(talks);
    // What a server says of its last client may come after that one's end.
    let late = false;
    const timer = setTimeout(() => {
      late = true;
      printing.emit("line");
    }, 5_000);
    await until(printing, () => {
      differing = differences();
      const waiting = differing.every(({ step }) => step.server);
      return late || !differing.length || !waiting;
    });
    clearTimeout(timer);
  } finally {
    await Promise.all(servers.map((server) => server.stop()));
  }
  return differing.map(
    ({ step, is, not }) =>
      `${step.command} printed ${JSON.stringify(is)}, not ${JSON.stringify(not)}`,
  );
}

/** Types what is written to be typed, each line in its place. */
async function talk(
  step: Step,
  stdin: Writable,
  printed: string[],
  printing: EventEmitter,
  tell: (step: Step, line: string) => unknown,
) {
  const prompt = step.prompt!;
  const above = (place?: number) => {
    const [is = "", not = ""] = numbered([printed, heard(step, place)]);
    return pattern(not, "").test(is);
  };
  for (const [place, line] of step.output.entries()) {
    if (!line.startsWith(prompt)) continue;
    await until(printing, () => above(place));
    tell(step, line);
    stdin.write(`${line.slice(prompt.length)}\n`);
  }
  await until(printing, () => above());
  stdin.end();
}

/** What a step prints, and does not only show as typed, up to a place. */
const heard = ({ output, prompt }: Step, place?: number) =>
  output.slice(0, place).filter((line) => !prompt || !line.startsWith(prompt));

/** Waits until something is true, as lines are printed. */
const until = (printing: EventEmitter, condition: () => boolean) =>
  new Promise<void>((resolve) => {
    const look = () => {
      if (!condition()) return;
      printing.off("line", look);
      resolve();
    };
    printing.on("line", look);
    look();
  });

/** The address in a server's ready line, as it is written. */
function ready({ output }: Step) {
  return readyLine.exec(output.find((line) => readyLine.test(line))!)!.groups!;
}

/**
 * Makes a step's command, with any free port for a server, and that port for
 * others.
 *
 * @param step what is written
 * @param ports for each port that is written the one that is taken
 */
export function withPorts(
  { command, server }: Step,
  ports: Map<string, string>,
): string {
  const mapped = command.replaceAll(
    /(?<=[: ])\d+\b/g,
    (port) => ports.get(port) ?? port,
  );
  const port = server ? "0" : [...ports.values()].at(-1);
  if (!port || (!server && mapped.includes("--port"))) return mapped;
  return mapped
    .replace(/ --port \d+/, "")
    .replace(/(tsx|node) \S+\.m?[jt]s/, `$& --port ${port}`);
}

/** As withPorts(), but without the second process that tsx takes. */
function inOneProcess(step: Step, ports: Map<string, string>) {
  return withPorts(step, ports).replaceAll(
    /\b(npx )?tsx (?=\w+\/)/g,
    `${node} `,
  );
}

/** Each command's output, its ports numbered as they appear, with no times. */
function numbered(outputs: string[][]) {
  const ports: string[] = [];
  return outputs.map((lines) =>
    lines
      .map((line) => `${line}\n`)
      .join("")
      .replaceAll(/^ *\d+\.\d{3} s /gm, "TIME ")
      .replaceAll(/\b\d+\.\d+ ms\b/g, "TIME ms")
      .replaceAll(/:(\d+)\b/g, (_, port: string) => {
        if (!ports.includes(port)) ports.push(port);
        return `:port${ports.indexOf(port) + 1}`;
      }),
  );
}

/** What matches a text as it is, and any lines for "...". */
function pattern(written: string, end = "$") {
  const text = written.replaceAll(/[.*+?^${}()|[\]\\]/g, "\\$&");
  return RegExp(`^${text.replaceAll(/^(\\\.){3}\n/gm, "(.*\n)*")}${end}`);
}
