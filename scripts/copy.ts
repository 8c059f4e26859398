/**
 * Copies examples into another project. A copy needs no other file and takes the
 * same options. Its errors are Node's own, with their stack.
 *
 *     npm run copy udp/echo-server.ts ../my-project
 *     npm run copy udp/echo tcp/server.ts ../my-project
 *     npm run copy udp/echo-server.ts ../my-project/echo.mts -- --force
 *     npm run copy udp/echo ../my-project -- --js
 */
import * as nodeModule from "node:module";
import { fs, minimist, path, quote } from "zx";
import { ports } from "../shared/config.ts";
import { named, programOf, root } from "./programs.ts";

const kinds = { boolean: ["js", "force"], string: ["_"] };
const { _: words, js, force } = minimist(process.argv.slice(2), kinds);
const to = path.resolve(process.env.INIT_CWD ?? ".", words.pop() ?? "");
if (words.length === 0) throw new Error("Name an example and then a folder.");
const isFile = /\.m?[jt]s$/.test(to);
const folder = isFile ? path.dirname(to) : to;
const ending = (isModule(folder) ? "." : ".m") + (js ? "js" : "ts");
if (isFile && !to.endsWith(ending)) throw new Error(`There, use ${ending}.`);

const files = [...new Set(words.flatMap(named))];
const names = files.map((file) => path.basename(file, ".ts") + ending);
const copies = isFile ? [to] : names.map((name) => path.join(folder, name));
const programs = [...new Set(files.map(programOf))].join(", ");
if (new Set(copies).size < files.length)
  throw new Error(`Choose one, their files have the same names: ${programs}.`);
const present = copies.find((copy) => fs.existsSync(copy) && !force);
if (present) throw new Error(`${present} exists: -- --force overwrites it.`);
for (const [i, copy] of copies.entries()) {
  await fs.outputFile(copy, textOf(files[i]!, path.basename(copy)));
  const runner = js || "typescript" in process.features ? "node" : "npx tsx";
  const shown = process.platform === "win32" ? `"${copy}"` : quote(copy);
  console.log(`${runner} ${shown}`);
}

/** The text of a copy: the example, with options() in place of config(). */
function textOf(file: string, name: string): string {
  const read = (file: string) => fs.readFileSync(path.join(root, file), "utf8");
  const source = read(file);
  const [, options = ""] = read("shared/options.ts").split(/^import .*\n/m);
  const [call, service = ""] = /\bconfig\("(\w+)"/.exec(source) ?? [];
  const port = ports[service];
  if (!call || port === undefined) throw new Error(`${file} has no config().`);
  const text = source
    .replace(/import \{ config \}.*/, 'import { parseArgs } from "node:util";')
    .replace(call, `options(${port}`)
    .replaceAll(file, name)
    .replaceAll(/\b(udp|tcp)\/([\w-]+)\.ts\b/g, `$2${ending}`);
  const copy = text + options.replaceAll("export ", "");
  if (!js) return copy;
  const strip: unknown = Reflect.get(nodeModule, "stripTypeScriptTypes");
  if (typeof strip === "function") return strip(copy);
  throw new Error("--js needs Node 22.13 or later.");
}

/** Whether a .ts file in a folder is a module: the next package.json says so. */
function isModule(folder: string): boolean {
  const file = path.join(folder, "package.json");
  const above = path.dirname(folder);
  if (fs.existsSync(file)) return fs.readJsonSync(file)?.type === "module";
  return folder !== above && isModule(above);
}
