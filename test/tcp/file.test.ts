import { createHash } from "node:crypto";
import { once } from "node:events";
import * as fs from "node:fs";
import * as net from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { exchange, listen, run, serve, temporaryFolder } from "../helper.ts";

const here = temporaryFolder();
fs.mkdirSync(`${here}/in`); // as after a restart of the server
const server = await serve(`tcp/file-server.ts --folder ${here}/in --limit 1`);
const stored = (name: string) => fs.readFileSync(`${here}/in/${name}`, "utf8");
const partial = () => fs.readdirSync(`${here}/in`).filter((n) => n[0] === ".");
const sum = (data: string) => createHash("sha256").update(data).digest("hex");

/** Runs the client with files of these sizes. */
function send(port: number, files: Record<string, number>) {
  for (const [name, size] of Object.entries(files))
    fs.writeFileSync(`${here}/${name}`, "a".repeat(size));
  const paths = Object.keys(files).map((name) => `'${here}/${name}'`);
  return run(`tcp/file-client.ts --port ${port} ${paths.join(" ")}`);
}

/** The length of a name, the name, and the length of the data. */
const head = (name: string, size: number) =>
  `\0\0\0${String.fromCharCode(name.length)}${name}` +
  `\0\0\0\0\0\0\0${String.fromCharCode(size)}`;

test("files of any size arrive, and a refused one holds up no other", async () => {
  fs.writeFileSync(`${here}/in/old`, "old");
  const good = { empty: 0, "ü 1": 1, limit: 1_000_000 };
  const files = { old: 9, large: 1_000_001, ...good };
  const { stderr, status } = await send(server.port, files);
  for (const [name, size] of Object.entries(good))
    assert.ok(stored(name) === "a".repeat(size), name);
  assert.match(stderr, "old: refused: it exists\n");
  assert.match(stderr, "large: refused: too large\n");
  assert.is(stored("old"), "old");
  assert.is(status, 1);
});

test("a message may come byte by byte, or two in one chunk", async () => {
  const hello = `send\n5 ${sum("hello")}\n`;
  const pieces = [...head("slow", 5), ..."hello"];
  assert.is(await exchange(server.port, ...pieces), hello);
  const both = `${head("one", 5)}hello${head("two", 0)}`;
  const reply = await exchange(server.port, both);
  assert.is(reply, `${hello}send\n0 ${sum("")}\n`);
});

test("names and lengths are checked before they are believed", async () => {
  const names = ["", "..", "../up", "/tmp/x", "a\\b", "C:x", "\0", "\x1b[2J"];
  const heads = names.map((name) => head(name, 1));
  const refusals = "refused: its name\n".repeat(names.length);
  assert.is(await exchange(server.port, ...heads), refusals);
  const huge = "\0\0\0\x01x\x7f\x7f\x7f\x7f\x7f\x7f\x7f\x7f";
  assert.is(await exchange(server.port, huge), "refused: too large\n");
  const name = `\0\0\x01\0${"x".repeat(256)}\0\0\0\0\0\0\0\0`;
  assert.is(await exchange(server.port, name), "");
});

test("a transfer that is cut off leaves no file", async () => {
  await exchange(server.port, head("cut", 10), "hello");
  const connection = net.connect(server.port, "127.0.0.1");
  connection.write(head("cut", 10));
  while (partial().length === 0) await sleep(10);
  connection.resetAndDestroy();
  while (partial().length > 0) await sleep(10);
  assert.not(fs.existsSync(`${here}/in/cut`));
});

test("of two clients that send the same name, the first to end wins", async () => {
  const [first, second] = [net.connect(server.port), net.connect(server.port)];
  for (const connection of [first, second]) {
    connection.write(head("same", 1));
    await once(connection, "data");
  }
  first.end("1");
  await once(first, "data");
  second.resume().write("2");
  await once(second, "close");
  assert.is(stored("same"), "1");
  assert.equal(partial(), []);
});

for (const [problem, answer] of [
  ["arrived damaged", `send\n3 ${sum("no!")}\n`],
  ["changed meanwhile", "send\n"],
  ["closed the connection", ""],
] as const)
  test(`the client says: ${problem}`, async () => {
    let received = 0;
    const port = await listen((connection) => {
      connection
        .on("error", () => {})
        .on("data", (data) => {
          received += data.length;
          if (received > 13) return; // the head of a file with the name f
          if (answer === "send\n") fs.appendFileSync(`${here}/f`, "more");
          if (answer) connection.write(answer);
          else connection.end();
        });
    });
    const { stdout, stderr, status } = await send(port, { f: 3 });
    assert.match(stderr, problem);
    assert.is(`${stdout}${status}`, "1");
    if (answer === "send\n") assert.is(received, 13);
  });

test.after(server.stop);
test.run();
