import { test } from "uvu";
import * as assert from "uvu/assert";
import { quote } from "zx/core";
import { run, start } from "../scripts/processes.ts";
import { join, tcpMember, udpMember } from "./chat.ts";
import { check, node, nobody, serve } from "./harness.ts";

const servers = {
  udp: await serve("udp/chat-server.ts"),
  tcp: await serve("tcp/chat-server.ts"),
};

const nameRule = "! a name has 1 to 20 letters or digits; _ . - may follow";

for (const transport of ["udp", "tcp"] as const) {
  const server = servers[transport];
  const { port } = server;
  const client = `${transport}/chat-client.ts`;
  /** Asks to join, and gives what the server says to it in the end. */
  const wish = async (name: string) => {
    if (transport === "tcp") {
      const member = await tcpMember(port);
      member.say(name);
      return member.hears(/^[!*]/);
    }
    const member = await udpMember(port);
    member.say(`/join ${name}`);
    const word = (await member.hears(/^\? /)).slice(2);
    member.say(`/join ${name} ${word}`);
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
      ada.say("naïve ΐ 😀 ß\twith a tab\u2028and one line");
      const said = "ada: naïve ΐ 😀 ß\twith a tab\u2028and one line";
      await bob.hears(said);
      ada.say("/quit");
      await bob.hears("* ada left");
      // Nobody hears what he said himself, or what an empty line says.
      assert.not.ok(bob.lines.includes("bob: hello"));
      assert.equal(
        bob.lines.filter((line) => line.startsWith("ada:")),
        [said],
      );
      await server.line(/^bob: hello$/);
      bob.say("/quit");
      await server.line(/^\* bob left$/);
    },
  );

  check(`${transport}: a name can be seen, and is taken once`, async () => {
    const dora = await join(transport, port, "dora");
    for (const same of ["dora", "do\u200dra", "dora\u3164"])
      assert.match(await wish(same), /^! that name is taken: /, same);
    const bad = [
      "/quit",
      "\u2800",
      "\u0301".repeat(20),
      "\u3164",
      "_a",
      "a\u00a0b",
      "a/b",
      "a:",
      "😀",
      "\x1b[31mred",
      "a".repeat(21),
    ];
    for (const name of bad) assert.is(await wish(name), nameRule, name);
    for (const name of ["e\u0301".repeat(20), "7_.-", "नमस्ते", "漢字"]) {
      const joined = `* ${name.normalize()} joined`;
      assert.is(await wish(name), joined);
      await dora.hears(joined);
    }
    assert.not.ok(dora.lines.some((line) => line.includes("red")));
    dora.say("/quit");
  });

  check(`${transport}: nobody's terminal is steered`, async () => {
    const eve = await join(transport, port, "eve");
    const fay = await join(transport, port, "fay");
    eve.say("\x1b[31mred\x07\x7f\u009b and\r m\u202eo\u2066re");
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
    await gus.hears(/^! a (line|message) has at most 1000 characters$/);
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
    piped.stdin.end("one\n\n/who\nthree\n/quit\nfour\n");
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

  check(`${client} has the user's name, or tells why not`, async () => {
    const none = await run(
      `env -u USER -u USERNAME ${node} ${client} --port ${port}`,
    );
    assert.match(none.stdout, /^\* guest joined\n/);
    assert.is(none.exitCode, 0);
    const bad = await run(`USER=-kim ${node} ${client} --port ${port}`, "hi\n");
    assert.is(bad.stdout, "");
    assert.is(bad.stderr, `${nameRule}\n`);
    assert.is(bad.exitCode, 1);
    const two = await run(`${node} ${client} --port ${port} --name "a b"`, "");
    assert.is(two.stderr, `${nameRule}\n`);
    assert.is(two.exitCode, 1);
  });

  check(
    `${client} keeps the line that one is typing whole`,
    async () => {
      const lea = await join(transport, port, "lea");
      const typed = "longer than the terminal is wide ".repeat(3);
      const flags = "🇩🇪👨‍👩‍👧‍👦".repeat(9); // fewer columns than readline counts
      const steps = [
        ...["* here: ", ""], // nothing else comes by itself
        ...["max: ", typed], // the prompt: keys are read one by one now
        ...["wide", ""],
        ...["lea: look", "\x15short"],
        ...["short", "\x1b[D\x7f!"], // a step to the left, and something else
        ...["sho!t", "\r"],
        ...["lea: seen", flags],
        ...[flags, ""],
        ...["lea: over", "\x15\x04"],
      ];
      const command = `${node} ${client} --port ${port} --name max`;
      const screen = start(
        `python3 test/terminal.py ${[command, ...steps].map(quote).join(" ")}`,
      );
      await screen.line(/^6 steps left$/);
      lea.say("look");
      await lea.hears("max: sho!t");
      lea.say("seen");
      await screen.line(/^1 steps left$/);
      lea.say("over");
      await lea.hears("* max left");
      const { stdout, exitCode } = await screen.ended;
      // The line is cleared from its first row on, and is written again at once
      // below what has been said.
      const cleared = "\x1b[1A\x1b[1G\x1b[0J";
      const again = "\x1b[1G\x1b[0J";
      const look = `${cleared}lea: look\r\n${again}max: ${typed}`;
      assert.ok(stdout.includes(look), JSON.stringify(stdout));
      // No row of others is cleared for a line whose width nobody knows.
      assert.match(stdout, /[^A]\x1b\[1G\x1b\[0Jlea: over\r\n/);
      assert.is(exitCode, 0);
      lea.say("/quit");
    },
    "python3",
  );

  check(`${client} notices that the server has ended`, async () => {
    const own = await serve(`${transport}/chat-server.ts`);
    const person = start(`${node} ${client} --port ${own.port} --name pia`);
    await person.line(/^\* here: pia$/);
    await own.stop("SIGINT");
    const { stderr, exitCode } = await person.ended;
    const told = {
      tcp: `127.0.0.1:${own.port} has ended the chat\n`,
      udp: `nothing answers on 127.0.0.1:${own.port}: start the chat server there, with --port ${own.port}\n`,
    };
    assert.is(stderr, told[transport]);
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
      `nothing answers on ${host}:${port}: start the chat server there, with --port ${port}\n`,
    );
    assert.is(result.exitCode, 1);
  });

  check(
    `${transport}/chat-server.ts ends when its output is closed`,
    async () => {
      const own = await serve(
        `bash -c '${node} ${transport}/chat-server.ts --port 0 > >(head -1)'`,
      );
      // Its second line is that somebody joined, and nobody reads it.
      if (transport === "tcp") (await tcpMember(own.port)).say("ann");
      else {
        const ann = await udpMember(own.port);
        ann.say("/join ann");
        ann.say(`/join ann ${(await ann.hears(/^\? /)).slice(2)}`);
      }
      const { stdout, stderr, exitCode } = await own.ended;
      assert.match(stdout, /^The chat server .*\n$/);
      assert.is(stderr, "");
      assert.is(exitCode, 1);
    },
  );
}

test.run();
