# SPDX-License-Identifier: Apache-2.0
"""Fills one destination step by step, releases it, and starts again.

Both ends of each connection are here: a listener on 127.0.0.1:9000, and clients of it. Each client takes a port of this
network namespace's range for the destination 127.0.0.1:9000. It runs only if the range is small, so it
cannot use up the ports of a host by mistake.
"""

import argparse
import errno
import os
import selectors
import signal
import socket
import sys
import time

RANGE = "/proc/sys/net/ipv4/ip_local_port_range"
LARGEST_RANGE = 2000
DESTINATION = ("127.0.0.1", 9000)
# The container's health check looks at its age. A connection would itself take a port.
ALIVE = "/tmp/alive"

# What it does, the share of the range that it then holds, and for how many seconds. The alerts wait for
# more than five minutes at half, and for more than one minute nearly full.
CYCLE = (
    ("half used", 0.55, 20),
    ("nearly full", 0.92, 20),
    ("full", 1.0, 100),
    ("half used", 0.60, 220),
    ("released", 0.0, 120),
)
# New connections each tenth of a second, so graphs show slopes, not jumps.
PACE = 20


class Holder:
    """The connections, both ends of each."""

    def __init__(self):
        self.listener = socket.create_server(DESTINATION, backlog=128)
        self.listener.setblocking(False)
        self.selector = selectors.DefaultSelector()
        self.selector.register(self.listener, selectors.EVENT_READ)
        self.clients = []
        self.served = set()

    def open(self):
        """One connection more; whether the kernel had a port for it."""
        client = socket.socket()
        try:
            client.connect(DESTINATION)
        except OSError as error:
            client.close()
            if error.errno != errno.EADDRNOTAVAIL:
                raise
            return False
        self.clients.append(client)
        self.serve(0)
        return True

    def close(self):
        """One connection less. Its client closes first, as most do, so its port goes to TIME_WAIT."""
        self.clients.pop().close()
        self.serve(0)

    def serve(self, seconds):
        """Accepts what is new, and ends what the client has ended."""
        for key, _ in self.selector.select(seconds):
            if key.fileobj is self.listener:
                served, _ = self.listener.accept()
                self.selector.register(served, selectors.EVENT_READ)
                self.served.add(served)
            else:
                self.selector.unregister(key.fileobj)
                self.served.discard(key.fileobj)
                key.fileobj.close()


def say(text):
    print(text, flush=True)


def step(holder, name, wanted, seconds):
    """Goes to the number of connections wanted, and stays there for the rest of the seconds."""
    say(f"{name}: {wanted} connections to {DESTINATION[0]}:{DESTINATION[1]} for {seconds:.0f} s")
    end = time.monotonic() + seconds
    refused_at = 0
    while time.monotonic() < end:
        for _ in range(PACE):
            if len(holder.clients) > wanted:
                holder.close()
            elif len(holder.clients) < wanted and not holder.open():
                if time.monotonic() - refused_at >= 10:
                    refused_at = time.monotonic()
                    say(f"connect(): {os.strerror(errno.EADDRNOTAVAIL)}, with {len(holder.clients)} held")
                break
        with open(ALIVE, "w", encoding="ascii"):
            pass
        holder.serve(0.1)
        time.sleep(0.1)


def alive():
    """Whether the other process is: it touches the file ten times in a second."""
    try:
        return time.time() - os.stat(ALIVE).st_mtime < 10
    except FileNotFoundError:
        return False


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cycles", type=int, default=0, help="end after so many (default 0: never)")
    parser.add_argument("--speed", type=float, default=1.0, help="of the cycle (default 1: 8 minutes)")
    parser.add_argument("--check", action="store_true", help="only say whether the workload is alive")
    options = parser.parse_args()
    if options.check:
        return 0 if alive() else 1

    with open(RANGE, encoding="ascii") as file:
        first, last = map(int, file.read().split())
    ports = last - first + 1
    if ports > LARGEST_RANGE:
        say(f"The range has {ports} ports, from {first} to {last}: this is not a namespace for a demonstration "
            f"(at most {LARGEST_RANGE}). Nothing was done.")
        return 1

    # As the first process of a container it has no handler that ends it.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    holder = Holder()
    done = 0
    while not options.cycles or done < options.cycles:
        for name, share, seconds in CYCLE:
            # For all of them, one more than there are: the kernel must refuse one.
            wanted = ports + 1 if share == 1 else round(share * ports)
            step(holder, name, wanted, seconds / options.speed)
        done += 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
