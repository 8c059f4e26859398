import { createHash, randomBytes } from "node:crypto";
import { createSocket } from "node:dgram";
import { EventEmitter, once } from "node:events";
import { createReadStream, readFileSync, writeFileSync } from "node:fs";
import * as net from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { quote } from "zx/core";
import { run, start } from "../scripts/processes.ts";
import {
  check,
  connect,
  listen,
  memory,
  meet,
  node,
  nobody,
  serve,
  temporaryFolder,
  udp,
} from "./harness.ts";

const udpNetcat = `${node} udp/netcat.ts`;
const tcpNetcat = `${node} tcp/netcat.ts`;
const everyByte = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte));

check("tcp/netcat.ts carries files both ways, byte for byte", async () => {
  const folder = temporaryFolder();
  const [up, down, gotUp, gotDown] = ["a", "b", "c", "d"].map((name) =>
    join(folder, name),
  ) as [string, string, string, string];
  writeFileSync(up, randomBytes(100_000_000));
  writeFileSync(down, randomBytes(10_000_000));
  const server = await serve(
    `${tcpNetcat} --listen --port 0 < ${down} > ${gotUp}`,
  );
  const client = await run(
    `${tcpNetcat} --port ${server.port} < ${up} > ${gotDown}`,
  );
  assert.is(client.stderr, "");
  assert.is(client.exitCode, 0);
  assert.is((await server.ended).exitCode, 0);
  assert.equal(server.lines, [
    `The netcat server is ready on 127.0.0.1:${server.port}`,
  ]);
  assert.is(await checksum(gotUp), await checksum(up));
  assert.ok(readFileSync(gotDown).equals(readFileSync(down)));
});

async function checksum(file: string) {
  const hash = createHash("sha256");
  for await (const chunk of createReadStream(file)) hash.update(chunk);
  return hash.digest("hex");
}

check("tcp/netcat.ts half-closes, and still prints the reply", async () => {
  let received = Buffer.alloc(0);
  const port = await listen((connection) => {
    connection.on("data", (chunk: Buffer) => {
      received = Buffer.concat([received, chunk]);
    });
    connection.on("end", () => connection.end(everyByte));
  });
  const { stdout, stderr, exitCode } = await run(
    `${tcpNetcat} --port ${port} | od -An -v -tx1`,
    everyByte,
  );
  assert.ok(received.equals(everyByte));
  assert.is(stdout.replaceAll(/\s/g, ""), everyByte.toString("hex"));
  assert.is(stderr, "");
  assert.is(exitCode, 0);
});

check(
  "tcp/netcat.ts sends a file though the other end ends first",
  async () => {
    let received = 0;
    const events = new EventEmitter();
    const ended = once(events, "end");
    const port = await listen((connection) => {
      connection.end();
      connection.on("data", (chunk) => (received += chunk.length));
      connection.on("end", () => events.emit("end"));
    });
    const { exitCode } = await run(
      `head -c 3000000 /dev/zero | ${tcpNetcat} --port ${port}`,
    );
    assert.is(exitCode, 0);
    await ended;
    assert.is(received, 3_000_000);
  },
);

check(
  "tcp/netcat.ts holds up who sends more than is read, both ways",
  async () => {
    let taken = 0;
    const events = new EventEmitter();
    const connected = once(events, "connection");
    const port = await listen((connection) => {
      events.emit("connection", connection);
      connection.on("error", () => {});
      const piece = Buffer.alloc(100_000);
      const write = () => {
        while (connection.write(piece)) taken += piece.length;
        taken += piece.length;
      };
      connection.on("drain", write);
      write();
    });
    // It reads more than it can pass on, and prints more than is read.
    const program = start(`${tcpNetcat} --port ${port} < /dev/zero | sleep 60`);
    const [connection]: net.Socket[] = await connected;
    let before = -1;
    while (taken !== before && taken < 30e6) {
      before = taken;
      await sleep(500); // nothing tells that nothing happens
    }
    assert.ok(taken < 30e6, `${taken} bytes taken`);
    assert.ok(memory(program) < 250e6, `${memory(program)} bytes of memory`);
    let received = 0;
    for await (const chunk of connection!) {
      received += chunk.length;
      if (received > 20e6) break; // it goes on once there is room
    }
    await program.stop("SIGKILL");
  },
);

check("tcp/netcat.ts tells a reset, and keeps what came before", async () => {
  const port = await listen(async (connection) => {
    connection.on("error", () => {});
    connection.write("before\n");
    await once(connection, "data");
    connection.resetAndDestroy();
  });
  const program = start(`${tcpNetcat} --port ${port}`);
  await program.line(/^before$/);
  program.stdin.write("now\n");
  const { stderr, exitCode } = await program.ended;
  assert.match(stderr, /^the other end: \w+ (ECONNRESET|EPIPE)\n$/);
  assert.is(exitCode, 1);
});

check(
  "tcp/netcat.ts at a terminal ends when the other end does",
  async () => {
    const port = await listen((connection) => {
      connection.once("data", (text) => connection.end(`${text}and out\n`));
    });
    const words = [`${tcpNetcat} --port ${port}`, "", "hello\r"];
    const { stdout, exitCode } = await run(
      `python3 test/terminal.py ${words.map(quote).join(" ")}`,
    );
    assert.is(stdout, "hello\r\nhello\r\nand out\r\n");
    assert.is(exitCode, 0);
  },
  "python3",
);

check("tcp/netcat.ts --listen serves one client only", async () => {
  const server = await serve(`${tcpNetcat} --listen --port 0`);
  const client = await connect(server.port);
  client.write("first\n");
  await server.line(/^first$/);
  const second = net.connect(server.port, "127.0.0.1");
  const outcome = await new Promise((resolve) => {
    second.on("connect", () => resolve("connected"));
    second.on("error", ({ message }) => resolve(message));
  });
  second.destroy();
  assert.match(`${outcome}`, /ECONNREFUSED/);
  server.stdin.end("reply");
  client.end();
  assert.is(`${Buffer.concat(await client.toArray())}`, "reply");
  assert.is((await server.ended).exitCode, 0);
});

check(
  "tcp/netcat.ts sends to a name that has a second address",
  async () => {
    const port = await listen((connection) => connection.pipe(connection));
    const hosts = join(temporaryFolder(), "hosts");
    writeFileSync(hosts, "::1 two.test\n127.0.0.1 two.test\n");
    const { stdout, exitCode } = await run(
      `unshare -m sh -c 'mount --bind ${hosts} /etc/hosts; echo hello | ${tcpNetcat} --host two.test --port ${port}'`,
    );
    assert.is(stdout, "hello\n");
    assert.is(exitCode, 0);
  },
  "root",
  "unshare",
  "mount",
);

check("udp/netcat.ts sends a datagram for each line, as it is", async () => {
  const server = await udp();
  const received: string[] = [];
  const replies = ["one\n", "no line end", "\xff\0\n", ""];
  server.on("message", (message, { port, address }) => {
    received.push(message.toString("latin1"));
    const reply = Buffer.from(replies.shift() ?? "", "latin1");
    server.send(reply, port, address);
  });
  const { port } = server.address();
  const program = start(`${udpNetcat} --port ${port} --wait 1 | od -An -tx1`);
  program.stdin.write("one\n\r\ntw");
  program.stdin.end(Buffer.from("o\xff\0\r\nthree", "latin1"));
  const { stdout, stderr, exitCode } = await program.ended;
  assert.equal(received, ["one\n", "\r\n", "two\xff\0\r\n", "three"]);
  const printed = Buffer.from("one\nno line end\xff\0\n", "latin1");
  assert.is(stdout.replaceAll(/\s/g, ""), printed.toString("hex"));
  assert.is(stderr, "");
  assert.is(exitCode, 0);
});

check("udp/netcat.ts ends after silence, not before", async () => {
  const server = await udp();
  const stranger = await udp();
  server.on("message", async (_, { port, address }) => {
    for (const reply of ["late\n", "later\n"]) {
      stranger.send("forged\n", port, address);
      await sleep(1_400);
      server.send(reply, port, address);
    }
  });
  const begin = performance.now();
  const result = await run(
    `${udpNetcat} --port ${server.address().port}`,
    "hello\n",
  );
  assert.is(result.text(), "late\nlater\n");
  assert.ok(performance.now() - begin > 4_700);
});

check("udp/netcat.ts --listen talks to the first sender only", async () => {
  const netcat = await serve(`${udpNetcat} --listen --port 0 --wait 1`);
  const [client, stranger] = [await udp(netcat.port), await udp(netcat.port)];
  const reply = once(client, "message");
  client.send("first\n");
  await netcat.line(/^first$/);
  netcat.stdin.write("welcome\n");
  assert.is(`${(await reply)[0]}`, "welcome\n");
  stranger.on("error", () => {}); // the system says that it is not heard
  stranger.send("forged\n");
  client.send("second\n");
  await netcat.line(/^second$/);
  netcat.stdin.end("bye");
  assert.is(`${(await once(client, "message"))[0]}`, "bye");
  const { stdout, exitCode } = await netcat.ended;
  assert.is(stdout, "first\nsecond\n");
  assert.is(exitCode, 0);
});

check("udp/netcat.ts tells what cannot be sent, and to whom", async () => {
  const [host, port] = await nobody("udp/netcat.ts");
  const open = await udp();
  const command = `${udpNetcat} --wait 1`;
  const [gone, long, endless] = await Promise.all([
    run(`${command} --host ${host} --port ${port}`, "hello\n"),
    run(`${command} --port ${open.address().port}`, `${"a".repeat(65_507)}\n`),
    run(`${command} --port ${open.address().port} < /dev/zero`),
  ]);
  if (process.platform === "linux") {
    assert.match(gone!.stderr, RegExp(`^nothing answers on ${host}:${port}: `));
    assert.is(gone!.exitCode, 1);
  }
  for (const { stderr, exitCode } of [long!, endless!]) {
    assert.match(stderr, /^too long for one datagram to 127\.0\.0\.1:\d+: /);
    assert.is(exitCode, 1);
  }

  const netcat = await serve(`${udpNetcat} --listen --port 0`);
  const client = createSocket("udp4");
  client.send("hello\n", netcat.port, "127.0.0.1");
  await netcat.line(/^hello$/);
  const { port: from } = client.address();
  const closed = once(client, "close");
  client.close();
  await closed;
  netcat.stdin.write("are you\n");
  netcat.stdin.write("there?\n");
  if (process.platform !== "linux") return;
  const { stderr, exitCode } = await netcat.ended;
  assert.match(stderr, RegExp(`127.0.0.1:${from} is gone: .*ECONNREFUSED\n$`));
  assert.is(exitCode, 1);
});

check("a netcat needs a port, but not to listen", async () => {
  const commands = { "udp/netcat.ts": 12000, "tcp/netcat.ts": 8080 };
  for (const [file, port] of Object.entries(commands)) {
    const { stdout, stderr, exitCode } = await run(`${node} ${file}`);
    assert.is(stdout, "");
    assert.match(
      stderr,
      RegExp(`^give it a --port, such as ${port} for .*\n$`),
    );
    assert.is(exitCode, 2);
    await (await serve(`${node} ${file} --listen`)).stop("SIGTERM");
  }
});

check("tcp/netcat.ts is a client of the HTTP server", async () => {
  const { port } = await serve("tcp/http-server.ts");
  const { stdout } = await run(
    `${tcpNetcat} --port ${port}`,
    "GET / HTTP/1.0\r\n\r\n",
  );
  assert.match(stdout, /^HTTP\/1\.[01] \d{3} .*\r\n/);
});

check("tcp/netcat.ts is a client of the chat", async () => {
  const server = await serve("tcp/chat-server.ts");
  const [ada, bob] = ["ada", "bob"].map((name) => {
    const program = start(`${tcpNetcat} --port ${server.port}`);
    program.stdin.write(`${name}\n`);
    return program;
  });
  await Promise.all([server.line(/\bada\b/), server.line(/\bbob\b/)]);
  bob!.stdin.write("hello\n");
  await ada!.line(/\bbob\b.*\bhello$/);
  for (const program of [ada!, bob!]) {
    program.stdin.end();
    assert.is((await program.ended).exitCode, 0);
  }
});

for (const transport of ["udp", "tcp"]) {
  const file = `${transport}/netcat.ts`;
  const isUdp = transport === "udp";
  const command = `${node} ${file} ${isUdp ? "--wait 1" : ""}`;
  const nc = isUdp ? "nc -u -w 1" : "nc -N";
  const socat = isUdp ? "UDP4" : "TCP4";
  const host = "127.0.0.81"; // of its own, for servers that must be told a port

  meet(
    file,
    "the notes' client",
    "it is answered",
    async () => {
      const { port, stdin } = await serve(`${command} --listen --port 0`);
      stdin.end("reply");
      const notes = `python3 test/notes/echo_${transport}_client.py ${port}`;
      const { stdout } = await run(notes, "hello");
      assert.is(stdout, "Message: from server: reply\n");
    },
    "python3",
  );

  meet(
    file,
    "the notes' server",
    "it answers",
    async () => {
      const notes = `python3 test/notes/echo_${transport}_server.py`;
      const { port } = await serve(notes);
      const { stdout } = await run(`${command} --port ${port}`, "hello\n");
      assert.is(stdout, "hello\n");
    },
    "python3",
  );

  for (const [tool, peer, client, line] of [
    ["nc", `${isUdp ? "nc -u" : "nc -N"} -v -l`, nc, /^(Bound|Listening) on/],
    [
      "socat",
      `socat -t 1 -d -d ${isUdp ? "UDP4" : "TCP4"}-LISTEN`,
      "socat -t 1 -",
      / listening on /,
    ],
  ] as const) {
    meet(
      file,
      `\`${tool}\``,
      "each is a server and a client",
      async () => {
        const listener = await serve(`${command} --listen --port 0`);
        listener.stdin.end("reply\n");
        const { port } = listener;
        const to =
          tool === "nc" ? `127.0.0.1 ${port}` : `${socat}:127.0.0.1:${port}`;
        const { stdout } = await run(`${client} ${to}`, "hello\n");
        assert.is(stdout, "reply\n");
        assert.is((await listener.ended).stdout, "hello\n");

        const [, free] = await nobody(file);
        const at =
          tool === "nc" ? ` ${host} ${free}` : `:${free},bind=${host} -`;
        const server = await serve(`${peer}${at}`, line);
        server.stdin.write("reply\n");
        if (!isUdp) server.stdin.end();
        const result = await run(
          `${command} --host ${host} --port ${free}`,
          "hello\n",
        );
        assert.is(result.text(), "reply\n");
        await server.line(/^hello$/);
      },
      tool,
      "linux",
    );
  }
}

test.run();
