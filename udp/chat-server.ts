/**
 * Chat server over UDP: passes what each member says to all others.
 *
 * A datagram is a message, so nothing must be taken apart. But nobody connects
 * or hangs up: a client says `/join ada`, is told a word, `? x7Qz`, and says
 * `/join ada x7Qz`. The trap is a forged address: without the word, anyone could
 * have a stranger sent all that is said. `/here` is answered with `here`, and
 * 15 s of silence mean that a member has left; so does `/quit`, answered with
 * `bye`. `/who` tells who is there. What is lost stays lost. `nc -u` is a client.
 *
 *     $ tsx udp/chat-server.ts
 *     The chat server is ready on 127.0.0.1:12003
 */
import { createHmac, randomBytes } from "node:crypto";
import { createSocket } from "node:dgram";
import { isIPv6 } from "node:net";
import { config } from "../shared/config.ts";

const { host, port } = config("chat");
interface Address {
  address: string;
  port: number;
}
const endpoint = ({ address, port }: Address) =>
  `${isIPv6(address) ? `[${address}]` : address}:${port}`;

const server = createSocket(isIPv6(host) ? "udp6" : "udp4");
server.on("error", ({ code }: NodeJS.ErrnoException) => {
  const address = endpoint({ address: host, port });
  console.error(`cannot bind ${address} (${code}): try another port or host`);
  process.exit(1);
});
server.bind(port, host, () => {
  console.log(`The chat server is ready on ${endpoint(server.address())}`);
});

process.stdout.on("error", () => process.exit(1)); // as in: server | head -1
interface Member extends Address {
  name: string;
  silence: NodeJS.Timeout;
}
const members = new Map<string, Member>();
const secret = randomBytes(32);

/** Sends a line to one address; nc shows it as one, for its line feed. */
function send(line: string, { address, port }: Address) {
  return new Promise<void>((sent) => {
    server.send(`${line}\n`, port, address, (error) => {
      if (error) console.error(`a member gets no message: ${error.message}`);
      sent();
    });
  });
}

/** Tells all members, but for the one who said it. */
function tell(text: string, speaker?: Member) {
  console.log(text);
  const others = [...members.values()].filter((member) => member !== speaker);
  return Promise.all(others.map((member) => send(text, member)));
}

server.on("message", (datagram, client) => {
  const member = members.get(endpoint(client));
  member?.silence.refresh();
  const line = datagram.toString().replace(/\r?\n$/, "");
  // What came from the network must not steer anyone's terminal.
  const text = line.replace(/(?!\t)\p{Cc}/gu, "");
  if (client.port === 0) return; // nobody's, and send() would throw
  if (text === "/quit") {
    if (member) leave(member);
    send("bye", client);
  } else if (!member) join(line, client);
  else if (datagram.length > 1000)
    send("! a message has at most 1000 bytes", client);
  else if (text === "/here") send("here", client);
  else if (text === "/who" || text.startsWith("/join ")) send(here(), client);
  else if (text.startsWith("/"))
    send("! the commands are /who and /quit", client);
  else if (text) tell(`${member.name}: ${text}`, member);
});

function join(line: string, { address, port }: Address) {
  const [, name, brought] =
    /^\/join (.+?)(?: (\S{4}))?$/.exec(line.normalize()) ?? [];
  if (!name) return;
  const client = { address, port };
  const from = endpoint(client);
  // Not longer than what was sent, for that address may be forged.
  const hash = createHmac("sha256", secret).update(from).digest("base64url");
  const word = hash.slice(0, 4);
  if (brought !== word) return send(`? ${word}`, client);

  // Nothing that cannot be seen, or one name might look like another.
  if (!/^(?!\/)[^\p{C}\p{Z}\p{DI}]{1,20}$/u.test(name))
    return send("! a name has 1 to 20 visible characters, no / first", client);
  for (const member of members.values())
    if (member.name === name)
      return send("! that name is taken: choose another one", client);
  if (members.size === 200) return send("! the chat is full", client);
  const silence = setTimeout(() => leave(member), 15_000);
  const member = { name, address, port, silence };
  members.set(from, member);
  tell(`* ${name} joined`);
  send(here(), client);
}

function leave(member: Member) {
  clearTimeout(member.silence);
  members.delete(endpoint(member));
  tell(`* ${member.name} left`);
}

const here = () =>
  `* here: ${[...members.values()].map(({ name }) => name).join(", ")}`;

process.on("SIGINT", async () => {
  await tell("* the server has ended");
  process.exit(130);
});
