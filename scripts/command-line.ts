import { parseArgs, type ParseArgsConfig } from "node:util";
import { header } from "../shared/config.ts";

/**
 * Reads a script's command line. `--help` prints the script's header, and a
 * mistake ends it.
 *
 * @param config the options, as parseArgs() takes them
 * @returns what parseArgs() gives
 */
export function commandLine<T extends ParseArgsConfig>(
  config: T,
): ReturnType<typeof parseArgs<T>> {
  process.stdout.on("error", () => process.exit(1)); // as in: npm run demo | head
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

/**
 * Ends a script that was called wrongly, with 2.
 *
 * @param message the line on stderr that says what is wrong
 */
export function mistake(message: string): never {
  console.error(message);
  process.exit(2);
}
