/**
 * Copies an example into another project, as a file that needs nothing beside
 * it. The copy takes the same options as the original. Its errors are Node's
 * own, with their stack: from here on the program is yours.
 *
 *     npm run copy udp/echo-server.ts ../my-project
 *     npm run copy udp/echo-server.ts ../my-project/server.ts -- --force
 *     npm run copy udp/echo ../my-project -- --js
 */
import { transformSync } from "@swc/wasm-typescript";
import { parse, parseExpressionAt } from "acorn";
import type { CallExpression, Identifier, Literal } from "acorn";
import type { ObjectExpression, Property } from "acorn";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import * as path from "node:path";
import { format } from "prettier";
import { quote } from "zx";
import { ports } from "../shared/config.ts";
import { commandLine, mistake } from "./command-line.ts";
import { type Example, examples, isNamed } from "./examples.ts";

const { values, positionals } = commandLine({
  allowPositionals: true,
  options: { js: { type: "boolean" }, force: { type: "boolean" } },
});
const [wanted = "", into, ...more] = positionals;
if (!into || more.length)
  mistake("name an example and a folder: udp/echo-server.ts ../my-project");

// npm keeps options that stand before no "--" to itself, --js as --json.
const { INIT_CWD = ".", npm_config_json, npm_config_force } = process.env;
const to = path.resolve(INIT_CWD, into);
const named = /\.m?[jt]s$/.test(to); // the copy's name, not only its folder
const js = values.js ?? npm_config_json ?? /\.m?js$/.test(to);
const force = values.force ?? npm_config_force;

const all = await examples();
const chosen = all.filter(
  // A service alone is two pairs, with the same names for their files.
  (example) => isNamed(example, wanted) && wanted !== example.service,
);
if (!chosen.length) {
  const names = all.flatMap((example) => [example.file, pair(example)]);
  mistake(`no ${wanted} here: ${[...new Set(names)].sort().join(", ")}`);
}
if (named && chosen.length > 1)
  mistake(`${wanted} is ${chosen.length} files: name a folder for them`);

try {
  const folder = named ? path.dirname(to) : to;
  const ending = endingIn(folder);
  if (named && ending.startsWith(".m") && !/\.m[jt]s$/.test(to))
    throw new Error(
      `a module is ${ending.slice(1)} there: give it that ending`,
    );
  const nameOf = (file: string) => path.basename(file, ".ts") + ending;
  const copies = chosen.map(({ file, source }) => {
    const copy = named ? to : path.join(folder, nameOf(file));
    if (existsSync(copy) && !force)
      throw new Error(`${relative(copy)} exists: -- --force overwrites it`);
    const own = named ? path.basename(to) : nameOf(file);
    const text = withParseArgs(source).replaceAll(
      /\b(tsx )?(?:udp|tcp)\/([\w-]+\.ts)\b/g,
      (_, tsx = "", other: string) =>
        (tsx && js ? "node " : tsx) +
        (path.basename(file) === other ? own : nameOf(other)),
    );
    return { copy, text };
  });
  mkdirSync(folder, { recursive: true });
  for (const { copy, text } of copies) {
    const code = js ? transformSync(text, { mode: "strip-only" }).code : text;
    writeFileSync(copy, await format(code, { filepath: copy }));
  }
  const types = (process.features as { typescript?: string }).typescript;
  for (const { copy } of copies)
    console.log(
      `${js || types ? "node" : "npx tsx"} ${quoted(relative(copy))}`,
    );
} catch (error) {
  console.error((error as Error).message);
  process.exitCode = 1;
}

/** Finds `const { … } = config(…);` in an example, and its parts. */
function reading(source: string) {
  const [begin, names = ""] = /^const \{([^}]+)\} = (?=config\()/m.exec(
    source,
  )!;
  const start = source.indexOf(begin);
  const call = parseExpressionAt(source, start + begin.length, {
    ecmaVersion: "latest",
  }) as CallExpression;
  const [service, own] = call.arguments as [Literal, ObjectExpression?];
  return {
    statement: source.slice(start, call.end + ";".length),
    names: names.split(",").map((name) => name.trim()),
    service: service.value as keyof typeof ports,
    own: (own?.properties ?? []) as Property[],
  };
}

/** An example's source with parseArgs() in place of config(). */
function withParseArgs(source: string): string {
  const { statement, names, service, own } = reading(source);
  const defaults = new Map([
    ["host", '"127.0.0.1"'],
    ["port", `${ports[service]}`],
  ]);
  for (const { key, value } of own)
    defaults.set(
      (key as Identifier).name,
      source.slice(value.start, value.end),
    );
  const words = defaults.delete("words");
  const isNumber = (name: string) => /^\d+$/.test(defaults.get(name) ?? "");

  const options = [...defaults].map(([name, value]) => {
    if (value === "false")
      return `${name}: { type: "boolean", default: false }`;
    const multiple = value.startsWith("[") ? "multiple: true," : "";
    const text = isNumber(name) ? `"${value}"` : value;
    return `${name}: { type: "string", ${multiple} default: ${text} }`;
  });
  const others = names.filter((n) => n && n !== "words" && !isNumber(n));
  const lines = [
    `const { values${words ? ", positionals: words" : ""} } = parseArgs({`,
    words ? "allowPositionals: true," : "",
    // Prettier keeps one option a line where the first one has its own.
    `options: {\n${options.join(",")} } });`,
    `const { ${others.join(", ")} } = values;`,
    ...names.filter(isNumber).map((n) => `const ${n} = Number(values.${n});`),
  ].join("\n");
  return source
    .replace(statement, () => lines)
    .replace(
      /^import \{ config \}.*$/m,
      'import { parseArgs } from "node:util";',
    );
}

/**
 * Tells how a copy's name ends. A copy is a module. Its folder's package.json
 * may say that a .ts or .js is one; otherwise .mts or .mjs says so. Where there
 * is no package.json, a .ts will do, unless it awaits at its top level: tsx takes
 * it for CommonJS.
 *
 * @param folder where the copies go
 * @returns ".ts", ".mts", ".js" or ".mjs"
 */
function endingIn(folder: string): string {
  const ending = js ? "js" : "ts";
  for (let at = folder; ; at = path.dirname(at)) {
    const file = path.join(at, "package.json");
    if (existsSync(file)) {
      const { type } = parsed(file);
      return type === "module" ? `.${ending}` : `.m${ending}`;
    }
    if (at === path.dirname(at)) break;
  }
  const awaits = chosen.some(({ source }) => awaitsAtTop(source));
  return js || awaits ? `.m${ending}` : `.${ending}`;
}

/** Whether a source has an `await` outside of functions, as ES2021 has not. */
function awaitsAtTop(source: string): boolean {
  const { code } = transformSync(source, { mode: "strip-only" });
  try {
    parse(code, { ecmaVersion: 2021, sourceType: "module" });
    return false;
  } catch {
    return true;
  }
}

function parsed(file: string) {
  try {
    return JSON.parse(readFileSync(file, "utf8"));
  } catch (error) {
    throw new Error(`${relative(file)}: ${(error as Error).message}`);
  }
}

/** An example's service and transport, "udp/echo". */
function pair({ file, service }: Example) {
  return `${path.dirname(file)}/${service}`;
}

/** A path as the user's shell takes it. */
function quoted(file: string) {
  return process.platform === "win32" ? `"${file}"` : quote(file);
}

/** A path as it is written where the command was typed. */
function relative(file: string) {
  return path.relative(INIT_CWD, file);
}
