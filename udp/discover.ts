/**
 * Discover over UDP: finds servers whose addresses nobody knows.
 *
 * A server that wants to be found joins a group with addMembership(). A question
 * to the group's address reaches all that joined, and each answers the asker. A
 * broadcast would disturb every machine on the network; a question to a group is
 * delivered only where a program has joined. It stays on the network: a router
 * does not pass on a multicast datagram whose TTL is 1, the default, and addresses
 * in 239.255.0.0/16 are for use within one site. Any program may join and hear
 * the question, and anybody may answer: a name is no proof. TCP has no groups.
 *
 * --listen waits for questions, and answers with --name and the port of --service.
 * Several listeners share one --port; reuseAddr allows that. --host is this
 * machine's address on the network to use; 127.0.0.1 is this machine alone.
 * --broadcast asks every machine on the network. That needs setBroadcast(), or
 * the system refuses (EACCES).
 *
 *     $ tsx udp/discover.ts --listen --name ada
 *     ada is ready on 127.0.0.1:12004
 *     $ tsx udp/discover.ts --listen --name bob --service 2105
 *     bob is ready on 127.0.0.1:12004
 *     $ tsx udp/discover.ts | sort
 *     Asked 239.255.12.4:12004 from 127.0.0.1
 *     ada is at 127.0.0.1:12000
 *     bob is at 127.0.0.1:2105
 */
import { createSocket } from "node:dgram";
import { isIPv4 } from "node:net";
import { config } from "../shared/config.ts";

const own = { listen: false, broadcast: false, name: "guest", service: 12000 };
const { host, port, name, ...discover } = config("discover", own);
if (!isIPv4(host) || host === "0.0.0.0" || discover.service > 65535) {
  console.error("--host is one IPv4 address, --service a port: see --help");
  process.exit(2);
}

const group = "239.255.12.4";
const answerForm = /^discover! (\d{1,5}) (.{1,40})/u;

// Sends on one network only; answers come to its port, which may be any.
const socket = createSocket("udp4").bind(0, host);
socket.on("listening", discover.listen ? listen : ask);

function listen() {
  const answer = `discover! ${discover.service} ${name}`;
  socket.setTTL(1); // a forged question gets no answer sent to another network
  socket.on("error", (error) => console.error("an asker:", error.message));
  // A group's address has no port of its own: datagrams for it come to any
  // socket with this port on this machine.
  const member = createSocket({ type: "udp4", reuseAddr: true });
  member.bind(port);
  member.on("listening", () => {
    member.addMembership(group, host);
    console.log(`${name} is ready on ${host}:${member.address().port}`);
  });
  member.on("message", (question, { address, port }) => {
    const isQuestion = `${question}`.trim() === "discover?";
    if (isQuestion && port >= 1024) socket.send(answer, port, address);
  });
}

function ask() {
  const to = discover.broadcast ? "255.255.255.255" : group;
  socket.setBroadcast(discover.broadcast);
  socket.setMulticastInterface(host);
  socket.send("discover?", port, to, (error) => {
    if (error) throw error;
    console.error(`Asked ${to}:${port} from ${host}`);
  });

  // Could redraw or reverse a terminal's text.
  const controls = /[\p{Cc}\u202a-\u202e\u2066-\u2069]/gu;
  let answers = 0;
  socket.on("message", (datagram, { address }) => {
    const text = `${datagram}`.replaceAll(controls, "");
    const [, service, name] = answerForm.exec(text) ?? [];
    if (!name) return; // another protocol's
    answers++;
    console.log(`${name} is at ${address}:${service}`);
  });
  setTimeout(() => {
    if (answers === 0) throw new Error("no answer in 2 s: start a listener");
    socket.close();
  }, 2000);
}
