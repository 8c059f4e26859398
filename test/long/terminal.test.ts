import { once } from "node:events";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { listen, needs, node, serve, start, udp } from "../helper.ts";

/** Starts a program on a terminal (Linux): what is written to stdin is typed. */
const terminal = (program: string) =>
  start(`script -qec '${node} ${program}' /dev/null`);

const keys = { "Ctrl-C": "\x03", "Ctrl-D": "\x04" };

for (const pair of ["udp/", "udp/echo-", "tcp/", "tcp/echo-"])
  for (const [key, code] of Object.entries(keys))
    needs("script")(`${key} ends ${pair}client.ts between lines`, async () => {
      const { port, stop } = await serve(`${pair}server.ts`);
      const typing = terminal(`${pair}client.ts --port ${port}`);
      await typing.line(/^Type (sentences|messages), then Ctrl-D:/);
      typing.stdin.write("hello\r");
      await typing.line(/^hello\r\nhello/im); // the typed line, and the reply
      typing.stdin.write(code);
      const { status } = await typing.ended();
      assert.is(status, key === "Ctrl-C" ? 130 : 0);
      await stop();
    });

needs("script")("Ctrl-C ends a client that waits for a reply", async () => {
  const silent = await udp();
  const { port } = silent.address();
  const typing = terminal(`udp/echo-client.ts --port ${port}`);
  await typing.line(/^Type messages, then Ctrl-D:/);
  typing.stdin.write("hello\r");
  await once(silent.ref(), "message");
  silent.unref();
  typing.stdin.write("\x03");
  assert.is((await typing.ended()).status, 130);
});

needs("script")("tcp/netcat.ts ends when its peer does", async () => {
  const port = await listen((connection) => {
    connection.once("data", (text) => connection.end(`${text}and out\n`));
  });
  const program = terminal(`tcp/netcat.ts 127.0.0.1 ${port}`);
  await program.line(/^Connected. Type lines, then Ctrl-D:\r$/m);
  program.stdin.write("hello\n");
  const { stdout, status } = await program.ended();
  assert.match(stdout, /\nhello\r\nhello\r\nand out\r\n$/);
  assert.is(status, 0);
});

test.run();
