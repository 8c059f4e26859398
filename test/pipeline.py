"""Ends its half behind pipelined requests, whose replies it reads late.

In: a port. Out: a line for each connection, "217 of 217" replies.
So many requests come first that a reply has to wait for this reader, or nearly:
then the others, and the end behind them, wait in the server.
"""
import socket
import sys
import threading
import time

large = b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"x" * 15000 + b"\r\n\r\n"
small = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n" * 20


def connect():
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    client.connect(("127.0.0.1", int(sys.argv[1])))
    return client


def unread(client):
    """The bytes that the server has not read, as the system tells (Linux)."""
    ends = [f":{end[1]:04X}" for end in (client.getpeername(), client.getsockname())]
    for row in open("/proc/net/tcp").readlines()[1:]:
        _, here, there, _, queues, *_ = row.split()
        if here.endswith(ends[0]) and there.endswith(ends[1]):
            return int(queues.split(":")[1], 16)


def most():
    """How many it takes until the server reads no more."""
    client = connect()
    count = 0
    while not unread(client) or time.sleep(0.3) or not unread(client):
        client.sendall(large)
        count += 1
        time.sleep(0.002)
    return count


def ask(count):
    client = connect()
    for _ in range(count):
        client.sendall(large)
        time.sleep(0.002)
    time.sleep(0.2)
    client.sendall(small)
    client.shutdown(socket.SHUT_WR)
    time.sleep(0.5)
    received = b""
    while data := client.recv(65536):
        received += data
    answered = received.count(b"HTTP/1.1 200 OK")
    sys.stdout.write(f"{answered} of {count + 20}\n")


full = most()
for count in range(full - 8, full + 2):
    threading.Thread(target=ask, args=[count]).start()
