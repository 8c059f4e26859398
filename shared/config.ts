/**
 * Where a server and its clients meet: the default port of each service, and
 * the command line. The one module that examples import.
 */
import { readFileSync } from "node:fs";
import { parseArgs, type ParseArgsConfig } from "node:util";

/** Each service's default port (notes-001, notes-003). 0 is any free port. */
const ports = {
  uppercase: 12000,
  echo: 2105,
  walkthrough: 0,
  relay: 12001,
  reliable: 12002,
  chat: 12003,
};

/**
 * Reads the command line of the example that was started.
 *
 * In: the service, and the example's own options with their defaults, which
 * are texts, numbers from 0, or false: `{ name: "ada" }` makes a `--name`.
 * Out: `host`, `port` (0 to 65535), and those options. `--help` prints the
 * example's header and the options, and exits with 0. A mistake is told in a
 * line on stderr, and exits with 2.
 */
export function config<Own extends Record<string, string | number | boolean>>(
  service: keyof typeof ports,
  own = {} as Own,
): Own & { host: string; port: number } {
  const defaults = { host: "127.0.0.1", port: ports[service], ...own };
  const options: ParseArgsConfig["options"] = { help: { type: "boolean" } };
  for (const [name, value] of Object.entries(defaults))
    options[name] =
      typeof value === "boolean"
        ? { type: "boolean", default: value }
        : { type: "string", default: `${value}` };
  try {
    const { help, ...values } = parseArgs({ options }).values;
    if (help) {
      console.log(`${header()}\n\nOptions:`);
      for (const [name, value] of Object.entries(defaults)) {
        const flag = typeof value === "boolean";
        const word = flag ? "" : ` ${name.toUpperCase()}`;
        const told = flag || value === "" ? "" : `  (default ${value})`;
        console.log(`  --${name}${word}${told}`);
      }
      console.log("  --help");
      process.exit();
    }
    if (!/^\d+$/.test(`${values.port}`) || Number(values.port) > 65535)
      throw new Error("--port takes a whole number from 0 to 65535");
    for (const [name, value] of Object.entries(defaults))
      if (value !== "" && values[name] === "")
        throw new Error(`--${name} must not be empty`);
    const numbers = Object.entries(defaults)
      .filter(([, value]) => typeof value === "number")
      .map(([name]) => {
        if (!/^\d{1,9}(\.\d+)?$/.test(`${values[name]}`))
          throw new Error(`--${name} takes a number below a billion`);
        return [name, Number(values[name])];
      });
    return { ...defaults, ...values, ...Object.fromEntries(numbers) };
  } catch (error) {
    // Some of Node's messages are several lines long.
    console.error((error as Error).message.replaceAll("\n", " "));
    process.exit(2);
  }
}

/** The started file's header, as text. `tsx udp/server` starts a .ts, too. */
function header() {
  const file = process.argv[1]?.replace(/(\.ts)?$/, ".ts") ?? "";
  const [comment = ""] = readFileSync(file, "utf8").split(" */", 1);
  return comment
    .replace("/**", "")
    .replaceAll(/^ \* ?/gm, "")
    .trim();
}
