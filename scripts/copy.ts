/**
 * Copies an example into another project, as a file that needs nothing beside
 * it: what it would read from the command line becomes constants.
 *
 *     npm run copy udp/echo-server.ts ../my-project
 *     npm run copy udp/echo-server.ts ../my-project/server.ts -- --force
 *     npm run copy udp/echo ../my-project -- --js
 */
import { transformSync } from "@swc/wasm-typescript";
import * as acorn from "acorn";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import * as path from "node:path";
import { format } from "prettier";
import { globby, quote } from "zx";
import { ports } from "../shared/config.ts";
import { commandLine } from "./command-line.ts";
import { root } from "./processes.ts";

const { values, positionals } = commandLine({
  allowPositionals: true,
  options: { js: { type: "boolean" }, force: { type: "boolean" } },
});
const [name = "", into, ...more] = positionals;
if (!into || more.length)
  fail("name an example and a folder: udp/echo-server.ts ../my-project", 2);
// npm takes an option that stands before no "--" for its own, --js for --json.
const { INIT_CWD = ".", npm_config_json, npm_config_force } = process.env;
const to = path.resolve(INIT_CWD, into);
const js = values.js ?? npm_config_json ?? /\.m?js$/.test(to);
const force = values.force ?? npm_config_force;
const files = await globby("{udp,tcp}/*.ts", { cwd: root });
const examples = files.map(example);
const chosen = examples
  .filter(({ file, pair }) => [file, file.slice(0, -3), pair].includes(name))
  .sort((a, b) => b.file.localeCompare(a.file)); // a server before its client
if (!chosen.length) {
  const names = examples.flatMap(({ file, pair }) => [file, pair]);
  fail(`there is no ${name}, but ${[...new Set(names)].sort().join(", ")}`, 2);
}
const named = /\.m?[jt]s$/.test(to);
if (named && chosen.length > 1)
  fail(`${name} is ${chosen.length} files: name a folder for them`, 2);

const folder = named ? path.dirname(to) : to;
const copies = chosen.map((from) => ({
  from,
  copy: named ? to : path.join(folder, nameOf(from)),
}));
try {
  for (const { copy } of copies)
    if (existsSync(copy) && !force)
      throw new Error(`${relative(copy)} exists: -- --force overwrites it`);
  mkdirSync(folder, { recursive: true });
  for (const { from, copy } of copies) {
    let text = inPlace(withConstants(from), from);
    if (js) text = transformSync(text, { mode: "strip-only" }).code;
    writeFileSync(copy, await format(text, { filepath: copy }));
  }
} catch (error) {
  fail((error as Error).message, 1);
}
const types = (process.features as { typescript?: string }).typescript;
for (const { copy } of copies)
  console.log(`${js || types ? "node" : "npx tsx"} ${quote(relative(copy))}`);

/** An example, and how it calls config(). */
function example(file: string) {
  const source = readFileSync(path.join(root, file), "utf8");
  const text = ({ start, end }: acorn.Node) => source.slice(start, end);
  /** The expression that follows a text in the source. */
  const behind = (head: RegExp) => {
    const { 0: found, 1: name = "", index } = head.exec(source)!;
    const options = { ecmaVersion: "latest" } as const;
    const end = index + found.length;
    return { index, name, node: acorn.parseExpressionAt(source, end, options) };
  };
  /** What a name stands for. */
  const meaning = (node: acorn.Expression) =>
    node.type === "Identifier"
      ? behind(RegExp(`^const ${node.name} = `, "m")).node
      : node;
  /** The options in an object, and their defaults. */
  const properties = (node: acorn.Expression): [string, string][] =>
    (meaning(node) as acorn.ObjectExpression).properties.flatMap((property) =>
      property.type === "SpreadElement"
        ? properties(property.argument)
        : [[text(property.key), text(meaning(property.value))]],
    );

  const called = behind(/^const (\{[^}]*\}|\w+) = (?=config\()/m);
  const [service, own, words] = (called.node as acorn.CallExpression)
    .arguments as acorn.Expression[];
  const { value } = service as acorn.Literal;
  return {
    file,
    pair: `${path.dirname(file)}/${value}`,
    source,
    statement: { start: called.index, end: called.node.end + 1 },
    target: called.name,
    own,
    words: words ? text(words).match(/\w+/g)! : [],
    options: new Map([
      ["host", '"127.0.0.1"'],
      ["port", `${ports[value as keyof typeof ports]}`],
      ...(own ? properties(own) : []),
    ]),
  };
}

type Example = ReturnType<typeof example>;

/** An example's source, where constants stand for config(). */
function withConstants({ source, statement, target, own, options }: Example) {
  const text = ({ start, end }: acorn.Node) => source.slice(start, end);
  const values = [...options].slice(0, 2);
  let rest = "";
  if (own?.type === "Identifier") rest = text(own);
  if (own?.type === "ObjectExpression")
    for (const property of own.properties)
      if (property.type === "Property" && !property.shorthand)
        values.push([text(property.key), text(property.value)]);
      else rest += `${text(property)}, `;
  let constants = values.map(([name, value]) => `const ${name} = ${value};`);
  if (!target.startsWith("{"))
    constants = [
      `const ${target} = { ${values.map(([name, value]) => `${name}: ${value}`).join(", ")}, ${rest} }`,
    ];
  else if (rest)
    constants.push(`const ${target.replace(/ host, port,/, "")} = ${rest};`);
  const changed =
    source.slice(0, statement.start) +
    constants.join("\n") +
    source.slice(statement.end);
  return changed.replace(/^import \{ config \} .*\n/m, "");
}

/**
 * A source with the names that the examples have beside the copy. Its commands
 * have no options there, but tell in a comment which constants to change:
 * `tsx udp/client.ts --port 12001` becomes `tsx client.ts # port = 12001`.
 */
function inPlace(source: string, { file }: Example) {
  const command = /^ \*     \$ .*?tsx (\S+)((?: (?![|&<>])\S+)*).*$/gm;
  return source
    .replaceAll(command, (line, run: string, words: string) => {
      const changed = changes(
        byFile(run)!,
        words.trim().split(" ").filter(Boolean),
      );
      const bare = line.replace(run + words, run);
      return changed ? `${bare} # ${changed}` : bare;
    })
    .replaceAll(
      /(tsx )?(?:(udp|tcp)\/)?([\w-]+\.ts)\b/g,
      (text, runs = "", transport = path.dirname(file), name: string) => {
        const found = byFile(`${transport}/${name}`);
        if (!found) return text;
        return `${js && runs ? "node " : runs}${nameOf(found)}`;
      },
    );
}

/** What a command's options say, as constants: `port = 12001, hex = true`. */
function changes({ options, words }: Example, said: string[]) {
  const changed = new Map<string, string>();
  const rest = [...words];
  for (let i = 0; i < said.length; i++) {
    const name = /^--(.+)/.exec(said[i]!)?.[1] ?? rest.shift()!;
    const like = options.get(name)!;
    const value =
      like === "false" || !said[i]!.startsWith("--") ? said[i]! : said[++i]!;
    const [, address, port] = /^(.+):(\d+)$/.exec(value) ?? [];
    const others = changed.get(name)?.slice(1, -1);
    if (like === "false") changed.set(name, "true");
    else if (/^\d/.test(like)) changed.set(name, value);
    else if (like.startsWith("["))
      changed.set(name, `[${others ? `${others}, ` : ""}"${value}"]`);
    else if (like.startsWith("{"))
      changed.set(name, `{ address: "${address}", port: ${port} }`);
    else changed.set(name, `"${value}"`);
  }
  return [...changed]
    .filter(([name, value]) => value !== options.get(name))
    .map(([name, value]) => `${name} = ${value}`)
    .join(", ");
}

function byFile(file: string) {
  return examples.find((example) => example.file === file);
}

/** What an example is called beside the copy. */
function nameOf(from: Example) {
  if (named && chosen.includes(from)) return path.basename(to);
  const ending = js ? "js" : "ts";
  return path
    .basename(from.file)
    .replace(/ts$/, isModule(from) ? ending : `m${ending}`);
}

/**
 * Whether a file of that folder is taken for a module, and not for CommonJS.
 * Where there is no package.json to tell, all but tsx find out; and to tsx it
 * matters for an `await` at the top level only, which ES2021 has not.
 */
function isModule({ source }: Example) {
  for (let at = folder; ; at = path.dirname(at)) {
    const file = path.join(at, "package.json");
    if (existsSync(file))
      try {
        return JSON.parse(readFileSync(file, "utf8")).type === "module";
      } catch (error) {
        return fail(`${relative(file)}: ${(error as Error).message}`, 1);
      }
    if (at === path.dirname(at)) break;
  }
  if (js) return true;
  const { code } = transformSync(source, { mode: "strip-only" });
  try {
    acorn.parse(code, { ecmaVersion: 2021, sourceType: "module" });
    return true;
  } catch {
    return false;
  }
}

/** A path as it is written where the command was typed. */
function relative(file: string) {
  return path.relative(process.env.INIT_CWD ?? process.cwd(), file);
}

function fail(message: string, status: number): never {
  console.error(message);
  process.exit(status);
}
