import { createSocket } from "node:dgram";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { ask, listen, needs, node, run, serve, udp } from "../helper.ts";

const runtimes = {
  node22: "node22",
  node24: "node24",
  node26: "node26",
  deno: "deno run --no-prompt --allow-all",
  bun: "bun",
};
const taken = await listen(() => {});
const takenUdp = (await udp()).address().port;
const closed = await udp();
const free = closed.address().port;
closed.close();

/** A command, its input, and the line that it should print on stderr. */
const errors: [command: string, line: RegExp][] = [
  [`tcp/server.ts --port ${taken}`, /: in use: .*\n$/],
  [`udp/server.ts --port ${takenUdp}`, /: in use: .*\n$/],
  ["tcp/server.ts --host 192.0.2.1", /: no address of this machine.*\n$/],
  [`tcp/client.ts --port ${free}`, /: nothing listens there: .*\n$/],
  // Deno does not report that nothing listens, so the time limit speaks.
  [
    `udp/echo-client.ts --port ${free}`,
    /: (nothing listens there|no reply in time): .*\n$/,
  ],
  ["tcp/client.ts --host unknown.invalid", /: no address found: .*\n$/],
  [
    "udp/client.ts --port abc",
    /^--port takes a number such as 12000: see --help\n$/,
  ],
];

for (const [name, runtime] of Object.entries(runtimes)) {
  const withRuntime = needs(name);

  withRuntime(`${name} prints every transcript as written`, async () => {
    const command = `env "RUN=${runtime}" ${node} scripts/demo.ts all`;
    const { stdout, status } = await run(command);
    assert.is(status, 0, stdout);
  });

  withRuntime(`${name} reports errors in one line`, async () => {
    for (const [command, line] of errors) {
      const { stderr, status } = await run(`${runtime} ${command}`, "hello\n");
      assert.match(stderr, line);
      assert.is(stderr.split("\n").length, 2, stderr);
      assert.is(status, command.includes("abc") ? 2 : 1);
    }
  });

  withRuntime(
    `${name} keeps a UDP server running when clients vanish`,
    async () => {
      const server = await serve(`${runtime} udp/echo-server.ts --port 0`);
      for (let i = 0; i < 50; i++) {
        const client = createSocket("udp4");
        await new Promise((sent) =>
          client.send("bye", server.port, "127.0.0.1", sent),
        );
        client.close();
      }
      assert.is(await ask(server.port, "hello"), "hello");
      await server.stop();
    },
  );
}

test.run();
