/**
 * Chat client over TCP: sends what you type, shows what others say.
 *
 * Unlike the other clients it speaks and listens at the same time, and neither
 * waits for the other. A chunk may hold three messages and a half, so what comes
 * is cut at the line feeds. And it must not tear the line that is being typed:
 * that is cleared, and written again below. `/who` tells who is there, `/quit`
 * leaves. Deno needs --allow-env=USER,USERNAME for the default name.
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
import { once } from "node:events";
import { connect } from "node:net";
import { clearScreenDown, createInterface } from "node:readline";
import { cursorTo, type Interface, moveCursor } from "node:readline";
import { config } from "../shared/config.ts";

const user = process.env.USER ?? process.env.USERNAME ?? "guest";
const { host, port, name } = config("chat", { name: user });
const { stdin, stdout } = process;
// Control characters, but for the tab, and those that turn text around: taken
// out, or a message could redraw the terminal of who reads it.
const steering = /(?![\t\n])[\p{Cc}\u202a-\u202e\u2066-\u2069]/gu;
// Accents, and emoji that are made of several: how wide a terminal draws them,
// nobody knows.
const uneven = /[\p{M}\p{RI}\p{EMod}\u200d]/u;
let typing = false; // whether a prompt is shown, and behind it a line
let joined = false;
let leaving = false;

const connection = connect(port, host);
await once(connection, "connect", { signal: AbortSignal.timeout(10_000) });
connection.write(`${name}\n`);

let rest = ""; // a line whose end has not come yet
connection.setEncoding("utf8");
connection.on("data", (chunk) => {
  const lines = `${rest}${chunk}`.replaceAll(steering, "").split("\n");
  rest = lines.pop()!.slice(0, 2000); // a server sends no such lines
  const text = lines.join("\n"); // drawn one by one, they would delay Ctrl-C
  if (!text) return;
  if (!joined && text.startsWith("! ")) fail(text);
  joined = true;
  show(text);
  if (stdout.writableNeedDrain) connection.pause(); // nobody reads it
});
stdout.on("drain", () => connection.resume());
connection.on("end", () => {
  // We end first, and not before we have joined.
  if (!joined || !leaving) fail(`${host}:${port} has ended the chat`);
});
process.on("uncaughtExceptionMonitor", clear); // before an error is told

const output = stdin.isTTY && stdout.isTTY ? stdout : undefined;
const options = { input: stdin, output, crlfDelay: Infinity };
const keyboard = createInterface(options) as Interface & { prevRows: number };
keyboard.setPrompt(`${name}: `);
// Ctrl-C must not wait for the server, and ends no line.
keyboard.on("SIGINT", () => stdout.write("\n", () => process.exit(130)));
keyboard.on("close", () => {
  if (typing) console.log(); // Ctrl-D ends no line
  typing = false;
});

typing = keyboard.terminal;
for await (const line of keyboard) {
  if (line === "/quit") break;
  const room = connection.write(`${line}\n`);
  if (!room) await once(connection, "drain");
  if (typing) keyboard.prompt();
}
leaving = true;
keyboard.close();
connection.end();
await once(connection, "close", { signal: AbortSignal.timeout(10_000) });

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
