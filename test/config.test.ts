import { cpSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { config } from "../shared/config.ts";
import { listen, needs, node, run, serve } from "./helper.ts";
import { temporaryFolder, udp } from "./helper.ts";

/** An example of our own. */
const folder = temporaryFolder();
cpSync("shared", join(folder, "shared"), { recursive: true });
mkdirSync(join(folder, "udp"));
writeFileSync(join(folder, "package.json"), '{ "type": "module" }');
function example(name: string, code: string): string {
  const file = join(folder, "udp", name);
  const comment = "/**\n * What it does.\n *\n *     $ tsx it\n */\n";
  const imported = 'import { config } from "../shared/config.ts";\n';
  writeFileSync(file, comment + imported + code);
  return `${node} ${file}`;
}
test("--help prints the comment at the top and the options", async () => {
  const words = example("words.ts", 'config("any", { words: ["a"] })');
  const { stdout, status } = await run(`${words} --help`);
  const [comment, options] = stdout.split("Options and their defaults: ");
  assert.is(comment, "What it does.\n\n    $ tsx it\n\n");
  assert.is(options, "{ host: '127.0.0.1', port: 0, words: [ 'a' ] }\n");
  assert.is(status, 0);
});

test("a service that has no port is an error", () => {
  assert.throws(() => config("time"), /"time"/);
});

test("a bug keeps its stack", async () => {
  const code = 'config("echo");\nJSON.parse("null").x();';
  const { stderr, status } = await run(example("bug.ts", code));
  assert.match(stderr, /^TypeError: .*\n    at .*bug\.ts:/);
  assert.is(status, 1);
});

const taken = await listen(() => {});
const takenUdp = (await udp()).address().port;
const at = "127.0.0.1";
for (const [command, problem] of Object.entries({
  [`tcp/server.ts --port ${taken}`]: `${at}:${taken}: in use`,
  [`udp/server.ts --port ${takenUdp}`]: `${at}:${takenUdp}: in use`,
  "tcp/server.ts --host 192.0.2.1": "192.0.2.1:12000: no address of this",
  "udp/server.ts --host no.invalid": "no.invalid:12000: no address found",
  "echo a | udp/client.ts --host 127.255.255.255":
    "127.255.255.255:12000: not allowed: .* broadcast address",
}))
  test(`"${command}" prints one line: ${problem}`, async () => {
    const { stdout, stderr, status } = await run(command);
    assert.is(stdout, "");
    assert.match(stderr, RegExp(`^${problem}.*\n$`));
    assert.is(status, 1);
  });

test("any other error of the system is reported in its own words", async () => {
  const error = 'Object.assign(new Error("no route"), { code: "ENETUNREACH" })';
  const throwing = `config("echo"); throw ${error};`;
  const { stderr } = await run(example("system.ts", throwing));
  assert.is(stderr, "127.0.0.1:2105: no route\n");
});

const { port } = await serve("udp/server.ts");

test("an output that nobody reads any more ends a program quietly", async () => {
  const client = `${node} udp/client.ts --port ${port}`;
  const status = `yes | (${client}; echo status $? >&2)`;
  const result = await run(`sh -c '${status}' | head -1`);
  assert.equal(result, { stdout: "Y\n", stderr: "status 1\n", status: 0 });
});

needs("linux")("a full disk is reported", async () => {
  const client = `udp/client.ts --port ${port} >/dev/full`;
  const { stderr, status } = await run(client, "a");
  assert.match(stderr, /ENOSPC: no space left on device, write\n$/);
  assert.is(status, 1);
});

needs("root", "unshare")("a host is not found without a network", async () => {
  const command = `${node} udp/client.ts --host example.com`;
  const { stderr, status } = await run(`unshare --net ${command}`, "hello");
  const line = /^example.com:12000: no address found: check the network.*\n$/;
  assert.match(stderr, line);
  assert.is(status, 1);
});

test.run();
