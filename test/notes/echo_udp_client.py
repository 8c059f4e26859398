"""notes-003's UDP client: one message, one datagram, one reply."""

from socket import AF_INET, SOCK_DGRAM, socket
from sys import argv

client = socket(AF_INET, SOCK_DGRAM)
message = input("Message: ")
client.sendto(message.encode(), ("localhost", int(argv[1])))
reply, server = client.recvfrom(2048)
print("from server:", reply.decode())
client.close()
