import { on, once } from "node:events";
import * as fs from "node:fs";
import { test } from "uvu";
import * as assert from "uvu/assert";
import * as helper from "../helper.ts";

const { needs, run, serve, start, udp } = helper;
const file = `${helper.temporaryFolder()}/file`;
fs.writeFileSync(file, "a".repeat(20_000));
fs.writeFileSync(`${file}.512`, "b".repeat(512));
const server = await serve(`udp/file-server.ts ${file} ${file}.512`);
const [ACK, DATA, ERROR] = ["\0\x04\0", "\0\x03\0", "\0\x05\0"];
const OACK = "\0\x06windowsize\x008\0";
const get = (...fields: string[]) => `\0\x01${fields.join("\0")}\0`;
const request = get(file, "octet"); // for 40 blocks
const kinds = (first: number, last: number) =>
  Array.from({ length: last - first + 1 }, (_, i) => `3 ${first + i}`);

/** A UDP socket that keeps packets for next(); "3 1" is the kind of block 1. */
async function peer() {
  const socket = await udp();
  const signal = AbortSignal.timeout(90_000);
  const incoming = on(socket, "message", { signal });
  const next = async () => {
    socket.ref();
    const [data, { port }] = (await incoming.next()).value;
    socket.unref();
    return { data: `${data}`, kind: `${data[1]} ${data[3]}`, port };
  };
  const kinds = async (count: number) => {
    const result: string[] = [];
    while (result.length < count) result.push((await next()).kind);
    return result;
  };
  const send = (port: number, ...packets: string[]) =>
    packets.forEach((packet) => socket.send(packet, port, "127.0.0.1"));
  return { port: socket.address().port, next, kinds, send };
}

for (const words of [`${file} --window 8`, `${file}.512`])
  test(`the client prints file${words.slice(file.length)}`, async () => {
    const client = `udp/file-client.ts --port ${server.port} ${words}`;
    const { stdout, status } = await run(client);
    assert.ok(stdout === fs.readFileSync(words.split(" ")[0]!, "utf8"));
    assert.is(status, 0);
  });

for (const [what, packet, reply] of [
  ["a path", get("../../etc/passwd", "octet"), "5 1"],
  ["another mode", get(file, "netascii"), "5 4"],
  ["a request to write", "\0\x02new\0octet\0", "5 2"],
  ["a window", get(file, "OCTET", "WindowSize", "8"), "windowsize\x008\0"],
  ["a large one", get(file, "octet", "windowsize", "99"), "windowsize\x0064\0"],
  ["a window of 0", get(file, "octet", "windowsize", "0"), "3 1"],
] as const)
  test(`${what} gets ${JSON.stringify(reply)}`, async () => {
    const { send, next } = await peer();
    // Only the last of these is a request, so only it gets a reply.
    send(server.port, "", "\0", `${DATA}\x01`, `${ERROR}\x01`, "hello", packet);
    const { data, kind, port } = await next();
    assert.ok(kind === reply || data === `\0\x06${reply}`, data);
    if (port !== server.port) send(port, `${ERROR}\0`); // ends the transfer
  });

test("a transfer has its own port, and takes an acknowledgement once", async () => {
  const client = await peer();
  client.send(server.port, get(file, "octet", "windowsize", "8"));
  const { port } = await client.next();
  const acks = [0, 0, 9, 3, 3, 1].map((n) => ACK + String.fromCharCode(n));
  client.send(port, "", acks[0]!, `${DATA}\x02`, ...acks);
  assert.equal(await client.kinds(8), kinds(1, 8));
  assert.equal(await client.kinds(8), kinds(4, 11));
  const stranger = await peer();
  stranger.send(port, `${ERROR}\x05`); // no reply to this
  stranger.send(server.port, "\0\x02");
  assert.equal(await stranger.kinds(1), ["5 2"]);
  stranger.send(port, `${ACK}\x0b`);
  assert.equal(await stranger.kinds(1), ["5 5"]);
  client.send(port, `${ACK}\x0b`, `${ACK}\x13`, `${ACK}\x1b`, `${ACK}\x23`);
  assert.equal(await client.kinds(29), kinds(12, 40));
  client.send(port, `${ACK}\x28`);
});

test("a window is repeated, but not before the client was heard", async () => {
  const [unheard, client] = [await peer(), await peer()];
  unheard.send(server.port, request);
  const first = await unheard.next();
  client.send(server.port, request);
  const { port } = await client.next();
  client.send(port, `${ACK}\x01`);
  assert.equal(await client.kinds(2), ["3 2", "3 2"]);
  unheard.send(first.port, `${ACK}\x01`);
  assert.equal(await unheard.kinds(1), ["3 2"]); // no second "3 1"
  client.send(port, `${ERROR}\0`);
  unheard.send(first.port, `${ERROR}\0`);
});

test("the client repeats, and keeps to one port and to the order", async () => {
  const [main, own, stranger] = [await peer(), await peer(), await peer()];
  const client = start(`udp/file-client.ts --port ${main.port} --window 8 x`);
  const { data, port } = await main.next();
  assert.is(data, get("x", "octet", "windowsize", "8"));
  assert.is((await main.next()).data, data);
  const full = `${DATA}\x01${"a".repeat(512)}`;
  own.send(port, OACK);
  assert.equal(await own.kinds(1), ["4 0"]);
  stranger.send(port, `${ERROR}\x05`, `${DATA}\x02evil`);
  assert.equal(await stranger.kinds(1), ["5 5"]);
  own.send(port, "", full, OACK, full, `${DATA}\x03end`, `${DATA}\x02b`);
  assert.equal(await own.kinds(3), ["4 1", "4 1", "4 2"]);
  assert.is((await client.ended()).stdout, `${"a".repeat(512)}b`);
});

const unheard = await peer();
unheard.send(server.port, request);
const { port: forgotten } = await unheard.next();

test("a client that is not heard for 5 seconds is forgotten", async () => {
  const client = await udp(forgotten);
  const asking = setInterval(() => client.send("?"), 100); // too short to answer
  const [error] = await once(client.ref(), "error");
  clearInterval(asking);
  assert.is(error.code, "ECONNREFUSED"); // its port is closed
  client.close();
});

test("the client reports what is wrong", async () => {
  const client = `udp/file-client.ts --port ${server.port} LICENSE`;
  const { stderr, status } = await run(client);
  assert.match(`${status} ${stderr}`, /^1 .*LICENSE: no such file/);
});

needs("root", "python3")("a request from port 0 is dropped", async () => {
  helper.sendFromPort0(server.port, Buffer.from(request).toString("hex"));
  const { send, next } = await peer();
  send(server.port, get("x", "octet"));
  assert.is((await next()).kind, "5 1");
});

test("there is room for 100 transfers, and for another when one ends", async () => {
  const client = await peer();
  const ports: number[] = [];
  for (let transfer = 0; transfer < 120; transfer++) {
    client.send(server.port, request);
    ports.push((await client.next()).port);
    if (transfer < 20) client.send(ports.shift()!, `${ERROR}\0`);
  }
  client.send(server.port, request); // no answer
  for (let write = 0; write < 50; write++) {
    client.send(server.port, "\0\x02");
    assert.is((await client.next()).kind, "5 2");
  }
});

test.after(server.stop);
test.run();
