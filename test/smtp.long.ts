import { once } from "node:events";
import * as fs from "node:fs";
import type { Socket } from "node:net";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { run } from "../scripts/processes.ts";
import { numbers, spoiled } from "./fuzz.ts";
import {
  check,
  checkPeers,
  connect,
  exchange,
  listen,
  meet,
  memory,
  node,
  nobody,
  type Server,
  serve,
  temporaryFolder,
} from "./harness.ts";

const file = "tcp/smtp-server.ts";
const clientFile = "tcp/smtp-client.ts";
const server = await serve(file);

const hello = "EHLO example.test\r\n";
const from = "MAIL FROM:<ada@example.test>\r\n";
const to = "RCPT TO:<bob@example.test>\r\n";
const envelope = `${hello}${from}${to}DATA\r\n`;
const head = "mail from ada@example.test to bob@example.test,";

/** The codes in what a server has said, one for each reply. */
const codes = (replies: Buffer | string) =>
  `${replies}`.match(/^\d{3}(?= )/gm)?.join(" ") ?? "";

/** The codes of the replies to a session, and to the QUIT that ends it. */
async function session(text: string | Buffer, port = server.port) {
  const quit = Buffer.from("QUIT\r\n");
  return codes(
    await exchange(port, [Buffer.concat([Buffer.from(text), quit])]),
  );
}

/** What a server prints while something is done. */
async function printed<T>(body: () => Promise<T>, by: Server = server) {
  const begin = by.lines.length;
  await body();
  const mark = `mark${begin}@example.test`;
  await session(`${hello}MAIL FROM:<${mark}>\r\n${to}DATA\r\n.\r\n`, by.port);
  await by.line(RegExp(`^mail from ${mark} `));
  const lines = by.lines.slice(begin);
  return lines.slice(
    0,
    lines.findIndex((l) => l.includes(mark)),
  );
}

const client = (port: number, options = "", input: string | Buffer = "") =>
  run(`${node} ${clientFile} --port ${port} ${options}`, input);

// The server.

const whole = `${envelope}Subject: hello\r\n\r\nHello, Bob.\r\n.\r\n`;
const two = `${whole}${from}${to}DATA\r\n..\r\n.a\r\n....\r\n.\r\nQUIT\r\n`;
const replies = "220 250 250 250 354 250 250 250 354 250 221";
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

check(`${file} takes a whole session in one segment`, async () => {
  const lines = await printed(async () => {
    assert.is(codes(await exchange(server.port, [two])), replies);
  });
  assert.equal(lines, both);
});

check(`${file} takes a session byte by byte, and in any case`, async () => {
  const lower = two.replace(/EHLO|(MAIL FROM|RCPT TO)|DATA|QUIT/g, (verb) =>
    verb.toLowerCase(),
  );
  const bytes = Array.from(Buffer.from(lower), (byte) => Buffer.of(byte));
  const lines = await printed(async () => {
    assert.is(codes(await exchange(server.port, bytes)), replies);
  });
  assert.equal(lines, both);
});

check(`${file} tells what it can do`, async () => {
  const reply = `${await exchange(server.port, [`${hello}HELO x\r\n`])}`;
  assert.match(
    reply,
    /^220 localhost .+\r\n250-localhost\r\n250-PIPELINING\r\n250-SIZE 1000000\r\n250 8BITMIME\r\n250 localhost\r\n$/,
  );
});

check(`${file} waits for the rest of a mail in vain`, async () => {
  const lines = await printed(async () => {
    const reply = await exchange(server.port, [`${envelope}Hello\r\n.`]);
    assert.is(codes(reply), "220 250 250 250 354");
  });
  assert.equal(lines, []);
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
];
for (const ending of endings)
  check(`${file} ends no mail at ${JSON.stringify(ending)}`, async () => {
    const mail = `Hello${ending}MAIL FROM:<eve@example.test>\r\n${to}DATA\r\nforged`;
    const lines = await printed(async () => {
      const reply = await session(`${envelope}${mail}\r\n.\r\n`);
      assert.is(reply, "220 250 250 250 354 250 221");
    });
    const heads = lines.filter((line) => line.startsWith("mail from "));
    assert.is(heads.length, 1);
    assert.is(lines.at(-1), "forged");
  });

// What is said, and the codes of the replies behind the greeting.
const sessions = {
  [`${from}${hello}`]: "503 250",
  [`${hello}${to}`]: "250 503",
  [`${hello}DATA\r\n`]: "250 503",
  [`${hello}${from}DATA\r\n`]: "250 250 503",
  [`${hello}${from}${from}`]: "250 250 503",
  [`${hello}${from}${to}${from}${to}`]: "250 250 250 503 250",
  [`${hello}${from}${to}RSET\r\n${to}DATA\r\n${from}`]:
    "250 250 250 250 503 503 250",
  [`${hello}${from}${to}${hello}${to}${from}`]: "250 250 250 250 503 250",
  [`RSET\r\n${from}`]: "250 503",
  [`${envelope}.\r\n${to}DATA\r\n${from}`]: "250 250 250 354 250 503 503 250",
  [`${hello}${from}NOOP\r\nVRFY bob\r\n${to}`]: "250 250 250 252 250",
  "NOOP anything\r\nnoop\r\nVRFY\r\nRSET now\r\nQUIT now\r\n":
    "250 250 501 501 501",
  "EHLO\r\nEHLO \r\nHELO a b\r\nHELO x \t\r\n": "501 501 501 250",
  [`${hello}${from}${to}DATA now\r\n`]: "250 250 250 501",
  "HELP\r\nEXPN all\r\nSTARTTLS\r\nAUTH PLAIN\r\n": "502 502 502 502",
  "FOO\r\n\r\n MAIL\r\nMAIL\tx\r\nMA\0IL\r\nconstructor\r\n__proto__\r\n":
    "500 500 500 500 500 500 500",
  "GET / HTTP/1.1\r\nHost: x\r\n": "500 500",
  // No such line is obeyed, and neither is what follows it up to CR LF.
  "NOOP\nNOOP\r\nNOOP\r\n": "500 250",
  "NOOP\rNOOP\r\nNOOP\r\n": "500 250",
  [`${hello}${from}RCPT TO:<a@b>\n${to}${to}`]: "250 250 500 250",
};
for (const [said, codes] of Object.entries(sessions))
  check(`${file} keeps the order: ${JSON.stringify(said)}`, async () => {
    assert.is(await session(said), `220 ${codes} 221`);
  });

const addresses: [string, string][] = [
  ["MAIL FROM:<>", "250"],
  ["MAIL FROM:<a@b>", "250"],
  ["mail from:<A.b+c=d!#$%&'*/?^_`{|}~-@Example.TEST>", "250"],
  ['MAIL FROM:<"a b@<>\\"\\\\"@example.test>', "250"],
  ["MAIL FROM:<a@[127.0.0.1]>", "250"],
  ["MAIL FROM:<a@[IPv6:::1]>", "250"],
  ["MAIL FROM:<@one.test,@two.test:a@b>", "250"],
  ["MAIL FROM:<a@b> SIZE=1000000", "250"],
  ["MAIL FROM:<a@b> BODY=8BITMIME size=1  ", "250"],
  ["MAIL FROM:<a@b> BODY=7bit", "250"],
  ["MAIL FROM:<a@b> SIZE=1000001", "552"],
  ["MAIL FROM:<a@b> SIZE=99999999999999999999", "552"],
  ["MAIL FROM:<a@b> SIZE=", "555"],
  ["MAIL FROM:<a@b> SIZE=-1", "555"],
  ["MAIL FROM:<a@b> BODY=BINARYMIME", "555"],
  ["MAIL FROM:<a@b> SMTPUTF8", "555"],
  ["MAIL FROM:<a@b> AUTH=<>", "555"],
  ["MAIL", "501"],
  ["MAIL FROM", "501"],
  ["MAIL FROM:", "501"],
  ["MAIL FROM:a@b", "501"],
  ["MAIL FROM: <a@b>", "501"],
  ["MAIL FROM:<a>", "501"],
  ["MAIL FROM:<a@>", "501"],
  ["MAIL FROM:<@b>", "501"],
  ["MAIL FROM:<a@b", "501"],
  ["MAIL FROM:<a@b>>", "501"],
  ["MAIL FROM:<<a@b>", "501"],
  ["MAIL FROM:<a@b>SIZE=1", "501"],
  ["MAIL FROM:<a b@c>", "501"],
  ["MAIL FROM:<a..b@c>", "501"],
  ["MAIL FROM:<.a@b>", "501"],
  ["MAIL FROM:<a@b..c>", "501"],
  ["MAIL FROM:<a@b.>", "501"],
  ["MAIL FROM:<a@b_c>", "501"],
  ["MAIL FROM:<a@b@c>", "501"],
  ["MAIL FROM:<\u001b[2J@b>", "501"],
  ["MAIL FROM:<ä@b>", "501"],
  ["MAIL FROM:<postmaster>", "501"],
  ["MAIL TO:<a@b>", "501"],
  ["RCPT TO:<Postmaster>", "250"],
  ["RCPT TO:<@one.test:a@b>", "250"],
  ["RCPT TO:<>", "501"],
  ["RCPT TO:a@b", "501"],
  ["RCPT FROM:<a@b>", "501"],
  ["RCPT TO:<a@b> SIZE=1", "555"],
  ["RCPT TO:<a@b> NOTIFY=NEVER", "555"],
];
check(`${file} checks each address`, async () => {
  for (const [said, code] of addresses) {
    const before = said.startsWith("RCPT") ? `${hello}${from}` : hello;
    const all = codes(before.replace(/.+\r\n/g, "250 \n"));
    assert.is(await session(`${before}${said}\r\n`), `220 ${all} ${code} 221`);
  }
});

check(`${file} takes a line of 512 bytes, and no longer one`, async () => {
  const line = (bytes: number) => `NOOP ${"x".repeat(bytes - 7)}\r\n`;
  const text = `${line(512)}${line(513)}${line(512)}${line(1e6)}NOOP\r\n`;
  assert.is(await session(text), "220 250 500 250 500 250 221");
});

check(
  `${file} refuses a lone line feed at once, and all up to CR LF`,
  async () => {
    const connection = await connect(server.port);
    await once(connection, "data");
    connection.write("NOOP\n");
    assert.match(`${(await once(connection, "data"))[0]}`, /^500 .*CR LF/);
    connection.end("NOOP\nNOOP\r\nHELP\r\n");
    assert.is(codes(Buffer.concat(await connection.toArray())), "502");
  },
);

check(`${file} takes 100 recipients`, async () => {
  const lines = await printed(async () => {
    const reply = await session(
      `${hello}${from}${to.repeat(102)}DATA\r\n.\r\n${from}${to}`,
    );
    const taken = "250 ".repeat(102);
    assert.is(reply, `220 ${taken}452 452 354 250 250 250 221`);
  });
  assert.is(lines[0]!.split("bob@example.test").length, 101);
});

check(`${file} takes a mail of 1 MB, and no larger one`, async () => {
  // Each line has a dot that is sent twice and counts once.
  const mail = (lines: number) => `..${"x".repeat(97)}\r\n`.repeat(lines);
  const lines = await printed(async () => {
    const reply = await session(
      `${envelope}${mail(10_000)}.\r\n${from}${to}DATA\r\n${mail(10_000)}\r\n.\r\n` +
        `${from}${to}DATA\r\n.${mail(10_000)}x\r\n.\r\nNOOP\r\n`,
    );
    assert.is(
      reply,
      "220 250 250 250 354 250 250 250 354 552 250 250 354 552 250 221",
    );
  });
  assert.is(lines.length, 10_001);
  assert.is(lines[0], `${head} 1000000 bytes`);
  assert.is(lines[1], `.${"x".repeat(97)}`);
});

check(`${file} tells of the 101st client that it turns away`, async () => {
  const own = await serve(file);
  for (let i = 0; i < 100; i++) await once(await connect(own.port), "data");
  const connection = await connect(own.port);
  connection.on("error", () => {});
  await own.line(/^a client too many is turned away$/);
});

check(`${file} prints no control character`, async () => {
  const mail =
    "naïve ß\t😀\r\n\x1b[31mred\x07\x7f\u009b\r\na\nb\rc\r\n\r\nend\r\n";
  const lines = await printed(async () => {
    await session(`${envelope}${mail}.\r\n`);
  });
  const bytes = Buffer.byteLength(mail);
  assert.equal(lines, [
    `${head} ${bytes} bytes`,
    "naïve ß\t😀",
    "[31mred",
    "a␊bc",
    "",
    "end",
  ]);
});

check(`${file} prints a mail of bytes that are no text`, async () => {
  const bytes = Buffer.from(Array.from({ length: 256 }, (_, i) => i));
  const mail = Buffer.concat([
    Buffer.from(envelope),
    bytes,
    Buffer.from("\r\n.\r\n"),
  ]);
  const lines = await printed(async () => {
    assert.is(await session(mail), "220 250 250 250 354 250 221");
  });
  assert.is(lines[0], `${head} 258 bytes`);
  assert.not.match(lines.join(""), /(?!\t)\p{Cc}/u);
});

check(`${file} keeps endless lines and mails off its memory`, async () => {
  for (const begin of ["", envelope]) {
    const before = memory(server);
    const connection = await connect(server.port);
    connection.write(begin);
    for (let i = 0; i < 60; i++)
      await new Promise((done) => connection.write("x".repeat(1e6), done));
    const grown = memory(server) - before;
    assert.ok(grown < 60e6, `the server has grown by ${grown} bytes`);
    connection.end(`\r\n.\r\nNOOP\r\nQUIT\r\n`);
    const reply = codes(Buffer.concat(await connection.toArray()));
    assert.match(
      reply,
      begin ? /^220 250 250 250 354 552 250 221$/ : /^220 500 500 250 221$/,
    );
  }
});

check(`${file} keeps replies to a sleeping reader off its memory`, async () => {
  const before = memory(server);
  const connection = await connect(server.port);
  connection.pause();
  const piece = hello.repeat(4_000);
  let written = 0;
  let all = false;
  const writing = async () => {
    while (written < 40e6) {
      await new Promise((done) => connection.write(piece, done));
      written += piece.length;
    }
    connection.end();
    all = true;
  };
  const done = writing();
  // Once nothing moves any more, every buffer on the way is full.
  for (let last = -1; last !== written;) {
    last = written;
    await setTimeout(2_000);
  }
  assert.not.ok(all, `${written} bytes have found room on the way`);
  const grown = memory(server) - before;
  assert.ok(grown < 40e6, `the server has grown by ${grown} bytes`);
  assert.is(await session("NOOP\r\n"), "220 250 221");

  let replies = 0;
  let rest = "";
  for await (const chunk of connection.setEncoding("latin1")) {
    const lines = `${rest}${chunk}`.split("\r\n");
    rest = lines.pop()!;
    for (const line of lines) if (line === "250 8BITMIME") replies++;
  }
  await done;
  assert.is(replies, written / hello.length);
});

check(`${file} outlives resets, and tells them`, async () => {
  for (const text of ["", hello, envelope, `${envelope}Hello\r\n`])
    for (let i = 0; i < 10; i++) {
      const connection = await connect(server.port);
      const greeted = once(connection, "data");
      connection.write(text);
      await greeted;
      connection.resetAndDestroy();
    }
  await server.line(/^a client is gone: read ECONNRESET$/);
  assert.is(await session("NOOP\r\n"), "220 250 221");
});

check(`${file} outlives clients that do not wait for replies`, async () => {
  const begin = server.lines.length;
  for (let i = 0; i < 50; i++) {
    const connection = await connect(server.port);
    const text = "NOOP\r\n".repeat(10_000);
    await new Promise((written) => connection.write(text, written));
    connection.destroy();
  }
  assert.is(await session("NOOP\r\n"), "220 250 221");
  const told = server.lines
    .slice(begin)
    .filter((line) => !/^a client is gone: (read|write) E\w+$/.test(line));
  assert.equal(told, []);
});

check(`${file} says good-bye to who is idle`, async () => {
  const idle = await serve(`${file} --idle 0.3`);
  for (const text of ["", hello, envelope, `${envelope}Hello`]) {
    const connection = await connect(idle.port);
    connection.write(text);
    const said = Buffer.concat(await connection.toArray());
    assert.match(codes(said), /^220( 250 250 250 354| 250)? 421$/);
  }
  // One that keeps its own half open is waited for once more, and no longer.
  const { localPort } = await connect(idle.port);
  assert.ok(localPort);
  const deaf = await connect(idle.port);
  deaf.pause();
  deaf.on("error", () => {});
  const all = `${hello.repeat(400_000)}`;
  deaf.write(all);
  await idle.line(/^a client is gone: it does nothing for 0.3 s$/);
  assert.is(await session("NOOP\r\n", idle.port), "220 250 221");
});

check(
  `${file} lets go of a client that does not end its half`,
  async () => {
    const idle = await serve(`${file} --idle 0.3`);
    const python =
      "import socket,sys;" +
      `s=socket.create_connection(("127.0.0.1",${idle.port}));` +
      's.sendall(b"QUIT\\r\\n");f=s.makefile("rb");print(len(f.readlines()),flush=True);' +
      "sys.stdin.read()";
    const peer = await serve(`python3 -c '${python}'`, /^2$/);
    await idle.line(/^a client is gone: it does nothing for 0.3 s$/);
    await peer.stop("SIGKILL");
  },
  "python3",
);

check(`${file} takes 100 clients at once, and then others`, async () => {
  const own = await serve(file);
  const clients: Socket[] = [];
  for (let i = 0; i < 100; i++) {
    const connection = await connect(own.port);
    await once(connection, "data");
    clients.push(connection);
  }
  const before = memory(own);
  const late = await connect(own.port);
  late.on("error", () => {});
  assert.is(codes(Buffer.concat(await late.toArray().catch(() => []))), "");
  for (const connection of clients) connection.end("QUIT\r\n");
  await Promise.all(clients.map((connection) => connection.toArray()));
  assert.is(await session("NOOP\r\n", own.port), "220 250 221");
  assert.ok(before < 250e6, `100 idle clients take ${before} bytes`);
});

check(`${file} says why it cannot start`, async () => {
  const result = await run(`${node} ${file} --port ${server.port}`);
  assert.is(result.stdout, "");
  assert.match(
    result.stderr,
    /^cannot bind 127.0.0.1:\d+ \(EADDRINUSE\): .+\n$/,
  );
  assert.is(result.exitCode, 1);
});

const valid = [
  "EHLO example.test\r\n",
  "HELO [127.0.0.1]\r\n",
  "MAIL FROM:<ada@example.test> SIZE=100 BODY=8BITMIME\r\n",
  "MAIL FROM:<>\r\n",
  'RCPT TO:<"b o b"@example.test>\r\n',
  "RCPT TO:<@one.test,@two.test:bob@[127.0.0.1]>\r\n",
  "DATA\r\n",
  "Subject: hello\r\n\r\n..\r\nHello, Bob.\r\n.\r\n",
  ".\r\n",
  "RSET\r\n",
  "NOOP\r\n",
  "VRFY bob\r\n",
  "HELP\r\n",
  "EHLO a\r\nMAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nDATA\r\nHello\r\n.\r\n",
].map((text) => Buffer.from(text));

check(`${file} outlives 100,000 spoilt requests`, async () => {
  const any = numbers(1);
  const server = await serve(file);
  const before = memory(server);
  let connections = 0;
  let replies = 0;
  let most = 0;
  let connection: Socket | undefined;
  for (let i = 0; i < 100_000; i++) {
    if (!connection || connection.destroyed || !connection.writable) {
      connection = await connect(server.port);
      connections++;
      connection.on("error", () => {});
      connection.on("data", (chunk) => {
        replies += `${chunk}`.match(/^\d{3} .*\r\n/gm)?.length ?? 0;
      });
    }
    // A mail that is under way would swallow the rest.
    const request =
      i % 50 ? spoiled(valid[any(valid.length)]!, any) : "\r\n.\r\n";
    const { writable } = connection;
    if (writable && !connection.write(request))
      await Promise.race([
        once(connection, "drain"),
        once(connection, "close"),
      ]);
    if (i % 500 === 499) {
      // Some end well, some do not; and all has been read that was sent.
      const closed = once(connection, "close");
      if (any(2)) connection.end("\r\n.\r\nQUIT\r\n");
      else connection.resetAndDestroy();
      await closed;
    }
    if (i % 10_000 === 0) most = Math.max(most, memory(server));
  }
  const grown = Math.max(most, memory(server)) - before;
  console.log(
    `${connections} connections, ${replies} replies, ${server.lines.length} lines printed, grown by ${Math.round(grown / 1e6)} MB`,
  );
  assert.ok(grown < 100e6, `the server has grown by ${grown} bytes`);
  assert.ok(replies > 10_000, `${replies} replies`);
  const odd = server.lines.filter((line) => /(?!\t)\p{Cc}/u.test(line));
  assert.equal(odd, []);

  const last = await connect(server.port);
  last.end(
    "EHLO a\r\nMAIL FROM:<ada@example.test>\r\nRCPT TO:<bob@example.test>\r\nDATA\r\nthe last one\r\n.\r\nQUIT\r\n",
  );
  const said = Buffer.concat(await last.toArray()).toString();
  assert.match(said, /\r\n354 .*\r\n250 .*\r\n221 .*\r\n$/);
  await server.line(RegExp(`^${head} 14 bytes$`));
});

check(`Ctrl-C ends ${file}, and its port is free again`, async () => {
  await server.stop("SIGINT");
  const second = await serve(`${node} ${file} --port ${server.port}`);
  assert.is(await session("NOOP\r\n", second.port), "220 250 221");
});

// The client.

/** A server that answers each command as told, by its verb, and what it heard. */
async function scripted(
  answers: Record<string, string>,
  greeting = "220 test\r\n",
) {
  const heard: string[] = [];
  const mails: Buffer[] = [];
  const port = await listen((connection) => {
    let rest = Buffer.alloc(0);
    let mail = false;
    connection.on("error", () => {});
    connection.on("end", () => connection.end());
    connection.write(greeting);
    connection.on("data", (chunk) => {
      rest = Buffer.concat([rest, chunk]);
      for (;;) {
        const end = mail ? "\r\n.\r\n" : "\r\n";
        // An empty mail's dot follows the line end of DATA.
        if (mail && rest.indexOf(".\r\n") === 0)
          rest = Buffer.concat([Buffer.from("\r\n"), rest]);
        const at = rest.indexOf(end);
        if (at < 0) return;
        const said = rest.subarray(0, at);
        rest = rest.subarray(at + end.length);
        const verb = mail ? "mail" : said.toString().split(/[ :]/)[0]!;
        if (mail) mails.push(said);
        else heard.push(`${said}`);
        const reply =
          answers[verb] ??
          { DATA: "354 go on\r\n", QUIT: "221 bye\r\n" }[verb] ??
          "250 ok\r\n";
        mail = verb === "DATA" && reply.startsWith("3");
        if (reply === "FIN") connection.end();
        else if (reply === "RST") connection.resetAndDestroy();
        else connection.write(reply);
      }
    });
  });
  return { port, heard, mails };
}

check(`${clientFile} says what is to be said, in order`, async () => {
  const { port, heard, mails } = await scripted({
    EHLO: "250-test\r\n250-8BITMIME\r\n250 SIZE\r\n",
    mail: "250-taken,\r\n250 \x1b[31mall of it\x07\r\n",
  });
  const result = await client(
    port,
    "--from a@b --to c@d --to '\"e\"@[::1]'",
    "Hello\n",
  );
  assert.is(result.text(), "250-taken,\n250 [31mall of it\n");
  assert.equal(heard, [
    "EHLO [127.0.0.1]",
    "MAIL FROM:<a@b>",
    "RCPT TO:<c@d>",
    'RCPT TO:<"e"@[::1]>',
    "DATA",
    "QUIT",
  ]);
  assert.equal(mails.map(String), ["Hello"]);
});

check(`${clientFile} says that a mail is 8 bit, if it may`, async () => {
  for (const [reply, mail, said] of [
    ["250-test\r\n250 8BITMIME\r\n", "naïve", " BODY=8BITMIME"],
    ["250-test\r\n250-8bitmime\r\n250 SIZE\r\n", "\xff", " BODY=8BITMIME"],
    ["250-test\r\n250 8BITMIME\r\n", "naive", ""],
  ] as const) {
    const { port, heard, mails } = await scripted({ EHLO: reply });
    const bytes = Buffer.from(mail, mail === "\xff" ? "latin1" : "utf8");
    assert.is((await client(port, "", bytes)).exitCode, 0);
    assert.is(heard[1], `MAIL FROM:<ada@example.test>${said}`);
    assert.ok(mails[0]!.equals(bytes));
  }
  for (const EHLO of ["250-test\r\n250 SIZE\r\n", "250 8BITMIMES\r\n"]) {
    const { port, heard } = await scripted({ EHLO });
    const result = await client(port, "", "naïve");
    assert.match(result.stderr, /^127.0.0.1:\d+ takes plain ASCII only\n$/);
    assert.is(result.exitCode, 1);
    assert.is(heard[1], "QUIT");
  }
});

check(`${clientFile} falls back to HELO`, async () => {
  for (const code of [500, 502, 550]) {
    const { port, heard } = await scripted({
      EHLO: `${code}-what\r\n${code} is that\r\n`,
    });
    assert.is((await client(port)).text(), "250 ok\n");
    assert.equal(heard.slice(0, 3), [
      "EHLO [127.0.0.1]",
      "HELO [127.0.0.1]",
      "MAIL FROM:<ada@example.test>",
    ]);
  }
});

check(`${clientFile} sends CR LF, and doubles dots`, async () => {
  const mails: [string, string][] = [
    ["", ""],
    ["a", "a\r\n"],
    ["a\n", "a\r\n"],
    ["a\r\n", "a\r\n"],
    ["a\r", "a\r\n"],
    ["a\n\n", "a\r\n\r\n"],
    ["a\nb\rc\r\nd\n\re\r\r\n", "a\r\nb\r\nc\r\nd\r\n\r\ne\r\n\r\n"],
    [".", "..\r\n"],
    ["..\n.a\na.\n", "...\r\n..a\r\na.\r\n"],
    ["a\n.\nb\r.\rc\r\n.\r\n", "a\r\n..\r\nb\r\n..\r\nc\r\n..\r\n"],
    ["\n.\n", "\r\n..\r\n"],
    ["a\u0085.\u2028.\n", "a\u0085.\u2028.\r\n"],
  ];
  await Promise.all(
    mails.map(async ([input, sent]) => {
      const { port, mails } = await scripted({ EHLO: "250 8BITMIME\r\n" });
      await client(port, "", input);
      const mail = mails.map((bytes) => `${bytes}\r\n`).join("");
      assert.is(mail, sent || "\r\n", JSON.stringify(input));
    }),
  );
});

for (const [stage, reply] of Object.entries({
  greeting: "554 go away",
  EHLO: "421 later",
  MAIL: "550-no\r\n550 \x1b[31mmail\x07",
  RCPT: "550 unknown",
  DATA: "451 not now",
  mail: "552 too large",
}))
  check(`${clientFile} tells a refusal: ${stage}`, async () => {
    const { port, heard } = await scripted(
      { [stage]: `${reply}\r\n` },
      stage === "greeting" ? `${reply}\r\n` : undefined,
    );
    const result = await client(port, "", "Hello\n");
    assert.is(result.stdout, "");
    assert.is(result.stderr, `${reply.replace(/[\r\x1b\x07]/g, "")}\n`);
    assert.is(result.exitCode, 1);
    assert.is(heard.at(-1), "QUIT");
  });

for (const [what, answer] of Object.entries({ ends: "FIN", resets: "RST" }))
  for (const stage of ["EHLO", "RCPT", "DATA", "mail"])
    check(
      `${clientFile} says that the server ${what} at ${stage}`,
      async () => {
        const { port } = await scripted({ [stage]: answer });
        const result = await client(port, "", "Hello\n");
        assert.is(result.stdout, "");
        assert.match(result.stderr, /^127.0.0.1:\d+ cut the connection .*\n$/);
        assert.is(result.exitCode, 1);
      },
    );

check(
  `${clientFile} has sent a mail that is taken, whatever follows`,
  async () => {
    for (const QUIT of ["FIN", "RST", "500 no\r\n"]) {
      const { port } = await scripted({ QUIT });
      assert.is((await client(port, "", "Hello\n")).text(), "250 ok\n");
    }
  },
);

check(`${clientFile} believes no other protocol`, async () => {
  for (const greeting of [
    "220-one thing\r\n554 and another\r\n",
    "HTTP/1.1 400 Bad Request\r\n\r\n",
    "220x\r\n",
    "22\r\n",
    "+OK\r\n",
    "\x1b[2J\r\n",
  ]) {
    const { port } = await scripted({}, greeting);
    const result = await client(port);
    assert.match(result.stderr, /^127.0.0.1:\d+ does not speak SMTP: .*\n$/);
    assert.is(result.exitCode, 1);
  }
});

for (const endless of ["x".repeat(1000), "220-x\r\n".repeat(200)])
  check(
    `${clientFile} hears no endless reply ${endless.slice(0, 5)}`,
    async () => {
      let sent = 0;
      const port = await listen((connection) => {
        connection.on("error", () => {});
        connection.write("220-");
        const more = () => {
          while (connection.writable && connection.write(endless)) sent++;
        };
        connection.on("drain", more);
        more();
      });
      const result = await client(port);
      assert.match(result.stderr, /^127.0.0.1:\d+ does not speak SMTP: .*\n$/);
      assert.is(result.exitCode, 1);
      assert.ok(sent < 1e5, `it has read ${sent} pieces`);
    },
  );

check(`${clientFile} puts nothing but an address into a command`, async () => {
  const wrong = [
    "a@b\r\nRCPT TO:<c@d>",
    "a@b\nx",
    "a@b\r",
    "a@b> SIZE=1",
    "<a@b>",
    "a b@c",
    "a@b\t",
    "a@b\x7f",
    "ä@b",
    "a",
    "@b",
    "a@",
    `${"a".repeat(65)}@b`,
    `a@${"b".repeat(256)}`,
    "a@b,c@d e",
  ];
  await Promise.all(
    wrong.flatMap((address) =>
      ["--from", "--to c@d --to"].map(async (option) => {
        // The shell's $'…' would not be understood everywhere.
        const result = await client(
          9,
          `${option} "$(printf '${[...Buffer.from(`${address}.`)].map((b) => `\\${b.toString(8).padStart(3, "0")}`).join("")}')"`.replace(
            /\\056'\)"$/,
            `')"`,
          ),
        );
        // A shell takes line ends at the end away.
        if (/[\r\n]$/.test(address) && result.exitCode !== 2) return;
        assert.is(result.stdout, "");
        assert.match(result.stderr, /^[^\n]+ is no address: .+\n$/);
        assert.not.match(result.stderr, /[\r\t]/);
        assert.is(result.exitCode, 2);
      }),
    ),
  );
});

check(`${clientFile} gives up after 10 s of silence`, async () => {
  const silent = await listen((connection) => connection.resume());
  const { port } = await scripted({ mail: "250-well\r\n250-" });
  await Promise.all(
    [silent, port].map(async (port) => {
      const result = await client(port, "", "Hello\n");
      assert.is(result.stdout, "");
      assert.is(
        result.stderr,
        `no reply from 127.0.0.1:${port} within 10 s: try again\n`,
      );
      assert.is(result.exitCode, 1);
    }),
  );
});

check(
  `${clientFile} says that nobody answers, or that a host is unknown`,
  async () => {
    const [host, port] = await nobody(file);
    const result = await client(port, `--host ${host}`, "Hello\n");
    assert.is(
      result.stderr,
      `nothing answers on ${host}:${port}: start tsx ${file} there\n`,
    );
    assert.is(result.exitCode, 1);
    const unknown = await client(1, "--host unknown.invalid", "Hello\n");
    assert.match(
      unknown.stderr,
      /^cannot reach unknown.invalid:1 \((ENOTFOUND|EAI_AGAIN)\): .+\n$/,
    );
    assert.is(unknown.exitCode, 1);
  },
);

// Both, and others: for each a server of its own, for none may live very long.

/** A server, and the port of it or of a relay before it. */
async function fresh(how: string) {
  const own = await serve(file);
  const relay = `tcp/relay.ts --to 127.0.0.1:${own.port} ${how}`;
  return { own, port: how ? (await serve(relay)).port : own.port };
}

const text = "Subject: naïve ß\n\n.dot\n..\n.\n😀 and the end\n";
const shown = text.split("\n").slice(0, -1);

for (const how of ["", "--chunk 1", "--chunk 3"])
  check(`${clientFile} and ${file} ${how}`, async () => {
    const { own, port } = await fresh(how);
    const lines = await printed(async () => {
      const result = await client(
        port,
        "--to bob@example.test --to eve@example.test",
        text,
      );
      assert.is(result.text(), "250 printed\n");
      assert.is(result.exitCode, 0);
    }, own);
    assert.equal(lines, [
      `mail from ada@example.test to bob@example.test, eve@example.test, ${Buffer.byteLength(text) + 6} bytes`,
      ...shown,
    ]);
  });

check(`${clientFile} and ${file} --host ::1`, async () => {
  const own = await serve(`${file} --host ::1`);
  const result = await client(own.port, "--host ::1", text);
  assert.is(result.text(), "250 printed\n");
  await own.line(/^mail from ada@example.test to bob@example.test, \d+ bytes$/);
});

check(`${clientFile} and ${file}: a mail of 900 KB`, async () => {
  const mail = `${".".repeat(88)}\n`.repeat(10_000);
  const { own, port } = await fresh("");
  const lines = await printed(async () => {
    assert.is((await client(port, "", mail)).text(), "250 printed\n");
  }, own);
  assert.is(lines.length, 10_001);
  assert.ok(lines.slice(1).every((line) => line === ".".repeat(88)));
});

// Others.

for (const how of ["", "--chunk 1"]) {
  const what = how ? `its mail comes, with a relay's ${how}` : "its mail comes";

  meet(
    file,
    "`curl`",
    what,
    async () => {
      const { own, port } = await fresh(how);
      const lines = await printed(async () => {
        const options =
          "--mail-from ada@example.test --mail-rcpt bob@example.test --crlf";
        const result = await run(
          `curl -sS --url smtp://127.0.0.1:${port} ${options} -T -`,
          text,
        );
        assert.is(result.stderr, "");
        assert.is(result.exitCode, 0);
      }, own);
      assert.match(lines[0]!, /^mail from ada@\S+ to bob@\S+, \d+ bytes$/);
      assert.equal(lines.slice(1), shown);
    },
    "curl",
  );

  meet(
    file,
    "`swaks`",
    what,
    async () => {
      const { own, port } = await fresh(how);
      const lines = await printed(async () => {
        const options =
          "--from ada@example.test --to bob@example.test,eve@example.test --helo example.test --pipeline";
        const result = await run(
          `swaks --server 127.0.0.1:${port} ${options} --data -`,
          text,
        );
        assert.is(result.exitCode, 0, result.stdout);
      }, own);
      assert.match(lines[0]!, /^mail from ada@\S+ to bob@\S+, eve@\S+, \d+ /);
      assert.equal(lines.slice(1, 1 + shown.length), shown);
    },
    "swaks",
  );

  meet(
    file,
    "`smtplib`",
    what,
    async () => {
      const { own, port } = await fresh(how);
      const lines = await printed(async () => {
        const result = await run(`python3 test/smtp.py ${port}`, text);
        assert.is(
          result.text(),
          "8bitmime pipelining size\n252\n250 250\n{}\n",
        );
      }, own);
      assert.match(lines[0]!, /^mail from ada@\S+ to bob@\S+, eve@\S+, \d+ /);
      assert.equal(lines.slice(1), shown);
    },
    "python3",
  );
}

/**
 * Starts an Exim that puts mail into a file, but sends on what is for
 * relay.test to that port.
 */
async function exim(folder: string, port: number) {
  fs.chmodSync(folder, 0o777); // whoever it delivers as writes there
  const [, own] = await nobody(file);
  const user = process.getuid!() || 65534;
  const group = process.getgid!() || 65534;
  fs.writeFileSync(
    join(folder, "conf"),
    `
primary_hostname = exim.test
spool_directory = ${folder}/spool
log_file_path = ${folder}/%slog
keep_environment =
exim_user = ${process.getuid!()}
exim_group = ${process.getgid!()}
local_interfaces = 127.0.0.81
daemon_smtp_ports = ${own}
pid_file_path = ${folder}/pid
acl_smtp_rcpt = accept
tls_advertise_hosts =
rfc1413_hosts =
host_lookup =
begin acl
begin routers
smarthost:
  driver = manualroute
  domains = relay.test
  transport = smarthost
  route_list = * 127.0.0.1 byname
  self = send
file:
  driver = accept
  transport = file
begin transports
smarthost:
  driver = smtp
  port = ${port}
  hosts_try_fastopen =
  allow_localhost
  user = ${user}
  group = ${group}
file:
  driver = appendfile
  file = ${folder}/mbox
  user = ${user}
  group = ${group}
`,
  );
  fs.writeFileSync(join(folder, "mainlog"), "");
  return serve(
    `tail -n +1 -f ${folder}/mainlog & exec ${eximTool} -C ${folder}/conf -bdf`,
    /listening for SMTP on \[(?<host>.+)\]:(?<port>\d+)$/,
  );
}
const eximTool = "/usr/sbin/exim4";

meet(
  clientFile,
  "`exim4`",
  "it delivers",
  async () => {
    const folder = temporaryFolder();
    const peer = await exim(folder, 9);
    for (const how of ["", "--chunk 1"]) {
      const relay = await serve(
        `tcp/relay.ts --to ${peer.host}:${peer.port} ${how}`,
      );
      const name = `bob${relay.port}@example.test`;
      const result = await client(relay.port, `--to ${name}`, text);
      const [, id] = /^250 OK id=(\S+)\n$/.exec(result.text()) ?? [];
      assert.ok(id, result.text());
      await peer.line(RegExp(`${id} Completed$`));
      const box = fs.readFileSync(join(folder, "mbox"), "utf8");
      assert.match(box, `for ${name}`);
      const mails = box.split("Subject: ");
      assert.is(`Subject: ${mails.at(-1)}`.trimEnd(), text.trimEnd());
    }
  },
  eximTool,
);

for (const how of ["", "--chunk 1"])
  meet(
    file,
    "`exim4`",
    how ? `its mail comes, with a relay's ${how}` : "its mail comes",
    async () => {
      const folder = temporaryFolder();
      const { own, port } = await fresh(how);
      const peer = await exim(folder, port);
      const lines = await printed(async () => {
        const options = `--host ${peer.host} --to bob@relay.test`;
        const result = await client(peer.port, options, text);
        const [, id] = /^250 OK id=(\S+)\n$/.exec(result.text()) ?? [];
        await peer.line(RegExp(`${id} Completed$`));
        const log = peer.lines.join("\n");
        assert.match(log, / => bob@relay.test .*250 printed/);
      }, own);
      assert.match(lines[0]!, /^mail from ada@\S+ to bob@relay.test, \d+ /);
      const at = lines.indexOf(shown[0]!);
      assert.equal(lines.slice(at, at + shown.length), shown);
    },
    eximTool,
  );

checkPeers();

test.run();
