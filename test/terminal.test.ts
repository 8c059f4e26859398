import { test } from "uvu";
import * as assert from "uvu/assert";
import { check, node, nobody, pairs } from "./harness.ts";
import {
  checkCtrlC,
  ctrlC,
  ctrlD,
  interrupted,
  parrot,
  shown,
  terminal,
  up,
} from "./terminal.ts";

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
}

// One of the two for each client. The long tests have the other.
for (const [i, one] of interrupted.entries())
  if (i % 4 === 0 || i % 4 === 3) checkCtrlC(one);

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
