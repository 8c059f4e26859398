/** The clients of scripts/bench.ts. They check every byte that comes back. */
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { connect } from "node:net";

/** Sends data to an echo server. */
export type Send = (data: Buffer) => void;

export const megabyte = Buffer.alloc(1e6, "a message of thirty-two letters\n");
export const message = megabyte.subarray(0, 32);

/** The clients that send again what comes back, and how many bytes came. */
export const load = { clients: new Set<Send>(), received: 0 };

/** Opens a UDP client, and waits until a first message has come back. */
export async function udp(port: number) {
  const client = createSocket("udp4").unref();
  const send = (data: Buffer) => client.send(data);
  client.on("message", receiver(send));
  client.connect(port, "127.0.0.1", () => send(message));
  await once(client, "message", { signal: AbortSignal.timeout(60_000) });
  return send;
}

/** Opens a TCP connection, and waits until a first message has come back. */
export async function tcp(port: number) {
  const client = connect(port, "127.0.0.1", () => send(message));
  const send = (data: Buffer) => client.write(data);
  client.on("data", receiver(send));
  client.on("error", () => {}); // the end of the server; once() reports others
  await once(client, "data", { signal: AbortSignal.timeout(60_000) });
  return send;
}

function receiver(send: Send) {
  let position = 0; // in the message: TCP may cut it anywhere
  return (data: Buffer) => {
    const expected = megabyte.subarray(position, position + data.length);
    if (!data.equals(expected)) throw new Error("a wrong byte came back");
    position = (position + data.length) % message.length;
    load.received += data.length;
    if (load.clients.has(send)) send(data);
  };
}
