import { test } from "uvu";
import * as assert from "uvu/assert";
import { needs, run, serve } from "../helper.ts";

const withPython = needs("python3");

for (const [notes, ours, reply, shown = reply] of [
  ["uppercase_udp", "udp/", "NAÏVE"],
  ["uppercase_tcp", "tcp/", "NAÏVE"],
  ["echo_udp", "udp/echo-", "naïve", "Message: from server: naïve"],
  ["echo_tcp", "tcp/echo-", "naïve", "Message: from server: naïve"],
]) {
  withPython(`${ours}server.ts answers the notes' client`, async () => {
    const { port, stop } = await serve(`${ours}server.ts`);
    const client = `python3 test/notes/${notes}_client.py ${port}`;
    assert.is((await run(client, "naïve")).stdout, `${shown}\n`);
    await stop();
  });

  withPython(`the notes' server answers ${ours}client.ts`, async () => {
    const { port } = await serve(`python3 test/notes/${notes}_server.py`);
    const client = `${ours}client.ts --port ${port}`;
    assert.is((await run(client, "naïve")).stdout, `${reply}\n`);
  });
}

withPython("the notes' echo server answers once, then closes", async () => {
  const { port } = await serve("python3 test/notes/echo_tcp_server.py");
  const client = `tcp/echo-client.ts --port ${port}`;
  const { stdout, stderr, status } = await run(client, "naïve\nagain\n");
  assert.is(stdout, "naïve\n");
  assert.match(stderr, /^127.0.0.1:\d+: (the server|connection) closed.*\n$/);
  assert.is(status, 1);
});

needs("nc")("nc is answered, and ends with the server's FIN", async () => {
  const { port, stop } = await serve("tcp/server.ts");
  const { stdout } = await run(`nc -N 127.0.0.1 ${port}`, "hello");
  assert.is(stdout, "HELLO");
  await stop();
});

test.run();
