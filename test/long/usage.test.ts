import { test } from "uvu";
import * as assert from "uvu/assert";
import { run } from "../helper.ts";

const noPort = "a --port is 1 to 65535; a server's 0 is any free one";
const peer = "give it HOST PORT, or --listen";
const question = "not a name and a type";
const label = "a".repeat(64);
const name = `${"a".repeat(63)}.`.repeat(4);

// Command lines that are wrong, and the beginning of the line on stderr.
for (const [command, problem] of Object.entries({
  "udp/client.ts --port 0": `127.0.0.1:0: ${noPort}`,
  "tcp/netcat.ts 127.0.0.1": peer,
  "tcp/netcat.ts 127.0.0.1 9 9": peer,
  "tcp/netcat.ts 127.0.0.1 99999": `127.0.0.1:99999: ${noPort}`,
  "udp/netcat.ts 127.0.0.1": peer,
  "udp/netcat.ts 127.0.0.1 9 9": peer,
  "udp/netcat.ts --listen --wait 2147484": "--wait takes at most 2000000 s",
  "tcp/relay.ts --to a:65536": "--to takes HOST:PORT",
  "tcp/relay.ts --reset 9 --hang 9": "--reset",
  "udp/relay.ts --to a:65536": "--to takes HOST:PORT",
  "udp/relay.ts --loss 101": "--loss takes 0 to 100",
  "udp/relay.ts --delay 4:3005:300": "--delay takes a pair such as 4:300",
  "tcp/websocket-server.ts --to localhost": "--to takes HOST:PORT",
  "tcp/websocket-server.ts --to a:65536": "--to takes HOST:PORT",
  "udp/discover.ts --host ::1": "--host is one IPv4 address",
  "udp/discover.ts --host 0.0.0.0": "--host is one IPv4 address",
  "udp/discover.ts --service 65536": "--host is one IPv4 address",
  "tcp/file-client.ts": "name one file or more",
  "udp/file-client.ts": "name one file",
  "udp/file-client.ts LICENSE --window 0": "name one file",
  "tcp/http-client.ts /a /b": "Give one path",
  "udp/dns-client.ts a.test SOA": `${question}: a.test SOA`,
  "udp/dns-client.ts a.test A b": `${question}: a.test A b`,
  [`udp/dns-client.ts ${label}`]: `${question}: ${label}`,
  [`udp/dns-client.ts ${name}`]: `${question}: ${name}`,
  "tcp/smtp-client.ts --from 'a@b\nRSET'": '"a@b\\nRSET" is not like ada@',
  "tcp/smtp-client.ts --to 'a@b,c@d>x'": '"c@d>x" is not like ada@',
}))
  test(`"${command.slice(0, 60)}" is refused in one line`, async () => {
    const { stdout, stderr, status } = await run(command, "hello");
    assert.is(stdout, "");
    assert.ok(stderr.startsWith(problem), stderr);
    assert.is(stderr.indexOf("\n"), stderr.length - 1);
    assert.is(status, 2);
  });

test.run();
