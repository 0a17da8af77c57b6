# SPDX-License-Identifier: Apache-2.0
"""What BPF tells of ports that belong to a bind(), without --collector.exhaustion: whose they are."""

import errno
import json
import os
import socket
import struct
import tempfile
import time

import pytest

from lib.bpf import needs_bpf
from lib.cgroup_mount import host_has_cgroups
from lib.exporter import Exporter, metrics, run
from lib.namespace import NOBODY, in_namespace, set_range, sysctl
from lib.sockets import (IPV4, IPV6, LOOPBACK, MAPPED, accept, bound, connect_many,
                         connect_until_refused, drop, listen, need_ipv6, need_kernel, pairs, tcp_sockets,
                         time_wait, wait_until)
from lib.sources import AUTO, BLIND, SOCK_DIAG, read_by

# With --sockets.source=sock_diag a program of its own reads the buckets, else the walk does.
pytestmark = [needs_bpf, read_by(AUTO, SOCK_DIAG)]

FIRST, SIZE = 40000, 20
TARGET, OTHER = 30001, 30002

BUCKETS = "--collector.binds.buckets"
ALL = ("--collector.destinations.minimum-ports=0", "--collector.owners.limit=1000")

BOUND = "ephemera_range_bound_ports"
OWNERS = "ephemera_owner_bound_ports"

BASE = f"/ephemera-test-{os.getpid()}.slice"


def small_range():
    set_range(FIRST, FIRST + SIZE - 1)
    sysctl("net.ipv4.tcp_tw_reuse", 0)


def feature(said, name="bind_before_connect"):
    return said.value("ephemera_kernel_feature", feature=name)


def assert_bound_add_up(said):
    assert (said.total(OWNERS) + said.value("ephemera_other_owner_bound_ports")
            + said.value("ephemera_unowned_bound_ports")) == said.total(BOUND)


def kernel_gives(port=OTHER):
    kept, error = connect_until_refused(IPV4, "127.0.0.1", port)
    drop(kept)
    assert error == errno.EADDRNOTAVAIL
    return len(kept)


def connect_bound_first(count):
    return connect_many(count, IPV4, "127.0.0.1", TARGET, source="127.0.0.1")


@in_namespace
def test_the_switch_alone_makes_the_capacity_exact():
    small_range()
    _listeners = [listen(IPV4, "127.0.0.1", port) for port in (TARGET, OTHER)]
    _clients = connect_bound_first(7)
    without, exact, off = (metrics(*flags) for flags in
                           ((BLIND,), (BUCKETS,), ("--collector.exhaustion", f"--no-{BUCKETS[2:]}")))
    assert [(feature(said), said.value("ephemera_range_usable_ports"))
            for said in (without, exact, off)] == [(0, SIZE), (1, SIZE - 7), (0, SIZE)]
    assert feature(exact, "port_exhaustion") == 0
    assert feature(off, "port_exhaustion") == 1
    assert kernel_gives() == SIZE - 7


@in_namespace
def test_each_port_that_all_have_lost_has_an_owner(tree):
    if not host_has_cgroups():
        pytest.skip("no cgroup v2")
    small_range()
    _listeners = [listen(IPV4, "127.0.0.1", port) for port in (TARGET, OTHER)]
    proxy, idle, service = (tree.make(f"{BASE}/{name}.service")
                            for name in ("proxy", "idle", "service"))
    with tree.inside(proxy):
        _clients = connect_bound_first(5)
    with tree.inside(idle):
        _idle = [bound(IPV4, "127.0.0.1", 0) for _ in range(3)]
    with tree.inside(service):
        server = listen(IPV4, "127.0.0.1", 0)
    _pairs = pairs(2, IPV4, server, "127.0.0.1", server.getsockname()[1])
    said = metrics(BUCKETS, *ALL)
    assert {labels["cgroup"]: value for labels, value in said.samples(OWNERS)} \
        == {proxy: 5, idle: 3, service: 1}
    assert [said.value(BOUND, holder=holder) for holder in ("listen", "bound", "connected")] \
        == [1, 3, 5]
    assert_bound_add_up(said)
    # The two clients of the server have leased theirs.
    assert said.total("ephemera_owner_ports") == 2
    # Without BPF a leased port is told, which is not lost to all; the sum holds.
    blind = metrics(BLIND, *ALL)
    assert {labels["cgroup"]: value for labels, value in blind.samples(OWNERS)} \
        == {idle: 3, service: 1}
    assert blind.value("ephemera_owner_ports", cgroup=proxy) == 5
    assert_bound_add_up(blind)
    limited = metrics(BUCKETS, "--collector.owners.limit=1")
    assert limited.value("ephemera_other_owner_bound_ports") == 4
    assert_bound_add_up(limited)


@in_namespace
def test_a_bound_port_in_time_wait_is_nobodys():
    small_range()
    listener = listen(IPV4, "127.0.0.1", TARGET)
    time_wait(3, IPV4, listener, "127.0.0.1", TARGET, source="127.0.0.1")
    said = metrics(BUCKETS, *ALL)
    assert said.value(BOUND, holder="connected") == 3
    assert said.value("ephemera_unowned_bound_ports") == 3
    assert_bound_add_up(said)


# TIME_WAIT that connect() may take over


def old_time_wait(count, listener, **how):
    """So old that connect() may take it over, where the connection had timestamps."""
    time_wait(count, IPV4, listener, "127.0.0.1", TARGET, **how)
    time.sleep(1.5)


def assert_left(said, exact):
    """What is left for the one destination by the metrics, against what the kernel gives."""
    left = (said.value("ephemera_range_usable_ports")
            - said.value("ephemera_worst_destination_ports", family="ipv4"))
    given = kernel_gives(TARGET)
    assert left == given if exact else left <= given, (left, given)
    return given


@pytest.mark.parametrize("then, now", [(1, 1), (1, 0), (0, 1), (0, 0)],
                         ids=["with", "switched off since", "switched on since", "without"])
@pytest.mark.parametrize("exact", [True, False], ids=["asked", "not asked"])
@in_namespace
def test_the_socket_knows_whether_it_had_timestamps_and_the_setting_does_not(then, now, exact):
    small_range()
    sysctl("net.ipv4.tcp_tw_reuse", 2)
    sysctl("net.ipv4.tcp_timestamps", then)
    listener = listen(IPV4, "127.0.0.1", TARGET)
    old_time_wait(7, listener)
    sysctl("net.ipv4.tcp_timestamps", now)
    said = metrics(BUCKETS if exact else BLIND, *ALL)
    assert feature(said, "time_wait_reuse") == exact
    states = {state: said.value("ephemera_destination_ports", state=state)
              for state in ("time_wait", "reusable")}
    assert states == ({"time_wait": 0, "reusable": 7} if exact and then else
                      {"time_wait": 7, "reusable": 0})
    assert assert_left(said, exact) == (SIZE if then else SIZE - 7)


@pytest.mark.parametrize("family", [IPV4, MAPPED, IPV6])
@in_namespace
def test_each_time_wait_is_told_by_itself(family):
    need_ipv6()
    small_range()
    sysctl("net.ipv4.tcp_tw_reuse", 2)
    listener = listen(family, LOOPBACK[family], TARGET)
    time_wait(5, family, listener, LOOPBACK[family], TARGET)
    sysctl("net.ipv4.tcp_timestamps", 0)
    time_wait(3, family, listener, LOOPBACK[family], TARGET)
    time.sleep(1.5)
    said = metrics(BUCKETS, *ALL)
    assert said.value("ephemera_destination_ports", state="reusable") == 5
    assert said.value("ephemera_destination_ports", state="time_wait") == 3


@pytest.mark.parametrize("exact", [True, False], ids=["asked", "not asked"])
@in_namespace
def test_a_reusable_time_wait_of_who_was_bound_counts_nowhere_as_reusable(exact):
    small_range()
    sysctl("net.ipv4.tcp_tw_reuse", 2)
    listener = listen(IPV4, "127.0.0.1", TARGET)
    old_time_wait(3, listener, source="127.0.0.1")
    said = metrics(BUCKETS if exact else BLIND, *ALL)
    assert said.total("ephemera_destination_ports", state="reusable") == 0
    # Here the cautious side is the right one.
    assert assert_left(said, exact=True) == SIZE - 3
    answer = ask(said_port(), *([] if exact else [f"--no-{BUCKETS[2:]}"]))
    entry, = answer["local"]["sockets"]
    assert (entry["state"], entry["reusable"]) == ("time_wait", False)
    assert ("belongs to a bind()" if exact else "is not known") in entry["meaning"]


def said_port():
    """The port of a TIME_WAIT on the side of the client."""
    return next(line.local_port for line in tcp_sockets()
                if line.state == "TIME-WAIT" and line.local_port != TARGET)


def destinations(*flags, **kw):
    done = run("destinations", "--json", *flags, **kw)
    assert (done.returncode, done.stderr) == (0, "")
    return json.loads(done.stdout)


@in_namespace
def test_destinations_asks_bpf_without_a_flag_and_names_the_culprit(tree):
    small_range()
    _listener = listen(IPV4, "127.0.0.1", TARGET)
    proxy = tree.make(f"{BASE}/proxy.service")
    with tree.inside(proxy):
        _clients = connect_bound_first(7)
    _others = connect_many(2, IPV4, "127.0.0.1", TARGET)
    found = destinations()
    assert found["bind_before_connect"] is True
    assert found["range"]["usable_ports"] == SIZE - 7
    assert found["bound_ports"] == {
        "listen": 0, "bound": 0, "connected": 7,
        "owners": [{"cgroup": proxy, "pod_uid": "", "container_id": "", "ports": 7}],
        "other_owner_ports": 0, "unowned_ports": 0}
    assert [entry["active"] for entry in found["destinations"]] == [2]
    text = run("destinations").stdout
    assert f"\n     7  {proxy}\n" in text
    assert "CAP_BPF" not in text
    # Its flags hold here, too.
    assert destinations(f"--no-{BUCKETS[2:]}")["bind_before_connect"] is False
    assert destinations("--sockets.source=procfs")["bind_before_connect"] is False


@in_namespace
def test_without_the_right_it_says_which_truth_it_tells(public_binary):
    small_range()
    _listener = listen(IPV4, "127.0.0.1", TARGET)
    _clients = connect_bound_first(7)
    prefix = {"preexec_fn": lambda: (os.setgroups([]), os.setresgid(*[NOBODY] * 3),
                                     os.setresuid(*[NOBODY] * 3))}
    found = destinations(**prefix)
    assert found["bind_before_connect"] is False
    assert [entry["active"] for entry in found["destinations"]] == [7]
    assert "Without CAP_BPF and CAP_PERFMON two things are not seen" in " ".join(
        run("destinations", **prefix).stdout.split())
    port = str(_clients[0].getsockname()[1])
    text = " ".join(run("port", port, **prefix).stdout.split())
    assert "Without CAP_BPF and CAP_PERFMON, ports that bind() took" in text
    answer = json.loads(run("port", "--json", port, **prefix).stdout)["ports"][0]
    assert answer["bind_before_connect"] is False
    assert "port_bound" not in answer["local"]["sockets"][0]
    # An exporter that was asked for it by name says so, and goes on.
    done = run("metrics", BUCKETS, **prefix)
    assert done.returncode == 0
    assert "--collector.binds.buckets" in done.stderr
    assert "loading BPF programs needs CAP_BPF and CAP_PERFMON" in done.stderr
    assert 'feature="bind_before_connect"} 0' in done.stdout


def ask(port, *flags):
    done = run("port", "--json", port, *flags)
    assert (done.returncode, done.stderr) == (0, "")
    return json.loads(done.stdout)["ports"][0]


@in_namespace
def test_port_tells_who_was_bound_first_from_who_was_lent_its_port():
    small_range()
    listener = listen(IPV4, "127.0.0.1", TARGET)
    first, = connect_bound_first(1)
    lent, = connect_many(1, IPV4, "127.0.0.1", TARGET)
    _servers = accept(listener, 2)
    answer = ask(first.getsockname()[1])
    entry, = answer["local"]["sockets"]
    assert (answer["use"], entry["port_chosen"], entry["port_bound"]) == ("bound", False, True)
    assert "belongs to a bind()" in entry["meaning"]
    answer = ask(lent.getsockname()[1])
    entry, = answer["local"]["sockets"]
    assert (answer["use"], entry["port_chosen"], entry["port_bound"]) == ("outbound", False, False)
    assert "the kernel lent it this port" in entry["meaning"]
    # It is the same from the other end.
    told = {entry["local_port"]: entry["port_bound"] for entry in ask(str(TARGET))["remote"]["sockets"]
            if entry["role"] == "outbound"}
    assert told == {first.getsockname()[1]: True, lent.getsockname()[1]: False}
    drop([listener])
    # Whom the listener accepted it leaves its port, and the mark of its bind().
    answer = ask(str(TARGET))
    assert {entry["port_bound"] for entry in answer["local"]["sockets"]} == {True}


@in_namespace
def test_the_api_and_the_map_say_the_same():
    small_range()
    _listener = listen(IPV4, "127.0.0.1", TARGET)
    client, = connect_bound_first(1)
    port = client.getsockname()[1]
    with tempfile.TemporaryDirectory() as place:
        os.chmod(place, 0o711)
        with Exporter(f"--web.listen-address=unix:{place}/socket", "--web.enable-api",
                      BUCKETS) as exporter:
            def get(path):
                answer = exporter.get(path)
                assert answer.status == 200, answer
                return json.loads(answer.body)
            for _ in range(2):
                told = get(f"/api/v1/ports/{port}")
                assert told["local"]["sockets"][0]["port_bound"] is True
                assert told["use"] == "bound"
                assert get("/api/v1/ports")["ports"][port] == "b"
                found = get("/api/v1/destinations?owners=true")
                assert found["bound_ports"]["connected"] == 1
                assert sum(owner["ports"] for owner in found["bound_ports"]["owners"]) == 1
                assert get("/api/v1/range")["bind_before_connect"] is True
                said = exporter.metrics()
                assert said.value(BOUND, holder="connected") == 1
                assert feature(said) == 1
            drop([client])
            wait_until(lambda: get("/api/v1/range")["usable_ports"] == SIZE, "the port back")


IP_LOCAL_PORT_RANGE = 51


def connect_from_range(first, last):
    sock = socket.socket()
    sock.setsockopt(socket.IPPROTO_IP, IP_LOCAL_PORT_RANGE, struct.pack("I", last << 16 | first))
    try:
        sock.connect(("127.0.0.1", TARGET))
    except OSError:
        sock.close()
        raise
    return sock


@in_namespace
def test_ranges_of_their_own_are_told():
    need_kernel(6, 3, "IP_LOCAL_PORT_RANGE")
    small_range()
    server = listen(IPV4, "127.0.0.1", TARGET)
    # One that listens hands its range on to those whom it accepts, who take no port.
    server.setsockopt(socket.IPPROTO_IP, IP_LOCAL_PORT_RANGE,
                      struct.pack("I", (FIRST + 1) << 16 | FIRST))
    kept = connect_many(2, IPV4, "127.0.0.1", TARGET)
    none = metrics(BUCKETS)
    assert none.value("ephemera_own_range_sockets") == 0
    assert not none.samples("ephemera_narrowest_own_range_ports")
    kept += accept(server, 2)
    # Where an end is outside of the range that one's holds.
    kept += [connect_from_range(FIRST + 8, 65535), connect_from_range(FIRST, FIRST + 9)]
    wide = metrics(BUCKETS)
    assert wide.value("ephemera_own_range_sockets") == 2
    assert wide.value("ephemera_narrowest_own_range_ports") == 10
    assert not metrics(BLIND).samples("ephemera_own_range_sockets")
    with pytest.raises(OSError) as refused:
        for _ in range(SIZE):
            kept.append(connect_from_range(FIRST + 12, FIRST + 15))
    assert refused.value.errno == errno.EADDRNOTAVAIL
    narrow = metrics(BUCKETS)
    assert narrow.value("ephemera_narrowest_own_range_ports") == 4
    assert narrow.value("ephemera_own_range_sockets") == len(kept) - 4
    drop([server, *kept])
