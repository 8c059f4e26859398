/**
 * SMTP client over TCP: sends what it reads as a mail, prints the last reply.
 *
 * Client and server take turns: each command has a reply. Its first digit says
 * whether to go on, and its last line is the one without a "-" behind the code.
 * A line of the mail that begins with a dot gets one more dot, or it could end
 * the mail. An address with a line end in it could be one more command, so no
 * such address is taken.
 *
 * When the whole mail is sent and no reply comes, nobody here knows whether it
 * has arrived. So the client waits long, 10 minutes, and does not send it again.
 *
 * --from is one address, and --to one of several: --to a@b.test --to c@d.test.
 *
 *     $ tsx tcp/smtp-server.ts
 *     The SMTP server is ready on 127.0.0.1:2525
 *     mail from ada@example.test to bob@example.test, 31 bytes
 *     Subject: hello
 *     ...
 *     Hello, Bob.
 *     $ printf 'Subject: hello\n\nHello, Bob.\n' | tsx tcp/smtp-client.ts --from ada@example.test --to bob@example.test
 *     250 printed
 */
import { connect, isIPv6 } from "node:net";
import { buffer } from "node:stream/consumers";
import { config } from "../shared/config.ts";

const { host, port, from, to } = config("smtp", {
  from: "ada@example.test",
  to: ["bob@example.test"],
});
const { stdin, stderr } = process;

const address = /^[!-;=?-~]{1,64}@[!-;=?-~]{1,255}$/; // no space, no < and >
const lineEnd = /\r\n|\r|\n/g;
const firstDot = /^\./gm; // of a line
const beyondAscii = /[\x80-\xff]/;
// Old servers take seven bits of each byte. This one offers all eight.
const eightBitOffer = /^250[ -]8BITMIME *$/im;
const replyLine = /^[2-5]\d\d([ -]|$)/;
const control = /[\0-\x08\x0a-\x1f\x7f-\x9f]/g; // all but the tab
const direction = /[\u202a-\u202e\u2066-\u2069]/g; // they turn text around

for (const text of [from, ...to]) {
  if (address.test(text)) continue;
  console.error(`${JSON.stringify(text)} is no address like ada@example.test`);
  process.exit(2);
}

if (stdin.isTTY && stderr.isTTY)
  console.error("The mail, and Ctrl-D at its end:");
// A character for each byte, so that every byte stays what it is.
const text = (await buffer(stdin)).toString("latin1");
let mail = text.replaceAll(lineEnd, "\r\n").replaceAll(firstDot, "..");
if (mail && !mail.endsWith("\r\n")) mail += "\r\n";
const eightBit = beyondAscii.test(mail);

const server = `${host}:${port}`;
const cut = "cut the connection before the reply was complete";
let sent = false; // the mail: from here on, the server may have it
const connection = connect(port, host);
const replies = readReplies();

await hear("the connection", "2"); // the server speaks first
const local = connection.localAddress!.split("%", 1)[0]!; // of fe80::1%eth0
const name = isIPv6(local) ? `[IPv6:${local}]` : `[${local}]`;
let offers = await say(`EHLO ${name}`, "25");
if (offers.startsWith("5")) offers = await say(`HELO ${name}`, "2");
if (eightBit && !eightBitOffer.test(offers)) {
  console.error(`${server} takes plain ASCII only`);
  await leave(1);
}
await say(`MAIL FROM:<${from}>${eightBit ? " BODY=8BITMIME" : ""}`, "2");
for (const address of to) await say(`RCPT TO:<${address}>`, "2");
await say("DATA", "3");
sent = true;
connection.write(`${mail}.\r\n`, "latin1");
console.log(await hear("the mail", "2", 10));
await leave(0);

/** Says a command, and returns the reply. */
function say(command: string, good: string): Promise<string> {
  connection.write(`${command}\r\n`);
  return hear(command, good);
}

/** The next reply. The program ends if it does not begin as it should. */
async function hear(what: string, good: string, minutes = 5): Promise<string> {
  const waiting = `waiting for ${server} to answer ${what}`;
  const late = setTimeout(() => console.error(waiting), 10_000);
  const limit = setTimeout(() => {
    fail(`has not answered ${what} for ${minutes} minutes`);
  }, minutes * 60_000);
  const { value: reply } = await replies.next().catch((error) => {
    if (!sent) throw error; // it tells the user enough
    return fail(cut);
  });
  clearTimeout(late);
  clearTimeout(limit);
  if (reply === undefined) return fail(cut);
  if (!reply) return fail("does not speak SMTP", "try another host or port");
  if (good.includes(reply.charAt(0))) return reply;
  console.error(`${server} refuses ${what}: ${reply.replaceAll("\n", " ")}`);
  return leave(1);
}

/** Cuts the stream into replies: lines with one code. "" is no such reply. */
async function* readReplies(): AsyncGenerator<string, undefined> {
  let rest = "";
  let reply: string[] = [];
  for await (const chunk of connection.setEncoding("utf8")) {
    const lines = `${rest}${chunk}`.split("\n");
    rest = lines.pop()!;
    for (const line of lines) {
      const text = line.replaceAll(control, "").replaceAll(direction, "");
      reply.push(text);
      const code = reply[0]!.slice(0, 3);
      if (!replyLine.test(text) || !text.startsWith(code)) yield "";
      if (text.charAt(3) === "-") continue;
      yield reply.join("\n");
      reply = [];
    }
    if (rest.length > 2000 || reply.length > 1000) yield "";
  }
}

/** Says good-bye, and ends the program. What follows changes nothing. */
async function leave(status: number): Promise<never> {
  setTimeout(() => process.exit(status), 10_000);
  connection.write("QUIT\r\n");
  await replies.next().catch(() => {});
  return process.exit(status);
}

/** Tells what is wrong, and ends the program. */
function fail(what: string, advice = "try again"): never {
  const doubt = "it may have the mail all the same";
  console.error(`${server} ${what}: ${sent ? doubt : advice}`);
  return process.exit(1);
}
