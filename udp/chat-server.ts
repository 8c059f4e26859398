/**
 * Chat server over UDP: passes what each member says to all others.
 *
 * A datagram is a message, so nothing must be taken apart. But nobody connects
 * or hangs up. A client says `/join ada`, the server replies with a word,
 * `? x7Qz`, and the client says `/join ada x7Qz`: so its address is real, because
 * a reply reached it. Without that, a forged datagram could send the whole chat
 * to a stranger. A member has left after `/quit`, answered with `bye`, or after
 * 15 s of silence. So a client repeats its `/join`, which is answered with `here`.
 * If a router gives the client another port, it needs a new word: it says
 * `/join ada k3Pw x7Qz` with the old one behind, and keeps its name. `/who` tells
 * who is there. A lost message stays lost. `nc -u` is a client too.
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
  // bind() has succeeded, so an error concerns one client, and others go on.
  server.on("error", (error) => console.error("a client:", error.message));
});

interface Member {
  name: string;
  client: RemoteInfo;
  word: string;
  silence: NodeJS.Timeout;
}
// Control characters, but for the tab, and those that turn text around: taken
// out, or a message could redraw the terminal of who reads it.
const steering = /(?!\t)[\p{Cc}\u202a-\u202e\u2066-\u2069]/gu;
const nameRule = /^[\p{L}\p{Nd}][\p{L}\p{M}\p{Nd}_.-]{0,19}$/u;
const members = new Map<string, Member>(); // by their names
let secret = randomBytes(16);

server.on("message", (datagram, client) => {
  if (client.port < 1024) return; // a service, not a client
  const text = `${datagram}`.replaceAll(steering, "");
  const from = addressOf(client);
  const all = [...members.values()];
  const member = all.find(({ client }) => addressOf(client) === from);
  member?.silence.refresh();
  if (text === "/quit") {
    if (member) leave(member);
    send("bye", client);
  } else if (!member) join(text, client);
  else if (text.length > 1000)
    send("! a message has at most 1000 characters", client);
  else if (text === "/who") send(here(), client);
  else if (text.startsWith("/join ")) send("here", client);
  else if (text.startsWith("/"))
    send("! the commands are /who and /quit", client);
  else if (text) tell(`${member.name}: ${text}`, member);
});

function join(text: string, client: RemoteInfo) {
  // One way to write "é", and nothing that cannot be seen.
  const said = text.normalize().replaceAll(/\p{DI}/gu, "");
  if (!said.startsWith("/join ")) return;
  // The word is a hash of the address with our secret: nobody can guess it, and
  // we need not remember what we told to strangers.
  const hash = createHmac("sha256", secret).update(addressOf(client));
  const word = hash.digest("base64").slice(0, 4);
  // The name is before our word, and what the client was told before is behind.
  const [name = "", before] = said.slice("/join ".length).split(` ${word}`);
  const holder = members.get(name);
  if (before === undefined) send(`? ${word}`, client);
  else if (!nameRule.test(name))
    send("! a name has 1 to 20 letters or digits; _ . - may follow", client);
  else if (holder && before === ` ${holder.word}`) {
    holder.client = client; // its port has changed
    holder.word = word;
    send("here", client);
  } else if (holder) send("! that name is taken: choose another one", client);
  else if (members.size === 200) send("! the chat is full", client);
  else {
    const silence = setTimeout(() => leave(member), 15_000);
    const member = { name, client, word, silence };
    members.set(name, member);
    tell(`* ${name} joined`);
    send(here(), client);
  }
}

function leave({ name, silence }: Member) {
  clearTimeout(silence);
  members.delete(name);
  secret = randomBytes(16); // a late copy of its /join has a wrong word now
  tell(`* ${name} left`);
}

/** Tells all members, but for the one who said it. */
function tell(text: string, speaker?: Member) {
  // Lines that nobody reads, as under `| less`, would pile up in memory.
  if (process.stdout.writableLength < 1e6) console.log(text);
  for (const member of members.values())
    if (member !== speaker) send(text, member.client);
}

function send(line: string, client: RemoteInfo, again = false) {
  server.send(`${line}\n`, client.port, client.address, (error) => {
    // Under Bun, this may say that another member is gone: nothing was sent.
    if (error && !again) send(line, client, true);
    else if (error) console.error(`nothing sent to a member: ${error.message}`);
  });
}

/** Who is there. */
function here() {
  return `* here: ${[...members.keys()].join(", ")}`;
}

function addressOf({ address, port }: RemoteInfo) {
  return `${address}:${port}`;
}
