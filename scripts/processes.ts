/**
 * The one place that starts and stops processes, for scripts and tests alike.
 */
import { constants } from "node:os";
import { createInterface } from "node:readline";
import type { Writable } from "node:stream";
import { fileURLToPath } from "node:url";
import { $, type ProcessOutput } from "zx";

/** The project's folder. Every command runs there. */
export const root = fileURLToPath(new URL("..", import.meta.url));

/** A process that was started, and all that it started itself. */
export interface Program {
  /** The process group's identifier, and the first process's. */
  pid: number;
  stdin: Writable;
  /** The address at the end of its ready line; fails if it ends before that. */
  ready: Promise<{ host: string; port: number }>;
  /** How it ended, once all of its group have; fails after the time limit. */
  ended: Promise<ProcessOutput>;
  /** Sends a signal to the whole group, as Ctrl-C does, and awaits its end. */
  stop(signal?: NodeJS.Signals): Promise<ProcessOutput>;
}

// In a group of its own (detached), because tsx runs the file in a second
// process: a signal to the group reaches both.
const shell = $({
  cwd: root,
  preferLocal: root,
  detached: true,
  nothrow: true,
  quiet: true,
  prefix: "",
});

const running = new Set<number>();
process.on("exit", () => running.forEach((pid) => signal(pid, "SIGKILL")));
for (const name of ["SIGINT", "SIGTERM", "SIGHUP"] as const)
  process.on(name, () => process.exit(128 + constants.signals[name]));

/**
 * Starts a shell command.
 *
 * In: the command; what is told of each line that it prints, as it prints it;
 * the time that it may take, in milliseconds, before it is killed.
 */
export function start(
  command: string,
  { onLine = (_line: string) => {}, limit = 60_000 } = {},
): Program {
  const child = shell([command] as unknown as TemplateStringsArray);
  const pid = child.pid!;
  running.add(pid);

  let late = false;
  const timer = setTimeout(() => {
    late = true;
    signal(pid, "SIGKILL");
  }, limit);
  const ended = child.then((output) => {
    running.delete(pid);
    clearTimeout(timer);
    if (late)
      throw new Error(`${command} hung for ${limit} ms after ${output.text()}`);
    return output;
  });
  ended.catch(() => {}); // whoever awaits it is told

  const ready = new Promise<{ host: string; port: number }>(
    (resolve, reject) => {
      for (const stream of [child.stdout, child.stderr])
        createInterface({ input: stream }).on("line", (line) => {
          onLine(line);
          const [, host, port] = /\bready\b.* (\S+):(\d+)$/.exec(line) ?? [];
          if (host && stream === child.stdout)
            resolve({ host, port: Number(port) });
        });
      ended.then(
        ({ stderr }) => reject(new Error(`${command} ended: ${stderr}`)),
        reject,
      );
    },
  );
  ready.catch(() => {}); // the same
  return {
    pid,
    stdin: child.stdin,
    ready,
    ended,
    stop(name = "SIGINT") {
      signal(pid, name);
      return ended;
    },
  };
}

/**
 * Runs a shell command to its end.
 *
 * In: the command, and all of its input. Out: what it printed, and its exit
 * status. Fails if it takes more than `limit` milliseconds.
 */
export function run(
  command: string,
  input: string | Buffer = "",
  limit?: number,
) {
  const { stdin, ended } = start(command, { limit });
  stdin.on("error", () => {}); // it need not read everything
  stdin.end(input);
  return ended;
}

function signal(group: number, name: NodeJS.Signals) {
  try {
    process.kill(-group, name);
  } catch (error) {
    // It may have ended on its own just now.
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}
