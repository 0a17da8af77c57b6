# SPDX-License-Identifier: Apache-2.0
"""Opens, failures and resets: counted by the kernel, both families in one."""

import errno

import pytest

from lib.exporter import metrics
from lib.namespace import in_namespace, set_range
from lib.sockets import (IPV4, IPV6, LOOPBACK, MAPPED, accept, at, connect_many,
                         connect_until_refused, drop, fin_wait2, listen, need_ipv6, new,
                         pairs, time_wait, wait_until)

PORT = 30001
NOBODY = 30009

FAMILIES = [IPV4, IPV6, MAPPED]


def snmp():
    """The same counters, read apart from the exporter."""
    with open("/proc/self/net/snmp", encoding="ascii") as file:
        names, values = [line.split()[1:] for line in file if line.startswith("Tcp:")]
    found = dict(zip(names, map(int, values)))
    return {"active": found["ActiveOpens"], "passive": found["PassiveOpens"],
            "failures": found["AttemptFails"], "resets_sent": found["OutRsts"],
            "established_resets": found["EstabResets"]}


def told(*args):
    said = metrics(*args)
    opens = "ephemera_tcp_opens_total"
    assert len(said.samples(opens)) == 2
    return {"active": said.value(opens, direction="active"),
            "passive": said.value(opens, direction="passive"),
            "failures": said.value("ephemera_tcp_open_failures_total"),
            "resets_sent": said.value("ephemera_tcp_resets_sent_total"),
            "established_resets": said.value("ephemera_tcp_established_resets_total")}


def expect(**counts):
    """Nothing else may have moved: the namespace is the test's own, and so is all its traffic."""
    expected = {**dict.fromkeys(("active", "passive", "failures", "resets_sent",
                                 "established_resets"), 0), **counts}
    wait_until(lambda: snmp() == expected or snmp()["active"] >= expected["active"], "the kernel")
    assert told() == expected
    assert snmp() == expected


def refused(count, family):
    for _ in range(count):
        with new(family) as sock:
            assert sock.connect_ex(at(family, LOOPBACK[family], NOBODY)) == errno.ECONNREFUSED


@in_namespace
def test_nothing_happened():
    expect()


@pytest.mark.parametrize("family", FAMILIES)
@in_namespace
def test_opens(family):
    need_ipv6()
    listener = listen(family, LOOPBACK[family], PORT)
    _made = pairs(23, family, listener, LOOPBACK[family], PORT)
    expect(active=23, passive=23)
    # A client that waits for accept() is open, too.
    _more = connect_many(7, family, LOOPBACK[family], PORT)
    _servers = accept(listener, 7)
    expect(active=30, passive=30)


@pytest.mark.parametrize("family", FAMILIES)
@in_namespace
def test_refused_attempts(family):
    need_ipv6()
    refused(17, family)
    # Each was answered by a reset.
    expect(active=17, failures=17, resets_sent=17)


@pytest.mark.parametrize("family", FAMILIES)
@in_namespace
def test_resets(family):
    need_ipv6()
    listener = listen(family, LOOPBACK[family], PORT)
    made = pairs(13, family, listener, LOOPBACK[family], PORT)
    drop(client for client, _ in made)
    for _, server in made:
        server.settimeout(10)
        with pytest.raises(ConnectionResetError):
            server.recv(1)
    # Both ends were established; one of them sent the reset.
    expect(active=13, passive=13, resets_sent=13, established_resets=26)


@pytest.mark.parametrize("family", FAMILIES)
@in_namespace
def test_an_orderly_close_is_no_reset(family):
    need_ipv6()
    listener = listen(family, LOOPBACK[family], PORT)
    where = (family, listener, LOOPBACK[family], PORT)
    time_wait(11, *where)
    _half = fin_wait2(3, *where)
    expect(active=14, passive=14)


@in_namespace
def test_all_families_together():
    need_ipv6()
    _kept = [listen(family, LOOPBACK[family], PORT + i) for i, family in enumerate(FAMILIES)]
    _made = [pairs(count, family, _kept[i], LOOPBACK[family], PORT + i)
             for i, (family, count) in enumerate(zip(FAMILIES, (3, 5, 7)))]
    for family, count in zip(FAMILIES, (11, 13, 2)):
        refused(count, family)
    expect(active=41, passive=15, failures=26, resets_sent=26)
    assert told("--sockets.source=procfs") == snmp()


@in_namespace
def test_an_attempt_that_gets_no_port_leaves_no_trace():
    set_range(40000, 40009)
    _listener = listen(IPV4, "127.0.0.1", PORT)
    _clients, error = connect_until_refused(IPV4, "127.0.0.1", PORT)
    assert (len(_clients), error) == (10, errno.EADDRNOTAVAIL)
    for _ in range(7):
        with new(IPV4) as sock:
            assert sock.connect_ex(("127.0.0.1", PORT)) == errno.EADDRNOTAVAIL
    expect(active=10, passive=10)


@pytest.fixture
def traffic_outside():
    """Connections of the namespace that the test leaves behind."""
    listener = listen(IPV4, "127.0.0.1", 0)
    made = connect_many(5, IPV4, "127.0.0.1", listener.getsockname()[1])
    yield
    drop([listener, *made])


@in_namespace
def test_other_namespaces_are_not_counted(traffic_outside):
    expect()
