import { parseArgs, type ParseArgsConfig } from "node:util";
import { header } from "../shared/config.ts";

/**
 * Reads a script's command line. In: its options, as of parseArgs(). Out: what
 * that gives. `--help` prints the script's header, and a mistake ends it.
 */
export function commandLine<T extends ParseArgsConfig>(
  config: T,
): ReturnType<typeof parseArgs<T>> {
  if (process.argv.includes("--help")) {
    console.log(header());
    process.exit();
  }
  try {
    return parseArgs(config);
  } catch (error) {
    const [what] = (error as Error).message.split(/\. |\n/, 1);
    return mistake(`${what}: try -- --help`);
  }
}

/** Tells a mistake in a line on stderr, and exits with 2. */
export function mistake(message: string): never {
  console.error(message);
  process.exit(2);
}
