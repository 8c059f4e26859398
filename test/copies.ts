/**
 * Copies of the examples, and how to play the transcripts in their headers.
 */
import { cpSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { copyTo } from "../scripts/copies.ts";
import { examples } from "../scripts/examples.ts";
import { headerOf, play, withPorts } from "../scripts/transcript.ts";
import { temporaryFolder } from "./harness.ts";

const all = await examples();

/**
 * Copies all examples, to a folder that goes when its file's checks have ended.
 *
 * @param options as copyTo() takes them
 * @returns where the copy of an example is, whatever its ending
 */
export async function copyAll(
  options?: Parameters<typeof copyTo>[2],
): Promise<(name: string) => string> {
  const copies = temporaryFolder();
  const paths = new Map<string, string>();
  for (const folder of ["udp", "tcp"]) {
    const chosen = all.filter(({ file }) => dirname(file) === folder);
    const written = await copyTo(chosen, join(copies, folder), options);
    for (const [i, { file }] of chosen.entries()) paths.set(file, written[i]!);
  }
  return (name) => paths.get(name)!;
}

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
