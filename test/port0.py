"""Sends a datagram from port 0, as only a forger does: port0.py PORT HEX (root)."""
import socket, struct, sys

data = bytes.fromhex(sys.argv[2])
header = struct.pack("!HHHH", 0, int(sys.argv[1]), 8 + len(data), 0)
raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_UDP)
raw.sendto(header + data, ("127.0.0.1", 0))
