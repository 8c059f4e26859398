/**
 * The SMTP programs: what they promise, against sockets of the test. Real
 * clients and servers, load and broken input are in smtp.long.ts.
 */
import { once } from "node:events";
import * as net from "node:net";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { check, connect, exchange, node, serve } from "./harness.ts";
import {
  client,
  clientFile,
  codes,
  envelope,
  faster,
  from,
  head,
  hello,
  impatient,
  printed,
  scripted,
  serverFile,
  session,
  to,
} from "./smtp.ts";

// The server.

// Its timers are fast: 10 s after a good-bye are 50 ms.
const server = await serve(`${node} ${faster} ${serverFile} --port 0`);

const whole = `${envelope}Subject: hello\r\n\r\nHello, Bob.\r\n.\r\n`;
const two = `${whole}${from}${to}DATA\r\n..\r\n.a\r\n....\r\n.\r\nQUIT\r\n`;
const both = [
  `${head} 31 bytes`,
  "Subject: hello",
  "",
  "Hello, Bob.",
  `${head} 11 bytes`,
  ".",
  "a",
  "...",
];
const bytes = [...Buffer.from(two.toLowerCase())];
for (const [how, pieces, lines] of [
  ["in one piece", [two], both],
  [
    "byte by byte, and in any case",
    bytes.map((byte) => Buffer.of(byte)),
    both.map((line) => line.toLowerCase()),
  ],
] as const)
  check(`${serverFile} takes two mails ${how}`, async () => {
    const all = await printed(server, async () => {
      assert.is(
        codes(await exchange(server.port, pieces)),
        "220 250 250 250 354 250 250 250 354 250 221",
      );
    });
    assert.equal(all, lines);
  });

check(`${serverFile} tells what it can do`, async () => {
  const reply = `${await exchange(server.port, [`${hello}HELO x\r\nQUIT\r\n`])}`;
  assert.equal(reply.split("\r\n").slice(1), [
    "250-localhost",
    "250-PIPELINING",
    "250-SIZE 10000000",
    "250-8BITMIME",
    "250-SMTPUTF8",
    "250 AUTH PLAIN LOGIN",
    "250 localhost",
    "221 good-bye",
    "",
  ]);
});

// What is said, and the codes of the replies behind the greeting.
const long = (command: string, length: number) =>
  `${command.padEnd(length - 2, "x")}\r\n`;
const sessions: [string, string][] = [
  // The order of commands.
  [`${from}${hello}`, "503 250"],
  [`${hello}${to}`, "250 503"],
  [`${hello}DATA\r\n`, "250 503"],
  [`${hello}${from}DATA\r\n`, "250 250 503"],
  [`${hello}${from}${from}`, "250 250 503"],
  [`${hello}${from}${to}${from}${to}`, "250 250 250 503 250"],
  [`${hello}${from}${to}RSET\r\n${to}${from}`, "250 250 250 250 503 250"],
  [`${hello}${from}${to}${hello}${to}${from}`, "250 250 250 250 503 250"],
  [`RSET\r\n${from}`, "250 503"],
  [`${envelope}.\r\n${to}DATA\r\n${from}`, "250 250 250 354 250 503 503 250"],
  [`${hello}${from}NOOP\r\nVRFY bob\r\n${to}`, "250 250 250 252 250"],
  // How they are written.
  ["NOOP anything\r\nnoop \t\r\n", "250 250"],
  ["EHLO\r\nEHLO \r\nHELO x y\r\n", "501 501 250"],
  ["HELP\r\nEXPN x\r\nSTARTTLS\r\n\r\n", "500 500 500 500"],
  [" NOOP\r\nNOOP\tx\r\nconstructor\r\n__proto__ x\r\n", "500 500 500 500"],
  [long("NOOP ", 512) + long("NOOP ", 513), "250 500"],
  [hello + long("MAIL FROM:<a", 1024) + long("MAIL ", 1025), "250 501 500"],
  [long("NOOP ", 12_289), "421"],
  ["NOOP\r\r\n", "421"],
  // A line feed alone ends a command and the session, and so does what is no text.
  [`NOOP\r\nNOOP\nNOOP\r\n`, "250 421"],
  [`NOOP\rNOOP\r\n`, "421"],
  [`NO\0OP\r\n`, "421"],
  [`${hello}${from}RCPT TO:<a@b\x1b[2J>\r\n`, "250 250 421"],
  [`NOOP\r\n${"x".repeat(20_000)}`, "250 421"],
  ["FOO\r\n".repeat(30), `${"500 ".repeat(19)}421`],
  // A web page can send this. Its body is no session.
  [`POST / HTTP/1.1\r\nHost: x\r\n\r\n${envelope}forged\r\n.\r\n`, "421"],
  // Names and passwords.
  [`AUTH PLAIN AGFkYQBzZWNyZXQ=\r\n`, "503"],
  [`${hello}AUTH PLAIN AGFkYQBzZWNyZXQ=\r\n${from}`, "250 235 250"],
  [`${hello}AUTH plain\r\nAGFkYQBzZWNyZXQ=\r\n${from}`, "250 334 235 250"],
  [`${hello}AUTH LOGIN\r\nYWRh\r\nc2VjcmV0\r\n`, "250 334 334 235"],
  [`${hello}AUTH login YWRh\r\n\r\n${from}`, "250 334 235 250"],
  [`${hello}AUTH LOGIN\r\n*\r\n${from}`, "250 334 501 250"],
  [`${hello}AUTH PLAIN ?\r\nAUTH CRAM-MD5\r\nAUTH\r\n`, "250 501 504 504"],
  [hello + long("AUTH PLAIN ", 12_288), "250 235"],
];
check(`${serverFile} answers each command as it should`, async () => {
  for (const [said, replies] of sessions) {
    const end = replies.endsWith("421") ? "" : " 221";
    const is = await session(server.port, said);
    assert.is(is, `220 ${replies}${end}`, JSON.stringify(said.slice(0, 200)));
  }
});

const paths: [string, string][] = [
  ["MAIL FROM:<>", "250"],
  ["mail from:<A.b+c=d!#$%&'*/?^_`{|}~-@Example.TEST>", "250"],
  ["MAIL FROM: <a@b>", "250"],
  ["MAIL FROM:<root>", "250"],
  ["MAIL FROM:<a@b_c>", "250"],
  ["MAIL FROM:<jürgen@exämple.test> SMTPUTF8", "250"],
  ['MAIL FROM:<"a b"@[IPv6:::1]>', "250"],
  ["MAIL FROM:<@one.test,@two.test:a@b>", "250"],
  ["MAIL FROM:<a@b> SIZE=10000000", "250"],
  ["MAIL FROM:<a@b> BODY=8BITMIME  size=1  ", "250"],
  ["MAIL FROM:<a@b> RET=HDRS ENVID=QQ+2B AUTH=<>", "250"],
  ["MAIL FROM:<a@b> SIZE=10000001", "552"],
  ["MAIL FROM:<a@b> SIZE=99999999999999999999", "552"],
  ["MAIL FROM:<a@b> SIZE", "501"],
  ["MAIL FROM:<a@b> SIZE=", "501"],
  ["MAIL FROM:<a@b> SIZE=-1", "501"],
  ["MAIL FROM:<a@b> SIZE=1x", "501"],
  ["MAIL FROM:<a@b> =1", "501"],
  ["MAIL FROM:<a@b> a=b=c", "501"],
  ["MAIL FROM:<a@b> ü", "501"],
  ["MAIL FROM:<a@b>SIZE=1", "501"],
  ["MAIL", "501"],
  ["MAIL FROM:", "501"],
  ["MAIL FROM:a@b", "501"],
  ["MAIL FROM:<a@b", "501"],
  ["MAIL FROM:<a@b>>", "501"],
  ["MAIL FROM:<<a@b>", "501"],
  ["MAIL TO:<a@b>", "501"],
  ["RCPT TO:<Postmaster>", "250"],
  ["RCPT TO:<a@b> NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;a@b", "250"],
  ["RCPT TO:<>", "501"],
  ["RCPT TO:a@b", "501"],
  ["RCPT FROM:<a@b>", "501"],
];
check(`${serverFile} reads each address and its parameters`, async () => {
  for (const [said, code] of paths) {
    const before = said.startsWith("RCPT") ? `${hello}${from}` : hello;
    const expected = before === hello ? "220 250" : "220 250 250";
    const is = await session(server.port, `${before}${said}\r\n`);
    assert.is(is, `${expected} ${code} 221`, said);
  }
});

check(`${serverFile} takes 100 recipients`, async () => {
  const lines = await printed(server, async () => {
    const said = `${hello}${from}${to.repeat(102)}DATA\r\n.\r\n${from}${to}`;
    const taken = "250 ".repeat(102);
    assert.is(
      await session(server.port, said),
      `220 ${taken}452 452 354 250 250 250 221`,
    );
  });
  assert.is(lines[0]!.split("bob@example.test").length, 101);
});

const endings = [
  "\n.\n",
  "\r.\r",
  "\r\n.\n",
  "\n.\r\n",
  "\r.\r\n",
  "\r\n.\r",
  "\n\r.\n\r",
  "\r\n.\r\r\n",
  "\r\r\n.\n\r\n",
  "\r\n\n.\r\n",
  "\r\n.\0\r\n",
  "\r\n. \r\n",
  "\r\n\0.\r\n",
  "\r\n..\r\n",
  "\r\n.\r.\r\n",
  "\u0085.\u0085",
  "\u2028.\u2028",
  // Long lines are read in parts.
  `${"x".repeat(12_288)}\n.\r\n`,
  `${"x".repeat(70_000)}.\r\n`,
];
check(
  `${serverFile} ends a mail at CR LF . CR LF and nothing else`,
  async () => {
    for (const ending of endings) {
      const forged = `Hello${ending}MAIL FROM:<eve@example.test>\r\n${to}DATA\r\nforged`;
      const said = Buffer.from(`${envelope}${forged}\r\n.\r\n`);
      // In pieces that end before, in and behind what might be an end.
      for (const cut of [0, 1, 2, 3, 4]) {
        const at = said.indexOf("Hello") + 5 + ending.indexOf(".") - 2 + cut;
        const pieces = [said.subarray(0, at), said.subarray(at), "QUIT\r\n"];
        const lines = await printed(server, async () => {
          assert.is(
            codes(await exchange(server.port, pieces)),
            "220 250 250 250 354 250 221",
            JSON.stringify(ending.slice(-10)),
          );
        });
        assert.is(lines.filter((line) => line.startsWith(head)).length, 1);
        assert.is(lines.at(-1), "forged");
      }
    }
  },
);

check(`${serverFile} prints no mail without an end`, async () => {
  const lines = await printed(server, async () => {
    await exchange(server.port, [`${envelope}Hello\r\n.`]);
    await exchange(server.port, [`${envelope}Hello\r\n.\r`]);
    const connection = await connect(server.port);
    connection.write(`${envelope}Hello\r\n`);
    let said = "";
    while (!said.includes("354")) said += (await once(connection, "data"))[0];
    connection.resetAndDestroy();
    await server.line(/^a client: read ECONNRESET$/);
  });
  assert.equal(
    lines.filter((line) => !line.startsWith("a client: ")),
    [],
  );
});

check(`${serverFile} prints what does not steer the terminal`, async () => {
  const mail =
    "naïve ß\t😀\r\n\x1b[31mred\x07\x7f\u009b\r\na\n.b\rc\r\n\r\n" +
    "\u202eevil\u2066\u2069 end\u2028\r\n";
  const lines = await printed(server, async () => {
    await session(server.port, `${envelope}${mail}.\r\n`);
  });
  assert.is(lines[0], `${head} ${Buffer.byteLength(mail)} bytes`);
  assert.is(
    lines.slice(1).join("\n"),
    "naïve ß\t😀\n[31mred\na\n.bc\n\nevil end\u2028",
  );
});

check(`${serverFile} tells of a login, but no password`, async () => {
  const lines = await printed(server, async () => {
    for (const said of [
      `AUTH PLAIN AGFkYQBzZWNyZXQ=\r\n`,
      `AUTH LOGIN\r\nYWRh\r\nc2VjcmV0\r\n`,
    ])
      await session(server.port, `${hello}${said}`);
  });
  assert.equal(lines, ["a client has logged in", "a client has logged in"]);
});

check(`${serverFile} says nothing of a reset behind QUIT`, async () => {
  const lines = await printed(server, async () => {
    for (let i = 0; i < 5; i++) {
      const connection = await connect(server.port);
      connection.write("QUIT\r\n");
      let said = "";
      while (!said.includes("221")) said += (await once(connection, "data"))[0];
      connection.resetAndDestroy();
    }
  });
  assert.equal(lines, []);
});

check(`${serverFile} lets go of who drips on behind QUIT`, async () => {
  // A client that does not end its half when the server has ended the other.
  const options = { port: server.port, allowHalfOpen: true };
  const connection = net.connect({ ...options, host: "127.0.0.1" });
  connection.on("error", () => {});
  connection.write("QUIT\r\n");
  const drip = setInterval(() => connection.write("x"), 5);
  connection.resume();
  await new Promise((closed) => connection.on("close", closed));
  clearInterval(drip);
});

check(`${serverFile} refuses what it is told to`, async () => {
  const options = "--refuse EHLO:502 --refuse AUTH:535 --refuse END:554";
  const strict = await impatient(options);
  const silent = await connect(strict.port);
  const said = `${hello}HELO x\r\nAUTH PLAIN\r\n${from}${to}DATA\r\nHello\r\n.\r\n${from}`;
  assert.is(
    await session(strict.port, said),
    "220 502 250 535 250 250 354 554 250 221",
  );
  // And says good-bye to who is silent.
  assert.is(codes(Buffer.concat(await silent.toArray())), "220 421");
  await strict.stop();
  assert.is(strict.lines.length, 1); // that it is ready
});

// The client.

check(`${clientFile} says what is to be said, in order`, async () => {
  const { port, commands, mails } = await scripted({
    EHLO: "250-test\r\n250-8bitmime\r\n250 SIZE\r\n",
    mail: "250-taken,\r\n250 \x1b[31mall of it\x07\u202e\r\n",
  });
  const options = "--from a@b --to c@d --to '\"e\"@[::1]'";
  const mail = "naïve\n.\n..a\rb\u2028.\r\n\n\xffend";
  const result = await client(port, options, Buffer.from(mail, "latin1"));
  assert.is(result.text(), "250-taken,\n250 [31mall of it\n");
  assert.equal(commands, [
    "EHLO [127.0.0.1]",
    "MAIL FROM:<a@b> BODY=8BITMIME",
    "RCPT TO:<c@d>",
    'RCPT TO:<"e"@[::1]>',
    "DATA",
    "QUIT",
  ]);
  const sent = "naïve\n..\n...a\nb\u2028.\n\n\xffend\n".replaceAll(
    "\n",
    "\r\n",
  );
  assert.equal(mails, [Buffer.from(sent, "latin1")]);
});

check(`${clientFile} tells a refusal, and takes its leave`, async () => {
  const { port, commands } = await scripted({
    RCPT: "550-no\r\n550 \x1b[31msuch\x07 user\r\n",
  });
  const result = await client(port);
  assert.is(result.stdout, "");
  assert.is(
    result.stderr,
    `127.0.0.1:${port} refuses RCPT TO:<bob@example.test>: 550-no 550 [31msuch user\n`,
  );
  assert.is(result.exitCode, 1);
  assert.is(commands.at(-1), "QUIT");
});

check(`${clientFile} waits 10 minutes for the mail, and says so`, async () => {
  const { port } = await scripted({ mail: "250-well\r\n250-" });
  const begin = performance.now();
  const result = await client(port, "", "Hello\n", faster);
  assert.ok(performance.now() - begin > 600_000 / 200);
  assert.is(result.stdout, "");
  assert.equal(result.stderr.split("\n").slice(-3), [
    `waiting for 127.0.0.1:${port} to answer the mail`,
    `127.0.0.1:${port} has not answered the mail for 10 minutes: it may have the mail all the same`,
    "",
  ]);
  assert.is(result.exitCode, 1);
});

check(`${clientFile} puts nothing but an address into a command`, async () => {
  const result = await client(9, "--to $'a@b\\nRSET'");
  assert.is(
    result.stderr,
    '"a@b\\nRSET" is no address like ada@example.test\n',
  );
  assert.is(result.exitCode, 2);
});

test.run();
