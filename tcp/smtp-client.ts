/**
 * SMTP client over TCP: sends what it reads as a mail, prints the last reply.
 *
 * Client and server take turns: each command has a reply, whose first digit says
 * whether to go on, and whose lines end with one that has no "-" behind its code.
 * The traps: a line of the mail that begins with a dot gets another dot, or it
 * might end the mail; and an address with a line end in it would be a command.
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
import { config } from "../shared/config.ts";

const { host, port, from, to } = config("smtp", {
  from: "ada@example.test",
  to: ["bob@example.test"],
});
const server = isIPv6(host) ? `[${host}]:${port}` : `${host}:${port}`;
const cut = `${server} cut the connection before the reply was whole: try again`;
const trouble: Record<string, string> = {
  ETIMEDOUT: `no reply from ${server} within 10 s: try again`,
  ECONNREFUSED: `nothing answers on ${server}: start tsx tcp/smtp-server.ts there`,
  ECONNRESET: cut,
  EPIPE: cut,
  EPROTO: `${server} does not speak SMTP: try another host or port`,
};
// RFC 5321, 4.5.3.1; and nothing that could end the address or its command.
const wrong = [from, ...to].find(
  (address) => !/^[!-;=?-~]{1,64}@[!-;=?-~]{1,255}$/.test(address),
);
if (wrong !== undefined) {
  console.error(
    `${JSON.stringify(wrong)} is no address: give one like ada@example.test`,
  );
  process.exit(2);
}
process.stdout.on("error", () => process.exit(1)); // as in: client | head -1

if (process.stdin.isTTY && process.stderr.isTTY)
  console.error("The mail, and Ctrl-D at its end:");
const chunks: Buffer[] = [];
for await (const chunk of process.stdin) chunks.push(chunk);
// A character for each byte, so that all bytes stay what they are.
let mail = Buffer.concat(chunks).toString("latin1");
mail = mail.replace(/\r\n|\r|\n/g, "\r\n").replace(/(?<!\r\n|^)$/, "\r\n");
mail = mail.replace(/(?<=\r\n|^)\./g, ".."); // RFC 5321, 4.5.2

const connection = connect(port, host);
connection.setTimeout(10_000, () => connection.destroy(new Error("ETIMEDOUT")));
const heard = replies();
try {
  await say("", "2"); // the server speaks first
  const name = connection.localAddress!;
  const here = isIPv6(name) ? `[IPv6:${name}]` : `[${name}]`;
  let extensions = await say(`EHLO ${here}\r\n`, "25");
  if (extensions.startsWith("5"))
    extensions = await say(`HELO ${here}\r\n`, "2");
  const eight = /[\x80-\xff]/.test(mail);
  if (eight && !/^250[ -]8BITMIME\s*$/im.test(extensions))
    throw new Error(`${server} takes plain ASCII only`, { cause: "refused" });
  await say(`MAIL FROM:<${from}>${eight ? " BODY=8BITMIME" : ""}\r\n`, "2");
  for (const address of to) await say(`RCPT TO:<${address}>\r\n`, "2");
  await say("DATA\r\n", "3");
  console.log(await say(`${mail}.\r\n`, "2"));
} catch (error) {
  const { message, code = message, cause } = error as NodeJS.ErrnoException;
  const other = `cannot reach ${server} (${code}): try another host or port`;
  console.error(cause ? message : (trouble[code] ?? other));
  process.exitCode = 1;
}
// The mail is taken or it is not, whatever comes of this.
if (connection.writable) await say("QUIT\r\n", "2").catch(() => {});
connection.destroy();

/** Says something, and hears the reply. Fails unless that begins as it should. */
async function say(text: string, good: string) {
  connection.write(text, "latin1");
  const { value: reply } = await heard.next();
  if (!reply) throw new Error("ECONNRESET");
  if (!good.includes(reply[0]!)) throw new Error(reply, { cause: "refused" });
  return reply;
}

/** The replies, each as its lines, and no longer than it may be. */
async function* replies() {
  let rest = "";
  let reply: string[] = [];
  for await (const chunk of connection.setEncoding("utf8")) {
    const lines = `${rest}${chunk}`.split("\n");
    rest = lines.pop()!;
    for (const line of lines) {
      // What came from the network must not steer the terminal.
      reply.push(line.replace(/(?!\t)\p{Cc}/gu, ""));
      if (!/^[2-5]\d\d([ -]|\s*$)/.test(line)) throw new Error("EPROTO");
      if (!reply[0]!.startsWith(line.slice(0, 3))) throw new Error("EPROTO");
      if (line[3] === "-") continue;
      yield reply.join("\n");
      reply = [];
    }
    if (rest.length > 2000 || reply.length > 1000) throw new Error("EPROTO");
  }
}
