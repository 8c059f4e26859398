"""notes-001's UDP server: answers each datagram in capitals, for ever."""

from socket import AF_INET, SOCK_DGRAM, socket

server = socket(AF_INET, SOCK_DGRAM)
server.bind(("", 0))
print(f"ready on 127.0.0.1:{server.getsockname()[1]}", flush=True)
while True:
    message, client = server.recvfrom(2048)
    server.sendto(message.decode().upper().encode(), client)
