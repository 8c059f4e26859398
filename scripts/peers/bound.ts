/**
 * The least that a runtime can do: bound.ts udp|tcp|http [upper]. How close an
 * example comes to this is what its own lines cost.
 */
import { createSocket } from "node:dgram";
import { createServer as createHttpServer } from "node:http";
import { type AddressInfo, createServer } from "node:net";

const [kind, upper] = process.argv.slice(2);
const answer = (data: Buffer) =>
  upper ? data.toString().toUpperCase() : data;
const ready = ({ port }: AddressInfo) =>
  console.log(`ready on 127.0.0.1:${port}`);

if (kind === "udp") {
  const server = createSocket("udp4");
  server.on("message", (data, { port, address }) => {
    server.send(answer(data), port, address);
  });
  server.bind(0, "127.0.0.1", () => ready(server.address()));
} else {
  const tcp = createServer({ noDelay: true }, (connection) => {
    connection.on("data", (data) => connection.write(answer(data)));
    connection.on("error", () => {});
  });
  // Sends the request back, as tcp/http-server.ts does.
  const http = createHttpServer((request, response) => {
    const { method, url, httpVersion, rawHeaders } = request;
    let head = `${method} ${url} HTTP/${httpVersion}\r\n`;
    for (let i = 0; i < rawHeaders.length; i += 2)
      head += `${rawHeaders[i]}: ${rawHeaders[i + 1]}\r\n`;
    response.setHeader("Content-Type", "text/plain; charset=utf-8");
    response.end(`${head}\r\n`);
  });
  const server = kind === "http" ? http : tcp;
  server.listen(0, "127.0.0.1", () => ready(server.address() as AddressInfo));
}
