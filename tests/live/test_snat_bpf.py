# SPDX-License-Identifier: Apache-2.0
"""Source NAT read from the kernel's own table, by BPF: the same as its text says, at a fraction of the cost."""

import collections
import ipaddress
import os
import random
import threading
import time

import pytest

from lib.exporter import Exporter, metrics, run
from lib.namespace import NOBODY, in_namespace
from lib.tracked import ESTABLISHED, TIME_WAIT, Tracked

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root may make entries of connection tracking")

FLAGS = ("--collector.disable-defaults", "--collector.snat", "--collector.snat.minimum-percent=0",
         "--collector.snat.limit=1000", "--collector.snat.clients-limit=100", "--collector.snat.ports=1024-65535")
PROC = (*FLAGS, "--collector.snat.proc")
SERVER, ADDRESS, FIRST = "192.0.2.9", "198.51.100.1", 1024
CLOSE = 8


def flows(count, server=SERVER, port=443, address=ADDRESS, first=FIRST):
    return [(f"10.{i // 60000}.{i // 250 % 250}.{i % 250 + 1}", 10000 + i % 50000, server, port, address, first + i)
            for i in range(count)]


def source(found):
    ((labels, value),) = found.samples("ephemera_snat_source_info")
    assert value == 1
    return labels["source"]


def of_snat(found):
    return {(name, *sorted(labels.items())): value
            for name in found.names() if "_snat_" in name or "_conntrack_" in name
            for labels, value in found.samples(name) if name != "ephemera_snat_source_info"}


def active(found, server=SERVER):
    return found.total("ephemera_snat_ports", destination=server, state="active")


@in_namespace
def test_it_finds_what_the_text_says():
    """Entries of both families and protocols, in each state of TCP, in some hundred pools."""
    chance = random.Random(2211)
    wanted = collections.Counter()
    with Tracked() as tracked:
        for family, pattern in ((4, "192.0.2.{}"), (6, "2001:db8::{:x}")):
            for host in range(1, 60):
                server, address = pattern.format(host), pattern.format(200 + host % 3)
                for protocol in "tcp", "udp":
                    state = chance.choice(range(1, 9)) if protocol == "tcp" else ESTABLISHED
                    count = chance.randrange(1, 40)
                    client = "10.1.{}.{}" if family == 4 else "fd00::{:x}:{:x}"
                    tracked.add([(client.format(host, i % 7 + 1), 1024 + i, server, 443, address, 2000 + i)
                                 for i in range(count)], protocol=protocol, state=state)
                    closing = protocol == "tcp" and state in (TIME_WAIT, CLOSE)
                    shown = str(ipaddress.ip_address(server))
                    wanted[protocol, shown, "closing" if closing else "active"] += count
        by_bpf, by_text = metrics(*FLAGS), metrics(*PROC)
    assert (source(by_bpf), source(by_text)) == ("bpf", "proc")
    assert of_snat(by_bpf) == of_snat(by_text)
    found = collections.Counter()
    for labels, value in by_bpf.samples("ephemera_snat_ports"):
        found[labels["protocol"], labels["destination"], labels["state"]] += value
    assert +found == wanted and len(wanted) > 200


@in_namespace
def test_entries_that_have_ended_hold_no_port():
    """The kernel removes them up to a minute later; whoever looks for a port passes them over."""
    with Tracked() as tracked:
        tracked.add(flows(300), lifetime_seconds=1)
        tracked.add(flows(200, port=444))
        with Exporter(*FLAGS) as exporter:
            assert source(exporter.metrics()) == "bpf"
            time.sleep(3)
            assert active(exporter.metrics()) == 200


@in_namespace
def test_entries_of_another_namespace_are_none_of_ours():
    with Tracked() as tracked:
        tracked.add(flows(30))
        with Exporter(*FLAGS) as exporter:
            assert active(exporter.metrics()) == 30
            elsewhere(exporter)


@in_namespace
def elsewhere(exporter):
    """The exporter goes on with its own, whoever asks it, and from where."""
    with Tracked() as tracked:
        tracked.add(flows(70))
        found = metrics(*FLAGS)
        assert (source(found), active(found)) == ("bpf", 70)
        with open(f"/proc/{exporter.pid}/status", encoding="ascii") as file:
            assert "CapEff:\t0000000000000000" in file.read()


@in_namespace
def test_what_stays_is_counted_once_while_others_come_and_go():
    stays, server = 4000, "192.0.2.77"
    ended = threading.Event()
    failures = []

    def churn():
        try:
            with Tracked() as mine:
                there = flows(500, server=server, first=20000)
                while not ended.is_set():
                    mine.add(there)
                    mine.remove(there)
        except OSError as error:
            failures.append(error)

    with Tracked() as tracked:
        tracked.add(flows(stays))
        with Exporter(*FLAGS) as exporter:
            thread = threading.Thread(target=churn)
            thread.start()
            try:
                seen = [exporter.metrics() for _ in range(60)]
            finally:
                ended.set()
                thread.join()
    assert not failures
    assert {source(found) for found in seen} == {"bpf"}
    assert {active(found) for found in seen} == {stays}
    assert max(active(found, server) for found in seen) <= 500
    assert any(active(found, server) for found in seen)


@in_namespace
def test_a_table_of_many_parts():
    """More than one read() hands on, and clients in all of them."""
    count = 30000
    with Tracked() as tracked:
        tracked.add(flows(count))
        with Exporter(*FLAGS) as exporter:
            for _ in range(3):
                found = exporter.metrics()
                assert (source(found), active(found)) == ("bpf", count)
            with open(f"/proc/{exporter.pid}/status", encoding="ascii") as file:
                status = dict(line.split(":\t") for line in file.read().splitlines())
    assert int(status["CapEff"], 16) == int(status["CapPrm"], 16) == 0
    assert status["Uid"].split()[0] == str(NOBODY) and status["Seccomp"] == "2"


@pytest.mark.parametrize("flag", [(), ("--collector.snat.proc",)], ids=["no-capability", "flag"])
@in_namespace
def test_without_bpf_it_reads_the_text(flag):
    wrapper = () if flag else ("setpriv", "--bounding-set=-bpf,-perfmon,-sys_admin", "--inh-caps=-bpf,-perfmon,-sys_admin")
    with Tracked() as tracked:
        tracked.add(flows(40))
        with Exporter(*FLAGS, *flag, wrapper=wrapper) as exporter:
            found = exporter.metrics()
            assert (source(found), active(found)) == ("proc", 40)
            assert found.value("ephemera_scrape_collector_success", collector="snat") == 1
    assert "proc" in run("--help").stdout
