/** Starts shell commands, and leaves none running when the script exits. */
import { $, cd, os, type ProcessPromise, which } from "zx";
import { root } from "./programs.ts";

if (!(await which("bash", { nothrow: true })))
  throw new Error("This script needs bash: install it, on Windows with Git.");
cd(root);

// tsx itself takes two processes and half as long again to start. In its place, the
// variable RUN names another runtime: RUN="deno run -A" npm run demo
const tsx = `tsx() { ${process.env.RUN ?? "node --import tsx"} "$@"; }`;

// A command is a process group, so that all of it can be killed. Windows has none.
const detached = process.platform !== "win32";
const shell = $({ detached, nothrow: true });
const running = new Set<ProcessPromise>();

process.on("exit", killAll);
for (const name of ["SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT"] as const)
  process.on(name, () => process.exit(128 + os.constants.signals[name]));

/** Starts a command in the project's folder; its stderr goes to its stdout. */
export function start(command: string): ProcessPromise {
  const child = shell`bash -c ${`exec 2>&1; ${tsx}; ${command}`}`;
  running.add(child);
  child.finally(() => running.delete(child));
  return child;
}

/** Kills everything that start() started and that still runs. */
export function killAll(): void {
  for (const { pid, child } of running)
    if (pid && child?.exitCode === null)
      process.kill(detached ? -pid : pid, "SIGKILL");
  running.clear();
}
