/**
 * What the tests of the DNS programs share: messages, and other programs to ask.
 */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import * as assert from "uvu/assert";
import { run } from "../scripts/processes.ts";
import { node, nobody, serve, temporaryFolder } from "./harness.ts";

/** The command that runs the client. */
export const client = `${node} udp/dns-client.ts`;

/** A question: example.test, A, IN. */
export const question = "\x07example\x04test\0\0\x01\0\x01";

/**
 * Puts bytes together.
 *
 * @param parts numbers of one byte each, or characters of one byte each
 * @returns all of them
 */
export function bytes(...parts: (string | number[])[]): Buffer {
  return Buffer.concat(
    parts.map((part) => Buffer.from(part as string, "latin1")),
  );
}

/**
 * Puts a message together.
 *
 * @param header its six numbers of two bytes
 * @param rest what follows it
 * @returns the message
 */
export function message(
  header: number[],
  ...rest: (string | number[])[]
): Buffer {
  return bytes(
    header.flatMap((number) => [number >> 8, number & 255]),
    ...rest,
  );
}

/**
 * Asks a server with one dig.
 *
 * @param port the server's
 * @param questions what is asked, and the options of each
 * @returns of each reply the status, the flags, the numbers of answers and of
 *   authority records, and whether it has an OPT record
 */
export async function dig(
  port: number,
  questions: string[],
): Promise<string[]> {
  const options = `-p ${port} +tries=1 +notcp +ignore`;
  const { stdout } = await run(
    `dig @127.0.0.1 ${options} ${questions.join(" ")}`,
  );
  const replies = stdout.split(";; ->>HEADER<<- ").slice(1);
  return replies.map((reply) => {
    const status = /status: (\w+)/.exec(reply)?.[1];
    const flags = /flags: qr((?: aa| tc)*)/.exec(reply)?.[1];
    const counts = /ANSWER: (\d+), AUTHORITY: (\d+)/.exec(reply);
    const opt = /; EDNS: /.test(reply) ? " edns" : "";
    return `${status}${flags} ${counts?.[1]} ${counts?.[2]}${opt}`;
  });
}

/**
 * Asks a name server with our client and with dig: both print the same.
 *
 * @param to its address, and its port
 * @param questions what both are asked
 */
export async function compare(
  [host, port]: [string, number],
  questions: string[],
): Promise<void> {
  await Promise.all(
    questions.map(async (words) => {
      const ours = await run(
        `${client} --host ${host} --port ${port} ${words}`,
      );
      const digs = await run(`dig +noall +answer @${host} -p ${port} ${words}`);
      // dig aligns the columns.
      const plain = (text: string) => text.replaceAll(/[\t ]+/g, " ");
      assert.is(plain(ours.stdout), plain(digs.stdout), words);
      assert.ok(ours.stdout, words);
      assert.is(ours.stderr, "");
      assert.is(ours.exitCode, 0);
    }),
  );
}

/** An address for a name server: a free port where no other test listens. */
async function place(): Promise<[string, number]> {
  return nobody("udp/dns-client.ts");
}

/**
 * Starts dnsmasq.
 *
 * @param options what it serves, or whom it asks
 * @returns its address, and its port
 */
export async function dnsmasq(...options: string[]): Promise<[string, number]> {
  const [host, port] = await place();
  const plain =
    "--conf-file=/dev/null --no-resolv --no-hosts --log-facility=- --pid-file=";
  const at = `--user=root --bind-interfaces --listen-address=${host} -p ${port}`;
  await serve(`dnsmasq -k ${plain} ${at} ${options.join(" ")}`, /started/);
  return [host, port];
}

/**
 * Starts unbound.
 *
 * @param zone the records of a zone, two.test
 * @returns its address, and its port
 */
export async function unbound(...zone: string[]): Promise<[string, number]> {
  const folder = temporaryFolder();
  const [host, port] = await place();
  const conf = join(folder, "unbound.conf");
  writeFileSync(
    conf,
    `server:
  interface: ${host}
  port: ${port}
  username: ""
  chroot: ""
  directory: "${folder}"
  pidfile: ""
  logfile: ""
  use-syslog: no
  verbosity: 1
  do-daemonize: no
  rrset-roundrobin: no
  access-control: 127.0.0.0/8 allow
  local-zone: "two.test." static
${zone.map((record) => `  local-data: '${record}'`).join("\n")}
remote-control:
  control-enable: no
`,
  );
  await serve(`unbound -d -c ${conf}`, /start of service/);
  return [host, port];
}
