/**
 * Measures the servers under each runtime that is found, and Python, Go, socat.
 *
 *     npm run bench -- --only udp --json figures.json
 *     npm run bench -- --only "tcp/echo-server.ts: 50" --with "node mine.js"
 *
 * --quick measures briefly, and just tsx and Python. --only takes the figures
 * that have that in their names. --with measures one more command, which prints
 * "ready on 127.0.0.1:PORT". --json keeps each round. A wrong byte is a failure.
 */
import { rmSync, writeFileSync } from "node:fs";
import { cpus, tmpdir } from "node:os";
import { which } from "zx/core";
import { runtimes } from "../test/runtimes.ts";
import { commandLine, mistake } from "./command-line.ts";
import { chat, client, closeAll, sentences, wrk } from "./load.ts";
import { part, type Server, type Values, work } from "./load.ts";
import { run, start } from "./processes.ts";

type Measure = (to: Server) => Promise<Values>;
const { quick, only, json, ...more } = commandLine({
  options: {
    quick: { type: "boolean", default: false },
    only: { type: "string", default: "" },
    json: { type: "string" },
    with: { type: "string", multiple: true, default: [] },
  },
}).values;
const [ms, rounds, members] = quick ? [40, 2, 100] : [160, 3, 1000];
const files = Number((await run("ulimit -Hn")).stdout) || Infinity;
const idle = Math.min(quick ? 1000 : 10_000, files - 100);
const found = (tool: string) => which.sync(tool, { nothrow: true }) !== null;
const trip: Measure = (to) => work(to, client, { ms });
// What is measured; the name ends with the value's unit.
const both: Record<string, Measure> = {
  "start to first reply, ms from start": (to) => work(to, client),
  "round trip, ms": trip,
  "round trip, ms at p99": trip,
};
const udp: Record<string, Measure> = {
  ...both,
  "64 under way, replies/s": (to) => work(to, client, { ms, each: 64 }),
  "burst of 3,000, replies": (to) => work(to, client, { many: 50, each: 60 }),
};
const tcp: Record<string, Measure> = {
  ...both,
  "50 connections, replies/s": (to) => work(to, client, { ms, many: 50 }),
  "one connection per sentence, replies/s": (to) => work(to, sentences, { ms }),
  "stream of 64 MB, ms": (to) => work(to, () => client(to, 64e6)),
};
const crowd: Measure = (to) => work(to, client, { many: idle });
if (found("ps")) tcp[`${idle} idle connections, MB`] = crowd;
const talk: Measure = (to) => work(to, () => chat(to, members), { ms });
const servers: Record<string, Record<string, Measure>> = {
  "udp/server.ts": udp,
  "udp/echo-server.ts": udp,
  "tcp/server.ts": tcp,
  "tcp/echo-server.ts": tcp,
  "tcp/chat-server.ts": { [`${members} members, ms`]: talk },
  "tcp/http-server.ts": found("wrk") ? { "wrk, replies/s": wrk } : {},
};
const figures = Object.entries(servers).flatMap(([file, all]) =>
  Object.entries(all).map(([name, measure]) => {
    return { file, title: `${file}: ${name}`, measure };
  }),
);
const chosen = figures.filter(({ title }) => title.includes(only));
if (chosen.length === 0) mistake(`no figure has "${only}" in its name`);
const go = `${tmpdir()}/bench-${process.pid}`;
if (!quick) await run(`go build -o ${go} scripts/peers/echo.go`, "", 300_000);
process.on("exit", () => rmSync(go, { force: true }));

const machine = `${cpus().length} of ${cpus()[0]?.model}, ${process.version}`;
console.log(`${machine}
The median of ${rounds} rounds, its ratio, and the ratio to a handler of two lines, the
bound of the runtime: above 1 is better. *: the clients were the slower side.`);
const told: Record<string, Record<string, Values[]>> = {};
const failures = new Set<string>();
for (const file of Object.keys(servers)) {
  const figures = chosen.filter((figure) => figure.file === file);
  for (let round = 1; round <= rounds && figures.length > 0; round++)
    for (const [name, command] of candidates(file))
      await play(figures, name, command);
  for (const { title } of figures) print(title);
}
if (json) writeFileSync(json, JSON.stringify({ machine, told }));
for (const failure of failures) console.error(`FAILED: ${failure}`);
process.exit(failures.size > 0 ? 1 : 0);

/** What is found that does what a server does: names and commands. */
function candidates(file: string) {
  const kind = file.includes("http") ? "http" : file.slice(0, 3);
  const words = file.endsWith("/server.ts") ? `${kind} upper` : kind;
  const list: [name: string, command: string][] = [];
  for (const { start } of quick ? runtimes.slice(0, 1) : runtimes) {
    const [name = ""] = start(file).split(" ");
    list.push([name, `${start(file)} --port 0`]);
    const bound = `${start("scripts/peers/bound.ts")} ${words}`;
    if (!file.includes("chat")) list.push([`${name} bound`, bound]);
  }
  for (const command of more.with) list.push([command, command]);
  if (!/chat|http/.test(file))
    list.push(["python", `python3 scripts/peers/echo.py ${words}`]);
  if (file.includes("echo")) list.push(["go", `${go} ${kind}`]);
  if (file === "tcp/echo-server.ts" && !quick)
    list.push(["socat", "socat -dd -b4096 TCP4-L:0,bind=127.0.0.1,fork PIPE"]);
  return list.filter(([, command]) => found(command.split(" ")[0]!));
}

/** A round: starts a server, and measures all of its figures. */
async function play(figures: typeof chosen, name: string, command: string) {
  const output = "> >(head -1; exec cat >/dev/null)"; // some print a lot
  const started = performance.now();
  const program = start(`ulimit -n "$(ulimit -Hn)"; exec ${command} ${output}`);
  let at = "";
  try {
    const [, port] = await program.line(/(?:ready|listening) on .*:(\d+)$/);
    const ready = performance.now() - started;
    for (const { file, title, measure } of figures) {
      if (name === "socat" && !title.includes("stream")) continue;
      at = `${title}, `;
      closeAll(); // those of the figure before
      const values = await new Promise<Values>((resolve, fail) => {
        const server = { file, port: Number(port), ready, fail };
        measure(server).then(resolve, fail);
      });
      const ps = `ps -g ${program.pid} -o rss= | awk '{ kb += $1 } END { print kb }'`;
      if (title.endsWith("MB")) values.MB = Number(await run(ps)) / 1000;
      told[title] ??= {};
      (told[title][name] ??= []).push(values);
    }
  } catch (error) {
    failures.add(`${at}${name}: ${(error as Error).message}`);
  }
  await program.stop("SIGKILL");
}

function print(title: string) {
  const rows = told[title] ?? {};
  const unit = title.split(", ").at(-1)!;
  const median = (name: string) =>
    part(0.5, rows[name]?.map((values) => values[unit]!) ?? []);
  const base = "python" in rows ? "python" : Object.keys(rows)[0];
  const ratio = (name: string, other = "") => {
    const ratio = median(name) / median(other);
    return (/^(ms|MB)/.test(unit) ? 1 / ratio : ratio).toFixed(2);
  };
  console.log(`\n${title} (1.00 is ${base})`);
  for (const name of Object.keys(rows)) {
    const star = rows[name]!.every(({ slow }) => slow) ? "*" : " ";
    const digits = { maximumSignificantDigits: 3 };
    const text = median(name).toLocaleString("en-US", digits).padStart(11);
    const last = `${name} bound` in rows ? ratio(name, `${name} bound`) : "";
    console.log(
      `  ${name.padEnd(13)}${text}${star} ${ratio(name, base)} ${last}`,
    );
  }
}
