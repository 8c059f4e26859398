import * as fs from "node:fs";
import { basename, dirname, join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { check as isFormatted } from "prettier";
import { copyTo } from "../scripts/copies.ts";
import { examples, isNamed } from "../scripts/examples.ts";
import { root, run } from "../scripts/processes.ts";
import { copyAll, playCopy } from "./copies.ts";
import { check, node, serve, temporaryFolder } from "./harness.ts";

const all = await examples();
const ts = await copyAll();
const js = await copyAll({ js: true });

/** The examples that a name means. */
const named = (name: string) => all.filter((one) => isNamed(one, name));

/** Runs the command with the given words. */
const copy = (words: string) => run(`${node} scripts/copy.ts ${words}`);

// One with numbers and one with a name. The long tests have all.
for (const name of ["udp/ping.ts", "tcp/chat-client.ts"])
  check(`a copy of ${name} in JavaScript does as it says`, async () => {
    assert.equal(await playCopy(js(name), (file) => `node ${file}`), []);
  });

check("the copies are formatted, and type-check alone", async () => {
  const to = temporaryFolder();
  for (const { file } of all) {
    for (const filepath of [ts(file), js(file)]) {
      const text = fs.readFileSync(filepath, "utf8");
      assert.ok(await isFormatted(text, { filepath }), filepath);
    }
    const copied = join(to, "ts", dirname(file), basename(ts(file)));
    fs.cpSync(ts(file), copied);
  }
  fs.symlinkSync(join(root, "node_modules"), join(to, "node_modules"));
  const options = { extends: join(root, "tsconfig.json"), include: ["ts"] };
  fs.writeFileSync(join(to, "tsconfig.json"), JSON.stringify(options));
  const checked = await run(`cd ${to} && tsc`);
  assert.is(checked.exitCode, 0, checked.text());
});

check("a copy is as it was, but for parseArgs() and names", async () => {
  const parsed =
    /^import \{ parseArgs \}|^const \{ values\b|^  (allowPositionals|options): |^    \w+: \{ type: |^  \},$|^\}\);$|^const \{.* \} = values;$|^const \w+ = Number\(values\.\w+\);$/;
  for (const { file: name, source } of all) {
    const lines = (text: string) => text.split("\n");
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
    const called =
      /\n(const faults [^;]*;\n)?const [^;]*= config\([^;]*;|"\.\.\/shared\/config\.ts"/g;
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
  for (const { file: name, source } of all) {
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
    await copyTo(named("udp/uppercase"), to);
    await copyTo(named("udp/client.ts"), to, { js: true });
    assert.equal(fs.readdirSync(to).sort(), [...copies].sort());
    const text = (name: string) => fs.readFileSync(join(to, name), "utf8");
    assert.match(text(copies[0]!), ` *     $ tsx ${copies[1]}\n`);
    assert.match(text(copies[2]!), /\$ node server\.m?js\n/);
  }
});

check("copy prints commands that run the copies", async () => {
  const folder = `${temporaryFolder()}/it's here`;
  const pair = await copy(`udp/echo "${folder}"`);
  assert.match(pair.stdout, /^.*echo-server\.mts\S+\n.*echo-client\.mts\S+\n$/);
  const { stdout } = await copy(`tcp/walkthrough.ts "${folder}/w.mts"`);
  assert.match((await run(stdout)).stdout, /^server: close$/m);
  // npm keeps options to itself, and tells of them in the environment.
  fs.writeFileSync(`${folder}/walkthrough.mjs`, "mine");
  const js = await run(
    `npm run --silent copy tcp/walkthrough "${folder}" --js --force`,
  );
  assert.match(js.stdout, /^node \S+it.*\/walkthrough.mjs\S+\n$/);
  assert.match((await run(js.stdout)).stdout, /^server: close$/m);
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
  await copyTo(named("udp/echo"), folder, { force: true });
  assert.match(fs.readFileSync(to, "utf8"), "Echo client over UDP");
});

check("copy names what is wrong in one line", async () => {
  const folder = temporaryFolder();
  const mistakes: Record<string, RegExp> = {
    [`udp/ekko ${folder}`]: /udp\/ekko.*tcp\/echo, tcp\/echo-client\.ts.*udp/,
    [`udp/echo ${folder}/one.ts`]: /2 files/,
  };
  for (const [words, line] of Object.entries(mistakes)) {
    const { stdout, stderr, exitCode } = await copy(words);
    assert.is(stdout, "");
    assert.match(stderr, /^[^\n]+\n$/);
    assert.match(stderr, line);
    assert.is(exitCode, 2);
  }
});

check("copy tells what is wrong with a folder", async () => {
  const folder = temporaryFolder();
  const refuses = async (name: string, line: RegExp) => {
    try {
      await copyTo(named("udp/client.ts"), join(folder, name));
    } catch (error) {
      return assert.match((error as Error).message, line);
    }
    assert.unreachable(name);
  };
  // Where nothing says that it is a module, its ending must.
  await refuses("named.ts", /^a module is mts there: [^\n]+$/);
  fs.writeFileSync(join(folder, "file"), "");
  await refuses("file/below", /^[^\n]*ENOTDIR[^\n]*$/);
  fs.writeFileSync(join(folder, "package.json"), "{");
  await refuses("spoiled", /^\S*package.json: [^\n]+$/);
});

test.run();
