# SPDX-License-Identifier: Apache-2.0
"""How old connections are that an exporter with the exhaustion collector saw begin."""

import contextlib
import json
import os
import socket
import subprocess
import tempfile
import time

import pytest

from exhaustion import ON
from lib.bpf import needs_bpf
from lib.exporter import Exporter, run
from lib.namespace import in_namespace, set_range, set_reserved
from lib.sockets import (IPV4, IPV6, accept, connect, drop, listen, need_ipv6, new, pairs, port_of,
                         syn_sent, time_wait, wait_until)
from mixture import disconnect
from port import assert_port_has_form

pytestmark = needs_bpf

TARGET = 30001
# Of milliseconds that are cut off, at the most.
ROUNDED = 0.001


@contextlib.contextmanager
def serving(*flags, wrapper=()):
    """The exporter on a unix socket: what asks it is no connection."""
    with tempfile.TemporaryDirectory() as place:
        os.chmod(place, 0o711)
        with Exporter(f"--web.listen-address=unix:{place}/socket", "--web.enable-api", *flags,
                      wrapper=wrapper) as exporter:
            yield exporter


class Told:
    """The sockets of one answer, and between which times they were looked at."""

    def __init__(self, exporter, port, side):
        self.before = time.monotonic()
        answer = exporter.get(f"/api/v1/ports/{port}?limit=1000")
        self.after = time.monotonic()
        assert answer.status == 200, answer
        found = json.loads(answer.body)
        assert_port_has_form({name: value for name, value in found.items()
                              if name not in ("range", "socket_source")}, sees_begin=True)
        self.sockets = found[side]["sockets"]

    def one(self):
        found, = self.sockets
        return found

    def is_exact(self, begun, told=None):
        """begun: before and after connect()."""
        told = told or self.one()
        assert told["age_is_exact"], told
        least, most = self.before - begun[1] - ROUNDED, self.after - begun[0]
        assert least <= told["age_seconds"] <= most, (least, told, most)

    def is_no_more_than_a_bound(self, begun):
        told = self.one()
        assert not told.get("age_is_exact", False), told
        assert told.get("age_seconds", 0) <= self.after - begun, told


def local(exporter, sock):
    return Told(exporter, port_of(sock), "local")


def timed(make):
    """(before, after), what was made."""
    before = time.monotonic()
    made = make()
    return (before, time.monotonic()), made


def wait_for_age(begun, seconds=1.1):
    wait_until(lambda: time.monotonic() - begun[1] > seconds, "the connection to be of some age")


@pytest.fixture(params=["walk", "sock_diag"])
def source(request):
    """With the walk there is a bound of its own on the age, without it there is none."""
    return {"walk": "--sockets.source=bpf", "sock_diag": "--sockets.source=sock_diag"}[request.param]


@in_namespace
def test_the_age_of_a_connection_that_was_seen_to_begin_is_exact(source):
    need_ipv6()
    for family, address in (IPV4, "127.0.0.1"), (IPV6, "::1"):
        listener = listen(family, address, TARGET)
        with serving(ON, source) as exporter:
            begun, client = timed(lambda: connect(family, address, TARGET))
            server, = accept(listener, 1)
            local(exporter, client).is_exact(begun)
            wait_for_age(begun)
            # What passes over it makes the socket's own times young.
            client.sendall(b"?"), server.recv(1), server.sendall(b"!"), client.recv(1)
            local(exporter, client).is_exact(begun)
            # Seen from the listener's port; the accepted end has no begin of its own.
            seen = Told(exporter, TARGET, "remote")
            seen.is_exact(begun)
            accepted = [each for each in Told(exporter, TARGET, "local").sockets
                        if each["state"] == "established"]
            assert len(accepted) == 1 and not accepted[0].get("age_is_exact", False)
            # Half closed it is still the same one.
            client.shutdown(socket.SHUT_WR)
            server.recv(1)
            closing = local(exporter, client)
            assert closing.one()["state"] in ("fin_wait1", "fin_wait2")
            closing.is_exact(begun)
            drop([client, server])
            assert not Told(exporter, TARGET, "remote").sockets
        drop([listener])


@in_namespace
def test_a_port_that_is_used_again_has_the_age_of_its_new_connection(source):
    set_range(40000, 40001)
    set_reserved("40001")
    listener = listen(IPV4, "127.0.0.1", TARGET)
    with serving(ON, source) as exporter:
        first, ends = timed(lambda: pairs(1, IPV4, listener, "127.0.0.1", TARGET))
        local(exporter, ends[0][0]).is_exact(first)
        wait_for_age(first)
        drop(ends[0])
        second, ends = timed(lambda: pairs(1, IPV4, listener, "127.0.0.1", TARGET))
        assert port_of(ends[0][0]) == 40000
        local(exporter, ends[0][0]).is_exact(second)
        drop(ends[0])
    drop([listener])


@in_namespace
def test_a_socket_that_connects_again_is_as_old_as_its_new_connection(source):
    listener = listen(IPV4, "127.0.0.1", TARGET)
    with serving(ON, source) as exporter:
        begun, sock = timed(lambda: connect(IPV4, "127.0.0.1", TARGET))
        local(exporter, sock).is_exact(begun)
        wait_for_age(begun)
        for port in None, None, 40007, None:
            disconnect(sock)
            if port:
                sock.bind(("127.0.0.1", port))
            begun, _ = timed(lambda: sock.connect(("127.0.0.1", TARGET)))
            if port:
                # bind() gave it the port: it is no lease, and no earlier one's either.
                assert port_of(sock) == port
                local(exporter, sock).is_no_more_than_a_bound(begun[0])
                # The socket keeps a port that bind() gave it by number.
                drop([sock])
                sock = new(IPV4)
            else:
                local(exporter, sock).is_exact(begun)
        drop([sock])
    drop([listener])


@in_namespace
def test_a_connection_that_is_refused_is_not_remembered():
    listener = listen(IPV4, "127.0.0.1", TARGET)
    with serving(ON) as exporter:
        sock = new(IPV4)
        for _ in range(3):
            with pytest.raises(ConnectionRefusedError):
                sock.connect(("127.0.0.1", TARGET + 1))
        sock.bind(("127.0.0.1", 40007))
        begun, _ = timed(lambda: sock.connect(("127.0.0.1", TARGET)))
        local(exporter, sock).is_no_more_than_a_bound(begun[0])
        drop([sock, listener])


@in_namespace
def test_an_older_connection_is_at_least_that_old(source):
    listener = listen(IPV4, "127.0.0.1", TARGET)
    before, ((client, server),) = timed(lambda: pairs(1, IPV4, listener, "127.0.0.1", TARGET))
    with serving(ON, source) as exporter:
        local(exporter, client).is_no_more_than_a_bound(before[0])
        later, ends = timed(lambda: pairs(1, IPV4, listener, "127.0.0.1", TARGET))
        local(exporter, ends[0][0]).is_exact(later)
        local(exporter, client).is_no_more_than_a_bound(before[0])
        # The command has no collector that saw it.
        found, = json.loads(run("port", str(port_of(ends[0][0])), "--json", source).stdout)["ports"]
        assert not found["local"]["sockets"][0].get("age_is_exact", False)
        drop([*ends[0], client, server])
    drop([listener])


@in_namespace
def test_time_wait_goes_by_its_timer():
    listener = listen(IPV4, "127.0.0.1", TARGET)
    with serving(ON) as exporter:
        begun, (port,) = timed(lambda: time_wait(1, IPV4, listener, "127.0.0.1", TARGET))
        wait_for_age(begun)
        told = Told(exporter, port, "local")
        one = told.one()
        assert one["state"] == "time_wait" and one["age_is_exact"]
        assert abs(one["age_seconds"] + one["expires_seconds"] - 60) < 0.01
    drop([listener])


@in_namespace
def test_one_that_is_being_opened_has_an_age():
    listener = listen(IPV4, "127.0.0.1", TARGET, backlog=0)
    # It takes one, and answers no other.
    first = connect(IPV4, "127.0.0.1", TARGET)
    with serving(ON) as exporter:
        begun, (sock,) = timed(lambda: syn_sent(1, IPV4, "127.0.0.1", TARGET))
        told = local(exporter, sock)
        assert told.one()["state"] == "syn_sent"
        told.is_exact(begun)
        drop([sock])
        assert not Told(exporter, TARGET, "remote").sockets[1:]
    drop([first, listener])


@in_namespace
def test_only_the_leases_that_are_followed_have_one(source):
    listener = listen(IPV4, "127.0.0.1", TARGET)
    for flags in (ON, "--collector.exhaustion.leases-limit=0"), ():
        with serving(source, *flags) as exporter:
            begun, ends = timed(lambda: pairs(1, IPV4, listener, "127.0.0.1", TARGET))
            local(exporter, ends[0][0]).is_no_more_than_a_bound(begun[0])
            drop(ends[0])
    with serving(ON, source, "--collector.exhaustion.leases-limit=1") as exporter:
        begun, ends = {}, []
        for _ in range(60):
            times, (pair,) = timed(lambda: pairs(1, IPV4, listener, "127.0.0.1", TARGET))
            begun[port_of(pair[0])] = times
            ends.append(pair)
        told = Told(exporter, TARGET, "remote")
        assert len(told.sockets) == 60
        exact = [each for each in told.sockets if each.get("age_is_exact", False)]
        assert 0 < len(exact) < 60
        for each in exact:
            told.is_exact(begun[each["local_port"]], each)
        # One of those that came last gave way to none.
        assert port_of(ends[-1][0]) in [each["local_port"] for each in exact]
        for pair in ends:
            drop(pair)
    drop([listener])


@in_namespace
def test_a_time_namespace_has_another_clock():
    wrapper = ["unshare", "--time", "--monotonic", "1000000"]
    clock = [*wrapper, "python3", "-c", "import time; print(time.monotonic())"]
    done = subprocess.run(clock, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=False)
    if done.returncode or float(done.stdout) < time.monotonic() + 900000:
        pytest.skip(f"a program cannot be begun in a time namespace here: {done.stderr}{done.stdout}")
    listener = listen(IPV4, "127.0.0.1", TARGET)
    with serving(ON, wrapper=wrapper) as exporter:
        begun, ends = timed(lambda: pairs(1, IPV4, listener, "127.0.0.1", TARGET))
        local(exporter, ends[0][0]).is_exact(begun)
        drop(ends[0])
    drop([listener])
