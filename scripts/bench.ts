/**
 * Tells what each server costs on this machine, side by side with what one
 * would use instead: the notes' Python programs, Python's asyncio or a loop in
 * Python, socat, and the same files under the other runtimes that are found.
 *
 *     npm run bench
 *     npm run bench -- --quick
 *     npm run bench -- --only udp --json figures.json
 *     npm run bench -- --only "tcp/echo-server.ts: 50" --with "node mine.js"
 *
 * --quick takes under half a minute: just tsx and Python, and briefly. --only
 * takes the figures that have that in their names. --with measures one more
 * command, which prints "ready on 127.0.0.1:PORT". A wrong byte is a failure.
 *
 * Rounds go from one candidate to the next, so that a machine that slows down
 * slows all of them. The server's processor time holds even where the load
 * generator was the slower side.
 */
import { execFileSync, fork } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { availableParallelism, cpus } from "node:os";
import { setTimeout as sleep } from "node:timers/promises";
import { which } from "zx";
import { runtimes } from "../test/runtimes.ts";
import { commandLine, mistake } from "./command-line.ts";
import type { Job, Order, Report } from "./load.ts";
import { type Program, readyLine, run, start } from "./processes.ts";

/** A command that serves, and the figures that it can be measured by. */
interface Candidate {
  name: string;
  command: string;
  can: RegExp;
}

/** What one round told: the generator's report, and this of the server. */
interface Round extends Report {
  /** Its processor time in seconds, and its memory in bytes. */
  server: number;
  memory: number;
  /** How much of that is new, and the seconds from start to first reply. */
  more: number;
  started: number;
}

/** What is measured, and the values that are told of a round. */
interface Figure {
  name: string;
  job: Pick<Job, "kind" | "many">;
  /** Each: what it is, its unit, and how it comes from a round. */
  values: [what: string, unit: string, of: (round: Round) => number][];
  /** For what the server's processor time is told, how many of `done`. */
  per?: [unit: string, done: number];
  /** Less is better. */
  less?: boolean;
  /** So many rounds, each with a server that has just been started. */
  fresh?: number;
}

const {
  quick,
  only,
  json,
  with: extra,
} = commandLine({
  options: {
    quick: { type: "boolean", default: !!process.env.npm_config_quick },
    only: { type: "string", default: "" },
    json: { type: "string" },
    with: { type: "string", multiple: true, default: [] },
  },
}).values;
const ms = quick ? 30 : 250;
const rounds = quick ? 2 : 3;
const idle = quick ? 1000 : 10_000;
const begin = performance.now();

const trip = (kind: Job["kind"]): Figure => ({
  name: "round trip of one client",
  job: { kind, many: 1 },
  values: [
    ["p50", "µs", ({ p50 }) => p50],
    ["p99", "µs", ({ p99 }) => p99],
  ],
  per: ["request", 1],
  less: true,
});
const rate = (
  name: string,
  kind: Job["kind"],
  many: number,
  unit: string,
  done = 1,
): Figure => ({
  name,
  job: { kind, many },
  values: [["", `${unit}/s`, (round) => round.done / done / round.seconds]],
  per: [unit, done],
});
const message = (kind: Job["kind"], many: number): Figure => ({
  name: `until all of ${thousands(many)} members have a message`,
  job: { kind, many },
  values: [["", "µs", ({ p50 }) => p50]],
  per: ["message", 1],
  less: true,
});
const fresh = (
  name: string,
  job: Figure["job"],
  fresh: number,
  ...values: Figure["values"]
): Figure => ({ name, job, values, less: true, fresh });
const starting = (kind: Job["kind"]) =>
  fresh("from start to first reply", { kind, many: 0 }, quick ? 1 : 3, [
    "",
    "ms",
    ({ started }) => started * 1e3,
  ]);

const udp: Figure[] = [
  trip("datagrams"),
  rate("64 under way", "datagrams", 64, "datagram"),
  {
    name: "a burst of 3,000",
    job: { kind: "datagrams", many: 3000 },
    values: [["answered", "datagrams", ({ done }) => done]],
  },
  starting("datagrams"),
];
const tcp: Figure[] = [
  trip("requests"),
  rate("50 connections", "requests", 50, "request"),
  rate("1,000 connections", "requests", 1000, "request"),
  rate("one connection per sentence", "sentences", 1, "connection"),
  rate("one long stream", "stream", 1, "MB", 1e6),
  starting("sentences"),
  fresh(
    `${thousands(idle)} idle connections`,
    { kind: "requests", many: idle },
    1,
    ["memory", "MB", ({ memory }) => memory / 1e6],
    ["each", "KB", ({ more }) => more / idle / 1e3],
  ),
  fresh("memory behind a sleeping reader", { kind: "sleeper", many: 1 }, 1, [
    "",
    "MB",
    ({ more }) => more / 1e6,
  ]),
];
const servers: Record<string, Figure[]> = {
  "udp/server.ts": udp,
  "udp/echo-server.ts": udp,
  "tcp/server.ts": tcp,
  "tcp/echo-server.ts": tcp,
  "udp/chat-server.ts": [message("udpChat", 100)],
  "tcp/chat-server.ts": [100, ...(quick ? [] : [1000])].map((many) =>
    message("chat", many),
  ),
};

// Who waits for a reader takes seconds to be measured.
const all = quick ? /^(?!.*sleeping)/ : /^/;
const notOnceEach = /sentence|start/; // the notes' TCP server answers once
const oneByOne = quick
  ? /trip|sentence|stream|start/
  : /trip|sentence|stream|start|sleeping/;
// socat makes a process for each, and can lock up on a stream.
const fewOnly = /trip|^50|start/;
const socat = "socat -d -d TCP4-LISTEN:0,bind=127.0.0.1,backlog=128,fork PIPE";
const notes = (name: string) => `python3 test/notes/${name}.py`;
const python = (words: string) => `python3 scripts/echo.py ${words}`;

/** What else serves the same. socat's UDP cannot tell datagrams apart. */
const others: Record<string, [string, string, RegExp][]> = {
  "udp/server.ts": [["notes", notes("uppercase_udp_server"), all]],
  "udp/echo-server.ts": [["loop", python("datagrams"), all]],
  "tcp/server.ts": [
    ["notes", notes("uppercase_tcp_server"), notOnceEach],
    ["asyncio", python("asyncio upper"), all],
    ["loop", python("loop upper"), oneByOne],
  ],
  "tcp/echo-server.ts": [
    ["asyncio", python("asyncio"), all],
    ["loop", python("loop"), oneByOne],
    ...(quick
      ? []
      : ([["socat", socat, fewOnly]] as [[string, string, RegExp]])),
  ],
};

/** All commands found that do what a server does; ours under tsx comes first. */
function candidates(file: string): Candidate[] {
  const ours = runtimes
    .slice(0, quick ? 1 : undefined)
    .map(({ start }) => `${start(file)} --port 0`)
    .map((command) => ({ name: command.split(" ")[0]!, command, can: /^/ }));
  const more = extra.map((command, i) => {
    return { name: `with ${i + 1}`, command, can: /^/ };
  });
  const theirs = (others[file] ?? [])
    .map(([name, command, can]) => ({ name, command, can }))
    .filter(({ command }) =>
      which.sync(command.split(" ")[0]!, { nothrow: true }),
    );
  return [...ours, ...more, ...theirs];
}

/** Starts a server, with as many open files as may be; waits until ready. */
async function serve({ command }: Candidate) {
  const limit = 'ulimit -n "$(ulimit -Hn)" 2>/dev/null';
  const program = start(`${limit}; exec ${command}`, { limit: 900_000 });
  const line = RegExp(`${readyLine.source}|listening on .*:(?<itsPort>\\d+)$`);
  const { port, itsPort } = (await program.line(line)).groups!;
  return { program, port: Number(port ?? itsPort) };
}

/** What a program's processes have used: processor seconds, bytes of memory. */
function usage({ pid }: Program) {
  // Linux tells hundredths of a second only here; ended children are included.
  const ticks = (id: string) => {
    const stat = readFileSync(`/proc/${id}/stat`, "utf8");
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return Number(fields[2]) === pid ? fields.slice(11, 15).map(Number) : [];
  };
  let cpu = 0;
  let memory = 0;
  const ps = ["-A", "-o", "pgid=,pid=,rss=,time="];
  for (const row of execFileSync("ps", ps, { encoding: "utf8" }).split("\n")) {
    const [group, id = "", rss, time = ""] = row.trim().split(/\s+/);
    if (Number(group) !== pid) continue;
    memory += Number(rss) * 1024;
    if (process.platform === "linux")
      for (const tick of ticks(id)) cpu += tick / 100;
    else cpu += time.split(":").reduce((sum, part) => sum * 60 + +part, 0);
  }
  return { cpu, memory };
}

/** Starts a load generator. Out: how to tell it what to do, and its end. */
function generator() {
  const { execArgv } = process;
  const load = fork(new URL("load.ts", import.meta.url), { execArgv });
  const ask = (order: Order) =>
    new Promise<Report>((resolve, reject) => {
      const timer = setTimeout(() => {
        reject(new Error("no reply within 30 s"));
      }, 30_000);
      load.removeAllListeners("message").once("message", (report: Report) => {
        clearTimeout(timer);
        if (report.error) reject(new Error(report.error));
        else resolve(report);
      });
      load.send(order);
    });
  return { ask, end: () => load.kill("SIGKILL") };
}

const plan = Object.entries(servers).flatMap(([file, figures]) => {
  const list = figures.filter(({ name }) => `${file}: ${name}`.includes(only));
  return list.length ? [{ file, list }] : [];
});
if (!plan.length) mistake(`no figure has "${only}" in its name`);
const measured: { file: string; figure: Figure; rows: Map<string, Round[]> }[] =
  [];
const remarks = new Set<string>();
const failures: string[] = [];
let step = 0;
const steps = plan.reduce((sum, { file, list }) => {
  const times = list.map(({ name, fresh }) => {
    const able = candidates(file).filter(({ can }) => can.test(name));
    return able.length * (fresh ?? rounds + 1);
  });
  return times.reduce((sum, count) => sum + count, sum);
}, 0);

for (const { file, list } of plan) {
  const lasting = list.filter(({ fresh }) => !fresh);
  if (lasting.length) await measureLasting(file, lasting);
  for (const figure of list.filter(({ fresh }) => fresh))
    await measureFresh(file, figure);
}
progress("");
const told = tables();
print();
if (json) {
  const figures = { machine: machine(), figures: told, failures };
  writeFileSync(json, `${JSON.stringify(figures, null, 2)}\n`);
}
for (const failure of failures) console.error(`FAILED: ${failure}`);
process.exit(failures.length ? 1 : 0);

/** Measures the figures for which all servers are started just once. */
async function measureLasting(file: string, figures: Figure[]) {
  const serving = candidates(file).map(async (candidate) => {
    const served = await serve(candidate);
    return { ...served, ...generator(), ...candidate, failed: false };
  });
  const settled = await Promise.allSettled(serving);
  for (const [i, one] of settled.entries())
    if (one.status === "rejected")
      fail(file, figures[0]!, candidates(file)[i]!.name, one.reason);
  const up = settled.flatMap((one) => ("value" in one ? [one.value] : []));
  for (const figure of figures) {
    const rows = table(file, figure);
    const each = async (
      work: (one: (typeof up)[number]) => Promise<unknown>,
    ) => {
      for (const one of up) {
        if (one.failed || !one.can.test(figure.name)) continue;
        try {
          await work(one);
        } catch (error) {
          one.failed = true;
          fail(file, figure, one.name, error);
        }
      }
    };
    await each(({ ask, port }) => ask(prepare(file, port, figure.job)));
    // In a first round, which does not count, all warm up.
    for (let round = 0; round <= rounds; round++)
      await each(async ({ name, program, ask }) => {
        progress(`${file}: ${figure.name}, ${name}`);
        const { cpu } = usage(program);
        // A burst is not repeated.
        const report = await ask({ run: figure.per ? ms : 0 });
        if (!report.done) throw new Error("nothing came back");
        const server = usage(program).cpu - cpu;
        const row = { ...report, server, memory: 0, more: 0, started: 0 };
        if (round) rows.set(name, [...(rows.get(name) ?? []), row]);
      });
    await each(({ ask }) => ask("end"));
  }
  for (const { end, program } of up) {
    end();
    await program.stop("SIGKILL");
  }
}

/** Measures a figure that wants a server that has just been started. */
async function measureFresh(file: string, figure: Figure) {
  const rows = table(file, figure);
  const { job, fresh = 1 } = figure;
  const files = Number((await run("ulimit -Hn")).stdout) || Infinity;
  if (job.many + 100 > files)
    return remarks.add(
      `${file}: ${figure.name}: skipped, ulimit -n allows ${thousands(files)} files`,
    );
  const kind = file.startsWith("udp/") ? "datagrams" : "sentences";
  const { ask, end } = generator();
  await ask("end"); // it has started
  for (let round = 0; round < fresh; round++)
    for (const candidate of candidates(file)) {
      if (!candidate.can.test(figure.name)) continue;
      progress(`${file}: ${figure.name}, ${candidate.name}`);
      const began = performance.now();
      const served = await serve(candidate).catch((error) => {
        fail(file, figure, candidate.name, error);
      });
      if (!served) continue;
      const { program, port } = served;
      const reply = async () => {
        await ask(prepare(file, port, { kind, many: 1 }));
        return ask({ run: 0 });
      };
      try {
        let report = await reply();
        const started = (performance.now() - began) / 1e3;
        const before = usage(program).memory;
        if (job.many) {
          await ask(prepare(file, port, job));
          if (job.kind === "sleeper") await ask({ run: 0 });
          // When one more is served, all of the others are.
          else report = await reply();
          await sleep(quick ? 100 : 300);
        }
        const { memory } = usage(program);
        const more = Math.max(0, memory - before);
        const row = { ...report, server: 0, memory, more, started };
        rows.set(candidate.name, [...(rows.get(candidate.name) ?? []), row]);
      } catch (error) {
        fail(file, figure, candidate.name, error);
      }
      await ask("end").catch(() => {});
      await program.stop("SIGKILL");
    }
  end();
}

/** The order to prepare a job. */
function prepare(file: string, port: number, job: Figure["job"]): Order {
  const capitals = file.endsWith("/server.ts");
  return { prepare: { ...job, port, capitals } };
}

/** A new table for what is measured. */
function table(file: string, figure: Figure) {
  const rows = new Map<string, Round[]>();
  measured.push({ file, figure, rows });
  return rows;
}

function fail(file: string, { name }: Figure, who: string, error: unknown) {
  failures.push(`${file}: ${name}, ${who}: ${(error as Error).message}`);
}

/** A bar on a terminal; without a text, it is gone. */
function progress(text: string) {
  if (!process.stderr.isTTY) return;
  const bar = "█".repeat((20 * step++) / steps).padEnd(20, "░");
  process.stderr.write(`\r\x1b[K${text && `${bar} ${text}`.slice(0, 79)}`);
}

/**
 * What all rounds together tell: medians, the least and the most; processor
 * time in µs for each request; ratios to one candidate, more being better.
 */
function tables() {
  return measured.flatMap(({ file, figure, rows }) => {
    const { name, values, per, less } = figure;
    const liked = name.includes("stream") ? ["loop"] : [];
    const against =
      [...liked, "notes", "asyncio", "loop"].find((one) => rows.has(one)) ??
      [...rows.keys()][0];
    return values.map(([what, unit, of], i) => {
      const results = [...rows].map(([candidate, list]) => {
        const rounds = list.map(of).sort((a, b) => a - b);
        const n = rounds.length;
        const sum = (of: (round: Round) => number) =>
          list.reduce((sum, round) => sum + of(round), 0);
        const seconds = sum(({ seconds }) => seconds);
        const server = sum(({ server }) => server);
        return {
          candidate,
          median: (rounds[(n - 1) >> 1]! + rounds[n >> 1]!) / 2,
          min: rounds[0]!,
          max: rounds.at(-1)!,
          lost: sum(({ lost }) => lost),
          // Over all rounds, for the clock may tick in hundredths of a second.
          cpu:
            per && !i ? (server / sum(({ done }) => done)) * per[1] * 1e6 : 0,
          loadWasSlower:
            !!per &&
            sum(({ cpu }) => cpu) > 0.85 * seconds &&
            server < 0.75 * seconds,
        };
      });
      const other = results.find(({ candidate }) => candidate === against)!;
      return {
        name: [`${file}: ${name}`, what].filter(Boolean).join(", "),
        unit,
        against,
        cpuUnit: per && !i ? `µs/${per[0]}` : undefined,
        results: results.map((one) => ({
          ...one,
          ratio: less ? other.median / one.median : one.median / other.median,
          cpuRatio: other.cpu / one.cpu,
        })),
      };
    });
  });
}

/** Prints all tables, with bars. */
function print() {
  const { cores, model, system, node } = machine();
  console.log(`${cores} cores, ${model}, ${system}, Node ${node}`);
  console.log(`The median of ${rounds} rounds, the least and the most; ratios: more is better.
µs/...: the server's processor time. *: the load was the slower side.`);
  for (const { name, unit, against, cpuUnit, results } of told) {
    console.log(`\n${name}, ${unit} (1.00 is ${against})`);
    const right = (text: string, width: number) => text.padStart(width);
    const most = Math.max(...results.map(({ median }) => median));
    console.log(
      `${right("median", 35)}${right("least-most", 17)} ratio${cpuUnit ? `${right(cpuUnit, 14)} ratio` : ""}`,
    );
    for (const one of results) {
      const bar = "█".repeat(Math.round((14 * one.median) / most) || 0);
      const cells = [
        `  ${one.candidate.padEnd(9)}${bar.padEnd(14)}`,
        right(short(one.median), 10),
        one.loadWasSlower ? "*" : " ",
        right(`${short(one.min)}-${short(one.max)}`, 16),
        right(short(one.ratio), 6),
      ];
      if (cpuUnit)
        cells.push(right(short(one.cpu), 14), right(short(one.cpuRatio), 6));
      if (one.lost && cpuUnit)
        remarks.add(`${name}: ${one.candidate} lost ${thousands(one.lost)}`);
      console.log(cells.join(""));
    }
  }
  console.log("");
  for (const remark of remarks) console.log(remark);
  console.log(`${((performance.now() - begin) / 1e3).toFixed(0)} s`);
}

function machine() {
  const model = cpus()[0]?.model.trim() ?? "unknown";
  const cores = availableParallelism();
  return { cores, model, system: process.platform, node: process.version };
}

function thousands(number: number) {
  return Math.round(number).toLocaleString("en-US");
}

function short(value: number) {
  if (!Number.isFinite(value)) return "-";
  return value >= 100 ? thousands(value) : value.toFixed(value < 10 ? 2 : 1);
}
