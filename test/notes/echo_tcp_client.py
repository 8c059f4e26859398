"""notes-003's TCP client: one message, one recv."""

from socket import AF_INET, SOCK_STREAM, socket
from sys import argv

client = socket(AF_INET, SOCK_STREAM)
client.connect(("localhost", int(argv[1])))
message = input("Message: ")
client.send(message.encode())
print("from server:", client.recv(2048).decode())
client.close()
