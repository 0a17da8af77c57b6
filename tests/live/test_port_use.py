# SPDX-License-Identifier: Apache-2.0
"""`ephemera port`: what a port as a whole is said to be, and what to do about it."""

import errno
import os
import re
import socket
import subprocess

import pytest

from lib.namespace import in_namespace, set_range, set_reserved, sysctl
from lib.sockets import (IPV4, accept, bound, bound_many, close, connect, connect_until_refused,
                         drop, listen, need_kernel, pairs, port_of, time_wait, udp_connected)
from port import ask, look, tell, text_of

SERVICE = 30001
INSIDE = 40004

RESERVED = "net.ipv4.ip_local_reserved_ports"


def prepare(first=40000, last=40009, reserved="", reuse=0):
    set_range(first, last)
    set_reserved(reserved)
    sysctl("net.ipv4.tcp_tw_reuse", reuse)


# Facts of the port

def service(port, protocol):
    try:
        return {protocol: socket.getservbyport(port, protocol)}
    except OSError:
        return {}


@in_namespace
def test_kinds_and_services():
    kinds = {1: "system", 22: "system", 53: "system", 443: "system", 1023: "system",
             1024: "registered", 5432: "registered", 8080: "registered", 49151: "registered",
             49152: "dynamic", 65535: "dynamic"}
    for answer in look(*kinds)["ports"]:
        port, kind = answer["port"], answer["kind"]
        assert kind == kinds[port]
        assert answer["services"] == service(port, "tcp") | service(port, "udp")
        assert answer["meaning"].startswith(f"Port {port} is a {kind} port (")
        for name in answer["services"].values():
            assert name in answer["meaning"]


@in_namespace
def test_in_range():
    prepare(40001, 40002)
    found = look(40000, 40001, 40002, 40003)
    assert found["range"] == {"first_port": 40001, "last_port": 40002, "ports": 2}
    assert [answer["in_range"] for answer in found["ports"]] == [False, True, True, False]
    for answer in found["ports"]:
        where = "inside" if answer["in_range"] else "outside"
        assert f"It is {where} this host's ephemeral range (40001-40002)" in answer["meaning"]


@in_namespace
def test_privileged():
    sysctl("net.ipv4.ip_unprivileged_port_start", 700)
    answers = look(699, 700)["ports"]
    assert [answer["privileged"] for answer in answers] == [True, False]
    assert ["CAP_NET_BIND_SERVICE" in answer["meaning"] for answer in answers] == [True, False]
    assert "free for any program" in answers[1]["meaning"]
    sysctl("net.ipv4.ip_unprivileged_port_start", 0)
    assert not ask(1)["privileged"]


@in_namespace
def test_reserved():
    prepare(reserved="1234,40004-40006")
    ports = (1233, 1234, 40003, 40004, 40005, 40006, 40007)
    answers = {answer["port"]: answer for answer in look(*ports)["ports"]}
    for port, answer in answers.items():
        reserved = port in (1234, 40004, 40005, 40006)
        assert answer["reserved"] == reserved
        assert answer["use"] == ("reserved" if reserved else "free")
        assert ("but reserved" in answer["meaning"]) == (reserved and port > 40000)
        assert "advice" not in answer


@in_namespace
def test_what_a_port_is_goes_by_what_matters_most():
    """Each line adds a socket, and the port becomes what that is."""
    need_kernel(6, 8, "listing sockets that only bind()")
    prepare(INSIDE, INSIDE)
    listeners = [listen(IPV4, f"127.0.0.{i}", SERVICE) for i in range(1, 5)]
    assert ask(INSIDE)["use"] == "free"
    _waiting = time_wait(1, IPV4, listeners[0], "127.0.0.1", SERVICE)
    assert ask(INSIDE)["use"] == "time_wait"
    set_reserved(str(INSIDE))
    assert ask(INSIDE)["use"] == "time_wait"
    set_reserved("")
    kept = [connect(IPV4, "127.0.0.2", SERVICE)]
    assert ask(INSIDE)["use"] == "outbound"
    kept.append(bound(IPV4, "127.0.0.5", INSIDE))
    assert ask(INSIDE)["use"] == "bound"
    kept.append(listen(IPV4, "127.0.0.6", INSIDE))
    answer = ask(INSIDE)
    assert (answer["use"], answer["local"]["total"]) == ("listener", 4)
    # In the order that people look for them.
    assert [entry["state"] for entry in answer["local"]["sockets"]] == \
        ["listen", "bound", "established", "time_wait"]


@in_namespace
def test_a_port_that_is_only_a_remote_one():
    prepare()
    # From outside of the range, of which the kernel could choose this very port.
    _sock = bound(IPV4, "127.0.0.1", SERVICE, socket.SOCK_DGRAM)
    _sock.connect(("127.0.0.1", INSIDE))
    answer = ask(INSIDE)
    assert (answer["local"]["total"], answer["remote"]["total"]) == (0, 1)
    assert answer["use"] == "free" and "advice" not in answer
    assert "1 socket has it as its remote port" in tell(INSIDE)


# Advice

def follow(advice):
    """Does what it says, to the letter, in this namespace."""
    subprocess.run(advice, shell=True, check=True, stdout=subprocess.DEVNULL,
                   env={**os.environ, "PATH": os.environ.get("PATH", "") + ":/usr/sbin:/sbin"})


def bind_error(port):
    """What a service that is started there ends with; None: it can."""
    with socket.socket() as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            sock.bind(("0.0.0.0", port))
        except OSError as error:
            return error.errno
    return None


def need_sysctl():
    if subprocess.run("command -v sysctl", shell=True, check=False, stdout=subprocess.DEVNULL,
                      env={"PATH": os.environ.get("PATH", "") + ":/usr/sbin:/sbin"}).returncode:
        pytest.skip("sysctl (of Debian's procps) is not installed")


@pytest.mark.parametrize("before, after", [
    ("", "40004"),
    ("40003", "40003-40004"),
    ("40005", "40004-40005"),
    ("40003,40005", "40003-40005"),
    ("40000-40002,40006-40008", "40000-40002,40004,40006-40008"),
    ("1,22,3306,65535", "1,22,3306,40004,65535"),
    ("8000-8100,50000-65535", "8000-8100,40004,50000-65535"),
])
@in_namespace
def test_advice_keeps_what_was_reserved(before, after):
    need_sysctl()
    prepare(reserved=before)
    _sock = listen(IPV4, "127.0.0.1", INSIDE)
    advice = ask(INSIDE)["advice"]
    assert advice == f"sysctl -w {RESERVED}={after}"
    assert f"To keep port {INSIDE} for its service: {advice}" in tell(INSIDE)
    follow(advice)
    assert sysctl(RESERVED) == after
    answer = ask(INSIDE)
    assert "advice" not in answer and answer["reserved"] and answer["use"] == "listener"
    assert "sysctl" not in tell(INSIDE)


def whole_list():
    """The first read() of it gives what fits, and the next one nothing."""
    with open("/proc/sys/" + RESERVED.replace(".", "/"), "rb", buffering=0) as file:
        return os.read(file.fileno(), 1 << 20).decode().strip()


@in_namespace
def test_whoever_runs_every_line_has_every_service_reserved():
    """The setting is one list: a command a port would leave but the last one reserved."""
    need_sysctl()
    prepare(reserved="40001,40003")
    _kept = [listen(IPV4, "127.0.0.1", port) for port in (40004, 40005, 40008, SERVICE)]
    asked = ("40000-40005", 40008, SERVICE)
    for line in re.findall("^  ((?:sysctl|echo) .*)$", text_of(*asked), re.M):
        follow(line)
    assert sysctl(RESERVED) == "40001,40003-40005,40008"
    assert "advice" not in look(*asked)


@in_namespace
def test_a_connection_to_itself_locks_its_service_out():
    """connect() to a service that is down, and the only port that is left is the service's."""
    need_sysctl()
    prepare(INSIDE, INSIDE)
    client = connect(IPV4, "127.0.0.1", INSIDE)
    assert client.getsockname() == client.getpeername()
    assert bind_error(INSIDE) == errno.EADDRINUSE
    set_range(40000, 40009)
    said = tell(INSIDE)
    assert f"A connection to itself: both ends are port {INSIDE} of one address." in said
    assert "the service cannot start" in said and "Restart the program" in said
    follow(ask(INSIDE)["advice"])
    drop([client])  # reset: closed, it would keep the port in TIME_WAIT
    assert bind_error(INSIDE) is None
    assert sysctl(RESERVED) == str(INSIDE)


@in_namespace
def test_a_port_that_a_connection_took_from_a_service():
    prepare(INSIDE, INSIDE)
    server = listen(IPV4, "127.0.0.1", SERVICE)
    client = connect(IPV4, "127.0.0.1", SERVICE)
    set_range(40000, 40009)
    assert bind_error(INSIDE) == errno.EADDRINUSE
    said = tell(INSIDE)
    assert "A service that needs the port cannot start before" in said
    # Nothing tells whether there is one: no command that takes a port from everybody for nobody.
    assert "sysctl" not in said and "advice" not in ask(INSIDE)
    accept(server, 1)[0].close()
    client.recv(1)
    client.close()


@in_namespace
def test_the_advice_of_json_is_for_all_ports():
    need_sysctl()
    prepare(reserved="40001")
    _kept = [listen(IPV4, "127.0.0.1", port) for port in (40004, 40006)]
    found = look(40004, 40006, 40007)
    assert not [answer for answer in found["ports"] if "advice" in answer]
    follow(found["advice"])
    assert sysctl(RESERVED) == "40001,40004,40006"


@in_namespace
def test_more_services_than_one_write_takes():
    need_sysctl()
    prepare()
    set_range(20000, 60000)
    ports = range(20001, 23001, 2)
    _kept = [listen(IPV4, "127.0.0.1", port) for port in ports]
    found = look("20000-24000", "--limit=1")
    assert len(found["advice"].splitlines()) > 1
    follow(found["advice"])
    assert whole_list() == ",".join(map(str, ports))


@pytest.mark.parametrize("count", [600, 6000], ids=["within a page", "beyond a page"])
@in_namespace
def test_advice_with_a_long_list(count):
    """The kernel takes a page at a time, and sysctl is content when it took the first."""
    need_sysctl()
    prepare()
    before = ",".join(str(1024 + 2 * i) for i in range(count))
    with open("/proc/sys/" + RESERVED.replace(".", "/"), "wb", buffering=0) as file:
        left = before.encode()
        while left:
            # A write that goes on adds to what the one before it set.
            left = left[file.write(left):]
    assert whole_list() == before
    _sock = listen(IPV4, "127.0.0.1", INSIDE)
    follow(ask(INSIDE)["advice"])
    assert whole_list() == f"{before},{INSIDE}"


@in_namespace
def test_who_gets_no_advice():
    prepare(reserved="40002")
    _kept = [listen(IPV4, "127.0.0.1", SERVICE), listen(IPV4, "127.0.0.1", 40002)]
    picked = listen(IPV4, "127.0.0.1", 0)
    client = connect(IPV4, "127.0.0.1", SERVICE)
    _more = [bound(IPV4, "127.0.0.1", 40005),
             connect(IPV4, "127.0.0.1", SERVICE, source_port=40007)]
    for port in (SERVICE, 40002, port_of(picked), port_of(client), 40005, 40007, 40009):
        assert "advice" not in ask(port), port


@in_namespace
def test_a_service_that_is_locked_out_and_what_the_advice_does_for_it():
    """What the advice is about, done by the kernel."""
    need_sysctl()
    prepare(40004, 40005)
    service_ = listen(IPV4, "127.0.0.1", INSIDE)
    advice = ask(INSIDE)["advice"]
    _peers = [listen(IPV4, f"127.0.1.{i}", SERVICE) for i in range(1, 4)]

    # It goes down for a moment, a connection takes its port, and it cannot come back.
    service_.close()
    assert ask(INSIDE)["use"] == "free"
    client = connect(IPV4, "127.0.1.1", SERVICE)
    assert port_of(client) == INSIDE
    assert ask(INSIDE)["use"] == "outbound"
    with pytest.raises(OSError) as refused:
        listen(IPV4, "127.0.0.1", INSIDE)
    assert refused.value.errno == errno.EADDRINUSE
    drop([client])

    # With the advice taken no connection gets it, and it can.
    service_ = listen(IPV4, "127.0.0.1", INSIDE)
    follow(advice)
    service_.close()
    clients, error = connect_until_refused(IPV4, "127.0.1.1", SERVICE)
    assert ([port_of(sock) for sock in clients], error) == ([40005], errno.EADDRNOTAVAIL)
    assert ask(INSIDE)["use"] == "reserved"
    listen(IPV4, "127.0.0.1", INSIDE).close()


@in_namespace
def test_a_udp_service_that_is_locked_out():
    need_sysctl()
    prepare(40004, 40005)
    service_ = bound(IPV4, "127.0.0.1", INSIDE, socket.SOCK_DGRAM)
    advice = ask(INSIDE)["advice"]
    service_.close()
    clients = [udp_connected(IPV4, "127.0.0.1", SERVICE) for _ in range(2)]
    assert sorted(map(port_of, clients)) == [40004, 40005]
    with pytest.raises(OSError) as refused:
        bound(IPV4, "127.0.0.1", INSIDE, socket.SOCK_DGRAM)
    assert refused.value.errno == errno.EADDRINUSE
    close(clients)
    follow(advice)
    for _ in range(50):
        with udp_connected(IPV4, "127.0.0.1", SERVICE) as client:
            assert port_of(client) == 40005
    bound(IPV4, "127.0.0.1", INSIDE, socket.SOCK_DGRAM).close()


# What the sentences claim of bind(), done by the kernel

@in_namespace
def test_a_port_that_bind_holds_is_lost_to_every_connect():
    """"As long as it is held, no connect() gets the port", and no other does."""
    prepare(40000, 40003)
    _listener = listen(IPV4, "127.0.0.1", SERVICE)
    held = [bound(IPV4, "127.0.0.9", 40000),
            connect(IPV4, "127.0.0.1", SERVICE, source="127.0.0.9", source_port=40001)]
    assert "no connect() gets the port" in ask(40000)["local"]["sockets"][0]["meaning"]
    assert "no other connect() gets the port" in ask(40001)["local"]["sockets"][0]["meaning"]
    clients, error = connect_until_refused(IPV4, "127.0.0.1", SERVICE)
    assert (sorted(map(port_of, clients)), error) == ([40002, 40003], errno.EADDRNOTAVAIL)
    close(held)


@in_namespace
def test_a_temporary_port_is_lost_to_bind_alone():
    """A port that one connection has, another destination can have as well."""
    prepare(40000, 40001)
    listeners = [listen(IPV4, f"127.0.0.{i}", SERVICE) for i in (1, 2)]
    (first, _), = pairs(1, IPV4, listeners[0], "127.0.0.1", SERVICE)
    set_range(port_of(first), port_of(first))
    second = connect(IPV4, "127.0.0.2", SERVICE)
    assert port_of(second) == port_of(first)
    accept(listeners[1], 1)
    answer = ask(port_of(first))
    assert (answer["use"], answer["local"]["total"]) == ("outbound", 2)
    with pytest.raises(OSError):
        bound_many([port_of(first)], IPV4, "0.0.0.0")
