/**
 * What the tests of the SMTP programs share.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { root, run } from "../scripts/processes.ts";
import {
  exchange,
  listen,
  node,
  serve,
  type Server,
  temporaryFolder,
} from "./harness.ts";

export const serverFile = "tcp/smtp-server.ts";
export const clientFile = "tcp/smtp-client.ts";

export const hello = "EHLO example.test\r\n";
export const from = "MAIL FROM:<ada@example.test>\r\n";
export const to = "RCPT TO:<bob@example.test>\r\n";
/** All that comes before a mail. */
export const envelope = `${hello}${from}${to}DATA\r\n`;
/** How the server begins to print such a mail. */
export const head = "mail from ada@example.test to bob@example.test,";

/**
 * An option for Node that makes the timers of a program 200 times as fast: 10
 * minutes take 3 seconds. Those of sockets stay as they are.
 */
export const faster =
  "--import 'data:text/javascript,const slow = globalThis.setTimeout;" +
  "globalThis.setTimeout = (what, ms) => slow(what, ms / 200)'";

/**
 * Starts a copy of the server that waits a second for its clients, where the
 * original waits 5 minutes.
 *
 * @param options its options
 * @returns the server, with its address
 */
export function impatient(options = ""): Promise<Server> {
  const config = pathToFileURL(join(root, "shared/config.ts")).href;
  const copy = join(temporaryFolder(), "impatient.mts");
  const source = readFileSync(join(root, serverFile), "utf8");
  if (!source.includes("5 * 60_000")) throw new Error("the limit is not there");
  writeFileSync(
    copy,
    source
      .replace("../shared/config.ts", config)
      .replace("5 * 60_000", "1_000"),
  );
  return serve(`${node} ${copy} --port 0 ${options}`);
}

/**
 * The codes of the replies to what is said.
 *
 * @param replies what a server has sent
 * @returns the codes with a space between them, one for each reply
 */
export function codes(replies: Buffer | string): string {
  return `${replies}`.match(/^\d{3}(?= )/gm)?.join(" ") ?? "";
}

/**
 * Says something to a server, then QUIT.
 *
 * @param port where the server listens
 * @param said all lines, each with its end
 * @returns the codes of all replies, the greeting's first
 */
export async function session(
  port: number,
  said: string | Buffer,
): Promise<string> {
  const all = Buffer.concat([Buffer.from(said), Buffer.from("QUIT\r\n")]);
  return codes(await exchange(port, [all]));
}

/**
 * Does something that makes a server print.
 *
 * @param server a server of ours
 * @param body what is done
 * @returns the lines that it has printed meanwhile
 */
export async function printed(
  server: Server,
  body: () => Promise<unknown>,
): Promise<string[]> {
  const begin = server.lines.length;
  await body();
  const mark = `mark${begin}@example.test`;
  const last = `${hello}MAIL FROM:<${mark}>\r\n${to}DATA\r\n.\r\n`;
  await session(server.port, last);
  await server.line(RegExp(`^mail from ${mark} `));
  const lines = server.lines.slice(begin);
  return lines.slice(
    0,
    lines.findIndex((line) => line.includes(mark)),
  );
}

/**
 * Runs the client to its end.
 *
 * @param port where its server listens
 * @param options its other options
 * @param input the mail
 * @param more options for Node
 */
export function client(
  port: number,
  options = "",
  input: string | Buffer = "Hello\n",
  more = "",
) {
  const command = `${node} ${more} ${clientFile} --port ${port} ${options}`;
  return run(command, input);
}

/** A server of the test, and what it has heard. */
export interface Scripted {
  port: number;
  commands: string[];
  mails: Buffer[];
}

/**
 * Starts a server that answers as told.
 *
 * @param answers a reply for each verb, and for "greeting" and "mail"; FIN, RST
 * and nothing are replies as well
 */
export async function scripted(
  answers: Record<string, string> = {},
): Promise<Scripted> {
  const usual: Record<string, string> = {
    greeting: "220 test\r\n",
    DATA: "354 go on\r\n",
    QUIT: "221 bye\r\n",
  };
  const commands: string[] = [];
  const mails: Buffer[] = [];
  const port = await listen((connection) => {
    const answer = (stage: string) => {
      const reply = answers[stage] ?? usual[stage] ?? "250 ok\r\n";
      if (reply === "FIN") connection.end();
      else if (reply === "RST") connection.resetAndDestroy();
      else connection.write(reply);
      return reply;
    };
    connection.on("error", () => {});
    connection.on("end", () => connection.end());
    answer("greeting");
    let rest = Buffer.alloc(0);
    let inMail = false;
    connection.on("data", (chunk) => {
      rest = Buffer.concat([rest, chunk]);
      for (;;) {
        // The line end of DATA is a part of what ends an empty mail.
        const whole = inMail
          ? Buffer.concat([Buffer.from("\r\n"), rest])
          : rest;
        const end = inMail ? "\r\n.\r\n" : "\r\n";
        const at = whole.indexOf(end);
        if (at < 0) return;
        rest = whole.subarray(at + end.length);
        if (inMail) {
          mails.push(whole.subarray(2, at + 2));
          inMail = false;
          answer("mail");
          continue;
        }
        const command = whole.toString("latin1", 0, at);
        commands.push(command);
        const verb = command.split(/[ :]/)[0]!;
        const reply = answer(verb);
        inMail = verb === "DATA" && reply.startsWith("3");
      }
    });
  });
  return { port, commands, mails };
}
