import { createSocket } from "node:dgram";
import { once } from "node:events";
import { setTimeout } from "node:timers/promises";
import { test } from "uvu";
import * as assert from "uvu/assert";
import type { ProcessOutput } from "zx/core";
import { readyLine, run, start } from "../scripts/processes.ts";
import {
  consoleBlocks,
  headers,
  play,
  type Step,
  withPorts,
} from "../scripts/transcript.ts";
import { copyAll, playCopy } from "./copies.ts";
import {
  ask,
  check,
  connect,
  exchange,
  listen,
  nobody,
  readmeTables,
  serve,
  udp,
} from "./harness.ts";
import { type Runtime, runtimes } from "./runtimes.ts";

const transcripts = (await headers()).filter(
  ({ steps }) => !steps.at(-1)?.server,
);
const [, ...others] = runtimes;

/** Runs a step under a runtime, the servers under another. */
const under =
  (client: Runtime, server = client) =>
  (step: Step, ports: Map<string, string>) =>
    withPorts(step, ports).replace(/\btsx (\S+)/, (_, file: string) =>
      (step.server ? server : client).start(file),
    );

check(
  "a newer Node, Deno and Bun are found",
  async () => {
    const names = new Set(others.map(({ name }) => name));
    assert.equal([...names].sort(), ["Bun", "Deno", "Node"]);
  },
  "node22",
  "deno",
  "bun",
);

for (const [i, transcript] of transcripts.entries())
  check(`${transcript.name} under every runtime that is found`, async () => {
    const alone = transcript.steps.length === 1;
    const plays = others.map((runtime) => [runtime, runtime] as const);
    // Each server with another client, until all have met.
    if (others.length && !alone)
      for (const [j, server] of runtimes.entries()) {
        const next = (j + 1 + (i % others.length)) % runtimes.length;
        plays.push([runtimes[next]!, server]);
      }
    // Not all at once: a command that waits for the processor too long is killed.
    const queue = plays.values();
    const differences: string[] = [];
    const worker = async () => {
      for (const [client, server] of queue) {
        // What tcp/README.md tells of Deno's clients and a half-close.
        const half = transcript.name === "tcp/netcat.ts";
        if (half && client.name === "Deno") continue;
        differences.push(
          ...(await play(transcript, {
            toRun: under(client, server),
          })),
        );
      }
    };
    await Promise.all([worker(), worker(), worker()]);
    assert.equal(differences, []);
  });

const copies = await copyAll();
const inJavaScript = await copyAll({ js: true });
// The transcript of the UDP relay shows an error. A copy's errors are Node's own.
const copied = (await headers()).filter((e) => e.name !== "udp/relay.ts");
for (const [i, { name }] of copied.entries())
  check(`a copy of ${name} does as it says`, async () => {
    for (const { start } of new Set([
      runtimes[0]!,
      runtimes[i % runtimes.length]!,
    ]))
      assert.equal(await playCopy(copies(name), start), []);
    const inNode = (file: string) => `node ${file}`;
    assert.equal(await playCopy(inJavaScript(name), inNode), []);
  });

check("what ends a line is as the README says, everywhere", async () => {
  const { port } = await serve("udp/echo-server.ts");
  for (const { name, start: toRun } of runtimes) {
    const command = toRun("udp/echo-client.ts");
    const client = start(`${command} --port ${port}`);
    client.stdin.write("a\r");
    await client.line(/^a$/);
    await setTimeout(400); // for longer, readline waits no more for the LF
    client.stdin.end("\nb\u2028c\n");
    const { stdout } = await client.ended;
    // tsx, or node22 and the like.
    const version = parseInt(
      /^node(\d+)/.exec(command)?.[1] ?? process.versions.node,
    );
    const old = name === "Node" && version < 24;
    assert.is(stdout, old ? "a\nb\u2028c\n" : "a\nb\nc\n", command);
  }
});

check(
  "node:cluster runs a server twice, as scripts/README.md shows",
  async () => {
    const [transcript] = consoleBlocks("scripts/README.md");
    const [step] = transcript!.steps;
    const inTwo = step!.command.replace("[] }", "[], args: ['--port', '0'] }");
    const printed: string[] = [];
    let both = () => {};
    const ready = new Promise<void>((resolve) => (both = resolve));
    const two = start(inTwo.replace("node ", "node22 "), {
      onLine: (line) => printed.push(line) === step!.output.length && both(),
    });
    try {
      await Promise.race([ready, two.ended]);
      assert.is(printed.length, 2);
      assert.is(printed[0], printed[1]);
      const port = Number(readyLine.exec(printed[0]!)?.groups?.port);
      assert.is(`${await exchange(port, ["hello"])}`, "hello");
    } finally {
      await two.stop("SIGKILL");
    }
  },
  "node22",
);

/**
 * The rows of the README's table, and what happens there. A cell tells what is
 * to be expected of a runtime, or else what it has printed.
 */
const rows: Record<string, (runtime: Runtime) => Promise<string>> = {
  "a UDP client, and nobody listens": (runtime) =>
    alone(runtime, "udp/client.ts"),
  "a TCP client, and nobody listens": (runtime) =>
    alone(runtime, "tcp/client.ts"),

  async "a port in use"(runtime) {
    const taken = {
      "udp/server.ts": (await udp()).address().port,
      "tcp/server.ts": await listen(() => {}),
    };
    const cells = await Promise.all(
      Object.entries(taken).map(async ([file, port]) => {
        const { start } = runtime;
        return words(await run(`${start(file)} --port ${port}`));
      }),
    );
    return [...new Set(cells)].join(", ");
  },

  async "a TCP client, and a reset"(runtime) {
    const port = await listen((connection) =>
      connection.once("data", () => connection.resetAndDestroy()),
    );
    const command = `${runtime.start("tcp/client.ts")} --port ${port}`;
    return words(await run(command, "hello\n"));
  },

  async "a TCP server, and a reset"(runtime) {
    const server = await serve(`${runtime.start("tcp/server.ts")} --port 0`);
    const client = await connect(server.port);
    client.write("hello");
    await once(client, "data");
    client.resetAndDestroy();
    await server.line(/^a client: read ECONNRESET$/);
    const reply = await exchange(server.port, ["hello"]);
    return `${reply}` === "HELLO" ? "says so, goes on" : `${reply}`;
  },

  async "a UDP reply that is too large"(runtime) {
    const server = await serve(`${runtime.start("udp/server.ts")} --port 0`);
    const client = await udp(server.port);
    client.send("ΐ".repeat(32_000)); // three times as long in capitals
    await server.line(/^no reply to .*EMSGSIZE/);
    const reply = await ask(client, "hello");
    return `${reply}` === "HELLO" ? "says so, goes on" : `${reply}`;
  },

  async "a UDP client that is gone"(runtime) {
    const server = await serve(`${runtime.start("udp/server.ts")} --port 0`);
    const client = await udp(server.port);
    const here = `127.0.0.1:${client.address().port}`;
    for (let i = 0; i < 50; i++) {
      const gone = createSocket("udp4");
      await new Promise((sent) =>
        gone.send("and away", server.port, "127.0.0.1", sent),
      );
      gone.close();
      const cell = await Promise.race([
        ask(client, "hello").then(() => ""),
        server.line(RegExp(`${here}$`)).then(() => "another gets no reply"),
      ]);
      if (cell) return cell;
    }
    return "is not noticed";
  },

  async "a full disk"(runtime) {
    const { port } = await serve("udp/server.ts");
    const command = `${runtime.start("udp/client.ts")} --port ${port}`;
    return words(await run(`${command} >/dev/full`, "hello\n"));
  },

  async "a host that is not found"(runtime) {
    const { start } = runtime;
    return words(await run(`${start("tcp/server.ts")} --host unknown.invalid`));
  },

  async "`--help`"(runtime) {
    return words(await run(`${runtime.start("udp/server.ts")} --help`));
  },
};

/** What a client does where nobody listens. */
async function alone({ start }: Runtime, file: string) {
  const [host, port] = await nobody(file);
  const command = `${start(file)} --host ${host} --port ${port}`;
  return words(await run(command, "hello\n"));
}

/** What a program did that has ended. */
function words({ stdout, stderr, exitCode }: ProcessOutput) {
  const known: [RegExp, string][] = [
    [/^1nothing answers on [^\n]+\n$/, "told at once, exit 1"],
    [/^1no reply from \S+ in time: .+\n$/, "no reply within 2 s, exit 1"],
    [/^1\S+ cut the connection [^\n]+\n$/, "told at once, exit 1"],
    [/^1\S+ is in use: .+\n$/, "told at once, exit 1"],
    [/^1cannot write to standard output .+\n$/, "told at once, exit 1"],
    [/^1no address is known for .+\n$/, "told at once, exit 1"],
    [
      /^1error: Failed to listen at |^1(.|\n)*Failed to listen at/,
      "a stack trace, exit 1",
    ],
    [/^0$/, "is not noticed"],
    [
      /^0Uppercase server over UDP(.|\n)*127.0.0.1:12000\n$/,
      "prints the header",
    ],
    [/^2.*--allow-read flag\n$/, "needs `--allow-read`"],
  ];
  const text = `${exitCode}${stdout}${stderr}`;
  return known.find(([pattern]) => pattern.test(text))?.[1] ?? text;
}

const table = readmeTables("Deno");
const columns = ["", "Node", "Deno", "Bun"];

for (const [name, happen] of Object.entries(rows))
  check(`README.md tells what each runtime does: ${name}`, async () => {
    assert.equal(table[0], columns);
    const cells = table.find((row) => row[0] === name) ?? [];
    await Promise.all(
      runtimes.map(async (runtime) => {
        const told = cells[columns.indexOf(runtime.name)];
        assert.is(await happen(runtime), told, `${runtime.name}: ${name}`);
      }),
    );
  });

test.run();
