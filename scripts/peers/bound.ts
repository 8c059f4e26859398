/** The least that a runtime can do: bound.ts udp|tcp|http [upper] */
import { createSocket } from "node:dgram";
import { createServer as createHttpServer } from "node:http";
import { type AddressInfo, createServer } from "node:net";

const [kind, upper] = process.argv.slice(2);
const answer = (data: Buffer) => (upper ? `${data}`.toUpperCase() : data);
const udp = createSocket("udp4", (data, client) =>
  udp.send(answer(data), client.port, client.address),
);
const tcp = createServer({ noDelay: true }, (connection) => {
  connection.on("data", (data) => connection.write(answer(data)));
  connection.on("error", () => {});
});
const http = createHttpServer(({ method, url, rawHeaders }, response) =>
  response.end(`${method} ${url} HTTP/1.1\r\n${rawHeaders.join("\r\n")}\r\n`),
);

const tell = ({ port }: AddressInfo) =>
  console.log(`ready on 127.0.0.1:${port}`);
const server = kind === "tcp" ? tcp : http;
if (kind === "udp") udp.bind(0, "127.0.0.1", () => tell(udp.address()));
else server.listen(0, "127.0.0.1", () => tell(server.address() as AddressInfo));
