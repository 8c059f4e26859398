/** Where a server and its clients meet. The examples import nothing else. */
import { fstatSync, readFileSync } from "node:fs";
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
  netcat: 0,
};
type Options = Record<string, string | number | boolean | string[]>;

/**
 * Reads the command line. From then on, an error of the network or the user ends
 * the program with a line on stderr; a mistake in the program keeps its stack.
 * @param service whose port is the default
 * @param own more options with their defaults; `words` gets the nameless ones
 * @returns all options, with `host` and `port` (0 to 65535)
 */
export function config<Own extends Options>(
  service: keyof typeof ports,
  own = {} as Own,
): Own & { host: string; port: number } {
  const defaults = { host: "127.0.0.1", port: ports[service], ...own };
  const options = { ...defaults, ...commandLine(defaults) };
  options.host = options.host.replace(/^\[(.+)\]$/, "$1"); // [::1] is ::1
  const { host, port } = options;
  if (!host) end("--host must not be empty", 2);
  if (port > 65535) end("--port takes a whole number from 0 to 65535", 2);
  if (fstatSync(0).isDirectory()) end("standard input is a directory");
  const at = `${host}:${port}`;
  const words: Record<string, string> = {
    EADDRINUSE: `${at} is in use: stop the other program or take another --port`,
    EADDRNOTAVAIL: `${at} is not an address of this machine; 0.0.0.0 is all of them, but only for a server`,
    EACCES: `not allowed to use ${at}: take a --port above 1023`,
    ECONNREFUSED: `nothing answers on ${at}: start the ${service} server there, with --port ${port}`,
    ECONNRESET: `${at} cut the connection before the reply was complete: try again`,
    EPIPE: `${at} cut the connection before the reply was complete: try again`,
    ENOTFOUND: `no address is known for ${host}: check the name or give an IP address`,
    EMSGSIZE: `too long for one datagram to ${at}: send less`,
    ABORT_ERR: `no reply from ${at} in time: try again`,
    ENOSPC: "cannot write to standard output (ENOSPC)",
    ERR_SOCKET_BAD_PORT: "--port 0 is any free port, and only for a server",
  };
  process.on("uncaughtException", (error: NodeJS.ErrnoException) => {
    const { code = "", message } = error;
    const system = /^E[A-Z]+$/.test(code); // and no mistake in the program
    end(words[code] ?? (system ? `${at}: ${message || code}` : error));
  });
  process.stdout.on("error", ({ code }: NodeJS.ErrnoException) => {
    if (code === "EPIPE") process.exit(1); // nobody reads on: client | head -1
    end(`cannot write to standard output (${code})`);
  });
  return options;
}

/** The options that were given, each of the type of its default. */
function commandLine(defaults: Options): Options {
  const options: ParseArgsConfig["options"] = { help: { type: "boolean" } };
  for (const [name, value] of Object.entries(defaults)) {
    const type = typeof value === "boolean" ? "boolean" : "string";
    options[name] = { type, multiple: Array.isArray(value) };
  }
  try {
    const allowPositionals = "words" in defaults;
    const { values, positionals } = parseArgs({ options, allowPositionals });
    if (values.help) end(header(), 0);
    const given = { ...values, words: positionals } as Options;
    for (const [name, text] of Object.entries(given)) {
      if (typeof defaults[name] !== "number") continue;
      if (!/^\d+$/.test(`${text}`)) end(`--${name} takes a whole number`, 2);
      given[name] = Number(text);
    }
    return given;
  } catch (error) {
    return end((error as Error).message.split(/\. |\n/, 1)[0], 2);
  }
}

/** The header of the program that was started, as text. */
export function header(): string {
  const source = readFileSync(process.argv[1] ?? "", "utf8");
  const comment = source.slice("/**".length, source.indexOf("*/"));
  return comment.replaceAll(/^ \* ?/gm, "").trim();
}

/** Ends the program with a line, or with an error and its stack. */
function end(message: string | Error = "", status = 1): never {
  if (status === 0) console.log(message);
  else console.error(message);
  process.exit(status);
}
