"""Sends a UDP datagram with a forged source, and watches what comes of it.

Usage: loop.py FROM-PORT TO-PORT [HEX], both of 127.0.0.1; as root. The datagram
holds a text, or else what HEX says. Prints how many
datagrams the two ports have sent each other once they are silent for 1 s;
fails if that does not happen within 30 s.
"""

import socket
import struct
import sys
import time

source, target = int(sys.argv[1]), int(sys.argv[2])
text = bytes.fromhex(sys.argv[3]) if sys.argv[3:] else b"LOOP"  # in capitals
header = struct.pack("!HHHH", source, target, 8 + len(text), 0)

raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_UDP)
raw.bind(("127.0.0.1", 0))
raw.settimeout(1)
raw.sendto(header + text, ("127.0.0.1", 0))

seen = 0
begin = time.monotonic()
while time.monotonic() - begin < 30:
    try:
        packet = raw.recv(65535)  # every UDP datagram to 127.0.0.1, from IP on
    except TimeoutError:
        break
    udp = packet[(packet[0] & 15) * 4 :]
    if {*struct.unpack("!HH", udp[:4])} == {source, target}:
        seen += 1
        last = time.monotonic()
    elif seen and time.monotonic() - last > 1:
        break
else:
    sys.exit(f"still not silent after {seen} datagrams")
print(seen)
