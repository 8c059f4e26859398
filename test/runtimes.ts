/**
 * The runtimes that are found on this machine, and how each runs an example.
 */
import { readdirSync, readFileSync } from "node:fs";
import { delimiter, resolve } from "node:path";
import { root } from "../scripts/processes.ts";

/** A runtime: what the README calls it, and the command that runs a file. */
export interface Runtime {
  name: "Node" | "Deno" | "Bun";
  start: (file: string) => string;
}

/** The tools on the PATH. */
const tools = new Set(
  (process.env.PATH ?? "").split(delimiter).flatMap((folder) => {
    try {
      return readdirSync(folder);
    } catch {
      return []; // a PATH may name what does not exist
    }
  }),
);

const by = (name: Runtime["name"], tool: string): Runtime => ({
  name,
  start: (file) => `${tool} ${file}`,
});

/** tsx; Nodes that know types, as node22 and the like; Deno; Bun. */
export const runtimes = [by("Node", "tsx")];
if ((process.features as { typescript?: string }).typescript)
  runtimes.push(by("Node", "node"));
for (const tool of [...tools].sort())
  if (/^node(2[2-9]|[3-9]\d)$/.test(tool)) runtimes.push(by("Node", tool));
if (tools.has("deno")) runtimes.push({ name: "Deno", start: deno });
if (tools.has("bun")) runtimes.push(by("Bun", "bun"));

/** Deno with --allow-net, and what else the header of a file asks for. */
function deno(file: string) {
  const [header = ""] = readFileSync(resolve(root, file), "utf8").split(" */");
  const more = header.match(/--allow-[\w=,]+/g) ?? [];
  return ["deno run --no-prompt --allow-net", ...more, file].join(" ");
}
