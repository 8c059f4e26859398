/** The examples, and the names that people give them. */
import { fileURLToPath } from "node:url";
import { glob } from "zx";

/** The project's folder. */
export const root = fileURLToPath(new URL("..", import.meta.url));

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
 * all. A name that means none ends the script and prints those that do.
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
  console.error(`There is no ${name}. There are: ${programs}, all`);
  return process.exit(1);
}
