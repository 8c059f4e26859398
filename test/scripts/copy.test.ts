import { execFileSync } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { node, run, serve, temporaryFolder } from "../helper.ts";

const project = temporaryFolder();
writeFileSync(join(project, "package.json"), '{ "type": "module" }');
const examples = ["udp", "tcp"].flatMap((folder) =>
  readdirSync(folder)
    .filter((name) => name.endsWith(".ts"))
    .map((name) => `${folder}/${name}`),
);

test("each example can be copied, and its types are right by themselves", async () => {
  for (const folder of ["udp", "tcp"]) {
    const result = await run(`scripts/copy.ts ${folder}/ ${project}/${folder}`);
    assert.is(result.stderr, "");
  }
  const copies = examples.map((file) => join(project, file));
  for (const copy of copies)
    assert.not.match(readFileSync(copy, "utf8"), /\bconfig\(|shared\/config/);
  const { include, ...settings } = JSON.parse(
    readFileSync("tsconfig.json", "utf8"),
  );
  const typeRoots = [join(process.cwd(), "node_modules/@types")];
  const compilerOptions = { ...settings.compilerOptions, typeRoots };
  writeFileSync(
    join(project, "tsconfig.json"),
    JSON.stringify({ compilerOptions }),
  );
  const { stdout } = await run(`npx tsc --project ${project}`);
  assert.is(stdout, "");
});

test("the copies of a pair talk, and take the options of the originals", async () => {
  const server = await serve(`${node} ${project}/udp/echo-server.ts --port 0`);
  const client = `${node} ${project}/udp/echo-client.ts`;
  const { stdout } = await run(`${client} --port ${server.port}`, "hello\n");
  assert.is(stdout, "hello\n");
  const refused = await run(`${client} --port abc`);
  assert.is(refused.stderr, "--port takes a number such as 2105: see --help\n");
  assert.is(refused.status, 2);
  const help = await run(`${client} --help`);
  assert.match(help.stdout, /^Echo client over UDP(.|\n)* port: 2105 \}\n$/);
  await server.stop();
});

test("where package.json does not say module, a copy ends in .mts", async () => {
  const folder = temporaryFolder();
  const { stdout } = await run(
    `scripts/copy.ts tcp/echo '${folder}/it'\\''s mine'`,
  );
  assert.equal(readdirSync(join(folder, "it's mine")), [
    "echo-client.mts",
    "echo-server.mts",
  ]);
  const [client = ""] = stdout.split("\n");
  const shown = execFileSync("sh", ["-c", `echo ${client}`], {
    encoding: "utf8",
  });
  assert.ok(shown.endsWith(`${folder}/it's mine/echo-client.mts\n`), shown);
  const text = readFileSync(join(folder, "it's mine/echo-client.mts"), "utf8");
  assert.match(text, /\$ printf .* tsx echo-client\.mts\n/);
});

const folders = Object.entries({
  bom: '\ufeff{ "type": "module" }',
  array: "[]",
  nothing: "null",
});
for (const [name, text] of folders) {
  mkdirSync(join(project, name));
  writeFileSync(join(project, name, "package.json"), text);
}
for (const [words, line] of [
  ["chat", "Choose one: udp/chat, tcp/chat."],
  ["udp/foo", "There is no udp/foo. There are: .*"],
  ["udp/echo-server.ts udp", ".*exists: -- --force overwrites it."],
  ["udp/echo udp/other.ts", "Choose one: udp/echo."],
  ["udp/client.ts array", ".*array.package.json is no object."],
  ["udp/client.ts nothing", ".*nothing.package.json is no object."],
])
  test(`copy ${words} is refused with one line`, async () => {
    const [example, to] = words!.split(" ");
    const command = `scripts/copy.ts ${example} ${join(project, to ?? "new")}`;
    const { stdout, stderr, status } = await run(command);
    assert.is(stdout, "");
    assert.match(stderr, RegExp(`^${line}\n$`));
    assert.is(status, 1);
  });

test("--force overwrites, a file's name is kept, and a byte order mark is read", async () => {
  const files = `udp/client.ts ${project}/bom/mine.ts`;
  await run(`scripts/copy.ts ${files}`);
  const again = await run(`scripts/copy.ts ${files} --force`);
  assert.is(again.stderr, "");
  assert.match(
    readFileSync(join(project, "bom/mine.ts"), "utf8"),
    /tsx mine\.ts\n/,
  );
});

test("--js removes the types, or says which Node can", async () => {
  const { stderr } = await run(
    `scripts/copy.ts tcp/server.ts ${project}/js --js`,
  );
  if (Number(process.versions.node.split(".")[0]) < 22)
    assert.is(stderr, "--js needs Node 22.13 or later.\n");
  else {
    const { stdout } = await run(
      `"${process.execPath}" ${project}/js/server.js --help`,
    );
    assert.match(stdout, /^Uppercase server over TCP/);
  }
});

test.run();
