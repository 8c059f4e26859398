/**
 * What the examples share: default ports, the command line, and errors in one
 * line. The examples import nothing else of this project.
 */
import { type Options, options } from "./options.ts";

/** The default port of each service. 0 is any free port. */
export const ports: Record<string, number> = {
  uppercase: 12000, // notes-001
  echo: 2105, // notes-003
  relay: 12001,
  reliable: 12002,
  chat: 12003,
  discover: 12004,
  file: 12005,
  tftp: 6969,
  dns: 5300,
  http: 8080,
  websocket: 8081,
  smtp: 2525,
  any: 0,
};

/** What went wrong at an address, and what to do next. */
const problems: Record<string, string> = {
  EADDRINUSE: "in use: stop the other program or choose another --port",
  EADDRNOTAVAIL: "no address of this machine, or no local port is free",
  EACCES: "not allowed: the port is below 1024, or it is a broadcast address",
  ECONNREFUSED: "nothing listens there: start the server or check the --port",
  ECONNRESET: "connection closed before the reply was complete: try again",
  EPIPE: "connection closed before the reply was complete: try again",
  ENOTFOUND: "no address found: check the name or give an IP address",
  EAI_AGAIN: "no address found: check the network or give an IP address",
  EMSGSIZE: "too long for one datagram: send less",
  ABORT_ERR: "no reply in time: try again",
  ERR_SOCKET_BAD_PORT: "a --port is 1 to 65535; a server's 0 is any free one",
};

/**
 * Reads the command line. From then on an error that nothing catches ends the
 * program: with one line on stderr if it comes from the network or the system, or
 * if an example throws it as a plain Error. Any other is a bug and keeps its stack.
 *
 * @param service names the default port
 * @param own more options with their defaults, as options() takes them
 * @returns all options, among them `host` and `port`
 */
export function config<Own extends Options>(service: string, own = {} as Own) {
  const port = ports[service];
  if (port === undefined) throw new TypeError(`ports has no "${service}"`);
  const all = options(port, own);

  const fail = (error: NodeJS.ErrnoException) => {
    const { code = "", name, message } = error;
    const isBug = code.startsWith("ERR_") || (!code && name !== "Error");
    const line = `${all.host}:${all.port}: ${problems[code] ?? message}`;
    console.error(isBug && !problems[code] ? error : line);
    process.exit(code === "ERR_SOCKET_BAD_PORT" ? 2 : 1);
  };
  process.on("uncaughtException", fail);
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code === "EPIPE") process.exit(1); // nobody reads on: `| head -1`
    fail(error);
  });
  return all;
}
