/**
 * The least that a runtime can do: bound.ts udp|tcp|http [upper]. What a server
 * of ours is slower than this, its own lines cost.
 */
import { createSocket } from "node:dgram";
import { createServer as createHttpServer } from "node:http";
import { type AddressInfo, createServer } from "node:net";

const [kind, upper] = process.argv.slice(2);
const answer = (data: Buffer) => (upper ? `${data}`.toUpperCase() : data);
const ready = ({ port }: AddressInfo) =>
  console.log(`ready on 127.0.0.1:${port}`);

const udp = createSocket("udp4");
udp.on("message", (data, client) => {
  udp.send(answer(data), client.port, client.address);
});
const tcp = createServer({ noDelay: true }, (connection) => {
  connection.on("data", (data) => connection.write(answer(data)));
  connection.on("error", () => {});
});
const http = createHttpServer((request, response) => {
  const { method, url, rawHeaders } = request;
  response.end(`${method} ${url} HTTP/1.1\r\n${rawHeaders.join("\r\n")}\r\n`);
});

if (kind === "udp") udp.bind(0, "127.0.0.1", () => ready(udp.address()));
else {
  const server = kind === "tcp" ? tcp : http;
  server.listen(0, "127.0.0.1", () => ready(server.address() as AddressInfo));
}
