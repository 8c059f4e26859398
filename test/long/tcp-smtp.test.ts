import { spawn } from "node:child_process";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { connect } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import * as assert from "uvu/assert";
import { test } from "uvu";
import * as helper from "../helper.ts";

const { exchange, memory, needs, run, serve } = helper;
const server = await serve("tcp/smtp-server.ts");
const envelope = "MAIL FROM:<a@a>\r\nRCPT TO:<b@b>\r\nDATA\r\n";
const large = `${`${"ß".repeat(49)}\r\n`.repeat(100_000)}.\r\n`; // 10 MB

/** A client that does not mind how the connection ends. */
const to = (port: number) =>
  connect(port, "127.0.0.1")
    .on("error", () => {})
    .resume();

const mail = "Subject: naïve ß\n\n.dot\n..\n.\n😀 the end\n";
const peers = `
swaks -n -s 127.0.0.1 -p PORT -f swaks@a -t b@b,c@c --pipeline -a LOGIN -au ada -ap x -d -
msmtp --host=127.0.0.1 --port=PORT --tls=off --auth=plain --user=ada --passwordeval='echo x' -f msmtp@a -- b@b c@c
curl -sS smtp://127.0.0.1:PORT --user ada:x --mail-from curl@a --mail-rcpt b@b --mail-rcpt c@c --crlf -T -
python3 -c 'import smtplib, sys; server = smtplib.SMTP("127.0.0.1", PORT); server.login("ada", "x"); server.sendmail("python3@a", ["b@b", "c@c"], sys.stdin.buffer.read().replace(b"\\n", b"\\r\\n"), ["BODY=8BITMIME"]); server.quit()'
`;
for (const [command, name = ""] of peers.matchAll(/^(\w+) .+$/gm))
  needs(name)(`${name} delivers a mail`, async () => {
    const call = command.replace("PORT", `${server.port}`);
    const { stdout, stderr, status } = await run(call, mail);
    assert.is(status, 0, stdout + stderr);
    const shown = `^mail from <${name}@a> to <b@b>, <c@c>, [^]*?: naïve ß[^]*?\n\n\\.dot\n\\.\\.\n\\.\n😀 the end\n`;
    await server.line(RegExp(shown, "m"));
  });

needs("exim4")("exim4 takes a mail from the client", async () => {
  const folder = helper.temporaryFolder();
  const paths = `spool_directory=${folder}\nlog_file_path=${folder}/%s\n`;
  const user = `exim_user=${process.getuid!()}\nexim_group=${process.getgid!()}\n`;
  writeFileSync(`${folder}/conf`, `${paths}${user}acl_smtp_rcpt=accept\n`);
  const port = await helper.listen((connection) => {
    const exim = spawn("exim4", ["-C", `${folder}/conf`, "-odq", "-bs"]);
    exim.stdout.pipe(connection).pipe(exim.stdin);
  });
  const { stdout } = await run(`tcp/smtp-client.ts --port ${port}`, mail);
  assert.match(stdout, /^250 OK id=/);
  const spooled = await run(`cat ${folder}/input/*-D`);
  assert.match(spooled.stdout, /\n\.dot\n\.\.\n\.\n😀/);
});

test("mails wait at their clients while nobody reads what is printed", async () => {
  const command = `exec ${helper.node} tcp/smtp-server.ts --port 0`;
  const own = spawn("sh", ["-c", command]);
  process.on("exit", () => own.kill("SIGKILL"));
  const [ready] = await once(own.stdout, "data");
  own.stdout.pause();
  const port = Number(`${ready}`.split(":")[1]);
  const mail = Buffer.from(envelope + large);
  let received = "";
  for (let round = 0; round < 2; round++) {
    const clients = [to(port), to(port), to(port)];
    for (const client of clients) {
      client.on("data", (chunk) => (received += chunk));
      for (let i = 0; i < 50; i++) client.write(mail);
    }
    await sleep(5000);
    for (const client of clients) client.resetAndDestroy();
  }
  assert.ok(received.split("is printed\r").length < 5, received);
  own.stdout.resume();
  for (let replies = ""; !replies.includes("221");)
    replies = await exchange(port, "QUIT\r\n").catch(() => "still full");
  own.kill();
});

test("a client that reads no replies does not fill the memory", async () => {
  const before = memory(server.pid);
  const client = to(server.port).pause();
  client.write(`${"EHLO x\r\n".repeat(1e6)}QUIT\r\n`);
  await sleep(3000);
  assert.ok(memory(server.pid) - before < 100e6);
  let last = "";
  for await (const chunk of client) last = `${last}${chunk}`.slice(-20);
  assert.match(last, /\r\n221 good-bye\r\n$/);
});

test("the second of two replies does not wait for an acknowledgement", async () => {
  const connection = to(server.port);
  await once(connection, "data");
  const begin = performance.now();
  let expected = connection.bytesRead;
  for (let i = 0; i < 100; i++) {
    connection.write("NOOP\r\nNOOP\r\n");
    expected += 2 * "250 nothing done\r\n".length;
    while (connection.bytesRead < expected) await once(connection, "data");
  }
  connection.destroy();
  assert.ok(performance.now() - begin < 3000); // 4 s, if each waits for 40 ms
});

test("a mail has at most 10 MB, and the rest needs no memory", async () => {
  const tooLarge = `${large.slice(0, -3).repeat(30)}x\r\n.\r\n`;
  const mails = `${envelope}${large}${envelope}${tooLarge}QUIT\r\n`;
  const replies = await exchange(server.port, mails);
  assert.match(replies, /\n250 the mail is printed\s+250[^]+\n552.+\s+221/);
  assert.ok(memory(server.pid) < 400e6, `${memory(server.pid)} bytes`);
});

test.after(server.stop);
test.run();
