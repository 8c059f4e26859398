import { test } from "uvu";
import * as assert from "uvu/assert";
import { quote } from "zx";
import { run, start } from "../scripts/processes.ts";
import { join, tcpMember, udpMember } from "./chat.ts";
import { check, node, nobody, serve } from "./harness.ts";

const servers = {
  udp: await serve("udp/chat-server.ts"),
  tcp: await serve("tcp/chat-server.ts"),
};

for (const transport of ["udp", "tcp"] as const) {
  const server = servers[transport];
  const { port } = server;
  const client = `${transport}/chat-client.ts`;
  const stranger = () =>
    transport === "udp" ? udpMember(port) : tcpMember(port);
  /** Asks to join, and gives what the server says to it in the end. */
  const refused = async (name: string) => {
    const member = await stranger();
    if (transport === "tcp") member.say(name);
    else {
      member.say(`/join ${name}`);
      const word = (await member.hears(/^\? /)).slice(2);
      member.say(`/join ${name} ${word}`);
    }
    return member.hears(/^[!*]/);
  };

  check(
    `${transport}: everyone sees who joins, speaks and leaves`,
    async () => {
      const ada = await join(transport, port, "ada");
      const bob = await join(transport, port, "bob");
      assert.equal(bob.lines.slice(-2), ["* bob joined", "* here: ada, bob"]);
      await ada.hears("* bob joined");
      bob.say("hello");
      await ada.hears("bob: hello");
      ada.say("/who");
      await ada.hears("* here: ada, bob");
      ada.say("/where");
      await ada.hears("! the commands are /who and /quit");
      ada.say("");
      ada.say("naïve ΐ 😀 ß\twith a tab");
      await bob.hears("ada: naïve ΐ 😀 ß\twith a tab");
      ada.say("/quit");
      await bob.hears("* ada left");
      // Nobody hears what he said himself, or what an empty line says.
      assert.not.ok(bob.lines.includes("bob: hello"));
      assert.equal(
        bob.lines.filter((line) => line.startsWith("ada:")),
        ["ada: naïve ΐ 😀 ß\twith a tab"],
      );
      await server.line(/^bob: hello$/);
      bob.say("/quit");
      await server.line(/^\* bob left$/);
    },
  );

  check(`${transport}: a name is visible, and taken once`, async () => {
    const dora = await join(transport, port, "dora");
    assert.match(await refused("dora"), /^! that name is taken: /);
    const bad = [
      "/quit",
      "eve\u3164",
      "a b",
      "\x1b[31mred",
      "a".repeat(21),
      "\u202eada",
      "a\u00a0b",
    ];
    for (const name of bad)
      assert.is(
        await refused(name),
        "! a name has 1 to 20 visible characters, no / first",
      );
    assert.is(
      await refused("e\u0301".repeat(20)),
      `* ${"é".repeat(20)} joined`,
    );
    assert.is(await refused("😀".repeat(20)), `* ${"😀".repeat(20)} joined`);
    await dora.hears(`* ${"😀".repeat(20)} joined`);
    assert.is(dora.lines.filter((line) => line.includes("red")).length, 0);
    dora.say("/quit");
  });

  check(`${transport}: nobody's terminal is steered`, async () => {
    const eve = await join(transport, port, "eve");
    const fay = await join(transport, port, "fay");
    eve.say("\x1b[31mred\x07\x7f\u009b and\r more");
    await fay.hears("eve: [31mred and more");
    eve.say(Buffer.from("cut \xc3 and \xff", "latin1"));
    await fay.hears("eve: cut \ufffd and \ufffd");
    await server.line(/^eve: \[31mred and more$/);
    for (const member of [eve, fay]) member.say("/quit");
  });

  check(`${transport}: a message that is too long is refused`, async () => {
    const gus = await join(transport, port, "gus");
    const hal = await join(transport, port, "hal");
    const most = "x".repeat(1_000);
    gus.say(most);
    await hal.hears(`gus: ${most}`);
    gus.say(`${most}x`);
    await gus.hears(/^! a (line|message) has at most 1000 (characters|bytes)$/);
    gus.say("y".repeat(60_000));
    gus.say("and short again");
    await hal.hears("gus: and short again");
    assert.is(hal.lines.filter((line) => line.startsWith("gus: ")).length, 2);
    for (const member of [gus, hal]) member.say("/quit");
  });

  check(`${client} sends what it reads, and prints what arrives`, async () => {
    const ida = await join(transport, port, "ida");
    const piped = start(`${node} ${client} --port ${port} --name jo`);
    await piped.line(/^\* here: .*ida.*jo$/);
    ida.say("\x1b[31mhello");
    await piped.line(/^ida: \[31mhello$/);
    piped.stdin.end("one\n\n/who\nthree");
    const { stdout, stderr, exitCode } = await piped.ended;
    await ida.hears("* jo left");
    const said = ida.lines.filter((line) => line.startsWith("jo: "));
    assert.equal(said, ["jo: one", "jo: three"]);
    assert.match(
      stdout,
      /^\* jo joined\n\* here: .*\nida: \[31mhello\n\* here: .*ida.* jo\n$/,
    );
    assert.is(stderr, "");
    assert.is(exitCode, 0);
    ida.say("/quit");
  });

  check(`${client} sends nothing after /quit`, async () => {
    const jim = await join(transport, port, "jim");
    const result = await run(
      `${node} ${client} --port ${port} --name kit`,
      "one\n/quit\ntwo\n",
    );
    assert.is(result.stderr, "");
    assert.is(result.exitCode, 0);
    await jim.hears("* kit left");
    assert.not.ok(jim.lines.includes("kit: two"));
    jim.say("/quit");
  });

  check(
    `${transport}/chat-server.ts ends when its output is not read`,
    async () => {
      const own = await serve(
        `bash -c '${node} ${transport}/chat-server.ts --port 0 > >(head -1)'`,
      );
      // Its second line is that somebody joined, and nobody reads it.
      await run(`${node} ${client} --port ${own.port}`);
      const { stdout, stderr, exitCode } = await own.ended;
      assert.match(stdout, /^The chat server .*\n$/);
      assert.is(stderr, "");
      assert.is(exitCode, 1);
    },
  );

  check(`${client} tells why it may not join`, async () => {
    const result = await run(`${node} ${client} --port ${port} --name 'a b'`);
    const { stdout, stderr, exitCode } = result;
    assert.match(
      stdout + stderr,
      /^! a name has 1 to 20 visible characters, no \/ first\n/,
    );
    assert.is(exitCode, 1);
  });

  check(`${client} has the user's name`, async () => {
    const named = await run(`USER=kim ${node} ${client} --port ${port}`);
    assert.match(named.stdout, /^\* kim joined\n/);
    const none = await run(
      `env -u USER -u USERNAME ${node} ${client} --port ${port}`,
    );
    assert.match(none.stdout, /^\* guest joined\n/);
  });

  check(
    `${client} keeps the line that one is typing whole`,
    async () => {
      const lea = await join(transport, port, "lea");
      const typed = "longer than the terminal is wide ".repeat(4);
      const steps = [
        ...["max: ", typed], // the prompt: keys are read one by one now
        ...["wide ", "\x1b[D\x7f!"], // a step to the left, and something else
        ...["lea: look", "\r"],
        ...["lea: seen", "half"],
        ...["half", ""],
        ...["lea: over", "\x15\x04"],
      ];
      const command = `${node} ${client} --port ${port} --name max`;
      const screen = start(
        `python3 test/terminal.py ${[command, ...steps].map(quote).join(" ")}`,
      );
      await screen.line(/^4 steps left$/);
      lea.say("look");
      const whole = `${typed.slice(0, -2)}! `;
      await lea.hears(`max: ${whole}`);
      lea.say("seen");
      await screen.line(/^1 steps left$/);
      lea.say("over");
      await lea.hears("* max left");
      const { stdout, exitCode } = await screen.ended;
      // The typed line is cleared, the message stands there, then the line again.
      const clear = "\x1b[A\r\x1b[J";
      assert.ok(stdout.includes(`${clear}lea: look\r\n\r\n`), stdout);
      const after = stdout.slice(stdout.indexOf("lea: look"));
      assert.ok(after.includes(`max: ${whole}`), after);
      assert.match(after, /\r\x1b\[Jlea: over\r\n.*max: half/s);
      assert.is(exitCode, 0);
      lea.say("/quit");
    },
    "python3",
  );

  check(`${client} ends clearly when the server does`, async () => {
    const own = await serve(`${transport}/chat-server.ts`);
    const command = `${node} ${client} --port ${own.port} --name`;
    const clients = ["ned", "oda"].map((name) => start(`${command} ${name}`));
    for (const { line } of clients) await line(/^\* here: /);
    assert.is((await own.stop("SIGINT")).exitCode, 130);
    for (const { ended } of clients) {
      const { stdout, stderr, exitCode } = await ended;
      assert.match(stdout, /\n\* the server has ended\n$/);
      assert.is(stderr, `127.0.0.1:${own.port} has ended the chat\n`);
      assert.is(exitCode, 1);
    }
  });

  check(`${client} notices that the server has vanished`, async () => {
    const own = await serve(`${transport}/chat-server.ts`);
    const person = start(`${node} ${client} --port ${own.port} --name pia`);
    await person.line(/^\* here: pia$/);
    await own.stop("SIGKILL");
    const { stderr, exitCode } = await person.ended;
    const told =
      transport === "tcp" ? "\\S+ has ended the chat" : "nothing answers on .+";
    assert.match(stderr, RegExp(`^${told}\n$`));
    assert.is(exitCode, 1);
  });

  check(`${client} says that nobody answers`, async () => {
    const [host, port] = await nobody(client);
    const result = await run(
      `${node} ${client} --host ${host} --port ${port}`,
      "hello\n",
    );
    assert.is(result.stdout, "");
    assert.is(
      result.stderr,
      `nothing answers on ${host}:${port}: start tsx ${transport}/chat-server.ts there\n`,
    );
    assert.is(result.exitCode, 1);
  });
}

test.run();
