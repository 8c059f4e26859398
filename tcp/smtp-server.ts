/**
 * SMTP server over TCP: takes all mail, prints it and sends nothing on.
 *
 * One stream carries two languages: commands, each a line, and mails, each ended
 * by a line that is only a dot. So all depends on what ends a line. In a mail it
 * is CR LF and nothing else: if a lone LF did as well, a mail with LF . LF MAIL
 * FROM:<boss> inside would become two, the second one forged. A command may also
 * end with LF, as nc sends it. If DATA does, the lines of its mail do too; only
 * people type that, and no server that passes on the mail of others.
 *
 * It serves 20 clients at a time (the next one gets 421: try later), takes mails of
 * at most 10 MB with lines of at most 64 KB, and any name and password.
 *
 *     $ tsx tcp/smtp-server.ts
 *     The SMTP server is ready on 127.0.0.1:2525
 */
import { type AddressInfo, createServer, type Socket } from "node:net";
import { config } from "../shared/config.ts";

const { host, port } = config("smtp");

const largest = 10_000_000; // bytes of a mail
const extensions = `250-PIPELINING\r\n250-8BITMIME\r\n250-SIZE ${largest}`;

const verbAndRest = /^(MAIL FROM:|RCPT TO:|AUTH PLAIN|AUTH LOGIN|\S+) *(.*)$/i;
const path = /^(<("[^"]*"|[^"<>])*>)(.*)$/; // quoted text may have < and >
const parameters = /^( +(SIZE=\d+|BODY=7BIT|BODY=8BITMIME|AUTH=\S+))*$/i;
const misplaced = "503 first comes MAIL, then RCPT, then DATA";
// Could redraw or reverse a terminal's text.
const controls = /(?![\n\t])[\p{Cc}\u202a-\u202e\u2066-\u2069]/gu;

// Without noDelay, the second of two short replies waits until the client's
// system acknowledges the first, which may take 40 ms.
const server = createServer({ noDelay: true });
server.listen(port, host);

server.on("listening", () => {
  const { address, port } = server.address() as AddressInfo;
  console.log(`The SMTP server is ready on ${address}:${port}`);
});

const clients = new Set<Socket>();

server.on("connection", (connection) => {
  clients.add(connection);
  connection.on("close", () => clients.delete(connection));
  connection.on("error", (error) => console.error("a client:", error.message));
  const hangUp = (reply: string) => {
    connection.write(`${reply}\r\n`); // the system sends it all the same
    connection.destroy(new Error(reply));
  };
  if (clients.size > 20) return hangUp("421 too many clients: try later");
  connection.setTimeout(300_000, () => hangUp("421 nothing for 5 minutes"));

  const session = talk();
  let rest = ""; // a line whose end is still to come
  connection.write(`${session.next("").value}\r\n`);
  connection.on("data", (chunk) => {
    const lines = (rest + chunk.toString("latin1")).split("\n");
    rest = lines.pop() ?? "";
    if (rest.length > 65_536) return hangUp("500 the line is too long");
    for (const line of lines) {
      const { value: reply, done } = session.next(`${line}\n`);
      if (reply) connection.write(`${reply}\r\n`);
      if (done) connection.end();
    }
    readOrWait();
  });
  connection.on("drain", readOrWait);
});

process.stdout.on("drain", readOrWait);

/** Reads from a client while there is room for its replies and its mail. */
function readOrWait() {
  for (const client of clients)
    if (client.writableNeedDrain || process.stdout.writableNeedDrain)
      client.pause();
    else client.resume();
}

/** Each `yield` sends a reply and returns the client's next line. */
type Dialogue<Result> = Generator<string, Result, string>;

function* talk(): Dialogue<string> {
  let envelope: string[] = []; // the sender, then the recipients
  let reply = "220 localhost ESMTP: mail is printed here";
  while (!reply.startsWith("221")) reply = yield* obey(yield reply);
  return reply;

  function* obey(line: string): Dialogue<string> {
    const [, verb = "", rest = ""] = verbAndRest.exec(line.trimEnd()) ?? [];
    const [, address = "", , added = ""] = path.exec(rest) ?? [];
    if (verb.endsWith(":") && !address)
      return "501 write an address as <ada@example.test>";
    if (!parameters.test(added)) return "555 there is no such parameter";
    switch (verb.toUpperCase()) {
      case "EHLO":
        envelope = [];
        return `250-localhost\r\n${extensions}\r\n250 AUTH PLAIN LOGIN`;
      case "HELO":
      case "RSET":
        envelope = [];
        return "250 ready for a mail";
      case "AUTH LOGIN":
        if (!rest) yield "334 VXNlcm5hbWU6"; // Username:
        yield "334 UGFzc3dvcmQ6"; // Password:
        return "235 any will do";
      case "AUTH PLAIN":
        if (!rest) yield "334 ";
        return "235 any will do";
      case "MAIL FROM:":
        if (envelope.length > 0) return misplaced;
        envelope = [address];
        return "250 go on";
      case "RCPT TO:":
        if (envelope.length === 0) return misplaced;
        if (address === "<>") return "501 a recipient is missing";
        if (envelope.length > 100) return "452 at most 100 recipients a mail";
        envelope.push(address);
        return "250 go on";
      case "DATA": {
        if (envelope.length < 2) return misplaced;
        const mail = yield* takeMail(line.endsWith("\r\n") ? "\r\n" : "\n");
        const [from, ...to] = envelope;
        const head = `mail from ${from} to ${to.join(", ")}, ${mail.length} bytes`;
        envelope = [];
        if (mail.length > largest) return `552 more than ${largest} bytes`;
        process.stdout.write(`${head}\n${mail}`.replaceAll(controls, ""));
        return "250 the mail is printed";
      }
      case "NOOP":
        return "250 nothing done";
      case "QUIT":
        return "221 good-bye";
      default:
        return "500 there are EHLO, MAIL FROM:, RCPT TO:, DATA, RSET, QUIT";
    }
  }
}

/** Takes a mail. One that is too large comes back with more bytes than allowed. */
function* takeMail(lineEnd: string): Dialogue<Buffer> {
  let mail = Buffer.alloc(65_536); // twice as large whenever it is full
  let size = 0;
  let isLineStart = true;
  let line = yield "354 end the mail with a line that is only a dot";
  while (!isLineStart || line !== `.${lineEnd}`) {
    // The client puts one more dot before a line that begins with a dot.
    const text = isLineStart && line.startsWith(".") ? line.slice(1) : line;
    isLineStart = line.endsWith(lineEnd);
    while (size + text.length > mail.length) mail = Buffer.concat([mail, mail]);
    if (size <= largest) size += mail.write(text, size, "latin1");
    line = yield "";
  }
  return mail.subarray(0, size);
}
