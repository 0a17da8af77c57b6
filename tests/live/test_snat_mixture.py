# SPDX-License-Identifier: Apache-2.0
"""Source NAT of every kind, at random: what the metrics say is left is what the kernel gives."""

import itertools
import os
import random
import socket
import time

import pytest

from lib.exporter import PATIENCE, metrics
from lib.namespace import in_namespace
from router import CLIENT, ROUTER, SERVER, Router, connected

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root may read the entries")

# Together one hundred.
WORKERS, CASES = 5, 20
IPV4, IPV6 = socket.AF_INET, socket.AF_INET6
LOSS = 3  # more than there is room for
QUIET_SECONDS = 0.4
# Of snat to a pool; the router need not have them, if the server sends answers there.
POOL = {IPV4: ("10.77.2.8", "10.77.2.9"), IPV6: ("fd77:2::8", "fd77:2::9")}
RULE = """flush ruleset
table inet nat {{
 chain pre {{ type nat hook prerouting priority dstnat; {before} }}
 chain post {{ type nat hook postrouting priority srcnat; oifname "rs" meta l4proto {{ tcp, udp }} {action} }}
}}
"""


class Case:
    """Rules, and connections through them to one destination."""

    def __init__(self, router, chance, port):
        self.router, self.chance, self.port = router, chance, port
        self.family = chance.choice((IPV4, IPV6))
        self.kind = chance.choice((socket.SOCK_STREAM, socket.SOCK_DGRAM))
        self.size = chance.choice((2, 3, 10, 16, 64, 100, 127, 128))
        self.first = chance.randrange(1024, 65536 - self.size)
        self.how = chance.choice(("", "random", "fully-random", "persistent"))
        self.pool = chance.random() < 0.2
        self.dnat = chance.random() < 0.2
        self.host = chance.choice((2, 3))
        # Those of a pool depend on the client's address.
        self.client = chance.randrange(2, 7)
        self.server = (SERVER[self.family].format(self.host), port)
        self.asked = (SERVER[self.family].format(9), 80) if self.dnat else self.server
        self.held = []

    def __repr__(self):
        return str({name: value for name, value in vars(self).items() if name not in ("router", "chance", "held", "listener")})

    @property
    def last(self):
        return self.first + self.size - 1

    def rules(self):
        word = "ip" if self.family == IPV4 else "ip6"
        ports = f":{self.first}-{self.last} {self.how}"
        low, high = POOL[self.family]
        action = f"masquerade to {ports}"
        if self.pool:
            action = f"snat {word} to {low}-{high}{ports}" if self.family == IPV4 else \
                f"snat {word} to [{low}]-[{high}]{ports}"
        address = self.server[0] if self.family == IPV4 else f"[{self.server[0]}]"
        before = f"{word} daddr {self.asked[0]} {self.protocol} dport 80 dnat {word} to {address}:{self.port};" \
            if self.dnat else ""
        self.router.rules(action, before)

    @property
    def protocol(self):
        return "tcp" if self.kind == socket.SOCK_STREAM else "udp"

    def own(self, some):
        """The router's own sockets take ports, too."""
        for port in self.chance.sample(range(self.first, self.last + 1), some):
            sock = self.router.new(self.family, client=None, kind=self.kind)
            sock.bind((ROUTER[self.family], port))
            self.start([sock], self.server, 1)

    def start(self, sockets, address, wanted):
        """Returns how many get through."""
        self.held += sockets
        if self.kind == socket.SOCK_STREAM:
            return len(connected(sockets, address, QUIET_SECONDS, wanted))
        for sock in sockets:
            sock.sendto(b"?", address)
        came = 0
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            try:
                self.listener.recv(1)
                came += 1
                if came >= wanted:
                    end = time.monotonic() + QUIET_SECONDS
            except BlockingIOError:
                time.sleep(0.005)
        return came

    def left(self):
        """By the metrics."""
        found = metrics("--collector.disable-defaults", "--collector.snat", "--collector.snat.minimum-percent=0",
                        f"--collector.snat.ports={self.first}-{self.last}", "--collector.snat.limit=1000")
        where = {"protocol": self.protocol, "destination": self.server[0], "destination_port": str(self.port)}
        mine = CLIENT[self.family].format(self.client)
        # A client has one address of a pool, and the router's own sockets may have another one.
        [source] = [labels["source"] for labels, _ in found.samples("ephemera_snat_client_ports")
                    if labels["client"] == mine and where.items() <= labels.items()]
        return self.size - int(found.total("ephemera_snat_ports", source=source, **where))

    def play(self):
        self.rules()
        self.listener = self.router.listen(self.port, self.family, self.host, self.kind)
        self.listener.setblocking(False)
        self.own(self.chance.randrange(self.size // 5 + 1))
        some = self.chance.randrange(1, self.size // 2 + 1)
        clients = [self.router.new(self.family, self.client, kind=self.kind) for _ in range(some)]
        assert self.start(clients, self.asked, some) == some
        left = self.left()
        more = [self.router.new(self.family, self.client, kind=self.kind) for _ in range(left + LOSS)]
        assert self.start(more, self.asked, left) == left
        assert self.left() == 0
        for sock in [*self.held, self.listener]:
            sock.close()


@pytest.mark.parametrize("worker", range(WORKERS))
@in_namespace(seconds=600)
def test_what_is_left_is_what_comes(worker):
    seed = random.randrange(1 << 32)
    chance = random.Random(seed)
    router = Router()
    with router.at(router.server):
        for addresses in POOL.values():
            for address in addresses:
                os.system(f"PATH=$PATH:/usr/sbin:/sbin; ip route add {address} via "
                          f"{ROUTER[IPV6 if ':' in address else IPV4]}")
    for number in range(CASES):
        case = Case(router, chance, 2000 + number)
        try:
            case.play()
        except BaseException as error:
            raise AssertionError(f"seed {seed}, case {number}: {case}") from error
