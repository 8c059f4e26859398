import { readdirSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { listen, memory, run, serve } from "../helper.ts";
import { start, temporaryFolder } from "../helper.ts";

const here = temporaryFolder();
const server = await serve(`tcp/file-server.ts --folder ${here}/in`);

test("a large file needs little memory, a silent peer is dropped", async () => {
  writeFileSync(`${here}/large`, Buffer.alloc(200e6, 1));
  const client = `tcp/file-client.ts ${here}/large --port`;
  const deaf = await listen((connection) => void connection.write("send\n"));
  const late = start(`${client} ${deaf}`);
  const half = connect(server.port).resume();
  half.write("\0\0\0\x01x\0\0\0\0\0\0\0\x09half");
  assert.is((await run(`${client} ${server.port}`)).status, 0);
  assert.ok(memory(server.pid) < 200e6, `${memory(server.pid)}`);
  assert.ok(memory(late.pid) < 200e6, `${memory(late.pid)}`);
  assert.match((await late.ended()).stderr, "no answer in 20 seconds");
  while (readdirSync(`${here}/in`).length > 1) await sleep(100);
});

test.after(server.stop);
test.run();
