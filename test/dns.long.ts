import { spawn } from "node:child_process";
import { once } from "node:events";
import { cpSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { type Program, root, run } from "../scripts/processes.ts";
import { client, dig, message, question } from "./dns.ts";
import { numbers, spoiled } from "./fuzz.ts";
import {
  ask,
  check,
  memory,
  node,
  serve,
  temporaryFolder,
  udp,
} from "./harness.ts";

const opt = [0, 0, 41, 4, 208, 0, 0, 0, 0, 0, 0];
const query = message([7, 0x100, 1, 0, 0, 1], question, opt);

check(
  "udp/dns-server.ts takes other records, and cuts what is too long",
  async () => {
    const folder = temporaryFolder();
    for (const name of ["shared", "package.json"])
      cpSync(join(root, name), join(folder, name), { recursive: true });
    const source = readFileSync(join(root, "udp/dns-server.ts"), "utf8");
    const row = '  record(ORIGIN, "TXT", writeString("hello")),\n';
    assert.ok(source.includes(row));
    const rows = row.replace("hello", "a".repeat(250)).repeat(2);
    const deep = row.replace("ORIGIN", '"a.b.example.test"');
    const file = join(folder, "udp", "dns-server.ts");
    cpSync(join(root, "udp/dns-server.ts"), file);
    writeFileSync(file, source.replace(row, row + rows + deep));
    const { port } = await serve(`${node} ${file} --port 0`);
    const answers: Record<string, string> = {
      "example.test TXT": "NOERROR aa 3 0 edns",
      "example.test TXT +noedns": "NOERROR aa tc 0 0",
      "example.test TXT +bufsize=100": "NOERROR aa tc 0 0 edns",
      "example.test TXT +bufsize=560": "NOERROR aa tc 0 0 edns",
      "example.test TXT +bufsize=700": "NOERROR aa 3 0 edns",
      "b.example.test TXT": "NOERROR aa 0 1 edns",
      "a.b.example.test TXT": "NOERROR aa 1 0 edns",
    };
    const replies = await dig(port, Object.keys(answers));
    assert.equal(replies, Object.values(answers));
  },
  "dig",
);

check("udp/dns-server.ts outlives 100,000 broken queries", async () => {
  const server = await serve("udp/dns-server.ts");
  const socket = await udp(server.port);
  const codes = new Map<number, number>();
  let replies = 0;
  socket.on("message", (reply) => {
    replies++;
    // Each is a reply, and never longer than what a client without EDNS takes.
    assert.ok(reply[2]! & 0x80 && reply.length <= 1232);
    const code = reply[3]! & 15;
    codes.set(code, (codes.get(code) ?? 0) + 1);
  });
  const send = (bytes: Buffer) =>
    new Promise((sent) => socket.send(bytes, sent));
  const known = Buffer.from(query);
  known.writeUInt16BE(0xabcd);
  const answered = () =>
    new Promise<void>((resolve) => {
      socket.on("message", function look(reply) {
        if (reply.readUInt16BE(0) !== 0xabcd) return;
        socket.off("message", look);
        resolve();
      });
      socket.send(known);
    });
  const random = numbers(1);
  let before = 0;
  for (let i = 0; i < 100_000; i++) {
    await send(spoiled(query, random));
    // All before it are answered, or never will be, once this is.
    if (i % 50 === 0) await answered();
    if (i === 20_000) before = memory(server);
  }
  assert.ok(replies > 50_000, `${replies} replies`);
  // NOERROR, FORMERR, NXDOMAIN, NOTIMP and REFUSED have all been seen.
  for (const code of [0, 1, 3, 4, 5]) assert.ok(codes.get(code), `${code}`);
  const grown = memory(server) - before;
  assert.ok(grown < 20e6, `the server has grown by ${grown} bytes`);
  // Each query is told in a line, in which nothing steers a terminal.
  const told = /^127.0.0.1 asks (\?|[!-~]*\. [A-Z\d]+): [A-Z]+$/;
  const others = server.lines.slice(1).filter((line) => !told.test(line));
  assert.equal(others, []);
});

check("udp/dns-server.ts goes on when nobody reads its lines", async () => {
  const words = [...node.split(" "), "udp/dns-server.ts", "--port", "0"];
  const [command = "", ...options] = words;
  const server = spawn(command, options, {
    cwd: root,
    detached: true,
    stdio: ["ignore", "pipe", "inherit"],
  });
  try {
    const [line] = await once(server.stdout!, "data");
    server.stdout!.pause();
    const socket = await udp(Number(/:(\d+)\n/.exec(`${line}`)![1]));
    const labels = `\x3f${"a".repeat(63)}`.repeat(3);
    const long = message([7, 0x100, 1, 0, 0, 0], labels, "\0\0\x01\0\x01");
    for (let i = 0; i < 5000; i++) await ask(socket, long);
    const before = memory({ pid: server.pid } as Program);
    for (let i = 0; i < 50_000; i++) await ask(socket, long);
    const grown = memory({ pid: server.pid } as Program) - before;
    assert.ok(grown < 15e6, `the server has grown by ${grown} bytes`);
  } finally {
    server.kill("SIGKILL");
  }
});

check("udp/dns-client.ts outlives 150 broken replies", async () => {
  const server = await serve("udp/dns-server.ts");
  const real = await udp(server.port);
  const fake = await udp();
  const random = numbers(2);
  fake.on("message", async (asked, { port }) => {
    const reply = once(real, "message");
    real.send(asked);
    const bytes = spoiled((await reply)[0], random);
    // The identifier and the question are right, or it would not be read.
    asked.copy(bytes, 0, 0, 2);
    if (bytes.length > 30) asked.copy(bytes, 12, 12, 30);
    fake.send(bytes, port);
  });
  const { port } = fake.address();
  for (let i = 0; i < 150; i++) {
    const result = await run(`${client} --port ${port} example.test MX`);
    // Whatever it prints, it is no stack trace, and nothing for a terminal.
    assert.not.match(result.text(), /^ +at |[^\n\t -~]/m);
    assert.ok(result.exitCode === 0 || result.exitCode === 1, result.text());
    assert.match(result.stderr, /^([^\n]+\n)?$/);
  }
});

test.run();
