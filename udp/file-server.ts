/**
 * TFTP server: sends files over UDP.
 *
 * UDP has no accept(). The server does by hand what TCP does there: each transfer
 * gets a socket with a port of its own, and its datagrams cannot be confused with
 * those of another one. The server sends a window of blocks, one if the client
 * does not ask for more, and waits for the acknowledgement. Without one it sends
 * the window again after a second, five times at most. A second copy of an
 * acknowledgement sends nothing: otherwise each copy would make one more, for the
 * rest of the file (the Sorcerer's Apprentice, RFC 1123).
 *
 * Anybody can write anybody's address into a datagram. So before the first
 * acknowledgement the server sends nothing twice, or a request of 20 bytes would
 * send thousands to a victim. It reads the files named on its command line when it
 * starts, and a client gets those by the same names, and no others: what a
 * stranger sends is never used as a path. There is room for 100 transfers.
 *
 * It speaks RFC 1350 in octet mode, with the option windowsize of RFC 7440. Files
 * can only be read: a request to write one gets error 2.
 *
 *     $ tsx udp/file-server.ts LICENSE
 *     The TFTP server is ready on 127.0.0.1:6969
 */
import { createSocket, type RemoteInfo, type Socket } from "node:dgram";
import { readFileSync } from "node:fs";
import { isIPv6 } from "node:net";
import { config } from "../shared/config.ts";

const { host, port, words } = config("tftp", { words: [] as string[] });
const files = new Map(words.map((name) => [name, readFileSync(name)]));
const [READ, WRITE, DATA, ACK, ERROR] = [1, 2, 3, 4, 5]; // kinds of packets
let transfers = 0;

const family = isIPv6(host) ? "udp6" : "udp4";
const server = createSocket(family).bind(port, host);

server.on("listening", () => {
  const { address, port } = server.address();
  console.log(`The TFTP server is ready on ${address}:${port}`);
  server.on("error", (error) => console.error("no reply:", error.message));
});

server.on("message", (request, client) => {
  if (request[1] === WRITE) refuse(server, client, 2, "read only");
  if (request[1] !== READ || client.port === 0 || transfers === 100) return;
  const [name = "", mode = ""] = request.toString("utf8", 2).split("\0");
  const data = files.get(name);
  const wish = /\0windowsize\0([1-9]\d*)\0/i.exec(`${request}`);
  if (!data) refuse(server, client, 1, "no such file");
  else if (!/^octet$/i.test(mode)) refuse(server, client, 4, "octet mode only");
  else transfer(client, data, wish?.[1]);
});

function refuse(socket: Socket, to: RemoteInfo, code: number, reason: string) {
  const error = Buffer.from(`\0\x05\0${String.fromCharCode(code)}${reason}\0`);
  if (to.port > 0) socket.send(error, to.port, to.address);
}

function transfer({ address, port }: RemoteInfo, data: Buffer, wish?: string) {
  const window = Math.min(Number(wish ?? 1), 64);
  const last = Math.floor(data.length / 512) + 1;
  let block = wish ? -1 : 0; // the last one acknowledged; OACK counts as 0
  const socket = createSocket(family).bind(0, host);
  transfers += 1;
  socket.on("close", () => (transfers -= 1));
  socket.on("error", () => {}); // this transfer times out, others go on
  const sendWindow = (repeats: number) => {
    if (block >= last || repeats < 0) return socket.close();
    timer = setTimeout(sendWindow, repeats > 0 ? 1000 : 5000, repeats - 1);
    const oack = `\0\x06windowsize\0${window}\0`;
    if (block < 0) return socket.send(oack, port, address);
    for (let n = block + 1; n <= Math.min(block + window, last); n += 1) {
      const part = data.subarray(512 * (n - 1), 512 * n);
      socket.send([Buffer.from([0, DATA, n >> 8, n]), part], port, address);
    }
  };
  let timer = setTimeout(sendWindow, 0, 0);
  socket.on("message", (reply, from) => {
    const isStranger = from.port !== port || from.address !== address;
    if (reply.length < 4 || (isStranger && reply[1] === ERROR)) return;
    if (isStranger) return refuse(socket, from, 5, "not your transfer");
    const ahead = (reply.readUInt16BE(2) - block) & 0xffff;
    if (reply[1] === ERROR) block = last;
    else if (reply[1] === ACK && ahead > 0 && ahead <= window) block += ahead;
    else return;
    clearTimeout(timer);
    sendWindow(5);
  });
}
