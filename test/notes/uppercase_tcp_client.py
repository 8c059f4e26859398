"""notes-001's TCP client: one sentence, one recv, and the end of its half
of the connection only when it has the reply."""

from socket import AF_INET, SOCK_STREAM, socket
from sys import argv

client = socket(AF_INET, SOCK_STREAM)
client.connect(("localhost", int(argv[1])))
sentence = input()
client.send(sentence.encode())
print(client.recv(1024).decode())
client.close()
