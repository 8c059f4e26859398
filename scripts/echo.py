"""What a reader might use instead of our echo servers, for the benchmark.

Usage: echo.py asyncio|loop|datagrams [upper]. asyncio serves many connections,
with a Protocol; loop serves one after the other, with recv and sendall;
datagrams is the loop of recvfrom and sendto. With upper, replies are in capitals.
"""

import asyncio
import sys
from socket import AF_INET, SOCK_DGRAM, create_server, socket

kind, upper = sys.argv[1], sys.argv[2:] == ["upper"]
address = ("127.0.0.1", 0)


def ready(server):
    print(f"ready on 127.0.0.1:{server.getsockname()[1]}", flush=True)


class Echo(asyncio.Protocol):
    def connection_made(self, transport):
        self.transport = transport

    def data_received(self, data):
        self.transport.write(data.upper() if upper else data)

    # A client that does not read its replies is not read from either.
    def pause_writing(self):
        self.transport.pause_reading()

    def resume_writing(self):
        self.transport.resume_reading()


async def serve():
    server = await asyncio.get_running_loop().create_server(Echo, *address)
    ready(server.sockets[0])
    await server.serve_forever()


if kind == "asyncio":
    asyncio.run(serve())
elif kind == "loop":
    server = create_server(address)
    ready(server)
    while True:
        connection, client = server.accept()
        with connection:
            try:
                while data := connection.recv(65536):
                    connection.sendall(data.upper() if upper else data)
            except OSError:
                pass  # that client is gone
else:
    server = socket(AF_INET, SOCK_DGRAM)
    server.bind(address)
    ready(server)
    while True:
        data, client = server.recvfrom(65536)
        server.sendto(data.upper() if upper else data, client)
