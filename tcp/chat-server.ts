/**
 * Chat server over TCP: passes what each member says to all others.
 *
 * It speaks Budget Chat, a published protocol (protohackers.com, problem 3), so
 * clients and servers of other people work with these. A message is a line. The
 * first line of a client is its name, 1 to 20 letters or digits; until then the
 * others do not see it. TCP brings bytes in chunks of any size, so the server keeps
 * the beginning of a line until its end arrives, but at most 1001 characters, as a
 * message has at most 1000. It writes to many clients and cannot wait for the
 * slowest: a member that leaves 1 MB unread is disconnected, or the messages would
 * fill the memory. `nc 127.0.0.1 12003` is a client too.
 *
 *     $ tsx tcp/chat-server.ts
 *     The chat server is ready on 127.0.0.1:12003
 */
import { type AddressInfo, createServer, type Socket } from "node:net";
import { config } from "../shared/config.ts";

const { host, port } = config("chat");

const server = createServer();
server.maxConnections = 200;
server.listen(port, host);

server.on("listening", () => {
  const { address, port } = server.address() as AddressInfo;
  console.log(`The chat server is ready on ${address}:${port}`);
});
server.on("drop", () => console.error("a client: refused, 200 are connected"));

// Characters that redraw or reverse a terminal's text, or begin a new line.
const controls = /[\p{Cc}\u2028-\u202e\u2066-\u2069]/gu;
const members = new Map<string, Socket>(); // by name

server.on("connection", (client) => {
  let name = ""; // none yet: this client has not joined
  let rest = ""; // a line whose end has not arrived
  send("Welcome! What is your name?", client);

  client.setEncoding("utf8"); // joins the bytes of a character
  client.on("data", (chunk) => {
    const lines = `${rest}${chunk}`.split(/\r?\n/);
    rest = lines.pop()!.slice(0, 1001); // enough to see that it is too long
    for (const line of lines) {
      if (!client.writable) return; // an earlier line of this chunk ended it
      if (name) say(line);
      else join(line);
    }
  });
  client.on("error", (error) => console.error("a client:", error.message));
  client.on("close", () => {
    members.delete(name);
    if (name) sendToAll(`* ${name} has left the room`);
  });

  function join(line: string) {
    if (!/^[A-Za-z\d]{1,20}$/.test(line))
      return client.end("! A name has 1 to 20 letters or digits\n");
    if (members.has(line))
      return client.end("! The name is taken: choose another one\n");
    name = line;
    const others = [...members.keys()].join(", ");
    send(`* The room contains: ${others || "nobody else"}`, client);
    members.set(name, client);
    sendToAll(`* ${name} has entered the room`);
  }

  function say(line: string) {
    if (line.length > 1000)
      return send("! A message has at most 1000 characters", client);
    sendToAll(`[${name}] ${line.replaceAll(controls, "")}`);
  }

  /** Sends a line to all members but this one. */
  function sendToAll(line: string) {
    for (const member of members.values())
      if (member !== client) send(line, member);
  }
});

function send(line: string, client: Socket) {
  client.write(`${line}\n`);
  if (client.writableLength > 1e6)
    client.destroy(new Error("left 1 MB unread"));
}
