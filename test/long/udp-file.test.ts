import { rmSync, writeFileSync } from "node:fs";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { needs, run, serve, temporaryFolder } from "../helper.ts";

const here = temporaryFolder();
const files = [0, 511, 512, 513, 3e6, 40e6].map((size) => `${here}/${size}`);
const long = `${here}/20000`;
for (const file of [...files, long])
  writeFileSync(file, Buffer.alloc(Number(file.split("/").pop()), "a line\n"));
const { port, stop } = await serve(
  `udp/file-server.ts ${files.join(" ")} ${long}`,
);

for (const [command, ...words] of [
  ["curl", `-s -o COPY tftp://127.0.0.1:${port}/FILE`],
  ["tftp", `-m binary 127.0.0.1 ${port} -c get FILE COPY`],
  ["busybox", `tftp -g -r FILE -l COPY 127.0.0.1 ${port}`],
  ...[1, 8, 32].map((window) => [
    "atftp",
    `--option 'windowsize ${window}' -g -r FILE -l COPY 127.0.0.1 ${port}`,
  ]),
] as string[][])
  needs(command!)(`${command} ${words} gets files of any size`, async () => {
    for (const file of files) {
      rmSync(`${here}/copy`, { force: true });
      const line = `${command} ${words}`.replace("FILE", file);
      const { stderr } = await run(line.replace("COPY", `${here}/copy`));
      const { status } = await run(`cmp ${file} ${here}/copy`);
      assert.is(status, 0, `${file}: ${stderr}`);
    }
  });

test("block numbers of 16 bits are enough for 40 MB", async () => {
  const client = `udp/file-client.ts --port ${port} --window 8 ${files[5]}`;
  assert.is((await run(`${client} | cmp - ${files[5]}`)).status, 0);
});

for (const window of [1, 8])
  test(`with a window of ${window}, files survive a bad network`, async () => {
    const faults = "--loss 5 --duplicate 4 --delay all:50";
    const to = `127.0.0.1:${port}`;
    const relay = await serve(`udp/relay.ts --to ${to} ${faults}`);
    for (const file of [...files.slice(0, 4), long]) {
      const words = `--port ${relay.port} --window ${window} ${file}`;
      const client = await run(`udp/file-client.ts ${words} | cmp - ${file}`);
      const seconds = / in (\S+) s\n$/.exec(client.stderr)?.[1];
      assert.ok(Number(seconds) >= 0.1, client.stderr); // there and back
      assert.is(client.status, 0, file);
    }
    await relay.stop();
  });

test("a client without a server gives up", async () => {
  const { stderr } = await run("udp/file-client.ts --port 9 x");
  assert.is(stderr, "127.0.0.1:9: no answer: try again\n");
});

test.after(stop);
test.run();
