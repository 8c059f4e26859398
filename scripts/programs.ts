/** The examples, and the names that people give them. */
import { glob, path } from "zx";

// An error of the user or the system is one line; a bug keeps its stack.
process.on("uncaughtException", (error) => {
  console.error(error.constructor === Error ? error.message : error);
  process.exit(1);
});

/** The project's folder. */
export const root = path.dirname(import.meta.dirname);

/** All examples, such as "udp/echo-server.ts", UDP first. */
export const files = (await glob("{udp,tcp}/*.ts", { cwd: root })).sort();
files.sort((a, b) => b.slice(0, 3).localeCompare(a.slice(0, 3)));

/** The program of a file: "udp/echo" for its server and its client. */
export function programOf(file: string): string {
  const name = file.replace(/(-?(server|client))?\.ts$/, "");
  return name.endsWith("/") ? `${name}uppercase` : name;
}

/**
 * The examples that a name means: a file (udp/echo-server.ts, with or without the
 * ending), a program (udp/echo), both of its transports (echo), a folder (udp), or
 * all.
 *
 * @throws an error that lists the names, if this is none of them
 */
export function named(name: string): string[] {
  const wanted = name.replaceAll("\\", "/").replace(/\/$/, "");
  const found = files.filter((file) => {
    const program = programOf(file);
    const names = [file, file.slice(0, -".ts".length), program];
    return [...names, ...program.split("/"), "all"].includes(wanted);
  });
  if (found.length > 0) return found;
  const programs = [...new Set(files.map(programOf))].join(", ");
  throw new Error(`There is no ${name}. There are: ${programs}, all`);
}
