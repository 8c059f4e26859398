import * as fs from "node:fs";
import { basename, dirname, join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { root, run } from "../scripts/processes.ts";
import { headers } from "../scripts/transcript.ts";
import { copy, copyAll, playCopy } from "./copies.ts";
import { check, node, serve, temporaryFolder } from "./harness.ts";

const examples = await headers();

const ts = await copyAll();
const js = await copyAll("--js");

// One of each kind: no options, words, numbers, a name. The long tests have all.
for (const name of [
  "udp/client.ts",
  "tcp/walkthrough.ts",
  "udp/dns-client.ts",
  "udp/reliable-client.ts",
  "tcp/chat-client.ts",
])
  check(`a copy of ${name} in JavaScript does as it says`, async () => {
    assert.equal(await playCopy(js(name), (file) => `node ${file}`), []);
  });

check("the copies are formatted, and type-check alone", async () => {
  const to = temporaryFolder();
  for (const { name } of examples) {
    for (const [kind, copied] of Object.entries({ ts: ts(name), js: js(name) }))
      fs.cpSync(copied, join(to, kind, dirname(name), basename(copied)));
  }
  const formatted = await run(`prettier --check ${to}`);
  assert.is(formatted.exitCode, 0, formatted.text());
  fs.symlinkSync(join(root, "node_modules"), join(to, "node_modules"));
  // Where nothing says that they are modules, TypeScript must not insist on it.
  for (const verbatimModuleSyntax of [false, true]) {
    const options = {
      extends: join(root, "tsconfig.json"),
      compilerOptions: { verbatimModuleSyntax },
      include: ["ts"],
    };
    fs.writeFileSync(join(to, "tsconfig.json"), JSON.stringify(options));
    const checked = await run(`cd ${to} && tsc`);
    assert.is(checked.exitCode, 0, checked.text());
    fs.writeFileSync(join(to, "package.json"), '{ "type": "module" }');
  }
});

check("a copy is as it was, but for parseArgs() and names", async () => {
  const parsed =
    /^import \{ parseArgs \}|^const \{ values\b|^  (allowPositionals|options): |^    \w+: \{ type: |^  \},$|^\}\);$|^const \{.* \} = values;$|^const \w+ = Number\(values\.\w+\);$/;
  for (const { name } of examples) {
    const lines = (text: string) => text.split("\n");
    const source = fs.readFileSync(join(root, name), "utf8");
    const copied = fs.readFileSync(ts(name), "utf8");
    assert.not.match(copied, /\bconfig\b|"\.\.\/|tsx (udp|tcp)/);
    assert.match(
      copied,
      /\n    host: \{ type: "string", default: "127.0.0.1" \}/,
    );
    const names = (text: string) =>
      text.replaceAll(/(udp|tcp)\/|\.m?ts\b/g, "").replaceAll(/\s+/g, " ");
    const comments = (text: string) =>
      names(text)
        .match(/\/\*\*.*?\*\/|\/\/ [^/]*/g)!
        .slice(0, 1);
    assert.equal(comments(copied), comments(source), name);
    const gone = lines(source).filter((l) => !lines(copied).includes(l));
    const added = lines(copied).filter((l) => !lines(source).includes(l));
    for (const line of added.filter((l) => !/^ \*/.test(l)))
      assert.match(line, parsed, `${name}: ${line}`);
    const called = /\nconst [^;]*= config\([^;]*;|"\.\.\/shared\/config\.ts"/g;
    const statement = source.match(called)!.join("\n");
    for (const line of gone.filter((l) => !/^ \*|^import/.test(l)))
      assert.ok(statement.includes(line), `${name}: ${line}`);
  }
});

check("a copy takes the options of the original, and no others", async () => {
  const server = await serve(`${node} ${ts("udp/server.ts")} --port 0`);
  const client = `${node} ${ts("udp/client.ts")}`;
  const good = await run(`${client} --port ${server.port}`, "hello\n");
  assert.is(good.text(), "HELLO\n");
  const wrong = await run(`${client} --prot 1`);
  assert.match(wrong.stderr, /^TypeError.*Unknown option '--prot'/m);
  const refused = await run(`${client} --port 9`, "hello\n");
  assert.match(refused.stderr, /ECONNREFUSED\n    at /);
});

check("a copy in JavaScript has all but the types", async () => {
  for (const { name } of examples) {
    const source = fs.readFileSync(join(root, name), "utf8");
    const copied = fs.readFileSync(js(name), "utf8");
    const comments = (text: string) => text.match(/ \/\/ .*$|\/\*\* /gm);
    const code = source
      .replaceAll(/^type .*$/gm, "")
      .replaceAll(/^interface .*?^\}/gms, "");
    for (const comment of comments(code) ?? [])
      assert.ok(copied.includes(comment), `${name}: ${comment}`);
    // What Node of the day can do stays as it is.
    for (const word of ["await ", "?.", "??", "`"])
      assert.is(copied.split(word).length, source.split(word).length, name);
  }
});

check("a copy is a module in any folder", async () => {
  const folder = temporaryFolder();
  const names: Record<string, string[]> = {
    '{ "type": "module" }': ["client.ts", "server.ts", "client.js"],
    '{ "type": "commonjs" }': ["client.mts", "server.mts", "client.mjs"],
    "{}": ["client.mts", "server.mts", "client.mjs"],
    "": ["client.mts", "server.mts", "client.mjs"],
  };
  for (const [i, [contents, copies]] of Object.entries(names).entries()) {
    const to = join(folder, `${i}`, "below");
    fs.mkdirSync(to, { recursive: true });
    if (contents) fs.writeFileSync(join(to, "..", "package.json"), contents);
    await copy(`udp/uppercase ${to}`);
    await copy(`udp/client.ts ${to} --js`);
    assert.equal(fs.readdirSync(to).sort(), [...copies].sort());
    const text = (name: string) => fs.readFileSync(join(to, name), "utf8");
    assert.match(text(copies[0]!), ` *     $ tsx ${copies[1]}\n`);
    assert.match(text(copies[2]!), /\$ node server\.m?js\n/);
  }
});

check("the last line that copy prints runs the copy", async () => {
  const folder = temporaryFolder();
  const pair = await run(`npm run --silent copy udp/echo ${folder}/a/b`);
  assert.match(
    pair.stdout,
    /^.* \S+echo-server\.mts\n.* \S+echo-client\.mts\n$/,
  );
  const one = await run(
    `npm run --silent copy tcp/walkthrough ${folder}/w.mts`,
  );
  const { stdout, stderr } = await run(one.stdout);
  assert.is(stderr, "");
  assert.match(stdout, /^server: close$/m);
  const js = await run(`npm run --silent copy tcp/walkthrough ${folder} --js`);
  assert.match(js.stdout, /^node \S+\/walkthrough.mjs\n$/);
  assert.is((await run(js.stdout)).stdout.length, stdout.length);
});

check("a folder's name may need quotes", async () => {
  const folder = temporaryFolder();
  const { stdout } = await copy(`tcp/walkthrough "${folder}/it's here" --js`);
  assert.match((await run(stdout)).stdout, /^server: close$/m);
});

check("copy overwrites nothing without --force", async () => {
  const folder = temporaryFolder();
  const to = join(folder, "echo-client.ts");
  fs.writeFileSync(to, "mine");
  fs.writeFileSync(join(folder, "package.json"), '{ "type": "module" }');
  const refused = await copy(`udp/echo ${folder}`);
  assert.is(refused.stdout, "");
  assert.match(refused.stderr, /^\S+echo-client.ts exists: -- --force .*\n$/);
  assert.is(refused.exitCode, 1);
  assert.is(fs.readFileSync(to, "utf8"), "mine");
  assert.not.ok(fs.existsSync(join(folder, "echo-server.ts")));
  // npm keeps an option to itself, and tells of it in the environment.
  for (const force of ["-- --force", "--force"]) {
    fs.writeFileSync(to, "mine");
    await run(`npm run --silent copy udp/echo ${folder} ${force}`);
    assert.match(fs.readFileSync(to, "utf8"), "Echo client over UDP");
  }
});

check("copy names what is wrong in one line", async () => {
  const folder = temporaryFolder();
  const mistakes: Record<string, RegExp> = {
    [`udp/ekko ${folder}`]: /udp\/ekko.*tcp\/echo, tcp\/echo-client\.ts.*udp/,
    "udp/echo": /^name an example and a folder/,
    "": /^name an example and a folder/,
    [`udp/echo ${folder}/one.ts`]: /2 files/,
    [`udp/echo ${folder} more`]: /^name an example and a folder/,
    [`udp/echo ${folder} --jsx`]: /--jsx/,
  };
  for (const [words, line] of Object.entries(mistakes)) {
    const { stdout, stderr, exitCode } = await copy(words);
    assert.is(stdout, "");
    assert.match(stderr, /^[^\n]+\n$/);
    assert.match(stderr, line);
    assert.is(exitCode, 2);
  }
  // Where nothing says that it is a module, its ending must.
  const named = await copy(`udp/client.ts ${folder}/named.ts`);
  assert.match(named.stderr, /^a module is mts there: [^\n]+\n$/);
  assert.is(named.exitCode, 1);
  fs.writeFileSync(join(folder, "package.json"), "{");
  const spoiled = await copy(`udp/echo ${folder}`);
  assert.match(spoiled.stderr, /^\S*package.json: [^\n]+\n$/);
  assert.is(spoiled.exitCode, 1);
  fs.rmSync(join(folder, "package.json"));
  const file = join(folder, "file");
  fs.writeFileSync(file, "");
  const result = await copy(`udp/echo ${file}/below`);
  assert.match(result.stderr, /^[^\n]*ENOTDIR[^\n]*\n$/);
  assert.is(result.exitCode, 1);
});

test.run();
