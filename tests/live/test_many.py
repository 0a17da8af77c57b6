# SPDX-License-Identifier: Apache-2.0
"""More sockets than fit in one answer of the kernel: none is lost where an answer ends."""

import pytest

from accounting import (OTHER, TARGET, assert_kernel_gives, bound_ports, held, read, shown,
                        target)
from lib.exporter import metrics
from lib.namespace import in_namespace, set_range, sysctl
from lib.sockets import (IPV4, IPV6, MAPPED, bound_many, connect_many, listen, need_ipv6,
                         need_kernel, time_wait)

# Below the 1024 descriptors that an ordinary user has.
MANY = 907


def sockets_in(said, family, state):
    return said.value("ephemera_sockets", protocol="tcp", family=family, state=state)


@pytest.mark.parametrize("family", [IPV4, IPV6, MAPPED])
@in_namespace
def test_many_connections(family):
    need_ipv6()
    set_range(40000, 40999)
    address = "::1" if family == IPV6 else "127.0.0.1"
    _listeners = target(family), target(family, OTHER)
    _clients = connect_many(MANY, family, address, TARGET)
    said = read()
    label = "ipv6" if family == IPV6 else "ipv4"
    # The servers' ends are complete, though nobody has accepted them.
    assert sockets_in(said, label, "established") == 2 * MANY
    assert shown(said) == {(address, address, TARGET): held(active=MANY)}
    assert_kernel_gives(said, family, address, TARGET)


@in_namespace
def test_many_listeners():
    set_range(40000, 40999)
    _listeners = [listen(IPV4, "127.0.0.1", 40000 + i) for i in range(MANY)]
    said = read("--collector.binds.listeners-limit=1000")
    assert sockets_in(said, "ipv4", "listen") == MANY
    assert bound_ports(said) == {"listen": MANY, "bound": 0, "connected": 0}
    assert said.total("ephemera_range_listener_info") == MANY

    # The lowest ones are shown where there are more than the limit.
    said = read("--collector.binds.listeners-limit=11")
    assert sorted(int(labels["port"]) for labels, _ in
                  said.samples("ephemera_range_listener_info")) == list(range(40000, 40011))


@pytest.mark.parametrize("family, address", [(IPV4, "127.0.0.1"), (IPV6, "::1")])
@in_namespace
def test_many_sockets_that_only_bind(family, address):
    need_kernel(6, 8, "seeing sockets that bind() and do no more")
    need_ipv6()
    set_range(40000, 40999)
    _target = target(IPV4)
    _bound = bound_many([0] * MANY, family, address)
    said = read()
    assert sockets_in(said, family, "bound") == MANY
    assert bound_ports(said) == {"listen": 0, "bound": MANY, "connected": 0}
    assert_kernel_gives(said, IPV4, "127.0.0.1", TARGET)


@in_namespace
def test_many_sockets_of_one_port():
    need_kernel(6, 8, "seeing sockets that bind() and do no more")
    set_range(40000, 40001)
    _bound = [sock for i in range(MANY // 2)
              for sock in bound_many([40001], IPV4, f"127.1.{i // 250}.{i % 250 + 1}")]
    said = metrics()
    assert sockets_in(said, "ipv4", "bound") == MANY // 2
    assert bound_ports(said) == {"listen": 0, "bound": 1, "connected": 0}


@in_namespace
def test_many_in_time_wait():
    set_range(40000, 43199)
    sysctl("net.ipv4.tcp_tw_reuse", 0)
    listener, other = target(IPV4), target(IPV4, OTHER)
    made = 0
    while made < 3001:
        made += len(time_wait(min(300, 3001 - made), IPV4, listener, "127.0.0.1", TARGET))
    time_wait(401, IPV4, other, "127.0.0.1", OTHER)
    said = read()
    assert sockets_in(said, "ipv4", "time_wait") == 3402
    assert shown(said) == {("127.0.0.1", "127.0.0.1", TARGET): held(time_wait=3001),
                           ("127.0.0.1", "127.0.0.1", OTHER): held(time_wait=401)}
    assert said.value("ephemera_worst_destination_usage_ratio", family="ipv4") == 3001 / 3200
    assert_kernel_gives(said, IPV4, "127.0.0.1", TARGET)


@in_namespace
def test_many_destinations():
    set_range(40000, 40999)
    _listener = listen(IPV4, "0.0.0.0", TARGET)
    # Each one in its own right, and port numbers that meet again and again.
    _clients = [sock for i in range(MANY)
                for sock in connect_many(1, IPV4, f"127.2.{i // 250}.{i % 250 + 1}", TARGET)]
    said = read("--collector.destinations.limit=1000")
    assert len(shown(said)) == MANY
    assert said.value("ephemera_destinations", family="ipv4", pressure="low") == MANY
    assert said.total("ephemera_destination_ports") == MANY
    assert said.value("ephemera_worst_destination_ports", family="ipv4") == 1
    said = read()
    assert len(shown(said)) == 20
    assert said.value("ephemera_other_destination_ports", family="ipv4") == MANY - 20
