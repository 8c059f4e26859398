/**
 * Copies of the examples, and how to play the transcripts in their headers.
 */
import { cpSync, readdirSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import * as assert from "uvu/assert";
import type { ProcessOutput } from "zx";
import { run } from "../scripts/processes.ts";
import { headerOf, play, withPorts } from "../scripts/transcript.ts";
import { node, temporaryFolder } from "./harness.ts";

/**
 * Copies all examples, to a folder that goes when its file's checks have ended.
 *
 * @param options for the script, such as `--js`
 * @returns where the copy of an example is, whatever its ending
 */
export async function copyAll(options = ""): Promise<(name: string) => string> {
  const copies = temporaryFolder();
  for (const transport of ["udp", "tcp"]) {
    const to = join(copies, transport);
    assert.is((await copy(`${transport} ${to} ${options}`)).stderr, "");
  }
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
 * copies beside it.
 *
 * @param original the copy
 * @param start the command that runs a file
 * @returns what differs, as play() tells it
 */
export async function playCopy(
  original: string,
  start: (file: string) => string,
): Promise<string[]> {
  const folder = temporaryFolder();
  cpSync(dirname(original), folder, { recursive: true });
  return play(headerOf(join(folder, basename(original))), {
    toRun(step, ports) {
      const command = withPorts(step, ports).replace(
        /\b(tsx|node) (\S+\.m?[jt]s)/g,
        (_, _runs, file: string) => start(join(folder, file)),
      );
      return `cd ${folder} && ${command}`;
    },
  });
}
