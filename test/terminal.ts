/**
 * What the tests need that show a program on a terminal.
 */
import { once } from "node:events";
import * as assert from "uvu/assert";
import { quote, type ProcessOutput } from "zx/core";
import { run } from "../scripts/processes.ts";
import { check, listen, node, pairs, udp } from "./harness.ts";

export const ctrlC = "\x03";
export const ctrlD = "\x04";
export const up = "\x1b[A";

/**
 * Runs a command in a terminal.
 *
 * @param command what runs
 * @param steps in turn what the screen shows, and what is typed then
 */
export const terminal = (
  command: string,
  ...steps: string[]
): Promise<ProcessOutput> =>
  run(`python3 test/terminal.py ${[command, ...steps].map(quote).join(" ")}`);

/** Each client that prompts, and where Ctrl-C ends it. */
export const interrupted = [...pairs.udp, ...pairs.tcp].flatMap(
  ({ client }) => [
    { client, waiting: false },
    { client, waiting: true },
  ],
);

/** Defines a check that Ctrl-C ends a client, at its prompt or while it waits. */
export function checkCtrlC({ client, waiting }: (typeof interrupted)[0]): void {
  check(
    `Ctrl-C ends ${client} ${waiting ? "while it waits" : "at its prompt"}`,
    async () => {
      const typed = waiting ? [": ", "silence\r", "silence\r\r\n"] : [": "];
      const { stdout, exitCode } = await terminal(
        `${node} ${client} --port ${await parrot(client)}`,
        ...[...typed, ctrlC],
      );
      const [line = "", ...rest] = shown(stdout);
      assert.match(line, waiting ? /: silence$/ : /: $/);
      assert.equal(rest, waiting ? ["", ""] : [""]);
      assert.is(exitCode, 130);
    },
    "python3",
  );
}

/** The lines that a terminal shows in the end. */
export function shown(output: string): string[] {
  // What redraws the line: the cursor to a column, and what is right of it gone.
  const lines = output.split(/\r*\n/).map((line) => {
    let cells = "";
    let column = 0;
    for (const [, move, erase, text = ""] of line.matchAll(
      /\x1b\[(\d+)G|(\x1b\[0J)|([^\x1b]+)/g,
    )) {
      if (move) column = Number(move) - 1;
      if (erase) cells = cells.slice(0, column);
      cells = cells.slice(0, column) + text + cells.slice(column + text.length);
      column += text.length;
    }
    return cells;
  });
  return lines;
}

/**
 * Starts a server for a client that says what it was told, but for "silence".
 *
 * @param client the example, which tells the transport
 * @returns its port
 */
export async function parrot(client: string): Promise<number> {
  if (client.startsWith("tcp/"))
    return listen(async (connection) => {
      let sentence = "";
      connection.on("data", (chunk) => (sentence += chunk));
      connection.on("error", () => {}); // Ctrl-C
      await once(connection, "end");
      if (sentence !== "silence") connection.end(`you said ${sentence}`);
    });
  const socket = await udp();
  socket.on("message", (message, { port }) => {
    if (`${message}` !== "silence") socket.send(`you said ${message}`, port);
  });
  return socket.address().port;
}
