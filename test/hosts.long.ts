import { test } from "uvu";
import * as assert from "uvu/assert";
import { run } from "../scripts/processes.ts";
import { check, node, pairs, serve } from "./harness.ts";

// npm test does this with the clients of the notes.
const others: [server: string, client: string, input: string, reply: RegExp][] =
  [
    ["tcp/chat-server.ts", "tcp/chat-client.ts", "", /^\* here: \w+$/m],
    ["tcp/http-server.ts", "tcp/http-client.ts", "", /^GET \/ HTTP\/1\.1\r$/m],
    ["tcp/smtp-server.ts", "tcp/smtp-client.ts", "hello\n", /^250 printed$/m],
    ["tcp/server.ts", "tcp/netcat.ts", "hello", /^HELLO$/m],
    ["tcp/server.ts", "tcp/ping.ts --count 1", "", /^1 tried, 1 connected$/m],
  ];

for (const [server, client, input, reply] of others)
  check(`${client} finds the second address of a name`, async () => {
    const { port } = await serve(server);
    const [file, options = ""] = client.split(/ (.*)/);
    const { stdout, stderr, exitCode } = await run(
      `${node} --import ./test/two-addresses.js ${file} --host localhost --port ${port} ${options}`,
      input,
    );
    assert.match(stdout, reply, stderr);
    assert.is(exitCode, 0, stderr);
  });

for (const { server, client } of pairs.udp)
  check(`${client} and ${server} tell a name with only IPv6`, async () => {
    for (const file of [client, server]) {
      const { stderr, exitCode } = await run(
        `${node} --import ./test/only-ipv6.js ${file} --host six.test`,
        "hello\n",
      );
      assert.is(
        stderr,
        "no address is known for six.test: check the name or give an IP address\n",
      );
      assert.is(exitCode, 1);
    }
  });

test.run();
