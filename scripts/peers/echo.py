"""Echo in Python: echo.py tcp|udp [upper]. TCP by asyncio, UDP as in the notes."""

import asyncio
import socket
import sys

upper = "upper" in sys.argv


class Echo(asyncio.Protocol):
    def connection_made(self, transport):
        self.write = transport.write
        self.pause_writing = transport.pause_reading
        self.resume_writing = transport.resume_reading

    def data_received(self, data):
        self.write(data.upper() if upper else data)


if sys.argv[1] == "tcp":
    loop = asyncio.new_event_loop()
    server = loop.run_until_complete(loop.create_server(Echo, "127.0.0.1", 0))
    print("ready on 127.0.0.1:%d" % server.sockets[0].getsockname()[1], flush=True)
    loop.run_forever()
server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
server.bind(("127.0.0.1", 0))
print("ready on 127.0.0.1:%d" % server.getsockname()[1], flush=True)
while True:
    data, client = server.recvfrom(2048)
    server.sendto(data.decode().upper().encode() if upper else data, client)
