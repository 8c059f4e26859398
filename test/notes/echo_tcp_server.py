"""notes-003's TCP server: sends one message back, and ends."""

from socket import AF_INET, SOCK_STREAM, socket

server = socket(AF_INET, SOCK_STREAM)
server.bind(("", 0))
server.listen()
print(f"ready on 127.0.0.1:{server.getsockname()[1]}", flush=True)
connection, client = server.accept()
message = connection.recv(2048)
connection.send(message)
connection.close()
server.close()
