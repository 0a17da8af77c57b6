# SPDX-License-Identifier: Apache-2.0
"""Attackers on many addresses, as a program: each holds as many connections as it can.

    with Attackers(exporter, addresses=20, connections=300, kinds=("ask", "idle")):
        ...

A connection that the exporter closes is made anew at once.
"""

import argparse
import contextlib
import errno
import selectors
import socket
import subprocess
import sys
import time

# What a connection does: asks again and again; is silent; is kept after an answer; asks often and never reads.
KINDS = ("ask", "silent", "kept", "unread")
# One that is refused at once would otherwise only measure how fast this program is.
PAUSE_SECONDS = 0.01


class Attackers:
    """The program, running during the block, with sources from 127.9.0.1 on; or, of a network such
    as 2001:db8:1::, from 2001:db8:1::1 on."""

    def __init__(self, exporter, addresses, connections, kinds=KINDS, host=None, network="127.9"):
        self.command = [sys.executable, __file__, host or exporter.host, str(exporter.port),
                        f"--addresses={addresses}", f"--connections={connections}",
                        f"--kinds={','.join(kinds)}", f"--network={network}"]

    def __enter__(self):
        self.process = subprocess.Popen(self.command, stdin=subprocess.DEVNULL)
        return self

    def __exit__(self, *_):
        ended = self.process.poll()
        self.process.kill()
        self.process.wait()
        assert ended is None, f"the attackers ended: exit status {ended}"


class Connection:
    """One of an attacker's, that does what its kind says for as long as it lives."""

    def __init__(self, attack, source, kind):
        self.attack, self.source, self.kind = attack, source, kind
        self.open()

    def open(self):
        family = socket.AF_INET6 if ":" in self.source else socket.AF_INET
        self.socket = socket.socket(family, socket.SOCK_STREAM)
        self.socket.setblocking(False)
        self.asked = False
        if self.kind == "unread":
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
        self.socket.bind((self.source, 0))
        result = self.socket.connect_ex(self.attack.target)
        if result not in (0, errno.EINPROGRESS):
            self.close()
            return
        self.attack.selector.register(self.socket, selectors.EVENT_WRITE, self)

    def close(self):
        with contextlib.suppress(KeyError, ValueError):
            self.attack.selector.unregister(self.socket)
        self.socket.close()
        self.attack.later.append((time.monotonic() + PAUSE_SECONDS, self.open))

    def ask(self):
        request = self.attack.request
        self.socket.send(request * (20 if self.kind == "unread" else 1))

    def on_event(self):
        try:
            if not self.asked:
                self.begin()
            elif self.kind == "unread":
                pass
            else:
                self.read()
        except BlockingIOError:
            pass
        except OSError:
            self.close()

    def begin(self):
        self.asked = True
        if self.kind != "silent":
            self.ask()
        # What is never read only tells of its end; that is looked at now and then.
        if self.kind == "unread":
            self.attack.selector.unregister(self.socket)
            self.attack.later.append((time.monotonic() + 0.1, self.look))
        else:
            self.attack.selector.modify(self.socket, selectors.EVENT_READ, self)

    def look(self):
        try:
            self.socket.send(self.attack.request[:1])
        except BlockingIOError:
            pass
        except OSError:
            self.close()
            return
        self.attack.later.append((time.monotonic() + 0.1, self.look))

    def read(self):
        data = self.socket.recv(1 << 20)
        if not data:
            self.close()
        elif self.kind == "ask" and data.startswith(b"HTTP/1.1 "):
            if data.startswith(b"HTTP/1.1 200"):
                self.ask()
            else:
                self.attack.later.append((time.monotonic() + PAUSE_SECONDS, self.ask_again))

    def ask_again(self):
        with contextlib.suppress(OSError):
            self.ask()


class Attack:
    """All connections, in one loop."""

    def __init__(self, arguments):
        self.target = (arguments.host, arguments.port)
        self.request = b"GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n"
        self.selector = selectors.DefaultSelector()
        self.later = []
        kinds = arguments.kinds.split(",")
        for number in range(arguments.connections):
            host = number % arguments.addresses
            source = (f"{arguments.network}.{host // 250}.{host % 250 + 1}"
                      if ":" not in arguments.network else f"{arguments.network}{host + 1:x}")
            # Each address has each kind in turn.
            Connection(self, source, kinds[number // arguments.addresses % len(kinds)])

    def run(self):
        while True:
            for key, _ in self.selector.select(PAUSE_SECONDS):
                key.data.on_event()
            now = time.monotonic()
            due = [call for when, call in self.later if when <= now]
            self.later = [(when, call) for when, call in self.later if when > now]
            for call in due:
                call()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("host")
    parser.add_argument("port", type=int)
    parser.add_argument("--addresses", type=int, required=True)
    parser.add_argument("--connections", type=int, required=True)
    parser.add_argument("--kinds", default=",".join(KINDS))
    parser.add_argument("--network", default="127.9")
    Attack(parser.parse_args()).run()


if __name__ == "__main__":
    main()
