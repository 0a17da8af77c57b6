# SPDX-License-Identifier: Apache-2.0
"""`ephemera port --watch`: the state, and then what changes, as long as one likes."""

import contextlib
import json
import os
import pty
import re
import resource
import select
import signal
import socket
import subprocess
import threading
import time

import pytest

from lib.exporter import BINARY, assert_no_sanitizer_report
from lib.namespace import in_namespace, set_range, set_reserved, sysctl
from lib.sockets import (IPV4, accept, add_address, bound, connect, connect_many, drop, listen,
                         pairs, port_of, read_to_end, wait_until)

from port import ANSWER, assert_fits, assert_has_form, assert_port_has_form

SERVICE = 30001

# A line of what changed: the time, the sign, the socket, and what its state was.
CHANGE = re.compile(r"(\d\d:\d\d:\d\d) ([-+~]) (tcp|udp)  (\w+) +(\S+)(?: -> (\S+))?"
                    r"(?: was (\w+))?")


@pytest.fixture
def proc(tmp_path):
    """A procfs without other processes: however many the host has, a look takes no time."""
    (tmp_path / "sys").symlink_to("/proc/sys")
    return tmp_path


class Watch:
    """A running `ephemera port --watch`, whose output is read as it comes."""

    def __init__(self, proc, *args):
        if not (own := proc / str(os.getpid())).exists():
            own.symlink_to(f"/proc/{os.getpid()}")
        self.args = [BINARY, "port", "--watch", f"--path.procfs={proc}", *map(str, args)]
        self.lines = []
        self.seen = 0

    def __enter__(self):
        self.proc = subprocess.Popen(self.args, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                     stderr=subprocess.PIPE, text=True)
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()
        return self

    def _read(self):
        for line in self.proc.stdout:
            self.lines.append(line.removesuffix("\n"))

    def __exit__(self, *_):
        self.proc.kill()
        self.proc.wait()

    def wait_for(self, condition, what, seconds=10):
        return wait_until(lambda: condition(self.lines[self.seen:]), what, seconds)

    def started(self):
        self.wait_for(lambda lines: "Watching for changes, until Ctrl-C." in lines, "its start")
        before, self.seen = self.lines[self.seen:], len(self.lines)
        return before

    def changes(self, count):
        """What is printed until there are so many changes: [(sign, state, here, there, was)].

        Each must have the time of day.
        """
        def find(lines):
            found = [match for line in lines if (match := CHANGE.fullmatch(line))]
            return found if len(found) >= count else None
        found = self.wait_for(find, f"{count} changes")
        # Its details follow a change at once.
        time.sleep(0.2)
        new, self.seen = self.lines[self.seen:], len(self.lines)
        found = [match for line in new if (match := CHANGE.fullmatch(line))]
        now = time.time()
        near = {time.strftime("%H:%M:%S", time.localtime(now - back)) for back in range(8)}
        assert {match[1] for match in found} <= near
        assert len(found) == count, new
        for line in new:
            assert CHANGE.fullmatch(line) or line.startswith(" " * 11), line
            assert line == line.rstrip(), repr(line)
        return sorted(((match[2], *match.groups()[3:]) for match in found), key=str)

    def is_quiet(self, seconds=1.3):
        time.sleep(seconds)
        return self.lines[self.seen:] == []

    def end(self, number=signal.SIGINT):
        """Its exit status; whatever it had left to say is an error."""
        self.proc.send_signal(number)
        status = self.proc.wait(timeout=10)
        self.reader.join(timeout=10)
        errors = self.proc.stderr.read()
        assert_no_sanitizer_report(errors)
        assert (errors, self.lines[self.seen:]) == ("", [])
        return status


def at(sock):
    return "{}:{}".format(*sock.getsockname())


@in_namespace
def test_a_connection_comes_changes_and_goes(proc):
    set_range(40000, 40099)
    listener = listen(IPV4, "127.0.0.1", SERVICE)
    with Watch(proc, SERVICE) as watch:
        before = watch.started()
        assert before[0].startswith(f"Port {SERVICE} is a registered port")
        assert f"  tcp  listen       127.0.0.1:{SERVICE}" in before
        assert watch.is_quiet()

        (client, server), = pairs(1, IPV4, listener, "127.0.0.1", SERVICE)
        here, there = at(client), at(server)
        # By its local and by its remote port.
        assert watch.changes(2) == [("+", "established", there, here, None),
                                    ("+", "established", here, there, None)]
        assert any("A client's connection to the service" in line for line in watch.lines)
        assert any(f"(pid {os.getpid()}, fd {server.fileno()})" in line for line in watch.lines)
        assert watch.is_quiet()

        client.shutdown(socket.SHUT_WR)
        read_to_end(server)
        assert watch.changes(2) == [("~", "close_wait", there, here, "established"),
                                    ("~", "fin_wait2", here, there, "established")]
        server.close()
        client.close()
        assert watch.changes(2) == [("-", "close_wait", there, here, None),
                                    ("~", "time_wait", here, there, "fin_wait2")]
        # It grows older, which is no change.
        assert watch.is_quiet(2.3)

        listener.close()
        assert watch.changes(1) == [("-", "listen", f"127.0.0.1:{SERVICE}", None, None)]
        assert watch.end() == 0


@in_namespace
def test_established_to_time_wait(proc):
    """Within one look: the same connection, though no process has it any more."""
    set_range(40000, 40099)
    sysctl("net.ipv4.tcp_tw_reuse", 0)
    listener = listen(IPV4, "127.0.0.1", SERVICE)
    (client, server), = pairs(1, IPV4, listener, "127.0.0.1", SERVICE)
    port, here, there = port_of(client), at(client), at(server)
    with Watch(proc, port) as watch:
        watch.started()
        os.kill(watch.proc.pid, signal.SIGSTOP)
        client.close()
        server.close()
        os.kill(watch.proc.pid, signal.SIGCONT)
        assert watch.changes(2) == [("-", "established", there, here, None),
                                    ("~", "time_wait", here, there, "established")]
        assert any("Left over from a connection" in line for line in watch.lines[-6:])
        assert watch.is_quiet()
        assert watch.end(signal.SIGTERM) == 0


@in_namespace
def test_changes_fit(proc):
    """With addresses as long as those of IPv4 may be, and the longest of states."""
    add_address("192.168.100.100", 32)
    set_range(40000, 40099)
    listener = listen(IPV4, "192.168.100.100", SERVICE)
    with Watch(proc, SERVICE) as watch:
        watch.started()
        (client, server), = pairs(1, IPV4, listener, "192.168.100.100", SERVICE)
        watch.changes(2)
        client.shutdown(socket.SHUT_WR)
        read_to_end(server)
        watch.changes(2)
        assert_fits("\n".join(watch.lines))


@in_namespace
def test_sockets_without_a_peer(proc):
    """Two of one address are two sockets, and one in the place of another is another."""
    with Watch(proc, "30000-30009") as watch:
        assert watch.started()[0] == "Nothing is on the 10 ports."
        first = listen(IPV4, "127.0.0.1", SERVICE, reuse_port=True)
        place = f"127.0.0.1:{SERVICE}"
        assert watch.changes(1) == [("+", "listen", place, None, None)]
        second = listen(IPV4, "127.0.0.1", SERVICE, reuse_port=True)
        assert watch.changes(1) == [("+", "listen", place, None, None)]
        first.close()
        assert watch.changes(1) == [("-", "listen", place, None, None)]
        third = listen(IPV4, "127.0.0.1", SERVICE, reuse_port=True)
        second.close()
        assert watch.changes(2) == [("+", "listen", place, None, None),
                                    ("-", "listen", place, None, None)]
        udp = bound(IPV4, "127.0.0.1", SERVICE, socket.SOCK_DGRAM)
        assert watch.changes(1) == [("+", "unconnected", place, None, None)]
        third.close()
        udp.close()
        assert watch.changes(2) == [("-", "listen", place, None, None),
                                    ("-", "unconnected", place, None, None)]
        assert watch.end() == 1


@in_namespace
def test_how_it_ends(proc):
    """With the status of the last look, whichever was the first."""
    ways = [(number, flags) for number in (signal.SIGINT, signal.SIGTERM)
            for flags in ([], ["--json"])]
    sock = listen(IPV4, "127.0.0.1", SERVICE)
    with contextlib.ExitStack() as stack:
        watches = [stack.enter_context(Watch(proc, SERVICE, *flags)) for _, flags in ways * 2]
        for watch in watches:
            watch.wait_for(bool, "its start")
            time.sleep(0.1)
        for watch, (number, _) in zip(watches[:4], ways):
            watch.seen = len(watch.lines)
            assert watch.end(number) == 0
        before = [len(watch.lines) for watch in watches]
        sock.close()
        for watch, seen, (number, _) in zip(watches[4:], before[4:], ways):
            watch.seen = seen
            watch.wait_for(bool, "the end of the listener")
            watch.seen = len(watch.lines)
            assert watch.end(number) == 1


@in_namespace
def test_a_service_that_comes_is_to_be_kept(proc):
    """One command for it and for those that were there, and again where somebody reserves more."""
    set_range(40000, 40099)
    _first = listen(IPV4, "127.0.0.1", 40010)
    with Watch(proc, 40010, 40020) as watch:
        assert "  sysctl -w net.ipv4.ip_local_reserved_ports=40010" in watch.started()
        assert watch.is_quiet()
        _second = listen(IPV4, "127.0.0.1", 40020)
        command = "  sysctl -w net.ipv4.ip_local_reserved_ports="
        watch.wait_for(lambda lines: command + "40010,40020" in lines, "a new command")
        watch.seen = len(watch.lines)
        set_reserved("40005")
        watch.wait_for(lambda lines: command + "40005,40010,40020" in lines, "another")
        watch.seen = len(watch.lines)
        assert watch.is_quiet()
        assert watch.end() == 0


@in_namespace
def test_json(proc):
    """A whole answer a line, and only when there is something new."""
    set_range(40000, 40099)
    listener = listen(IPV4, "127.0.0.1", SERVICE)
    with Watch(proc, SERVICE, "--json") as watch:
        watch.wait_for(lambda lines: len(lines) == 1, "the first line")
        time.sleep(1.3)
        assert len(watch.lines) == 1
        clients = connect_many(3, IPV4, "127.0.0.1", SERVICE)
        watch.wait_for(lambda lines: len(lines) >= 2, "a change")
        drop(clients)
        drop(accept(listener, 3))
        watch.wait_for(lambda lines: json.loads(lines[-1])["ports"][0]["remote"]["total"] == 0,
                       "another")
        count = len(watch.lines)
        time.sleep(1.3)
        assert len(watch.lines) == count
        answers = [json.loads(line) for line in watch.lines]
        watch.seen = count
        assert watch.end() == 0
    for answer in answers:
        assert_has_form(answer, ANSWER)
        assert_port_has_form(answer["ports"][0])
    assert [answer["ports"][0]["remote"]["total"] for answer in answers[:2]] == [0, 3]


@in_namespace
def test_json_of_a_state_that_changed(proc):
    listener = listen(IPV4, "127.0.0.1", SERVICE)
    (client, server), = pairs(1, IPV4, listener, "127.0.0.1", SERVICE)
    with Watch(proc, port_of(client), "--json") as watch:
        watch.wait_for(lambda lines: len(lines) == 1, "the first line")
        server.shutdown(socket.SHUT_WR)
        read_to_end(client)
        watch.wait_for(lambda lines: len(lines) == 2, "a change")
        entry, = json.loads(watch.lines[1])["ports"][0]["local"]["sockets"]
        assert entry["state"] == "close_wait"
        watch.seen = 2
        assert watch.end() == 0


@in_namespace
def test_more_than_can_be_told_apart(proc):
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    if hard < 2000:
        pytest.skip("no 2,000 descriptors here")
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    set_range(40000, 42999)
    sysctl("net.core.somaxconn", 4096)
    listener = listen(IPV4, "127.0.0.1", SERVICE, backlog=4096)
    clients = connect_many(1010, IPV4, "127.0.0.1", SERVICE)
    with Watch(proc, SERVICE) as watch:
        watch.wait_for(lambda lines: "Watching for changes, until Ctrl-C." in lines, "its start")
        shown = "\n".join(watch.lines)
        assert "1011 sockets have it as their local port" in shown
        assert "and 10 more (only counted)" in shown
        watch.seen = len(watch.lines)
        clients += connect_many(3, IPV4, "127.0.0.1", SERVICE)
        lines = watch.wait_for(lambda lines: lines if len(lines) == 2 else None, "the numbers")
        assert [line.strip() for line in lines] == ["1014 sockets, 1011 before",
                                                    "1013 sockets, 1010 before"]
        watch.seen = len(watch.lines)
        assert watch.is_quiet()
        assert watch.end() == 0
    assert listener


@in_namespace
def test_it_waits_between_looks(proc):
    """A look each second, and next to nothing in between."""
    _sock = listen(IPV4, "127.0.0.1", SERVICE)
    with Watch(proc, SERVICE) as watch:
        watch.started()
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        time.sleep(3)
        assert watch.end() == 0
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    assert used < 1.5, f"{used} s of processor time in 3 s"


@in_namespace
def test_on_a_terminal(proc):
    """No tricks with the cursor: what was printed stays to be read."""
    listener = listen(IPV4, "127.0.0.1", SERVICE)
    leader, follower = pty.openpty()
    with subprocess.Popen([BINARY, "port", str(SERVICE), "--watch",
                           f"--path.procfs={proc}"], stdin=follower, stdout=follower,
                          stderr=subprocess.PIPE, text=True) as running:
        os.close(follower)
        text, client, deadline = b"", None, time.monotonic() + 8
        while time.monotonic() < deadline and b"+ tcp" not in text:
            if select.select([leader], [], [], 0.1)[0]:
                text += os.read(leader, 65536)
            if b"Watching" in text and not client:
                client = connect(IPV4, "127.0.0.1", SERVICE)
        running.send_signal(signal.SIGINT)
        assert running.wait(timeout=10) == 0
        errors = running.stderr.read()
    os.close(leader)
    assert errors == "" and listener
    assert b"+ tcp  established" in text
    assert not re.search(rb"[\x00-\x09\x0b\x0c\x0e-\x1f\x7f]", text)
