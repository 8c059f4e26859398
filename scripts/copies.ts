/**
 * Makes copies of examples that need nothing beside them: what config() does for
 * an example, parseArgs() does in its copy.
 */
import { transformSync } from "@swc/wasm-typescript";
import { parseExpressionAt } from "acorn";
import type { CallExpression, Identifier, Literal } from "acorn";
import type { ObjectExpression, Property } from "acorn";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import * as path from "node:path";
import { format } from "prettier";
import { ports } from "../shared/config.ts";
import type { Example } from "./examples.ts";

/**
 * Writes copies of examples.
 *
 * @param chosen the examples
 * @param to the folder for them, which is made; or, for one, the copy's own name
 * @param options js removes the types, force overwrites what is there
 * @returns the copies' paths
 * @throws an error whose message tells the user what is wrong
 */
export async function copyTo(
  chosen: Example[],
  to: string,
  { js = false, force = false } = {},
): Promise<string[]> {
  const named = isModule(to);
  const folder = named ? path.dirname(to) : to;
  const ending = endingIn(folder, js ? "js" : "ts");
  if (named && ending.startsWith(".m") && !path.extname(to).startsWith(".m"))
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
  return copies.map(({ copy }) => copy);
}

/** Whether a path is a copy's own name, and not only its folder. */
export function isModule(path: string): boolean {
  return /\.m?[jt]s$/.test(path);
}

/** A path as it is written where the user's command was typed. */
export function relative(file: string): string {
  return path.relative(process.env.INIT_CWD ?? ".", file);
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

/**
 * Puts options that are a constant in front of config(), such as the relays'
 * `const faults = { … }`, where config() has `...faults`.
 */
function withoutSpread(source: string) {
  const before = /^const (\w+) = \{ (.+) \};\n(?=const \{.+ = config\()/m;
  const [constant = "", name, options = ""] = before.exec(source) ?? [];
  return source.replace(constant, "").replace(`...${name}`, () => options);
}

/** An example's source with parseArgs() in place of config(). */
function withParseArgs(example: string): string {
  const source = withoutSpread(example);
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
 * Tells how a copy's name ends. A copy is a module: either its package.json says
 * so, or its ending must, as .mts or .mjs.
 *
 * @param folder where the copies go
 * @param ending for a module where package.json says so
 */
function endingIn(folder: string, ending: "js" | "ts"): string {
  const file = path.join(folder, "package.json");
  if (existsSync(file))
    return parsed(file).type === "module" ? `.${ending}` : `.m${ending}`;
  const above = path.dirname(folder);
  return above === folder ? `.m${ending}` : endingIn(above, ending);
}

function parsed(file: string) {
  try {
    return JSON.parse(readFileSync(file, "utf8"));
  } catch (error) {
    throw new Error(`${relative(file)}: ${(error as Error).message}`);
  }
}
