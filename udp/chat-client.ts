/**
 * Chat client over UDP: sends what you type, shows what others say.
 *
 * No connection tells the server that its members are there. So a client repeats
 * its `/join` once a second, and takes 15 s of silence for the server's end. The
 * server's header explains the words of a `/join`. A message is sent once: a
 * member who misses it does not know. `/who` tells who is there, `/quit` leaves.
 * Deno needs --allow-env=USER,USERNAME for the default name.
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
import { clearScreenDown, createInterface } from "node:readline";
import { cursorTo, type Interface, moveCursor } from "node:readline";
import { config } from "../shared/config.ts";

const user = process.env.USER ?? process.env.USERNAME ?? "guest";
const { host, port, name } = config("chat", { name: user });
const { stdin, stdout } = process;
// Control characters, but for the tab, and those that turn text around: taken
// out, or a message could redraw the terminal of who reads it.
const steering = /(?!\t)[\p{Cc}\u202a-\u202e\u2066-\u2069]/gu;
// Accents, and emoji that are made of several: how wide a terminal draws them,
// nobody knows.
const uneven = /[\p{M}\p{RI}\p{EMod}\u200d]/u;
let typing = false; // whether a prompt is shown, and behind it a line
let leaving = false;
let word = ""; // the server's for this address
let joinedWith = ""; // the word that it has accepted

const socket = createSocket(isIPv6(host) ? "udp6" : "udp4");
socket.connect(port, host); // sends nothing: only the server is heard now
await once(socket, "connect");
process.on("uncaughtExceptionMonitor", clear); // before an error is told

const silence = setTimeout(fail, 15_000, `${host}:${port} is silent`);
socket.on("message", (message) => {
  const text = `${message}`.replaceAll(steering, "");
  if (text === "bye") process.exit();
  if (text.startsWith("? ")) return report(text.slice(2));
  if (!joinedWith && text.startsWith("! ")) fail(text);
  if (text === "here" || text.startsWith("* here: ")) joinedWith = word;
  silence.refresh();
  if (text !== "here" && stdout.writableLength < 1e6) show(text);
});
report();
setInterval(report, 1000);
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, quit);
if (stdin.isTTY) stdin.on("end", quit); // the window was closed
while (!joinedWith) await once(socket, "message");

const output = stdin.isTTY && stdout.isTTY ? stdout : undefined;
const options = { input: stdin, output, crlfDelay: Infinity };
const keyboard = createInterface(options) as Interface & { prevRows: number };
keyboard.setPrompt(`${name}: `);
keyboard.on("SIGINT", quit); // Ctrl-C
keyboard.on("close", () => {
  if (typing) console.log(); // Ctrl-D ends no line
  typing = false;
});

typing = keyboard.terminal;
if (typing) keyboard.prompt();
for await (const line of keyboard) {
  if (line === "/quit") break;
  socket.send(line, (error) => error && socket.emit("error", error));
  if (typing) keyboard.prompt();
}
keyboard.close();
leaving = true;
report(); // and once a second, until the server says bye

/** Tells the server that we are here, or that we leave. */
function report(given = word) {
  word = given;
  socket.send(leaving ? "/quit" : `/join ${name} ${word} ${joinedWith}`);
}

function quit() {
  socket.send("/quit", () => process.exit(130));
  if (typing) console.log(); // Ctrl-C ends no line
}

/** Shows text above the line that is being typed. */
function show(text: string) {
  if (!typing) return console.log(text);
  clear();
  // The typed line may fill several rows. prompt(true) goes up as many before
  // it writes them again, so make room for that.
  console.log(text + "\n".repeat(keyboard.prevRows));
  keyboard.prompt(true);
}

/** Clears the line that is being typed. */
function clear() {
  if (!typing) return;
  const { rows } = keyboard.getCursorPos();
  // Rather leave a row than clear what others have said.
  if (!uneven.test(keyboard.line)) moveCursor(stdout, 0, -rows);
  cursorTo(stdout, 0);
  clearScreenDown(stdout);
}

function fail(text: string) {
  clear();
  console.error(text);
  process.exit(1);
}
