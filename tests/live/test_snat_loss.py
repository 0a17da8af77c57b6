# SPDX-License-Identifier: Apache-2.0
"""The chance that a SYN is lost in a range of more than 128 ports: what is promised, and what comes."""

import contextlib
import math
import os
import random
import socket
import struct
import time

import pytest

from lib.exporter import metrics
from lib.namespace import in_namespace
from lib.tracked import Tracked
from router import ROUTER, SERVER, Router

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root may make entries")

IPV4 = socket.AF_INET
FIRST_PORT, LAST_PORT = 1024, 65535
PORTS = LAST_PORT - FIRST_PORT + 1
SYNS = {90: 400, 95: 400, 98: 1600, 99.5: 1600}
TOGETHER = 25
# A dropped SYN is sent again after a second, and then has another chance.
IN_TIME_SECONDS = 0.7
RESET_AT_ONCE = struct.pack("ii", 1, 0)
# How often the test may fail where all is well.
CHANCE = 1 / 10000
# nf_nat_l4proto_unique_tuple(): so many ports, each time from another place on.
WINDOWS = (128, 64, 32, 16, 8)


def read(protocol="tcp"):
    found = metrics("--collector.disable-defaults", "--collector.snat", "--collector.snat.limit=2")
    where = {"protocol": protocol, "source": ROUTER[IPV4], "destination": SERVER[IPV4].format(2),
             "destination_port": "443"}
    return found.value("ephemera_snat_loss_ratio", **where), found.value("ephemera_snat_ports", state="active", **where)


def dropped():
    with open("/proc/net/stat/nf_conntrack", encoding="ascii") as file:
        names, *rows = (line.split() for line in file)
    return sum(int(row[names.index("drop")], 16) for row in rows)


def binomial(count, chance, at_most):
    """The chance that so many or fewer of count are lost."""
    ways = math.lgamma(count + 1)
    if chance == 0 or at_most < 0:
        return 1 if at_most >= 0 else 0
    return sum(math.exp(ways - math.lgamma(i + 1) - math.lgamma(count - i + 1)
                        + i * math.log(chance) + (count - i) * math.log1p(-chance)) for i in range(at_most + 1))


def chance_where(taken):
    """The chance that a SYN is lost where just these ports are taken, as the kernel searches."""
    free = sorted(set(range(FIRST_PORT, LAST_PORT + 1)).difference(taken))
    between = [(after - port - 1) % PORTS for port, after in zip(free, free[1:] + free[:1])]
    return math.prod(sum(max(0, some - window + 1) for some in between) / PORTS for window in WINDOWS)


def connected(sock):
    try:
        sock.getpeername()
    except OSError:
        return False
    return True


def empty(listener):
    """Takes what waits to be accepted, and would keep others from being so."""
    listener.setblocking(False)
    with contextlib.suppress(BlockingIOError):
        while True:
            listener.accept()[0].close()


def batch(router, tracked, server, listener):
    """Connects some at once, and takes their ports back. Returns how many had no port for their first SYN;
    None if a second one may have been sent."""
    sockets = [router.new() for _ in range(TOGETHER)]
    before, begin = dropped(), time.monotonic()
    for sock in sockets:
        sock.connect_ex(server)

    def told():
        """Those that are connected, and those that were dropped, when nothing is on its way."""
        return sum(map(connected, sockets)) + dropped() - before

    while told() < TOGETHER and time.monotonic() < begin + IN_TIME_SECONDS:
        time.sleep(0.005)
    lost = dropped() - before
    in_time = time.monotonic() < begin + IN_TIME_SECONDS
    there = [sock for sock in sockets if connected(sock)]
    flows = [(*sock.getsockname(), *server) for sock in there]
    for sock in sockets:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_AT_ONCE)
        sock.close()
    tracked.remove(flows)
    empty(listener)
    assert not in_time or lost + len(there) == TOGETHER
    return lost if in_time else None


@pytest.mark.parametrize("percent", [90, 95, 98, 99.5])
@pytest.mark.parametrize("how", ["", "fully-random"])
@in_namespace(seconds=300)
def test_so_many_are_lost_as_is_promised(percent, how):
    router = Router()
    router.rules(f"masquerade to :{FIRST_PORT}-{LAST_PORT} {how}")
    listener = router.listen(443)
    server = (SERVER[IPV4].format(2), 443)
    filled = round(PORTS * percent / 100)
    ports = random.sample(range(FIRST_PORT, LAST_PORT + 1), filled + TOGETHER)
    ports, more = ports[:filled], ports[filled:]
    with Tracked() as tracked:
        tracked.add((f"10.77.1.{100 + i % 2}", 1024 + i // 2, *server, ROUTER[IPV4], port)
                    for i, port in enumerate(ports))
        promised, active = read()
        assert active == filled
        there = chance_where(ports)
        # The fewer are lost, the more it matters where the free ones lie.
        assert promised == pytest.approx(there, rel=0.15 if percent > 99 else 0.6, abs=CHANCE)
        # Those of a batch take ports from each other; and a client's own port may be free.
        lowest, highest = there * percent / 100, chance_where(ports + more)
        lost = tried = late = 0
        while tried < SYNS[percent]:
            some = batch(router, tracked, server, listener)
            if some is None:
                late += 1
            else:
                lost, tried = lost + some, tried + TOGETHER
        # What was not there in time may have come later: nobody took its ports back.
        assert active <= read()[1] <= active + late * TOGETHER
    assert binomial(tried, lowest, lost) > CHANCE / 2, (lost, tried, lowest)
    assert 1 - binomial(tried, highest, lost - 1) > CHANCE / 2, (lost, tried, highest)
