/**
 * Chat server over TCP: passes what each member says to all others.
 *
 * A chat has messages and TCP has none, so a rule must say where one ends: here,
 * a line feed. The first line is the name; `/who` and `/quit` are commands. So
 * `nc 127.0.0.1 12003` is a client, too. The trap: a member who does not read
 * must not hold the others up, nor fill the memory here. 1 MB may wait for each.
 *
 *     $ tsx tcp/chat-server.ts
 *     The chat server is ready on 127.0.0.1:12003
 */
import { type AddressInfo, createServer, isIPv6, type Socket } from "node:net";
import { config } from "../shared/config.ts";

const { host, port } = config("chat");
const endpoint = ({ address, port }: { address: string; port: number }) =>
  `${isIPv6(address) ? `[${address}]` : address}:${port}`;

const server = createServer({
  allowHalfOpen: true, // a member that has ended its half still gets the rest
  keepAlive: true, // a member whose machine is gone is found out and dropped
  keepAliveInitialDelay: 60_000,
});
server.on("error", ({ code }: NodeJS.ErrnoException) => {
  const address = endpoint({ address: host, port });
  console.error(`cannot bind ${address} (${code}): try another port or host`);
  process.exit(1);
});
server.listen(port, host, () => {
  const address = server.address() as AddressInfo;
  console.log(`The chat server is ready on ${endpoint(address)}`);
});

process.stdout.on("error", () => process.exit(1)); // as in: server | head -1

const members = new Map<string, Socket>();

/** Tells all members, but for the one who said it. */
function tell(text: string, speaker?: string) {
  console.log(text);
  const line = Buffer.from(`${text}\n`);
  for (const [name, connection] of members)
    if (name !== speaker) send(connection, line);
}

/** Sends to one, unless too much of what it was sent before is unread. */
function send(connection: Socket, line: string | Buffer) {
  connection.write(line);
  if (connection.writableLength > 1e6)
    connection.destroy(new Error("it has left 1 MB unread"));
}

server.on("connection", (connection) => {
  let name = "";
  let rest = "";
  const leave = () => {
    if (members.get(name) !== connection) return;
    members.delete(name);
    tell(`* ${name} left`);
  };

  connection.setEncoding("utf8");
  connection.on("data", (chunk) => {
    const lines = `${rest}${chunk}`.split("\n");
    // What is kept of a line that is too long is still too long.
    rest = lines.pop()!.slice(0, 2001);
    for (const line of lines) hear(line);
  });
  connection.on("end", () => {
    if (rest) hear(rest);
    leave();
    connection.end();
  });
  connection.on("error", (error) => {
    console.error(`a member is gone: ${error.message}`);
  });
  connection.on("close", leave);

  function hear(line: string) {
    if (connection.writableEnded) return; // refused, or on its way out
    const said = line.replace(/\r$/, "");
    if (!name) return join(said.normalize());
    // What came from the network must not steer anyone's terminal.
    const text = said.replace(/(?!\t)\p{Cc}/gu, "");
    if ([...said].length > 1000)
      send(connection, "! a line has at most 1000 characters\n");
    else if (text === "/quit") {
      leave();
      connection.end();
    } else if (text === "/who") send(connection, here());
    else if (text.startsWith("/"))
      send(connection, "! the commands are /who and /quit\n");
    else if (text) tell(`${name}: ${text}`, name);
  }

  function join(wish: string) {
    // Nothing that cannot be seen, or one name might look like another.
    if (!/^(?!\/)[^\p{C}\p{Z}\p{DI}]{1,20}$/u.test(wish))
      return connection.end(
        "! a name has 1 to 20 visible characters, no / first\n",
      );
    if (members.has(wish))
      return connection.end("! that name is taken: choose another one\n");
    name = wish;
    members.set(name, connection);
    tell(`* ${name} joined`);
    send(connection, here());
  }
});

/** Who is here. */
const here = () => `* here: ${[...members.keys()].join(", ")}\n`;

process.on("SIGINT", () => {
  tell("* the server has ended");
  process.exit(130);
});
