# SPDX-License-Identifier: Apache-2.0
"""Source NAT read by netlink: the same as the others say, and what it takes."""

import json
import os
import socket
import struct
import threading

import pytest

from lib.exporter import Exporter, metrics, run
from lib.namespace import NOBODY, in_namespace
from lib.sockets import wait_until
from router import ROUTER, SERVER, Router, connected

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root may ask netfilter")

IPV4, IPV6 = socket.AF_INET, socket.AF_INET6
FIRST, LAST = 42001, 42031
SIZE = LAST - FIRST + 1
FLAGS = ("--collector.disable-defaults", "--collector.snat", "--collector.snat.minimum-percent=0")
PROC = (*FLAGS, "--collector.snat.proc")
NETLINK = (*FLAGS, "--collector.snat.netlink")
CAP_NET_ADMIN = 1 << 12
NEEDS = "--collector.snat.netlink needs CAP_NET_ADMIN"

NETLINK_NETFILTER = 12
DELETE_ENTRIES = struct.pack("=IHHIIBBH", 20, 1 << 8 | 2, 5, 1, 0, 0, 0, 0)


def flush():
    """As conntrack -F."""
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_NETFILTER) as sock:
        sock.send(DELETE_ENTRIES)
        length, kind, _, _, _, error = struct.unpack_from("=IHHIIi", sock.recv(4096))
        assert (length, kind, error) == (36, 2, 0)


def of_snat(found):
    """All samples of the collector, except the one that says where it read."""
    return {(name, *sorted(labels.items())): value
            for name in found.names() if "_snat_" in name or "_conntrack_" in name
            for labels, value in found.samples(name) if name != "ephemera_snat_source_info"}


def source(found):
    ((labels, value),) = found.samples("ephemera_snat_source_info")
    assert value == 1
    return labels["source"]


def ask(router, family, some):
    """So many UDP sockets that have sent something; nobody needs to answer."""
    sockets = [router.new(family, kind=socket.SOCK_DGRAM) for _ in range(some)]
    for sock in sockets:
        sock.sendto(b"?", (SERVER[family].format(2), 53))
    return sockets


def closing(router, listener, address, some):
    """So many connections that end in TIME_WAIT."""
    for sock in connected([router.new() for _ in range(some)], address, wanted=some):
        sock.close()
    for _ in range(some):
        listener.accept()[0].close()


def of_closing(found, some):
    return found.total("ephemera_snat_ports", state="closing") == some


@in_namespace
def test_all_sources_say_the_same():
    router = Router()
    router.rules(f"masquerade to :{FIRST}-{LAST}",
                 "ip daddr 10.77.2.9 tcp dport 80 dnat ip to 10.77.2.3:8080")
    listeners = [router.listen(443), router.listen(443, IPV6), router.listen(8080, host=3), router.listen(80)]
    held = [connected([router.new(family, client=client) for _ in range(some)], address, wanted=some)
            for family, client, some, address in (
                (IPV4, 2, 5, (SERVER[IPV4].format(2), 443)), (IPV4, 3, 2, (SERVER[IPV4].format(2), 443)),
                (IPV6, 2, 7, (SERVER[IPV6].format(2), 443)), (IPV4, 4, 3, ("10.77.2.9", 80)))]
    held += [ask(router, IPV4, 11), ask(router, IPV6, 13)]
    closing(router, listeners[3], (SERVER[IPV4].format(2), 80), 3)
    wait_until(lambda: of_closing(metrics(*FLAGS), 3), "TIME_WAIT")
    # There is room for all but 7 of these, whose packets are dropped.
    more = connected([router.new() for _ in range(SIZE)], (SERVER[IPV4].format(2), 443), wanted=SIZE - 7)
    assert len(more) == SIZE - 7
    by_bpf, by_file, by_netlink = (metrics(*flags) for flags in (FLAGS, PROC, NETLINK))
    assert [source(found) for found in (by_bpf, by_file, by_netlink)] == ["bpf", "proc", "netlink"]
    # SYNs that are sent again are dropped again: only these two counters go on.
    changing = {("ephemera_conntrack_insert_failed_total",), ("ephemera_conntrack_drops_total",)}
    said = [of_snat(found) for found in (by_bpf, by_file, by_netlink)]
    first, second, third = ({key: value for key, value in each.items() if key not in changing} for each in said)
    assert first == second == third
    for key in changing:
        assert 7 <= said[0][key] <= said[1][key] <= said[2][key]
    for protocol, family, some in (("tcp", "ipv4", SIZE), ("tcp", "ipv6", 7), ("udp", "ipv4", 11), ("udp", "ipv6", 13)):
        assert by_netlink.value("ephemera_worst_snat_ports", protocol=protocol, family=family) == some
    assert by_netlink.value("ephemera_snat_ports", destination="10.77.2.3", destination_port=8080,
                            state="active") == 3
    del held, more, listeners


@in_namespace
def test_a_dump_that_comes_in_parts():
    router = Router()
    router.rules("masquerade to :10000-20000 fully-random")
    held = ask(router, IPV4, 401) + ask(router, IPV6, 307)
    found = metrics(*NETLINK)
    assert found.value("ephemera_worst_snat_ports", protocol="udp", family="ipv4") == 401
    assert found.value("ephemera_worst_snat_ports", protocol="udp", family="ipv6") == 307
    assert of_snat(found) == of_snat(metrics(*FLAGS)) == of_snat(metrics(*PROC))
    del held


@in_namespace
def test_it_keeps_one_capability_and_says_so():
    router = Router()
    router.rules(f"masquerade to :{FIRST}-{LAST}")
    listener = router.listen(443)
    held = []
    with Exporter(*NETLINK) as exporter:
        exporter.wait_for_log(lambda line: "CAP_NET_ADMIN (to read connection tracking by netlink)" in line)
        for some in (3, 5, 9):
            wanted = some - len(held)
            held += connected([router.new() for _ in range(wanted)], (SERVER[IPV4].format(2), 443), wanted=wanted)
            found = exporter.metrics()
            assert found.value("ephemera_snat_ports", state="active", source=ROUTER[IPV4],
                               destination_port=443) == some
            assert found.value("ephemera_scrape_collector_success", collector="snat") == 1
            assert source(found) == "netlink"
        with open(f"/proc/{exporter.pid}/status", encoding="ascii") as file:
            status = dict(line.split(":\t") for line in file.read().splitlines())
        assert int(status["CapEff"], 16) == int(status["CapPrm"], 16) == CAP_NET_ADMIN
        assert int(status["CapInh"], 16) == int(status["CapAmb"], 16) == int(status["CapBnd"], 16) == 0
        assert status["Uid"].split()[0] == str(NOBODY)
        assert status["Seccomp"] == "2"
    del held, listener


@in_namespace
def test_a_kernel_without_the_file(tmp_path):
    # What is left of /proc without CONFIG_NF_CONNTRACK_PROCFS.
    os.symlink("/proc/sys", tmp_path / "sys")
    os.mkdir(tmp_path / "net")
    os.chmod(tmp_path, 0o755)
    router = Router()
    router.rules(f"masquerade to :{FIRST}-{FIRST + 1}")
    listener = router.listen(443)
    held = connected([router.new() for _ in range(5)], (SERVER[IPV4].format(2), 443), wanted=2)
    assert len(held) == 2
    without = run("metrics", *FLAGS, f"--path.procfs={tmp_path}")
    assert without.returncode == 1
    assert "(--collector.snat.netlink does without it)" in without.stderr
    found = metrics(*NETLINK, f"--path.procfs={tmp_path}")
    assert found.value("ephemera_snat_ports", state="active", source=ROUTER[IPV4]) == 2
    assert found.value("ephemera_conntrack_insert_failed_total") >= 3
    assert found.value("ephemera_conntrack_drops_total") >= 3
    assert found.value("ephemera_conntrack_early_drops_total") == 0
    assert found.value("ephemera_conntrack_entries") >= 2
    there, by_netlink = f"--path.procfs={tmp_path}", "--collector.snat.netlink"
    for command, word in ((("destinations", "--snat"), "  from 10.77.2.1  by 10.77.1.2 (2)\n"),
                          (("port", str(FIRST), "--oneline"), "\tsnat\t")):
        done = run(*command, there, by_netlink)
        assert (done.returncode, done.stderr) == (0, "") and word in done.stdout, done
        assert word not in run(*command, there).stdout
    assert "(--collector.snat.netlink does without it)" in run("destinations", "--snat", there).stderr
    nobody = run("destinations", "--snat", there, by_netlink, user=NOBODY, group=NOBODY, extra_groups=())
    assert (nobody.returncode, nobody.stderr) == (
        1, "ephemera: destinations: --collector.snat.netlink needs CAP_NET_ADMIN\n")
    with Exporter(*NETLINK, "--web.enable-api", there) as exporter:
        answer = json.loads(exporter.get(f"/api/v1/ports/{FIRST}").body)
        assert answer["snat"]["connections"][0]["client_address"] == "10.77.1.2"
    del held, listener


@in_namespace
def test_without_the_capability_it_says_so_at_the_start():
    as_nobody = {"user": NOBODY, "group": NOBODY, "extra_groups": ()}
    done = run("metrics", *NETLINK, **as_nobody)
    assert done.returncode == 1
    assert NEEDS in done.stderr
    with Exporter(*NETLINK, **as_nobody) as exporter:
        exporter.wait_for_log(lambda line: "level=error" in line and NEEDS in line)
        found = exporter.metrics()
        assert found.value("ephemera_scrape_collector_success", collector="snat") == 0
        assert not of_snat(found)


@in_namespace
def test_where_nothing_is_tracked():
    found = metrics(*NETLINK)
    assert source(found) == "netlink"
    assert found.value("ephemera_worst_snat_ports", protocol="tcp", family="ipv4") == 0
    assert found.value("ephemera_conntrack_entries") == 0


@pytest.mark.parametrize("flags", [FLAGS, PROC, NETLINK], ids=["bpf", "proc", "netlink"])
@in_namespace
def test_a_table_that_is_flushed_meanwhile(flags):
    router = Router()
    router.rules(f"masquerade to :{FIRST}-{LAST}")
    ended = threading.Event()

    def disturb():
        while not ended.is_set():
            flush()

    with Exporter(*flags) as exporter:
        thread = threading.Thread(target=disturb)
        thread.start()
        try:
            for _ in range(20):
                held = ask(router, IPV4, 13)
                found = exporter.metrics()
                assert found.value("ephemera_scrape_collector_success", collector="snat") == 1
                del held
        finally:
            ended.set()
            thread.join()
        # And afterwards it is exact.
        flush()
        held = ask(router, IPV4, 11)
        assert exporter.metrics().value("ephemera_worst_snat_ports", protocol="udp", family="ipv4") == 11
        del held
