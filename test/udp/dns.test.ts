import { once } from "node:events";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { run, serve, udp } from "../helper.ts";

const server = await serve("udp/dns-server.ts");
const socket = await udp(server.port);

/** A message: the six numbers of its header, then characters of one byte each. */
function message(header: number[], rest: string): Buffer {
  const numbers = header.flatMap((number) => [number >> 8, number & 255]);
  return Buffer.from([...numbers, ...Buffer.from(rest, "latin1")]);
}

/** A question: a name, a type and a class. */
function question(name: string, type = 1, rrClass = 1): string {
  const byte = String.fromCharCode;
  const labels = `${name}.`.split(".").map((text) => byte(text.length) + text);
  return labels.join("") + byte(0, type, 0, rrClass);
}

/** Sends a query; returns the reply. */
async function ask(query: Buffer): Promise<Buffer> {
  socket.ref().send(query);
  const signal = AbortSignal.timeout(90_000);
  const [reply] = await once(socket, "message", { signal });
  socket.unref();
  return reply;
}

// Each outcome is a code, the numbers of answers and of records about the zone, and
// "aa" from the zone's own server. A third value asks for another operation.
const codes = ["NOERROR", "FORMERR", "", "NXDOMAIN", "NOTIMP", "REFUSED"];
const longest = `${"a".repeat(63)}.`.repeat(3) + "b".repeat(48);
const questions: [string, string, number?][] = [
  [question("example.test"), "NOERROR 1 0 aa"],
  [question("eXample.TEST", 15), "NOERROR 2 0 aa"],
  [question("backup.example.test"), "NOERROR 0 1 aa"], // mail.backup exists
  [question("no.example.test"), "NXDOMAIN 0 1 aa"],
  [question("ackup.example.test"), "NXDOMAIN 0 1 aa"],
  [question(`${longest}.example.test`), "NXDOMAIN 0 1 aa"],
  [question("\x1b[31m.example.test"), "NXDOMAIN 0 1 aa"],
  [question("badexample.test"), "REFUSED 0 0"],
  ["\x0ea.example.test\0\0\x01\0\x01", "REFUSED 0 0"], // dots in a label
  [question("example.test", 255), "REFUSED 0 0"], // all types
  [question("example.test", 16, 3), "REFUSED 0 0"], // another class
  [question("example.test", 6), "NOTIMP 0 0", 0x2800], // an update
];
for (const [asked, outcome, operation = 0] of questions)
  test(`${asked.replaceAll(/\W/g, ".")} gets ${outcome}`, async () => {
    const query = message([7, 0x0100 | operation, 1, 0, 0, 0], asked);
    const reply = await ask(query);
    const flags = reply.readUInt16BE(2);
    const counts = `${reply.readUInt16BE(6)} ${reply.readUInt16BE(8)}`;
    const aa = flags & 0x0400 ? " aa" : "";
    assert.is(`${codes[flags & 15]} ${counts}${aa}`, outcome);
    // The identifier, "recursion desired" and the question come back as they were.
    assert.is(reply.readUInt16BE(0), 7);
    assert.is(flags & 0xf900, 0x8100 | operation);
    assert.is(reply.readUInt16BE(4), 1);
    assert.is(reply.toString("latin1", 12, 12 + asked.length), asked);
  });

const tooLong = `${longest}.${"b".repeat(13)}`;
const broken: [string, Buffer][] = [
  ["no question", message([7, 0, 0, 0, 0, 0], question("a.test"))],
  ["two", message([7, 0, 2, 0, 0, 0], question("a.test").repeat(2))],
  ["half a class", message([7, 0, 1, 0, 0, 0], "\0\0\x01\0")],
  ["a pointer", message([7, 0, 1, 0, 0, 0], `\xc0\x0c${"\0".repeat(250)}`)],
  ["a name of 256 bytes", message([7, 0, 1, 0, 0, 0], question(tooLong))],
];
for (const [what, query] of broken)
  test(`a query with ${what} gets FORMERR`, async () => {
    const reply = await ask(query);
    assert.is(reply.toString("hex"), "000780010000000000000000");
  });

test("a reply, and less than a header, get no reply", async () => {
  const query = message([9, 0, 1, 0, 0, 0], question("example.test"));
  socket.send(message([8, 0x8000, 1, 0, 0, 0], question("example.test")));
  for (let length = 0; length < 12; length++)
    socket.send(query.subarray(0, length));
  assert.is((await ask(query)).readUInt16BE(0), 9); // the first that came
});

test("the server prints who asks, without control characters", async () => {
  await server.line(/^127.0.0.1 asks for example.test. \(type 15\): NOERROR$/m);
  await server.line(
    /^127.0.0.1 asks for \?\?31m.example.test. \(type 1\): NX/m,
  );
  assert.not.match(server.printed.stdout, /[^\n -~]/);
});

const at = `127.0.0.1:${server.port}`;
for (const [words, stderr, status] of [
  ["no.example.test.", `${at}: NXDOMAIN for no.example.test.\n`, 1],
  ["mail.example.test mx", `${at} has no mx record of mail.example.test\n`, 0],
])
  test(`the client asks for ${words}`, async () => {
    const client = `udp/dns-client.ts --port ${server.port}`;
    const result = await run(`${client} ${words}`);
    assert.equal(result, { stdout: "", stderr, status });
  });

/** A reply with records for the name in the question: their types and data. */
function reply(query: Buffer, records: [number, string, string?][]) {
  let rest = query.toString("latin1", 12);
  for (const [type, data] of records) {
    const numbers = [type >> 8, type & 255, 0, 1, 0, 0, 0, 9, 0, data.length];
    rest += `\xc0\x0c${String.fromCharCode(...numbers)}${data}`;
  }
  const id = query.readUInt16BE(0);
  return message([id, 0x8180, 1, records.length, 0, 0], rest);
}

test("the client prints records, without control characters", async () => {
  const fake = await udp();
  const records: [number, string, string][] = [
    [1, "\xc0\0\x02\x07", "A 192.0.2.7"],
    [28, `\x20\x01\x0d\xb8${"\0".repeat(11)}\x01`, "AAAA 2001:db8::1"],
    [2, "\x02ns\xc0\x0c", "NS ns.a.test."],
    [5, "\x03a.\\\x04\x1b[1m\0", "CNAME a\\.\\\\.[1m."],
    [15, "\0\0\0", "MX 0 ."],
    [15, "\x01\0\x04mail\xc0\x0e", "MX 256 mail.test."],
    [16, '\x05a "b"\0\x01\\', 'TXT "a \\"b\\"" "" "\\\\"'],
    [16, "\x08a\xc2\x9b1m\xe2\x80\xae", 'TXT "a1m"'],
    [257, "\0\x05issue", "TYPE257 (not printed here)"],
  ];
  fake.on("message", (query, { port }) => {
    fake.send(reply(query, records), port);
  });
  const { port } = fake.address();
  const { stdout } = await run(`udp/dns-client.ts --port ${port} a.test`);
  const lines = records.map(([, , line]) => `a.test. 9 IN ${line}\n`);
  assert.is(stdout, lines.join(""));
});

test("the client asks three times, and takes only the right reply", async () => {
  const fake = await udp();
  const stranger = await udp();
  const queries = new Set<string>();
  let asked = 0;
  // Bits of the identifier, the flags, the name, its case, the type and the class.
  const changes = { 1: 1, 2: 0x80, 13: 1, 15: 0x20, 21: 1, 23: 1 };
  fake.on("message", (query, { port }) => {
    queries.add(query.toString("hex"));
    asked += 1;
    if (asked < 3) return; // lost
    const forged = reply(query, [[1, "\x01\x01\x01\x01"]]);
    stranger.send(forged, port, "127.0.0.1", () => {
      for (const [at, bit] of Object.entries(changes)) {
        const other = Buffer.from(forged);
        other.writeUInt8(other.readUInt8(Number(at)) ^ bit, Number(at));
        fake.send(other, port);
      }
      for (const length of [0, 1, 2, 3, 11, 12, 23])
        fake.send(forged.subarray(0, length), port);
      fake.send(reply(query, [[1, "\xc0\0\x02\x63"]]), port);
    });
  });
  stranger.on("message", (query) => queries.add(query.toString("hex")));
  const [answered, unanswered] = await Promise.all([
    run(`udp/dns-client.ts --port ${fake.address().port} a.test`),
    run(`udp/dns-client.ts --port ${stranger.address().port} a.test`),
  ]);
  assert.is(answered.stdout, "a.test. 9 IN A 192.0.2.99\n");
  assert.is(queries.size, 2); // each run has an identifier, for all its tries
  assert.match(unanswered.stderr, /^\S+: no reply in time: try again\n$/);
  assert.is(unanswered.status, 1);
});

test.after(server.stop);
test.run();
