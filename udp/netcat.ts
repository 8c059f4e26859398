/**
 * Netcat over UDP: each line of standard input goes out as a datagram, and what
 * comes back goes to standard output.
 *
 * UDP has no end: a socket cannot tell "nothing more comes" from "nothing yet".
 * So after the end of the input, 2 seconds of silence are taken for the end. And
 * a receiver cannot slow its sender down: what finds no room is lost.
 *
 * It calls the server on --port. With --listen it waits for a first datagram
 * instead, and talks to its sender only. --wait is the silence in seconds. Bytes
 * are printed as they come, so a stranger can send your terminal codes that move
 * its cursor or change its title.
 *
 *     $ tsx udp/server.ts
 *     The uppercase server is ready on 127.0.0.1:12000
 *     $ printf 'hello\nagain\n' | tsx udp/netcat.ts --port 12000 --wait 1
 *     HELLO
 *     AGAIN
 */
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { isIPv6 } from "node:net";
import { config } from "../shared/config.ts";

const { host, port, listen, wait } = config("netcat", {
  listen: false,
  wait: 2,
});
const { stdin, stdout } = process;
if (port === 0 && !listen) {
  console.error("give it a --port, such as 12000 for the uppercase server");
  process.exit(2);
}

const socket = createSocket(isIPv6(host) ? "udp6" : "udp4");
socket.on("message", (message) => {
  // When nobody reads standard output, 1 MB may wait.
  if (stdout.writableLength < 1_000_000) stdout.write(message);
});
if (listen) {
  socket.bind(port, host);
  await once(socket, "listening");
  const bound = socket.address();
  console.error(`The netcat server is ready on ${bound.address}:${bound.port}`);
  const [, peer] = await once(socket, "message");
  socket.connect(peer.port, peer.address); // drops what others send
  socket.on("error", ({ message }) => {
    console.error(`${peer.address}:${peer.port} is gone: ${message}`);
    process.exit(1);
  });
} else {
  socket.connect(port, host);
}
await once(socket, "connect");

stdin.setEncoding("latin1"); // one character for each byte
let rest = "";
for await (const chunk of stdin) {
  const lines = `${rest}${chunk}`.split("\n");
  rest = lines.pop() ?? "";
  for (const line of lines) await send(`${line}\n`);
  if (rest.length > 65_535) await send(rest); // fails: no datagram is so long
}
if (rest) await send(rest);
const end = setTimeout(() => socket.close(), wait * 1000);
socket.on("message", () => end.refresh());

function send(line: string) {
  return new Promise<void>((sent) => {
    socket.send(Buffer.from(line, "latin1"), (error) => {
      if (error) socket.emit("error", error);
      sent();
    });
  });
}
