import { randomUUID } from "node:crypto";
import * as fs from "node:fs";
import { join, resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { needs, node, run, start, temporaryFolder } from "../helper.ts";

/** Waits until no process has a text in its environment (Linux). */
async function gone(text: string) {
  const isThere = (pid: string) => {
    try {
      return fs.readFileSync(`/proc/${pid}/environ`, "utf8").includes(text);
    } catch {
      return false; // it has ended meanwhile
    }
  };
  const pids = () => fs.readdirSync("/proc").filter((name) => Number(name));
  while (pids().some(isThere)) await sleep(20);
}

test("a transcript that is not true is shown, and the exit status is 1", async () => {
  const copy = temporaryFolder();
  for (const name of ["scripts", "shared", "udp", "tcp", "package.json"])
    fs.cpSync(name, join(copy, name), { recursive: true });
  fs.symlinkSync(resolve("node_modules"), join(copy, "node_modules"));
  const file = join(copy, "udp/walkthrough.ts");
  const text = fs.readFileSync(file, "utf8");
  // The line with which the client prints the reply.
  const reply = /"reply message"(?=\n.*client: close)/;
  fs.writeFileSync(file, text.replace(reply, '"other"'));
  const command = `${node} ${copy}/scripts/demo.ts udp/walkthrough`;
  const { stdout, status } = await run(command);
  assert.match(stdout, /^tsx udp\/walkthrough.ts should print:$/m);
  assert.match(stdout, /^client: recvfrom \S+ "other"$/m);
  assert.not.match(stdout, /\x1b/); // no colours in a pipe
  assert.is(status, 1);
});

test("an unknown name is answered with those that there are", async () => {
  const { stderr, status } = await run("scripts/demo.ts foo");
  assert.match(stderr, /^There is no foo. There are: udp\/chat, .*, all\n$/);
  assert.is(status, 1);
});

for (const [what, signal, status] of [
  ["Ctrl-C", "SIGINT", 130],
  ["Ctrl-\\", "SIGQUIT", 131],
] as const)
  needs("linux")(`${what} leaves no process of the demo`, async () => {
    const mark = randomUUID();
    const demo = start(`env MARK=${mark} ${node} scripts/demo.ts udp/relay`);
    await demo.line(/server is ready/);
    assert.is((await demo.stop(signal)).status, status);
    await gone(mark);
  });

needs("linux")("the demo ends with `| head`", async () => {
  const mark = randomUUID();
  const demo = `env MARK=${mark} ${node} scripts/demo.ts`;
  const { stdout } = await run(`${demo} | head -5`);
  assert.is(stdout.split("\n").length, 6);
  await gone(mark);
});

test("where bash is missing, the demo says so", async () => {
  const path = temporaryFolder();
  fs.symlinkSync(process.execPath, join(path, "node"));
  const demo = `env PATH=${path} ${node} scripts/demo.ts`;
  const { stderr, status } = await run(demo);
  assert.match(stderr, /^This script needs bash: .*\n$/);
  assert.is(status, 1);
});

test.run();
