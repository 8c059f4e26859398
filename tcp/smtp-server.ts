/**
 * SMTP server over TCP: takes all mail, prints it and sends nothing on.
 *
 * One stream carries two languages: commands, each a line, and mails, each
 * ended by a line that is only a dot. A line ends with CR LF and with nothing
 * else. A server that lets a lone LF end a line as well can take a part of a
 * mail for commands, and what follows for a mail from somebody else.
 *
 * Any name and password will do. To see what a program does when its mail is
 * refused, name a stage (EHLO, AUTH, MAIL, RCPT, DATA, or END for the mail
 * itself) and the code of the reply: --refuse RCPT:450, also several times.
 * A client that is silent for --idle seconds (300) is sent away.
 *
 *     $ tsx tcp/smtp-server.ts
 *     The SMTP server is ready on 127.0.0.1:2525
 */
import { type AddressInfo, createServer } from "node:net";
import { config } from "../shared/config.ts";

const { host, port, idle, refuse } = config("smtp", { idle: 300, refuse: [] });

const refusal = /^(EHLO|AUTH|MAIL|RCPT|DATA|END):([45][0-5]\d)$/;
const refused = new Map<string, string>(); // from a stage to what is said
for (const text of refuse as string[]) {
  const [, stage, code] = refusal.exec(text) ?? [];
  if (!stage) {
    console.error("--refuse takes a stage and a code, such as RCPT:450");
    process.exit(2);
  }
  refused.set(stage, `${code} refused, as --refuse says`);
}

const largest = 10_000_000; // bytes of a mail
const tooLarge = `552 a mail has at most ${largest} bytes`;
const noCommand = "421 a command is a line of text, ended by CR LF: good-bye";
const hello =
  `250-localhost\r\n250-PIPELINING\r\n250-SIZE ${largest}\r\n` +
  "250-8BITMIME\r\n250-SMTPUTF8\r\n250 AUTH PLAIN LOGIN";
const endOfMail = Buffer.from(".\r\n");
const longest = 12_288; // bytes of a command
// Most have at most 512. Parameters of extensions come on top of that.
const limits: Record<string, number> = { AUTH: 12288, MAIL: 1024, RCPT: 1024 };
const plain = [""]; // AUTH PLAIN waits for name and password in one
const login = ["VXNlcm5hbWU6", "UGFzc3dvcmQ6"]; // "Username:", "Password:"

const command = /^([a-z]+)(?: +(.*))?$/i;
const nothing = /^$/;
const something = /./;
const anything = /^/;
const sender = /^FROM: ?<([^<>]*)>(( +[a-z\d-]+(=[^ =]+)?)*)$/i;
const recipient = /^TO: ?<([^<>]+)>( +[a-z\d-]+(=[^ =]+)?)*$/i;
const size = / SIZE\b=?(\S*)/i;
const digits = /^\d+$/;
const mechanism = /^(PLAIN|LOGIN)(?: +(.+))?$/i;
const base64 = /^[a-z\d+/]*={0,2}$/i;
const httpRequest = /^\S+ \S+ HTTP\/\d/;
const lineEnd = /\r?\n/g;
const control = /[\0-\x08\x0b-\x1f\x7f-\x9f]/g; // all but tab and line feed
const direction = /[\u202a-\u202e\u2066-\u2069]/g; // they turn text around

// What the client has said: nothing yet, EHLO, MAIL, RCPT, DATA, AUTH or QUIT.
// After DATA comes a mail, after AUTH come answers, and both are no commands.
type State = "new" | "greeted" | "from" | "to" | "mail" | "login" | "gone";
const always: State[] = ["new", "greeted", "from", "to"];
// What follows a command, when it may come, what comes of it, and the reply.
type Rule = [rest: RegExp, when: State[], then: State | "same", reply: string];
const rules: Record<string, Rule> = {
  EHLO: [something, always, "greeted", hello],
  HELO: [something, always, "greeted", "250 localhost"],
  AUTH: [mechanism, ["greeted"], "login", "334 "],
  MAIL: [sender, ["greeted"], "from", "250 go on"],
  RCPT: [recipient, ["from", "to"], "to", "250 go on"],
  DATA: [nothing, ["to"], "mail", "354 go on, up to a line that is only a dot"],
  RSET: [nothing, always, "same", "250 forgotten"],
  NOOP: [anything, always, "same", "250 nothing done"],
  VRFY: [something, always, "same", "252 mail to everybody is taken"],
  QUIT: [nothing, always, "same", "221 good-bye"],
};

const server = createServer({ allowHalfOpen: true, noDelay: true });
server.maxConnections = 20; // each may hold a mail of the largest size
server.listen(port, host);

server.on("listening", () => {
  const { address, port } = server.address() as AddressInfo;
  console.log(`The SMTP server is ready on ${address}:${port}`);
});

server.on("drop", () => console.error("a client too many is turned away"));

server.on("connection", (connection) => {
  let state: State = "new";
  let unread = Buffer.alloc(0);
  let errors = 0;
  let questions: string[] = [];
  let from = "";
  let to: string[] = [];
  let mail = Buffer.alloc(0);
  let length = 0; // of the mail, and of what is too much to keep
  let inLine = false; // the mail stops in the middle of a line so far
  let waiting = false; // for standard output

  say("220 localhost ESMTP: mail is printed here, and goes no further");
  connection.on("data", (chunk: Buffer) => {
    unread = Buffer.concat([unread, chunk]);
    read();
  });
  connection.on("drain", read);
  connection.on("end", read);
  connection.on("error", (error) => {
    if (state !== "gone") console.error("a client is gone:", error.message);
  });
  connection.setTimeout(idle * 1000, () => {
    if (!waiting) say(`421 nothing came for ${idle} s: good-bye`);
  });

  function say(reply: string) {
    if (state === "gone") return;
    connection.write(`${reply}\r\n`);
    if (!reply.startsWith("221") && !reply.startsWith("421")) return;
    state = "gone";
    connection.end();
    setTimeout(() => connection.destroy(), 10_000); // if the client stays
  }

  /** Reads lines, while mails and replies find their way out. */
  function read() {
    while (!waiting && !connection.writableNeedDrain) {
      let end = unread.indexOf("\n") + 1;
      // A long line is read in parts, but for its last byte: if that is a CR,
      // an LF may follow.
      if (end === 0 && unread.length > longest) end = unread.length - 1;
      const line = unread.subarray(0, end);
      unread = unread.subarray(end);
      if (end === 0) {
        // The client may have ended its half, but not before it is answered.
        if (connection.readableEnded) connection.end();
        return connection.resume();
      }
      if (state === "mail") hearMail(line);
      else if (state !== "gone") hear(line);
    }
    return connection.pause();
  }

  function hearMail(line: Buffer) {
    if (!inLine && line.equals(endOfMail)) {
      takeMail();
      return;
    }
    // The client puts a dot before each line that begins with one.
    const stuffed = !inLine && line.indexOf(".") === 0;
    const text = stuffed ? line.subarray(1) : line;
    if (length + text.length <= largest) text.copy(mail, length);
    length += text.length;
    inLine = !line.includes("\r\n");
  }

  async function takeMail() {
    state = "greeted";
    waiting = true;
    const reply = await printMail();
    waiting = false;
    mail = Buffer.alloc(0);
    say(reply);
    read();
  }

  async function printMail(): Promise<string> {
    const refusal = refused.get("END");
    if (refusal) return refusal;
    if (length > largest) return tooLarge;
    const head = `mail from ${from} to ${to.join(", ")}, ${length} bytes`;
    await print(head, mail.subarray(0, length));
    return "250 printed";
  }

  function hear(line: Buffer) {
    const text = line.toString().slice(0, -2);
    const clean = line.toString() === `${harmless(text)}\r\n`;
    if (!clean || line.length > longest || httpRequest.test(text))
      return say(noCommand);
    const reply = state === "login" ? logIn(text) : obey(text, line.length);
    if (reply.startsWith("50")) errors++;
    say(errors < 20 ? reply : "421 20 errors are enough: good-bye");
  }

  /** Does what a command says, and returns the reply. */
  function obey(line: string, bytes: number): string {
    const [, word = "", rest = ""] = command.exec(line.trimEnd()) ?? [];
    const verb = word.toUpperCase();
    const rule = rules[verb];
    if (!rule) return "500 no such command here";
    if (bytes > (limits[verb] ?? 512)) return "500 that is too long";
    const refusal = refused.get(verb);
    if (refusal) return refusal;
    const [form, when, then, reply] = rule;
    const [match, given = "", more = ""] = form.exec(rest) ?? [];
    if (match === undefined) {
      if (verb === "AUTH") return "504 only PLAIN and LOGIN are known";
      return `501 ${verb} is not written like this`;
    }
    if (!when.includes(state)) return `503 this is not the place for ${verb}`;
    switch (verb) {
      case "AUTH":
        state = "login";
        questions = given.toUpperCase() === "LOGIN" ? [...login] : [...plain];
        return more ? logIn(more) : `334 ${questions[0]}`;
      case "MAIL": {
        const [, bytes = "0"] = size.exec(more) ?? [];
        if (!digits.test(bytes)) return "501 SIZE is a number of bytes";
        if (Number(bytes) > largest) return tooLarge;
        from = given || "<>";
        to = [];
        break;
      }
      case "RCPT":
        if (to.length === 100) return "452 a mail has at most 100 recipients";
        to.push(given);
        break;
      case "DATA":
        mail = Buffer.allocUnsafeSlow(largest); // no memory until it is used
        length = 0;
        break;
      case "RSET":
        if (state !== "new") state = "greeted";
        break;
    }
    if (then !== "same") state = then;
    return reply;
  }

  /** Takes an answer to AUTH, and asks the next question. */
  function logIn(answer: string): string {
    state = "greeted";
    if (!base64.test(answer)) return "501 that is no Base64";
    questions.shift();
    if (questions.length > 0) {
      state = "login";
      return `334 ${questions[0]}`;
    }
    console.error("a client has logged in");
    return "235 welcome";
  }
});

/** Text of others must not steer the terminal. */
function harmless(text: string): string {
  return text.replaceAll(control, "").replaceAll(direction, "");
}

let printer = Promise.resolve(); // standard output takes mail after mail
function print(head: string, mail: Buffer): Promise<void> {
  printer = printer.then(() => {
    const text = `${mail}`.replaceAll(lineEnd, (end) =>
      end === "\n" ? "␊" : "\n",
    );
    return new Promise((done) => {
      process.stdout.write(harmless(`${head}\n${text}`), (error) => {
        if (!error) done();
      });
    });
  });
  return printer;
}
