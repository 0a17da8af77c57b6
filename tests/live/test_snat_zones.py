# SPDX-License-Identifier: Apache-2.0
"""Source NAT in conntrack zones: a zone has ports of its own, where answers have the zone, too."""

import json
import os
import shutil
import socket
import subprocess

import pytest

from lib.bpf import needs_bpf
from lib.exporter import PATIENCE, metrics, run
from lib.namespace import in_namespace
from router import PATH, ROUTER, Router
from test_snat import FAMILIES, IPV4, flags, peer, pool, some_range
from test_snat_lost import ONE_PORT, watching
from test_trace_snat import begin_json, lose, traced

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root may read the entries")

PROC, NETLINK = "--collector.snat.proc", "--collector.snat.netlink"
SIZE = 10
ZONES = {2: "5", 3: "61234"}  # by client
LOSS = 3  # more than there is room for

CHAIN = "table inet zones {{\n chain pre {{\n  type filter hook prerouting priority raw\n{}\n }}\n}}\n"


def nft(direction=""):
    lines = [f"  {family} saddr {start}{client} ct {direction} zone set {zone}"
             for client, zone in ZONES.items() for family, start in (("ip", "10.77.1."), ("ip6", "fd77:1::"))]
    subprocess.run(["nft", "-f", "-"], input=CHAIN.format("\n".join(lines)), text=True, check=True,
                   env={**os.environ, "PATH": PATH})


def iptables(family, option):
    program, start = ("iptables-nft", "10.77.1.") if family == IPV4 else ("ip6tables-nft", "fd77:1::")
    if shutil.which(program, path=PATH) is None:
        pytest.skip("there is no iptables-nft")
    for client, zone in ZONES.items():
        words = ["-s", f"{start}{client}", "-j", "CT", option, zone]
        done = subprocess.run([program, "-t", "raw", "-A", "PREROUTING", *words], check=False,
                              capture_output=True, text=True, env={**os.environ, "PATH": PATH})
        if done.returncode:
            pytest.skip(f"the kernel has no target CT: {done.stderr}")


class Asking:
    """UDP, since nobody needs to answer: with two zones, whose an answer is would not be clear."""

    def __init__(self, family):
        self.family = family
        self.router, self.ports = Router(), some_range(SIZE)
        self.router.rules(f"masquerade to :{self.ports[0]}-{self.ports[1]}")
        self.server = self.router.listen(53, family, kind=socket.SOCK_DGRAM)
        self.sockets = []
        self.flags = flags(self.ports)

    def ask(self, client, some, wanted):
        """Sends from so many sockets, and returns how many the server has heard of, when no more come."""
        for _ in range(some):
            self.sockets.append(self.router.new(self.family, client, kind=socket.SOCK_DGRAM))
            self.sockets[-1].sendto(b"?", peer(self.family, 53))
        came = 0
        try:
            while True:
                self.server.settimeout(PATIENCE if came < wanted else 0.7)
                self.server.recvfrom(1)
                came += 1
        except TimeoutError:
            return came

    def used(self, zone, *more):
        found = metrics(*self.flags, *more)
        return int(found.value("ephemera_snat_ports", state="active", zone=zone,
                               **pool(self.family, 53, protocol="udp")))

    def worst(self):
        family = "ipv4" if self.family == IPV4 else "ipv6"
        return metrics(*self.flags).value("ephemera_worst_snat_ports", protocol="udp", family=family)


def assert_each_has_its_own(asking):
    assert [asking.ask(client, 5, 5) for client in ZONES] == [5, 5]
    for zone in ZONES.values():
        assert asking.used(zone) == asking.used(zone, PROC) == asking.used(zone, NETLINK) == 5
    # Not ten of ten.
    assert asking.worst() == 5
    for client, zone in ZONES.items():
        assert asking.ask(client, 5 + LOSS, 5) == 5
        assert asking.used(zone) == asking.used(zone, PROC) == asking.used(zone, NETLINK) == SIZE
    assert asking.worst() == SIZE


@FAMILIES
@pytest.mark.parametrize("direction", ["", "reply"])
@in_namespace
def test_each_zone_has_ports_of_its_own(family, direction):
    asking = Asking(family)
    nft(direction)
    assert_each_has_its_own(asking)


@FAMILIES
@pytest.mark.parametrize("option", ["--zone", "--zone-reply"])
@in_namespace
def test_the_same_with_iptables(family, option):
    asking = Asking(family)
    iptables(family, option)
    assert_each_has_its_own(asking)


@FAMILIES
@in_namespace
def test_zones_of_the_original_direction_share_their_ports(family):
    asking = Asking(family)
    nft("original")
    assert [asking.ask(client, 4, 4) for client in ZONES] == [4, 4]
    assert asking.used("") == asking.used("", PROC) == asking.used("", NETLINK) == asking.worst() == 8
    assert asking.ask(2, 2 + LOSS, 2) == 2
    assert asking.ask(3, LOSS, 0) == 0
    assert asking.used("") == asking.worst() == SIZE


@in_namespace
def test_a_zone_beside_none():
    asking = Asking(IPV4)
    nft()
    assert asking.ask(2, 3, 3) == 3
    assert asking.ask(4, 7, 7) == 7
    assert (asking.used("5"), asking.used("")) == (3, 7)
    found = metrics(*asking.flags)
    where = pool(IPV4, 53, protocol="udp")
    assert found.value("ephemera_snat_client_ports", zone="5", client="10.77.1.2", **where) == 3
    assert found.value("ephemera_snat_client_ports", zone="", client="10.77.1.4", **where) == 7
    assert found.value("ephemera_snat_loss_ratio", zone="5", **where) == 0
    assert asking.ask(2, 7, 7) == 7
    found = metrics(*asking.flags)
    assert found.value("ephemera_snat_loss_ratio", zone="5", **where) == 1
    assert found.value("ephemera_snat_loss_ratio", zone="", **where) == 0


@in_namespace
def test_what_the_commands_say():
    asking = Asking(IPV4)
    nft()
    first = asking.ports[0]
    asking.router.rules(f"masquerade to :{first}")
    nft()
    assert [asking.ask(client, 1, 1) for client in (2, 3, 4)] == [1, 1, 1]
    asked = ("destinations", "--snat", f"--snat-ports={first}-{asking.ports[1]}")
    assert run(*asked).stdout.endswith(
        f"  from {ROUTER[IPV4]}  by 10.77.1.4 (1)\n"
        "udp 10.77.2.2:53       1       0     10  10.0%\n"
        f"  from {ROUTER[IPV4]} in zone 5  by 10.77.1.2 (1)\n"
        "udp 10.77.2.2:53       1       0     10  10.0%\n"
        f"  from {ROUTER[IPV4]} in zone 61234  by 10.77.1.3 (1)\n")
    pools = json.loads(run(*asked, "--json").stdout)["snat_pools"]
    assert [each.get("zone") for each in pools] == [None, 5, 61234]
    # One port, to the same destination: three connections.
    text = run("port", first).stdout
    assert "source NAT sends 3 connections out from it." in text.replace("\n", " "), text
    for client, zone in ((2, " in zone 5"), (3, " in zone 61234"), (4, "")):
        port = asking.sockets[client - 2].getsockname()[1]
        assert f"SNAT of 10.77.1.{client}:{port}{zone}\n" in text
    (answer,) = json.loads(run("port", first, "--json").stdout)["ports"]
    assert answer["snat"]["total"] == 3
    assert [each.get("zone") for each in answer["snat"]["connections"]] == [5, 61234, None]
    assert run("port", first, "--oneline").stdout.count("\n") == 3


@FAMILIES
@pytest.mark.parametrize("direction", ["", "reply", "original"])
@in_namespace
def test_lost_packets_are_counted_by_zone(family, direction):
    asking = Asking(family)
    nft(direction)
    zones = ("5", "61234", "") if direction != "original" else ("", "", "")
    with watching("--collector.snat.limit=10") as exporter:
        assert exporter.metrics().value("ephemera_kernel_feature", feature="snat_lost_packets") == 1
        wanted = [SIZE, SIZE, SIZE] if direction != "original" else [SIZE, 0, 0]
        assert [asking.ask(client, SIZE + client, some) for client, some in zip((2, 3, 4), wanted, strict=True)] == wanted
        found = exporter.metrics()
    lost = {}
    for client, zone, got in zip((2, 3, 4), zones, wanted, strict=True):
        lost[zone] = lost.get(zone, 0) + SIZE + client - got
    where = pool(family, 53, protocol="udp")
    assert {labels["zone"]: value for labels, value in found.samples("ephemera_snat_lost_packets_total")} == lost
    for zone, packets in lost.items():
        assert found.value("ephemera_snat_lost_packets_total", zone=zone, **where) == packets


@needs_bpf
@in_namespace
def test_trace_names_the_zone():
    asking = Asking(IPV4)
    nft()
    trace = traced()
    assert [asking.ask(client, SIZE + 1, SIZE) for client in (2, 4)] == [SIZE, SIZE]
    lines = trace.end()
    assert lines[0].endswith(f"  no port left for SNAT on {ROUTER[IPV4]} in zone 5")
    assert lines[1].endswith(f"  no port left for SNAT on {ROUTER[IPV4]}")
    assert sorted(lines[-2:]) == [f"           1  udp 10.77.2.2:53, SNAT on {ROUTER[IPV4]}",
                                  f"           1  udp 10.77.2.2:53, SNAT on {ROUTER[IPV4]} in zone 5"]


@needs_bpf
@in_namespace
def test_trace_names_the_zone_in_json():
    router = Router()
    router.rules(ONE_PORT)
    nft()
    trace, _ = begin_json(router)
    held = lose(router, IPV4, 1, 1, client=4)
    *events, last = map(json.loads, trace.end())
    assert {(event["client"], event.get("zone")) for event in events} == {("10.77.1.2", 5), ("10.77.1.4", None)}
    assert {each.get("zone") for each in last["summary"]["lost_packets_by_destination"]} == {5, None}
    del held
