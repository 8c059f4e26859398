import { test } from "uvu";
import * as assert from "uvu/assert";
import { run } from "../scripts/processes.ts";
import { check, node, pairs, readmeTables, serve, texts } from "./harness.ts";

const lines = ["one", "naïve ΐ 😀 ß", "three"];
const upper = (line: string) => line.toUpperCase();
const reliable = {
  server: "udp/reliable-server.ts",
  client: "udp/reliable-client.ts",
  answer: upper,
};
const clients = [...pairs.udp, reliable, ...pairs.tcp];

/** The columns of the README's table, and what does it to the first line. */
const faults = {
  udp: {
    "a datagram is lost": "--drop 1",
    "is doubled": "--duplicate 1,2",
    "is 2.5 s late": "--delay 2:2500",
  },
  tcp: {
    "a connection is reset": "--reset 3",
    "its bytes come one by one": "--chunk 1",
  },
};

/** A word for what a client did, or else all that it printed. */
function outcome(
  {
    stdout,
    stderr,
    exitCode,
  }: { stdout: string; stderr: string; exitCode: number | null },
  replies: string[],
) {
  const all = replies.map((reply) => `${reply}\n`);
  if (stdout === all.join("") && !stderr && exitCode === 0)
    return "all answered";
  const told = /^no reply from \S+ in time: .+\n$/.test(stderr);
  if (!stdout && told && exitCode === 1) return "no reply, exit 1";
  const cut = /^\S+ cut the connection before the reply was complete: .+\n$/;
  if (!stdout && cut.test(stderr) && exitCode === 1)
    return "it says so, exit 1";
  return `${exitCode}: ${stdout}${stderr}`;
}

const tables = {
  udp: readmeTables("a datagram is lost"),
  tcp: readmeTables("a connection is reset"),
};

for (const { server: file, client, answer } of clients) {
  const transport = file.startsWith("udp/") ? "udp" : "tcp";
  const server = await serve(file);

  check(`a README tells what each fault is to ${client}`, async () => {
    const [head, ...rows] = tables[transport];
    assert.equal(head?.slice(1), Object.keys(faults[transport]));
    const seen = await Promise.all(
      Object.values(faults[transport]).map(async (options) => {
        const relay = await serve(
          `${transport}/relay.ts --to 127.0.0.1:${server.port} ${options}`,
        );
        const result = await run(
          `${node} ${client} --port ${relay.port}`,
          lines.join("\n"),
        );
        return outcome(result, lines.map(answer));
      }),
    );
    const row = rows.find(([name]) => name === `\`${client}\``);
    assert.equal(row?.slice(1), seen);
  });

  if (transport === "udp")
    check(
      `${client} prints no wrong line, whatever is lost or late`,
      async () => {
        const faults =
          "--loss 0.4 --duplicate 2,5,8 --delay 1:2100,6:300,9:100";
        const relay = await serve(
          `udp/relay.ts --to 127.0.0.1:${server.port} ${faults}`,
        );
        const said = ["a", "b", "c", "d", "e", "f", "g", "h"];
        const result = await run(
          `${node} ${client} --port ${relay.port}`,
          said.join("\n"),
        );
        const replies = result.stdout.split("\n").slice(0, -1);
        const rest = said.map(answer);
        for (const reply of replies) {
          assert.ok(rest.includes(reply), result.stdout);
          rest.splice(0, rest.indexOf(reply) + 1);
        }
        const whole = replies.length === said.length;
        assert.is(result.exitCode, whole ? 0 : 1);
        assert.is(whole, client === reliable.client);
      },
    );

  if (transport === "tcp")
    check(`${file} and ${client} do not mind how bytes are cut`, async () => {
      const said = [...texts, "naïve ΐ 😀 ß, and so on ".repeat(500)];
      const relay = await serve(
        `tcp/relay.ts --to 127.0.0.1:${server.port} --chunk 5`,
      );
      const result = await run(
        `${node} ${client} --port ${relay.port}`,
        said.join("\n"),
      );
      assert.is(result.stdout, said.map((l) => `${answer(l)}\n`).join(""));
      assert.is(result.exitCode, 0);
    });
}

test.run();
