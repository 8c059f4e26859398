/**
 * The examples: which files there are, what service each belongs to, and what
 * the README says of it.
 */
import { readdirSync, readFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
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

/** What the demo shows if nothing else is asked for: the notes' programs. */
export const usual = [
  "udp/walkthrough.ts",
  "tcp/walkthrough.ts",
  "udp/client.ts",
  "tcp/client.ts",
  "udp/echo-client.ts",
  "tcp/echo-client.ts",
  "udp/relay.ts",
];

/** The examples' files: UDP first, as in the notes. */
export function exampleFiles(): string[] {
  return ["udp", "tcp"].flatMap((folder) => {
    const names = readdirSync(join(root, folder)).sort();
    return names.filter((n) => n.endsWith(".ts")).map((n) => `${folder}/${n}`);
  });
}

/**
 * Reads all examples.
 *
 * @returns them in the order of the README's table
 */
export async function examples(): Promise<Example[]> {
  const readme = readFileSync(join(root, "README.md"), "utf8");
  const all = exampleFiles().map((file) => {
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
