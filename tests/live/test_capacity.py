# SPDX-License-Identifier: Apache-2.0
"""What connections take from the range, destination by destination."""

import errno

import pytest

from accounting import (FIRST, LAST, OTHER, SIZE, TARGET, THIRD, assert_kernel_gives, bound_ports,
                        held, label_family, left, read, shown, small_range, source_towards, target)
from lib.namespace import in_namespace, set_range
from lib.sockets import (IPV4, IPV6, LOOPBACK, MAPPED, accept, add_address, close_wait, connect,
                         connect_many, connect_until_refused, drop, fin_wait2, last_ack, listen,
                         need_ipv6, orphan_fin_wait2, pairs, ports_of, syn_sent)
from lib.sources import BOUND_FIRST, BPF, CHOSEN, PROCFS, SOCK_DIAG, read_by, tells

EACH_SOURCE = read_by(BPF, SOCK_DIAG, PROCFS)

FAMILIES = [IPV4, IPV6, MAPPED]


@EACH_SOURCE
@pytest.mark.parametrize("family", FAMILIES)
@in_namespace
def test_row_1_each_destination_has_the_whole_range(family):
    need_ipv6()
    small_range()
    address = LOOPBACK[family]
    _listener = target(family)
    assert left(read(), family, address, TARGET) == SIZE
    assert_kernel_gives(read(), family, address, TARGET)

    _clients = connect_many(7, family, address, TARGET)
    said = read()
    assert shown(said) == {(address, address, TARGET): held(active=7)}
    assert_kernel_gives(said, family, address, TARGET)


@EACH_SOURCE
@pytest.mark.parametrize("family", FAMILIES)
@in_namespace
def test_row_1_a_full_destination(family):
    need_ipv6()
    small_range()
    address = LOOPBACK[family]
    _listener, _other = target(family), target(family, OTHER)
    clients, error = connect_until_refused(family, address, TARGET)
    assert (len(clients), error) == (SIZE, errno.EADDRNOTAVAIL)

    said = read()
    label = label_family(family)
    assert left(said, family, address, TARGET) == 0
    assert said.value("ephemera_worst_destination_ports", family=label) == SIZE
    assert said.value("ephemera_worst_destination_usage_ratio", family=label) == 1
    assert said.value("ephemera_destinations", family=label, pressure="full") == 1
    assert_kernel_gives(said, family, address, TARGET)
    assert_kernel_gives(said, family, address, OTHER)


@EACH_SOURCE
@in_namespace
def test_row_2_another_address_or_port_is_another_destination():
    small_range()
    _listeners = [listen(IPV4, "0.0.0.0", port) for port in (TARGET, OTHER)]
    made = {("127.0.0.1", TARGET): 3, ("127.0.0.1", OTHER): 5, ("127.0.0.3", TARGET): 7}
    _clients = [connect_many(count, IPV4, *where) for where, count in made.items()]
    said = read()
    assert shown(said) == {(source_towards(IPV4, address), address, port): held(active=count)
                           for (address, port), count in made.items()}
    for where in [*made, ("127.0.0.3", OTHER)]:
        assert_kernel_gives(said, IPV4, *where)


@EACH_SOURCE
@in_namespace
def test_row_2_another_ipv6_address_is_another_destination():
    need_ipv6()
    small_range()
    add_address("fd00::1", 128)
    add_address("fd00::2", 128)
    _listener = listen(IPV6, "::", TARGET)
    made = {"::1": 5, "fd00::1": 7, "fd00::2": 3}
    _clients = [connect_many(count, IPV6, address, TARGET) for address, count in made.items()]
    said = read()
    assert shown(said) == {(source_towards(IPV6, address), address, TARGET): held(active=count)
                           for address, count in made.items()}
    for address in made:
        assert_kernel_gives(said, IPV6, address, TARGET)


@EACH_SOURCE
@in_namespace
def test_row_6_a_port_bound_before_connect_is_lost_to_every_destination(socket_source):
    small_range()
    _listeners = [target(IPV4), target(IPV4, OTHER)]
    clients = [connect(IPV4, "127.0.0.1", TARGET, "127.0.0.1", FIRST + 2 * i + 1)
               for i in range(5)]
    assert_lost(len(clients), socket_source, tells(socket_source, CHOSEN))


def assert_lost(count, source, is_told):
    """What so many connections to one destination hold is lost to all others, too. Who is not told of
    bind() takes them for connections like others."""
    others, lost = (0, count) if is_told else (count, 0)
    key = "127.0.0.1", "127.0.0.1", TARGET
    said = read()
    assert bound_ports(said) == {"listen": 0, "bound": 0, "connected": lost}, source
    assert said.value("ephemera_range_usable_ports") == SIZE - lost
    # Off the capacity already, so not used once more.
    assert shown(said) == ({key: held(active=others)} if others else {})
    assert_kernel_gives(said, IPV4, "127.0.0.1", TARGET)
    assert_kernel_gives(said, IPV4, "127.0.0.1", OTHER, unseen=others)

    _more = connect_many(3, IPV4, "127.0.0.1", TARGET)
    said = read()
    assert shown(said) == {key: held(active=others + 3)}
    assert_kernel_gives(said, IPV4, "127.0.0.1", TARGET)
    assert_kernel_gives(said, IPV4, "127.0.0.1", OTHER, unseen=others)


@EACH_SOURCE
@in_namespace
def test_row_6_bind_to_port_0_before_connect_counts_for_its_own_destination(socket_source):
    # That the kernel picked the port in bind() is in no record of sock_diag, so the capacity of other
    # destinations cannot tell. This one's is exact.
    small_range()
    _listeners = [target(IPV4), target(IPV4, OTHER)]
    _clients = connect_many(5, IPV4, "127.0.0.1", TARGET, source="127.0.0.1")
    assert_lost(5, socket_source, tells(socket_source, BOUND_FIRST))


@EACH_SOURCE
@pytest.mark.parametrize("family, sources", [
    (IPV4, ["127.0.0.1", "127.0.0.5"]),
    (IPV6, ["::1", "fd00::5"]),
    (MAPPED, ["127.0.0.1", "127.0.0.5"]),
])
@in_namespace
def test_row_7_a_source_bound_without_a_port_shares_the_range(family, sources):
    need_ipv6()
    small_range()
    add_address("fd00::5", 128)
    address = LOOPBACK[family]
    _listeners = [target(family), target(family, OTHER)]
    made = {(sources[0], TARGET): 3, (sources[0], OTHER): 5, (sources[1], TARGET): 7}
    _clients = [connect_many(count, family, address, port, source=source, no_port=True)
                for (source, port), count in made.items()]
    said = read()
    assert said.value("ephemera_range_usable_ports") == SIZE
    assert shown(said) == {(source, address, port): held(active=count)
                           for (source, port), count in made.items()}
    for source, port in [*made, (sources[1], OTHER)]:
        assert_kernel_gives(said, family, address, port, source, no_port=True)


@EACH_SOURCE
@in_namespace
def test_row_11_mapped_sockets_belong_to_the_ipv4_destination():
    need_ipv6()
    small_range()
    _listeners = [listen(MAPPED, "::", TARGET), target(IPV4, OTHER)]
    _clients = (connect_many(5, IPV4, "127.0.0.1", TARGET)
                + connect_many(7, MAPPED, "127.0.0.1", TARGET)
                + connect_many(3, IPV6, "::1", TARGET)
                + connect_many(2, MAPPED, "127.0.0.1", OTHER))
    said = read()
    assert shown(said) == {
        ("127.0.0.1", "127.0.0.1", TARGET): held(active=12),
        ("127.0.0.1", "127.0.0.1", OTHER): held(active=2),
        ("::1", "::1", TARGET): held(active=3),
    }
    assert said.value("ephemera_worst_destination_ports", family="ipv4") == 12
    assert said.value("ephemera_worst_destination_ports", family="ipv6") == 3
    for family in FAMILIES:
        assert_kernel_gives(said, family, LOOPBACK[family], TARGET)
    assert_kernel_gives(said, IPV4, "127.0.0.1", OTHER)


@EACH_SOURCE
@in_namespace
def test_ipv6_has_destinations_of_its_own():
    need_ipv6()
    small_range()
    _listeners = [target(IPV4), target(IPV6), target(IPV6, OTHER)]
    full, _error = connect_until_refused(IPV4, "127.0.0.1", TARGET)
    _clients = (connect_many(7, IPV6, "::1", TARGET) + connect_many(2, IPV6, "::1", OTHER))
    said = read()
    assert shown(said) == {
        ("127.0.0.1", "127.0.0.1", TARGET): held(active=len(full)),
        ("::1", "::1", TARGET): held(active=7),
        ("::1", "::1", OTHER): held(active=2),
    }
    assert said.value("ephemera_worst_destination_usage_ratio", family="ipv4") == 1
    assert said.value("ephemera_worst_destination_usage_ratio", family="ipv6") == 7 / SIZE
    assert_kernel_gives(said, IPV4, "127.0.0.1", TARGET)
    assert_kernel_gives(said, IPV6, "::1", TARGET)
    assert_kernel_gives(said, IPV6, "::1", OTHER)


@EACH_SOURCE
@pytest.mark.parametrize("listener_family, listener_address, client_family", [
    (IPV4, "127.0.0.1", IPV4),
    (IPV4, "0.0.0.0", MAPPED),
    (MAPPED, "::", IPV4),
    (IPV6, "::1", IPV6),
])
@in_namespace
def test_row_12_accepted_sockets_are_no_leased_ports(listener_family, listener_address,
                                                     client_family):
    need_ipv6()
    small_range()
    address, inside = LOOPBACK[client_family], FIRST + 4
    listener, _other = listen(listener_family, listener_address, inside), target(client_family)
    _made = pairs(5, client_family, listener, address, inside)
    said = read()
    # Had the accepted sockets counted, each client would be a destination of one port.
    assert shown(said) == {(address, address, inside): held(active=5)}
    label = label_family(client_family)
    assert said.value("ephemera_tcp_connections", family=label, direction="inbound") == 5
    assert said.value("ephemera_tcp_connections", family=label, direction="outbound") == 5
    assert said.value("ephemera_range_usable_ports") == SIZE - 1
    assert_kernel_gives(said, client_family, address, inside)
    assert_kernel_gives(said, client_family, address, TARGET)


@EACH_SOURCE
@in_namespace
def test_row_12_connections_not_yet_accepted_are_inbound_too():
    small_range()
    _listener = listen(IPV4, "127.0.0.1", FIRST + 4)
    _clients = connect_many(7, IPV4, "127.0.0.1", FIRST + 4)
    said = read()
    assert shown(said) == {("127.0.0.1", "127.0.0.1", FIRST + 4): held(active=7)}
    assert said.value("ephemera_tcp_connections", family="ipv4", direction="inbound") == 7
    assert_kernel_gives(said, IPV4, "127.0.0.1", FIRST + 4)


@EACH_SOURCE
@in_namespace
def test_every_state_of_a_client_holds_its_port():
    small_range()
    listener = target(IPV4, receive_buffer=1)
    where = (IPV4, listener, "127.0.0.1", TARGET)
    _kept = [connect_many(1, IPV4, "127.0.0.1", TARGET), accept(listener, 1),
             close_wait(2, *where), fin_wait2(3, *where), last_ack(5, *where),
             orphan_fin_wait2(2, *where)]
    full = target(IPV4, OTHER, backlog=0)
    _first = connect(IPV4, "127.0.0.1", OTHER)
    _waiting = syn_sent(7, IPV4, "127.0.0.1", OTHER)
    said = read()
    assert shown(said) == {("127.0.0.1", "127.0.0.1", TARGET): held(active=13),
                           ("127.0.0.1", "127.0.0.1", OTHER): held(active=8)}
    assert_kernel_gives(said, IPV4, "127.0.0.1", TARGET)

    # The kernel's word on the half-open ones: room in the queue first, so that connects succeed.
    full.listen(1024)
    assert_kernel_gives(said, IPV4, "127.0.0.1", OTHER)


@pytest.mark.parametrize("first, last", [(41000, 41021), (40010, 40031), (39990, 40011)])
@in_namespace
def test_a_range_that_changes_while_connections_are_held(first, last):
    small_range()
    _listeners = [target(IPV4), target(IPV4, OTHER), target(IPV4, THIRD)]
    to_target = connect_many(11, IPV4, "127.0.0.1", TARGET)
    to_other, _error = connect_until_refused(IPV4, "127.0.0.1", OTHER)
    set_range(first, last)
    said = read()
    assert said.value("ephemera_range_first_port") == first
    assert said.value("ephemera_range_last_port") == last
    assert said.value("ephemera_range_usable_ports") == last - first + 1
    for clients, port in ((to_target, TARGET), (to_other, OTHER), ([], THIRD)):
        still = sum(first <= held_port <= last for held_port in ports_of(clients))
        assert left(said, IPV4, "127.0.0.1", port) == last - first + 1 - still
        assert_kernel_gives(said, IPV4, "127.0.0.1", port)


@in_namespace
def test_the_settings_of_the_range():
    small_range(49142, 49173)
    said = read()
    assert said.value("ephemera_range_first_port") == 49142
    assert said.value("ephemera_range_last_port") == 49173
    assert said.value("ephemera_range_ports") == 32
    assert said.value("ephemera_range_iana_dynamic_ports") == 22
    assert said.value("ephemera_range_reserved_ports") == 0
    assert said.value("ephemera_range_usable_ports") == 32


@in_namespace
def test_pressure_at_its_bounds():
    small_range(40000, 40019)
    counts = [1, 9, 10, 17, 18, 19, 20]
    ports = [30001 + i for i in range(len(counts))]
    _listeners = [target(IPV4, port) for port in ports]
    _clients = [connect_many(count, IPV4, "127.0.0.1", port)
                for count, port in zip(counts, ports)]
    said = read()
    pressures = {labels["pressure"]: value for labels, value
                 in said.samples("ephemera_destinations", family="ipv4")}
    # 9 of 20 is below a half and 10 is not; 18 is 90 %, so no longer below it.
    assert pressures == {"low": 2, "half": 2, "high": 2, "full": 1}
    assert said.value("ephemera_worst_destination_ports", family="ipv4") == 20
    assert said.value("ephemera_worst_destination_usage_ratio", family="ipv4") == 1
    for port in ports:
        assert_kernel_gives(said, IPV4, "127.0.0.1", port)

    drop(_clients.pop())
    said = read()
    assert said.value("ephemera_destinations", family="ipv4", pressure="full") == 0
    assert said.value("ephemera_worst_destination_ports", family="ipv4") == 19
    assert said.value("ephemera_worst_destination_usage_ratio", family="ipv4") == 19 / 20


@in_namespace
def test_nothing_held():
    need_ipv6()
    small_range()
    said = read()
    assert shown(said) == {}
    for family in (IPV4, IPV6):
        assert {labels["pressure"]: value for labels, value
                in said.samples("ephemera_destinations", family=family)} \
            == {"low": 0, "half": 0, "high": 0, "full": 0}
        assert said.value("ephemera_worst_destination_ports", family=family) == 0
        assert said.value("ephemera_worst_destination_usage_ratio", family=family) == 0
        assert said.value("ephemera_other_destination_ports", family=family) == 0


@in_namespace
def test_a_port_that_comes_back_is_left_again():
    small_range()
    _listener = target(IPV4)
    clients, _error = connect_until_refused(IPV4, "127.0.0.1", TARGET)
    assert left(read(), IPV4, "127.0.0.1", TARGET) == 0
    drop(clients[:13])
    said = read()
    assert shown(said) == {("127.0.0.1", "127.0.0.1", TARGET): held(active=SIZE - 13)}
    assert_kernel_gives(said, IPV4, "127.0.0.1", TARGET)
    drop(clients)
    assert shown(read()) == {}


@EACH_SOURCE
@in_namespace
def test_both_ends_of_the_range_belong_to_it():
    small_range()
    listener = target(IPV4)
    clients, _error = connect_until_refused(IPV4, "127.0.0.1", TARGET)
    assert sorted(ports_of(clients)) == list(range(FIRST, LAST + 1))
    accept(listener, len(clients))
    said = read()
    assert left(said, IPV4, "127.0.0.1", TARGET) == 0
