import { EventEmitter, once } from "node:events";
import { connect, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { listen, needs, node, run, serve, start } from "../helper.ts";

const withoutTimes = (text: string) => text.replaceAll(/\d+\.\d\d ms/g, "T");
const onLinux = process.platform === "linux" ? needs("python3") : test.skip;
const echo = (connection: Socket) => void connection.pipe(connection);

test("each handshake is timed", async () => {
  const port = await listen(echo);
  const command = `tcp/ping.ts --port ${port} --count 2 --interval 500`;
  const { stdout, status } = await run(command);
  assert.is(
    withoutTimes(stdout),
    `1: connected to 127.0.0.1 in T
2: connected to 127.0.0.1 in T
2 tried, 2 connected, 0 lost, 0 errors
min T, mean T, max T
`,
  );
  assert.is(status, 0);
  const times = stdout.match(/[\d.]+(?= ms)/g)!.map(Number);
  const [first = 0, second = 0, min, mean = 0, max] = times;
  assert.equal([min, max], [Math.min(first, second), Math.max(first, second)]);
  assert.ok(Math.abs(mean - (first + second) / 2) < 0.02, stdout);
});

test("each connection is closed at once; Ctrl-C sums up", async () => {
  const events = new EventEmitter();
  const ended = once(events, "end", { signal: AbortSignal.timeout(60_000) });
  const port = await listen((connection) => {
    echo(connection);
    connection.on("end", () => events.emit("end"));
  });
  const program = start(`tcp/ping.ts --port ${port} --interval 60000`);
  await program.line(/^1: connected/);
  await ended;
  const { stdout, status } = await program.stop("SIGINT");
  assert.match(withoutTimes(stdout), "T\n1 tried, 1 connected, 0 lost, 0 err");
  assert.is(status, 0);
});

test("a port where nothing listens is an error, and ping goes on", async () => {
  const client = connect(await listen(echo), "127.0.0.1");
  await once(client, "connect"); // its own port is taken, and does not listen
  const command = `tcp/ping.ts --port ${client.localPort} --count 2 --interval 300`;
  const { stdout, status } = await run(command);
  const nobody = "nothing listens there: start the server or check the --port";
  const summary = "2 tried, 0 connected, 0 lost, 2 errors";
  assert.is(stdout, `1: ${nobody}\n2: ${nobody}\n${summary}\n`);
  assert.is(status, 1);
  client.destroy();
});

onLinux("no answer is a loss, a late look at one is not", async () => {
  // Linux answers no handshake while the queue of accept() is full.
  const port = await listen(echo);
  const full = await serve(`python3 -c '
import socket, sys
server = socket.create_server(("127.0.0.2", ${port}), backlog=0)
client = socket.create_connection(("127.0.0.2", ${port}))
print("ready on 127.0.0.2:${port}", flush=True)
sys.stdin.readline()
while True: server.accept()'`);
  const options = `--port ${port} --interval 2000`;
  // Node waits 250 ms for the first address of a name.
  const names = `import dns from "node:dns";
dns.lookup = (name, options, found) => found(null, [
  { address: "127.0.0.2", family: 4 }, { address: "127.0.0.1", family: 4 }]);`;
  const preload = `--import "data:text/javascript,${encodeURIComponent(names)}"`;
  const command = `tcp/ping.ts --host two.test ${options} --count 1`;
  const second = await run(`${node} ${preload} ${command}`);
  assert.match(second.stdout, "1: connected to 127.0.0.1 in ");
  const time = Number(/[\d.]+(?= ms)/.exec(second.stdout));
  assert.ok(time < 250, second.stdout);

  const program = start(`tcp/ping.ts --host 127.0.0.2 ${options} --count 2`);
  await program.line(/^1: lost, no answer in 2000 ms$/m);
  await sleep(500);
  process.kill(program.pid, "SIGSTOP");
  full.stdin.write("accept\n"); // the system tries again after a second
  await sleep(2500);
  process.kill(program.pid, "SIGCONT");
  const { stdout } = await program.ended();
  assert.match(withoutTimes(stdout), "2: connected to 127.0.0.2 in T\n");
  assert.match(stdout, "\n2 tried, 1 connected, 1 lost, 0 errors\n");
  await full.stop();
});

test.run();
