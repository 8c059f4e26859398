/**
 * TFTP client: fetches a file over UDP and prints it.
 *
 * TFTP (RFC 1350) sends a file in blocks of 512 bytes, each in a datagram of its
 * own, and waits for an acknowledgement after each one. So every 512 bytes cost a
 * round trip, however fast the network is. With --window 8 (RFC 7440) there is one
 * acknowledgement for 8 blocks, and the waiting shrinks to an eighth.
 *
 * The reply comes from another port than the one that was asked, as the server
 * opens one for each transfer. The first reply sets it; any other port gets an
 * error, or a second server could mix its blocks into the file. After a second
 * without a reply the client repeats its last packet, five times at most. A block
 * that comes twice is acknowledged again, but printed once. The exit status is 0
 * only if the last block arrived.
 *
 *     $ truncate -s 40000 /tmp/zeros
 *     $ tsx udp/file-server.ts LICENSE /tmp/zeros
 *     The TFTP server is ready on 127.0.0.1:6969
 *     $ tsx udp/file-client.ts LICENSE | cmp - LICENSE
 *     2 blocks in 0.02 s
 *     $ tsx udp/relay.ts --to 127.0.0.1:6969 --delay all:10 | grep --line-buffered ready
 *     The relay to 127.0.0.1:6969 is ready on 127.0.0.1:12001
 *     $ tsx udp/file-client.ts /tmp/zeros --port 12001 > /dev/null
 *     79 blocks in 1.83 s
 *     $ tsx udp/file-client.ts /tmp/zeros --port 12001 --window 8 > /dev/null
 *     79 blocks in 0.27 s
 */
import { createSocket } from "node:dgram";
import { lookup } from "node:dns/promises";
import { on } from "node:events";
import { isIPv6 } from "node:net";
import { config } from "../shared/config.ts";

const own = { window: 1, words: [] as string[] };
const { host, port, window, words } = config("tftp", own);
const [name] = words;
if (!name || window === 0) {
  console.error("name one file, and a --window of 1 or more: see --help");
  process.exit(2);
}
const [DATA, ACK, ERROR, OACK] = [3, 4, 5, 6]; // kinds of packets

const { address } = await lookup(host, isIPv6(host) ? 6 : 4);
const client = createSocket(isIPv6(address) ? "udp6" : "udp4");
const wish = window > 1 ? `windowsize\0${window}\0` : "";
const begin = performance.now();
let packet = Buffer.from(`\0\x01${name}\0octet\0${wish}`); // the last one sent
let serverPort = 0; // the port of the transfer
const send = (repeats: number) => {
  if (repeats < 0) throw new Error("no answer: try again");
  client.send(packet, serverPort || port, address);
  timer = setTimeout(send, 1000, repeats - 1);
};
let timer = setTimeout(send, 0, 5);

let block = 0;
let step = 1; // so many blocks are acknowledged at once
let due = 1; // the next one to acknowledge
const acknowledge = () => {
  packet = Buffer.from([0, ACK, block >> 8, block]);
  due = block + step;
  clearTimeout(timer);
  send(5);
};
for await (const [reply, from] of on(client, "message")) {
  const kind = reply[1];
  if (from.address !== address || from.port === 0 || reply.length < 4) continue;
  serverPort ||= from.port;
  if (from.port !== serverPort) {
    if (kind !== ERROR) client.send("\0\x05\0\x05\0", from.port, address);
    continue;
  }
  if (kind === ERROR) throw new Error(`${name}: ${reply.subarray(4, -1)}`);
  if (kind === OACK && block === 0) {
    step = Number(/windowsize\0(\d+)/i.exec(`${reply}`)?.[1] ?? 1);
    acknowledge();
  }
  const ahead = (reply.readUInt16BE(2) - block) & 0xffff;
  if (kind === DATA && (ahead === 0 || ahead === 2)) acknowledge();
  if (kind !== DATA || ahead !== 1) continue;
  const data = reply.subarray(4);
  await new Promise((written) => process.stdout.write(data, written));
  block += 1;
  if (block === due || data.length < 512) acknowledge();
  if (data.length < 512) break;
}
clearTimeout(timer);
setImmediate(() => client.close()); // after the last acknowledgement has left
const seconds = (performance.now() - begin) / 1000;
console.error(`${block} blocks in ${seconds.toFixed(2)} s`);
