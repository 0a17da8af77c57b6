# SPDX-License-Identifier: Apache-2.0
"""Accept queues: what waits, what may wait, and who finds no place."""

import subprocess
import time

import pytest

from lib.exporter import Exporter, metrics
from lib.namespace import in_namespace, sysctl
from lib.sockets import (IPV4, IPV6, LOOPBACK, MAPPED, accept, connect_many, drop, listen,
                         need_ipv6, syn_sent, wait_until)
from lib.sources import BPF, SOCK_DIAG, read_by

PORT = 30001
BACKLOG = 7
FITS = BACKLOG + 1

QUEUE, LIMIT = "ephemera_accept_queue_sockets", "ephemera_accept_queue_limit_sockets"
WORST = "ephemera_worst_accept_queue_usage_ratio"
OVERFLOWS, DROPS = "ephemera_listen_overflows_total", "ephemera_listen_drops_total"


def netstat():
    """{name: value} of TcpExt, read apart from the exporter."""
    with open("/proc/self/net/netstat", encoding="ascii") as file:
        names, values = [line.split()[1:] for line in file if line.startswith("TcpExt:")]
    return dict(zip(names, map(int, values)))


def queues_by_ss():
    """{(address, port): [(Recv-Q, Send-Q) of each socket]}."""
    table = {}
    for row in subprocess.run(["ss", "-Hltn"], check=True, text=True,
                              stdout=subprocess.PIPE).stdout.splitlines():
        _, waiting, limit, local = row.split()[:4]
        address, _, port = local.rpartition(":")
        # A dual-stack wildcard reads "*".
        address = address.strip("[]").removeprefix("::ffff:").replace("*", "::")
        table.setdefault((address, int(port)), []).append((int(waiting), int(limit)))
    return table


def queues(said):
    """{(address, port): (waiting, limit)} as told, the fullest first."""
    waiting = [((labels["address"], int(labels["port"])), value)
               for labels, value in said.samples(QUEUE)]
    limits = {(labels["address"], int(labels["port"])): value
              for labels, value in said.samples(LIMIT)}
    assert len(dict(waiting)) == len(waiting)
    assert [place for place, _ in waiting] == list(limits)
    return {place: (value, limits[place]) for place, value in waiting}


def added_up(table):
    return {place: tuple(map(sum, zip(*socks))) for place, socks in table.items()}


def worst_of(table):
    """A queue takes one more than its limit."""
    return max((waiting / (limit + 1) for socks in table.values() for waiting, limit in socks),
               default=0)


def assert_as_ss_says(said):
    by_ss = queues_by_ss()
    assert queues(said) == added_up(by_ss)
    assert said.value(WORST) == worst_of(by_ss)


def connect_and_wait(count, family, address, port):
    """Connections that nobody accepts, all of them in the queue."""
    before = waiting_at(port)
    made = connect_many(count, family, address, port)
    # The last ACK is under way when connect() returns.
    wait_until(lambda: waiting_at(port) == before + count, "the queue")
    return made


def waiting_at(port):
    return sum(waiting for (_, at), socks in queues_by_ss().items() if at == port
               for waiting, _ in socks)


def overflow(count, family, address, port):
    """Clients that find the queue full: each is dropped, and tries again a second later."""
    return syn_sent(count, family, address, port)


# By procfs: test_procfs_tells_the_queues_and_no_limits.
@read_by(BPF, SOCK_DIAG)
@pytest.mark.parametrize("family, address", [
    (IPV4, "127.0.0.1"), (IPV4, "0.0.0.0"), (IPV6, "::1"), (IPV6, "::"), (MAPPED, "::"),
    (MAPPED, "127.0.0.1"),
])
@in_namespace
def test_a_queue_that_nobody_empties(family, address):
    need_ipv6()
    listener = listen(family, address, PORT, backlog=BACKLOG)
    place = {("127.0.0.1", PORT) if family == MAPPED and address != "::" else (address, PORT)}
    said = metrics()
    assert queues(said) == {key: (0, BACKLOG) for key in place}
    assert (said.value(WORST), said.value(OVERFLOWS), said.value(DROPS)) == (0, 0, 0)

    to = LOOPBACK[family]
    clients = connect_and_wait(5, family, to, PORT)
    said = metrics()
    assert queues(said) == {key: (5, BACKLOG) for key in place}
    assert said.value(WORST) == 5 / FITS
    assert_as_ss_says(said)

    clients += connect_and_wait(3, family, to, PORT)
    said = metrics()
    assert queues(said) == {key: (FITS, BACKLOG) for key in place}
    assert said.value(WORST) == 1
    assert (said.value(OVERFLOWS), said.value(DROPS)) == (0, 0)
    assert_as_ss_says(said)

    started = time.monotonic()
    clients += overflow(5, family, to, PORT)
    said = metrics()
    if time.monotonic() - started < 0.9:
        assert (said.value(OVERFLOWS), said.value(DROPS)) == (5, 5)
    else:
        # Slow enough that some tried again.
        assert said.value(OVERFLOWS) >= 5 and said.value(DROPS) >= 5
    assert queues(said) == {key: (FITS, BACKLOG) for key in place}
    assert said.value(WORST) == 1

    # Room for 2: the next 2 to try again find it.
    accepted = accept(listener, 2)
    drop(clients[FITS:])
    said = metrics()
    assert queues(said) == {key: (FITS - 2, BACKLOG) for key in place}
    assert said.value(WORST) == (FITS - 2) / FITS
    drop(accepted + clients)


@in_namespace
def test_the_counters_are_the_kernels():
    _listener = listen(IPV4, "127.0.0.1", PORT, backlog=BACKLOG)
    kept = connect_and_wait(FITS, IPV4, "127.0.0.1", PORT)
    last = 0
    for count in (2, 3, 13):
        kept += overflow(count, IPV4, "127.0.0.1", PORT)
        before, said, after = netstat(), metrics(), netstat()
        for name, key in ((OVERFLOWS, "ListenOverflows"), (DROPS, "ListenDrops")):
            assert before[key] <= said.value(name) <= after[key]
        assert said.value(OVERFLOWS) >= last + count
        last = said.value(OVERFLOWS)
        assert said.samples(QUEUE) == [({"address": "127.0.0.1", "port": str(PORT)}, FITS)]


@in_namespace
def test_a_queue_whose_limit_is_somaxconn():
    sysctl("net.core.somaxconn", 5)
    _listener = listen(IPV4, "127.0.0.1", PORT, backlog=1000)
    _clients = connect_and_wait(3, IPV4, "127.0.0.1", PORT)
    said = metrics()
    assert queues(said) == {("127.0.0.1", PORT): (3, 5)}
    assert said.value(WORST) == 3 / 6
    assert_as_ss_says(said)


@in_namespace
def test_a_queue_of_no_limit_takes_one():
    _listener = listen(IPV4, "127.0.0.1", PORT, backlog=0)
    assert metrics().value(WORST) == 0
    _client = connect_and_wait(1, IPV4, "127.0.0.1", PORT)
    said = metrics()
    assert queues(said) == {("127.0.0.1", PORT): (1, 0)}
    assert said.value(WORST) == 1


@read_by(BPF, SOCK_DIAG)
@pytest.mark.parametrize("family", [IPV4, IPV6])
@in_namespace
def test_listeners_that_share_a_port_are_added_up(family):
    need_ipv6()
    address = LOOPBACK[family]
    backlogs = [5, 7, 11]
    _listeners = [listen(family, address, PORT, backlog=backlog, reuse_port=True)
                  for backlog in backlogs]
    # One that shares the port but not the address.
    elsewhere = "127.0.0.2" if family == IPV4 else "::"
    _listeners.append(listen(family, elsewhere, PORT, backlog=13, reuse_port=True))
    # The kernel spreads them by hash; those that find a full queue are not among these.
    _clients = connect_and_wait(5, family, address, PORT)
    said = metrics()
    by_ss = queues_by_ss()
    assert len(by_ss[address, PORT]) == len(backlogs)
    assert queues(said) == {(address, PORT): (5, sum(backlogs)), (elsewhere, PORT): (0, 13)}
    assert added_up(by_ss) == queues(said)
    # The worst is that of a single queue: what one program's thread cannot keep up with.
    assert said.value(WORST) == worst_of(by_ss)


@pytest.mark.parametrize("limit", [0, 1, 3, 5, 10])
@in_namespace
def test_the_fullest_first(limit):
    waiting = {30001: (3, 7), 30002: (2, 31), 30003: (7, 7), 30004: (11, 23), 30005: (0, 3)}
    _listeners = [listen(IPV4, "127.0.0.1", port, backlog=backlog)
                  for port, (_, backlog) in waiting.items()]
    _clients = [connect_and_wait(count, IPV4, "127.0.0.1", port)
                for port, (count, _) in waiting.items() if count]
    said = metrics(f"--collector.accept_queue.limit={limit}")
    expected = [30003, 30004, 30001, 30002, 30005][:limit]
    assert [port for _, port in queues(said)] == expected
    assert queues(said) == {("127.0.0.1", port): waiting[port] for port in expected}
    # Told whatever is shown.
    assert said.value(WORST) == 7 / 8


@in_namespace
def test_nobody_listens():
    said = metrics()
    assert said.samples(QUEUE) == [] and said.samples(LIMIT) == []
    assert said.value(WORST) == 0
    assert (said.value(OVERFLOWS), said.value(DROPS)) == (0, 0)


@in_namespace
def test_procfs_tells_the_queues_and_no_limits():
    need_ipv6()
    _listeners = [listen(IPV4, "127.0.0.1", PORT, backlog=BACKLOG),
                  listen(IPV6, "::1", PORT, backlog=BACKLOG)]
    _clients = [connect_and_wait(5, IPV4, "127.0.0.1", PORT),
                connect_and_wait(3, IPV6, "::1", PORT)]
    said = metrics("--sockets.source=procfs")
    assert {(labels["address"], value) for labels, value in said.samples(QUEUE)} \
        == {("127.0.0.1", 5), ("::1", 3)}
    assert said.samples(LIMIT) == [] and said.samples(WORST) == []


@in_namespace
def test_a_queue_that_is_emptied_and_a_listener_that_goes():
    listener = listen(IPV4, "127.0.0.1", PORT, backlog=BACKLOG)
    with Exporter("--web.listen-address=127.0.0.1:10059") as exporter:
        clients = connect_and_wait(FITS, IPV4, "127.0.0.1", PORT)
        assert exporter.metrics().value(WORST) == 1
        _servers = accept(listener, FITS)
        said = exporter.metrics()
        assert queues(said)["127.0.0.1", PORT] == (0, BACKLOG)
        drop([*clients, listener])
        assert exporter.metrics().samples(QUEUE, port=PORT) == []
