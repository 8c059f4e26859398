/**
 * File server over TCP: stores the files that clients send.
 *
 * Data may hold any byte, so no line feed can end it, and a FIN can end only the
 * last file. Here the length comes first: 4 bytes of length and a name, 8 bytes of
 * length and the data, then the next file. A chunk may end in the middle of a
 * length, or hold the end of one file and the start of the next. take() waits for
 * exactly the bytes it is asked for, and keeps what comes after them.
 *
 * All of this comes from a stranger. The server checks a length before it believes
 * it, and a name before it uses it: one with a path in it could reach any file.
 * The client sends the data only after the answer "send". It goes to a file with a
 * temporary name, and link() gives it the real one at the end. So a transfer that
 * is cut off leaves no file, and, as link() never replaces one, no file is lost.
 * The server writes each piece before it reads the next one: a large file takes no
 * more memory than a small one. Twenty seconds of silence end a connection.
 *
 * The files go to --folder; --limit is the size of the largest, in megabytes.
 *
 *     $ tsx tcp/file-server.ts
 *     The file server is ready on 127.0.0.1:12005
 */
import { createHash, type Hash, randomUUID } from "node:crypto";
import { existsSync, mkdirSync, promises as fs } from "node:fs";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { buffer } from "node:stream/consumers";
import { config } from "../shared/config.ts";

const settings = config("file", { folder: "received", limit: 1000 });
mkdirSync(settings.folder, { recursive: true });
process.chdir(settings.folder); // a name without a path is a file in this folder
// A hidden file, a path on any system, or what could redraw a terminal.
const unsafe = /^$|^\.|[/\\:\p{Cc}\u202a-\u202e\u2066-\u2069]/u;

// Half open: a client may end its stream before the last answer.
const server = createServer({ allowHalfOpen: true });
server.listen(settings.port, settings.host, () => {
  const { address, port } = server.address() as AddressInfo;
  console.log(`The file server is ready on ${address}:${port}`);
});

server.on("connection", (connection) => {
  connection.setTimeout(20_000, () => connection.destroy());
  connection.on("error", (error) => console.error("a client:", error.message));
  serve(connection).catch((error) => connection.destroy(error));
});

async function serve(connection: Socket) {
  const chunks = connection.iterator();
  let rest = Buffer.alloc(0);
  /** The next bytes, exactly so many, in pieces as they arrive. */
  async function* take(size: number, hash?: Hash) {
    for (let left = size; left > 0;) {
      if (rest.length === 0) {
        const { value, done } = await chunks.next();
        if (done) throw new Error("ended the connection");
        rest = value;
      }
      const piece = rest.subarray(0, left);
      rest = rest.subarray(left);
      left -= piece.length;
      hash?.update(piece);
      yield piece;
    }
  }
  const answer = (line: string) =>
    new Promise((sent) => connection.write(`${line}\n`, sent));
  for (;;) {
    const nameSize = (await buffer(take(4))).readUInt32BE();
    if (nameSize > 255) throw new Error("a name of more than 255 bytes");
    const name = `${await buffer(take(nameSize))}`;
    const size = (await buffer(take(8))).readBigUInt64BE();
    if (unsafe.test(name)) await answer("refused: its name");
    else if (size > settings.limit * 1e6) await answer("refused: too large");
    else if (existsSync(name)) await answer("refused: it exists");
    else {
      await answer("send");
      const hash = createHash("sha256");
      const temporary = `.${randomUUID()}`;
      try {
        await fs.writeFile(temporary, take(Number(size), hash));
        await fs.link(temporary, name);
      } finally {
        await fs.rm(temporary, { force: true });
      }
      await answer(`${size} ${hash.digest("hex")}`);
    }
  }
}
