import { once } from "node:events";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { quote } from "zx";
import { run } from "../scripts/processes.ts";
import { check, listen, node, nobody, pairs, udp } from "./harness.ts";

const ctrlC = "\x03";
const ctrlD = "\x04";
const up = "\x1b[A";

/** Runs a command in a terminal: what the screen shows, what is typed then. */
const terminal = (command: string, ...steps: string[]) =>
  run(`python3 test/terminal.py ${[command, ...steps].map(quote).join(" ")}`);

for (const { client } of [...pairs.udp, ...pairs.tcp]) {
  const prompt = client.includes("echo")
    ? "A message: "
    : "A lowercase sentence: ";

  check(
    `${client} prompts on a terminal, recalls lines, and ends at Ctrl-D`,
    async () => {
      const { stdout, exitCode } = await terminal(
        `${node} ${client} --port ${await parrot(client)}`,
        ...[prompt, "naïve\r"],
        ...[prompt, "\r"],
        ...[prompt, up + "té\x7fes\r"],
        ...["said naïvetes", `last\r${ctrlD}`],
      );
      const lines = shown(stdout);
      assert.equal(lines.slice(0, 6), [
        `${prompt}naïve`,
        "you said naïve",
        prompt,
        "you said ",
        `${prompt}naïvetes`,
        "you said naïvetes",
      ]);
      assert.equal(lines.slice(6), [
        `${prompt}last`,
        "you said last",
        prompt,
        "",
      ]);
      assert.is(exitCode, 0);
    },
    "python3",
  );

  check(
    `Ctrl-C ends ${client} at its prompt and while it waits`,
    async () => {
      const command = `${node} ${client} --port ${await parrot(client)}`;
      const atPrompt = await terminal(command, prompt, ctrlC);
      assert.equal(shown(atPrompt.stdout), [prompt, ""]);
      assert.is(atPrompt.exitCode, 130);
      const waiting = await terminal(
        command,
        ...[prompt, "silence\r"],
        ...["silence\r\r\n", ctrlC],
      );
      assert.equal(shown(waiting.stdout), [`${prompt}silence`, "", ""]);
      assert.is(waiting.exitCode, 130);
    },
    "python3",
  );
}

for (const client of ["udp/client.ts", "tcp/client.ts"])
  check(
    `${client} ends on a terminal when nobody answers`,
    async () => {
      const [host, port] = await nobody(client);
      const { stdout, exitCode } = await terminal(
        `${node} ${client} --host ${host} --port ${port}`,
        ...["sentence: ", "hello\r"],
      );
      const [line, error, ...rest] = shown(stdout);
      assert.is(line, "A lowercase sentence: hello");
      assert.match(error!, `nothing answers on ${host}:${port}: `);
      assert.equal(rest, [""]);
      assert.is(exitCode, 1);
    },
    "python3",
    "linux",
  );

for (const file of ["udp/client.ts", "tcp/echo-client.ts"])
  check(
    `${file} shows no prompt when its input or its errors go elsewhere`,
    async () => {
      const command = `${node} ${file} --port ${await parrot(file)}`;
      const piped = await terminal(`sh -c 'echo hello | ${command}'`);
      assert.is(piped.stdout, "you said hello\r\n");
      const logged = await terminal(
        `${command} 2>/dev/null`,
        ...["", "hello\r"],
        ...["you said hello\r\n", ctrlD],
      );
      assert.is(logged.stdout, "hello\r\nyou said hello\r\n");
    },
    "python3",
  );

for (const file of ["udp/echo-server.ts", "tcp/server.ts"])
  check(
    `Ctrl-C ends ${file} on a terminal`,
    async () => {
      const { stdout, exitCode } = await terminal(
        `tsx ${file} --port 0 --host 127.0.0.79`,
        ...["\r\n", ctrlC],
      );
      assert.match(
        stdout,
        /^The \w+ server is ready on 127.0.0.79:\d+\r\n\^C$/,
      );
      assert.is(exitCode, 130);
    },
    "python3",
    "linux",
  );

test.run();

/** The lines that a terminal shows in the end. */
function shown(output: string): string[] {
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
async function parrot(client: string): Promise<number> {
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
