import { once } from "node:events";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { quote } from "zx";
import { run } from "../scripts/processes.ts";
import { check, listen, node, nobody, pairs, udp } from "./harness.ts";

const ctrlC = "\x03";
const ctrlD = "\x04";

/** Runs a command in a terminal: what the screen shows, what is typed then. */
const terminal = (command: string, ...steps: string[]) =>
  run(`python3 test/terminal.py ${[command, ...steps].map(quote).join(" ")}`);

for (const { client } of [...pairs.udp, ...pairs.tcp]) {
  const prompt = client.includes("echo")
    ? "A message: "
    : "A lowercase sentence: ";

  check(
    `${client} prompts on a terminal, until Ctrl-D`,
    async () => {
      const { stdout, exitCode } = await terminal(
        `${node} ${client} --port ${await greeter(client)}`,
        ...[prompt, "naïve\r"],
        ...[prompt, "\r"],
        ...[prompt, ctrlD],
      );
      assert.is(
        stdout,
        `${prompt}naïve\r\nhi\r\n${prompt}\r\nhi\r\n${prompt}\r\n`,
      );
      assert.is(exitCode, 0);
    },
    "python3",
  );

  check(
    `Ctrl-C ends ${client}`,
    async () => {
      const { stdout, exitCode } = await terminal(
        `tsx ${client} --port ${await greeter(client)}`,
        ...[prompt, "silence\r"],
        ...["silence\r\n", ctrlC],
      );
      assert.is(stdout, `${prompt}silence\r\n^C`);
      assert.is(exitCode, 130);
    },
    "python3",
  );

  check(
    `${client} ends on a terminal when nobody answers`,
    async () => {
      const [host, port] = await nobody(client);
      const { stdout, exitCode } = await terminal(
        `${node} ${client} --host ${host} --port ${port}`,
        ...[prompt, "hello\r"],
      );
      assert.match(
        stdout,
        RegExp(
          `^${prompt}hello\r\nnothing answers on ${host}:${port}: .+\r\n$`,
        ),
      );
      assert.is(exitCode, 1);
    },
    "python3",
  );
}

for (const file of ["udp/client.ts", "tcp/echo-client.ts"])
  check(
    `${file} shows no prompt when its input or its errors go elsewhere`,
    async () => {
      const command = `${node} ${file} --port ${await greeter(file)}`;
      const piped = await terminal(`sh -c 'echo hello | ${command}'`);
      assert.is(piped.stdout, "hi\r\n");
      const logged = await terminal(
        `${command} 2>/dev/null`,
        ...["", "hello\r"],
        ...["hello\r\nhi\r\n", ctrlD],
      );
      assert.is(logged.stdout, "hello\r\nhi\r\n");
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
  );

test.run();

/** A server for a client, which answers "hi" but to "silence", and its port. */
async function greeter(client: string): Promise<number> {
  if (client.startsWith("tcp/"))
    return listen(async (connection) => {
      let sentence = "";
      connection.on("data", (chunk) => (sentence += chunk));
      await once(connection, "end");
      if (sentence !== "silence") connection.end("hi");
    });
  const socket = await udp();
  socket.on("message", (message, { port }) => {
    if (`${message}` !== "silence") socket.send("hi", port);
  });
  return socket.address().port;
}
