# SPDX-License-Identifier: Apache-2.0
"""What bind() takes from the range, for every destination at once."""

import errno
import os
import socket
import subprocess
import time

import pytest

from accounting import (FIRST, LAST, OTHER, SIZE, TARGET, THIRD, assert_kernel_gives,
                        bound_ports, held, read, shown, small_range, target)
from lib.exporter import Exporter, metrics, run
from lib.namespace import in_namespace, set_range, set_reserved
from lib.sockets import (IPV4, IPV6, LOOPBACK, MAPPED, bind, bind_until_refused, bound,
                         bound_many, connect, connect_many, connect_until_refused, drop, listen,
                         need_ipv6, need_kernel, new, ports_of, udp_connected)
from lib.sources import BOUND_ONLY, BPF, CHOSEN, PROCFS, SOCK_DIAG, read_by, tells

EACH_SOURCE = read_by(BPF, SOCK_DIAG, PROCFS)

LISTENER_INFO = "ephemera_range_listener_info"
UNSHOWN = "ephemera_range_unshown_listener_ports"


def need_bound_sockets():
    need_kernel(6, 8, "seeing sockets that bind() and do no more")


def listeners(said):
    """{(protocol, address, port, reserved)}; each is 1 and there only once."""
    found = said.samples(LISTENER_INFO)
    assert all(value == 1 for _, value in found)
    keys = [(labels["protocol"], labels["address"], int(labels["port"]), labels["reserved"])
            for labels, _ in found]
    assert len(keys) == len(set(keys))
    return set(keys)


def queries(first, count=120):
    """What a resolver has open: sockets without a peer, each on a port that it picked itself."""
    return [bound(IPV4, "0.0.0.0", first + i, socket.SOCK_DGRAM) for i in range(count)]


@in_namespace
def test_a_service_is_not_pushed_out_by_a_resolver():
    set_range(32768, 60999)
    _service = listen(IPV4, "0.0.0.0", 50051)
    _queries = queries(33000)
    said = metrics()
    assert listeners(said) == {("tcp", "0.0.0.0", 50051, "false")}
    assert said.value(UNSHOWN, protocol="udp") == 120
    assert said.value(UNSHOWN, protocol="tcp") == 0


@in_namespace
def test_beside_a_resolver_the_series_of_services_stay():
    """TCP's, and UDP's of the same user: only queries come and go."""
    set_range(32768, 60999)
    services = {("tcp", "0.0.0.0", 50051, "false"), ("udp", "0.0.0.0", 51820, "false")}
    _kept = [listen(IPV4, "0.0.0.0", 50051), bound(IPV4, "0.0.0.0", 51820, socket.SOCK_DGRAM)]
    with Exporter("--web.listen-address=127.0.0.1:10059") as exporter:
        for scrape in range(4):
            asked = queries(33000 + 300 * scrape)
            said = exporter.metrics()
            if scrape:
                assert listeners(said) == services
                assert said.value(UNSHOWN, protocol="udp") == 120
            else:
                assert ("tcp", "0.0.0.0", 50051, "false") in listeners(said)
            time.sleep(1.1)
            drop(asked)


@in_namespace
def test_few_udp_sockets_of_an_owner_are_services():
    set_range(32768, 60999)
    _kept = queries(33000, 4)
    said = metrics()
    assert {port for _, _, port, _ in listeners(said)} == {33000, 33001, 33002, 33003}
    assert said.value(UNSHOWN, protocol="udp") == 0


@in_namespace
def test_many_udp_ports_of_a_service_are_told_once_they_have_stayed():
    set_range(32768, 60999)
    _kept = [listen(IPV4, "0.0.0.0", 60000 + i) for i in range(3)] + queries(33000, 7)
    with Exporter("--web.listen-address=127.0.0.1:10059",
                  "--collector.binds.listeners-limit=8") as exporter:
        said = exporter.metrics()
        assert len(listeners(said)) == 3 and said.value(UNSHOWN, protocol="udp") == 7
        time.sleep(1.1)
        said = exporter.metrics()
        # All of TCP's, whatever their ports, and then those of UDP for which there is a place.
        assert sorted(listeners(said)) == [("tcp", "0.0.0.0", 60000 + i, "false") for i in range(3)] \
            + [("udp", "0.0.0.0", 33000 + i, "false") for i in range(5)]
        assert said.value(UNSHOWN, protocol="udp") == 2


@in_namespace
def test_listeners_beyond_the_limit_are_counted():
    set_range(32768, 60999)
    _kept = [listen(IPV4, address, 50000 + i) for i in range(7) for address in
             ("127.0.0.1", "127.0.0.2")]
    said = metrics("--collector.binds.listeners-limit=3")
    assert len(listeners(said)) == 3
    assert said.value(UNSHOWN, protocol="tcp") == 5


@in_namespace
def test_listeners_on_two_devices_are_two_listeners():
    """They print the same address to whoever leaves the device out."""
    need_ipv6()
    small_range()
    subprocess.run(["ip", "link", "add", "v0", "type", "veth", "peer", "name", "v1"], check=True,
                   env={**os.environ, "PATH": os.environ.get("PATH", "") + ":/usr/sbin:/sbin"})
    kept = []
    for device in (b"v0", b"v1"):
        sock = new(IPV4)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, device)
        bind(sock, IPV4, "0.0.0.0", FIRST + 3).listen()
        kept.append(sock)
    assert listeners(read()) == {
        ("tcp", "0.0.0.0%v0", FIRST + 3, "false"), ("tcp", "0.0.0.0%v1", FIRST + 3, "false")}
    text = run("port", str(FIRST + 3)).stdout
    assert "0.0.0.0%v0:" in text and "0.0.0.0%v1:" in text, text
    assert text.count("one network interface") == 1 and "every IPv4" not in text, text


@EACH_SOURCE
@pytest.mark.parametrize("family, address", [
    (IPV4, "127.0.0.1"), (IPV4, "127.0.0.2"), (IPV4, "0.0.0.0"),
    (IPV6, "::1"), (IPV6, "::"), (MAPPED, "::"), (MAPPED, "127.0.0.1"),
])
@in_namespace
def test_row_3_a_listener_takes_its_port_from_every_destination(family, address):
    need_ipv6()
    small_range()
    _targets = [target(IPV4), target(IPV6)]
    _listener = listen(family, address, FIRST + 3)
    _outside = listen(family, address, FIRST - 1)
    said = read()
    assert bound_ports(said) == {"listen": 1, "bound": 0, "connected": 0}
    assert said.value("ephemera_range_usable_ports") == SIZE - 1
    assert listeners(said) == {("tcp", address, FIRST + 3, "false")}
    for client in (IPV4, IPV6, MAPPED):
        target_address = LOOPBACK[client]
        assert_kernel_gives(said, client, target_address, TARGET)


@EACH_SOURCE
@in_namespace
def test_row_3_several_listeners_of_one_port_take_it_once():
    need_ipv6()
    small_range()
    _targets = [target(IPV4), target(IPV6)]
    _listeners = [listen(IPV4, "127.0.0.1", FIRST), listen(IPV4, "127.0.0.2", FIRST),
                  listen(IPV6, "::1", FIRST), listen(IPV4, "0.0.0.0", LAST),
                  listen(IPV6, "::", LAST)]
    _listeners += [listen(IPV4, "127.0.0.1", FIRST + 6, reuse_port=True) for _ in range(3)]
    said = read()
    assert bound_ports(said) == {"listen": 3, "bound": 0, "connected": 0}
    assert listeners(said) == {
        ("tcp", "127.0.0.1", FIRST, "false"), ("tcp", "127.0.0.2", FIRST, "false"),
        ("tcp", "::1", FIRST, "false"), ("tcp", "0.0.0.0", LAST, "false"),
        ("tcp", "::", LAST, "false"), ("tcp", "127.0.0.1", FIRST + 6, "false"),
    }
    assert_kernel_gives(said, IPV4, "127.0.0.1", TARGET)
    assert_kernel_gives(said, IPV6, "::1", TARGET)


@EACH_SOURCE
@pytest.mark.parametrize("ports", [[0] * 7, range(FIRST + 1, FIRST + 8)], ids=["auto", "chosen"])
@pytest.mark.parametrize("family, address", [
    (IPV4, "127.0.0.1"), (IPV4, "127.0.0.9"), (IPV4, "0.0.0.0"), (IPV6, "::1"), (MAPPED, "::"),
])
@in_namespace
def test_row_4_sockets_that_only_bind_take_their_ports(family, address, ports, socket_source):
    need_bound_sockets()
    need_ipv6()
    small_range()
    _targets = [target(IPV4), target(IPV6)]
    _bound = bound_many(ports, family, address)
    said = read()
    seen = 7 if tells(socket_source, BOUND_ONLY) else 0
    assert bound_ports(said) == {"listen": 0, "bound": seen, "connected": 0}
    assert listeners(said) == set()
    assert_kernel_gives(said, IPV4, "127.0.0.1", TARGET, unseen=7 - seen)
    assert_kernel_gives(said, IPV6, "::1", TARGET, unseen=7 - seen)


@EACH_SOURCE
@in_namespace
def test_row_4_sockets_that_only_bind_can_take_all(socket_source):
    need_bound_sockets()
    need_ipv6()
    small_range()
    _targets = [target(IPV4), target(IPV6)]
    got, error = bind_until_refused(IPV4, "127.0.0.1")
    assert (len(got), error) == (SIZE, errno.EADDRINUSE)
    said = read()
    seen = SIZE if tells(socket_source, BOUND_ONLY) else 0
    assert bound_ports(said) == {"listen": 0, "bound": seen, "connected": 0}
    assert said.value("ephemera_range_usable_ports") == SIZE - seen
    for family in ("ipv4", "ipv6"):
        assert said.value("ephemera_worst_destination_usage_ratio", family=family) == (seen > 0)
        assert said.value("ephemera_worst_destination_ports", family=family) == 0
    assert_kernel_gives(said, IPV4, "127.0.0.1", TARGET, unseen=SIZE - seen)
    assert_kernel_gives(said, IPV6, "::1", TARGET, unseen=SIZE - seen)


@EACH_SOURCE
@in_namespace
def test_two_bound_sockets_of_one_port_take_it_once(socket_source):
    need_bound_sockets()
    small_range()
    _target = target(IPV4)
    _bound = (bound_many(range(FIRST, FIRST + 5), IPV4, "127.0.0.1")
              + bound_many(range(FIRST, FIRST + 3), IPV4, "127.0.0.2"))
    said = read()
    ports, sockets = (5, 8) if tells(socket_source, BOUND_ONLY) else (0, 0)
    assert bound_ports(said) == {"listen": 0, "bound": ports, "connected": 0}
    assert said.value("ephemera_sockets", protocol="tcp", family="ipv4", state="bound") == sockets
    assert_kernel_gives(said, IPV4, "127.0.0.1", TARGET, unseen=5 - ports)


@EACH_SOURCE
@pytest.mark.parametrize("family", [IPV4, IPV6, MAPPED])
@in_namespace
def test_a_chosen_port_that_connected_is_bound_and_not_used(family, socket_source):
    need_ipv6()
    small_range()
    address = LOOPBACK[family]
    _targets = [target(family), target(family, OTHER)]
    _auto = connect_many(5, family, address, TARGET)
    _mine = [connect(family, address, TARGET, source_port=FIRST - 1 - i) for i in range(2)]
    free = [port for port in range(FIRST, LAST + 1)
            if port not in {sock.getsockname()[1] for sock in _auto}]
    _chosen = [connect(family, address, TARGET, source_port=port) for port in free[:3]]
    said = read()
    seen = 3 if tells(socket_source, CHOSEN) else 0
    assert bound_ports(said) == {"listen": 0, "bound": 0, "connected": seen}
    assert said.value("ephemera_range_usable_ports") == SIZE - seen
    assert shown(said) == {(address, address, TARGET): held(active=5 + 3 - seen)}
    label = "ipv6" if family == IPV6 else "ipv4"
    assert said.value("ephemera_tcp_connections", family=label, direction="outbound") == 10
    assert_kernel_gives(said, family, address, TARGET)
    assert_kernel_gives(said, family, address, OTHER, unseen=3 - seen)


@EACH_SOURCE
@in_namespace
def test_one_chosen_port_to_two_destinations_is_bound_once(socket_source):
    small_range()
    _targets = [target(IPV4), target(IPV4, OTHER)]
    _chosen = [connect(IPV4, "127.0.0.1", TARGET, "127.0.0.1", FIRST + 7),
               connect(IPV4, "127.0.0.1", OTHER, "127.0.0.2", FIRST + 7)]
    said = read()
    seen = 1 if tells(socket_source, CHOSEN) else 0
    assert bound_ports(said) == {"listen": 0, "bound": 0, "connected": seen}
    # The other one comes from another address, so that its destination is another.
    assert_kernel_gives(said, IPV4, "127.0.0.1", TARGET)
    assert_kernel_gives(said, IPV4, "127.0.0.1", OTHER, unseen=1 - seen)


@EACH_SOURCE
@in_namespace
def test_each_port_has_one_holder(socket_source):
    need_bound_sockets()
    small_range()
    _targets = [target(IPV4), target(IPV4, OTHER)]
    all_three, two, alone = FIRST + 1, FIRST + 4, FIRST + 9
    _kept = [
        listen(IPV4, "127.0.0.2", all_three),
        bound(IPV4, "127.0.0.3", all_three),
        connect(IPV4, "127.0.0.1", TARGET, "127.0.0.4", all_three),
        bound(IPV4, "127.0.0.3", two),
        connect(IPV4, "127.0.0.1", TARGET, "127.0.0.4", two),
        connect(IPV4, "127.0.0.1", TARGET, "127.0.0.4", alone),
    ]
    said = read()
    is_told = tells(socket_source, BOUND_ONLY)
    assert is_told == tells(socket_source, CHOSEN)
    assert bound_ports(said) == {"listen": 1, "bound": is_told, "connected": is_told}
    assert said.value("ephemera_range_usable_ports") == SIZE - (3 if is_told else 1)
    # Else those of the two that are connected count, for the destination that they have.
    assert shown(said) == ({} if is_told else {("127.0.0.4", "127.0.0.1", TARGET): held(active=2)})
    assert_kernel_gives(said, IPV4, "127.0.0.1", TARGET, unseen=0 if is_told else 2)
    assert_kernel_gives(said, IPV4, "127.0.0.1", OTHER, unseen=0 if is_told else 2)


@EACH_SOURCE
@in_namespace
def test_row_8_reserved_ports_are_no_capacity():
    small_range()
    # Both ends of the range are among them, and ports beyond it that do not count.
    set_reserved(f"{FIRST - 10}-{FIRST},{FIRST + 3},{FIRST + 10}-{FIRST + 12},{LAST}-{LAST + 9}")
    _target = target(IPV4)
    said = read()
    assert said.value("ephemera_range_ports") == SIZE
    assert said.value("ephemera_range_reserved_ports") == 6
    assert said.value("ephemera_range_usable_ports") == SIZE - 6
    assert_kernel_gives(said, IPV4, "127.0.0.1", TARGET)

    _clients = connect_many(7, IPV4, "127.0.0.1", TARGET)
    said = read()
    assert shown(said) == {("127.0.0.1", "127.0.0.1", TARGET): held(active=7)}
    assert_kernel_gives(said, IPV4, "127.0.0.1", TARGET)

    set_reserved("")
    said = read()
    assert said.value("ephemera_range_reserved_ports") == 0
    assert_kernel_gives(said, IPV4, "127.0.0.1", TARGET)


@EACH_SOURCE
@in_namespace
def test_row_8_a_bound_reserved_port_is_not_taken_twice():
    small_range()
    set_reserved(f"{FIRST + 1}-{FIRST + 7}")
    _targets = [target(IPV4), target(IPV4, OTHER)]
    _kept = [
        listen(IPV4, "127.0.0.1", FIRST + 2),
        bound(IPV4, "127.0.0.1", FIRST + 3),
        connect(IPV4, "127.0.0.1", TARGET, "127.0.0.1", FIRST + 4),
        listen(IPV4, "127.0.0.1", FIRST + 8),
    ]
    said = read()
    assert bound_ports(said) == {"listen": 1, "bound": 0, "connected": 0}
    assert said.value("ephemera_range_reserved_ports") == 7
    assert said.value("ephemera_range_usable_ports") == SIZE - 8
    assert listeners(said) == {("tcp", "127.0.0.1", FIRST + 2, "true"),
                               ("tcp", "127.0.0.1", FIRST + 8, "false")}
    # The connection from a reserved port uses none that connect() could have had.
    assert shown(said) == {}
    assert_kernel_gives(said, IPV4, "127.0.0.1", TARGET)
    assert_kernel_gives(said, IPV4, "127.0.0.1", OTHER)


@EACH_SOURCE
@in_namespace
def test_row_8_ports_reserved_while_they_are_held():
    small_range()
    _targets = [target(IPV4), target(IPV4, OTHER)]
    clients, _error = connect_until_refused(IPV4, "127.0.0.1", TARGET)
    drop(sock for sock in clients if sock.getsockname()[1] >= FIRST + 13)
    set_reserved(f"{FIRST + 11}-{FIRST + 17}")
    said = read()
    assert said.value("ephemera_range_usable_ports") == SIZE - 7
    assert shown(said) == {("127.0.0.1", "127.0.0.1", TARGET): held(active=11)}
    assert_kernel_gives(said, IPV4, "127.0.0.1", TARGET)
    assert_kernel_gives(said, IPV4, "127.0.0.1", OTHER)


@EACH_SOURCE
@in_namespace
def test_row_13_a_service_in_the_range_can_be_locked_out_and_is_named():
    small_range()
    _target = target(IPV4)
    service = listen(IPV4, "0.0.0.0", FIRST + 5)
    assert listeners(read()) == {("tcp", "0.0.0.0", FIRST + 5, "false")}

    # What the warning is about: it restarts, and meanwhile a connection gets its port.
    service.close()
    assert listeners(read()) == set()
    clients, _error = connect_until_refused(IPV4, "127.0.0.1", TARGET)
    with pytest.raises(OSError) as refused:
        listen(IPV4, "0.0.0.0", FIRST + 5)
    assert refused.value.errno == errno.EADDRINUSE
    drop(clients)

    # And what cures it.
    set_reserved(FIRST + 5)
    _clients, _error = connect_until_refused(IPV4, "127.0.0.1", TARGET)
    assert len(_clients) == SIZE - 1
    _service = listen(IPV4, "0.0.0.0", FIRST + 5)
    assert listeners(read()) == {("tcp", "0.0.0.0", FIRST + 5, "true")}


@EACH_SOURCE
@in_namespace
def test_udp_services_in_the_range_are_named_and_take_no_tcp_port(socket_source):
    need_ipv6()
    small_range()
    set_reserved(f"{FIRST + 6}-{FIRST + 7}")
    _target = target(IPV4)
    _kept = [
        bound(IPV4, "0.0.0.0", FIRST + 5, socket.SOCK_DGRAM),
        bound(IPV4, "127.0.0.1", FIRST + 6, socket.SOCK_DGRAM),
        bound(IPV6, "::1", FIRST + 7, socket.SOCK_DGRAM),
        bound(IPV4, "127.0.0.1", FIRST - 1, socket.SOCK_DGRAM),
        listen(IPV4, "127.0.0.1", FIRST + 5),
    ]
    # The kernel picked these; nobody waits for such a port to be free.
    _auto = bound_many([0] * 3, IPV4, "127.0.0.1", socket.SOCK_DGRAM)
    _auto += [udp_connected(IPV4, "127.0.0.1", THIRD) for _ in range(2)]
    said = read()
    named = {("udp", "0.0.0.0", FIRST + 5, "false"), ("udp", "127.0.0.1", FIRST + 6, "true"),
             ("udp", "::1", FIRST + 7, "true")} if tells(socket_source, CHOSEN) else set()
    assert listeners(said) == {*named, ("tcp", "127.0.0.1", FIRST + 5, "false")}
    assert bound_ports(said) == {"listen": 1, "bound": 0, "connected": 0}
    assert said.value("ephemera_range_usable_ports") == SIZE - 3
    assert_kernel_gives(said, IPV4, "127.0.0.1", TARGET)


@in_namespace
def test_a_udp_port_that_the_kernel_picked_is_no_service_even_where_another_chose_it():
    need_ipv6()
    small_range(FIRST + 6, FIRST + 7)
    _chosen = bound(IPV6, "::1", FIRST + 7, socket.SOCK_DGRAM)
    auto, error = bind_until_refused(IPV4, "127.0.0.1", kind=socket.SOCK_DGRAM)
    assert (sorted(ports_of(auto)), error) == ([FIRST + 6, FIRST + 7], errno.EADDRINUSE)
    assert listeners(read()) == {("udp", "::1", FIRST + 7, "false")}


@in_namespace
def test_a_range_fully_bound_is_full():
    need_ipv6()
    small_range()
    _targets = [target(IPV4), target(IPV6)]
    _listeners = [listen(IPV4, "127.0.0.2", port) for port in range(FIRST, LAST + 1)]
    said = read()
    assert bound_ports(said) == {"listen": SIZE, "bound": 0, "connected": 0}
    assert said.value("ephemera_range_usable_ports") == 0
    for family in ("ipv4", "ipv6"):
        assert said.value("ephemera_worst_destination_usage_ratio", family=family) == 1
    assert_kernel_gives(said, IPV4, "127.0.0.1", TARGET)
    assert_kernel_gives(said, IPV6, "::1", TARGET)


@EACH_SOURCE
@in_namespace
def test_a_bound_socket_outside_the_range_takes_nothing():
    small_range()
    _target = target(IPV4)
    _kept = [listen(IPV4, "0.0.0.0", FIRST - 1), listen(IPV4, "0.0.0.0", LAST + 1),
             bound(IPV4, "0.0.0.0", FIRST - 2),
             connect(IPV4, "127.0.0.1", TARGET, source_port=LAST + 2)]
    said = read()
    assert bound_ports(said) == {"listen": 0, "bound": 0, "connected": 0}
    assert listeners(said) == set()
    assert shown(said) == {}
    assert_kernel_gives(said, IPV4, "127.0.0.1", TARGET)
