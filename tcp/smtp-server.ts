/**
 * SMTP server over TCP: takes all mail, prints it and sends nothing on.
 *
 * One stream carries two languages: commands, each a line, and mails, each
 * ended by a line that is only a dot. A line ends with CR LF and with nothing
 * else. A server that lets a lone LF end a line as well can take a part of a
 * mail for commands, and what follows for a mail from somebody else: the bytes
 * LF . LF MAIL FROM:<boss> inside of a mail would begin such a one.
 *
 * Any name and password will do. To see what a program does when its mail is
 * refused, name a stage (EHLO, AUTH, MAIL, RCPT, DATA, or END for the mail
 * itself) and the code of the reply: --refuse RCPT:450, also several times.
 * A client that is silent for 5 minutes is sent away.
 *
 *     $ tsx tcp/smtp-server.ts
 *     The SMTP server is ready on 127.0.0.1:2525
 */
import { once } from "node:events";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { config } from "../shared/config.ts";

const { host, port, refuse } = config("smtp", { refuse: [] });

const stageAndCode = /^(EHLO|AUTH|MAIL|RCPT|DATA|END):[45][0-5]\d$/;
const refused = new Map<string, string>(); // from a stage to what is said
for (const text of refuse as string[]) {
  if (!stageAndCode.test(text)) {
    console.error("--refuse takes a stage and a code, such as RCPT:450");
    process.exit(2);
  }
  refused.set(text.slice(0, -4), `${text.slice(-3)} refused, as --refuse says`);
}

const idle = 5 * 60_000; // milliseconds
const longest = 12_288; // bytes of a command, or of a piece of a mail's line
// Most have at most 512. Parameters of extensions come on top of that.
const limits: Record<string, number> = { AUTH: 12288, MAIL: 1024, RCPT: 1024 };
const largest = 10_000_000; // bytes of a mail
// The reply to EHLO lists what the server can do besides the oldest commands.
const hello =
  `250-localhost\r\n250-PIPELINING\r\n250-SIZE ${largest}\r\n` +
  "250-8BITMIME\r\n250-SMTPUTF8\r\n250 AUTH PLAIN LOGIN";
const noCommand = "421 a command is a line of text, ended by CR LF: good-bye";
const malformed = "501 this command is not written like this";
const misplaced = "503 this is not the place for this command";
const tooLarge = `552 a mail has at most ${largest} bytes`;
const goodBye = /^[24]21/; // the replies that end the connection

// A web page can make a browser send this here.
const httpRequest = /^\S+ \S+ HTTP\/\d/;
const command = /^([a-z]+)(?: +(.*))?$/i;
const path = /^(?:MAIL FROM|RCPT TO): ?<([^<>]*)>(.*)$/i; // some put a space
const parameters = /^( +[a-z\d-]+(=[^ =]+)?)*$/i;
const size = / SIZE\b=?(\S*)/i;
const digits = /^\d+$/;
const mechanism = /^(PLAIN|LOGIN)(?: +(\S+))?$/i;
const base64 = /^[a-z\d+/]*={0,2}(\r\n)?$/i;
const control = /[\0-\x08\x0b-\x1f\x7f-\x9f]/g; // all but tab and line feed
const direction = /[\u202a-\u202e\u2066-\u2069]/g; // they turn text around

const server = createServer({ allowHalfOpen: true, noDelay: true });
server.maxConnections = 20; // each may hold a mail of the largest size
server.listen(port, host);

server.on("listening", () => {
  const { address, port } = server.address() as AddressInfo;
  console.log(`The SMTP server is ready on ${address}:${port}`);
});

server.on("drop", () => console.error("a client too many is turned away"));

server.on("connection", (connection) => {
  connection.setTimeout(idle, () => {
    connection.write("421 nothing came for 5 minutes: good-bye\r\n");
    connection.destroy(); // what is written is with the system by now
  });
  connection.on("error", (error) => {
    // After a good-bye, it no longer matters how a client leaves.
    if (!connection.writableEnded) console.error("a client:", error.message);
  });
  talk(connection).catch((error) => {
    if (!connection.destroyed) throw error; // a mistake in this program
  });
});

/** One client, from the first reply to the last. */
async function talk(connection: Socket) {
  const lines = readLines(connection);
  const say = (reply: string) => connection.write(`${reply}\r\n`);
  let greeted = false;
  let from = ""; // nothing before MAIL, and again after the mail
  let to: string[] = [];
  let errors = 0;

  say("220 localhost ESMTP: mail is printed here, and goes no further");
  for await (const line of lines) {
    let reply = await obey(line);
    if (reply.startsWith("50")) errors++; // 500 to 504: a bad command
    if (errors === 20) reply = "421 20 errors are enough: good-bye";
    say(reply);
    if (goodBye.test(reply)) break;
  }
  connection.end();
  connection.resume(); // closing with bytes unread would reset the connection
  setTimeout(() => connection.destroy(), 10_000); // if the client stays

  /**
   * Does what a command says, and returns the reply. What follows AUTH or DATA is
   * no command: while the loop above waits for obey(), they take the next lines.
   */
  async function obey(line: string): Promise<string> {
    const whole = line.endsWith("\r\n") && line.length <= longest;
    const said = Buffer.from(line, "latin1").toString().slice(0, -2);
    const clean = harmless(said) === said && !httpRequest.test(said);
    if (!whole || !clean) return noCommand;
    const text = said.trimEnd();
    const [, word = "", rest = ""] = command.exec(text) ?? [];
    const verb = word.toUpperCase();
    if (line.length > (limits[verb] ?? 512)) return "500 that is too long";
    const refusal = refused.get(verb);
    if (refusal) return refusal;
    // MAIL and RCPT have an address, and perhaps parameters.
    const [, address, more = ""] = path.exec(text) ?? [];
    const [, bytes = "0"] = size.exec(more) ?? [];
    if (!parameters.test(more) || !digits.test(bytes)) return malformed;
    switch (verb) {
      case "EHLO":
      case "HELO":
        if (!rest) return malformed;
        greeted = true;
        from = "";
        return verb === "EHLO" ? hello : "250 localhost";
      case "AUTH":
        return greeted && !from ? logIn(rest) : misplaced;
      case "MAIL":
        if (address === undefined) return malformed;
        if (!greeted || from) return misplaced;
        if (Number(bytes) > largest) return tooLarge;
        from = address || "<>"; // a mail that reports an error has no sender
        to = [];
        return "250 go on";
      case "RCPT":
        if (!address) return malformed;
        if (!from) return misplaced;
        if (to.length === 100) return "452 a mail has at most 100 recipients";
        to.push(address);
        return "250 go on";
      case "DATA":
        return from && to.length > 0 ? takeMail() : misplaced;
      case "RSET":
        from = "";
        return "250 forgotten";
      case "NOOP":
        return "250 nothing done";
      case "VRFY": // asks whether there is such an address
        return "252 mail to everybody is taken";
      case "QUIT":
        return "221 good-bye";
      default:
        return "500 no such command here";
    }
  }

  /** Asks for a name and a password, and takes any. */
  async function logIn(rest: string): Promise<string> {
    let [, name, answer] = mechanism.exec(rest) ?? [];
    if (!name) return "504 only PLAIN and LOGIN are known";
    const login = name.toUpperCase() === "LOGIN";
    // "Username:" and "Password:". PLAIN has both in one answer.
    for (const question of login ? ["VXNlcm5hbWU6", "UGFzc3dvcmQ6"] : [""]) {
      if (!answer) {
        say(`334 ${question}`);
        answer = (await lines.next()).value ?? "*";
      }
      if (!base64.test(answer)) return "501 that is no Base64";
      answer = "";
    }
    console.error("a client has logged in");
    return "235 welcome";
  }

  /** Reads a mail, prints it and returns the reply. */
  async function takeMail(): Promise<string> {
    await print(""); // waits until all that was printed before is read
    say("354 go on, up to a line that is only a dot");
    // Its pages take memory when they are written to. A byte more than the largest
    // mail shows that a mail is too large.
    const mail = Buffer.allocUnsafeSlow(largest + 1);
    let length = 0;
    let begin = true; // of a line
    for (;;) {
      const { value: line } = await lines.next();
      if (!line) return noCommand; // the client is gone, and its mail with it
      if (begin && line === ".\r\n") break;
      // The client puts a dot before each line that begins with one.
      const text = begin && line.startsWith(".") ? line.slice(1) : line;
      length += mail.write(text, length, "latin1"); // what has no room is lost
      begin = line.endsWith("\r\n");
    }
    const head = `mail from ${from} to ${to.join(", ")}, ${length} bytes\n`;
    from = "";
    const refusal = refused.get("END");
    if (refusal) return refusal;
    if (length > largest) return tooLarge;
    connection.setTimeout(0); // however long it takes until someone reads it
    await print(head + harmless(mail.toString("utf8", 0, length)));
    connection.setTimeout(idle);
    return "250 printed";
  }
}

/**
 * Cuts a client's bytes behind each LF. A line ends only where a piece ends with
 * CR LF: a line may have a lone LF in it, and a very long one comes in pieces.
 */
async function* readLines(connection: Socket) {
  connection.setEncoding("latin1"); // a character for each byte
  let rest = "";
  // Without the option, the end of this loop would destroy the connection.
  for await (const chunk of connection.iterator({ destroyOnReturn: false })) {
    const pieces = `${rest}${chunk}`.split("\n");
    rest = pieces.pop() ?? "";
    for (const piece of pieces) yield `${piece}\n`;
    if (rest.length > longest) {
      yield rest.slice(0, -1);
      rest = rest.slice(-1); // it may be a CR whose LF is to come
    }
    // A client that does not read its replies has to wait.
    if (connection.writableNeedDrain) await once(connection, "drain");
  }
}

/** Resolves when standard output has taken the text. */
function print(text: string): Promise<void> {
  return new Promise((done) => {
    process.stdout.write(text, () => done());
  });
}

/** Text of others must not steer the terminal. */
function harmless(text: string): string {
  return text.replaceAll(control, "").replaceAll(direction, "");
}
