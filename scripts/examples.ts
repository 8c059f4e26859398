/**
 * The examples: which files there are, what service each belongs to, and what
 * the README says of it.
 */
import { readFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { globby } from "zx";
import { root } from "./processes.ts";

/** An example's file. */
export interface Example {
  /** "udp/server.ts" */
  file: string;
  source: string;
  /** What a server and its client have in common, "uppercase"; or its name. */
  service: string;
  /** What it teaches, in the words of the README's table. */
  teaches: string;
}

/**
 * Reads all examples.
 *
 * @returns them in the order of the README's table
 */
export async function examples(): Promise<Example[]> {
  const readme = readFileSync(join(root, "README.md"), "utf8");
  const files = await globby("{udp,tcp}/*.ts", { cwd: root });
  const all = files.map((file) => {
    const source = readFileSync(join(root, file), "utf8");
    const [, shared = ""] = /\bconfig\(\s*"(\w+)"/.exec(source) ?? [];
    const service = /(server|client)\.ts$/.test(file)
      ? shared
      : basename(file, ".ts");
    const place = readme.indexOf(`tsx ${file}\` `);
    const [, teaches = ""] = readme.slice(place).split("\n", 1)[0]!.split("|");
    return { file, source, service, teaches: teaches.trim(), place };
  });
  return all.sort((a, b) => a.place - b.place);
}

/**
 * Tells whether a name that a user gave means an example: its file, with or
 * without the ending, its service, or its service over one transport.
 *
 * @param name such as "udp/server.ts", "uppercase" or "udp/uppercase"
 */
export function isNamed({ file, service }: Example, name: string): boolean {
  const folder = dirname(file);
  const names = [folder, service, `${folder}/${service}`, file];
  names.push(file.slice(0, -".ts".length));
  return names.includes(name.replaceAll("\\", "/")); // as Windows completes it
}
