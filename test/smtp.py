"""Sends a mail with Python's smtplib: python3 test/smtp.py PORT < MAIL"""

import smtplib
import sys

with smtplib.SMTP("127.0.0.1", int(sys.argv[1]), timeout=20) as server:
    server.ehlo()
    print(*sorted(server.esmtp_features))
    print(server.login("ada", "secret")[0])
    print(server.verify("bob")[0])
    print(server.noop()[0], server.rset()[0])
    refused = server.sendmail(
        "ada@example.test",
        ["bob@example.test", "eve@example.test"],
        # It sends bytes as they are, so they must have the right line ends.
        sys.stdin.buffer.read().replace(b"\n", b"\r\n"),
        mail_options=["BODY=8BITMIME"],
        rcpt_options=["NOTIFY=NEVER"],
    )
    print(refused)
