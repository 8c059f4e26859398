"""notes-003's UDP server: sends one datagram back, and ends."""

from socket import AF_INET, SOCK_DGRAM, socket

server = socket(AF_INET, SOCK_DGRAM)
server.bind(("", 0))
print(f"ready on 127.0.0.1:{server.getsockname()[1]}", flush=True)
message, client = server.recvfrom(2048)
server.sendto(message, client)
server.close()
