# SPDX-License-Identifier: Apache-2.0
"""Packets that source NAT found no port for: each is counted by its destination, and no other is."""

import os
import re
import socket
import subprocess

import pytest

from lib.exporter import PATIENCE, Exporter
from lib.namespace import NOBODY, in_namespace, sysctl
from lib.sockets import need_kernel, wait_until
from router import CLIENT, PATH, ROUTER, SERVER, Router, connected

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root may read the entries")

IPV4, IPV6 = socket.AF_INET, socket.AF_INET6
FAMILIES = pytest.mark.parametrize("family", [IPV4, IPV6], ids=["ipv4", "ipv6"])
FIVE_PORTS = "masquerade to :40000-40004"
ONE_PORT = "masquerade to :40000-40000"
LOST = "ephemera_snat_lost_packets_total"
OTHER = "ephemera_other_snat_lost_packets_total"
FEATURE = "ephemera_kernel_feature"
TOLD_APART = 1024


def watching(*flags, **kw):
    need_kernel(5, 18, "reasons of dropped packets")
    return Exporter("--collector.disable-defaults", "--collector.snat", *flags, **kw)


def lost(found):
    """{(protocol, source, destination, port): packets}, of those that were lost."""
    return {(labels["protocol"], labels["source"], labels["destination"],
             int(labels["destination_port"])): value
            for labels, value in found.samples(LOST)}


def to(family, port, host=2, protocol="tcp"):
    return protocol, ROUTER[family], SERVER[family].format(host), port


def at(family, port, host=2):
    return SERVER[family].format(host), port


def statistics(name):
    """What the kernel counted of connection tracking, of all processors."""
    with open("/proc/net/stat/nf_conntrack", encoding="ascii") as file:
        names, *rows = (line.split() for line in file)
    return sum(int(row[names.index(name)], 16) for row in rows)


def add_rules(text):
    subprocess.run(["nft", "-f", "-"], input=text, text=True, check=True,
                   env={**os.environ, "PATH": PATH})


def firewall_drops():
    """Packets that reached a rule of add_rules() that has a counter."""
    said = subprocess.run(["nft", "list", "ruleset"], text=True, check=True, stdout=subprocess.PIPE,
                          env={**os.environ, "PATH": PATH}).stdout
    return [int(count) for count in re.findall(r"counter packets (\d+)", said)]


def send(router, family, count, port, host=2, client=2):
    """As many packets of UDP, each from a port of its own."""
    sockets = [router.new(family, client=client, kind=socket.SOCK_DGRAM) for _ in range(count)]
    for sock in sockets:
        try:
            sock.sendto(b"?", at(family, port, host))
        except PermissionError:
            assert client is None  # what the router's own sockets are told
    return sockets


@FAMILIES
@in_namespace
def test_each_syn_that_found_no_port_is_counted_by_its_destination(family):
    router = Router()
    router.rules(FIVE_PORTS)
    listeners = [router.listen(443, family), router.listen(80, family, host=3)]
    with watching() as exporter:
        assert exporter.metrics().value(FEATURE, feature="snat_lost_packets") == 1
        assert lost(exporter.metrics()) == {}
        first = [router.new(family) for _ in range(20)]
        second = [router.new(family, client=3) for _ in range(12)]
        # Some are sent again meanwhile, and lost again.
        assert len(connected(first, at(family, 443), wanted=5)) == 5
        assert len(connected(second, at(family, 80, 3), wanted=5)) == 5
        for sock in first + second:
            sock.close()
        # One may still be on its way.
        wait_until(lambda: sum(lost(exporter.metrics()).values()) == statistics("insert_failed"),
                   "as many as the kernel counts")
        found = exporter.metrics()
    counted = lost(found)
    assert counted.keys() == {to(family, 443), to(family, 80, 3)}
    assert counted[to(family, 443)] >= 15 and counted[to(family, 80, 3)] >= 7
    assert sum(counted.values()) == statistics("insert_failed") == statistics("drop")
    assert found.value(OTHER) == 0
    assert found.value("ephemera_snat_missed_events_total") < 10
    del listeners


@FAMILIES
@pytest.mark.parametrize("client", [2, None], ids=["forwarded", "own"])
@in_namespace
def test_each_datagram_that_found_no_port_is_counted_once(family, client):
    router = Router()
    router.rules(FIVE_PORTS)
    server = router.listen(53, family, kind=socket.SOCK_DGRAM)
    with watching() as exporter:
        held = send(router, family, 20, 53, client=client)
        wait_until(lambda: statistics("insert_failed") == 15, "15 that failed")
        assert lost(exporter.metrics()) == {to(family, 53, protocol="udp"): 15}
    del held, server


@in_namespace
def test_the_destination_is_the_one_after_dnat():
    router = Router()
    router.rules(ONE_PORT, "ip daddr 10.77.2.9 udp dport 53 dnat to 10.77.2.3:5353")
    with watching() as exporter:
        sockets = [router.new(kind=socket.SOCK_DGRAM) for _ in range(4)]
        for sock in sockets:
            sock.sendto(b"?", ("10.77.2.9", 53))
        wait_until(lambda: statistics("insert_failed") == 3, "3 that failed")
        assert lost(exporter.metrics()) == {to(IPV4, 5353, 3, "udp"): 3}


FIREWALL = """table inet filter {
 chain raw { type filter hook prerouting priority raw; udp dport 1001 counter drop; }
 chain pre { type filter hook prerouting priority dstnat + 5; udp dport 1002 counter drop; }
 chain forward { type filter hook forward priority filter; udp dport 1003 counter drop; }
 chain late { type filter hook forward priority 500; udp dport 1004 counter drop; }
 chain post { type filter hook postrouting priority srcnat - 5; udp dport 1005 counter drop; }
 chain nat { type nat hook postrouting priority srcnat - 1; udp dport 1006 counter drop; }
 chain out { type filter hook output priority filter; udp dport 1007 counter drop; }
 chain in { type filter hook input priority filter; udp dport 1008 counter drop; }
 chain behind { type filter hook input priority 105; udp dport 1009 counter drop; }
 chain later { type filter hook postrouting priority srcnat + 5; udp dport 1100 counter drop; }
}
"""


@FAMILIES
@in_namespace
def test_what_a_firewall_drops_is_not_counted(family):
    router = Router()
    router.rules(FIVE_PORTS)
    add_rules(FIREWALL)
    with watching() as exporter:
        held = [sock for port in range(1001, 1007) for sock in send(router, family, 7, port)]
        held += send(router, family, 7, 1007, client=None)
        for port in [1008, 1009] * 7:
            held.append(router.new(family, kind=socket.SOCK_DGRAM))
            held[-1].sendto(b"?", (CLIENT[family].format(1), port))
        wait_until(lambda: firewall_drops() == [7] * 9 + [0], "all that the firewall drops")
        assert lost(exporter.metrics()) == {}
        assert exporter.metrics().value(OTHER) == 0
    del held


HELPER = """table ip helper {
 ct helper tftp { type "tftp" protocol udp; }
 chain pre { type filter hook prerouting priority mangle; udp dport 69 ct helper set "tftp"; }
 chain forward { type filter hook forward priority filter; ct state related counter drop; }
}
"""


@in_namespace
def test_what_a_firewall_drops_of_a_helper_is_not_counted():
    """NAT translates such a connection before the firewall sees it: nf_nat_follow_master()."""
    router = Router()
    router.rules(FIVE_PORTS)
    try:
        add_rules(HELPER)
    except subprocess.CalledProcessError:
        pytest.skip("the kernel has no helper of TFTP")
    server = router.listen(69, kind=socket.SOCK_DGRAM)
    data = router.listen(5555, kind=socket.SOCK_DGRAM)
    with watching() as exporter:
        client = router.new(kind=socket.SOCK_DGRAM)
        client.sendto(b"\0\1file\0octet\0", at(IPV4, 69))
        server.settimeout(PATIENCE)
        _, address = server.recvfrom(100)
        data.sendto(b"\0\3\0\1", address)
        wait_until(lambda: firewall_drops() == [1], "what the firewall drops")
        assert lost(exporter.metrics()) == {}
        assert exporter.metrics().value(OTHER) == 0


@in_namespace
def test_what_a_rule_behind_source_nat_drops_is_counted():
    """docs/snat.md says so: it cannot be told from what found no port."""
    router = Router()
    router.rules(FIVE_PORTS)
    add_rules(FIREWALL)
    with watching() as exporter:
        held = send(router, IPV4, 3, 1100)
        wait_until(lambda: firewall_drops()[-1] == 3, "what that rule drops")
        assert lost(exporter.metrics()) == {to(IPV4, 1100, protocol="udp"): 3}
        assert statistics("insert_failed") == 0
    del held


@in_namespace
def test_no_packet_is_missing_where_there_are_more_destinations_than_are_told_apart():
    router = Router()
    router.rules(ONE_PORT)
    # Entries that nobody answers stay until the end of the test.
    sysctl("net.netfilter.nf_conntrack_udp_timeout", 600)
    ports = range(2000, 2000 + TOLD_APART + 300)
    first, second = (router.new(kind=socket.SOCK_DGRAM) for _ in range(2))
    sent = 0

    def lose(some):
        nonlocal sent
        for port in some:
            sent += 1
            second.sendto(b"?", at(IPV4, port))
            # More at once may be lost elsewhere.
            if sent % 50 == 0:
                wait_until(lambda: statistics("insert_failed") == sent, "50 that failed")
        wait_until(lambda: statistics("insert_failed") == sent, "all that failed")

    for port in ports:
        first.sendto(b"!", at(IPV4, port))
        wait_until(lambda port=port: statistics("insert_failed") == 0, "none that failed")
    with watching("--collector.snat.limit=7") as exporter:
        last = {}
        for busiest in (ports[:3], ports[3:5]):
            lose(ports)
            for _ in range(5 if last else 3):
                lose(busiest)
            found = exporter.metrics()
            now = lost(found)
            assert len(now) == 7
            assert all(now.get(key, value) >= value for key, value in last.items())
            # Those that are shown no longer keep what they had.
            last |= now
            assert sum(last.values()) + found.value(OTHER) == sent
            assert set(busiest) <= {port for *_, port in now}


@in_namespace
def test_those_of_other_namespaces_are_not_counted(tmp_path):
    router = Router()
    router.rules(FIVE_PORTS)
    os.chmod(tmp_path, 0o755)
    for path in tmp_path.parents:
        if path.owner() == "root" and path != path.parent and path.stat().st_mode & 0o777 == 0o700:
            os.chmod(path, 0o711)
    with router.at(router.client):
        exporter = watching(f"--web.listen-address=unix:{tmp_path}/socket")
        exporter.__enter__()
    try:
        held = send(router, IPV4, 9, 53)
        wait_until(lambda: statistics("insert_failed") == 4, "4 that failed")
        found = exporter.metrics()
        assert found.value(FEATURE, feature="snat_lost_packets") == 1
        assert lost(found) == {} and found.value(OTHER) == 0
    finally:
        exporter.__exit__(None, None, None)
    del held


def status_of(exporter):
    with open(f"/proc/{exporter.pid}/status", encoding="ascii") as file:
        return dict(line.split(":\t") for line in file.read().splitlines())


def as_nobody(*capabilities):
    given = ",".join(f"+{name}" for name in capabilities)
    return ("setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", f"--inh-caps={given}",
            f"--ambient-caps={given}", "--no-new-privs")


@pytest.mark.parametrize("wrapper", [(), as_nobody("dac_read_search", "bpf", "perfmon")],
                         ids=["root", "bpf_and_perfmon"])
@in_namespace
def test_it_counts_on_without_a_privilege(wrapper):
    router = Router()
    router.rules(FIVE_PORTS)
    with watching(wrapper=wrapper) as exporter:
        held = []
        for some in (6, 8, 13):
            held += send(router, IPV4, some - len(held), 53)
            wait_until(lambda some=some: statistics("insert_failed") == some - 5, "those that failed")
            assert lost(exporter.metrics()) == {to(IPV4, 53, protocol="udp"): some - 5}
        status = status_of(exporter)
        assert status["CapEff"].strip("0") == ""
        assert status["Uid"].split()[0] == str(NOBODY)
        assert status["Seccomp"] == "2"
    del held


@in_namespace
def test_without_the_right_to_load_programs_it_works_and_says_what_is_missing():
    router = Router()
    router.rules(FIVE_PORTS)
    with watching(wrapper=as_nobody("dac_read_search")) as exporter:
        held = send(router, IPV4, 9, 53)
        wait_until(lambda: statistics("insert_failed") == 4, "4 that failed")
        for _ in range(2):
            found = exporter.metrics()
        assert found.value(FEATURE, feature="snat_lost_packets") == 0
        assert not {LOST, OTHER, "ephemera_snat_missed_events_total"} & set(found.names())
        assert found.value("ephemera_scrape_collector_success", collector="snat") == 1
        assert found.value("ephemera_conntrack_insert_failed_total") == 4
        said = [line for line in exporter.log if "without a part" in line]
        assert len(said) == 1 and "level=info" in said[0] and "CAP_BPF and CAP_PERFMON" in said[0]
    del held
