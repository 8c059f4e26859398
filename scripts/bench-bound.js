/** An echo server with a handler of two lines, for scripts/bench.ts. */
import { createSocket } from "node:dgram";
import { createServer } from "node:net";

const udp = createSocket("udp4", (message, client) => {
  udp.send(message, client.port, client.address);
});
const tcp = createServer((connection) => {
  connection.on("data", (data) => connection.write(data));
  connection.on("error", () => {});
});

const isUdp = process.argv.includes("udp/echo-server.ts");
const server = isUdp ? udp.bind(0, "127.0.0.1") : tcp.listen(0, "127.0.0.1");
server.on("listening", () => console.log("ready:" + server.address().port));
