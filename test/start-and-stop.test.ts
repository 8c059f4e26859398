import { once } from "node:events";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { run } from "../scripts/processes.ts";
import {
  ask,
  check,
  checkInUse,
  connect,
  exchange,
  node,
  nobody,
  pairs,
  serve,
  udp,
} from "./harness.ts";

/** ENOTFOUND; and EAI_AGAIN, where no name server is to be reached. */
const unknown = "(no address is known for|.*getaddrinfo) .*unknown.invalid.*";

// Not the address that all other tests use, so none of them can take the port.
const host = "127.0.0.78";

for (const { server: file, answer } of [...pairs.udp, ...pairs.tcp])
  check(
    `Ctrl-C ends ${file}, and its port is free again`,
    async () => {
      const first = await serve(`tsx ${file} --host ${host} --port 0`);
      if (file.startsWith("udp/"))
        await ask(await udp(first.port, host), "hello");
      else {
        const connection = await connect(first.port, host);
        connection.write("hello");
        await once(connection, "data");
      }
      assert.is((await first.stop("SIGINT")).exitCode, 130);

      const second = await serve(
        `${node} ${file} --host ${host} --port ${first.port}`,
      );
      assert.is(second.port, first.port);
      const reply = file.startsWith("udp/")
        ? await ask(await udp(first.port, host), "hello")
        : await exchange(first.port, ["hello"], host);
      assert.is(`${reply}`, answer("hello"));
    },
    "linux",
  );

const reliable = {
  server: "udp/reliable-server.ts",
  client: "udp/reliable-client.ts",
};
for (const { server } of [...pairs.udp, ...pairs.tcp]) checkInUse(server);

for (const file of ["udp/server.ts", "tcp/server.ts"])
  check(`${file} says that it cannot have a host`, async () => {
    const hosts = {
      "192.0.2.1": "192.0.2.1:12000 is not an address of this machine.+",
      "unknown.invalid": unknown,
    };
    for (const [host, line] of Object.entries(hosts)) {
      const result = await run(`${node} ${file} --host ${host}`);
      assert.is(result.stdout, "");
      assert.match(result.stderr, RegExp(`^${line}\\n$`));
      assert.is(result.exitCode, 1);
    }
  });

for (const { server: file, client } of [...pairs.udp, reliable, ...pairs.tcp]) {
  check(`${client} ends when its input ends at once`, async () => {
    const result = await run(`${node} ${client}`);
    assert.is(result.text(), "");
    assert.is(result.exitCode, 0);
  });

  check(
    `${client} says that nobody answers`,
    async () => {
      const [host, port] = await nobody(file);
      const service = /(echo|reliable)/.exec(file)?.[0] ?? "uppercase";
      const result = await run(
        `${node} ${client} --host ${host} --port ${port}`,
        "hello\nagain\n",
      );
      assert.is(result.stdout, "");
      assert.is(
        result.stderr,
        `nothing answers on ${host}:${port}: start the ${service} server there, with --port ${port}\n`,
      );
      assert.is(result.exitCode, 1);
    },
    "linux",
  );
}

for (const client of ["udp/client.ts", "tcp/client.ts"])
  check(`${client} says that a host is unknown`, async () => {
    const result = await run(
      `${node} ${client} --host unknown.invalid`,
      "hello\nagain\n",
    );
    assert.is(result.stdout, "");
    assert.match(result.stderr, RegExp(`^${unknown}\\n$`));
    assert.is(result.exitCode, 1);
  });

test.run();
