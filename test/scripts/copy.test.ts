import * as fs from "node:fs";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { node, run, serve, temporaryFolder } from "../helper.ts";

const project = temporaryFolder();
fs.writeFileSync(join(project, "package.json"), '{ "type": "module" }');

test("each example can be copied, and its types are right by themselves", async () => {
  for (const folder of ["udp", "tcp"]) {
    const result = await run(`scripts/copy.ts ${folder}/ ${project}/${folder}`);
    assert.is(result.stderr, "");
    for (const name of fs.readdirSync(folder)) {
      if (!name.endsWith(".ts")) continue;
      const copy = fs.readFileSync(join(project, folder, name), "utf8");
      assert.not.match(copy, /\bconfig\(|shared\/config/);
    }
  }
  const extended = `${process.cwd()}/tsconfig.json`;
  const typeRoots = [`${process.cwd()}/node_modules/@types`];
  const settings = { extends: extended, compilerOptions: { typeRoots } };
  const text = JSON.stringify({ ...settings, include: ["*/*.ts"] });
  fs.writeFileSync(join(project, "tsconfig.json"), text);
  const { stdout } = await run(`node_modules/.bin/tsc --project ${project}`);
  assert.is(stdout, "");
});

test("the copies of a pair talk, and take the options of the originals", async () => {
  const server = await serve(`${node} ${project}/udp/echo-server.ts --port 0`);
  const client = `${node} ${project}/udp/echo-client.ts`;
  const { stdout } = await run(`${client} --port ${server.port}`, "hello\n");
  assert.is(stdout, "hello\n");
  await server.stop();
});

test("where package.json does not say module, a copy ends in .mts", async () => {
  const folder = temporaryFolder();
  const command = `scripts/copy.ts tcp/echo '${folder}/it'\\''s mine'`;
  const { stdout } = await run(command);
  const copies = fs.readdirSync(join(folder, "it's mine"));
  assert.equal(copies, ["echo-client.mts", "echo-server.mts"]);
  const [client = ""] = stdout.split("\n");
  const shown = (await run(`bash -c "echo ${client}"`)).stdout;
  assert.ok(shown.endsWith(`${folder}/it's mine/echo-client.mts\n`), shown);
  const copy = join(folder, "it's mine/echo-client.mts");
  const text = fs.readFileSync(copy, "utf8");
  assert.match(text, /\$ printf .* tsx echo-client\.mts\n/);
});

fs.mkdirSync(join(project, "bom"));
const marked = '\ufeff{ "type": "module" }';
fs.writeFileSync(join(project, "bom/package.json"), marked);
for (const [words, line] of [
  ["chat", "Choose one, .*: udp/chat, tcp/chat."],
  ["udp/echo-server.ts udp", ".*exists: -- --force overwrites it."],
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
  fs.writeFileSync(join(project, "bom/mine.ts"), "old");
  const again = await run(`scripts/copy.ts ${files} --force`);
  assert.is(again.stderr, "");
  const copy = fs.readFileSync(join(project, "bom/mine.ts"), "utf8");
  assert.match(copy, /tsx mine\.ts\n/);
});

test("--js removes the types, or says which Node can", async () => {
  const command = `scripts/copy.ts tcp/server.ts ${project}/js --js`;
  const { stderr } = await run(command);
  if (Number(process.versions.node.split(".")[0]) < 22)
    assert.is(stderr, "--js needs Node 22.13 or later.\n");
  else {
    const copy = `"${process.execPath}" ${project}/js/server.js`;
    assert.match((await run(`${copy} --help`)).stdout, /^Uppercase server/);
  }
});

test.run();
