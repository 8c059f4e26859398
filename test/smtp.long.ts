/**
 * The SMTP programs with real clients and servers, under load, with broken
 * input, and where time or memory is limited.
 */
import { once } from "node:events";
import * as fs from "node:fs";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { run, start } from "../scripts/processes.ts";
import { numbers, spoiled } from "./fuzz.ts";
import {
  check,
  checkPeers,
  connect,
  listen,
  meet,
  memory,
  node,
  nobody,
  serve,
  temporaryFolder,
} from "./harness.ts";
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

const server = await serve(serverFile);

check(`${serverFile} takes a mail of 10 MB, and no larger one`, async () => {
  // Each line has a dot that is sent twice and counts once.
  const mail = `..${"x".repeat(97)}\r\n`.repeat(100_000);
  const again = `${from}${to}DATA\r\n`;
  const lines = await printed(server, async () => {
    const said = `${envelope}${mail}.\r\n${again}${mail}\r\n.\r\n${again}x${mail}.\r\nNOOP\r\n`;
    assert.is(
      await session(server.port, said),
      "220 250 250 250 354 250 250 250 354 552 250 250 354 552 250 221",
    );
  });
  assert.is(lines.length, 100_001);
  assert.is(lines[0], `${head} 10000000 bytes`);
  assert.is(lines[1], `.${"x".repeat(97)}`);
});

check(`${serverFile} takes a line of 10 MB`, async () => {
  const lines = await printed(server, async () => {
    const said = `${envelope}.${".".repeat(1e7 - 2)}\r\n.\r\n`;
    assert.is(await session(server.port, said), "220 250 250 250 354 250 221");
  });
  assert.is(lines[1]!.length, 1e7 - 2);
});

check(`${serverFile} takes 20 clients with 10 MB at once`, async () => {
  const own = await serve(serverFile);
  const said = `${envelope}${`${"x".repeat(98)}\r\n`.repeat(99_990)}.\r\n`;
  const clients = [];
  for (let i = 0; i < 20; i++) {
    const connection = await connect(own.port);
    await once(connection, "data");
    clients.push(connection);
  }
  const late = await connect(own.port);
  late.on("error", () => {});
  await own.line(/^a client too many is turned away$/);
  const before = memory(own);
  const replies = clients.map(async (connection) => {
    connection.end(said);
    return codes(Buffer.concat(await connection.toArray()));
  });
  for (const reply of await Promise.all(replies))
    assert.is(reply, "250 250 250 354 250");
  const grown = memory(own) - before;
  assert.ok(grown < 700e6, `the server has grown by ${grown} bytes`);
  assert.is(await session(own.port, "NOOP\r\n"), "220 250 221");
});

check(
  `${serverFile} says "printed" when a mail is printed`,
  async () => {
    // Nobody reads its standard output until something is written to this file.
    const gate = join(temporaryFolder(), "gate");
    const own = start(
      `${node} ${serverFile} --port 0 | (head -1; until [ -e ${gate} ]; do sleep 0.1; done; grep -c Subject)`,
      { limit: 300_000 },
    );
    const { groups } = await own.line(/:(?<port>\d+)$/);
    const port = Number(groups!.port);
    const mail = `Subject: x\r\n${"x\r\n".repeat(1e6)}.\r\n`;
    const clients = [];
    for (let i = 0; i < 20; i++) {
      const connection = await connect(port);
      connection.write(envelope + mail);
      clients.push(connection);
    }
    let said = "";
    for (const connection of clients)
      connection.on("data", (chunk) => {
        said += chunk;
      });
    // Some may send their mail, and none is told that it is printed.
    while (!said.includes("354 ")) await setTimeout(50);
    await setTimeout(5_000);
    assert.not.match(said, /250 printed/);
    const size = memory(own);
    assert.ok(size < 700e6, `the server has ${size} bytes`);
    fs.writeFileSync(gate, "");
    while (said.split("250 printed").length < 21) await setTimeout(50);
    await own.stop();
  },
  "grep",
);

check(`${serverFile} takes no more than it can print`, async () => {
  // Nobody reads its standard output, and its clients do not wait.
  const own = start(`${node} ${serverFile} --port 0 | (head -1; sleep 600)`, {
    limit: 300_000,
  });
  const { groups } = await own.line(/:(?<port>\d+)$/);
  const mail = `${`${"ß".repeat(49)}\r\n`.repeat(99_990)}.\r\n`;
  for (let round = 0; round < 6; round++) {
    const clients = [];
    for (let i = 0; i < 20; i++) {
      const connection = await connect(Number(groups!.port));
      connection.on("error", () => {}); // one too many, as it may be
      connection.resume().write(envelope + mail);
      clients.push(connection);
    }
    await setTimeout(3_000);
    const size = memory(own);
    assert.ok(size < 700e6, `the server has ${size} bytes`);
    for (const connection of clients) connection.resetAndDestroy();
    await setTimeout(500);
  }
  await own.stop("SIGKILL");
});

check(
  `${serverFile} keeps endless lines and mails off its memory`,
  async () => {
    for (const [begin, replies] of [
      ["", "220 421"],
      [envelope, "220 250 250 250 354 552 250 221"],
    ] as const) {
      const before = memory(server);
      const connection = await connect(server.port);
      connection.on("error", () => {});
      const received = connection.toArray();
      connection.write(begin);
      for (let i = 0; i < 60 && connection.writable; i++)
        await new Promise((done) => connection.write("x".repeat(1e6), done));
      const grown = memory(server) - before;
      assert.ok(grown < 60e6, `the server has grown by ${grown} bytes`);
      connection.end(`\r\n.\r\nNOOP\r\nQUIT\r\n`);
      assert.is(codes(Buffer.concat(await received)), replies);
    }
  },
);

check(
  `${serverFile} keeps replies to a sleeping reader off its memory`,
  async () => {
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
    assert.is(await session(server.port, "NOOP\r\n"), "220 250 221");

    let replies = 0;
    let rest = "";
    for await (const chunk of connection.setEncoding("latin1")) {
      const lines = `${rest}${chunk}`.split("\r\n");
      rest = lines.pop()!;
      for (const line of lines) if (line === "250 AUTH PLAIN LOGIN") replies++;
    }
    await done;
    assert.is(replies, written / hello.length);
  },
);

check(
  `${serverFile} outlives clients that do not wait for replies`,
  async () => {
    const begin = server.lines.length;
    for (let i = 0; i < 50; i++) {
      const connection = await connect(server.port);
      const text = "NOOP\r\n".repeat(10_000);
      await new Promise((written) => connection.write(text, written));
      if (i % 2) connection.destroy();
      else connection.resetAndDestroy();
    }
    assert.is(await session(server.port, "NOOP\r\n"), "220 250 221");
    const told = server.lines
      .slice(begin)
      .filter((line) => !/^a client: (read|write) E\w+$/.test(line));
    assert.equal(told, []);
  },
);

check(`${serverFile} says good-bye to who is idle`, async () => {
  const idle = await impatient();
  for (const text of ["", hello, envelope, `${envelope}Hello`]) {
    const connection = await connect(idle.port);
    connection.write(text);
    const said = Buffer.concat(await connection.toArray());
    assert.match(codes(said), /^220( 250 250 250 354| 250)? 421$/);
  }
  // One that reads nothing is closed as well.
  const deaf = await connect(idle.port);
  const closed = new Promise((resolve) => deaf.on("close", resolve));
  deaf.on("error", () => {});
  deaf.pause().write(hello.repeat(400_000));
  await setTimeout(3_000);
  deaf.resume();
  await closed;
  assert.is(await session(idle.port, "NOOP\r\n"), "220 250 221");
});

// A stage, and what is said behind EHLO up to there and on.
for (const [stage, said, replies] of [
  ["MAIL:450", `${from}${to}`, "450 503 221"],
  ["MAIL:421", `${from}${to}`, "421"],
  ["RCPT:550", `${from}${to}DATA\r\n`, "250 550 503 221"],
  ["DATA:451", `${from}${to}DATA\r\nNOOP\r\n`, "250 250 451 250 221"],
  ["END:452", `${from}${to}DATA\r\n.\r\n${from}`, "250 250 354 452 250 221"],
] as const)
  check(`${serverFile} --refuse ${stage}`, async () => {
    const own = await serve(`${serverFile} --refuse ${stage}`);
    assert.is(await session(own.port, hello + said), `220 250 ${replies}`);
  });

check(`${serverFile} refuses a wrong --refuse`, async () => {
  for (const text of ["RCPT", "RCPT:250", "RCPT:560", "rcpt:450", "450", ":"]) {
    const result = await run(`${node} ${serverFile} --refuse ${text}`);
    assert.match(result.stderr, /^--refuse takes .+\n$/);
    assert.is(result.exitCode, 2);
  }
});

const valid = [
  "EHLO example.test\r\n",
  "HELO [127.0.0.1]\r\n",
  "AUTH PLAIN AGFkYQBzZWNyZXQ=\r\n",
  "AUTH LOGIN\r\nYWRh\r\nc2VjcmV0\r\n",
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

check(`${serverFile} outlives 20,000 spoilt sessions`, async () => {
  const any = numbers(1);
  const own = await serve(serverFile);
  const before = memory(own);
  let replies = 0;
  let most = 0;
  for (let i = 0; i < 20_000; i++) {
    const connection = await connect(own.port);
    connection.on("error", () => {});
    connection.on("data", (chunk) => {
      replies += `${chunk}`.match(/^\d{3} .*\r\n/gm)?.length ?? 0;
    });
    const closed = once(connection, "close");
    for (let j = 0; j < 8; j++)
      connection.write(spoiled(valid[any(valid.length)]!, any));
    // Some end well, some do not.
    if (any(4)) connection.end("\r\n.\r\nQUIT\r\n");
    else connection.resetAndDestroy();
    await closed;
    if (i % 2_000 === 0) most = Math.max(most, memory(own));
  }
  const grown = Math.max(most, memory(own)) - before;
  assert.ok(grown < 150e6, `the server has grown by ${grown} bytes`);
  assert.ok(replies > 10_000, `${replies} replies`);
  const odd = own.lines.filter((line) => /(?!\t)\p{Cc}/u.test(line));
  assert.equal(odd, []);
  const last = await session(own.port, `${envelope}the last one\r\n.\r\n`);
  assert.is(last, "220 250 250 250 354 250 221");
  await own.line(RegExp(`^${head} 14 bytes$`));
});

// The client.

check(`${clientFile} says that a mail is 8 bit, if it may`, async () => {
  const { port, commands } = await scripted({ EHLO: "250 8BITMIME\r\n" });
  await client(port, "", "naive\n");
  assert.is(commands[1], "MAIL FROM:<ada@example.test>");
  for (const EHLO of ["250-test\r\n250 SIZE\r\n", "250 8BITMIMES\r\n"]) {
    const { port, commands } = await scripted({ EHLO });
    const result = await client(port, "", "naïve");
    assert.match(result.stderr, /^127.0.0.1:\d+ takes plain ASCII only\n$/);
    assert.is(result.exitCode, 1);
    assert.is(commands[1], "QUIT");
  }
});

check(`${clientFile} falls back to HELO`, async () => {
  const { port, commands } = await scripted({
    EHLO: "502-what\r\n502 is that\r\n",
  });
  assert.is((await client(port)).text(), "250 ok\n");
  assert.is(commands[1], "HELO [127.0.0.1]");
});

check(`${clientFile} sends CR LF, and doubles dots`, async () => {
  const mails: [string, string][] = [
    ["", ""],
    ["\n", "\r\n"],
    ["a", "a\r\n"],
    ["a\r", "a\r\n"],
    ["a\n\n", "a\r\n\r\n"],
    ["a\nb\rc\r\nd\n\re\r\r\n", "a\r\nb\r\nc\r\nd\r\n\r\ne\r\n\r\n"],
    [".", "..\r\n"],
    ["a\n.\nb\r.\rc\r\n.\r\n", "a\r\n..\r\nb\r\n..\r\nc\r\n..\r\n"],
    ["a\u0085.\u2028.\n", "a\u0085.\u2028.\r\n"],
  ];
  for (const [input, sent] of mails) {
    const { port, mails } = await scripted({ EHLO: "250 8BITMIME\r\n" });
    await client(port, "", input);
    assert.equal(mails.map(String), [sent], JSON.stringify(input));
  }
});

for (const [stage, reply, what] of [
  ["greeting", "554 go away", "the connection"],
  ["EHLO", "421 later", "EHLO [127.0.0.1]"],
  ["MAIL", "550 no", "MAIL FROM:<ada@example.test>"],
  ["DATA", "451 not now", "DATA"],
  ["mail", "552 too large", "the mail"],
] as const)
  check(`${clientFile} tells a refusal: ${stage}`, async () => {
    const { port, commands } = await scripted({ [stage]: `${reply}\r\n` });
    const result = await client(port);
    assert.is(result.stderr, `127.0.0.1:${port} refuses ${what}: ${reply}\n`);
    assert.is(result.exitCode, 1);
    assert.is(commands.at(-1), "QUIT");
  });

for (const answer of ["FIN", "RST"])
  for (const stage of ["EHLO", "RCPT", "DATA", "mail"])
    check(`${clientFile} hears ${answer} at ${stage}`, async () => {
      const { port } = await scripted({ [stage]: answer });
      const { stdout, stderr, exitCode } = await client(port);
      const advice = stage === "mail" ? "it may have the mail" : "try again";
      const told = `cut the connection before the reply was complete: ${advice}`;
      assert.is(stdout, "");
      assert.ok(stderr.startsWith(`127.0.0.1:${port} ${told}`), stderr);
      assert.is(stderr.split("\n").length, 2);
      assert.is(exitCode, 1);
    });

check(
  `${clientFile} has sent a mail that is taken, whatever follows`,
  async () => {
    for (const QUIT of ["FIN", "RST", "500 no\r\n", "rubbish\r\n", ""]) {
      const { port } = await scripted({ QUIT });
      const result = await client(port, "", "Hello\n", faster);
      assert.is(result.text(), "250 ok\n");
      assert.is(result.exitCode, 0);
    }
  },
);

check(`${clientFile} waits 5 minutes for other replies`, async () => {
  for (const stage of ["greeting", "EHLO", "MAIL", "DATA"]) {
    const { port } = await scripted({ [stage]: "" });
    const result = await client(port, "", "Hello\n", faster);
    assert.match(result.stderr, /^waiting for .+$/m);
    assert.match(
      result.stderr,
      /has not answered .+ for 5 minutes: try again\n$/,
    );
    assert.is(result.exitCode, 1);
  }
});

check(`${clientFile} believes no other protocol`, async () => {
  for (const greeting of [
    "220-one thing\r\n554 and another\r\n",
    "HTTP/1.1 400 Bad Request\r\n\r\n",
    "220x\r\n",
    "22\r\n",
    "+OK\r\n",
    "\x1b[2J\r\n",
    "x".repeat(5_000),
  ]) {
    const { port } = await scripted({ greeting });
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
    "a@b\\r\\nRSET",
    "a@b\\r",
    "a@b> SIZE=1",
    "<a@b>",
    "a b@c",
    "a@b\\t",
    "a@b\\x7f",
    "ä@b",
    "a",
    "@b",
    "a@",
    `${"a".repeat(65)}@b`,
    `a@${"b".repeat(256)}`,
  ];
  for (const [i, address] of wrong.entries()) {
    const option = i % 2 ? "--from" : "--to c@d --to";
    const result = await client(9, `${option} $'${address}'`);
    assert.is(result.stdout, "");
    assert.match(result.stderr, /^"[^\n\r\t]+" is no address like .+\n$/);
    assert.is(result.exitCode, 2);
  }
});

check(`${clientFile} says that nobody answers`, async () => {
  const [host, port] = await nobody(serverFile);
  const result = await client(port, `--host ${host}`);
  assert.match(result.stderr, /^nothing answers on 127.0.0.77:\d+: .+\n$/);
  assert.is(result.exitCode, 1);
});

// Both, and others: for each a server of its own, for none may live very long.

/** A server, and the port of it or of a relay before it. */
async function fresh(how: string) {
  const own = await serve(serverFile);
  const relay = `tcp/relay.ts --to 127.0.0.1:${own.port} ${how}`;
  return { own, port: how ? (await serve(relay)).port : own.port };
}

const text = "Subject: naïve ß\n\n.dot\n..\n.\n😀 and the end\n";
const shown = text.split("\n").slice(0, -1);

for (const how of ["", "--chunk 1", "--chunk 3"])
  check(`${clientFile} and ${serverFile} ${how}`, async () => {
    const { own, port } = await fresh(how);
    const lines = await printed(own, async () => {
      const options = "--to bob@example.test --to eve@example.test";
      const result = await client(port, options, text);
      assert.is(result.text(), "250 printed\n");
      assert.is(result.exitCode, 0);
    });
    assert.equal(lines, [
      `mail from ada@example.test to bob@example.test, eve@example.test, ${Buffer.byteLength(text) + 6} bytes`,
      ...shown,
    ]);
  });

check(`${clientFile} and ${serverFile} --host ::1`, async () => {
  const own = await serve(`${serverFile} --host ::1`);
  const result = await client(own.port, "--host ::1", text);
  assert.is(result.text(), "250 printed\n");
  await own.line(/^mail from ada@example.test to bob@example.test, \d+ bytes$/);
});

// Others.

for (const how of ["", "--chunk 1"]) {
  const what = how ? `its mail comes, with a relay's ${how}` : "its mail comes";

  meet(
    serverFile,
    "`curl`",
    what,
    async () => {
      const { own, port } = await fresh(how);
      const lines = await printed(own, async () => {
        const options =
          "--mail-from ada@example.test --mail-rcpt bob@example.test --crlf";
        const result = await run(
          `curl -sS --url smtp://127.0.0.1:${port} ${options} -T -`,
          text,
        );
        assert.is(result.stderr, "");
        assert.is(result.exitCode, 0);
      });
      assert.match(lines[0]!, /^mail from ada@\S+ to bob@\S+, \d+ bytes$/);
      assert.equal(lines.slice(1), shown);
    },
    "curl",
  );

  meet(
    serverFile,
    "`swaks`",
    what,
    async () => {
      const { own, port } = await fresh(how);
      const lines = await printed(own, async () => {
        const options =
          "--from ada@example.test --to bob@example.test,eve@example.test --helo example.test --pipeline -a LOGIN -au ada -ap secret";
        const result = await run(
          `swaks --server 127.0.0.1:${port} ${options} --data -`,
          text,
        );
        assert.is(result.exitCode, 0, result.stdout);
      });
      assert.is(lines.shift(), "a client has logged in");
      assert.match(lines[0]!, /^mail from ada@\S+ to bob@\S+, eve@\S+, \d+ /);
      assert.equal(lines.slice(1, 1 + shown.length), shown);
    },
    "swaks",
  );

  meet(
    serverFile,
    "`smtplib`",
    what,
    async () => {
      const { own, port } = await fresh(how);
      const lines = await printed(own, async () => {
        const result = await run(`python3 test/smtp.py ${port}`, text);
        assert.is(
          result.text(),
          "8bitmime auth pipelining size smtputf8\n235\n252\n250 250\n{}\n",
        );
      });
      assert.is(lines.shift(), "a client has logged in");
      assert.match(lines[0]!, /^mail from ada@\S+ to bob@\S+, eve@\S+, \d+ /);
      assert.equal(lines.slice(1), shown);
    },
    "python3",
  );
}

meet(
  serverFile,
  "`msmtp`",
  "its mail comes, from a name without a domain",
  async () => {
    const lines = await printed(server, async () => {
      const options = "--auth=plain --user=ada --passwordeval='echo secret'";
      const result = await run(
        `msmtp --host=127.0.0.1 --port=${server.port} --tls=off ${options} ` +
          "--domain=under_score --from=root -- bob@under_score",
        text,
      );
      assert.is(result.stderr, "");
      assert.is(result.exitCode, 0);
    });
    assert.is(lines.shift(), "a client has logged in");
    assert.match(lines[0]!, /^mail from root to bob@under_score, \d+ bytes$/);
    assert.equal(lines.slice(-shown.length + 1), shown.slice(1));
  },
  "msmtp",
);

const nodemailer = `
  const { createTransport } = require("nodemailer");
  const transport = createTransport({
    host: "127.0.0.1",
    port: Number(process.argv[1]),
    auth: { user: "ada", pass: "secret" },
    pool: true,
  });
  const mail = {
    from: "jürgen@example.test",
    to: "bob@exämple.test, jürgen@example.test",
    subject: "hello",
    text: ".dot\\n..\\nnaïve\\n",
    attachments: [{ content: Buffer.alloc(5e6, 1) }],
    dsn: { return: "headers", notify: "never" },
  };
  const told = ({ message, responseCode }) => responseCode ?? message;
  Promise.all([1, 2, 3].map(() => transport.sendMail(mail).then(
    ({ response }) => response,
    told,
  ))).then((all) => {
    console.log(...all);
    transport.close();
  });
`;
meet(
  serverFile,
  "`nodemailer`",
  "its mails come, and it hears a refusal",
  async () => {
    const folder = temporaryFolder();
    fs.writeFileSync(join(folder, "package.json"), "{}");
    const install = await run(
      `cd ${folder} && npm install --no-audit --no-fund nodemailer`,
      "",
      300_000,
    );
    assert.is(install.exitCode, 0, install.stderr);
    fs.writeFileSync(
      join(folder, "send.js"),
      nodemailer.replace("argv[1]", "argv[2]"),
    );
    const lines = await printed(server, async () => {
      const result = await run(`node ${folder}/send.js ${server.port}`);
      assert.is(result.text(), "250 printed 250 printed 250 printed\n");
    });
    const heads = lines.filter((line) => line.startsWith("mail from "));
    assert.is(heads.length, 3);
    assert.match(heads[0]!, /^mail from jürgen@example.test to /);
    const strict = await serve(`${serverFile} --refuse RCPT:450`);
    const result = await run(`node ${folder}/send.js ${strict.port}`);
    assert.is(result.text(), "450 450 450\n");
  },
  "npm",
);

/**
 * Starts an Exim that puts mail into a file, but sends on what is for
 * relay.test to that port.
 */
async function exim(folder: string, port: number) {
  fs.chmodSync(folder, 0o777); // whoever it delivers as writes there
  const [, own] = await nobody(serverFile);
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
    serverFile,
    "`exim4`",
    how ? `its mail comes, with a relay's ${how}` : "its mail comes",
    async () => {
      const folder = temporaryFolder();
      const { own, port } = await fresh(how);
      const peer = await exim(folder, port);
      const lines = await printed(own, async () => {
        const options = `--host ${peer.host} --to bob@relay.test`;
        const result = await client(peer.port, options, text);
        const [, id] = /^250 OK id=(\S+)\n$/.exec(result.text()) ?? [];
        await peer.line(RegExp(`${id} Completed$`));
        const log = peer.lines.join("\n");
        assert.match(log, / => bob@relay.test .*250 printed/);
      });
      assert.match(lines[0]!, /^mail from ada@\S+ to bob@relay.test, \d+ /);
      const at = lines.indexOf(shown[0]!);
      assert.equal(lines.slice(at, at + shown.length), shown);
    },
    eximTool,
  );

checkPeers();

test.run();
