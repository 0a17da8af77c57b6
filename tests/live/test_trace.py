# SPDX-License-Identifier: Apache-2.0
"""`ephemera trace`: each failure as it happens, and the sum of them."""

import contextlib
import json
import os
import re
import select
import signal
import subprocess
import time
from datetime import datetime, timezone

import pytest

from exhaustion import fail, fill
from lib.bpf import needs_bpf
from lib.exporter import BINARY, assert_no_sanitizer_report, environment, run
from lib.namespace import NOBODY, in_namespace, set_range
from lib.sockets import IPV4, IPV6, bind_until_refused, drop, listen, need_ipv6

TARGET = 30001


class Trace:
    """A trace under way; end() ends it and gives its lines, the start aside."""

    def __init__(self, *flags):
        self.json = "--json" in flags
        self.proc = subprocess.Popen(
            [BINARY, "trace", *flags], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True, env=environment())

    def wait_until_it_sees(self, address, port, family=IPV4):
        """It says nothing of itself in JSON: what it shows first is that it is there. Returns how
        many failures there were until then."""
        for made in range(1, 200):
            fail(1, family, address, port)
            if self.has_said_something():
                return made
        raise AssertionError("the trace saw nothing")

    def has_said_something(self):
        return bool(select.select([self.proc.stdout], [], [], 0.1)[0])

    def end(self, number=signal.SIGINT, wait=0.5):
        time.sleep(wait)
        self.proc.send_signal(number)
        out, err = self.proc.communicate(timeout=20)
        assert_no_sanitizer_report(err)
        assert (self.proc.returncode, err) == (0, ""), err
        return out.splitlines()


@needs_bpf
@in_namespace
def test_each_failure_is_an_object_and_the_last_is_their_sum():
    need_ipv6()
    listeners = [listen(IPV4, "0.0.0.0", TARGET), listen(IPV6, "::1", TARGET)]
    set_range(40000, 40009)
    kept = [*fill(IPV4, "127.0.0.1", TARGET), *fill(IPV6, "::1", TARGET)]
    before = datetime.now(timezone.utc)
    trace = Trace("--json")
    seen = trace.wait_until_it_sees("127.0.0.1", TARGET)
    fail(4, IPV4, "127.0.0.1", TARGET)
    fail(7, IPV6, "::1", TARGET)
    *events, last = map(json.loads, trace.end())

    # It may have been loaded while the first ones failed.
    first = len(events) - 11
    assert 1 <= first <= seen
    for event in events:
        assert event["call"] == "connect" and event["protocol"] == "tcp"
        assert event["destination_port"] == TARGET
        assert (event["ports_in_use"], event["usable_ports"]) == (10, 10)
        assert event["pid"] == os.getpid()
        with open("/proc/self/comm", encoding="utf-8") as file:
            assert event["process"] == file.read().rstrip("\n")
        when = datetime.fromisoformat(event["time"].replace("Z", "+00:00"))
        assert before <= when <= datetime.now(timezone.utc)
    assert [event["time"] for event in events] == sorted(event["time"] for event in events)
    families = [(event["family"], event["source"], event["destination"]) for event in events]
    assert families == [("ipv4", "127.0.0.1", "127.0.0.1")] * (first + 4) + [
        ("ipv6", "::1", "::1")] * 7

    summary = last["summary"]
    assert summary["failures"] == len(events) and summary["lost"] == 0
    counts = {one["destination"]: one["failures"] for one in summary["destinations"]}
    assert counts == {"127.0.0.1": first + 4, "::1": 7}
    assert sum(one["failures"] for one in summary["owners"]) + summary["other_owners"] == len(events)
    drop([*kept, *listeners])


@needs_bpf
@in_namespace
def test_people_get_a_line_each_and_a_sum():
    need_ipv6()
    listeners = [listen(IPV4, "127.0.0.1", TARGET), listen(IPV6, "::1", TARGET)]
    set_range(40000, 40009)
    kept = [*fill(IPV4, "127.0.0.1", TARGET), *fill(IPV6, "::1", TARGET)]
    trace = Trace("--limit=1")
    line = trace.proc.stdout.readline()
    assert "Ctrl-C" in line
    fail(5, IPV4, "127.0.0.1", TARGET)
    fail(2, IPV6, "::1", TARGET)
    said = "\n".join(trace.end(signal.SIGTERM))
    lines = re.findall(r"^\d\d:\d\d:\d\d\.\d{3}  connect (\S+) from (\S+)  10 of 10 ports in use  "
                       rf".+ \(pid {os.getpid()}\)  /?\S*$", said, re.M)
    assert lines == [("127.0.0.1:30001", "127.0.0.1")] * 5 + [("[::1]:30001", "::1")] * 2
    assert re.search(r"^7 calls in \d+\.\d s found no port\.$", said, re.M)
    assert re.search(r"^FAILURES  DESTINATION\n       5  127\.0\.0\.1:30001\n"
                     r"       2  others \(--limit\)$", said, re.M), said
    assert "came too fast" not in said
    drop([*kept, *listeners])


@needs_bpf
@in_namespace
def test_what_comes_too_fast_is_in_the_sum():
    listener = listen(IPV4, "127.0.0.1", TARGET)
    set_range(40000, 40009)
    kept = fill(IPV4, "127.0.0.1", TARGET)
    trace = Trace("--json")
    trace.wait_until_it_sees("127.0.0.1", TARGET)
    # Nobody reads, so the pipe is full soon, and then the memory for events.
    fail(20000, IPV4, "127.0.0.1", TARGET)
    *events, last = map(json.loads, trace.end())
    summary = last["summary"]
    assert summary["lost"] > 0
    assert len(events) + summary["lost"] == summary["failures"] > 20000
    assert summary["destinations"][0]["failures"] == summary["failures"]
    drop([listener, *kept])


@needs_bpf
@in_namespace
def test_where_bind_has_every_port_no_destination_has_one():
    listener = listen(IPV4, "127.0.0.1", TARGET)
    set_range(40000, 40009)
    kept, _error = bind_until_refused(IPV4, "127.0.0.1")
    trace = Trace("--json")
    trace.wait_until_it_sees("127.0.0.1", TARGET)
    *events, _last = map(json.loads, trace.end())
    assert {(event["ports_in_use"], event["usable_ports"]) for event in events} == {(0, 0)}
    drop([listener, *kept])


@needs_bpf
@in_namespace
def test_a_reader_that_has_seen_enough_ends_it():
    listener = listen(IPV4, "127.0.0.1", TARGET)
    set_range(40000, 40009)
    kept = fill(IPV4, "127.0.0.1", TARGET)
    trace = Trace("--json")
    trace.wait_until_it_sees("127.0.0.1", TARGET)
    trace.proc.stdout.close()
    with contextlib.suppress(subprocess.TimeoutExpired):
        for _ in range(50):
            fail(1, IPV4, "127.0.0.1", TARGET)
            trace.proc.wait(timeout=0.2)
    assert trace.proc.poll() is not None
    assert_no_sanitizer_report(trace.proc.stderr.read())
    drop([listener, *kept])


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_without_capabilities_it_says_which_it_takes(public_binary):
    done = run("trace", user=NOBODY, group=NOBODY, extra_groups=[])
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "ephemera: trace: loading BPF programs needs CAP_BPF and CAP_PERFMON: run it as root\n"


def test_flags_that_are_not_its_own_are_refused():
    for flag in ("--watch", "--resolve", "--process=1"):
        done = run("trace", flag)
        assert done.returncode == 2 and f"{flag.split('=')[0]} is a flag of" in done.stderr
