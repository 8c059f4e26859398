/**
 * Measures the echo servers under tsx, under each other runtime that is installed,
 * and beside them the loops of the notes' servers in Python.
 *
 *     npm run bench
 *     npm run bench -- --rounds 5 --seconds 0.5
 *
 * In each round every program starts anew, and each of its speeds is measured for
 * --seconds. A figure is the median of the rounds. Below it are its ratios: to
 * Python's figure, and to the bound of the runtime, a server with a handler of two
 * lines. The bound of Python is the same program again, so its ratio shows how much
 * is chance. A star marks a speed that the load may have limited: in one of the
 * rounds it used more processor time than the server (seen on Linux only). A wrong
 * byte that comes back ends the script with status 1.
 */
import { $, argv, fs, type ProcessPromise, sleep, which } from "zx";
import { load, megabyte, message, type Send, tcp, udp } from "./bench-load.ts";
import { killAll, start } from "./shell.ts";

const { rounds = 3, seconds = 0.1 } = argv;
const programs: Record<string, string> = {
  tsx: "node --import tsx", // the tsx command runs this in a second process
  node22: "node22",
  node24: "node24",
  node26: "node26",
  deno: "deno run --allow-net",
  bun: "bun",
  python: "python3 scripts/bench-loops.py",
};
for (const [name, command] of Object.entries(programs)) {
  const [file = ""] = command.split(" ");
  if (!(await which(file, { nothrow: true }))) delete programs[name];
}

let server: ProcessPromise | undefined;
let program = ""; // that runs in it
const results: Record<string, Record<string, number[]>> = {}; // by figure
const busy = new Set<string>(); // where the load was the busier side
const lead = () => ticks(process.pid) - ticks(server?.pid);
let leadBefore = 0;

for (let round = 1; round <= rounds; round++) {
  for (const [name, command] of Object.entries(programs)) {
    console.error(`round ${round} of ${rounds}: ${name}`);
    await measure(name, command);
    await measure(`${name} bound`, `${command} scripts/bench-bound.js`);
  }
}

const row = (title: string, cell: (name: string) => string) => {
  const cells = Object.keys(programs).map((name) => cell(name).padStart(8));
  console.log(title.padEnd(24) + cells.join(""));
};
row("", (name) => name);
for (const [figure, values] of Object.entries(results)) {
  const median = (name: string) =>
    values[name]?.sort((a, b) => a - b)[Math.floor(rounds / 2)] ?? NaN;
  const ratio = (name: string, base: string) =>
    (median(name) / median(base)).toFixed(2);
  const star = (name: string) => (busy.has(figure + name) ? "*" : "");
  row(figure, (name) => Number(median(name).toPrecision(3)) + star(name));
  if (programs.python) row("  to Python's", (name) => ratio(name, "python"));
  row("  to the bound", (name) => ratio(name, `${name} bound`));
}

async function measure(name: string, command: string) {
  program = name;
  const begin = performance.now();
  const client = await udp(await serve(`${command} udp/echo-server.ts`));
  add("ms to the first reply", performance.now() - begin);
  await addSpeed("datagrams/s, 64 at once", Array(64).fill(client), message);

  // A connection for each sentence; all of them stay open, idle.
  const port = await serve(`${command} tcp/echo-server.ts`);
  const clients: Send[] = [];
  const first = performance.now();
  while (clients.length < 1000) clients.push(await tcp(port));
  add("sentences/s", 1e6 / (performance.now() - first));
  const memory = await $`ps -o rss= -p ${server?.pid}`.nothrow().quiet();
  if (memory.ok) add("MB, 1,000 idle clients", Number(memory) / 1000);
  await addSpeed("requests/s, 50 clients", clients.slice(1, 51), message);
  await addSpeed("MB/s of one stream", clients.slice(0, 1), megabyte);
  killAll();
}

/** Starts a server; returns its port. */
async function serve(command: string) {
  server = start(`exec ${command} --port 0`);
  for await (const line of server) {
    leadBefore = lead();
    if (line.includes("ready")) return Number(line.split(":").at(-1));
  }
  throw new Error(`${await server}`);
}

/** Measures how often per second the clients' data come back. */
async function addSpeed(figure: string, clients: Send[], data: Buffer) {
  load.clients = new Set(clients);
  for (const send of clients) send(data);
  await sleep(500 * seconds); // to warm up
  const before = load.received;
  const begin = performance.now();
  await sleep(1000 * seconds);
  const elapsed = (performance.now() - begin) / 1000;
  add(figure, (load.received - before) / data.length / elapsed);
  load.clients.clear();
}

function add(figure: string, value: number) {
  if (figure.includes("/s") && lead() > leadBefore) busy.add(figure + program);
  leadBefore = lead();
  results[figure] ??= {};
  (results[figure][program] ??= []).push(value);
}

/** The processor time of a process so far, where the system says it precisely. */
function ticks(pid = 0) {
  if (process.platform !== "linux") return 0;
  const fields = fs.readFileSync(`/proc/${pid}/stat`, "utf8").split(" ");
  return Number(fields[13]) + Number(fields[14]);
}
