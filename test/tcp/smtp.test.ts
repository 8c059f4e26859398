import { once } from "node:events";
import { connect } from "node:net";
import { text } from "node:stream/consumers";
import * as assert from "uvu/assert";
import { test } from "uvu";
import { exchange, listen, node, run, serve } from "../helper.ts";

/** Runs a program whose sockets know this time limit only, and it passes at once. */
const hasty = (limit: number) => `${node} --import 'data:text/javascript,
  import { Socket } from "node:net";
  const { setTimeout } = Socket.prototype;
  Socket.prototype.setTimeout = function (ms, then) {
    return setTimeout.call(this, 100 + 1e8 * (ms !== ${limit}), then);
  };'`;

const server = await serve("tcp/smtp-server.ts");
const hastyServer = await serve(`${hasty(3e5)} tcp/smtp-server.ts --port 0`);
const envelope = "EHLO me\r\nMAIL FROM:<ada@a>\r\nRCPT TO:<bob@b>\r\nDATA\r\n";
const head = "mail from <ada@a> to <bob@b>,";
const to = (port: number) => connect(port, "127.0.0.1");

/** Says something to the server; returns the codes of its replies. */
async function codes(...pieces: (string | Buffer)[]) {
  const replies = await exchange(server.port, ...pieces);
  return replies.match(/^(\d{3}(?= )|\r)/gm)?.join(" ");
}

/** What the server prints because of an action. */
async function printed(action: () => Promise<unknown>) {
  const { length } = server.printed.stdout;
  await action();
  const mark = `<mark${length}>`;
  await codes(envelope.replace("<ada@a>", mark), ".\r\nQUIT\r\n");
  await server.line(RegExp(`^mail from ${mark}`, "m"));
  const { stdout } = server.printed;
  return stdout.slice(length, stdout.indexOf(`mail from ${mark}`));
}

test("the textbook's session works in nc, which ends lines with LF", async () => {
  const said = `${envelope}Do you like ketchup?\r\n..\r\n.\r\nQUIT\r\n`;
  const typed = said.replaceAll("\r", "").replaceAll(":<", ": <");
  const text = await printed(() => codes(typed));
  assert.is(text, `${head} 23 bytes\nDo you like ketchup?\n.\n`);
});

const sessions = `
noop |  | Nope | DATABASE | MAIL | NOOP^MNOOP -> 250 500 500 500 500 500
MAIL FROM:<a> | DATA | RCPT TO:<b> | MAIL FROM:<c> -> 250 503 250 503
RCPT TO:<b> | MAIL FROM:<a> | RSET | RCPT TO:<b> | DATA -> 503 250 250 503 503
MAIL FROM:<a> | EHLO me | MAIL FROM:<a> | HELO me | RCPT TO:<b> -> 250 250 250 250 503
MAIL FROM:<a> | RCPT TO:<b> | DATA | Hi | . | RCPT TO:<b> -> 250 250 354 250 503
MAIL FROM:<a>${" | RCPT TO:<b>".repeat(101)} -> ${"250 ".repeat(101)}452
mail from:<> body=8bitmime  size=1 AUTH=<> | rcpt to:  <b> -> 250 250
MAIL FROM:<"a b"@[IPv6:::1]> BODY=7BIT | RCPT TO:<">x<"@b> -> 250 250
MAIL FROM:<a> BODY=BINARYMIME | MAIL FROM:<a> SIZE=x | MAIL FROM:<a> SMTPUTF8 -> 555 555 555
MAIL FROM: | MAIL FROM:a@b | MAIL FROM:<a@b | MAIL FROM:<<a> -> 501 501 501 501
MAIL FROM:<a> | RCPT TO:<b> NOTIFY=NEVER | RCPT TO:<b>> | RCPT TO:<> -> 250 555 555 501
AUTH PLAIN AGFkYQBzZWNyZXQ= | auth plain | AGFkYQBzZWNyZXQ= | AUTH CRAM-MD5 -> 235 334 235 500
AUTH LOGIN | YWRh | c2VjcmV0 | AUTH LOGIN YWRh | c2VjcmV0 | QUIT -> 334 334 235 334 235 221
`;
for (const [, said = "", replies] of sessions.matchAll(/^(.+) -> (.+)$/gm))
  test(`"${said.slice(0, 60)}" is answered with ${replies}`, async () => {
    const lines = said.replaceAll(" | ", "\r\n").replaceAll("^M", "\r");
    assert.is(await codes(`${lines}\r\n`), `220 ${replies}`);
  });

const noEnds = "n.n r.r rn.n n.rn r.rn rn.r rn.rrn rn.-rn rn..rn rn.r.rn";
for (const signs of noEnds.split(" "))
  test(`a mail goes on after ${signs}, where r is CR and n is LF`, async () => {
    const end = signs.replaceAll("r", "\r").replaceAll("n", "\n");
    const mail = `Hi${end}MAIL FROM:<eve@e>\r\nforged\r\n.\r\nQUIT\r\n`;
    for (let cut = 2; cut < 2 + end.length; cut++) {
      const pieces = [envelope + mail.slice(0, cut), mail.slice(cut)];
      const text = await printed(() => codes(...pieces));
      assert.match(text, /^mail from <ada@a> [^]*MAIL FROM:<eve@e>\nforged\n$/);
    }
  });

test("a mail comes byte by byte and cannot redraw its reader's terminal", async () => {
  const mail =
    "ß\t😀\r\n\x1b[31mred\x07\u009b\r\na\rb\n.\u202eevil\u2066\r\n.\r\n";
  const pieces = Array.from(Buffer.from(mail), (byte) => Buffer.of(byte));
  const text = await printed(() => codes(envelope, ...pieces));
  assert.is(text, `${head} 39 bytes\nß\t😀\n[31mred\nab\n.evil\n`);
});

test("a line of more than 64 KB is refused", async () => {
  const line = "x".repeat(66_000);
  assert.is(await codes(line), "220 500");
  assert.is(await codes(`${envelope}`, line), "220 250 250 250 354 500");
});

test("the 21st client is asked to try later", async () => {
  const clients = Array.from({ length: 20 }, () => to(server.port));
  const first = await Promise.all(clients.map((one) => once(one, "data")));
  assert.is(first.join("").match(/^220/gm)?.length, 20);
  assert.match(await text(to(server.port)), /^421 too many clients/);
  await server.line(/^a client: 421 too many/m);
  for (const client of clients) client.end("QUIT\r\n");
});

test("a client that is silent for 5 minutes is sent away", async () => {
  assert.match(await text(to(hastyServer.port)), /^220[^\n]+\n421[^\n]+\n$/);
});

/** A server with these replies to commands, to the connection and to the mail. */
async function pretend(changed: Record<string, string>) {
  const standard = { connection: "220 hi", DATA: "354 go", QUIT: "FIN" };
  const replies: typeof changed = { ...standard, ...changed };
  let received = "";
  const port = await listen((connection) => {
    const answer = (stage: string) => {
      const reply = replies[stage] ?? "250 ok";
      if (reply === "RST") return connection.resetAndDestroy();
      if (reply === "FIN") return connection.end();
      const end = reply.endsWith("\r") ? "" : "\r\n";
      const delay = reply.startsWith("\n") ? 150 : 0;
      setTimeout(() => connection.write(reply + end), delay);
    };
    answer("connection");
    connection.on("error", () => {}).unref();
    connection.setEncoding("latin1").on("data", (chunk) => {
      const isMail = /DATA\r\n$/.test(received);
      received += chunk;
      answer(isMail ? "mail" : `${chunk}`.split(/[\s:]/)[0]!);
    });
  });
  const client = `tcp/smtp-client.ts --port ${port}`;
  return { client, received: () => received };
}

test("the client sends commands, the mail and QUIT", async () => {
  const { client, received } = await pretend({
    EHLO: "250-hi\r\n250-8bitmime\r\n250 x\r",
    MAIL: "\n250 ok", // the LF after that CR is late
    mail: "250-a\r\n250 b",
  });
  const mail = Buffer.from("na\xefve\n.\r\n..a\rb.\n\n.end\n", "latin1");
  const options = `--from a@b --to 'c@d,"e"@[::1]'`;
  const { stdout, status } = await run(`${client} ${options}`, mail);
  assert.equal({ stdout, status }, { stdout: "250-a\n250 b\n", status: 0 });
  const commands = "EHLO localhost|MAIL FROM:<a@b> BODY=8BITMIME|RCPT TO:<c@d>";
  const lines = `RCPT TO:<"e"@[::1]>|DATA|na\xefve|..|...a|b.||..end|.|QUIT|`;
  assert.is(received().replaceAll("\r\n", "|"), `${commands}|${lines}`);
});

test("a mail of plain ASCII reaches an old server, which may never end", async () => {
  const { client, received } = await pretend({ EHLO: "500 no", QUIT: "250-" });
  const { stdout, stderr } = await run(`${hasty(10_000)} ${client}`, "hello\n");
  assert.is(stdout + stderr, "250 ok\n");
  assert.match(
    received(),
    /\nHELO localhost\r\nMAIL FROM:<ada@example.test>\r\n/,
  );
});

const doubt = "no reply to the mail: it may or may not have been accepted";
for (const [stage, reply, problem, limit] of [
  ["connection", "HTTP/1.1 400", "not an SMTP server: check the --port"],
  ["connection", "554-a\r\n554 b", "the server refused the connection: 554-a"],
  ["EHLO", "250 hi", "the server takes ASCII only: encode the mail"],
  ["DATA", "250 a", "the server refused DATA: 250 a"],
  ["mail", "552 a", "the server refused the mail: 552 a"],
  ["EHLO", "RST", "connection closed before the reply was complete: try again"],
  ["MAIL", "FIN", "the server closed the connection: try again"],
  ["mail", "FIN", doubt],
  ["MAIL", "250-", "no reply in 5 minutes: try again", 300_000],
  ["mail", "250-", doubt, 600_000],
] as const)
  test(`the client reports "${problem}" on ${reply}`, async () => {
    const changed = { EHLO: "250 8BITMIME", [stage]: reply };
    const { client, received } = await pretend(changed);
    const command = limit ? `${hasty(limit)} ${client}` : client;
    const { stdout, stderr, status } = await run(command, "ß\n");
    assert.equal({ stdout, status }, { stdout: "", status: 1 });
    assert.match(stderr, RegExp(`^127.0.0.1:\\d+: ${problem}( 554 b)?\n$`));
    assert.is(/QUIT\r\n$/.test(received()), reply.includes(" "));
  });

test.after(server.stop);
test.after(hastyServer.stop);
test.run();
