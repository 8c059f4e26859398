import { once } from "node:events";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { needs, node, run, serve, start, udp } from "../helper.ts";

const runtimes = {
  node: "node --import tsx",
  node22: "node22",
  node24: "node24",
  node26: "node26",
  deno: "deno run --no-prompt --allow-all",
  bun: "bun",
};
const taken = (await udp()).address().port;
const closed = await udp();
const free = closed.address().port;
closed.close();

/** A command, its input, and the line that it should print on stderr. */
const errors: [command: string, line: RegExp][] = [
  [`udp/server.ts --port ${taken}`, /: in use: .*\n$/],
  // Deno does not report that nothing listens, so the time limit speaks.
  [`udp/echo-client.ts --port ${free}`, /: no(thing listens| reply).*\n$/],
  ["tcp/client.ts --port 0", /127.0.0.1:0: .*\n$/],
];

for (const [name, runtime] of Object.entries(runtimes)) {
  const withRuntime = needs(name);
  // They mostly wait, so all runtimes play at the same time.
  const command = `env "RUN=${runtime}" ${node} scripts/demo.ts all`;
  const demo = withRuntime === test ? start(command) : undefined;

  withRuntime(`${name} prints every transcript as written`, async () => {
    const { stdout, status } = await demo!.ended();
    assert.is(status, 0, stdout);
  });

  withRuntime(`${name} reports errors in one line`, async () => {
    for (const [command, line] of errors) {
      const { stderr, status } = await run(`${runtime} ${command}`, "hello\n");
      assert.match(stderr, line);
      assert.is(stderr.split("\n").length, 2, stderr);
      assert.ok(status === 1 || status === 2, `${status}`);
    }
  });

  withRuntime(`${name} outlives UDP clients that vanish`, async () => {
    const server = await serve(`${runtime} udp/echo-server.ts --port 0`);
    for (let i = 0; i < 50; i++) {
      const client = await udp(server.port);
      await new Promise((sent) => client.send("bye", sent));
      client.close();
    }
    const client = await udp(server.port);
    // Under Bun an error that a vanished client left can cost one more reply.
    const asking = setInterval(() => client.send("hello"), 100);
    const signal = AbortSignal.timeout(60_000);
    const [reply] = await once(client, "message", { signal });
    clearInterval(asking);
    assert.is(`${reply}`, "hello");
    await server.stop();
  });
}

test.run();
