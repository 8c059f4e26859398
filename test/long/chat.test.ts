import { setTimeout as sleep } from "node:timers/promises";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { ask, listen, needs, node, run, serve, start, udp } from "../helper.ts";

for (const transport of ["udp", "tcp"]) {
  const server = await serve(`${transport}/chat-server.ts`);
  needs("nc", "script")(`${transport}: nc and a terminal chat`, async () => {
    const option = transport === "udp" ? "-u" : "-N";
    const ada = start(`nc ${option} 127.0.0.1 ${server.port}`);
    if (transport === "udp") ada.stdin.write("hello\n");
    const [, token = ""] = await ada.line(/^Welcome|NAME( \S+)$/m);
    ada.stdin.write(`ada${token}\n`);
    await ada.line(/^\* The room contains: nobody else$/m);
    const client = `${transport}/chat-client.ts --port ${server.port}`;
    const command = `stty cols 20; exec ${node} ${client} --name bob`;
    const bob = start(`script -qec '${command}' /dev/null`);
    await bob.line(/Type messages[^]*> /);
    bob.stdin.write("22 columns are written");
    await bob.line(/written$/);
    ada.stdin.write("look\n");
    // The typed row is cleared and drawn again, one row lower as it may go up one.
    await bob.line(/\x1b\[2K\[ada\] look\r\n\r\n.*> 22 columns are written/);
    bob.stdin.write("\r");
    await ada.line(/^\[bob\] 22 columns are written$/m);
    bob.stdin.write("\x03"); // Ctrl-C
    const { status, stdout } = await bob.ended();
    assert.match(stdout, /> \x1b\[3G\x1b\[1G\x1b\[2K$/); // the prompt is cleared
    assert.is(status, 130);
    await ada.line(/^\* bob has left the room$/m);
    const next = start(`script -qec '${command}' /dev/null`);
    await next.line(/> /);
    await server.stop(); // it was alive until now
    await next.line(/\x1b\[2K127.*(the server closed|nothing listens there)/);
  });
}

test("over UDP, 15 seconds of silence are a leave", async () => {
  const server = await serve("udp/chat-server.ts");
  const ada = start(`udp/chat-client.ts --port ${server.port} --name ada`);
  await ada.line(/nobody else/);
  const bob = await udp(server.port);
  const token = (await ask(bob, "hello")).trim().slice(-8);
  await ask(bob, `bob ${token}`);
  bob.send("\x04");
  await sleep(5_000);
  await ask(bob, `bob ${token}`);
  bob.on("message", (text) => assert.not.match(`${text}`, /ada has left/));
  const begin = performance.now();
  await ada.line(/bob has left[^]*bob has left/);
  assert.ok(performance.now() - begin > 14_000); // since bob came back
  assert.is(ada.printed.stdout.match(/The room/g)?.length, 1);
});

test("a client gives up on a silent server, and buffers little for it", async () => {
  const deaf = await listen((connection) => {
    connection.write("Name?\n");
    connection.once("data", () => connection.pause().write("* Only you\n"));
  });
  const flood = `yes ${"x".repeat(999)} | head -c 300000000; echo read >&2`;
  const eager = start(`sh -c "${flood}" | tcp/chat-client.ts --port ${deaf}`);
  const ends = [
    run(`udp/chat-client.ts --port ${(await udp()).address().port}`),
    run(`tcp/chat-client.ts --port ${await listen(() => {})}`),
    run(`tcp/chat-client.ts --port ${await listen((peer) => peer.end())}`),
    run(`tcp/chat-client.ts --port ${deaf}`), // which does not close its side
  ];
  for (const { stderr, status } of await Promise.all(ends)) {
    assert.match(stderr, /: (no reply|the server closed).*\n$/);
    assert.is(status, 1);
  }
  assert.is(eager.printed.stderr, ""); // its source has to wait
});

test.run();
