/**
 * Chat server over TCP: passes what each member says to all others.
 *
 * A chat has messages and TCP has none, so a rule must say where a message ends:
 * here, at a line feed. A member's first line is the name. After that, `/who`
 * tells who is there and `/quit` leaves. So `nc 127.0.0.1 12003` is a client too.
 * A member who stops reading must not hold up the others or fill the memory:
 * whoever leaves 1 MB unread is dropped.
 *
 *     $ tsx tcp/chat-server.ts
 *     The chat server is ready on 127.0.0.1:12003
 */
import { type AddressInfo, createServer, type Socket } from "node:net";
import { config } from "../shared/config.ts";

const { host, port } = config("chat");

const options = { allowHalfOpen: true, keepAlive: true, noDelay: true };
const server = createServer(options);
server.listen(port, host);

server.on("listening", () => {
  const { address, port } = server.address() as AddressInfo;
  console.log(`The chat server is ready on ${address}:${port}`);
});

// Control characters, but for the tab, and those that turn text around: taken
// out, or a message could redraw the terminal of who reads it.
const steering = /(?!\t)[\p{Cc}\u202a-\u202e\u2066-\u2069]/gu;
const nameRule = /^[\p{L}\p{Nd}][\p{L}\p{M}\p{Nd}_.-]{0,19}$/u;
const members = new Map<Socket, string>(); // the name of each connection

server.on("connection", (connection) => {
  let rest = ""; // a line whose end has not come yet
  connection.setEncoding("utf8");
  connection.on("data", (chunk) => {
    const lines = `${rest}${chunk}`.split("\n");
    rest = lines.pop()!.slice(0, 1001); // more is too long anyway
    for (const line of lines) hear(line, connection);
  });
  connection.on("end", () => {
    if (rest) hear(rest, connection); // the last line may lack its line feed
    leave(connection);
  });
  connection.on("error", (error) => console.error("a member:", error.message));
  connection.on("close", () => leave(connection));
});

function hear(line: string, client: Socket) {
  if (!client.writable) return; // it is leaving
  const name = members.get(client);
  const text = line.replaceAll(steering, "");
  if (!name) join(text, client);
  else if (text.length > 1000)
    send("! a line has at most 1000 characters", client);
  else if (text === "/quit") leave(client);
  else if (text === "/who") send(here(), client);
  else if (text.startsWith("/"))
    send("! the commands are /who and /quit", client);
  else if (text) tell(`${name}: ${text}`, client);
}

function join(wish: string, client: Socket) {
  // One way to write "é", and nothing that cannot be seen.
  const name = wish.normalize().replaceAll(/\p{DI}/gu, "");
  const names = [...members.values()];
  if (!nameRule.test(name))
    client.end("! a name has 1 to 20 letters or digits; _ . - may follow\n");
  else if (names.includes(name))
    client.end("! that name is taken: choose another one\n");
  else {
    members.set(client, name);
    tell(`* ${name} joined`);
    send(here(), client);
  }
}

function leave(client: Socket) {
  client.end();
  const name = members.get(client);
  if (members.delete(client)) tell(`* ${name} left`);
}

/** Tells all members, but for the one who said it. */
function tell(text: string, speaker?: Socket) {
  // Lines that nobody reads, as under `| less`, would pile up in memory.
  if (process.stdout.writableLength < 1e6) console.log(text);
  for (const member of members.keys())
    if (member !== speaker) send(text, member);
}

function send(line: string, client: Socket) {
  client.write(`${line}\n`);
  if (client.writableLength > 1e6)
    client.destroy(new Error("left 1 MB unread")); // then comes "error", "close"
}

/** Who is there. */
function here() {
  return `* here: ${[...members.values()].join(", ")}`;
}
