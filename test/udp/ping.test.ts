import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { run, start, udp } from "../helper.ts";

const withoutTimes = (text: string) => text.replaceAll(/-?\d+\.\d\d ms/g, "T");

test("a lost, a late, a doubled and a made-up reply are kept apart", async () => {
  const server = await udp();
  const stranger = await udp();
  const sent: string[] = [];
  const arrivals: number[] = [];
  server.on("message", (message, { port }) => {
    sent.push(`${message}`);
    arrivals.push(performance.now());
    const [first, second = "", third = ""] = sent;
    const otherTime = third.replace(/(?<=3 )\S+/, "0");
    if (!second) server.send(first!, port);
    else if (!third) stranger.send(second, port);
    else
      for (const reply of ["rubbish", second, otherTime, third, third, ""])
        server.send(reply, port);
  });
  const { port } = server.address();
  const command = `udp/ping.ts --port ${port} --count 3 --interval 1500`;
  const { stdout, status } = await run(command);
  assert.is(
    withoutTimes(stdout),
    `1: T
2: lost, no reply in 1500 ms
not an echo: 7 bytes
2: T, late
3: T, late
3: T
3: T, again
not an echo: 0 bytes
3 sent, 2 received, 1 lost, 0 errors
min T, mean T, max T
`,
  );
  assert.is(status, 0);
  assert.match(sent[2]!, /^ping 3 [0-9.]+ [0-9a-f-]{36}$/);
  const pause = arrivals[1]! - arrivals[0]!;
  assert.ok(pause > 1400, `${pause} ms between two`);

  const numbers = /^min ([\d.]+) ms, mean ([\d.]+) ms, max ([\d.]+) ms$/m;
  const [, min, mean, max] = numbers.exec(stdout)!.map(Number);
  const times = stdout.match(/(?<=^\d: )[\d.]+(?= ms$)/gm)!.map(Number);
  assert.equal([min, max], [Math.min(...times), Math.max(...times)]);
  assert.ok(Math.abs(mean! - (times[0]! + times[1]!) / 2) < 0.02, stdout);
});

test("stopped meanwhile it loses no reply, and Ctrl-C sums up", async () => {
  const server = await udp();
  const { port } = server.address();
  const program = start(`udp/ping.ts --port ${port} --interval 2000`);
  const signal = AbortSignal.timeout(60_000);
  const [message, client] = await once(server.ref(), "message", { signal });
  process.kill(program.pid, "SIGSTOP");
  await sleep(500);
  server.send(message, client.port);
  await sleep(2000); // ping's time for a reply is over
  process.kill(program.pid, "SIGCONT");
  await once(server, "message", { signal });
  server.unref();
  const { stdout, status } = await program.stop("SIGINT");
  assert.match(withoutTimes(stdout), "1: T\n2 sent, 1 received, 0 lost, 0 err");
  assert.is(status, 0);
});

test("a port where nothing listens is an error, and ping goes on", async () => {
  const { port } = (await udp(1)).address(); // hears only port 1
  const command = `udp/ping.ts --port ${port} --count 2 --interval 300`;
  const { stdout, status } = await run(command);
  const nobody = "nothing listens there: start the server or check the --port";
  const summary = "2 sent, 0 received, 0 lost, 2 errors";
  assert.is(stdout, `1: ${nobody}\n2: ${nobody}\n${summary}\n`);
  assert.is(status, 1);
});

test.run();
