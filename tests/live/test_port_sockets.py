# SPDX-License-Identifier: Apache-2.0
"""`ephemera port`: a socket of each kind, as its owner, ss and /proc know it."""

import errno
import os
import re
import socket
import time

import pytest

from lib.bpf import needs_bpf
from lib.namespace import in_namespace, set_range, set_reserved, sysctl
from lib.sockets import (ANY, IPV4, IPV6, LOOPBACK, MAPPED, accept, add_address, bind, bound,
                         close_wait, closing, connect, connect_many, fin_wait1, fin_wait2,
                         last_ack, listen, need_ipv6, need_kernel, new, orphan_fin_wait2, pairs,
                         port_of, server_time_wait, syn_sent, time_wait, udp_connected,
                         wait_until)
from port import (ask, assert_agrees_with_ss, assert_is, local, local_of, look, ss, tell,
                  with_inode)

FIRST, LAST = 40000, 40099
SERVICE = 30001   # outside the range
INSIDE = 40077


def prepare():
    need_ipv6()
    set_range(FIRST, LAST)
    set_reserved("40010-40019")
    sysctl("net.ipv4.tcp_tw_reuse", 0)


FAMILIES = pytest.mark.parametrize("family", [IPV4, IPV6, MAPPED])


# Listeners

@pytest.mark.parametrize("port", [SERVICE, INSIDE, 40010], ids=["outside", "inside", "reserved"])
@FAMILIES
@in_namespace
def test_listeners(family, port):
    prepare()
    add_address("192.0.2.1", 32)
    add_address("2001:db8::1", 128)
    specific = {IPV4: "192.0.2.1", IPV6: "2001:db8::1", MAPPED: "192.0.2.1"}[family]
    for address, words in ((LOOPBACK[family], "loopback address"), (specific, "one address"),
                           ("::" if family == MAPPED else ANY[family], "every")):
        sock = listen(family, address, port, backlog=7)
        answer = assert_agrees_with_ss(port)
        assert (answer["local"]["total"], answer["remote"]["total"]) == (1, 0)
        entry = local(answer, sock)
        assert_is(entry, sock, role="listener", port_chosen=True, accept_queue=0,
                  accept_queue_limit=7, interface=None, expires_seconds=None,
                  ipv6_only=True if family == IPV6 else None)
        assert words in entry["meaning"], entry["meaning"]
        assert answer["use"] == "listener"
        assert answer["in_range"] == (port >= FIRST)
        assert answer["reserved"] == (port == 40010)
        assert ("advice" in answer) == (port == INSIDE)
        assert ("outside the ephemeral range" in entry["meaning"]) == (port == SERVICE)
        assert ("but reserved" in entry["meaning"]) == (port == 40010)
        assert ("while it is down" in entry["meaning"]) == (port == INSIDE)
        sock.close()


@in_namespace
def test_which_addresses_a_wildcard_is_said_to_cover():
    prepare()
    for family, address, words in ((IPV4, "0.0.0.0", "every IPv4 address of this host"),
                                   (IPV6, "::", "every IPv6 address of this host"),
                                   (MAPPED, "::", "every address of this host")):
        with listen(family, address, SERVICE) as sock:
            assert words in local_of(sock)["meaning"]


@in_namespace
def test_a_listener_whose_port_the_kernel_picked():
    prepare()
    sock = listen(IPV4, "127.0.0.1", 0)
    answer = assert_agrees_with_ss(port_of(sock))
    entry = local(answer, sock)
    assert_is(entry, sock, role="listener", port_chosen=False)
    assert "kernel picked its port" in entry["meaning"]
    assert answer["use"] == "listener" and "advice" not in answer


@in_namespace
def test_the_accept_queue():
    prepare()
    listener = listen(IPV4, "127.0.0.1", SERVICE, backlog=11)
    accepted = pairs(2, IPV4, listener, "127.0.0.1", SERVICE)
    _waiting = connect_many(3, IPV4, "127.0.0.1", SERVICE)
    answer = assert_agrees_with_ss(SERVICE)
    assert_is(local(answer, listener), listener, accept_queue=3, accept_queue_limit=11)
    assert (answer["local"]["total"], answer["remote"]["total"]) == (1 + 2 + 3, 2 + 3)
    for _, server in accepted:
        assert_is(local(answer, server), server, role="inbound")
    waiting = [entry for entry in answer["local"]["sockets"] if "inode" not in entry]
    assert len(waiting) == 3
    for entry in waiting:
        assert (entry["role"], entry["state"], entry["holders"]) == \
            ("inbound", "established", "none")
        assert entry["holders_complete"] and "waits in the accept queue" in entry["meaning"]
    assert not any("accept queue" in entry["meaning"] for entry in answer["local"]["sockets"]
                   if "inode" in entry)
    assert accept(listener, 3)
    assert local_of(listener)["accept_queue"] == 0


@in_namespace
def test_twins_of_so_reuseport():
    prepare()
    twins = [listen(IPV4, "127.0.0.1", INSIDE, reuse_port=True) for _ in range(3)]
    answer = assert_agrees_with_ss(INSIDE)
    assert answer["local"]["total"] == 3
    for twin in twins:
        assert_is(local(answer, twin), twin, role="listener", port_chosen=True)


@in_namespace
def test_a_socket_that_is_bound_to_an_interface():
    prepare()
    sock = new(IPV4)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b"lo")
    bind(sock, IPV4, "0.0.0.0", SERVICE).listen()
    assert_is(local_of(sock), sock, interface="lo")


# Connections

@FAMILIES
@in_namespace
def test_both_ends_of_a_connection(family):
    prepare()
    listener = listen(family, LOOPBACK[family], SERVICE)
    (client, server), = pairs(1, family, listener, LOOPBACK[family], SERVICE)

    answer = assert_agrees_with_ss(port_of(client))
    assert (answer["use"], answer["in_range"]) == ("outbound", True)
    assert (answer["local"]["total"], answer["remote"]["total"]) == (1, 1)
    entry = local(answer, client)
    assert_is(entry, client, role="outbound", port_chosen=False)
    assert entry["meaning"].startswith("A temporary outbound connection")
    # The other end, by its remote port.
    assert_is(with_inode(answer["remote"]["sockets"], server), server, role="inbound")

    answer = assert_agrees_with_ss(SERVICE)
    assert answer["use"] == "listener"
    assert (answer["local"]["total"], answer["remote"]["total"]) == (2, 1)
    entry = local(answer, server)
    assert_is(entry, server, role="inbound")
    assert f"service on port {SERVICE}" in entry["meaning"]
    assert_is(with_inode(answer["remote"]["sockets"], client), client, role="outbound")


@FAMILIES
@in_namespace
def test_a_connection_from_a_port_that_the_program_chose(family):
    prepare()
    _listener = listen(family, LOOPBACK[family], SERVICE)
    client = connect(family, LOOPBACK[family], SERVICE, source_port=INSIDE)
    answer = assert_agrees_with_ss(INSIDE)
    entry = local(answer, client)
    assert_is(entry, client, role="outbound", port_chosen=True)
    assert "chose by bind()" in entry["meaning"] and "no other connect()" in entry["meaning"]
    assert answer["use"] == "bound"
    # Outside the range it keeps nobody from anything.
    outside = connect(family, LOOPBACK[family], SERVICE, source_port=30077)
    assert "no other connect()" not in local_of(outside)["meaning"]


@in_namespace
def test_a_connection_whose_address_alone_the_program_chose():
    prepare()
    _listener = listen(IPV4, "127.0.0.1", SERVICE)
    for no_port in (False, True):
        client = connect(IPV4, "127.0.0.1", SERVICE, source="127.0.0.9", no_port=no_port)
        answer = ask(port_of(client))
        assert_is(local(answer, client), client, role="outbound", port_chosen=False)
        # Where BPF may be used it knows that bind() took the port.
        taken = answer["bind_before_connect"] and not no_port
        assert answer["use"] == ("bound" if taken else "outbound")


@in_namespace
def test_a_connection_to_itself():
    prepare()
    sock = bind(new(IPV4), IPV4, "127.0.0.1", INSIDE)
    sock.connect(("127.0.0.1", INSIDE))
    answer = assert_agrees_with_ss(INSIDE)
    assert (answer["local"]["total"], answer["remote"]["total"]) == (1, 1)
    assert_is(local(answer, sock), sock, role="outbound", port_chosen=True)
    assert_is(with_inode(answer["remote"]["sockets"], sock), sock)


@FAMILIES
@in_namespace
def test_a_socket_that_only_binds(family):
    need_kernel(6, 8, "listing sockets that only bind()")
    prepare()
    for port, chosen in ((INSIDE, True), (0, False), (30077, True)):
        sock = bound(family, LOOPBACK[family], port)
        answer = ask(port_of(sock))
        entry = local(answer, sock)
        assert_is(entry, sock, state="bound", role="bound", port_chosen=chosen)
        assert "neither listens nor is connected" in entry["meaning"]
        assert ("no connect() gets the port" in entry["meaning"]) == (port != 30077)
        assert (answer["use"], answer["local"]["total"]) == ("bound", 1)
        assert "advice" not in answer


# States

def make_syn_sent(family, address):
    full = listen(family, address, SERVICE, backlog=0)
    filler = connect(family, address, SERVICE)
    return syn_sent(1, family, address, SERVICE), [full, filler]


def make_syn_recv(family, address):
    deferred = listen(family, address, SERVICE, defer_accept=100)
    return [connect(family, address, SERVICE)], [deferred]


def maker(make, **how):
    def made(family, address):
        listener = listen(family, address, SERVICE, **how)
        clients = make(1, family, listener, address, SERVICE)
        return [clients[0][0]], [listener, clients]
    return made


NARROW = {"receive_buffer": 1}

STATES = {
    "syn_sent": (make_syn_sent, "not answered yet"),
    "close_wait": (maker(close_wait), "The other side has closed it"),
    "fin_wait1": (maker(fin_wait1, **NARROW), "being closed"),
    "fin_wait2": (maker(fin_wait2), "being closed"),
    "closing": (maker(closing, **NARROW), "being closed"),
    "last_ack": (maker(last_ack, **NARROW), "being closed"),
}


@pytest.mark.parametrize("state", STATES)
@FAMILIES
@in_namespace
def test_states_of_a_client(family, state):
    prepare()
    make, words = STATES[state]
    (client, *_), _kept = make(family, LOOPBACK[family])
    wait_until(lambda: local_of(client)["state"] == state, state)
    answer = assert_agrees_with_ss(port_of(client))
    peer = (LOOPBACK[family], SERVICE)
    assert_is(local(answer, client), client, peer, state=state, role="outbound",
              port_chosen=False, expires_seconds=None)
    assert words in local(answer, client)["meaning"]
    assert answer["use"] == "outbound"
    # And by the port of the service, as a remote one.
    answer = assert_agrees_with_ss(SERVICE)
    assert_is(with_inode(answer["remote"]["sockets"], client), client, peer, state=state)


@in_namespace
def test_a_connection_that_is_not_yet_one():
    prepare()
    (client,), _kept = make_syn_recv(IPV4, "127.0.0.1")
    answer = ask(SERVICE)
    entry, = (entry for entry in answer["local"]["sockets"] if entry["state"] == "syn_recv")
    assert (entry["role"], entry["holders"]) == ("inbound", "none")
    assert entry["remote_port"] == port_of(client)
    assert "not answered yet" in entry["meaning"] and "accept queue" not in entry["meaning"]


@FAMILIES
@in_namespace
def test_time_wait(family):
    prepare()
    listener = listen(family, LOOPBACK[family], SERVICE)
    port, = time_wait(1, family, listener, LOOPBACK[family], SERVICE)
    answer = assert_agrees_with_ss(port)
    entry, = answer["local"]["sockets"]
    assert answer["use"] == entry["state"] == entry["role"] == "time_wait"
    assert (entry["remote_port"], entry["remote_address"]) == (SERVICE, LOOPBACK[family])
    assert (entry["holders"], entry["processes"], entry["reusable"]) == ("none", [], False)
    assert not {"inode", "uid", "port_chosen"} & set(entry)
    assert entry["age_seconds"] + entry["expires_seconds"] == pytest.approx(60, abs=0.01)
    assert 50 < entry["expires_seconds"] <= 60
    assert "No connect() to the same destination gets the port" in entry["meaning"]

    # Each look fell somewhere between two readings of the clock.
    looks = []
    for wait in (0, 1):
        time.sleep(wait)
        started = time.monotonic()
        entry, = ask(port)["local"]["sockets"]
        looks.append((started, time.monotonic(), entry["expires_seconds"]))
        assert entry["age_seconds"] + entry["expires_seconds"] == pytest.approx(60, abs=0.01)
    (first, first_end, before), (second, second_end, after) = looks
    assert second - first_end - 0.1 < before - after < second_end - first + 0.1


@needs_bpf
@in_namespace
def test_forty_in_time_wait_are_one_paragraph():
    prepare()
    listener = listen(IPV4, ANY[IPV4], SERVICE)
    server_time_wait(13, IPV4, listener, "127.0.0.1", SERVICE)
    time.sleep(2)
    # A client with a port of before would take that one's TIME_WAIT over.
    server_time_wait(27, IPV4, listener, "127.0.0.2", SERVICE)
    listener.close()
    said = tell(SERVICE)
    assert said.count("Left over from") == 1
    assert "Left over from 40 connections that are closed (TIME_WAIT)" in said
    first, last = map(int, re.search(r"They are gone in (\d+) to (\d+) s\.", said).groups())
    assert 50 < first <= 58 and 1 <= last - first <= 5
    assert said.count(" time_wait ") == 5 and "and 35 like these" in said
    assert "They have 2 local addresses (127.0.0.2: 27 of them) and " in " ".join(said.split())


REUSE = {"nothing": (), "SO_REUSEADDR": (socket.SO_REUSEADDR,),
         "SO_REUSEPORT": (socket.SO_REUSEPORT,),
         "both": (socket.SO_REUSEADDR, socket.SO_REUSEPORT)}


def service_with(options):
    """A listener, or the name of the error that bind() ends with."""
    sock = new(IPV4)
    for option in options:
        sock.setsockopt(socket.SOL_SOCKET, option, 1)
    try:
        sock.bind(("0.0.0.0", SERVICE))
    except OSError as error:
        sock.close()
        return errno.errorcode[error.errno]
    sock.listen()
    return sock


@pytest.mark.parametrize("again", REUSE)
@pytest.mark.parametrize("before", REUSE)
@in_namespace
def test_time_wait_and_the_restart_of_a_service(before, again):
    """The sentence, and what the kernel does with each pair that it speaks of."""
    prepare()
    listener = service_with(REUSE[before])
    server_time_wait(1, IPV4, listener, "127.0.0.1", SERVICE)
    listener.close()
    entry, = ask(SERVICE)["local"]["sockets"]
    assert entry["meaning"].endswith(
        "Until then bind() to its address and port fails (\"Address already in use\") unless the "
        "old socket and the new one both set SO_REUSEADDR, or both SO_REUSEPORT.")
    restarted = service_with(REUSE[again])
    if set(REUSE[before]) & set(REUSE[again]):
        restarted.close()
    else:
        assert restarted == "EADDRINUSE"


@in_namespace
def test_time_wait_that_may_be_taken_over():
    prepare()
    sysctl("net.ipv4.tcp_tw_reuse", 1)
    listener = listen(IPV4, "127.0.0.1", SERVICE)
    port, = time_wait(1, IPV4, listener, "127.0.0.1", SERVICE)

    def reusable():
        entry, = ask(port)["local"]["sockets"]
        return entry if entry["reusable"] else None

    entry = wait_until(reusable, "the delay of tcp_tw_reuse")
    assert 1 < entry["age_seconds"] < 5
    assert "may take the port over now" in entry["meaning"]
    # It may: of a range of that one port, the kernel gives it.
    set_range(port, port)
    assert port_of(connect(IPV4, "127.0.0.1", SERVICE)) == port


@in_namespace
def test_time_wait_of_the_server():
    prepare()
    listener = listen(IPV4, "127.0.0.1", SERVICE)
    ports = server_time_wait(2, IPV4, listener, "127.0.0.1", SERVICE)
    answer = assert_agrees_with_ss(SERVICE)
    waiting = [entry for entry in answer["local"]["sockets"] if entry["state"] == "time_wait"]
    assert {entry["remote_port"] for entry in waiting} == set(ports)
    assert {entry["role"] for entry in waiting} == {"time_wait"}
    assert answer["use"] == "listener"
    # Nothing is left of the listener but what it closed.
    listener.close()
    answer = ask(SERVICE)
    assert (answer["use"], answer["local"]["total"]) == ("time_wait", 2)


@in_namespace
def test_an_orphan():
    prepare()
    listener = listen(IPV4, "127.0.0.1", SERVICE)
    (port,), _servers = orphan_fin_wait2(1, IPV4, listener, "127.0.0.1", SERVICE)
    answer = assert_agrees_with_ss(port)
    entry, = answer["local"]["sockets"]
    assert (entry["state"], entry["role"], entry["holders"]) == ("fin_wait2", "outbound", "none")
    assert 0 < entry["expires_seconds"] <= 60
    assert "being closed" in entry["meaning"] and answer["use"] == "outbound"
    assert "no process has it open any more" in tell(port)


@in_namespace
def test_a_server_that_outlives_its_listener():
    prepare()
    listener = listen(IPV4, "127.0.0.1", SERVICE)
    (_client, server), = pairs(1, IPV4, listener, "127.0.0.1", SERVICE)
    assert local_of(server)["role"] == "inbound"
    listener.close()
    assert_is(local_of(server), server, role="outbound", port_chosen=False)


# UDP

@FAMILIES
@in_namespace
def test_udp(family):
    prepare()
    address = LOOPBACK[family]
    server = bound(family, address, INSIDE, socket.SOCK_DGRAM)
    # Before the kernel can pick its port for another one.
    fixed = bound(family, address, 40078, socket.SOCK_DGRAM)
    client = udp_connected(family, address, INSIDE)
    picked = bound(family, address, 0, socket.SOCK_DGRAM)
    fixed.connect(client.getpeername())

    answer = assert_agrees_with_ss(INSIDE)
    assert answer["use"] == "listener"
    assert answer["advice"].endswith("=40010-40019,40077")
    entry = local(answer, server)
    assert_is(entry, server, role="listener", state="close", port_chosen=True)
    assert "while it is down" in entry["meaning"]
    assert_is(with_inode(answer["remote"]["sockets"], client), client, role="outbound",
              state="established")
    assert_is(with_inode(answer["remote"]["sockets"], fixed), fixed)

    for sock, chosen, use, words in ((client, False, "outbound", "A temporary UDP client"),
                                     (picked, False, "outbound", "the kernel picked"),
                                     (fixed, True, "bound", "chose by bind()")):
        answer = assert_agrees_with_ss(port_of(sock))
        entry = local(answer, sock)
        assert_is(entry, sock, role="outbound", port_chosen=chosen)
        assert words in entry["meaning"] and answer["use"] == use
        assert "advice" not in answer


@in_namespace
def test_tcp_and_udp_of_one_port():
    prepare()
    tcp = listen(IPV4, "127.0.0.1", INSIDE)
    udp = bound(IPV4, "127.0.0.1", INSIDE, socket.SOCK_DGRAM)
    answer = assert_agrees_with_ss(INSIDE)
    assert_is(local(answer, tcp), tcp, protocol="tcp", role="listener")
    assert_is(local(answer, udp), udp, protocol="udp", role="listener")


@in_namespace
def test_a_udp_server_is_seen_whatever_the_limit():
    """Only 1 of 6 is shown; what the port is does not depend on which."""
    prepare()
    _listeners = [listen(IPV4, f"127.0.0.{i}", SERVICE) for i in range(1, 6)]
    set_range(INSIDE, INSIDE)
    _clients = [connect(IPV4, f"127.0.0.{i}", SERVICE) for i in range(1, 6)]
    _udp = bound(IPV4, "127.0.0.1", INSIDE, socket.SOCK_DGRAM)
    set_range(FIRST, LAST)  # or reserving the port would leave connections none
    whole, short = ask(INSIDE), ask(INSIDE, "--limit=1")
    assert whole["local"]["total"] == short["local"]["total"] == 6
    assert len(short["local"]["sockets"]) == 1
    assert whole["use"] == short["use"] == "listener"
    assert whole["advice"] == short["advice"]


# All together

@in_namespace
def test_a_range_with_one_of_each_agrees_with_ss():
    prepare()
    kept = []
    for family in (IPV4, IPV6, MAPPED):
        address, base = LOOPBACK[family], {IPV4: 31000, IPV6: 32000, MAPPED: 33000}[family]
        plain = listen(family, address, base)
        kept += [plain, pairs(5, family, plain, address, base),
                 close_wait(2, family, plain, address, base),
                 fin_wait2(3, family, plain, address, base),
                 udp_connected(family, address, base),
                 bound(family, address, 0, socket.SOCK_DGRAM),
                 orphan_fin_wait2(1, family, plain, address, base),
                 time_wait(2, family, plain, address, base)]
    found = look("1-65535", "--limit=1000", "--all-processes")
    everything = ss(*range(1, 65536))
    assert len(everything) > 3 * (1 + 13 + 10)
    lines = {}
    for answer in found["ports"]:
        for side in ("local", "remote"):
            for entry in answer[side]["sockets"]:
                lines[(entry["protocol"], entry["local_address"], entry["local_port"],
                       entry["remote_address"], entry["remote_port"])] = (
                    entry["state"], entry.get("inode", 0),
                    {(process["pid"], fd) for process in entry["processes"]
                     for fd in process["fds"]})
    assert lines == {
        (line.protocol, line.local_address, line.local_port, line.remote_address,
         line.remote_port): (line.state, line.inode, {holder[1:] for holder in holders})
        for line, holders in everything.items()}
    assert {pid for _, _, holders in lines.values() for pid, _ in holders} == {os.getpid()}
    assert found["empty_ports"] == 65535 - len(found["ports"])
