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
# It gets what all other programs send to 127.0.0.1, too: much room for that.
raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 26)
raw.setblocking(False)
last = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
last.bind(("127.0.0.1", 0))
last.settimeout(20)

header = struct.pack("!HHHH", source, target, 8 + len(data), 0)
raw.sendto(header + data, ("127.0.0.1", 0))
last.sendto(data, ("127.0.0.1", target))

last.recv(65535)
replies = 0
while True:
    try:
        packet = raw.recv(65535)  # from IP on
    except BlockingIOError:
        break
    udp = packet[(packet[0] & 15) * 4 :]
    if struct.unpack("!HH", udp[:4]) == (target, source):
        replies += 1
print(replies, "replies")
