"""The echo servers in Python: echo.py tcp|udp [upper]

Over TCP it is asyncio with a Protocol, over UDP the loop that the notes have.
"""

import asyncio
import socket
import sys

kind = sys.argv[1]
upper = "upper" in sys.argv
address = ("127.0.0.1", 0)


def answer(data):
    return data.upper() if upper else data


def ready(server):
    print(f"ready on 127.0.0.1:{server.getsockname()[1]}", flush=True)


class Echo(asyncio.Protocol):
    def connection_made(self, transport):
        self.transport = transport

    def data_received(self, data):
        self.transport.write(answer(data))

    def pause_writing(self):
        self.transport.pause_reading()

    def resume_writing(self):
        self.transport.resume_reading()


async def serve():
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Echo, *address, backlog=511)
    ready(server.sockets[0])
    await server.serve_forever()


if kind == "tcp":
    asyncio.run(serve())

server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
server.bind(address)
ready(server)
while True:
    data, client = server.recvfrom(65536)
    server.sendto(answer(data), client)
