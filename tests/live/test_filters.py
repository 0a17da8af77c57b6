# SPDX-License-Identifier: Apache-2.0
"""--by, --to and --state: only what fits is shown, and what is left out is said."""

import contextlib
import json
import os
import re
import socket
import subprocess
import sys

import pytest

from exhaustion import fail, fill
from lib.bpf import needs_bpf
from lib.exporter import run
from lib.namespace import in_namespace, set_range
from lib.sockets import ANY, IPV4, bound, connect, connect_many, drop, listen, server_time_wait
from test_trace import Trace

SERVICE, OTHER = 30001, 30002

OTHERS_CODE = """
import socket, sys
kept = [socket.create_connection(("127.0.0.1", int(sys.argv[1]))) for _ in range(3)]
print("up", flush=True)
sys.stdin.read()
"""


@contextlib.contextmanager
def another_process(port, name="shopclient"):
    """A process with another name, which has three connections."""
    code = f"open('/proc/self/comm', 'w').write({name!r})\n" + OTHERS_CODE
    with subprocess.Popen([sys.executable, "-c", code, str(port)], stdin=subprocess.PIPE,
                          stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "up\n"
        yield process
        process.stdin.close()


def sides(*args):
    """How many sockets have the port at their local and their remote end, and the exit status."""
    done = run("port", str(SERVICE), "--json", *args)
    port, = json.loads(done.stdout)["ports"]
    return port["local"]["total"], port["remote"]["total"], done.returncode


@in_namespace
def test_port_by_process():
    set_range(40000, 40099)
    listener = listen(IPV4, "127.0.0.1", SERVICE)
    mine = connect_many(5, IPV4, "127.0.0.1", SERVICE)
    with another_process(SERVICE) as other:
        assert sides() == (1 + 8, 8, 0)
        assert sides("--by=shopclient") == sides(f"--by={other.pid}") == (0, 3, 0)
        assert sides(f"--by={os.getpid()}") == (1, 5, 0)
        assert sides("--by=shop") == (0, 0, 1)
        text = run("port", str(SERVICE), "--by=shopclient", "--limit=1").stdout
        assert "9 sockets have it as their local port, but none that you asked for." in " ".join(text.split())
        assert "3 of 8 sockets that have it as their remote port:" in text
        assert f"shopclient (pid {other.pid}, fd " in text
        lines = run("port", str(SERVICE), "--by=shopclient", "--oneline").stdout.splitlines()
        assert len(lines) == 3 and all(f"shopclient[{other.pid}]" in line for line in lines)
    drop([*mine, listener])


@in_namespace
def test_what_is_searched_does_not_end_with_the_limit():
    set_range(40000, 40999)
    listener = listen(IPV4, "127.0.0.1", SERVICE, backlog=4096)
    mine = connect_many(101, IPV4, "127.0.0.1", SERVICE)
    with another_process(SERVICE) as other:
        answer = json.loads(run("port", str(SERVICE), "--json", "--limit=2", f"--by={other.pid}").stdout)
    side = answer["ports"][0]["remote"]
    assert (side["total"], len(side["sockets"]), answer["unsearched_sockets"]) == (3, 2, 0)
    drop([*mine, listener])


@in_namespace
def test_port_to_and_state():
    set_range(40000, 40099)
    listener = listen(IPV4, ANY[IPV4], SERVICE)
    _udp = bound(IPV4, "127.0.0.1", SERVICE, kind=socket.SOCK_DGRAM)
    server_time_wait(7, IPV4, listener, "127.0.0.1", SERVICE)
    clients = connect_many(5, IPV4, "127.0.0.2", SERVICE, source="127.0.0.3")
    # The listener, the UDP socket, TIME_WAIT, and what waits for accept().
    assert sides() == (1 + 1 + 7 + 5, 5, 0)
    assert sides("--to=127.0.0.2") == (0, 5, 0)
    assert sides("--to=127.0.0.3") == (5, 0, 0)
    assert sides("--to=127.0.0.0/31") == (7, 0, 0)
    assert sides(f"--to=:{SERVICE}") == sides(f"--to=127.0.0.2:{SERVICE}") == (0, 5, 0)
    assert sides("--to=:40000-40099") == (7 + 5, 0, 0)
    assert sides("--to=127.0.0.3:40000-40099,127.0.0.2") == (5, 5, 0)
    assert sides("--to=[::]/0") == sides("--to=10.0.0.0/8") == (0, 0, 1)
    assert sides("--state=time-wait") == (7, 0, 0)
    assert sides("--state=listen,TIME_WAIT") == (8, 0, 0)
    assert sides("--state=unconnected") == (1, 0, 0)
    assert sides("--state=established") == (5, 5, 0)
    assert sides("--state=established", "--to=127.0.0.1") == (0, 0, 1)
    assert sides("--state=time-wait", f"--by={os.getpid()}") == (0, 0, 1)
    drop([*clients, listener])


def destinations(*args):
    answer = json.loads(run("destinations", "--json", *args).stdout)
    return ([one["destination_port"] for one in answer["destinations"]],
            answer.get("destinations_not_asked_for"))


@in_namespace
def test_destinations():
    set_range(40000, 40099)
    listeners = [listen(IPV4, "127.0.0.1", port) for port in (SERVICE, OTHER)]
    clients = connect_many(7, IPV4, "127.0.0.1", SERVICE) + connect_many(3, IPV4, "127.0.0.1", OTHER)
    assert destinations() == ([SERVICE, OTHER], None)
    assert destinations(f"--to=:{OTHER}") == ([OTHER], 1)
    assert destinations("--to=127.0.0.0/8", "--limit=1") == ([SERVICE], 0)
    assert destinations("--by=no-such-name") == ([], 2)
    text = run("destinations", "--to=10.0.0.0/8").stdout
    assert "None of 2 destinations is one that you asked for." in text and "POOL" not in text
    # Only cgroups are known there: that of this process has them all.
    if "owner_cgroup" in run("destinations", "--json").stdout or " by /" in run("destinations").stdout:
        assert destinations(f"--by={os.getpid()}") == ([SERVICE, OTHER], 0)
    top = run("top", f"--to=:{OTHER}").stdout
    assert "3 used, 1 of 2 destinations" in top
    assert re.findall(r"^127\.0\.0\.1:(\d+) ", top, re.M) == [str(OTHER)]
    drop([*clients, *listeners])


@needs_bpf
@in_namespace
def test_destinations_of_all_namespaces():
    set_range(40000, 40099)
    listeners = [listen(IPV4, "127.0.0.1", port) for port in (SERVICE, OTHER)]
    clients = [connect(IPV4, "127.0.0.1", port) for port in (SERVICE, OTHER)]
    answer = json.loads(run("destinations", "--namespace=all", "--json", "--limit=1000",
                            f"--to=127.0.0.1:{OTHER}").stdout)
    assert {one["destination_port"] for one in answer["destinations"]} == {OTHER}
    assert answer["destinations_not_asked_for"] >= 1
    text = run("destinations", "--namespace=all", "--to=203.0.113.77").stdout
    assert re.match(r"None of \d+ destinations, in any network namespace, is one that you asked for\.",
                    text)
    drop([*clients, *listeners])


@needs_bpf
@in_namespace
def test_trace_counts_only_what_fits():
    listeners = [listen(IPV4, "127.0.0.1", port) for port in (SERVICE, OTHER)]
    set_range(40000, 40009)
    kept = [sock for port in (SERVICE, OTHER) for sock in fill(IPV4, "127.0.0.1", port)]
    trace = Trace("--json", f"--to=:{OTHER}", f"--by={os.getpid()}")
    seen = trace.wait_until_it_sees("127.0.0.1", OTHER)
    fail(11, IPV4, "127.0.0.1", SERVICE)
    fail(4, IPV4, "127.0.0.1", OTHER)
    *events, last = map(json.loads, trace.end())
    summary = last["summary"]
    assert {event["destination_port"] for event in events} == {OTHER}
    assert 5 <= len(events) <= seen + 4
    assert summary["failures"] == len(events) and summary["lost"] == 0
    assert summary["failures_not_asked_for"] == 11
    assert [(one["destination_port"], one["failures"]) for one in summary["destinations"]] == \
        [(OTHER, len(events))]
    assert sum(one["failures"] for one in summary["owners"]) + summary["other_owners"] == len(events)
    drop([*kept, *listeners])


@needs_bpf
@in_namespace
def test_trace_of_nobody_says_so():
    listener = listen(IPV4, "127.0.0.1", SERVICE)
    set_range(40000, 40009)
    kept = fill(IPV4, "127.0.0.1", SERVICE)
    trace = Trace("--by=no-such-name")
    assert "Ctrl-C" in trace.proc.stdout.readline()
    fail(5, IPV4, "127.0.0.1", SERVICE)
    said = "\n".join(trace.end())
    assert " connect " not in said
    assert re.search(r"^0 calls in \S+ s found no port\.\n5 other calls failed, which you did not ask for\.$",
                     said, re.M), said
    drop([*kept, listener])


@pytest.mark.parametrize("args, words", [
    (["port", "22", "--to=443"], "must have a colon before a port"),
    (["port", "22", "--to=example.org"], "must be an address such as"),
    (["destinations", "--to=10.0.0.0/33"], "from 0 to 32"),
    (["trace", "--to=:http"], "must have a port from 1 to 65535"),
    (["top", "--by="], "must not be empty"),
    (["port", "22", "--state=open"], "must be states with commas between them: listen,"),
    (["destinations", "--state=listen"], '--state is a flag of "ephemera port"'),
    (["advise", "--by=x"], "--by is a flag of "),
    (["port", "22", "--by=x", "--namespace=all"], "--namespace=all and --by cannot be combined"),
    (["port", "22", "--by=x", "--at=12:03", "--leases=-"], "--at and --by cannot be combined"),
    (["port", "22", "--state=listen", "--at=12:03", "--leases=-"], "--at and --state cannot be combined"),
])
def test_what_is_wrong_is_said(args, words):
    done = run(*args)
    assert (done.returncode, done.stdout) == (2, "") and words in done.stderr, done.stderr
