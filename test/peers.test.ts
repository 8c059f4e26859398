import { test } from "uvu";
import * as assert from "uvu/assert";
import { run } from "../scripts/processes.ts";
import {
  check,
  checkPeers,
  meet,
  node,
  nobody,
  pairs,
  serve,
} from "./harness.ts";

const lines = ["hello", "naïve ß"];

for (const transport of ["udp", "tcp"] as const)
  for (const { server, client, answer } of pairs[transport]) {
    const name = server.includes("echo") ? "echo" : "uppercase";
    const notes = `python3 test/notes/${name}_${transport}`;
    // The notes' echo servers answer once and end.
    const said = name === "echo" ? ["hello"] : lines;
    const { port } = await serve(server);

    meet(
      server,
      "the notes' client",
      "it is answered",
      async () => {
        for (const line of lines) {
          const { stdout } = await run(`${notes}_client.py ${port}`, line);
          const prefix = name === "echo" ? "Message: from server: " : "";
          assert.is(stdout, `${prefix}${answer(line)}\n`);
        }
      },
      "python3",
    );

    meet(
      client,
      "the notes' server",
      "it answers",
      async () => {
        const { port } = await serve(`${notes}_server.py`);
        const result = await run(
          `${node} ${client} --port ${port}`,
          said.join("\n"),
        );
        assert.is(result.text(), said.map((l) => `${answer(l)}\n`).join(""));
      },
      "python3",
    );

    const udp = transport === "udp";
    meet(
      server,
      "`nc`",
      "it is answered",
      async () => {
        const nc = udp ? "nc -u -w 1" : "nc -N";
        const { stdout } = await run(`${nc} 127.0.0.1 ${port}`, "hello\n");
        assert.is(stdout, answer("hello\n"));
      },
      "nc",
    );

    meet(
      server,
      "`socat`",
      "it is answered",
      async () => {
        const to = `${udp ? "UDP4" : "TCP4"}:127.0.0.1:${port}`;
        const { stdout } = await run(`socat -t 1 - ${to}`, "hello\n");
        assert.is(stdout, answer("hello\n"));
      },
      "socat",
    );

    check(`${client} ends quietly when its output is not read`, async () => {
      const command = `${node} ${client} --port ${port}`;
      const result = await run(
        `{ yes | ${command}; echo status $? >&2; } | head -1`,
      );
      assert.is(result.stdout, `${answer("y")}\n`);
      assert.is(result.stderr, "status 1\n");
    });

    // An address of their own, for they must be told a port.
    const host = "127.0.0.80";
    meet(
      client,
      "`nc`",
      "it answers",
      async () => {
        const [, port] = await nobody(client);
        const nc = udp ? "nc -u" : "nc -N";
        const peer = await serve(
          `${nc} -v -l ${host} ${port}`,
          /^(Bound|Listening) on/,
        );
        peer.stdin.write("reply");
        if (!udp) peer.stdin.end();
        const result = await run(
          `${node} ${client} --host ${host} --port ${port}`,
          "hello",
        );
        assert.is(result.text(), "reply\n");
        assert.is((await peer.stop("SIGTERM")).stdout, "hello");
      },
      "nc",
      "linux",
    );

    meet(
      client,
      "`socat`",
      "it answers",
      async () => {
        const [, port] = await nobody(client);
        const from = udp ? "UDP4-RECVFROM" : "TCP4-LISTEN";
        await serve(
          `socat -d -d ${from}:${port},bind=${host},fork PIPE`,
          / (receiving|listening) on /,
        );
        const result = await run(
          `${node} ${client} --host ${host} --port ${port}`,
          lines.join("\n"),
        );
        assert.is(result.text(), `${lines.join("\n")}\n`);
      },
      "socat",
      "linux",
    );
  }

checkPeers();

test.run();
