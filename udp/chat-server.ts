/**
 * Chat server over UDP: passes what each member says to all others.
 *
 * It sends the same texts as tcp/chat-server.ts, and each datagram is a message.
 * What a connection did there has to be done by hand here. An attacker can write
 * somebody else's address as the sender, and then our chat would flood that victim.
 * So a stranger gets only one short line with a token. A client that sends its name
 * and the token must have received that line, so its address is real. A member is
 * known by its address. It leaves with the byte 4 (Ctrl-D) or by 15 seconds of
 * silence, as nothing else shows that it is gone. If its port changes, as behind a
 * home router, it is a new client. `nc -u 127.0.0.1 12003` is a client too, if you
 * type something every 15 seconds.
 *
 *     $ tsx udp/chat-server.ts
 *     The chat server is ready on 127.0.0.1:12003
 */
import { createHmac, randomBytes } from "node:crypto";
import { createSocket, type RemoteInfo } from "node:dgram";
import { isIPv6 } from "node:net";
import { config } from "../shared/config.ts";

const { host, port } = config("chat");

const server = createSocket(isIPv6(host) ? "udp6" : "udp4");
server.bind(port, host);

server.on("listening", () => {
  const { address, port } = server.address();
  console.log(`The chat server is ready on ${address}:${port}`);
  // From now on an error means one lost datagram, and the server goes on.
  server.on("error", (error) => console.error("a client:", error.message));
});

interface Member {
  name: string;
  client: RemoteInfo;
  silence: NodeJS.Timeout;
}
const members = new Map<string, Member>(); // by address and port
const secret = randomBytes(16);
// Characters that redraw or reverse a terminal's text, or begin a new line.
const controls = /[\p{Cc}\u2028-\u202e\u2066-\u2069]/gu;

server.on("message", (datagram, client) => {
  if (client.port < 1024) return; // a service, or a forger
  const text = datagram.toString().replaceAll(controls, "");
  const address = `${client.address} ${client.port}`;
  // Nothing needs to be remembered about strangers: a hash gives the same token
  // again, and only we can compute it.
  const hash = createHmac("sha256", secret).update(address);
  const token = hash.digest("base64url").slice(0, 8);
  const hasToken = text.endsWith(` ${token}`);
  const member = members.get(address);
  // Our own lines begin with * [ ! or ?. If a stranger sends such a line, an echo
  // server perhaps, an answer would come back again, for ever.
  if (!member && /^[*[!?]/.test(text)) return;
  if (member) {
    member.silence.refresh();
    if (datagram.toString() === "\x04") leave(address);
    else if (hasToken)
      sendRoom(member); // it only says that it is there
    else if (text.length > 1000)
      send("! A message has at most 1000 characters", client);
    else sendToAll(`[${member.name}] ${text}`, member);
  } else if (hasToken) join(text.slice(0, -token.length - 1), address, client);
  else send(`? Not in the room. To join, send: NAME ${token}`, client);
});

function join(name: string, address: string, client: RemoteInfo) {
  const names = [...members.values()].map((member) => member.name);
  if (!/^[A-Za-z\d]{1,20}$/.test(name))
    return send("! A name has 1 to 20 letters or digits", client);
  if (names.includes(name))
    return send("! The name is taken: choose another one", client);
  if (members.size === 200) {
    console.error("a client: refused, 200 are in the room");
    return send("! The room is full: try again later", client);
  }
  const silence = setTimeout(() => leave(address), 15_000);
  const member = { name, client, silence };
  members.set(address, member);
  sendRoom(member);
  sendToAll(`* ${name} has entered the room`, member);
}

function leave(address: string) {
  const member = members.get(address)!;
  clearTimeout(member.silence);
  members.delete(address);
  sendToAll(`* ${member.name} has left the room`, member);
}

function sendRoom(newcomer: Member) {
  const others = [...members.values()].filter((member) => member !== newcomer);
  const names = others.map((member) => member.name).join(", ");
  send(`* The room contains: ${names || "nobody else"}`, newcomer.client);
}

/** Sends a line to all members but the one that it is about. */
function sendToAll(line: string, about: Member) {
  for (const member of members.values())
    if (member !== about) send(line, member.client);
}

function send(line: string, client: RemoteInfo) {
  server.send(`${line}\n`, client.port, client.address);
}
