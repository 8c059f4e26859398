"""The loops of the notes' echo servers, for scripts/bench.ts.

Over TCP, each connection has a thread. The notes serve one at a time.
"""

from socket import AF_INET, SOCK_DGRAM, create_server, socket
from sys import argv
from threading import Thread


def serve(connection, client):
    while message := connection.recv(65536):
        connection.sendall(message)
    connection.close()


if "udp/echo-server.ts" in argv:
    server = socket(AF_INET, SOCK_DGRAM)
    server.bind(("127.0.0.1", 0))
    print(f"ready:{server.getsockname()[1]}", flush=True)
    while True:
        message, client = server.recvfrom(2048)
        server.sendto(message, client)

server = create_server(("127.0.0.1", 0), backlog=128)
print(f"ready:{server.getsockname()[1]}", flush=True)
while True:
    Thread(target=serve, args=server.accept(), daemon=True).start()
