"""Runs a command in a terminal of 80 columns, and types into it.

Usage: terminal.py COMMAND [TEXT KEYS]...: once the screen shows the TEXT, below
what it has shown before, the KEYS are typed, and so on; each step is told on
stderr. Prints all that the screen has shown, and exits as the command did.
"""

import fcntl
import os
import pty
import struct
import sys
import termios

command, *steps = sys.argv[1:]
pid, terminal = pty.fork()
if pid == 0:
    fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("4H", 24, 80, 0, 0))
    os.execvp("sh", ["sh", "-c", "exec " + command])

screen = b""
seen = 0
while True:
    if steps and (found := screen.find(steps[0].encode(), seen)) >= 0:
        seen = found + len(steps[0].encode())
        os.write(terminal, steps[1].encode())
        steps = steps[2:]
        print(len(steps) // 2, "steps left", file=sys.stderr, flush=True)
        continue
    try:
        shown = os.read(terminal, 65536)
    except OSError:  # how Linux tells that the command has ended
        break
    if not shown:
        break
    screen += shown

sys.stdout.buffer.write(screen)
status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
sys.exit(128 - status if status < 0 else status)
