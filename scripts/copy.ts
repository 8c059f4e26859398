/**
 * Copies an example into another project, as a file that needs nothing beside
 * it. The copy takes the same options as the original. Its errors are Node's
 * own, with their stack: from here on the program is yours.
 *
 *     npm run copy udp/echo-server.ts ../my-project
 *     npm run copy udp/echo-server.ts ../my-project/server.ts -- --force
 *     npm run copy udp/echo ../my-project -- --js
 */
import { dirname, resolve } from "node:path";
import { quote } from "zx/core";
import { commandLine, mistake } from "./command-line.ts";
import { copyTo, isModule, relative } from "./copies.ts";
import { examples, isNamed } from "./examples.ts";

const { values, positionals } = commandLine({
  allowPositionals: true,
  options: { js: { type: "boolean" }, force: { type: "boolean" } },
});
const [wanted = "", into, ...more] = positionals;
if (!into || more.length)
  mistake("name an example and a folder: udp/echo-server.ts ../my-project");

// npm keeps options that stand before no "--" to itself, --js as --json.
const { INIT_CWD = ".", npm_config_json, npm_config_force } = process.env;
const to = resolve(INIT_CWD, into);
const js = Boolean(values.js ?? npm_config_json ?? /\.m?js$/.test(to));
const force = Boolean(values.force ?? npm_config_force);

const all = await examples();
const chosen = all.filter(
  // A service alone is two pairs, with the same names for their files.
  (example) => isNamed(example, wanted) && wanted !== example.service,
);
if (!chosen.length) {
  const pairs = all.map(({ file, service }) => `${dirname(file)}/${service}`);
  const names = new Set([...all.map(({ file }) => file), ...pairs]);
  mistake(`no ${wanted} here: ${[...names].sort().join(", ")}`);
}
if (isModule(to) && chosen.length > 1)
  mistake(`${wanted} is ${chosen.length} files: name a folder for them`);

try {
  const runsTypes = (process.features as { typescript?: string }).typescript;
  for (const copy of await copyTo(chosen, to, { js, force }))
    console.log(
      `${js || runsTypes ? "node" : "npx tsx"} ${quoted(relative(copy))}`,
    );
} catch (error) {
  console.error((error as Error).message);
  process.exitCode = 1;
}

/** A path as the user's shell takes it. */
function quoted(file: string) {
  return process.platform === "win32" ? `"${file}"` : quote(file);
}
