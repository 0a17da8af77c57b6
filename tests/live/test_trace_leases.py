# SPDX-License-Identifier: Apache-2.0
"""`ephemera trace --leases`: which connection had which port, from when until when, and who opened it."""

import contextlib
import ctypes
import errno
import json
import os
import re
import signal
import subprocess
import sys
import time
from datetime import datetime, timezone

import cgroups
import pytest

from leases import LeaseTrace
from lib.bpf import needs_bpf
from lib.exporter import run
from lib.namespace import NOBODY, enter_another, enter_first, in_namespace, set_range, sysctl
from lib.sockets import (IPV4, IPV6, MAPPED, bind_until_refused, connect, connect_many, drop, listen, need_ipv6,
                         new, pairs, port_of, ports_of, read_to_end, syn_sent)

FIRST, LAST, SIZE = 40000, 40009, 10
TARGET, SILENT, NOBODYS = 30001, 30003, 30999


def moment(text):
    return datetime.fromisoformat(text.replace("Z", "+00:00"))


def own_name():
    with open("/proc/self/comm", encoding="utf-8") as file:
        return file.read().rstrip("\n")


def ends(lease):
    return (lease["source"], lease["source_port"], lease["destination"], lease["destination_port"])


@needs_bpf
@in_namespace
def test_each_way_to_end_is_told():
    need_ipv6()
    sysctl("net.ipv4.tcp_syn_retries", 1)
    listener, six = listen(IPV4, "127.0.0.1", TARGET), listen(IPV6, "::1", TARGET)
    silent = listen(IPV4, "127.0.0.1", SILENT, backlog=0)
    full = connect_many(1, IPV4, "127.0.0.1", SILENT)
    made = pairs(6, IPV4, listener, "127.0.0.1", TARGET)
    # These are older than the trace, which has not seen them begin.
    older, made = made[0], []
    trace = LeaseTrace("--json")
    before = datetime.now(timezone.utc)
    made = pairs(5, IPV4, listener, "127.0.0.1", TARGET)
    mapped = pairs(1, MAPPED, listener, "127.0.0.1", TARGET)[0]
    sixes = pairs(1, IPV6, six, "::1", TARGET)[0]
    expected = {port: ended for port, ended in zip(
        ports_of(client for client, _ in made),
        [("closed", True), ("closed", False), ("aborted", False), ("reset", False), ("aborted", False)])}
    expected |= {port_of(mapped[0]): ("closed", True), port_of(sixes[0]): ("closed", True)}
    drop(older)
    # By the client, by the server, by a reset of either, and with data that was not read.
    for client, server in (made[0], mapped, sixes):
        client.close(), read_to_end(server), server.close()
    made[1][1].close(), read_to_end(made[1][0]), made[1][0].close()
    drop([made[2][0]])
    drop([made[3][1]])
    with contextlib.suppress(ConnectionResetError):
        made[3][0].recv(1)
    made[4][1].send(b"!"), made[4][0].recv(1, 2), made[4][0].close()
    # What never came about, and a socket that was refused before.
    again = new(IPV4)
    assert again.connect_ex(("127.0.0.1", NOBODYS)) == errno.ECONNREFUSED
    again.connect(("127.0.0.1", TARGET))
    expected[port_of(again)] = ("aborted", False)
    drop([again])
    given_up = syn_sent(1, IPV4, "127.0.0.1", SILENT)
    expected[port_of(given_up[0])] = ("aborted", False)
    given_up[0].close()
    with new(IPV4) as sock:
        assert sock.connect_ex(("127.0.0.1", SILENT)) == errno.ETIMEDOUT
    leases, summary = trace.end()

    after = datetime.now(timezone.utc)
    found = {lease["source_port"]: (lease["ended"], lease["time_wait"]) for lease in leases
             if lease["ended"] not in ("refused", "timed_out")}
    assert found == expected
    others = [(lease["ended"], lease["destination_port"]) for lease in leases
              if lease["source_port"] not in expected]
    assert others == [("refused", NOBODYS), ("timed_out", SILENT)]
    assert len(leases) == len(expected) + 2
    for lease in leases:
        assert before <= moment(lease["from"]) <= moment(lease["until"]) <= after
        assert (lease["pid"], lease["process"], lease["protocol"]) == (os.getpid(), own_name(), "tcp")
        six = lease["source_port"] == port_of_lease(leases, "::1")
        assert lease["family"] == ("ipv6" if six else "ipv4")
        assert lease["source"] == lease["destination"] == ("::1" if six else "127.0.0.1")
    [timed_out] = [lease for lease in leases if lease["ended"] == "timed_out"]
    assert (moment(timed_out["until"]) - moment(timed_out["from"])).total_seconds() >= 2
    assert summary["missed_events"] < 50
    drop([listener, silent, *full])


def port_of_lease(leases, source):
    return next(lease["source_port"] for lease in leases if lease["source"] == source)


@needs_bpf
@in_namespace
def test_an_error_of_an_earlier_connection_is_not_this_ones():
    listener = listen(IPV4, "127.0.0.1", TARGET)
    trace = LeaseTrace("--json")
    sock, server = pairs(1, IPV4, listener, "127.0.0.1", TARGET)[0]
    # By AF_UNSPEC: the kernel resets the connection, and leaves ECONNRESET in the socket.
    assert ctypes.CDLL(None).connect(sock.fileno(), bytes(16), 16) == 0
    server.close()
    sock.connect(("127.0.0.1", TARGET))
    server = listener.accept()[0]
    sock.close(), read_to_end(server), server.close()
    leases, _ = trace.end()
    assert [(lease["ended"], lease["time_wait"]) for lease in leases] == [("aborted", False), ("closed", True)]
    listener.close()


@needs_bpf
@in_namespace
def test_each_lease_is_told_once_and_nothing_else():
    set_range(FIRST, LAST)
    listener = listen(IPV4, "127.0.0.1", TARGET)
    trace = LeaseTrace("--json")
    for _ in range(41):
        client, server = pairs(1, IPV4, listener, "127.0.0.1", TARGET)[0]
        drop([client]), server.close()
    # No port was left for the last two: those have leased none.
    kept = connect_many(SIZE, IPV4, "127.0.0.1", TARGET)
    for _ in range(2):
        with new(IPV4) as sock:
            assert sock.connect_ex(("127.0.0.1", TARGET)) == errno.EADDRNOTAVAIL
    ports = ports_of(kept)
    drop(kept)
    # A socket that had a port, and finds none when it connects again.
    kept, _ = bind_until_refused(IPV4, "127.0.0.1")
    bound = kept.pop()
    with new(IPV4) as again:
        bound.close()
        assert again.connect_ex(("127.0.0.1", NOBODYS)) == errno.ECONNREFUSED
        refused = 1
        blocker, _ = bind_until_refused(IPV4, "127.0.0.1")
        assert again.connect_ex(("127.0.0.1", TARGET)) == errno.EADDRNOTAVAIL
    # A port that bind() has is none that connect() leased.
    drop(blocker)
    client = connect(IPV4, "127.0.0.1", TARGET, source="127.0.0.1")
    drop([client])
    # Those of another namespace are not ours.
    enter_another()
    other = listen(IPV4, "127.0.0.1", TARGET)
    drop(connect_many(7, IPV4, "127.0.0.1", TARGET))
    enter_first()
    leases, _ = trace.end()
    assert len(leases) == 41 + SIZE + refused
    assert sorted(lease["source_port"] for lease in leases[41:41 + SIZE]) == sorted(ports)
    assert all(FIRST <= lease["source_port"] <= LAST for lease in leases)
    drop([listener, other, *kept])


@needs_bpf
@in_namespace
def test_people_get_a_line_each():
    need_ipv6()
    set_range(FIRST, LAST)
    listener = listen(IPV6, "::1", TARGET)
    trace = LeaseTrace()
    assert "Ctrl-C" in trace.first
    client, server = pairs(1, IPV6, listener, "::1", TARGET)[0]
    port = port_of(client)
    client.close(), read_to_end(server), server.close()
    said = trace.lines(signal.SIGTERM)
    clock = r"\d\d:\d\d:\d\d\.\d{3}"
    assert re.search(rf"^{clock} - {clock}  tcp  \[::1\]:{port} -> \[::1\]:{TARGET}  closed, then TIME_WAIT  "
                     rf".+ \(pid {os.getpid()}\)  /?\S*$", said, re.M), said
    assert re.search(r"^1 lease in \d+\.\d s\.$", said, re.M), said
    assert "not shown" not in said
    listener.close()


@needs_bpf
@in_namespace
def test_a_name_of_a_process_does_not_control_the_terminal():
    listener = listen(IPV4, "127.0.0.1", TARGET)
    traces = LeaseTrace(), LeaseTrace("--json")
    ctypes.CDLL(None).prctl(15, "a\x1b[2J\"\\\u202e".encode())
    drop(connect_many(1, IPV4, "127.0.0.1", TARGET))
    assert "a?[2J\"\\???" in traces[0].lines()
    [lease], _ = traces[1].end()
    assert lease["process"] == "a\x1b[2J\"\\\u202e"
    listener.close()


@needs_bpf
@in_namespace
def test_what_is_lost_is_counted_and_told_when_it_happens():
    trace = LeaseTrace("--json", "--buffer=1")
    # Nobody reads, so the pipe is full soon, and then the memory for leases.
    make_many(17000)
    time.sleep(1.2)
    *lines, last = map(json.loads, trace.lines().splitlines())
    lost = [line["lost"] for line in lines if "lost" in line]
    summary = last["summary"]
    assert summary["lost"] == sum(one["leases"] for one in lost) > 0 and lost[0]["time"]
    assert summary["leases"] == len(lines) - len(lost)
    assert summary["leases"] + summary["lost"] == 17000


def make_many(count):
    """Each is refused: no listener has a queue that fills."""
    for _ in range(count):
        with new(IPV4) as sock:
            assert sock.connect_ex(("127.0.0.1", NOBODYS)) == errno.ECONNREFUSED


@needs_bpf
@in_namespace
def test_in_words_what_is_lost_is_told_too():
    trace = LeaseTrace("--buffer=1")
    make_many(17000)
    time.sleep(1.2)
    said = trace.lines()
    total = sum(map(int, re.findall(r"^(\d+) leases? in", said, re.M)))
    lost = [int(number) for number in re.findall(r"^(\d+) leases are not shown: they ended faster", said, re.M)]
    assert len(lost) >= 2 and sum(lost[:-1]) == lost[-1], lost
    assert total + lost[-1] == 17000


@needs_bpf
@in_namespace
def test_leases_that_give_way_are_counted():
    listener = listen(IPV4, "127.0.0.1", TARGET)
    trace = LeaseTrace("--json", "--collector.exhaustion.leases-limit=1")
    # There is room for sixteen.
    kept = connect_many(41, IPV4, "127.0.0.1", TARGET)
    drop(kept)
    *lines, last = map(json.loads, trace.lines().splitlines())
    leases = [line for line in lines if "from" in line]
    assert len(leases) == 16 and last["summary"]["untracked"] == 41 - 16
    assert {lease["source_port"] for lease in leases} <= {line["source_port"] for line in leases}
    listener.close()


CLIENT = """
import socket, sys, time
print("ready", flush=True)
sys.stdin.read(1)
socket.create_connection(("127.0.0.1", int(sys.argv[1])))
"""


@needs_bpf
@in_namespace
def test_a_cgroup_that_is_gone_keeps_its_name():
    """That of a job that connects, ends and is cleared away before its lease is printed."""
    try:
        tree = cgroups.Tree()
    except cgroups.Unavailable as error:
        pytest.skip(str(error))
    uid, container = "1234abcd-0000-4000-8000-123456789abc", "0123456789abcdef" * 4
    with tree:
        listener = listen(IPV4, "127.0.0.1", TARGET)
        name = tree.make(f"/ephemera-test-{os.getpid()}.slice/kubepods/pod{uid}/{container}")
        trace = LeaseTrace("--json")
        with tree.inside(name):
            job = subprocess.Popen([sys.executable, "-c", CLIENT, str(TARGET)], stdin=subprocess.PIPE,
                                   stdout=subprocess.PIPE)
        assert job.stdout.readline()
        trace.catch_up()
        job.communicate(b"!", timeout=20)
        server = listener.accept()[0]
        tree.remove(name)
        read_to_end(server), server.close()
        leases, _ = trace.end()
        [lease] = leases
        assert (lease["cgroup"], lease["pod_uid"], lease["container_id"]) == (name, uid, container)
        assert lease["pid"] == job.pid != os.getpid()
        listener.close()


@needs_bpf
@in_namespace
def test_without_a_hierarchy_a_cgroup_has_its_number(tmp_path):
    listener = listen(IPV4, "127.0.0.1", TARGET)
    trace = LeaseTrace("--json", f"--path.sysfs={tmp_path}")
    drop(connect_many(1, IPV4, "127.0.0.1", TARGET))
    [lease], _ = trace.end()
    assert re.fullmatch(r"id:\d+", lease["cgroup"])
    listener.close()


@needs_bpf
@in_namespace
def test_the_lines_answer_who_had_a_port(tmp_path):
    listener = listen(IPV4, "127.0.0.1", TARGET)
    trace = LeaseTrace("--json")
    client, server = pairs(1, IPV4, listener, "127.0.0.1", TARGET)[0]
    port = port_of(client)
    now = datetime.now(timezone.utc)
    drop([client]), server.close()
    text = trace.first + trace.lines()
    file = tmp_path / "leases"
    file.write_text(text)
    at = f"--at={now.isoformat(timespec='milliseconds')}"
    done = run("port", port, at, f"--leases={file}")
    assert done.returncode == 0 and f"127.0.0.1:{port} -> 127.0.0.1:{TARGET}" in done.stdout, done
    assert f"{own_name()} (pid {os.getpid()})" in done.stdout
    # As journald has it, from standard input; and nobody had it an hour before.
    entries = "".join(json.dumps({"MESSAGE": line, "PRIORITY": "6"}) + "\n" for line in text.splitlines())
    done = run("port", port, at, "--leases=-", "--json", input=entries)
    [lease] = json.loads(done.stdout)["leases"]
    assert lease["pid"] == os.getpid() and not lease["in_time_wait"]
    done = run("port", port, "--at=2020-02-29T12:03Z", f"--leases={file}")
    assert done.returncode == 1 and "The first one after:" in done.stdout
    assert " ".join(done.stdout.split()).count("after the time that was asked for") == 1
    listener.close()


@needs_bpf
@in_namespace
def test_a_reader_that_has_seen_enough_ends_it():
    listener = listen(IPV4, "127.0.0.1", TARGET)
    trace = LeaseTrace("--json")
    trace.proc.stdout.close()
    with contextlib.suppress(subprocess.TimeoutExpired):
        for _ in range(50):
            drop(connect_many(1, IPV4, "127.0.0.1", TARGET))
            trace.proc.wait(timeout=0.2)
    assert trace.proc.poll() is not None
    listener.close()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_without_capabilities_it_says_which_it_takes(public_binary):
    done = run("trace", "--leases", user=NOBODY, group=NOBODY, extra_groups=[])
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "ephemera: trace: loading BPF programs needs CAP_BPF and CAP_PERFMON: run it as root\n"
