/**
 * Where a server and its clients meet: the default port of each service, and
 * the command line. The one module that examples import.
 */
import { readFileSync } from "node:fs";
import { isIPv6 } from "node:net";
import { parseArgs, type ParseArgsConfig } from "node:util";

/** Each service's default port (notes-001, notes-003). 0 is any free port. */
export const ports = {
  uppercase: 12000,
  echo: 2105,
  walkthrough: 0,
  relay: 12001,
  reliable: 12002,
  chat: 12003,
  dns: 5300,
  http: 8080,
  smtp: 2525,
};

interface Address {
  address: string;
  port: number;
}
type Value = string | number | boolean | string[] | Address;

/**
 * Reads the command line of the example that was started.
 *
 * In: the service; the example's own options with their defaults, which are
 * texts, numbers from 0, false, lists of texts, or addresses: `{ name: "ada" }`
 * makes a `--name`; those of them that may be given in this order as words,
 * without a `--name`. Out: `host`, `port` (0 to 65535), and those options.
 * `--help` prints the example's header and the options, and exits with 0. A
 * mistake is told in a line on stderr, and exits with 2.
 */
export function config<Own extends Record<string, Value>>(
  service: keyof typeof ports,
  own = {} as Own,
  words: (keyof Own & string)[] = [],
): Own & { host: string; port: number } {
  const defaults = { host: "127.0.0.1", port: ports[service], ...own };
  const options: NonNullable<ParseArgsConfig["options"]> = {};
  for (const [name, value] of Object.entries(defaults))
    if (typeof value === "boolean")
      options[name] = { type: "boolean", default: value };
    else if (Array.isArray(value))
      options[name] = { type: "string", default: value, multiple: true };
    else options[name] = { type: "string", default: written(value) };
  options.help = { type: "boolean" };
  try {
    const { values, positionals } = parseArgs({
      options,
      allowPositionals: words.length > 0,
    });
    for (const [i, word] of positionals.entries()) {
      const name = words[i];
      if (!name) throw new Error(`Unexpected argument '${word}'`);
      values[name] = word;
    }
    if (values.help) {
      console.log(`${header()}\n\nOptions:`);
      for (const [name, option] of Object.entries(options)) {
        const { type, multiple, default: value } = option;
        const dashed = words.includes(name) ? `[--${name}]` : `--${name}`;
        const word = type === "string" ? ` ${name.toUpperCase()}` : "";
        const more = multiple ? "..." : "";
        const usual = `${value || ""}` ? `  (default ${value})` : "";
        console.log(`  ${dashed}${word}${more}${usual}`);
      }
      process.exit();
    }
    if (!/^\d+$/.test(`${values.port}`) || Number(values.port) > 65535)
      throw new Error("--port takes a whole number from 0 to 65535");
    if (values.port === "0" && /client(\.ts)?$/.test(process.argv[1] ?? ""))
      throw new Error("--port 0 is any free port, and only a server takes one");
    const read = Object.entries(defaults).map(([name, like]) => {
      const value = values[name];
      if (typeof like === "boolean") return [name, value];
      if (!Array.isArray(like)) return [name, parse(name, `${value}`, like)];
      return [name, (value as string[]).map((text) => parse(name, text, "x"))];
    });
    return Object.fromEntries(read);
  } catch (error) {
    // Some of Node's messages are several lines long.
    const message = (error as Error).message.replaceAll("\n", " ");
    const asked = process.argv.includes("--help"); // and Deno may not read it
    console.error(asked ? message : `${message}: try --help`);
    process.exit(2);
  }
}

/** An option's text as a value like its default. */
function parse(name: string, text: string, like: string | number | Address) {
  if (typeof like === "number") {
    if (/^\d{1,9}(\.\d+)?$/.test(text)) return Number(text);
    throw new Error(`--${name} takes a number below a billion`);
  }
  if (typeof like === "object") {
    const [, address = "", port] = /^\[?(.+?)\]?:(\d{1,5})$/.exec(text) ?? [];
    if (Number(port) > 0 && Number(port) < 65536)
      return { address, port: Number(port) };
    throw new Error(`--${name} takes an address and a port: ${written(like)}`);
  }
  if (text || !like) return text;
  throw new Error(`--${name} must not be empty`);
}

/** A default as it is written on the command line. */
function written(value: string | number | Address) {
  if (typeof value !== "object") return `${value}`;
  const { address, port } = value;
  return `${isIPv6(address) ? `[${address}]` : address}:${port}`;
}

/** The started file's header, as text. `tsx udp/server` starts a .ts, too. */
export function header(): string {
  const file = process.argv[1]?.replace(/(\.ts)?$/, ".ts") ?? "";
  const [comment = ""] = readFileSync(file, "utf8").split(" */", 1);
  return comment
    .replace("/**", "")
    .replaceAll(/^ \* ?/gm, "")
    .trim();
}
