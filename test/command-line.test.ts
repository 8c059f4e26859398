import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { root, run } from "../scripts/processes.ts";
import { headers } from "../scripts/transcript.ts";
import { check, node } from "./harness.ts";

const files = (await headers()).map(({ name }) => name);

// Each mistake, and the words that name it.
const mistakes = {
  "--port 65536": "--port takes a whole number from 0 to 65535",
  "--port 1e3": "--port takes a whole number from 0 to 65535",
  "--port=-1": "--port takes a whole number from 0 to 65535",
  "--port ''": "--port takes a whole number from 0 to 65535",
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
    assert.match(result.stderr, /^.+: try --help\n$/);
    assert.is(result.exitCode, 2);
  });

check("no client takes port 0", async () => {
  const clients = files.filter((file) => file.endsWith("client.ts"));
  assert.is(clients.length, 10);
  await Promise.all(
    clients.map(async (file) => {
      const result = await run(`${node} ${file} --port 0`);
      assert.match(result.stderr, /^--port 0 is any free port, .+\n$/, file);
      assert.is(result.exitCode, 2);
    }),
  );
});

for (const file of [
  "udp/server.ts",
  "udp/walkthrough.ts",
  "tcp/client.ts",
  "tcp/echo-server.ts",
])
  check(`${file} --help prints its header and its options`, async () => {
    const { stdout, stderr, exitCode } = await run(`${node} ${file} --help`);
    const [header = "", options = ""] = stdout.split("\n\nOptions:\n");
    const written = header.replaceAll(/^(?=.)/gm, " ").replaceAll(/^/gm, " *");
    const source = readFileSync(join(root, file), "utf8");
    assert.ok(source.startsWith(`/**\n${written}\n */\nimport `), written);
    const port = /127.0.0.1:(\d+)$/m.exec(header)?.[1];
    const defaultPort = file.includes("walkthrough") ? "0" : port;
    assert.is(
      options,
      "  --host HOST  (default 127.0.0.1)\n" +
        `  --port PORT  (default ${defaultPort})\n` +
        "  --help\n",
    );
    assert.is(stderr, "");
    assert.is(exitCode, 0);
  });

check("udp/relay.ts --help prints options of its own", async () => {
  const { stdout } = await run(`${node} udp/relay.ts --help`);
  const options = stdout.split("\n\nOptions:\n")[1]!.split("\n");
  assert.equal(options.slice(2), [
    "  --to TO  (default 127.0.0.1:12000)",
    "  --drop DROP",
    "  --duplicate DUPLICATE",
    "  --delay DELAY",
    "  --loss LOSS  (default 0)",
    "  --seed SEED  (default 1)",
    "  --hex",
    "  --help",
    "",
  ]);
});

check("options that may be words say so in --help", async () => {
  const { stdout } = await run(`${node} udp/dns-client.ts --help`);
  const options = stdout.split("\n\nOptions:\n")[1]!.split("\n");
  assert.equal(options.slice(2, 4), [
    "  [--name] NAME  (default example.test)",
    "  [--type] TYPE  (default A)",
  ]);
});

for (const script of ["demo", "copy", "bench"])
  check(`npm run ${script} -- --help prints its header`, async () => {
    const result = await run(`npm run --silent ${script} -- --help`);
    const source = readFileSync(join(root, `scripts/${script}.ts`), "utf8");
    const comment = `/**\n${result.stdout}`.trimEnd().replaceAll("\n", "\n * ");
    const bare = (text: string) => text.replaceAll(/ +$/gm, "");
    assert.ok(bare(source).startsWith(`${bare(comment)}\n */`), comment);
    assert.is(result.exitCode, 0);
  });

check("tsx udp/server --help works without the ending, too", async () => {
  const { stdout } = await run("tsx udp/server --help");
  assert.match(stdout, /^Uppercase server over UDP/);
});

test.run();
