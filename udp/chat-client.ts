/**
 * Chat client over UDP: sends what you type, prints what others say.
 *
 * It reads the keyboard and prints as tcp/chat-client.ts does. But there is no
 * connection: connect() only stores the server's address. The client joins with its
 * name and a token, as the comment at the top of udp/chat-server.ts explains, and
 * repeats that every 3 seconds. If one of these is lost, the next one joins. They
 * show the server that the client is there, and no answer in 15 seconds shows that
 * the server is gone. A message is sent once: if it is lost, nobody notices.
 *
 * --name is your user name, or guest (Deno needs --allow-env to know it).
 *
 *     $ tsx udp/chat-server.ts
 *     The chat server is ready on 127.0.0.1:12003
 *     $ tsx udp/chat-client.ts --name ada
 *     * The room contains: nobody else
 *     * bob has entered the room
 *     > hello bob
 *     [bob] hello ada
 *     $ tsx udp/chat-client.ts --name bob
 *     * The room contains: ada
 *     [ada] hello bob
 *     > hello ada
 *     * ada has left the room
 */
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { isIPv6 } from "node:net";
import { clearLine, createInterface, cursorTo } from "node:readline";
import { config } from "../shared/config.ts";

const { stdin, stdout, env } = process;
const user = env.USER ?? env.USERNAME ?? "";
const isName = /^[A-Za-z\d]{1,20}$/.test(user);
const { host, port, name } = config("chat", { name: isName ? user : "guest" });

const client = createSocket(isIPv6(host) ? "udp6" : "udp4");
client.connect(port, host);
await once(client, "connect");

if (stdin.isTTY) console.error("Type messages, then Ctrl-D:");
const output = stdin.isTTY && stdout.isTTY ? stdout : undefined;
const keyboard = createInterface({ input: stdin, output });
keyboard.pause(); // the first prompt() resumes it

let joined = false;
let token = "none"; // the server sends one to a client that has none
let unanswered = 0;
setInterval(join, 3000);
join();

client.on("message", (message) => {
  unanswered = 0;
  const line = message.toString().trimEnd();
  const isRoom = line.startsWith("* The room contains:");
  if (isRoom && joined) return; // the reply to a repeated join
  if (isRoom) joined = true;
  if (joined) show(line);
  else if (line.startsWith("!")) throw new Error(line);
  if (!line.startsWith("?")) return;
  token = line.slice(line.lastIndexOf(" ") + 1);
  join();
});

keyboard.on("line", (message) => {
  client.send(message, (error) => error && client.emit("error", error));
  keyboard.prompt();
});
keyboard.on("close", () => leave(0));
keyboard.on("SIGINT", () => leave(130)); // Ctrl-C
process.on("exit", clear);
process.on("uncaughtExceptionMonitor", clear); // before an error is printed

function join() {
  if (unanswered === 5) throw new Error("no reply in 15 seconds: try again");
  unanswered++;
  client.send(`${name} ${token}`);
}

function leave(status: number) {
  client.removeAllListeners("message"); // no prompt() after the keyboard is closed
  client.send("\x04", () => process.exit(status)); // Ctrl-D as a byte
}

function show(line: string) {
  clear();
  // prompt(true) moves up over all rows that the typed line fills. These empty rows
  // keep it from overwriting the message.
  console.log(line + "\n".repeat(keyboard.getCursorPos().rows));
  keyboard.prompt(true);
}

/** Clears the row that is being typed, on a terminal. */
function clear() {
  if (!output) return;
  cursorTo(output, 0);
  clearLine(output, 0);
}
