import * as fs from "node:fs/promises";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { usual } from "../scripts/examples.ts";
import { root, run } from "../scripts/processes.ts";
import {
  consoleBlocks,
  headers,
  play,
  withPorts,
} from "../scripts/transcript.ts";
import { check, node, temporaryFolder } from "./harness.ts";

const examples = await headers();
const readmes = ["README.md", "udp/README.md", "tcp/README.md"];
const readme = readmes.flatMap((file) => consoleBlocks(file));

// It takes as long as a hang is waited for, so it goes first.
check("npm run demo names the pair that differs or hangs", async () => {
  const copy = temporaryFolder();
  for (const name of await fs.readdir(root))
    if (name !== "node_modules" && name !== ".git")
      await fs.cp(join(root, name), join(copy, name), { recursive: true });
  await fs.symlink(join(root, "node_modules"), join(copy, "node_modules"));
  const spoil = async (file: string, from: string, to: string) => {
    const source = await fs.readFile(join(copy, file), "utf8");
    assert.ok(source.includes(from));
    await fs.writeFile(join(copy, file), source.replace(from, to));
  };
  await spoil("udp/client.ts", " *     HELLO", " *     Hello");
  await spoil("tcp/echo-server.ts", "console.log(", "void (");
  await spoil("scripts/transcript.ts", "limit = 60_000", "limit = 6_000");
  const { stdout, stderr, exitCode } = await run(
    `cd ${copy} && ${node} scripts/demo.ts udp/walkthrough udp/client.ts tcp/echo`,
  );
  assert.match(stdout, /printed "HELLO\\n", not "Hello\\n"/);
  assert.match(stdout, /hung for \d+ ms: .* tcp\/echo-server.ts/);
  assert.match(stdout, /\n1 of 3 ran as their headers say/);
  assert.is(
    stderr,
    "failed: udp/server.ts udp/client.ts, tcp/echo-server.ts tcp/echo-client.ts\n",
  );
  assert.is(exitCode, 1);
});

// A server that stands alone in its header stands with its client in another.
// What the demo shows by itself is played in demo.test.ts.
const talking = examples.filter(
  ({ name, steps }) => !steps.every((s) => s.server) && !usual.includes(name),
);
const [first, ...others] = readme;
for (const transcript of [...talking, ...others])
  check(`the transcript in ${transcript.name} is real`, async () => {
    assert.ok(transcript.steps.length);
    assert.equal(await play(transcript), []);
  });

check("README.md's first transcript runs as it is", async () => {
  assert.match(first!.steps[0]!.command, /^npx tsx udp\/server.ts$/);
  assert.equal(await play(first!, { toRun: withPorts }), []);
});

check("README.md's table names every example", async () => {
  const text = await fs.readFile(join(root, "README.md"), "utf8");
  for (const { name } of examples) assert.ok(text.includes(name), name);
});

test.run();
