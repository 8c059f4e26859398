"""Sends a UDP datagram with a forged source port, and counts the replies to it.

Usage: forge.py FROM-PORT TO-PORT [HEX], both of 127.0.0.1; as root. The datagram
holds a text, or else what HEX says. Another one, from a port of its own, is sent
behind it: once that one is answered, the first one's reply, if any, has been
sent as well.
"""

import socket
import struct
import sys

source, target = int(sys.argv[1]), int(sys.argv[2])
data = bytes.fromhex(sys.argv[3]) if sys.argv[3:] else b"forged"
raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_UDP)
raw.bind(("127.0.0.1", 0))
raw.settimeout(20)
last = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
last.bind(("127.0.0.1", 0))
own = last.getsockname()[1]

header = struct.pack("!HHHH", source, target, 8 + len(data), 0)
raw.sendto(header + data, ("127.0.0.1", 0))
last.sendto(data, ("127.0.0.1", target))

replies = 0
while True:
    packet = raw.recv(65535)  # every UDP datagram to 127.0.0.1, from IP on
    udp = packet[(packet[0] & 15) * 4 :]
    ports = struct.unpack("!HH", udp[:4])
    if ports == (target, source):
        replies += 1
    if ports == (target, own):
        break
print(replies, "replies")
