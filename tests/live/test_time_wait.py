# SPDX-License-Identifier: Apache-2.0
"""TIME_WAIT: whose ports it holds, and when connect() may take them back."""

import pytest

from accounting import (EXACT, FIRST, OTHER, SIZE, TARGET, assert_kernel_gives, held, read,
                        read_when_reusable, shown, small_range, target, wait_until_old)
from lib.namespace import has_sysctl, in_namespace, sysctl
from lib.sockets import (IPV4, IPV6, LOOPBACK, MAPPED, accept, add_address, connect_many, listen,
                         need_ipv6, orphan_fin_wait2, server_time_wait, time_wait)
from lib.sources import BPF, PROCFS, REUSABLE, SOCK_DIAG, read_by, tells

pytestmark = read_by(BPF, SOCK_DIAG, PROCFS)

REUSE, DELAY = "net.ipv4.tcp_tw_reuse", "net.ipv4.tcp_tw_reuse_delay"


def old(count, source, active=0):
    """(a destination that has so many which connect() may take over, how many it then gets more than is
    told): read with EXACT, if the source tells."""
    if tells(source, REUSABLE, buckets=True):
        return held(active=active, reusable=count), 0
    return held(active=active, time_wait=count), -count


def reuse_never_yet():
    """Reuse is on, and so late that a TIME_WAIT is over before."""
    if not has_sysctl(DELAY):
        pytest.skip(f"this kernel has no {DELAY}")
    sysctl(DELAY, 60000)


@pytest.mark.parametrize("family", [IPV4, IPV6, MAPPED])
@in_namespace
def test_row_9_time_wait_counts_for_its_own_destination(family):
    need_ipv6()
    small_range()
    address = LOOPBACK[family]
    listener, _other = target(family), target(family, OTHER)
    time_wait(7, family, listener, address, TARGET)
    said = read()
    assert shown(said) == {(address, address, TARGET): held(time_wait=7)}
    assert said.value("ephemera_range_usable_ports") == SIZE
    assert said.value("ephemera_tcp_time_wait_reuse") == 0
    assert_kernel_gives(said, family, address, TARGET)
    assert_kernel_gives(said, family, address, OTHER)


@in_namespace
def test_row_9_a_destination_full_of_time_wait():
    small_range()
    listener = target(IPV4)
    time_wait(SIZE - 3, IPV4, listener, "127.0.0.1", TARGET)
    _clients = connect_many(3, IPV4, "127.0.0.1", TARGET)
    said = read()
    assert shown(said) == {("127.0.0.1", "127.0.0.1", TARGET):
                           held(active=3, time_wait=SIZE - 3)}
    assert said.value("ephemera_worst_destination_ports", family="ipv4") == SIZE
    assert said.value("ephemera_worst_destination_usage_ratio", family="ipv4") == 1
    assert said.value("ephemera_destinations", family="ipv4", pressure="full") == 1
    assert_kernel_gives(said, IPV4, "127.0.0.1", TARGET)


@pytest.mark.parametrize("family, reuse", [(IPV4, 1), (IPV4, 2), (IPV6, 2), (MAPPED, 2)])
@in_namespace
def test_row_10_an_old_time_wait_is_reusable_where_reuse_applies(family, reuse, socket_source):
    need_ipv6()
    small_range()
    sysctl(REUSE, reuse)
    address = LOOPBACK[family]
    listener = target(family)
    _clients = connect_many(3, family, address, TARGET)
    _servers = accept(listener, len(_clients))
    time_wait(7, family, listener, address, TARGET)
    key = (address, address, TARGET)
    said = read_when_reusable(key, 7, source=socket_source)
    states, unseen = old(7, socket_source, active=3)
    assert shown(said) == {key: states}
    label = "ipv6" if family == IPV6 else "ipv4"
    assert said.value("ephemera_worst_destination_ports", family=label) == 3 - unseen
    assert said.value("ephemera_worst_destination_usage_ratio", family=label) == (3 - unseen) / SIZE
    assert_kernel_gives(said, family, address, TARGET, unseen=unseen)


@in_namespace
def test_row_10_what_was_reusable_is_active_once_it_is_reused(socket_source):
    small_range()
    sysctl(REUSE, 2)
    listener = target(IPV4)
    key = ("127.0.0.1", "127.0.0.1", TARGET)
    time_wait(SIZE, IPV4, listener, "127.0.0.1", TARGET)
    said = read_when_reusable(key, SIZE, source=socket_source)
    states, unseen = old(SIZE, socket_source)
    assert shown(said) == {key: states}
    assert said.value("ephemera_worst_destination_usage_ratio", family="ipv4") == -unseen / SIZE
    _clients = connect_many(13, IPV4, "127.0.0.1", TARGET)
    said = read(EXACT)
    states, unseen = old(SIZE - 13, socket_source, active=13)
    assert shown(said) == {key: states}
    assert_kernel_gives(said, IPV4, "127.0.0.1", TARGET, unseen=unseen)


@pytest.mark.parametrize("reuse", [1, 2])
@in_namespace
def test_row_10_a_young_time_wait_is_not_reusable(reuse):
    small_range()
    reuse_never_yet()
    sysctl(REUSE, reuse)
    listener = target(IPV4)
    time_wait(7, IPV4, listener, "127.0.0.1", TARGET)
    said = read()
    assert said.value("ephemera_tcp_time_wait_reuse") == reuse
    assert said.value("ephemera_tcp_time_wait_reuse_delay_seconds") == 60
    assert shown(said) == {("127.0.0.1", "127.0.0.1", TARGET): held(time_wait=7)}
    assert_kernel_gives(said, IPV4, "127.0.0.1", TARGET)


@pytest.mark.parametrize("family, address, source, reusable", [
    (IPV4, "192.0.2.1", None, False),
    (MAPPED, "192.0.2.1", None, False),
    (IPV6, "fd00::1", None, False),
    # One loopback address is enough, and the source may be it.
    (IPV4, "192.0.2.1", "127.0.0.7", True),
    (IPV4, "127.0.0.1", "192.0.2.1", True),
    (IPV6, "fd00::1", "::1", True),
])
@in_namespace
def test_row_10_reuse_of_2_is_for_loopback(family, address, source, reusable, socket_source):
    need_ipv6()
    small_range()
    sysctl(REUSE, 2)
    add_address("192.0.2.1", 32)
    add_address("fd00::1", 128)
    listener = listen(family, address, TARGET)
    how = {"source": source, "no_port": True} if source else {}
    local = listen(IPV4, "127.0.0.1", OTHER)
    time_wait(7, family, listener, address, TARGET, **how)
    # Made later: when this one has become reusable, the first has had the time to.
    time_wait(2, IPV4, local, "127.0.0.1", OTHER)
    said = read_when_reusable(("127.0.0.1", "127.0.0.1", OTHER), 2, source=socket_source)
    states, unseen = old(7, socket_source) if reusable else (held(time_wait=7), 0)
    assert shown(said)[(source or address, address, TARGET)] == states
    assert_kernel_gives(said, family, address, TARGET, unseen=unseen, **how)


@in_namespace
def test_row_10_without_timestamps_nothing_is_reusable():
    small_range()
    sysctl(REUSE, 1)
    local = listen(IPV4, "127.0.0.1", OTHER)
    sysctl("net.ipv4.tcp_timestamps", 0)
    listener = target(IPV4)
    time_wait(7, IPV4, listener, "127.0.0.1", TARGET)
    time_wait(2, IPV4, local, "127.0.0.1", OTHER)
    wait_until_old()
    said = read()
    assert shown(said)[("127.0.0.1", "127.0.0.1", TARGET)] == held(time_wait=7)
    assert_kernel_gives(said, IPV4, "127.0.0.1", TARGET)


@in_namespace
def test_a_client_that_closed_first_is_active_until_its_server_closes(socket_source):
    small_range()
    sysctl(REUSE, 2)
    listener, local = target(IPV4), target(IPV4, OTHER)
    _ports, _servers = orphan_fin_wait2(7, IPV4, listener, "127.0.0.1", TARGET)
    time_wait(2, IPV4, local, "127.0.0.1", OTHER)
    # The kernel keeps it as a TIME_WAIT record, but as FIN_WAIT2 it is never reusable.
    said = read_when_reusable(("127.0.0.1", "127.0.0.1", OTHER), 2, source=socket_source)
    assert shown(said)[("127.0.0.1", "127.0.0.1", TARGET)] == held(active=7)
    assert_kernel_gives(said, IPV4, "127.0.0.1", TARGET)


@pytest.mark.parametrize("port", [TARGET, FIRST + 4], ids=["outside", "inside"])
@in_namespace
def test_time_wait_on_the_side_of_the_server_holds_no_port(port):
    small_range()
    listener, _other = target(IPV4, port), target(IPV4, OTHER)
    server_time_wait(5, IPV4, listener, "127.0.0.1", port)
    said = read()
    assert shown(said) == {}
    assert said.value("ephemera_tcp_connections", family="ipv4", direction="inbound") == 5
    assert said.value("ephemera_tcp_connections", family="ipv4", direction="outbound") == 0
    assert_kernel_gives(said, IPV4, "127.0.0.1", OTHER)
