/**
 * Measures the servers under each runtime that is found, side by side with what
 * Python, Go and socat do.
 *
 *     npm run bench
 *     npm run bench -- --quick
 *     npm run bench -- --only udp --json figures.json
 *     npm run bench -- --only "tcp/echo-server.ts: 50" --with "node mine.js"
 *
 * --quick measures briefly, and just tsx and Python. --only takes the figures
 * that have that in their names. --with measures one more command, which prints
 * "ready on 127.0.0.1:PORT". A wrong byte is a failure.
 *
 * The HTTP server is measured by wrk; its bound is node:http with such an answer.
 */
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { which } from "zx";
import { runtimes } from "../test/runtimes.ts";
import { commandLine, mistake } from "./command-line.ts";
import * as load from "./load.ts";
import { type Program, run, start } from "./processes.ts";

/** What a round told; `server` is the server's processor time in seconds. */
type Round = load.Report & { server: number };
type Value = (round: Round) => number;
type Clients = (to: load.Target) => Promise<load.Run>;

/** Its values by their units. Without clients, each round starts a server. */
type Figure = [name: string, values: Record<string, Value>, clients?: Clients];

/** A command that serves, and what is known once it does. */
interface Candidate extends load.Target {
  name: string;
  command: string;
  program?: Program;
  run?: load.Run;
  rounds: Round[];
  failed: boolean;
}

const given = commandLine({
  options: {
    quick: { type: "boolean", default: false },
    only: { type: "string", default: "" },
    json: { type: "string" },
    with: { type: "string", multiple: true, default: [] },
  },
}).values;
const { quick, only, json } = given;
const ms = quick ? 30 : 120;
const rounds = quick ? 2 : 5;
const starts = quick ? 1 : 3;
const members = quick ? 100 : 1000;
const files = Number((await run("ulimit -Hn")).stdout) || Infinity;
const idle = Math.min(quick ? 1000 : 10_000, files - 100);

const half = ({ times }: Round) => part(0.5, times);
const time = { ms: half, "ms, p99": ({ times }: Round) => part(0.99, times) };
const rate = ({ done, seconds }: Round) => done / seconds;
const megabytes = (round: Round) => rate(round) * 65536e-6;
const done = ({ done }: Round) => done;
const udp: Figure[] = [
  ["start to first reply", { ms: half }],
  ["round trip", time, (to) => load.datagrams(to, 1)],
  ["64 under way", { "datagrams/s": rate }, (to) => load.datagrams(to, 1, 64)],
  ["burst of 3,000", { answered: done }, (to) => load.datagrams(to, 50, 60)],
];
const stream = (to: load.Target) => load.requests(to, 1, 16, 65536);
const tcp: Figure[] = [
  ["start to first reply", { ms: half }],
  [`${idle} idle connections`, { MB: done }],
  ["round trip", time, (to) => load.requests(to, 1)],
  ["50 connections", { "requests/s": rate }, (to) => load.requests(to, 50)],
  ["one connection per sentence", { "sentences/s": rate }, load.sentences],
  ["long stream", { "MB/s": megabytes }, stream],
];
const chat = (to: load.Target) => load.chat(to, members);
const servers: Record<string, Figure[]> = {
  "udp/server.ts": udp,
  "udp/echo-server.ts": udp,
  "tcp/server.ts": tcp,
  "tcp/echo-server.ts": tcp,
  "tcp/chat-server.ts": [[`${members} members`, { ms: half }, chat]],
  "tcp/http-server.ts": [["wrk", { "requests/s": rate }, load.wrk]],
};

const all = Object.entries(servers).flatMap(([file, figures]) => {
  const title = ([name]: Figure) => `${file}: ${name}`;
  const chosen = figures.filter((figure) => title(figure).includes(only));
  if (file.includes("http") && !found("wrk")) return [];
  return chosen.length > 0 ? [{ file, chosen }] : [];
});
if (all.length === 0) mistake(`no figure has "${only}" in its name`);
const folder = mkdtempSync(join(tmpdir(), "bench-"));
process.on("exit", () => rmSync(folder, { recursive: true }));
const go = join(folder, "echo");
if (!quick && found("go"))
  await run(`go build -o ${go} scripts/peers/echo.go`, "", 300_000);
const system = `${process.platform}, Node ${process.version}`;
const machine = `${cpus().length} cores, ${cpus()[0]?.model}, ${system}`;
console.log(`${machine}
The median of all rounds, the least and the most; ratios: above 1 is better.
bound: the ratio to the least that a server can do under the same runtime.
µs: the server's processor time per reply. *: the clients were the slower side.`);
if (!found("wrk")) console.log("Without wrk, tcp/http-server.ts is left out.");

const measured: unknown[] = [];
const failures: string[] = [];
for (const { file, chosen } of all) {
  const found = candidates(file);
  for (const figure of chosen)
    await measure(`${file}: ${figure[0]}`, figure, found);
  for (const { program } of found) await program?.stop("SIGKILL");
}
if (json) writeFileSync(json, JSON.stringify({ machine, measured, failures }));
for (const failure of failures) console.error(`FAILED: ${failure}`);
process.exit(failures.length > 0 ? 1 : 0);

function found(tool: string) {
  return which.sync(tool, { nothrow: true }) !== null;
}

/** The value that so great a share of the values does not exceed. */
function part(share: number, values: number[]) {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length * share)]!;
}

/** What is found that does what a server does; ours comes first. */
function candidates(file: string) {
  const list: Candidate[] = [];
  const capitals = file.endsWith("/server.ts");
  const add = (name: string, command: string) => {
    const state = { port: 0, capitals, rounds: [], failed: false };
    const [tool = ""] = command.split(" ");
    const here = tool === "tsx" || found(tool); // tsx comes with the project
    if (here) list.push({ name, command, ...state });
  };
  const kind = file.includes("http") ? "http" : file.slice(0, 3);
  const words = capitals ? `${kind} upper` : kind;
  for (const { start } of quick ? runtimes.slice(0, 1) : runtimes) {
    const [name = ""] = start(file).split(" ");
    add(name, `${start(file)} --port 0`);
    if (file.includes("chat")) continue;
    add(`${name} bound`, `${start("scripts/peers/bound.ts")} ${words}`);
  }
  for (const command of given.with) add(command, command);
  if (file === "udp/server.ts")
    add("notes", "python3 test/notes/uppercase_udp_server.py");
  else if (!/chat|http/.test(file))
    add("python", `python3 scripts/peers/echo.py ${words}`);
  if (file.includes("echo")) add("go", `${go} ${kind}`);
  if (file === "tcp/echo-server.ts" && !quick)
    add("socat", "socat -d -d TCP4-LISTEN:0,bind=127.0.0.1,fork PIPE");
  return list;
}

/** Starts a server that may have as many connections as the system allows. */
async function serve(one: Candidate) {
  // Nobody reads the lines that these two print.
  const logs = /chat|http/.test(one.command);
  const output = logs ? "> >(head -1; exec cat >/dev/null)" : "";
  const line = `ulimit -n "$(ulimit -Hn)"; exec ${one.command} ${output}`;
  one.program = start(line, { limit: 900_000 });
  const ready = await one.program.line(/(ready|listening) on .*:(\d+)$/);
  one.port = Number(ready[2]);
  return one.program;
}

/** Measures all candidates in each round, so that they share a slow time. */
async function measure(title: string, figure: Figure, all: Candidate[]) {
  const [name, values, clients] = figure;
  const able = all.filter((one) => {
    if (one.name === "socat") return name === "long stream";
    return clients || !one.name.endsWith("bound");
  });
  const closeClients = () => {
    load.closeAll();
    for (const one of able) delete one.run;
  };
  for (const one of able) one.rounds = [];
  let last = clients ? rounds : starts;
  if (title.includes("idle")) last = 1;
  for (let round = 1; round <= last; round++)
    for (const one of able)
      try {
        if (one.failed) continue;
        const told = clients ? ask(one, name, clients) : begin(one, title);
        one.rounds.push(await told);
      } catch (error) {
        one.failed = true;
        failures.push(`${title}, ${one.name}: ${(error as Error).message}`);
        closeClients(); // its replies may still come
      }
  closeClients();
  for (const [unit, value] of Object.entries(values))
    tell(title, unit, value, able);
}

/** A round with clients of a server that stays up. */
async function ask(one: Candidate, figure: string, clients: Clients) {
  const time = figure.startsWith("burst") ? 0 : ms;
  const program = one.program ?? (await serve(one));
  if (!one.run) {
    one.run = await clients(one);
    await one.run(time); // warms it up
  }
  const before = usage(program);
  const report = await one.run(time);
  const server = usage(program).seconds - before.seconds;
  if (report.done === 0) throw new Error("nothing came back");
  return { ...report, server };
}

/** A round with a server of its own: its start, and what idle clients take. */
async function begin(candidate: Candidate, title: string) {
  const start = performance.now();
  const one = { ...candidate };
  const program = await serve(one);
  const first = title.startsWith("udp") ? load.datagrams : load.sentences;
  const askFirst = await first(one, 1);
  const report = await askFirst(0);
  const times = [performance.now() - start];
  if (title.includes("idle")) {
    await load.requests(one, idle);
    await sleep(300); // until the server has accepted the last one
  }
  const { megabytes } = usage(program);
  load.closeAll();
  await program.stop("SIGKILL");
  return { ...report, times, done: megabytes, cpu: 0, server: NaN };
}

/** What the processes of a program use: seconds (on Linux), and memory. */
function usage({ pid }: Program) {
  const linux = process.platform === "linux";
  const used = { seconds: linux ? 0 : NaN, megabytes: 0 };
  const rows = execFileSync("ps", ["-A", "-o", "pgid=,pid=,rss="]);
  for (const row of `${rows}`.split("\n")) {
    const [group, id, kilobytes] = row.trim().split(/ +/).map(Number);
    if (group !== pid) continue;
    used.megabytes += kilobytes! / 1000;
    if (!linux) continue;
    const stat = readFileSync(`/proc/${id}/stat`, "utf8");
    const [, fields = ""] = stat.split(/\) (?=\w )/); // behind the name
    const [user, system] = fields.split(" ").slice(11).map(Number);
    used.seconds += (user! + system!) / 100;
  }
  return used;
}

/** Prints what all rounds told, and keeps it. */
function tell(title: string, unit: string, value: Value, all: Candidate[]) {
  const told = all.filter(({ rounds }) => rounds.length > 0);
  const rows = told.map(({ name, rounds }) => {
    const sum = (of: "done" | "seconds" | "cpu" | "server") =>
      rounds.reduce((sum, round) => sum + round[of], 0);
    const values = rounds.map(value);
    const median = part(0.5, values);
    const least = Math.min(...values);
    const most = Math.max(...values);
    const us = (sum("server") / sum("done")) * 1e6;
    const clientsBusy = sum("cpu") > 0.85 * sum("seconds");
    const serverBusy = sum("server") > 0.75 * sum("seconds");
    const star = clientsBusy && !serverBusy ? "*" : " ";
    return { name, median, least, most, us, star };
  });
  measured.push({ title, unit, rows });
  const row = (name: string) => rows.find((row) => row.name === name);
  const base = row("notes") ?? row("python") ?? rows[0];
  const less = /^(ms|MB$)/.test(unit); // is better
  const ratio = (one: number, other?: { median: number }) => {
    if (!other) return "";
    return (less ? other.median / one : one / other.median).toFixed(2);
  };
  console.log(`\n${title}, ${unit} (1.00 is ${base?.name})`);
  print("", "median ", "least-most", "ratio", "bound", "µs");
  for (const { name, median, least, most, us, star } of rows) {
    const range = `${short(least)}-${short(most)}`;
    const toBase = ratio(median, base);
    const toBound = ratio(median, row(`${name} bound`));
    print(name, short(median) + star, range, toBase, toBound, short(us));
  }
}

function print(name: string, ...cells: string[]) {
  const widths = [12, 18, 7, 7, 7];
  const right = cells.map((cell, i) => cell.padStart(widths[i]!));
  console.log(`  ${name.padEnd(13)}${right.join(" ")}`.trimEnd());
}

function short(value: number) {
  if (!Number.isFinite(value)) return "";
  return value.toLocaleString("en-US", { maximumSignificantDigits: 3 });
}
