import { once } from "node:events";
import type { RemoteInfo } from "node:dgram";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { run, start } from "../scripts/processes.ts";
import {
  check,
  listen,
  meet,
  node,
  nobody,
  serve,
  temporaryFolder,
  udp,
} from "./harness.ts";

const udpPing = `${node} udp/ping.ts`;
const tcpPing = `${node} tcp/ping.ts`;

/** What was printed, with T for each time. */
const withoutTimes = (text: string) => text.replaceAll(/\d+\.\d\d ms/g, "T");

/** The times that were printed behind a word, or a number and a colon. */
const timesOf = (text: string, before: string) =>
  [...text.matchAll(RegExp(`${before} (\\d+\\.\\d\\d) ms`, "gm"))].map(
    ([, time]) => Number(time),
  );

check("udp/ping.ts tells what is lost, late, doubled or no echo", async () => {
  const server = await udp();
  const stranger = await udp();
  const sent: string[] = [];
  server.on("message", (message, client) => {
    sent.push(`${message}`);
    const reply = (text: string, from = server) =>
      from.send(text, client.port, client.address);
    if (sent.length === 2) return reply(`${message}`, stranger); // forged
    if (sent.length === 3) {
      reply("rubbish");
      reply("error"); // nor is a word of its own for errors one
      reply(sent[1]!);
      reply(sent[1]!);
      reply(`${message}`);
    }
    reply(`${message}`);
  });
  const { port } = server.address();
  const { stdout, stderr, exitCode } = await run(
    `${udpPing} --port ${port} --count 4 --interval 0`,
  );
  assert.is(
    withoutTimes(stdout),
    `1: T
2: lost, no reply within 1 s
not an echo: 7 bytes
not an echo: 5 bytes
2: T, too late
2: T, too late
3: T
3: T, once more
4: T
4 sent, 3 received, 1 lost (25%)
least T, mean T, most T, jitter T
`,
  );
  assert.is(stderr, "");
  assert.is(exitCode, 0);

  // Each has its number and its time, and no two are the same.
  for (const [i, text] of sent.entries())
    assert.match(text, RegExp(`^ping ${i + 1} \\d+(\\.\\d+)?$`));
  assert.ok(timesOf(stdout, "^2:").every((time) => time >= 1000));

  const times = stdout.match(/(?<=^[134]: )[\d.]+(?= ms$)/gm)!.map(Number);
  const mean = times.reduce((sum, time) => sum + time) / 3;
  const squares = times.map((time) => (time - mean) ** 2);
  const jitter = Math.sqrt(squares.reduce((sum, square) => sum + square) / 3);
  const near = (word: string, expected: number) => {
    const [time = NaN] = timesOf(stdout, word);
    assert.ok(Math.abs(time - expected) < 0.02, `${word} in ${stdout}`);
  };
  near("least", Math.min(...times));
  near("mean", mean);
  near("most", Math.max(...times));
  near("jitter", jitter);
});

check("udp/ping.ts sends one a second, and sums up at Ctrl-C", async () => {
  const server = await udp();
  const arrivals: number[] = [];
  server.on("message", (message, client: RemoteInfo) => {
    arrivals.push(performance.now());
    server.send(message, client.port, client.address);
  });
  const program = start(`${udpPing} --port ${server.address().port}`);
  await program.line(/^2: /);
  const { stdout, exitCode } = await program.stop("SIGINT");
  assert.is(
    withoutTimes(stdout),
    "1: T\n2: T\n2 sent, 2 received, 0 lost (0%)\n" +
      "least T, mean T, most T, jitter T\n",
  );
  assert.is(exitCode, 0);
  const pause = arrivals[1]! - arrivals[0]!;
  assert.ok(pause > 900, `${pause} ms between two`);
});

check("udp/ping.ts goes on where nobody answers, and exits 1", async () => {
  const [host, port] = await nobody("udp/ping.ts");
  const { stdout, stderr, exitCode } = await run(
    `${udpPing} --host ${host} --port ${port} --count 2 --interval 0`,
  );
  assert.is(
    stdout,
    "1: lost, no reply within 1 s\n2: lost, no reply within 1 s\n" +
      "2 sent, 0 received, 2 lost (100%)\n",
  );
  if (process.platform === "linux")
    assert.match(stderr, RegExp(`^(cannot reach ${host}:${port}: .*\n){2}$`));
  assert.is(exitCode, 1);
});

check("tcp/ping.ts tells each handshake, echo, reset and silence", async () => {
  const ends: string[] = [];
  const servers = [
    (text: string) => [text],
    (text: string) => [...text], // piece by piece
    (text: string) => [text.toUpperCase()],
    () => [],
    (text: string) => [`${text}, and more than that`],
  ];
  const port = await listen(async (connection) => {
    connection.on("error", () => {});
    const answer = servers.shift();
    const [text] = await once(connection, "data");
    if (!answer) return connection.resetAndDestroy();
    connection.on("end", () => ends.push(`${text}`));
    connection.resume();
    const pieces = answer(`${text}`);
    for (const piece of pieces)
      await new Promise((written) => connection.write(piece, written));
    if (!pieces.length) connection.end();
  });
  const { stdout, stderr, exitCode } = await run(
    `${tcpPing} --port ${port} --count 6 --interval 0 --echo`,
  );
  assert.is(
    withoutTimes(stdout),
    `1: connected in T
1: echoed in T
2: connected in T
2: echoed in T
3: connected in T
3: not an echo
4: connected in T
4: not an echo
5: connected in T
5: not an echo
6: connected in T
6: reset: the other end cut the connection
6 tried, 6 connected
`,
  );
  assert.is(stderr, "");
  assert.is(exitCode, 0);
  assert.equal(ends, ["ping 1", "ping 2", "ping 3", "ping 4", "ping 5"]);
});

check("tcp/ping.ts connects and closes, and sums up at Ctrl-C", async () => {
  const told: string[] = [];
  const port = await listen((connection) => {
    told.push("connected");
    connection.resume();
    connection.on("end", () => {
      told.push("ended");
      connection.end();
    });
  });
  const program = start(`${tcpPing} --port ${port}`);
  await program.line(/^2: /);
  const { stdout, exitCode } = await program.stop("SIGINT");
  assert.is(
    withoutTimes(stdout),
    "1: connected in T\n2: connected in T\n2 tried, 2 connected\n",
  );
  assert.is(exitCode, 0);
  assert.equal(told, ["connected", "ended", "connected", "ended"]);
});

check("tcp/ping.ts tells a port that is not open, and exits 1", async () => {
  const { stdout, exitCode } = await run(
    `${tcpPing} --host 127.0.0.77 --port ${await listen(() => {})} --count 2 --interval 0`,
  );
  const refused =
    "refused: the host is there, but nothing listens on the port\n";
  assert.is(stdout, `1: ${refused}2: ${refused}2 tried, 0 connected\n`);
  assert.is(exitCode, 1);
});

check(
  "tcp/ping.ts waits 5 s for an answer",
  async () => {
    // Linux does not answer a handshake while the queue of accept() is full.
    const server = await serve(
      `python3 -c "
import socket, time
server = socket.create_server(('127.0.0.1', 0), backlog=0)
full = socket.create_connection(server.getsockname())
print('ready on 127.0.0.1:%d' % server.getsockname()[1], flush=True)
time.sleep(600)"`,
    );
    const { stdout, exitCode } = await run(
      `${tcpPing} --port ${server.port} --count 1`,
    );
    assert.is(stdout, "1: no answer within 5 s\n1 tried, 0 connected\n");
    assert.is(exitCode, 1);
  },
  "python3",
  "linux",
);

check(
  "tcp/ping.ts tells a network, or a host, that is unreachable",
  async () => {
    const command = `${tcpPing} --count 1 --host`;
    const { stdout } = await run(`unshare -n sh -c '
${command} 192.0.2.1
ip link set lo up
ip route add unreachable 192.0.2.0/24
${command} 192.0.2.1'`);
    assert.is(
      stdout,
      `1: unreachable: no route leads to that network
1 tried, 0 connected
1: unreachable: the host does not answer in its network
1 tried, 0 connected
`,
    );
  },
  "root",
  "unshare",
  "ip",
);

check(
  "tcp/ping.ts connects to a name that has a second address",
  async () => {
    const port = await listen((connection) => connection.pipe(connection));
    const hosts = join(temporaryFolder(), "hosts");
    writeFileSync(hosts, "::1 two.test\n127.0.0.1 two.test\n");
    const { stdout, exitCode } = await run(
      `unshare -m sh -c 'mount --bind ${hosts} /etc/hosts; ${tcpPing} --host two.test --port ${port} --count 1 --echo'`,
    );
    assert.is(
      withoutTimes(stdout),
      "1: connected in T\n1: echoed in T\n1 tried, 1 connected\n",
    );
    assert.is(exitCode, 0);
  },
  "root",
  "unshare",
  "mount",
);

check("a ping takes no number that it cannot count or wait", async () => {
  const mistakes = [
    `${udpPing} --count 0`,
    `${udpPing} --interval soon`,
    `${tcpPing} --interval=`,
    `${tcpPing} --interval=-1`,
  ];
  for (const { stdout, stderr, exitCode } of await Promise.all(
    mistakes.map((command) => run(command)),
  )) {
    assert.is(stdout, "");
    assert.is(
      stderr,
      "--count takes 1 or more, --interval seconds, such as 0.2\n",
    );
    assert.is(exitCode, 2);
  }
});

for (const transport of ["udp", "tcp"]) {
  const command = `${node} ${transport}/ping.ts --count 1`;
  const [echo, said] =
    transport === "udp"
      ? ["", /^1: T\n1 sent, 1 received, 0 lost \(0%\)\n/]
      : ["--echo", /^1: connected in T\n1: echoed in T\n1 tried, 1 connected/];

  meet(
    `${transport}/ping.ts`,
    "the notes' server",
    "it answers",
    async () => {
      const file = `test/notes/echo_${transport}_server.py`;
      const { port } = await serve(`python3 ${file}`);
      const { stdout } = await run(`${command} ${echo} --port ${port}`);
      assert.match(withoutTimes(stdout), said);
    },
    "python3",
  );

  meet(
    `${transport}/ping.ts`,
    "`socat`",
    "it answers",
    async () => {
      const host = "127.0.0.80"; // of its own, for socat must be told a port
      const [, port] = await nobody(`${transport}/ping.ts`);
      const from = transport === "udp" ? "UDP4-RECVFROM" : "TCP4-LISTEN";
      await serve(
        `socat -d -d ${from}:${port},bind=${host},fork PIPE`,
        / (receiving|listening) on /,
      );
      const { stdout } = await run(
        `${command} ${echo} --host ${host} --port ${port}`,
      );
      assert.match(withoutTimes(stdout), said);
    },
    "socat",
    "linux",
  );
}

test.run();
