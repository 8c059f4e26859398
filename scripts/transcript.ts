/**
 * Console transcripts: read from headers and from Markdown, and run again.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { globby } from "zx";
import { type Program, readyLine, root, start } from "./processes.ts";

/** A command, and what it prints. */
export interface Step {
  command: string;
  output: string[];
  /** The example that it runs, "udp/server.ts"; empty for anything else. */
  file: string;
  /** Whether its last line says that it is ready, so that it goes on. */
  server: boolean;
}

/** The steps of a transcript, and where it is written. */
export interface Transcript {
  name: string;
  steps: Step[];
}

/** The transcripts in the headers of the examples. */
export async function headers(): Promise<Transcript[]> {
  const names = await globby("{udp,tcp}/*.ts", { cwd: root });
  // UDP first, as in the notes.
  names.sort((a, b) => b[0]!.localeCompare(a[0]!) || a.localeCompare(b));
  return names.map((name) => {
    const [header = ""] = readFileSync(join(root, name), "utf8").split(" */");
    const lines = header.match(/(?<=^ \*     ).*$/gm) ?? [];
    return { name, steps: parse(lines) };
  });
}

/**
 * The transcripts in the console blocks of a Markdown file. The blocks of a
 * table, side by side, are one.
 */
export function consoleBlocks(file: string): Transcript[] {
  const text = readFileSync(join(root, file), "utf8");
  const block = /^```console\n(.*?)\n```$/gms;
  const places = text.matchAll(/^<table>.*?^<\/table>|^```console.*?^```$/gms);
  return [...places].map(({ 0: place, index }) => ({
    name: `${file}:${text.slice(0, index).split("\n").length}`,
    steps: [...place.matchAll(block)].flatMap((b) => parse(b[1]!.split("\n"))),
  }));
}

function parse(lines: string[]): Step[] {
  const steps: Step[] = [];
  for (const line of lines) {
    const step = steps.at(-1);
    if (line.startsWith("$ ")) {
      const [file = ""] = /\w+\/[\w-]+\.ts/.exec(line) ?? [];
      const command = line.slice(2);
      steps.push({ command, output: [], file, server: false });
    } else if (step) {
      step.output.push(line);
      step.server = readyLine.test(line);
    }
  }
  return steps;
}

/**
 * Runs a transcript: starts its servers, runs the other commands one by one,
 * stops the servers.
 *
 * In: the transcript, and what is told of each command and each line that it
 * prints, as it prints it. Out: a line for each command that printed something
 * else than is written. Ports may differ, if they do so throughout. Fails when
 * a command hangs for 20 s, or a server ends before it is ready.
 */
export async function play(
  { steps }: Transcript,
  tell: (step: Step, line: string) => void = () => {},
): Promise<string[]> {
  const servers: Program[] = [];
  const ports = new Map<string, string>();
  const printed: string[][] = [];
  try {
    for (const step of steps) {
      const lines: string[] = [];
      printed.push(lines);
      const onLine = (line: string) => {
        lines.push(line);
        tell(step, line);
      };
      const command = withPorts(step, ports);
      tell(step, `$ ${command}`);
      const program = start(command, { onLine, limit: 20_000 });
      program.stdin.end();
      if (step.server) {
        servers.push(program);
        const { groups } = await program.line(readyLine);
        const written = readyLine.exec(step.output.at(-1)!);
        ports.set(written!.groups!.port!, groups!.port!);
      } else await program.ended;
    }
  } finally {
    await Promise.all(servers.map((server) => server.stop()));
  }
  const actual = numbered(printed);
  const written = numbered(steps.map(({ output }) => output));
  return steps.flatMap(({ command }, i) =>
    actual[i] === written[i]
      ? []
      : `${command} printed ${actual[i]}, not ${written[i]}`,
  );
}

/** The command, with any free port for a server, and that port for others. */
function withPorts({ command, server }: Step, ports: Map<string, string>) {
  const mapped = command.replaceAll(
    /(?<=[: ])\d+\b/g,
    (port) => ports.get(port) ?? port,
  );
  const port = server ? "0" : [...ports.values()].at(-1);
  if (!port || (!server && mapped.includes("--port"))) return mapped;
  return mapped
    .replace(/ --port \d+/, "")
    .replace(/tsx \S+\.ts/, `$& --port ${port}`);
}

/** Each command's output, its ports numbered in the order of appearance. */
function numbered(outputs: string[][]) {
  const ports: string[] = [];
  return outputs.map((lines) =>
    JSON.stringify(lines).replaceAll(/:(\d+)\b/g, (_, port: string) => {
      if (!ports.includes(port)) ports.push(port);
      return `:port${ports.indexOf(port) + 1}`;
    }),
  );
}
