# SPDX-License-Identifier: Apache-2.0
"""`ephemera advise` on a host that translates sources: what it advises gives more ports."""

import os

import pytest

from lib.exporter import run
from lib.namespace import NOBODY, in_namespace, sysctl
from lib.sockets import wait_until
from lib.tracked import Tracked
from advising import advise, follow
from router import NEAR, ROUTER, SERVER, Router, connected, ip
from test_snat import FAMILIES, IPV4, fill, peer, some_range

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root may read the entries")

WIDEST = 65536 - 1024
DAY = 86400


@FAMILIES
@in_namespace
def test_snat_ports(family):
    router, ports = Router(), some_range(10)
    router.rules(f"masquerade to :{ports[0]}-{ports[1]}")
    listener = router.listen(443, family)
    held = fill(router, family, 8)
    assert "snat-ports" not in advise()
    held += fill(router, family, 2, 3)
    finding = advise()["snat-ports"]
    server = SERVER[family].format(2)
    server = server if family == IPV4 else f"[{server}]"
    assert finding["urgency"] == "now"
    assert finding["finding"].startswith(
        f"10 of the 10 ports of the SNAT address {ROUTER[family]} towards {server}:443 (tcp) are taken.")
    assert "No new connection gets one." in finding["finding"]
    assert finding["finding"].endswith("2 has most of them: 8.")
    assert finding["promise"] == {"figure": "ports of a SNAT address towards it", "now": 10, "then": WIDEST}
    assert finding["sysctls"] == []
    # A SYN that finds no port is dropped.
    assert connected([router.new(family)], peer(family)) == []
    assert "(snat-ports)" in follow("snat-ports")  # it shows the rules
    router.rules("masquerade")
    # More than ten, as promised; that all of them are given is for test_snat.py.
    held += fill(router, family, 50)
    assert "snat-ports" not in advise()
    del held, listener


@in_namespace(seconds=300)
def test_where_the_range_is_the_widest_more_addresses_help():
    router = Router()
    first, last = "10.77.2.10", "10.77.2.25"
    router.rules(f"snat ip to {first}")
    listener = router.listen(443)
    with router.at(router.server):
        for i in range(10, 26):
            ip("neighbour", "add", f"10.77.2.{i}", "lladdr", NEAR, "dev", "far", "nud", "permanent")
    server = (SERVER[IPV4].format(2), 443)
    with Tracked() as tracked:
        tracked.add(("10.77.1.2", 1024 + i, *server, first, 1024 + i) for i in range(WIDEST))
        finding = advise()["snat-ports"]
        assert finding["finding"].startswith(f"{WIDEST} of the {WIDEST} ports of the SNAT address {first} towards ")
        assert "Name more addresses" in finding["action"] and "fully-random" in finding["action"]
        assert "promise" not in finding and finding["sysctls"] == []
        clients = range(3, 7)
        assert connected([router.new(client=client) for client in clients], server) == []
        assert "(snat-ports)" in follow("snat-ports")  # it shows the rules
        router.rules(f"snat ip to {first}-{last}")
        # By its address a client keeps to one of the sixteen: all four are hardly given the full one.
        held = connected([router.new(client=client) for client in clients], server, wanted=1)
        assert held
        del held
    listener.close()


@in_namespace
def test_what_the_router_sends_itself_takes_ports_too():
    router, ports = Router(), some_range(10)
    router.rules(f"masquerade to :{ports[0]}-{ports[1]}")
    listener = router.listen(443)
    own = [router.new(client=None) for _ in range(4)]
    for port, sock in enumerate(own, ports[0]):
        sock.bind((ROUTER[IPV4], port))
    held = connected(own, peer(IPV4), wanted=4) + fill(router, IPV4, 5)
    assert f"9 of the 10 ports of the SNAT address {ROUTER[IPV4]}" in advise()["snat-ports"]["finding"]
    del held, listener


def seconds_left():
    """Of the entries of connections to port 443, in connection tracking."""
    with open("/proc/net/nf_conntrack", encoding="ascii") as file:
        return [int(line.split()[4]) for line in file if " ESTABLISHED " in line and " dport=443 " in line]


@in_namespace
def test_snat_timeout():
    router, ports = Router(), some_range(10)
    router.rules(f"masquerade to :{ports[0]}-{ports[1]}")
    listener = router.listen(443)
    held = fill(router, IPV4, 9)
    name = "net.netfilter.nf_conntrack_tcp_timeout_established"
    before = int(sysctl(name))
    finding = advise()["snat-timeout"]
    assert before > DAY
    assert finding["urgency"] == "soon"
    assert finding["promise"] == {"figure": "seconds that a silent connection keeps its port",
                                  "now": before, "then": DAY}
    assert finding["sysctls"] == [{"name": name, "value": str(DAY)}]
    assert min(seconds_left()) > DAY
    follow("snat-timeout")
    # From its next packet on.
    held[0].send(b"x")
    wait_until(lambda: sum(left <= DAY for left in seconds_left()) == 1, "the new timeout")
    assert "snat-timeout" not in advise()
    del held, listener


@in_namespace
def test_a_range_of_which_the_kernel_tries_a_part():
    """Of more than 128 ports it tries 248 at most: random ones find the rest sooner."""
    router, ports = Router(), some_range(200)
    router.rules(f"masquerade to :{ports[0]}-{ports[1]} fully-random")
    listener = router.listen(443)
    held = fill(router, IPV4, 190)
    finding = advise()["snat-ports"]
    assert f"190 of the 200 ports of the SNAT address {ROUTER[IPV4]}" in finding["finding"]
    assert "fully-random" in finding["action"]
    del held, listener


@in_namespace
def test_nothing_is_said_where_nothing_is_translated():
    assert "snat-ports" not in advise()
    done = run("advise")
    assert (done.returncode, done.stderr) == (0, "")


@in_namespace(user=NOBODY)
def test_who_may_not_read_the_entries_is_told_no_error():
    done = run("advise")
    assert (done.returncode, "conntrack" in done.stderr) == (0, False)
