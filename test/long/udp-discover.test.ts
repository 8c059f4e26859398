import { test } from "uvu";
import * as assert from "uvu/assert";
import { needs, node, run, serve } from "../helper.ts";

const file = "udp/discover.ts";
const lan = `mount -t tmpfs none /run && mkdir /run/netns
ip link add lan type bridge && ip link set lan up
for i in 1 2; do
  ip netns add host$i && ip -n host$i link set lo up
  ip link add port$i type veth peer name lan$i netns host$i
  ip link set port$i master lan up && ip -n host$i link set lan$i up
  ip -n host$i address add 10.9.0.$i/24 dev lan$i
done
on() { ip netns exec host$1 ${node} ${file} --host $2 $3; }
on 1 10.9.0.1 --listen > /run/1 & on 1 127.0.0.1 --listen > /run/2 &
until grep -q ready /run/1 && grep -q ready /run/2; do sleep 0.1; done
on 2 10.9.0.2; on 2 10.9.0.2 --broadcast`;

needs(
  "root",
  "unshare",
  "ip",
)("hosts on a bridge find another", async () => {
  const alone = "unshare --net --mount --pid --fork --kill-child sh";
  const { stdout, stderr } = await run(alone, lan);
  // Not the one that listens on 127.0.0.1.
  assert.is(stdout, "guest is at 10.9.0.1:12000\n".repeat(2), stderr);
});

needs("linux", "python3")("no router passes an answer on", async () => {
  const { port, stop } = await serve(`${file} --listen`);
  const { stdout } = await run(`python3 -c "
import socket
asker = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
asker.setsockopt(socket.IPPROTO_IP, 12, 1) # IP_RECVTTL
asker.sendto(b'discover?', ('127.0.0.1', ${port}))
print('TTL', asker.recvmsg(100, 100)[1][0][2][0])"`);
  await stop();
  assert.is(stdout, "TTL 1\n");
});

test.run();
