/**
 * SMTP server over TCP: takes all mail, prints it and sends nothing on.
 *
 * A stream carries two languages: commands, each a line, and mails, each ended
 * by a dot on its own line. The trap is that end, CR LF . CR LF and nothing else:
 * who takes LF . LF for it, too, lets the text of a mail pass for another mail.
 *
 *     $ tsx tcp/smtp-server.ts
 *     The SMTP server is ready on 127.0.0.1:2525
 */
import { type AddressInfo, createServer, isIPv6 } from "node:net";
import { config } from "../shared/config.ts";

const { host, port, idle } = config("smtp", { idle: 300 }); // RFC 5321, 4.5.3.2.7
const endpoint = ({ address, port }: { address: string; port: number }) =>
  `${isIPv6(address) ? `[${address}]` : address}:${port}`;

const server = createServer({ allowHalfOpen: true }); // for printf … | nc -N …
server.maxConnections = 100; // each may hold a mail of the largest size
server.on("drop", () => console.error("a client too many is turned away"));
server.on("error", ({ code }: NodeJS.ErrnoException) => {
  const address = endpoint({ address: host, port });
  console.error(`cannot bind ${address} (${code}): try another port or host`);
  process.exit(1);
});
server.listen(port, host, () => {
  const address = server.address() as AddressInfo;
  console.log(`The SMTP server is ready on ${endpoint(address)}`);
});
process.stdout.on("error", () => process.exit(1)); // as in: server | head -1
const largest = 1_000_000;
const tooLarge = `552 a mail has at most ${largest} bytes`;
const extensions = `PIPELINING\r\n250-SIZE ${largest}\r\n250 8BITMIME`;
const parameters = /^MAIL( +(SIZE=\d{1,20}|BODY=(7BIT|8BITMIME)))*$/i; // RFC 1870, 6152
const mailEnd = Buffer.from("\r\n.\r\n"); // RFC 5321, 4.1.1.4
// RFC 5321, 4.1.2 and 4.1.3. A route, "@host:", is taken and forgotten.
const atom = "[\\w!#$%&'*+/=?^`{|}~-]+";
const local = `${atom}(?:\\.${atom})*|"(?:[ !#-\\[\\]-~]|\\\\[ -~])*"`;
const mailbox = `(?:${local})@(?:[a-z\\d-]+(?:\\.[a-z\\d-]+)*|\\[[!-Z^-~]+\\])`;
const path = (word: string, or: string) =>
  RegExp(`^${word}:<(?:@[^:<> ]+:)?(${mailbox}|${or})>((?: +[!-~]+)*)$`, "i");
// What follows a command; to which stage it leads from 0, nothing said, 1,
// greeted, 2, sender known, 3, recipients known (4 is the mail); the reply.
const commands: Record<string, [RegExp, string, string]> = {
  EHLO: [/^[!-~]+$/, "1111", `250-localhost\r\n250-${extensions}`],
  HELO: [/^[!-~]+$/, "1111", "250 localhost"],
  MAIL: [path("FROM", ""), " 2  ", "250 go on"],
  RCPT: [path("TO", "postmaster"), "  33", "250 go on"],
  DATA: [/^$/, "   4", "354 go on, and end with a dot on a line of its own"],
  RSET: [/^$/, "0111", "250 forgotten"],
  NOOP: [/^/, "0123", "250 nothing done"],
  VRFY: [/./, "0123", "252 mail to all is taken"],
  QUIT: [/^$/, "0123", "221 good-bye"],
};

server.on("connection", (connection) => {
  let [from, to, stage, length, matched] = ["", [""], 0, 0, 0];
  const kept = Buffer.allocUnsafeSlow(largest + 2); // no memory until it is used
  const reply = (text: string) => connection.write(`${text}\r\n`);
  reply("220 localhost SMTP: mail is printed here, and goes no further");
  connection.on("data", (chunk: Buffer) => {
    for (const byte of chunk) if (!connection.writableEnded) hear(byte);
    // Replies that a client leaves unread must not pile up here.
    if (connection.writableNeedDrain) connection.pause();
  });
  connection.on("drain", () => connection.resume());
  connection.on("end", () => connection.end());
  connection.setTimeout(Math.min(idle * 1000, 2 ** 31 - 1), () => {
    if (connection.writableLength || connection.writableEnded)
      connection.destroy(new Error(`it does nothing for ${idle} s`));
    else connection.end(`421 you do nothing for ${idle} s: good-bye\r\n`);
  });
  connection.on("error", (error) => {
    console.error(`a client is gone: ${error.message}`);
  });

  function hear(byte: number) {
    const [most, end] = stage === 4 ? [largest + 2, 5] : [512, 2];
    // How much has just been read of what ends a line, or a mail.
    matched = byte === mailEnd[matched] ? matched + 1 : byte === 13 ? 1 : 0;
    if (matched === 3) return; // a line's first dot is no text: RFC 5321, 4.5.2
    const bare = byte === 10 && !matched && length < most;
    if (stage < 4 && (length === most || bare)) {
      reply(`500 a command has at most ${most} bytes, and CR LF at its end`);
      length = most; // all up to CR LF belongs to it, and is not obeyed
    }
    kept[length++] = byte; // what is beyond its size it does not keep
    if (matched < end) return;
    const good = length <= most;
    const bytes = kept.subarray(0, length - 2);
    matched = length = 0;
    if (stage < 4) return good && obey(bytes.toString("latin1").trimEnd());
    // What came from the network must not steer the terminal; a lone LF shows.
    const shown = `${bytes}`.replace(/(?<!\r)\n/g, "␊");
    const text = shown.replace(/(?!\t|(?<=\r)\n)\p{Cc}/gu, "");
    const head = `mail from ${from} to ${to.join(", ")}, ${bytes.length} bytes`;
    if (good) console.log(`${head}\n${text}`.replace(/\n$/, ""));
    reply(good ? "250 printed" : tooLarge);
    stage = 1;
  }

  function obey(line: string) {
    const [, word = "", rest = ""] = /^([a-z]+)(?: (.*))?$/i.exec(line) ?? [];
    const verb = word.toUpperCase();
    const code = /^(AUTH|EXPN|HELP|STARTTLS)$/.test(verb) ? 502 : 500;
    if (!commands[verb]) return reply(`${code} that is not done here`);
    const [grammar, stages, done] = commands[verb];
    const [all, address, more = ""] = grammar.exec(rest) ?? [];
    if (all === undefined) return reply(`501 ${verb} is not written like this`);
    if (stages[stage] === " ") return reply(`503 ${verb} is out of order`);
    if (more && !parameters.test(verb + more)) return reply("555 unknown");
    if (Number(/SIZE=(\d+)/i.exec(more)?.[1]) > largest) return reply(tooLarge);
    if (verb === "RCPT" && to.length === 100) return reply("452 at most 100");
    if (verb === "MAIL") [from, to] = [address || "<>", []];
    if (verb === "RCPT") to.push(address!);
    stage = Number(stages[stage]);
    if (stage === 4) matched = 2; // an empty mail is a dot at once
    if (verb === "QUIT") connection.end(`${done}\r\n`);
    else reply(done);
  }
});
