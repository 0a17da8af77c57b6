# SPDX-License-Identifier: Apache-2.0
"""/proc/net in the place of sock_diag: the same answers, but for what it cannot show."""

import time

import pytest

from accounting import (DESTINATION_PORTS, EXACT, FIRST, OTHER, SHOW_ALL, SIZE, TARGET,
                        assert_kernel_gives, bound_ports, held, read, shown, small_range, target)
from lib.exporter import metrics
from lib.namespace import in_namespace, set_range, sysctl
from lib.sockets import (IPV4, IPV6, LOOPBACK, MAPPED, accept, bound_many, connect_many,
                         connect_until_refused, listen, need_ipv6, time_wait)
from states import hold_all, settle

PROCFS, SOCK_DIAG = "--sockets.source=procfs", "--sockets.source=sock_diag"

SAME = [
    "ephemera_sockets", "ephemera_tcp_connections", "ephemera_destinations",
    "ephemera_worst_destination_ports", "ephemera_worst_destination_usage_ratio",
    DESTINATION_PORTS, "ephemera_other_destination_ports", "ephemera_range_bound_ports",
    "ephemera_range_usable_ports", "ephemera_range_ports",
]


def comparable(said):
    return {(name, *sorted(labels.items())): value
            for name in SAME for labels, value in said.samples(name)}


@in_namespace
def test_the_same_workload_reads_the_same():
    need_ipv6()
    set_range(40000, 40999)
    sysctl("net.ipv4.tcp_tw_reuse", 0)
    # Without sockets that are bound and no more: /proc shows none of those.
    _kept, expected = hold_all(only_bind=False)
    settle(expected)
    # Listeners inside the range, on ports that none of those can have got.
    set_range(40000, 41009)
    _inside = listen(IPV4, "127.0.0.1", 41001), listen(IPV6, "::1", 41002)

    limit = "--collector.destinations.limit=50"
    by_netlink = comparable(metrics(SOCK_DIAG, SHOW_ALL, limit))
    by_procfs = comparable(metrics(PROCFS, SHOW_ALL, limit))
    assert by_procfs == by_netlink
    assert sum(key[0] == DESTINATION_PORTS for key in by_procfs) > 20


@in_namespace
def test_the_source_is_named():
    need_ipv6()
    for flag, source in ((PROCFS, "procfs"), (SOCK_DIAG, "sock_diag")):
        said = metrics(flag)
        for protocol in ("tcp", "udp"):
            assert said.samples("ephemera_socket_source_info", protocol=protocol) \
                == [({"protocol": protocol, "source": source}, 1)]


@pytest.mark.parametrize("family", [IPV4, IPV6, MAPPED])
@in_namespace
def test_the_kernel_gives_what_procfs_says(family):
    need_ipv6()
    small_range()
    address = LOOPBACK[family]
    listener, _other = target(family), target(family, OTHER)
    _bound = listen(IPV4, "127.0.0.2", FIRST + 3), listen(IPV6, "::1", FIRST + 8)
    _clients = connect_many(5, family, address, TARGET)
    _servers = accept(listener, len(_clients))
    time_wait(3, family, listener, address, TARGET)
    said = read(PROCFS)
    assert bound_ports(said) == {"listen": 2, "bound": 0, "connected": 0}
    assert shown(said) == {(address, address, TARGET): held(active=5, time_wait=3)}
    assert_kernel_gives(said, family, address, TARGET)
    assert_kernel_gives(said, family, address, OTHER)


@in_namespace
def test_procfs_promises_no_reusable_time_wait():
    """/proc does not tell which connections had timestamps, and no BPF is asked beside it."""
    small_range()
    sysctl("net.ipv4.tcp_tw_reuse", 2)
    listener = target(IPV4)
    time_wait(7, IPV4, listener, "127.0.0.1", TARGET)
    time.sleep(1.2)  # by then connect() may take them over
    said = read(PROCFS, EXACT)
    assert shown(said)["127.0.0.1", "127.0.0.1", TARGET] == {"active": 0, "time_wait": 7, "reusable": 0}
    assert said.value("ephemera_kernel_feature", feature="time_wait_reuse") == 0
    got, _error = connect_until_refused(IPV4, "127.0.0.1", TARGET)
    assert len(got) == SIZE


@in_namespace
def test_what_procfs_cannot_show():
    small_range()
    _bound = bound_many([0] * 7, IPV4, "127.0.0.1")
    said = read(PROCFS)
    assert bound_ports(said) == {"listen": 0, "bound": 0, "connected": 0}
    assert said.total("ephemera_sockets", state="bound") == 0
    assert said.value("ephemera_range_usable_ports") == SIZE
