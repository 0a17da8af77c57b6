# SPDX-License-Identifier: Apache-2.0
"""ephemera_sockets and ephemera_tcp_connections, compared with the workload and with ss."""

import collections

import pytest

from lib.exporter import metrics
from lib.namespace import in_namespace, set_range, sysctl
from lib.sockets import (IPV4, IPV6, MAPPED, connect_many, drop, kernel_is, listen, need_ipv6,
                         port_of, tcp_sockets)
from lib.sources import BOUND_ONLY, BPF, PROCFS, SOCK_DIAG, read_by, tells
from states import TCP_STATES, UDP_STATES, hold, hold_all, settle

EVERY_STATE = {(protocol, family, state)
               for protocol, states in (("tcp", TCP_STATES), ("udp", UDP_STATES))
               for family in (IPV4, IPV6) for state in states}


def reported(said):
    table = {(labels["protocol"], labels["family"], labels["state"]): value
             for labels, value in said.samples("ephemera_sockets")}
    assert len(table) == len(said.samples("ephemera_sockets"))
    return table


def with_zeros(expected, source):
    table = {key: expected.get(key, 0) for key in EVERY_STATE}
    if not tells(source, BOUND_ONLY) or (source == SOCK_DIAG and not kernel_is(6, 8)):
        table.update({key: 0 for key in EVERY_STATE if key[2] == "bound"})
    return table


def connections():
    """{(family, direction): connections} by ss: inbound if something listens on its port."""
    lines = tcp_sockets()
    listening = {line.local_port for line in lines if line.state == "LISTEN"}
    return collections.Counter(
        (line.family, "inbound" if line.local_port in listening else "outbound")
        for line in lines if line.state not in ("LISTEN", "UNCONN"))


def prepare():
    set_range(40000, 40999)
    sysctl("net.ipv4.tcp_tw_reuse", 0)


@read_by(BPF, SOCK_DIAG, PROCFS)
@pytest.mark.parametrize("family", [IPV4, IPV6, MAPPED])
@in_namespace
def test_every_state_of_a_family(family, socket_source):
    need_ipv6()
    prepare()
    _kept, expected = hold(family)
    settle(expected)
    assert reported(metrics()) == with_zeros(expected, socket_source)


@read_by(BPF, SOCK_DIAG, PROCFS)
@in_namespace
def test_every_state_of_all_families(socket_source):
    need_ipv6()
    prepare()
    _kept, expected = hold_all()
    settle(expected)
    said = metrics()
    assert reported(said) == with_zeros(expected, socket_source)

    by_ss = connections()
    assert {(labels["family"], labels["direction"]): value for labels, value
            in said.samples("ephemera_tcp_connections")} == by_ss
    assert all(by_ss[family, direction] > 0 for family in (IPV4, IPV6)
               for direction in ("inbound", "outbound"))
    for family in (IPV4, IPV6):
        # Each connection is one of the two, and nothing else is.
        assert said.total("ephemera_tcp_connections", family=family) == sum(
            count for (protocol, label, state), count in expected.items()
            if (protocol, label) == ("tcp", family) and state not in ("listen", "bound"))


@in_namespace
def test_every_state_is_there_when_nothing_is():
    need_ipv6()
    said = metrics()
    assert reported(said) == {key: 0 for key in EVERY_STATE}
    assert {(labels["family"], labels["direction"]): value for labels, value
            in said.samples("ephemera_tcp_connections")} \
        == {(family, direction): 0 for family in (IPV4, IPV6)
            for direction in ("inbound", "outbound")}


@pytest.fixture
def sockets_outside():
    """Sockets of the namespace that the test leaves behind."""
    listener = listen(IPV4, "127.0.0.1", 0)
    clients = connect_many(5, IPV4, "127.0.0.1", port_of(listener))
    yield
    drop([listener, *clients])


@in_namespace
def test_sockets_of_other_namespaces_are_not_counted(sockets_outside):
    said = metrics()
    assert said.total("ephemera_sockets") == 0
    assert said.total("ephemera_other_destination_ports") == 0
