import { cpSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { root, run } from "../scripts/processes.ts";
import { headers } from "../scripts/transcript.ts";
import { check, node, pairs, serve, temporaryFolder } from "./harness.ts";

const files = (await headers()).map(({ name }) => name);

// Each mistake, and the words that name it.
const mistakes = {
  "--port 65536": "--port takes a whole number from 0 to 65535",
  "--port 1e3": "--port takes a whole number",
  "--port=-1": "--port takes a whole number",
  "--port ''": "--port takes a whole number",
  "--port": "'--port <value>' argument missing",
  "--port --host ::1": "'--port' argument is ambiguous",
  "--host ''": "--host must not be empty",
  "--prot 80": "Unknown option '--prot'",
  "--help=yes": "'--help' does not take an argument",
  "12000": "Unexpected argument '12000'",
};

// Every file is tried, and every mistake: they go round together.
const rounds = Object.entries(mistakes).map(([options, words], i) => ({
  file: files[i % files.length]!,
  options,
  words,
}));

for (const { file, options, words } of rounds)
  check(`${file} ${options} is a mistake`, async () => {
    const result = await run(`${node} ${file} ${options}`);
    assert.is(result.stdout, "");
    assert.ok(result.stderr.includes(words), result.stderr);
    assert.match(result.stderr, /^.+\n$/);
    assert.is(result.exitCode, 2);
  });

check("port 0 is nobody's, and the UDP clients say so", async () => {
  const result = await run(`${node} udp/client.ts --port 0`, "hello\n");
  assert.is(result.stdout, "");
  assert.match(result.stderr, /^--port 0 is .+, and only for a server\n$/);
  assert.is(result.exitCode, 1);
});

for (const file of ["udp/walkthrough.ts", "tcp/client.ts"])
  check(`${file} --help prints its header`, async () => {
    const { stdout, stderr, exitCode } = await run(`${node} ${file} --help`);
    const written = stdout.replaceAll(/^(?=.)/gm, " ").replaceAll(/^/gm, " *");
    const source = readFileSync(join(root, file), "utf8");
    assert.ok(source.startsWith(`/**\n${written}/\nimport `), written);
    assert.is(stderr, "");
    assert.is(exitCode, 0);
  });

check(
  "npm run demo -- --help prints its header, as each script does",
  async () => {
    const result = await run("npm run --silent demo -- --help");
    const source = readFileSync(join(root, "scripts/demo.ts"), "utf8");
    const comment = `/**\n${result.stdout}`.trimEnd().replaceAll("\n", "\n * ");
    const bare = (text: string) => text.replaceAll(/ +$/gm, "");
    assert.ok(bare(source).startsWith(`${bare(comment)}\n */`), comment);
    assert.is(result.exitCode, 0);
  },
);

check("a mistake in a program keeps its stack", async () => {
  const folder = temporaryFolder();
  cpSync(join(root, "shared"), join(folder, "shared"), { recursive: true });
  mkdirSync(join(folder, "udp"));
  writeFileSync(join(folder, "package.json"), '{ "type": "module" }');
  const source = readFileSync(join(root, "udp/server.ts"), "utf8");
  const file = join(folder, "udp/server.ts");
  writeFileSync(file, source.replace("isIPv6(host)", "isIPv6(host).no.no"));
  const result = await run(`${node} ${file}`);
  assert.match(result.stderr, /^TypeError: .*\n    at .*server\.ts:/);
  assert.is(result.exitCode, 1);
});

check(
  "what goes wrong on this side is not told of the network",
  async () => {
    const { port } = await serve("udp/server.ts");
    const client = `${node} udp/client.ts --port ${port}`;
    const full = await run(`echo hello | ${client} >/dev/full`);
    assert.is(full.stderr, "cannot write to standard output (ENOSPC)\n");
    assert.is(full.exitCode, 1);
    const folder = await run(`${client} </`);
    assert.is(folder.stderr, "standard input is a directory\n");
    assert.is(folder.exitCode, 1);
  },
  "linux",
);

check("the programs of the notes and the config module are small", async () => {
  const code = (file: string) =>
    readFileSync(join(root, file), "utf8")
      .replaceAll(/^\/\*\*.*?\*\/$/gms, "")
      .split("\n")
      .filter((line) => !/^\s*(\/\/.*)?$/.test(line)).length;
  for (const { server, client } of [...pairs.udp, ...pairs.tcp]) {
    assert.ok(code(server) <= 20, `${server}: ${code(server)}`);
    assert.ok(code(client) <= 25, `${client}: ${code(client)}`);
  }
  const config = readFileSync(join(root, "shared/config.ts"), "utf8");
  assert.ok(config.trimEnd().split("\n").length <= 100);
});

test.run();
