/**
 * SMTP client over TCP: sends what it reads as a mail, prints the last reply.
 *
 * Client and server take turns: each command has a reply. Its first digit says
 * whether to go on, and a "-" after its code that one more line follows. A line of
 * the mail that begins with a dot gets one more dot, or it could end the mail. An
 * address with a line end in it could be one more command, so it is refused.
 *
 * When the mail is sent and no reply comes, nobody here knows whether the server
 * accepted it: a client that sends it again may deliver it twice. This one reports
 * it, and leaves it to you.
 *
 * --from is an address, --to is one or more, separated by commas. If the server
 * refuses one of them, nobody gets the mail.
 *
 *     $ tsx tcp/smtp-server.ts
 *     The SMTP server is ready on 127.0.0.1:2525
 *     mail from <ada@example.test> to <bob@example.test>, 31 bytes
 *     Subject: hello
 *     ...
 *     Hello, Bob.
 *     $ printf 'Subject: hello\n\nHello, Bob.\n' | tsx tcp/smtp-client.ts --from ada@example.test --to bob@example.test
 *     250 the mail is printed
 */
import { connect } from "node:net";
import { createInterface } from "node:readline";
import { buffer } from "node:stream/consumers";
import { config } from "../shared/config.ts";

const { host, port, from, to } = config("smtp", {
  from: "ada@example.test",
  to: "bob@example.test",
});

const addressPattern = /^[^\s<>]+@[^\s<>]+$/;
const recipients = to.split(",");
for (const address of [from, ...recipients]) {
  if (addressPattern.test(address)) continue;
  console.error(`${JSON.stringify(address)} is not like ada@example.test`);
  process.exit(2);
}

if (process.stdin.isTTY) console.error("Type a mail, then Ctrl-D:");
const text = (await buffer(process.stdin)).toString("latin1"); // keeps each byte
const lines = text.split(/\r\n|\r|\n/);
if (lines.at(-1) === "") lines.pop();
const sent = lines.map((line) => (line.startsWith(".") ? `.${line}` : line));
const mail = [...sent, ".", ""].join("\r\n");
const isEightBit = /[\x80-\xff]/.test(mail);

let stage: "commands" | "mail" | "accepted" = "commands";
const doubt = "no reply to the mail: it may or may not have been accepted";
const connection = connect({ host, port });
const input = createInterface({ input: connection, crlfDelay: Infinity });
const replyLines = input[Symbol.asyncIterator]();
connection.on("error", (error) => {
  if (stage === "commands") throw error;
  if (stage === "mail") throw new Error(doubt);
});
connection.setTimeout(300_000, () =>
  connection.destroy(new Error("no reply in 5 minutes: try again")),
);

await hear("the connection", "2"); // the server speaks first
const offers = await say("EHLO localhost", "25");
if (offers.startsWith("5")) await say("HELO localhost", "2"); // an old server
if (isEightBit && !/^250[ -]8BITMIME/im.test(offers))
  giveUp("the server takes ASCII only: encode the mail");
await say(`MAIL FROM:<${from}>${isEightBit ? " BODY=8BITMIME" : ""}`, "2");
for (const address of recipients) await say(`RCPT TO:<${address}>`, "2");
await say("DATA", "3");

stage = "mail";
connection.setTimeout(600_000); // a server may take long to pass it on
connection.write(mail, "latin1");
console.log(await hear("the mail", "2"));

stage = "accepted"; // whatever comes now
connection.setTimeout(10_000);
connection.end("QUIT\r\n");

function say(command: string, wanted: string): Promise<string> {
  connection.write(`${command}\r\n`);
  return hear(command, wanted);
}

/** Returns the next reply, if its first digit is one of those wanted. */
async function hear(what: string, wanted: string): Promise<string> {
  const reply: string[] = [];
  do {
    const { value: line, done } = await replyLines.next();
    if (done && stage === "mail") throw new Error(doubt);
    if (done) throw new Error("the server closed the connection: try again");
    if (!/^\d{3}/.test(line)) giveUp("not an SMTP server: check the --port");
    reply.push(line);
  } while (reply.at(-1)!.charAt(3) === "-");
  if (!wanted.includes(reply[0]!.charAt(0)))
    giveUp(`the server refused ${what}: ${reply.join(" ")}`);
  return reply.join("\n");
}

function giveUp(problem: string): never {
  connection.end("QUIT\r\n");
  throw new Error(problem);
}
