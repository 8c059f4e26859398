/**
 * Chat client over TCP: sends what you type, shows what others say.
 *
 * Unlike the other clients it listens and speaks at the same time, and neither
 * waits for the other. The traps: a chunk may hold three messages and a half;
 * and what arrives must not tear the line that is being typed. `/who` tells who
 * is there, `/quit` leaves. Deno has to be given --allow-env=USER,USERNAME for
 * the default name.
 *
 *     $ tsx tcp/chat-server.ts
 *     The chat server is ready on 127.0.0.1:12003
 *     ...
 *     $ tsx tcp/chat-client.ts --name ada
 *     * ada joined
 *     * here: ada
 *     * bob joined
 *     * eve joined
 *     ada: hello
 *     $ tsx tcp/chat-client.ts --name bob
 *     ...
 *     ada: hello
 *     * ada left
 *     bob: she never stays long
 *     $ tsx tcp/chat-client.ts --name eve
 *     * eve joined
 *     ...
 *     bob: she never stays long
 *     * bob left
 */
import { connect, isIPv6 } from "node:net";
import { createInterface } from "node:readline";
import { config } from "../shared/config.ts";

const user = process.env.USER ?? process.env.USERNAME ?? "guest";
const { host, port, name } = config("chat", { name: user });
const server = isIPv6(host) ? `[${host}]:${port}` : `${host}:${port}`;
const trouble: Record<string, string> = {
  ECONNREFUSED: `nothing answers on ${server}: start tsx tcp/chat-server.ts there`,
  ECONNRESET: `${server} has cut the connection`,
  ETIMEDOUT: `no answer from ${server} in time: try again`,
};
const { stdin, stdout } = process;
const terminal = stdin.isTTY && stdout.isTTY;
let chatting = false; // while the keyboard is read
stdout.on("error", () => process.exit(1)); // as in: client | head -1
// What came from the network must not steer the terminal.
const visible = (line: unknown) => `${line}`.replace(/(?!\t)\p{Cc}/gu, "");

const connection = connect(port, host);
connection.write(`${name}\n`);
let rest = "";
let joined = false;
connection.setEncoding("utf8");
connection.on("data", (chunk) => {
  const lines = `${rest}${chunk}`.split("\n");
  rest = lines.pop()!.slice(0, 2001); // a server sends no such lines
  for (const line of lines.map(visible)) {
    if (!joined && line.startsWith("! ")) fail(line);
    joined = true;
    show(line);
  }
});
connection.on("error", ({ message, code = message }: NodeJS.ErrnoException) => {
  fail(trouble[code] ?? `cannot reach ${server} (${code}): try another host`);
});
connection.on("end", () => {
  if (chatting || !joined) fail(`${server} has ended the chat`);
});

const keyboard = createInterface({
  input: stdin,
  output: terminal ? stdout : undefined,
  prompt: `${name}: `,
});
chatting = true;
keyboard.on("line", (line) => {
  if (!chatting) return; // after a /quit
  if (line === "/quit") return keyboard.close();
  if (!connection.write(`${line}\n`)) keyboard.pause();
  else if (terminal) keyboard.prompt();
});
connection.on("drain", () => chatting && keyboard.resume());
keyboard.on("close", () => {
  chatting = false;
  const late = () => connection.destroy(new Error("ETIMEDOUT"));
  connection.setTimeout(10_000, late);
  // What others say until the server has ended its half, too, is shown.
  connection.end(() => setTimeout(late, 10_000).unref());
  if (terminal) console.log(); // Ctrl-D ends no line
});
keyboard.on("SIGINT", () => process.exit(130));

/** Shows a line above the one that is being typed. */
function show(text: string) {
  if (!terminal || !chatting) return console.log(text);
  const rows = clear();
  // prompt() goes up as many rows before it writes what is typed again.
  stdout.write(text + "\n".repeat(rows + 1));
  keyboard.prompt(true);
}

/** Clears what is being typed, and returns the rows above the cursor's. */
function clear() {
  const { rows } = keyboard.getCursorPos();
  stdout.write(`${"\x1b[A".repeat(rows)}\r\x1b[J`); // up, left, and clear
  return rows;
}

function fail(text: string) {
  if (terminal && chatting) clear();
  console.error(text);
  process.exit(1);
}
