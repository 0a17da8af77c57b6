# SPDX-License-Identifier: Apache-2.0
"""`ephemera port`: how likely a free port is to be taken next, and what the kernel then does."""

import collections
import errno
import math
import random

import pytest

from lib.namespace import in_namespace, set_range, set_reserved
from lib.sockets import (IPV4, accept, bind_until_refused, bound, connect, connect_until_refused,
                         drop, listen, need_kernel, port_of)
from port import ask, look, tell

SERVICE = 30001
FIRST = 40000
TRIALS = 3000

# Of all comparisons of a test together, how likely it is to fail by chance.
FALSE_ALARM = 1e-7


def chances(ports):
    """{port: (connect, bind)} of those that are free."""
    return {answer["port"]: (answer["chances"]["connect"], answer["chances"]["bind"])
            for answer in look(*ports)["ports"] if "chances" in answer}


def divergence(observed, expected):
    """Chernoff: that a share so observed, or one further off, comes about has at most the
    probability exp(-trials * divergence), on either side, whatever the distribution's shape."""
    total = 0
    for share, chance in ((observed, expected), (1 - observed, 1 - expected)):
        if share > 0:
            total += share * math.log(share / chance) if chance > 0 else math.inf
    return total


def assert_frequency(count, chance, ports, at_least=False):
    share = count / TRIALS
    if at_least and share >= chance:
        return
    bound_ = math.log(2 * ports / FALSE_ALARM) / TRIALS
    assert divergence(share, chance) <= bound_, f"{share}, not {chance}"


def test_the_bound_tells_a_tenth_from_a_fifth():
    assert_frequency(TRIALS // 10, 0.1, 20)
    assert_frequency(TRIALS // 10 + 60, 0.1, 20)
    with pytest.raises(AssertionError):
        assert_frequency(TRIALS // 10, 0.2, 20)
    with pytest.raises(AssertionError):
        assert_frequency(TRIALS // 5, 0.1, 20)
    assert_frequency(TRIALS // 5, 0.1, 20, at_least=True)
    with pytest.raises(AssertionError):
        assert_frequency(1, 0, 20)


def connect_to_fresh_destinations():
    """{port: how often it was the one}, each time towards an address of its own."""
    listener = listen(IPV4, "0.0.0.0", SERVICE)
    taken = collections.Counter()
    # Others at every run: the kernel's secret is the same until the next boot.
    for number in random.sample(range(1 << 8, 1 << 24), TRIALS):
        address = f"127.{number >> 16}.{number >> 8 & 255}.{number & 255}"
        client = connect(IPV4, address, SERVICE)
        taken[port_of(client)] += 1
        drop([client, *accept(listener, 1)])
    return taken


def assert_connects_as_told(last):
    ports = range(FIRST, last + 1)
    told = {port: by_connect for port, (by_connect, _) in chances(ports).items()}
    taken = connect_to_fresh_destinations()
    assert set(taken) <= set(told)
    for port, chance in told.items():
        assert_frequency(taken[port], chance, len(ports))
    assert sum(told.values()) == pytest.approx(1)
    return told


@pytest.mark.parametrize("last", [FIRST + 19, FIRST + 20], ids=["even", "odd"])
@in_namespace
def test_connect_takes_them_as_often_as_told(last):
    set_range(FIRST, last)
    told = assert_connects_as_told(last)
    assert sorted(told.values(), reverse=True)[:10] == [0.1] * 10
    assert {port for port, chance in told.items() if chance} == set(range(FIRST, FIRST + 20, 2))


@in_namespace
def test_connect_beside_ports_that_it_passes_over():
    """Reserved ones and listeners leave their chance to the next: over the end, too."""
    set_range(FIRST, FIRST + 19)
    set_reserved("40004,40006,40009,40018")
    _kept = [listen(IPV4, address, port) for address, port in (
        ("127.0.0.1", 40000), ("0.0.0.0", 40011), ("127.0.0.1", 40012))]
    told = assert_connects_as_told(FIRST + 19)
    assert {port: round(10 * chance) for port, chance in told.items() if chance} == \
        {40002: 3, 40008: 3, 40010: 1, 40014: 2, 40016: 1}


@in_namespace
def test_connect_beside_a_port_it_passes_over_at_the_end_of_an_odd_range():
    """The search goes on to the last port, which it never begins at."""
    set_range(FIRST, FIRST + 20)
    set_reserved("40018")
    assert_connects_as_told(FIRST + 20)


@in_namespace
def test_connect_beside_ports_that_bind_holds():
    """No connect() takes those either: bound and no more, or bound and then connected."""
    need_kernel(6, 8, "listing sockets that only bind()")
    set_range(FIRST, FIRST + 19)
    _held = [bound(IPV4, "127.0.0.1", 40004)]
    with listen(IPV4, "127.0.0.1", 30002):
        _held.append(connect(IPV4, "127.0.0.1", 30002, source_port=40010))
    told = assert_connects_as_told(FIRST + 19)
    assert told[40006] == told[40012] == pytest.approx(0.2)


@in_namespace
def test_one_destination_uses_up_those_with_a_chance_first():
    set_range(FIRST, FIRST + 19)
    set_reserved("40004,40009")
    _kept = [listen(IPV4, "127.0.0.1", SERVICE), listen(IPV4, "127.0.0.1", 40012)]
    likely = {port for port, (by_connect, _) in chances(range(FIRST, FIRST + 20)).items()
              if by_connect}
    clients, error = connect_until_refused(IPV4, "127.0.0.1", SERVICE)
    ports = list(map(port_of, clients))
    assert error == errno.EADDRNOTAVAIL and len(ports) == 20 - 2 - 1
    assert set(ports[:len(likely)]) == likely and len(likely) == 8


@in_namespace
def test_bind_takes_them_at_least_as_often_as_told():
    set_range(FIRST, FIRST + 19)
    set_reserved("40004,40009")
    _kept = [listen(IPV4, "127.0.0.1", 40012), listen(IPV4, "127.0.0.1", 40015)]
    told = {port: by_bind for port, (_, by_bind) in chances(range(FIRST, FIRST + 20)).items()}
    taken = collections.Counter()
    for _ in range(TRIALS):
        with bound(IPV4, "127.0.0.1") as sock:
            taken[port_of(sock)] += 1
    likely = {port for port, chance in told.items() if chance}
    assert likely == set(range(FIRST + 1, FIRST + 20, 2)) - {40009, 40015}
    assert set(taken) == likely
    for port, chance in told.items():
        # After those that are taken: more.
        assert_frequency(taken[port], chance, len(told), at_least=port in (40011, 40017))

    # And only those while there is one of them.
    held, error = bind_until_refused(IPV4, "127.0.0.1")
    ports = list(map(port_of, held))
    assert error == errno.EADDRINUSE
    assert set(ports[:len(likely)]) == likely
    assert not set(ports[len(likely):]) & likely and len(ports) == 16


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5])
@in_namespace
def test_narrow_ranges(size):
    """Down to a single port: the chances of all of them come to 1."""
    ports = range(FIRST, FIRST + size)
    set_range(FIRST, FIRST + size - 1)
    told = chances(ports)
    by_connect = {port for port, (chance, _) in told.items() if chance}
    by_bind = {port for port, (_, chance) in told.items() if chance}
    listener = listen(IPV4, "0.0.0.0", SERVICE)
    for i in range(1, 60):
        client = connect(IPV4, f"127.0.1.{i}", SERVICE)
        assert port_of(client) in by_connect
        drop([client, *accept(listener, 1)])
        with bound(IPV4, "127.0.0.1") as sock:
            assert port_of(sock) in by_bind
    assert sum(chance for chance, _ in told.values()) == pytest.approx(1)
    assert sum(chance for _, chance in told.values()) == pytest.approx(1)
    words = "a chance of about 1 in " + str(len(by_connect))
    assert all(words in tell(port) for port in by_connect)


@in_namespace
def test_words_of_chances():
    set_range(FIRST, FIRST + 19)
    set_reserved("40004")
    assert "a chance of about 1 in 10;" in ask(40002)["meaning"]
    assert "a chance of about 1 in 5;" in ask(40006)["meaning"]
    assert ask(40006)["meaning"].count("bind() to port 0 prefers") == 1
    text = ask(40001)["meaning"]
    assert "bind() to port 0 takes it with a chance of about 1 in 10;" in text
    assert "when a destination has used up half of the range" in text


@in_namespace
def test_whoever_is_out_of_the_range_has_no_chance():
    set_range(FIRST, FIRST + 19)
    assert chances([FIRST - 2, FIRST - 1, FIRST + 20, FIRST + 21]) == \
        dict.fromkeys([FIRST - 2, FIRST - 1, FIRST + 20, FIRST + 21], (0, 0))
