/**
 * The one place that starts and stops processes, for scripts and tests alike.
 */
import { EventEmitter } from "node:events";
import { constants } from "node:os";
import { createInterface } from "node:readline";
import type { Writable } from "node:stream";
import { fileURLToPath } from "node:url";
import { $, kill, type ProcessOutput } from "zx/core";

/** The project's folder. Every command runs there. */
export const root = fileURLToPath(new URL("..", import.meta.url));

/**
 * The command that runs a TypeScript file in one process, where tsx takes two:
 * for the many starts in which that makes no difference but in time.
 */
export const node = (process.features as { typescript?: string }).typescript
  ? "node"
  : "node --import tsx";

/** A command that was started, with all the processes that it is made of. */
export interface Program {
  /** The identifier of its process group. */
  pid: number;
  stdin: Writable;
  /** What it has printed so far, on stdout and stderr. */
  lines: string[];
  /**
   * The first line on stdout or stderr that matches, once it is printed. Fails
   * if the program ends without it.
   */
  line(pattern: RegExp): Promise<RegExpExecArray>;
  /** How it ended, once all of it has. Fails if that was for the time limit. */
  ended: Promise<ProcessOutput>;
  /** Sends a signal to all of it, as Ctrl-C does, and waits for its end. */
  stop(signal?: NodeJS.Signals): Promise<ProcessOutput>;
}

/** A server's last line before it serves; its address is in the groups. */
export const readyLine = /\bready\b.* (?<host>\S+):(?<port>\d+)$/;

// tsx runs the file in a second process. Detached, they are a process group of
// their own, and a signal reaches both; Windows has no such groups.
const groups = process.platform !== "win32";
const shell = $({
  cwd: root,
  // In the outermost shell, bash takes a socket on stdin, as Node's pipes are,
  // for a remote login, and reads the user's .bashrc.
  env: { ...process.env, SHLVL: "2" },
  preferLocal: root,
  detached: groups,
  nothrow: true,
  quiet: true,
  prefix: "",
});

// What was started ends with us, however we end.
const running = new Set<number>();
process.on("exit", () => running.forEach((pid) => signal(pid, "SIGKILL")));
for (const name of ["SIGINT", "SIGTERM", "SIGHUP"] as const)
  process.on(name, () => process.exit(128 + constants.signals[name]));

/**
 * Starts a shell command.
 *
 * @param command what the shell runs, in the project's folder
 * @param options onLine is told each line that it prints; limit is the time in
 *   milliseconds after which it is killed
 * @returns the program, which runs
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

  const lines: string[] = [];
  const printed = new EventEmitter().setMaxListeners(0);
  for (const input of [child.stdout, child.stderr]) {
    input.setEncoding("utf8"); // zx takes the chunks of bytes for whole texts
    createInterface({ input }).on("line", (line) => {
      lines.push(line);
      onLine(line);
      printed.emit("line");
    });
  }

  const ended = child.then((output) => {
    running.delete(pid);
    clearTimeout(timer);
    if (late) throw new Error(`hung for ${limit} ms: ${command}`);
    return output;
  });
  ended.catch(() => {}); // whoever waits for it is told

  return {
    pid,
    stdin: child.stdin,
    lines,
    ended,
    line: (pattern) =>
      new Promise((resolve, reject) => {
        let seen = 0;
        const look = () => {
          while (seen < lines.length) {
            const found = pattern.exec(lines[seen++]!);
            if (!found) continue;
            printed.off("line", look);
            return resolve(found);
          }
        };
        printed.on("line", look);
        look();
        const text = () => `${command} ended after ${JSON.stringify(lines)}`;
        ended.then(() => reject(new Error(text())), reject);
      }),
    stop(name = "SIGINT") {
      signal(pid, name);
      return ended;
    },
  };
}

/**
 * Runs a shell command to its end.
 *
 * @param command what the shell runs, in the project's folder
 * @param input all that it can read
 * @param limit the time that it may take, in milliseconds
 * @returns what it printed, and its exit status
 * @throws if it takes longer
 */
export function run(
  command: string,
  input: string | Buffer = "",
  limit?: number,
): Promise<ProcessOutput> {
  const { stdin, ended } = start(command, { limit });
  stdin.on("error", () => {}); // it may end before it has read all
  stdin.end(input);
  return ended;
}

/** Sends a signal to a command's processes. */
function signal(pid: number, name: NodeJS.Signals) {
  if (!groups) return void kill(pid, name);
  try {
    process.kill(-pid, name);
  } catch (error) {
    // It has just ended by itself.
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}
