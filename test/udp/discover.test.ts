import { createSocket } from "node:dgram";
import { once } from "node:events";
import { setImmediate } from "node:timers/promises";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { needs, ownAddress, run, sendFromPort0 } from "../helper.ts";
import { serve, start, udp } from "../helper.ts";

const file = "udp/discover.ts";
const ada = await serve(`${file} --listen --name ada`);
const at = `--port ${ada.port}`;
const bob = start(`${file} ${at} --listen --name bob --service 2105`);
await bob.line(/^bob is ready on 127.0.0.1:\d+$/m);
const answers = ["discover! 12000 ada", "discover! 2105 bob"];

for (const option of ["", " --broadcast"])
  test(`discover.ts${option} finds both listeners`, async () => {
    const { stdout, stderr } = await run(`${file} ${at}${option} | sort`);
    const both = "ada is at 127.0.0.1:12000\nbob is at 127.0.0.1:2105\n";
    assert.is(stdout, both);
    const to = option ? "255.255.255.255" : "239.255.12.4";
    assert.is(stderr, `Asked ${to}:${ada.port} from 127.0.0.1\n`);
  });

for (const to of ["239.255.12.4", "127.255.255.255"])
  needs("socat")(`socat asks ${to}: one answer from each`, async () => {
    const options = "broadcast,ip-multicast-if=127.0.0.1";
    const socat = `socat -t2 - UDP4-DATAGRAM:${to}:${ada.port},${options}`;
    const { stdout } = await run(socat, "discover?\n");
    assert.equal(stdout.split(/(?=disc)/).sort(), answers);
  });

needs("root", "python3")("only a client's question is answered", async () => {
  const heard: string[] = [];
  const [service, client] = [await udp(0, 1019, ownAddress), await udp()];
  const last = await udp();
  for (const socket of [service, client])
    socket.on("message", (answer) => heard.push(`${answer}`));
  service.send("discover?", ada.port, "127.0.0.1");
  sendFromPort0(ada.port, Buffer.from("discover?").toString("hex"));
  for (const text of [...answers, "", "discover??"])
    client.send(text, ada.port, "127.0.0.1");
  last.ref().send("discover?", ada.port, "127.0.0.1");
  const signal = AbortSignal.timeout(60_000);
  await once(last, "message", { signal }).finally(() => last.unref());
  await setImmediate(); // the others have read their answers, if there are any
  assert.equal(heard, []);
});

test("a name is shown harmless and cut, other datagrams not at all", async () => {
  const fake = createSocket("udp4").bind().unref();
  await once(fake, "listening");
  fake.addMembership("239.255.12.4", "127.0.0.1");
  fake.on("message", (_, { port }) => {
    const name = "\x1b[2J\r\u202eeve\n";
    const long = "😀".repeat(9000);
    for (const text of ["", "hello", "! x y", `! 80 ${name}`, `! 81 ${long}`])
      fake.send(`discover${text}`, port);
  });
  const { stdout } = await run(`${file} --port ${fake.address().port}`);
  const names = ["[2Jeve is at 127.0.0.1:80", "😀".repeat(40)];
  assert.is(stdout, `${names.join("\n")} is at 127.0.0.1:81\n`);
});

test("no answer in 2 s is an error", async () => {
  const { stderr, status } = await run(`${file} --port 1`);
  assert.match(stderr, "\n127.0.0.1:1: no answer in 2 s: start a listener\n");
  assert.is(status, 1);
});

test.after(ada.stop);
test.run();
