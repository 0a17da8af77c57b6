# SPDX-License-Identifier: Apache-2.0
"""`ephemera trace` and refused binds: each as it happens, and who holds the port."""

import contextlib
import errno
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from datetime import datetime, timezone

import pytest

from exhaustion import ON
from lib.bpf import needs_bpf
from lib.exporter import BINARY, assert_no_sanitizer_report, environment, metrics
from lib.namespace import in_namespace, set_range, sysctl
from lib.sockets import (IPV4, IPV6, MAPPED, accept, bind, bound, drop, kernel_is, listen,
                         need_ipv6, new, read_to_end, wait_until)
from test_trace import Trace

pytestmark = needs_bpf

HELD, OTHER = 46580, 46581
STREAM, DATAGRAM = socket.SOCK_STREAM, socket.SOCK_DGRAM


def need_functions():
    said = metrics(ON, "--collector.disable-defaults")
    if not said.value("ephemera_kernel_feature", feature="bind_conflicts"):
        pytest.skip("this kernel lets no program follow its functions")


def refuse(count, family, address, port, kind=STREAM):
    """count bind() to a port that is held; each must fail for that."""
    for _ in range(count):
        with new(family, kind) as sock, pytest.raises(OSError) as caught:
            bind(sock, family, address, port)
        assert caught.value.errno == errno.EADDRINUSE


class Conflicts(Trace):
    """In JSON, under way once it has seen refusals of a port of its own, of which it says nothing."""

    FIRST = 30009

    def __init__(self):
        super().__init__("--json")
        self.rest = b""
        with bound(IPV4, "127.0.0.77", self.FIRST), bound(IPV4, "127.0.0.78", self.FIRST):
            for _ in range(200):
                start = time.monotonic()
                refuse(1, IPV4, "127.0.0.77", self.FIRST)
                if self.has_said_something():
                    break
            else:
                raise AssertionError("the trace saw nothing")
            refuse(1, IPV4, "127.0.0.78", self.FIRST)
            while self.next()["source"] != "127.0.0.78":
                pass
        # A look takes milliseconds. Where it takes long, there is no time for the next one yet.
        if time.monotonic() - start > 0.3:
            time.sleep(10 * (time.monotonic() - start))

    def next(self):
        while b"\n" not in self.rest:
            self.rest += os.read(self.proc.stdout.fileno(), 65536)
        line, _, self.rest = self.rest.partition(b"\n")
        return json.loads(line)

    def look(self, *asked):
        """What it says of a refusal, again and again until there was time to look up the holder."""
        def answer():
            refuse(1, *asked)
            event = self.next()
            return event if event["holder_search"] != "skipped" else None
        return wait_until(answer, "a look")

    def end(self, number=signal.SIGINT, wait=0.5):
        assert not self.rest
        *events, last = map(json.loads, super().end(number, wait))
        self.summary = last["summary"]
        first = [one["conflicts"] for one in self.summary["ports"] if one["port"] == self.FIRST]
        self.summary["conflicts"] -= sum(first)
        self.summary["ports"] = [one for one in self.summary["ports"] if one["port"] != self.FIRST]
        return events


def own_name():
    with open("/proc/self/comm", encoding="utf-8") as file:
        return file.read().rstrip("\n")


def pids(event):
    return [process["pid"] for process in event["holder"]["processes"]]


@in_namespace
def test_each_refusal_is_an_object_that_names_the_holder_and_the_last_is_their_sum():
    need_functions()
    held = listen(IPV4, "127.0.0.1", HELD)
    before = datetime.now(timezone.utc)
    trace = Conflicts()
    events = [trace.look(IPV4, "0.0.0.0", HELD)]
    refuse(4, IPV4, "0.0.0.0", HELD)
    events += trace.end()
    assert len(events) == 5
    for event in events:
        assert (event["call"], event["protocol"], event["family"]) == ("bind", "tcp", "ipv4")
        assert (event["source"], event["port"]) == ("0.0.0.0", HELD)
        assert (event["pid"], event["process"]) == (os.getpid(), own_name())
        assert event["holder_search"] == "found" and event["other_holders"] == 0
        holder = event["holder"]
        assert (holder["state"], holder["local_address"], holder["local_port"]) == (
            "listen", "127.0.0.1", HELD)
        assert holder["role"] == "listener" and holder["holders"] == "found"
        assert pids(event) == [os.getpid()] and holder["processes"][0]["name"] == own_name()
        for when in ("time", "holder_time"):
            when = datetime.fromisoformat(event[when].replace("Z", "+00:00"))
            assert before <= when <= datetime.now(timezone.utc)
    summary = trace.summary
    assert (summary["failures"], summary["lost"]) == (0, 0) and summary["conflicts"] >= 5
    assert summary["ports"] == [{"protocol": "tcp", "port": HELD, "conflicts": summary["conflicts"]}]
    assert summary["other_ports"] == 0 and not summary["destinations"]
    drop([held])


@in_namespace
def test_people_get_a_line_each_and_a_sum():
    need_functions()
    held = [listen(IPV4, "127.0.0.1", HELD), bound(IPV4, "127.0.0.1", HELD, DATAGRAM)]
    trace = Trace("--limit=1")
    while "Ctrl-C" not in trace.proc.stdout.readline():
        pass
    refuse(3, IPV4, "0.0.0.0", HELD)
    refuse(2, IPV4, "127.0.0.1", HELD, DATAGRAM)
    said = "\n".join(trace.end())
    me = rf"{re.escape(own_name())} \(pid {os.getpid()}\)"
    lines = re.findall(
        rf"^\d\d:\d\d:\d\d\.\d{{3}}  bind (\d+): Address already in use, held by {me}, "
        rf"(\S+ \S+ \S+)(?:, cgroup /\S*)?; (\S+ \S+) asked for by  {me}  /?\S*$", said, re.M)
    assert lines == [(str(HELD), f"tcp listen 127.0.0.1:{HELD}", f"tcp 0.0.0.0:{HELD}")] * 3 + [
        (str(HELD), f"udp unconnected 127.0.0.1:{HELD}", f"udp 127.0.0.1:{HELD}")] * 2, said
    assert re.search(r"^0 calls in \d+\.\d s found no port\.\n5 calls were refused the port they asked for\.$",
                     said, re.M), said
    assert said.endswith(f"\n\nCONFLICTS  PORT\n        3  tcp {HELD}\n        2  others (--limit)"), said
    drop(held)


@contextlib.contextmanager
def another_process(code):
    """Runs code, which prints a line when it is ready."""
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE,
                          stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout.readline()
            yield process.pid
        finally:
            process.stdin.close()
            process.wait(timeout=20)


CONNECT = f"""
import socket, sys
sock = socket.create_connection(("127.0.0.1", {OTHER}))
print(sock.getsockname(), flush=True)
sys.stdin.read()
"""


def at_time_wait(event):
    return event if event["holder"]["state"] == "time_wait" else None


@in_namespace
def test_an_outgoing_connection_is_named_with_its_process_and_peer_and_so_is_what_is_left_of_it():
    need_functions()
    sysctl("net.ipv4.tcp_tw_reuse", 0)
    listener = listen(IPV4, "127.0.0.1", OTHER)
    set_range(HELD, HELD)
    trace = Conflicts()
    with another_process(CONNECT) as pid:
        [server] = accept(listener, 1)
        first = trace.look(IPV4, "0.0.0.0", HELD)
    # It closed first, so TIME_WAIT is its side's; and the answer is a second old at most.
    read_to_end(server), server.close()
    time.sleep(1.1)
    second = wait_until(lambda: at_time_wait(trace.look(IPV4, "0.0.0.0", HELD)), "TIME_WAIT")
    trace.end()
    assert pids(first) == [pid]
    assert (first["holder"]["state"], first["holder"]["role"]) == ("established", "outbound")
    assert (first["holder"]["remote_address"], first["holder"]["remote_port"]) == ("127.0.0.1", OTHER)
    assert second["holder"]["holders"] == "none"
    assert pids(second) == [] and 0 < second["holder"]["expires_seconds"] <= 60
    drop([listener])


@in_namespace
def test_of_several_on_one_port_it_is_who_has_the_address():
    need_functions()
    need_ipv6()
    held = [listen(IPV4, "127.0.0.1", HELD), listen(IPV4, "127.0.0.2", HELD),
            bound(IPV4, "127.0.0.3", HELD, DATAGRAM), listen(IPV6, "::1", HELD),
            listen(MAPPED, "::", OTHER)]
    trace = Conflicts()
    # With IPV6_V6ONLY :: is not 127.0.0.1; without, it is that, too.
    events = [trace.look(*asked) for asked in (
        (IPV4, "127.0.0.2", HELD), (IPV4, "127.0.0.3", HELD, DATAGRAM), (IPV6, "::", HELD),
        (MAPPED, "::", HELD), (MAPPED, "127.0.0.1", HELD), (IPV4, "127.0.0.9", OTHER))]
    trace.end()
    named = [(event["family"], event["source"], event["holder"]["protocol"],
              event["holder"]["local_address"], event["other_holders"]) for event in events]
    assert named == [
        ("ipv4", "127.0.0.2", "tcp", "127.0.0.2", 0), ("ipv4", "127.0.0.3", "udp", "127.0.0.3", 0),
        ("ipv6", "::", "tcp", "::1", 0), ("ipv6", "::", "tcp", "127.0.0.1", 2),
        ("ipv4", "127.0.0.1", "tcp", "127.0.0.1", 0), ("ipv4", "127.0.0.9", "tcp", "::", 0)]
    drop(held)


@in_namespace
def test_listen_is_told_as_such():
    need_functions()
    socks = []
    for _ in range(2):
        socks.append(new(IPV4))
        socks[-1].setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bind(socks[-1], IPV4, "127.0.0.1", HELD)
    socks[0].listen()
    trace = Conflicts()
    with pytest.raises(OSError):
        socks[1].listen()
    [event] = trace.end()
    assert (event["call"], event["port"], event["source"]) == ("listen", HELD, "127.0.0.1")
    assert event["holder"]["state"] == "listen"
    drop(socks)


@in_namespace
def test_a_holder_that_is_gone_is_said_to_be():
    need_functions()
    held = bound(IPV4, "127.0.0.1", HELD), bound(IPV4, "127.0.0.1", HELD, DATAGRAM)
    trace = Conflicts()
    trace.proc.send_signal(signal.SIGSTOP)
    refuse(1, IPV4, "127.0.0.1", HELD)
    refuse(1, IPV4, "127.0.0.1", HELD, DATAGRAM)
    drop(held)
    trace.proc.send_signal(signal.SIGCONT)
    tcp, udp = trace.end()
    # Before Linux 6.8 it may be there, and the kernel does not list it.
    assert tcp["holder_search"] == ("gone" if kernel_is(6, 8) else "unlisted")
    assert udp["holder_search"] == "gone"
    assert "holder" not in tcp and "holder" not in udp and "holder_time" in tcp


RETRY = f"""
import errno, socket, time
end = time.monotonic() + 4
sock = socket.socket()
made = 0
while time.monotonic() < end:
    try:
        sock.bind(("127.0.0.1", {HELD}))
    except OSError as error:
        assert error.errno == errno.EADDRINUSE
        made += 1
print(made)
"""


@in_namespace
def test_a_program_that_tries_again_and_again_does_not_make_it_look_each_time(tmp_path):
    need_functions()
    held = listen(IPV4, "127.0.0.1", HELD)
    path = tmp_path / "events"
    with open(path, "w", encoding="utf-8") as file, \
            subprocess.Popen([BINARY, "trace", "--json"], stdin=subprocess.DEVNULL, stdout=file,
                             stderr=subprocess.PIPE, text=True, env=environment()) as trace:
        first = 0
        while not path.stat().st_size:
            refuse(1, IPV4, "127.0.0.1", HELD)
            first += 1
            time.sleep(0.1)
        done = subprocess.run([sys.executable, "-c", RETRY], stdout=subprocess.PIPE, check=True)
        # It prints what came before that, too.
        trace.send_signal(signal.SIGINT)
        _, err = trace.communicate(timeout=100)
    assert_no_sanitizer_report(err)
    *events, last = map(json.loads, path.read_text(encoding="utf-8").splitlines())
    summary = last["summary"]
    assert len(events) + summary["lost"] == summary["conflicts"]
    assert 0 <= summary["conflicts"] - int(done.stdout) <= first
    assert {event["holder_search"] for event in events} == {"found"}
    # Once a second at the most, be it for so many.
    span = (datetime.fromisoformat(events[-1]["holder_time"][:-1])
            - datetime.fromisoformat(events[0]["holder_time"][:-1])).total_seconds()
    assert len({event["holder_time"] for event in events}) <= span + 1
    assert len(events) > 500
    drop([held])
