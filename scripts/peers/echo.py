"""The echo servers in Python: echo.py tcp|udp [upper]

asyncio over TCP, and over UDP the loop of two calls that the notes have.
"""

import asyncio
import socket
import sys

kind, upper = sys.argv[1], "upper" in sys.argv


class Echo(asyncio.Protocol):
    def connection_made(self, transport):
        self.transport = transport

    def data_received(self, data):
        self.transport.write(data.upper() if upper else data)

    def pause_writing(self):
        self.transport.pause_reading()

    def resume_writing(self):
        self.transport.resume_reading()


async def serve(listener):
    server = await asyncio.get_running_loop().create_server(Echo, sock=listener)
    await server.serve_forever()


type = socket.SOCK_STREAM if kind == "tcp" else socket.SOCK_DGRAM
server = socket.socket(socket.AF_INET, type)
server.bind(("127.0.0.1", 0))
if kind == "tcp":
    server.listen(128)
print(f"ready on 127.0.0.1:{server.getsockname()[1]}", flush=True)
if kind == "tcp":
    asyncio.run(serve(server))
while True:
    data, client = server.recvfrom(65536)
    server.sendto(data.upper() if upper else data, client)
