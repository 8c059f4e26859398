/**
 * File client over TCP: sends files to the server, which stores them.
 *
 * Each name and each file is sent after its length, so one connection carries many
 * files, with any bytes in them, and neither side searches for an end. A length is
 * a promise: if a file grows or shrinks meanwhile, the client ends, or the server
 * would take the data for the next name. The client reads a file piece by piece,
 * no faster than the server takes it. The answers are lines: "send" or the reason
 * why not, and at the end the size and the SHA-256 of what the server has stored.
 * Only comparing them with what was sent shows that the file arrived whole.
 *
 *     $ tsx tcp/file-server.ts --folder "$(mktemp -d)"
 *     The file server is ready on 127.0.0.1:12005
 *     ...
 *     $ tsx tcp/file-client.ts LICENSE
 *     LICENSE: 906 bytes
 *     $ tsx tcp/file-client.ts LICENSE
 *     LICENSE: refused: it exists
 */
import { createHash } from "node:crypto";
import { once } from "node:events";
import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import { connect } from "node:net";
import { basename } from "node:path";
import { createInterface } from "node:readline";
import { config } from "../shared/config.ts";

const { host, port, words } = config("file", { words: [] as string[] });
if (words.length === 0) {
  console.error("name one file or more: see --help");
  process.exit(2);
}

const server = connect({ host, port });
const late = new Error("no answer in 20 seconds: try again");
server.setTimeout(20_000, () => server.destroy(late));
const answers = createInterface({ input: server })[Symbol.asyncIterator]();

async function answer(): Promise<string> {
  const { value: line, done } = await answers.next();
  if (done) throw new Error("the server closed the connection: try again");
  return line;
}

for (const path of words) {
  const { size } = await stat(path);
  const name = Buffer.from(basename(path));
  const head = Buffer.alloc(4 + name.length + 8);
  head.writeUInt32BE(name.length);
  head.set(name, 4);
  head.writeBigUInt64BE(BigInt(size), 4 + name.length);
  server.write(head);
  const verdict = await answer();
  if (verdict !== "send") {
    console.error(`${path}: ${verdict}`);
    process.exitCode = 1;
    continue;
  }
  const hash = createHash("sha256");
  let sent = 0;
  for await (const piece of createReadStream(path)) {
    sent += piece.length;
    if (sent > size) break;
    hash.update(piece);
    const hasRoom = server.write(piece);
    if (!hasRoom) await once(server, "drain");
  }
  if (sent !== size) throw new Error(`${path} changed meanwhile: try again`);
  const receipt = `${size} ${hash.digest("hex")}`;
  if ((await answer()) !== receipt) throw new Error(`${path} arrived damaged`);
  console.log(`${path}: ${size} bytes`);
}
server.destroy(); // nothing is under way any more
