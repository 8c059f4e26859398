import { test } from "uvu";
import * as assert from "uvu/assert";
import { run } from "../scripts/processes.ts";
import { ask, check, exchange, node, pairs, serve, udp } from "./harness.ts";

for (const { server, client, answer } of [...pairs.udp, ...pairs.tcp])
  for (const host of server.includes("echo") ? ["::1"] : ["::1", "localhost"])
    check(`${server} and ${client} --host ${host}`, async () => {
      const { port, host: bound } = await serve(`${server} --host ${host}`);
      const names = host === "localhost" ? ["127.0.0.1", "::1"] : [host];
      assert.ok(names.includes(bound), bound);
      const result = await run(
        `${node} ${client} --host ${host} --port ${port}`,
        "hello\n",
      );
      assert.is(result.text(), `${answer("hello")}\n`);
    });

for (const { server, client, answer } of pairs.tcp)
  check(`${client} finds the second address of a name`, async () => {
    const { port } = await serve(server);
    // As where localhost is ::1, on which nobody listens, and then 127.0.0.1.
    const result = await run(
      `${node} --import ./test/two-addresses.js ${client} --host localhost --port ${port}`,
      "hello\n",
    );
    assert.is(result.text(), `${answer("hello")}\n`);
  });

check("a host may stand in brackets", async () => {
  const { port } = await serve("tcp/server.ts --host '[::1]'");
  const command = `${node} tcp/client.ts --host '[::1]' --port ${port}`;
  assert.is((await run(command, "hello\n")).text(), "HELLO\n");
});

for (const file of ["udp/server.ts", "tcp/server.ts"])
  check(`${file} --host :: answers over IPv4 and IPv6`, async () => {
    const { port, host } = await serve(`${file} --host ::`);
    assert.is(host, "::");
    for (const from of ["127.0.0.1", "::1"]) {
      const reply = file.startsWith("udp/")
        ? await ask(await udp(port, from), "hello")
        : await exchange(port, ["hello"], from);
      assert.is(`${reply}`, "HELLO");
    }
  });

for (const file of ["udp/walkthrough.ts", "tcp/walkthrough.ts"])
  check(`${file} --host ::1`, async () => {
    const { stdout, exitCode } = await run(`${node} ${file} --host ::1`);
    assert.match(stdout, /^server: bind ::1:\d+$/m);
    assert.match(stdout, /^client: recv.* "reply message"$/m);
    assert.is(exitCode, 0);
  });

test.run();
