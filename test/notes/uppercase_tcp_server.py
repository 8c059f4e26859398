"""notes-001's TCP server: one recv and one reply for each connection, one
connection at a time, for ever."""

from socket import AF_INET, SOCK_STREAM, socket

server = socket(AF_INET, SOCK_STREAM)
server.bind(("", 0))
server.listen(1)
print(f"ready on 127.0.0.1:{server.getsockname()[1]}", flush=True)
while True:
    connection, client = server.accept()
    sentence = connection.recv(1024).decode()
    connection.send(sentence.upper().encode())
    connection.close()
