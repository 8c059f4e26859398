/**
 * Chat client over TCP: sends what you type, prints what others say.
 *
 * A client that waits for a reply after each line cannot chat: others speak when
 * they like. So the lines that you type arrive as events, and a loop prints the
 * lines of the server; while it waits for one, events are handled. On a terminal a
 * message may arrive while you type: then your unfinished line is erased, the
 * message is printed, and your line appears again below it.
 *
 * --name is your user name, or guest (Deno needs --allow-env to know it).
 *
 *     $ tsx tcp/chat-server.ts
 *     The chat server is ready on 127.0.0.1:12003
 *     $ tsx tcp/chat-client.ts --name ada
 *     * The room contains: nobody else
 *     * bob has entered the room
 *     > hello bob
 *     [bob] hello ada
 *     $ tsx tcp/chat-client.ts --name bob
 *     * The room contains: ada
 *     [ada] hello bob
 *     > hello ada
 *     * ada has left the room
 */
import { connect } from "node:net";
import { clearLine, createInterface, cursorTo } from "node:readline";
import { config } from "../shared/config.ts";

const { stdin, stdout, env } = process;
const user = env.USER ?? env.USERNAME ?? "";
const isName = /^[A-Za-z\d]{1,20}$/.test(user);
const { host, port, name } = config("chat", { name: isName ? user : "guest" });

const client = connect({ host, port, timeout: 10_000 });
client.on("timeout", () => client.destroy(new Error("no reply: try again")));
const lines = createInterface({ input: client })[Symbol.asyncIterator]();
await lines.next(); // the server asks for a name
client.write(`${name}\n`);
const { value: room = "the server closed the connection" } = await lines.next();
if (!room.startsWith("*")) throw new Error(room);
client.setTimeout(0); // from now on nobody needs to say anything

if (stdin.isTTY) console.error("Type messages, then Ctrl-D:");
const output = stdin.isTTY && stdout.isTTY ? stdout : undefined;
const keyboard = createInterface({ input: stdin, output });
let leaving = false;
show(room);

keyboard.on("line", (message) => {
  if (!client.write(`${message}\n`)) stdin.pause();
  keyboard.prompt();
});
client.on("drain", () => stdin.resume());
keyboard.on("close", () => {
  leaving = true;
  client.end();
  client.setTimeout(10_000); // for the server to close its side
});
keyboard.on("SIGINT", () => process.exit(130)); // Ctrl-C
process.on("exit", clear);
process.on("uncaughtExceptionMonitor", clear); // before an error is printed

for await (const line of lines) show(line);
if (!leaving) throw new Error("the server closed the connection");

function show(line: string) {
  clear();
  // prompt(true) moves up over all rows that the typed line fills. These empty rows
  // keep it from overwriting the message.
  console.log(line + "\n".repeat(keyboard.getCursorPos().rows));
  if (!leaving) keyboard.prompt(true); // once it is closed, this would throw
}

/** Clears the row that is being typed, on a terminal. */
function clear() {
  if (!output) return;
  cursorTo(output, 0);
  clearLine(output, 0);
}
