# SPDX-License-Identifier: Apache-2.0
"""TIME_WAIT told by age, and the kernel's counters of it, compared with ss and /proc."""

import collections
import json
import multiprocessing
import re
import subprocess
import time

import pytest

from lib.exporter import Exporter, metrics
from lib.namespace import in_namespace, sysctl
from lib.sockets import (IPV4, IPV6, LOOPBACK, MAPPED, close, connect, drop, listen,
                         need_ipv6, orphan_fin_wait2, pairs, read_to_end, server_time_wait,
                         time_wait, wait_until)
from lib.sources import BPF, PROCFS, SOCK_DIAG, read_by

PORT = 30001

SOCKETS = "ephemera_time_wait_sockets"
LIMIT = "ephemera_time_wait_limit_sockets"
ENTERED = "ephemera_time_wait_entered_total"
RECYCLED = "ephemera_time_wait_recycled_total"
OVERFLOWS = "ephemera_time_wait_overflows_total"

BUCKETS = ["under_15s", "15s_to_30s", "30s_to_45s", "over_45s"]
BUCKET_SECONDS = 15
FRESH = "over_45s"


def netstat():
    with open("/proc/self/net/netstat", encoding="ascii") as file:
        names, values = [line.split()[1:] for line in file if line.startswith("TcpExt:")]
    return collections.Counter(dict(zip(names, map(int, values))))


def counters(said):
    return {name: said.value(name) for name in (ENTERED, RECYCLED, OVERFLOWS)}


def counters_by_proc():
    found = netstat()
    return {ENTERED: found["TW"] + found["TWKilled"], RECYCLED: found["TWRecycled"],
            OVERFLOWS: found["TCPTimeWaitOverflow"]}


def buckets(said):
    told = {labels["remaining"]: value for labels, value in said.samples(SOCKETS)}
    assert list(told) == BUCKETS
    return told


def fresh(count):
    return {**dict.fromkeys(BUCKETS, 0), FRESH: count}


def seconds_by_ss():
    """Whole seconds that remain to each, the fewest first."""
    listing = subprocess.run(["ss", "-Htano", "state", "time-wait"], check=True, text=True,
                             stdout=subprocess.PIPE).stdout
    remaining = []
    for row in listing.splitlines():
        text = re.search(r"timer:\(timewait,([^,]+),", row).group(1)
        # "1min", "59sec", "7.123ms", "850ms"
        minutes, seconds = re.match(r"(?:(\d+)min)?(?:(\d+)(?:sec|\.\d+ms))?", text).groups()
        remaining.append(60 * int(minutes or 0) + int(seconds or 0))
    return sorted(remaining)


def buckets_by_ss():
    counts = dict.fromkeys(BUCKETS, 0)
    for seconds in seconds_by_ss():
        counts[BUCKETS[min(seconds // BUCKET_SECONDS, len(BUCKETS) - 1)]] += 1
    return counts


def read_between(by_ss, *args):
    """A scrape, and what ss said both before and after it."""
    def both():
        before, said, after = by_ss(), metrics(*args), by_ss()
        return (said, before) if before == after else None
    return wait_until(both, "a scrape during which no socket changes")


@in_namespace
def _grow_old(path):
    """Writes down how two generations of TIME_WAIT are told, by ss and by the exporter."""
    listener = listen(IPV4, "127.0.0.1", PORT)
    time_wait(7, IPV4, listener, "127.0.0.1", PORT)
    time.sleep(2)
    time_wait(5, IPV4, listener, "127.0.0.1", PORT)
    told = []
    # All young, one generation over the bound of 15 seconds, and then both.
    for fits in (lambda left: True, lambda left: left[0] < 45 <= left[-1],
                 lambda left: left[-1] < 45):
        while not fits(seconds_by_ss()):
            time.sleep(0.25)
        said, by_ss = read_between(buckets_by_ss)
        told.append([buckets(said), by_ss])
    with open(path, "w", encoding="ascii") as file:
        json.dump(told, file)


@pytest.fixture(scope="module", autouse=True)
def ageing(tmp_path_factory):
    """It takes 16 seconds, so it is begun before the other tests and asked after them."""
    path = tmp_path_factory.mktemp("ageing") / "told"
    process = multiprocessing.get_context("fork").Process(target=_grow_old, args=(path,))
    process.start()
    yield path
    process.kill()
    process.join()


@in_namespace
def test_none():
    said = metrics()
    assert buckets(said) == fresh(0)
    assert counters(said) == {ENTERED: 0, RECYCLED: 0, OVERFLOWS: 0}
    assert said.value(LIMIT) == int(sysctl("net.ipv4.tcp_max_tw_buckets"))


@read_by(BPF, SOCK_DIAG, PROCFS)
@pytest.mark.parametrize("family", [IPV4, IPV6, MAPPED])
@in_namespace
def test_fresh_ones(family):
    need_ipv6()
    listener = listen(family, LOOPBACK[family], PORT)
    where = (family, listener, LOOPBACK[family], PORT)
    time_wait(23, *where)
    said = metrics()
    assert buckets(said) == fresh(23) == buckets_by_ss()
    assert counters(said) == {ENTERED: 23, RECYCLED: 0, OVERFLOWS: 0} == counters_by_proc()

    # It matters not who closed first.
    server_time_wait(11, *where)
    said = metrics()
    assert buckets(said) == fresh(34) == buckets_by_ss()
    assert said.value(ENTERED) == 34


@read_by(BPF, SOCK_DIAG, PROCFS)
@in_namespace
def test_only_time_wait_counts():
    listener = listen(IPV4, "127.0.0.1", PORT)
    where = (IPV4, listener, "127.0.0.1", PORT)
    _pairs = pairs(3, *where)
    _ports, servers = orphan_fin_wait2(5, *where)
    time_wait(7, *where)
    said = metrics()
    assert buckets(said) == fresh(7)
    assert said.value("ephemera_sockets", protocol="tcp", family="ipv4", state="time_wait") == 7
    # The kernel keeps those in FIN_WAIT2 in the same table, once nobody has them open.
    close(servers)
    wait_until(lambda: len(seconds_by_ss()) == 12, "TIME_WAIT")
    said = metrics()
    assert buckets(said) == fresh(12)
    assert counters(said) == counters_by_proc()
    assert said.value(ENTERED) == 12


@in_namespace
def test_connections_that_were_reset_leave_none():
    listener = listen(IPV4, "127.0.0.1", PORT)
    for client, server in pairs(5, IPV4, listener, "127.0.0.1", PORT):
        drop([client, server])
    said = metrics()
    assert buckets(said) == fresh(0)
    assert said.value(ENTERED) == 0


@in_namespace
def test_a_table_of_23():
    sysctl("net.ipv4.tcp_max_tw_buckets", 23)
    listener = listen(IPV4, "127.0.0.1", PORT)
    assert metrics().value(LIMIT) == 23
    time_wait(23, IPV4, listener, "127.0.0.1", PORT)
    said = metrics()
    assert buckets(said) == fresh(23)
    assert counters(said) == {ENTERED: 23, RECYCLED: 0, OVERFLOWS: 0}

    # No place for these: they are closed at once.
    for client, server in pairs(7, IPV4, listener, "127.0.0.1", PORT):
        client.close()
        read_to_end(server)
        server.close()
    wait_until(lambda: netstat()["TCPTimeWaitOverflow"] >= 7, "the overflow")
    said = metrics()
    assert buckets(said) == fresh(23) == buckets_by_ss()
    assert counters(said) == {ENTERED: 23, RECYCLED: 0, OVERFLOWS: 7} == counters_by_proc()


@pytest.mark.parametrize("family, reuse", [(IPV4, 1), (IPV4, 2), (IPV6, 2)])
@in_namespace
def test_recycled(family, reuse):
    need_ipv6()
    sysctl("net.ipv4.tcp_tw_reuse", reuse)
    # So few ports that the next connections have to take those.
    sysctl("net.ipv4.ip_local_port_range", "40000 40009")
    address = LOOPBACK[family]
    listener = listen(family, address, PORT)
    time_wait(10, family, listener, address, PORT)
    assert counters(metrics()) == {ENTERED: 10, RECYCLED: 0, OVERFLOWS: 0}
    # Each has to be old enough, and they were not all made at once.
    clients = [wait_until(lambda: connect_or_none(family, address), "a port") for _ in range(7)]
    said = metrics()
    assert counters(said) == {ENTERED: 10, RECYCLED: 7, OVERFLOWS: 0} == counters_by_proc()
    assert sum(buckets(said).values()) == 3
    drop(clients)


def connect_or_none(family, address):
    try:
        return connect(family, address, PORT)
    except OSError:
        return None


@in_namespace
def test_a_server_counts_each_scrape_anew():
    listener = listen(IPV4, "127.0.0.1", PORT)
    with Exporter("--web.listen-address=127.0.0.1:10059") as exporter:
        # Each scrape is a connection itself, and its TIME_WAIT one more for the next.
        for made in (5, 7, 2):
            before = exporter.metrics()
            time_wait(made, IPV4, listener, "127.0.0.1", PORT)
            said = exporter.metrics()
            in_table = sum(buckets(said).values())
            assert made <= in_table - sum(buckets(before).values()) <= made + 2
            assert made <= said.value(ENTERED) - before.value(ENTERED) <= made + 2
            assert in_table == said.total("ephemera_sockets", protocol="tcp", state="time_wait")


@in_namespace(seconds=60)
def test_they_come_of_age(ageing):
    wait_until(lambda: ageing.exists() and ageing.read_text(), "16 seconds to pass", seconds=45)
    told = json.loads(ageing.read_text())
    assert [by_exporter for by_exporter, _ in told] == [by_ss for _, by_ss in told]
    assert [by_exporter for by_exporter, _ in told] == [
        fresh(12), {**fresh(5), "30s_to_45s": 7}, {**fresh(0), "30s_to_45s": 12}]
