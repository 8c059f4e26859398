/**
 * Copies of the examples, and how to play the transcripts in their headers.
 */
import { cpSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import * as assert from "uvu/assert";
import type { ProcessOutput } from "zx";
import { root, run } from "../scripts/processes.ts";
import { headerOf, headers, play, type Step } from "../scripts/transcript.ts";
import { node, temporaryFolder } from "./harness.ts";

/**
 * Copies all examples, to a folder that goes when its file's checks have ended.
 * In: options for the script. Out: where the copy of an example is,
 * whatever its ending.
 */
export async function copyAll(options = ""): Promise<(name: string) => string> {
  const copies = temporaryFolder();
  const pairs = (await headers()).map(({ name }) => {
    const [, service] = /\bconfig\(\s*"(\w+)"/.exec(
      readFileSync(join(root, name), "utf8"),
    )!;
    return `${dirname(name)}/${service}`;
  });
  await Promise.all(
    [...new Set(pairs)].map(async (pair) => {
      const to = join(copies, dirname(pair));
      assert.is((await copy(`${pair} ${to} ${options}`)).stderr, "");
    }),
  );
  return (name) => {
    const folder = join(copies, dirname(name));
    const bare = (file: string) => file.replace(/.*\/|\.\w+$/g, "");
    const found = readdirSync(folder).find((file) => bare(file) === bare(name));
    return join(folder, found!);
  };
}

/** Runs scripts/copy.ts with the given words. */
export const copy = (words: string): Promise<ProcessOutput> =>
  run(`${node} scripts/copy.ts ${words}`);

/**
 * Plays the transcript in the header of a copy, in a folder of its own with the
 * copies beside it. The constants that its comments name are changed, as a user
 * would do it, and the ports to free ones. In: the copy; the command that runs a
 * file. Out: what differs, as of play().
 */
export async function playCopy(
  original: string,
  start: (file: string) => string,
): Promise<string[]> {
  const folder = temporaryFolder();
  cpSync(dirname(original), folder, { recursive: true });
  const toRun = ({ command, server }: Step, ports: Map<string, string>) => {
    const [bare = "", comment = ""] = command.split(" # ");
    const [, name = ""] = /\b(?:tsx|node) (\S+)/.exec(bare)!;
    const file = join(folder, name);
    const [header, ...code] = readFileSync(file, "utf8").split(" */");
    let source = code.join(" */");
    const change = (place: RegExp, value: string) => {
      assert.match(source, place);
      source = source.replace(place, value);
    };
    for (const setting of comment ? comment.split(/, (?=\w+ = )/) : []) {
      const [name, value = ""] = setting.split(" = ");
      const old = '("[^"]*"|\\{[^}]*\\}|[\\w.]+)';
      change(RegExp(`(?<=\\b${name}( =|:) )${old}`), value);
    }
    const port = /(?<=const port = |host: "127.0.0.1",\s+port: )\d+/;
    if (server) change(port, "0");
    source = source.replaceAll(
      /(?<=\bport( =|:) )\d+/g,
      (port) => ports.get(port) ?? port,
    );
    writeFileSync(file, `${header} */${source}`);
    const runs = bare.replace(/\b(tsx|node) \S+/, start(file));
    return `cd ${folder} && ${runs}`;
  };
  return play(headerOf(join(folder, basename(original))), { toRun });
}
