/** The command line of a program. It knows nothing of this project. */
import { parseArgs } from "node:util";

/** Each option has a value of the type of its default. */
export type Options = Record<string, string | number | boolean | string[]>;

/**
 * Reads the command line. A mistake in it ends the program with one line and exit
 * status 2; --help prints the comment at the top of the program, and the options.
 *
 * @param port the default of --port; that of --host is 127.0.0.1
 * @param own more options with their defaults: a text, a whole number or a switch
 *   (false); `words` gets the arguments that belong to no option
 */
export function options<Own extends Options>(port: number, own = {} as Own) {
  const all: Options = { host: "127.0.0.1", port, ...own };
  const types: Record<string, { type: "string" | "boolean" }> = {};
  for (const [name, value] of Object.entries(all))
    types[name] = { type: value === false ? "boolean" : "string" };
  // Not strict: its messages do not say what an option takes.
  const { values, positionals } = parseArgs({ options: types, strict: false });
  if (values.help) {
    const { readFileSync } = process.getBuiltinModule("node:fs");
    const [comment = ""] = readFileSync(process.argv[1]!, "utf8").split("*/");
    console.log(comment.replaceAll(/^(\/\*| )\* ?/gm, "").trim());
    console.log("\nOptions and their defaults:", all);
    process.exit();
  }
  const refuse = (problem: string) => {
    console.error(`${problem}: see --help`);
    process.exit(2);
  };
  for (const [name, value] of Object.entries(values)) {
    const initial = all[name];
    const isOption = Object.hasOwn(all, name) && name !== "words";
    const limit = name === "port" ? 65_535 : 999_999_999;
    const isNumber = /^\d+$/.test(`${value}`) && Number(value) <= limit;
    const isText = typeof value === "string" && value !== "";
    if (!isOption) refuse(`there is no option --${name}`);
    if (typeof initial === "number" && !isNumber)
      refuse(`--${name} takes 0 to ${limit}, such as ${initial}`);
    if (typeof initial === "string" && !isText)
      refuse(`--${name} takes a text such as ${initial}`);
    if (initial === false && value !== true) refuse(`--${name} takes no value`);
    all[name] = typeof initial === "number" ? Number(value) : value!;
  }
  const [word] = positionals;
  if (word !== undefined && !all.words) refuse(`unexpected argument ${word}`);
  if (word !== undefined) all.words = positionals;
  return all as Own & { host: string; port: number };
}
