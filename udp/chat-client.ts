/**
 * Chat client over UDP: sends what you type, shows what others say.
 *
 * With no connection, a client asks to join until it is answered, says `/here`
 * every 5 s, and takes 15 s of silence for the end. The trap: a message is sent
 * once, and whoever misses it does not know. `/who` tells who is there, `/quit`
 * leaves. Deno has to be given --allow-env=USER,USERNAME for the default name.
 *
 *     $ tsx udp/chat-server.ts
 *     The chat server is ready on 127.0.0.1:12003
 *     ...
 *     $ tsx udp/chat-client.ts --name ada
 *     * ada joined
 *     * here: ada
 *     * bob joined
 *     * eve joined
 *     ada: hello
 *     $ tsx udp/chat-client.ts --name bob
 *     ...
 *     ada: hello
 *     * ada left
 *     bob: she never stays long
 *     $ tsx udp/chat-client.ts --name eve
 *     ...
 *     bob: she never stays long
 *     * bob left
 */
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { isIPv6 } from "node:net";
import { createInterface } from "node:readline";
import { config } from "../shared/config.ts";

const user = process.env.USER ?? process.env.USERNAME ?? "guest";
const { host, port, name } = config("chat", { name: user });
const server = isIPv6(host) ? `[${host}]:${port}` : `${host}:${port}`;
const trouble: Record<string, string> = {
  ECONNREFUSED: `nothing answers on ${server}: start tsx udp/chat-server.ts there`,
};
const { stdin, stdout } = process;
const terminal = stdin.isTTY && stdout.isTTY;
let chatting = false; // while the keyboard is read
stdout.on("error", () => process.exit(1)); // as in: client | head -1
// What came from the network must not steer the terminal.
const visible = (line: unknown) => `${line}`.replace(/(?!\t)\p{Cc}/gu, "");

const socket = createSocket(isIPv6(host) ? "udp6" : "udp4");
const send = (text: string) =>
  socket.send(text, (error) => error && socket.emit("error", error));
socket.on("error", ({ code = "" }: NodeJS.ErrnoException) => {
  fail(trouble[code] ?? `cannot reach ${server} (${code}): try another host`);
});
socket.connect(port, host);
await once(socket, "connect");

const silence = setTimeout(fail, 15_000, `${server} is silent: try again`);
const join = (word = "") => send(`/join ${name}${word}`);
join();
const asking = setInterval(join, 1000);
let joined = false;
await new Promise<void>((resolve) => {
  // One listener throughout: the next datagram may be right behind this one.
  socket.on("message", (message) => {
    const text = visible(message);
    if (!joined && text.startsWith("! ")) fail(text);
    if (!joined && text.startsWith("? ")) return join(text.slice(1));
    joined = true;
    resolve();
    if (chatting) silence.refresh();
    if (text === "bye") process.exit();
    // Late copies of what came before, and the sign of life.
    if (/^(\? \S+|here)$/.test(text)) return;
    show(text);
    if (text === "* the server has ended") fail(`${server} has ended the chat`);
  });
});
clearInterval(asking);
const keyboard = createInterface({
  input: stdin,
  output: terminal ? stdout : undefined,
  prompt: `${name}: `,
});
chatting = true;
keyboard.on("line", (line) => {
  if (!chatting) return; // after a /quit
  if (line === "/quit") return keyboard.close();
  send(line);
  keyboard.prompt();
});
keyboard.on("close", () => {
  chatting = false;
  send("/quit");
  if (terminal) console.log(); // Ctrl-D ends no line
});
keyboard.on("SIGINT", () => socket.send("/quit", () => process.exit(130)));

setInterval(() => chatting && send("/here"), 5000);
setInterval(() => chatting || send("/quit"), 1000);

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
