# SPDX-License-Identifier: Apache-2.0
"""What runs out, descriptors, address space or memory, fails a request, and not the exporter."""

import collections
import contextlib
import gzip
import http.client
import json
import os
import re
import resource
import time
from pathlib import Path

import pytest

import lib.exporter
from lib.exporter import AS_OURSELVES, REPOSITORY, Exporter
from lib.failing_malloc import CHANCE, EVERY, LARGE, ONCE, FailingMalloc
from lib.namespace import in_namespace
from raw import (Workload, allow_many_descriptors, closed_by_peer, connect, descriptors, request, resident_bytes,
                 wait_until)

# Without sanitizers, which have an allocator of their own.
PLAIN = REPOSITORY / "build" / "clang"

MEGABYTE = 1 << 20
OPENMETRICS = "application/openmetrics-text;version=1.0.0"

FORMS = {
    "text": ("/metrics", {}),
    "OpenMetrics": ("/metrics", {"Accept": OPENMETRICS}),
    "gzip": ("/metrics", {"Accept": OPENMETRICS, "Accept-Encoding": "gzip"}),
    "a collector": ("/metrics?collect[]=destinations", {}),
    "the map": ("/api/v1/ports", {}),
    "destinations": ("/api/v1/destinations?owners=true", {"Accept-Encoding": "gzip"}),
    "a port": ("/api/v1/ports/10059", {}),
    "the range": ("/api/v1/range", {}),
    "the summary": ("/api/v1/summary", {}),
    "the ports of a destination": ("/api/v1/ports?to=127.0.0.1:10059", {}),
    "the ports of an owner": ("/api/v1/ports?owner=web.service", {}),
    "the destinations of an owner": ("/api/v1/destinations?owner=web.service", {}),
    "a search": ("/api/v1/search?q=443", {}),
    "the page": ("/", {}),
    "health": ("/-/ready", {}),
}

# Too little memory even for an answer that says so.
NO_ANSWER = "closed"


def families(exporter, form="text"):
    """What an answer tells that must succeed."""
    response = exporter.get(*FORMS[form], timeout=10)
    assert response.status == 200, response
    return contents(form, response)


def contents(form, response):
    """What an answer of status 200 tells, once it is known to be whole: families, which
    collectors worked, and the names of cgroups, without which it would be complete all the same."""
    body = response.body
    if response.headers.get("Content-Encoding") == "gzip":
        body = gzip.decompress(body)
    if FORMS[form][0].startswith("/api"):
        return set(json.loads(body)) | set(re.findall(r'"cgroup":"[^"]*"', body.decode()))
    if not FORMS[form][0].startswith("/metrics"):
        return {body}
    text = body.decode()
    if "openmetrics" in response.headers["Content-Type"]:
        assert text.endswith("# EOF\n")
    success = re.findall(r'^ephemera_scrape_collector_success\{collector="(\w+)"\} (\d)', text, re.M)
    return ({line.split(" ")[2] for line in text.splitlines() if line.startswith("# TYPE")}
            | {(collector, int(value)) for collector, value in success}
            | set(re.findall(r'cgroup="[^"]*"', text)))


def outcome(exporter, form, whole, timeout=10):
    """The status of a request, or NO_ANSWER; a truncated or silent answer is a failure, and so
    is one that lacks something and does not say so."""
    try:
        response = exporter.get(*FORMS[form], timeout=timeout)
    except (http.client.RemoteDisconnected, ConnectionError):
        return NO_ANSWER
    assert response.status in (200, 503), response
    if response.status == 200:
        found = contents(form, response)
        assert found >= whole[form] or has_failure(found), whole[form] - found
    return response.status


def has_failure(found):
    """Whether a scrape says that a collector failed."""
    return any(isinstance(each, tuple) and each[1] == 0 for each in found)


def assert_alive(exporter):
    assert exporter.proc.poll() is None, "\n".join(exporter.log)


# Descriptors

LIMIT = 40


def limit_descriptors():
    resource.setrlimit(resource.RLIMIT_NOFILE, (LIMIT, LIMIT))


@contextlib.contextmanager
def held(exporter, count, data):
    """Connections that the exporter may not even accept."""
    with contextlib.ExitStack() as stack:
        for _ in range(count):
            client = stack.enter_context(connect(exporter, timeout=2))
            with contextlib.suppress(OSError):
                client.sendall(data)
        yield


@pytest.mark.parametrize("data", [b"", b"GET /metrics HTTP/1.1\r\nHost: lo", request("/-/healthy")],
                         ids=["nothing", "half a request", "idle"])
@in_namespace
def test_out_of_descriptors(data):
    allow_many_descriptors()
    with Exporter("--web.request-timeout=3s", preexec_fn=limit_descriptors) as exporter:
        whole = {"text": families(exporter)}
        before = descriptors(exporter.pid)
        seen = collections.Counter()
        with held(exporter, 100, data):
            # For as long as it takes until those who say nothing are cut off.
            for _ in range(5):
                try:
                    seen[outcome(exporter, "text", whole, timeout=2)] += 1
                except TimeoutError:
                    seen["not accepted"] += 1
                assert_alive(exporter)
                assert descriptors(exporter.pid) <= LIMIT
        wait_until(lambda: descriptors(exporter.pid) <= before, 20, "descriptors as before")
        assert families(exporter) == whole["text"]
        print(dict(seen))


def lower_soft_limit():
    resource.setrlimit(resource.RLIMIT_NOFILE, (64, 4096))


def few_descriptors():
    resource.setrlimit(resource.RLIMIT_NOFILE, (64, 199))


@in_namespace
def test_the_soft_limit_is_raised_for_connections():
    allow_many_descriptors()
    with Exporter("--web.max-connections=1000", "--web.max-connections-per-address=1000",
                  preexec_fn=lower_soft_limit) as exporter:
        assert exporter.metrics().value("process_max_fds") > 1000
        with contextlib.ExitStack() as stack:
            clients = [stack.enter_context(connect(exporter, timeout=10)) for _ in range(900)]
            families(exporter)
            assert exporter.metrics().value("process_open_fds") > 900
            assert not any(closed_by_peer(client) for client in clients)
        assert not [line for line in exporter.log if "open files" in line]


@in_namespace
def test_connections_leave_descriptors_for_scrapes():
    """Where the hard limit is lower than what they would take."""
    allow_many_descriptors()
    with Exporter("--web.max-connections=1000", preexec_fn=few_descriptors) as exporter:
        told = exporter.wait_for_log(lambda line: line if "open files" in line else "")
        assert "--web.max-connections" in told and "open_files=199" in told
        connections = int(re.search(r"connections=(\d+)", told)[1])
        assert 50 < connections < 199
        whole = {"text": families(exporter)}
        with held(exporter, 300, b""):
            for _ in range(5):
                assert outcome(exporter, "text", whole) == 200
            assert exporter.metrics().total("ephemera_http_refused_total") >= 300 - connections
            assert descriptors(exporter.pid) < 199


@in_namespace
def test_a_scrape_without_descriptors():
    """Connections are there, and nothing is left to open a file of /proc with."""
    # Only who is the same user may change the limits of another process.
    with Exporter(AS_OURSELVES) as exporter:
        whole = {"text": families(exporter)}
        with connect(exporter, timeout=10):
            time.sleep(0.2)
            before = descriptors(exporter.pid)
            old = resource.prlimit(exporter.pid, resource.RLIMIT_NOFILE)
            # One for the connection that asks.
            resource.prlimit(exporter.pid, resource.RLIMIT_NOFILE, (before + 1, old[1]))
            seen = collections.Counter(outcome(exporter, "text", whole) for _ in range(10))
            assert_alive(exporter)
            resource.prlimit(exporter.pid, resource.RLIMIT_NOFILE, old)
            assert families(exporter) == whole["text"]
        print(dict(seen))


# Address space

@pytest.fixture
def plain(monkeypatch):
    if not (PLAIN / "ephemera").exists() or not (PLAIN / "tests/lib/failing_malloc.so").exists():
        pytest.skip("there is no build without sanitizers; ./tests/run makes one")
    monkeypatch.setattr(lib.exporter, "BINARY", str(PLAIN / "ephemera"))


def status_bytes(pid, field):
    text = Path(f"/proc/{pid}/status").read_text()
    return int(re.search(rf"^{field}:\s*(\d+) kB", text, re.M)[1]) * 1024


# All destinations are shown: an answer takes more than what is left.
LARGE_ANSWERS = ("--web.enable-api", "--collector.destinations.limit=1000",
                 "--collector.destinations.minimum-ports=1")

LIMITS = {"address space": (resource.RLIMIT_AS, "VmSize"), "data": (resource.RLIMIT_DATA, "VmData")}

# glibc reserves so much for an arena at once, in which there is room enough for any answer.
ARENA = 64 * MEGABYTE


@pytest.mark.parametrize("limit", LIMITS)
@in_namespace
def test_little_memory(plain, limit):
    which, field = LIMITS[limit]
    with Workload(2000, spread=True):
        check_with_little(which, field)


def check_with_little(which, field):
    with Exporter(*LARGE_ANSWERS, AS_OURSELVES) as exporter:
        for form in FORMS: # until every thread has its arena
            families(exporter, form)
        usual = status_bytes(exporter.pid, "VmSize")

    def reserve_nothing():
        resource.setrlimit(resource.RLIMIT_AS,
                           (usual - ARENA // 2, resource.RLIM_INFINITY))

    with Exporter(*LARGE_ANSWERS, AS_OURSELVES, preexec_fn=reserve_nothing) as exporter:
        whole = {form: families(exporter, form) for form in FORMS}
        old = resource.prlimit(exporter.pid, which)
        seen = collections.Counter()
        for more in (0, 64 << 10, 256 << 10, MEGABYTE):
            now = status_bytes(exporter.pid, field)
            resource.prlimit(exporter.pid, which, (now + more, old[1]))
            for form in FORMS:
                seen[outcome(exporter, form, whole)] += 1
                assert_alive(exporter)
            resource.prlimit(exporter.pid, which, old)
            for form in FORMS:
                assert families(exporter, form) == whole[form]
        assert seen[503] + seen[NO_ANSWER] > 0, "there was enough of it"
        print(dict(seen))


# Memory

@pytest.fixture
def memory(plain):
    with FailingMalloc(PLAIN) as made:
        yield made


def assert_recovers(exporter, whole):
    for form in FORMS:
        assert families(exporter, form) == whole[form]


@contextlib.contextmanager
def exporter_with(memory):
    """An exporter whose allocations can be made to fail, and what it says when they do not."""
    with Workload(3, spread=True) as workload, Exporter(
            "--web.enable-api", "--collector.destinations.minimum-ports=1",
            "--web.max-walks-per-second=1000", env=memory.environment) as exporter:
        FORMS["a port"] = (f"/api/v1/ports/{workload.port}", {})
        assert memory.blocks > 0, "the library is not loaded"
        whole = {form: families(exporter, form) for form in FORMS}
        yield exporter, whole


@pytest.mark.parametrize("mode,value", [
    (EVERY, 1), (EVERY, 2), (EVERY, 3), (EVERY, 7), (EVERY, 50), (LARGE, 0), (LARGE, 100),
    (LARGE, 1000), (LARGE, 4000), (LARGE, 30000), (CHANCE, 500), (CHANCE, 100), (CHANCE, 10),
    (CHANCE, 2),
], ids=lambda value: str(value))
@in_namespace
def test_allocations_that_fail(memory, mode, value):
    with exporter_with(memory) as (exporter, whole):
        seen = collections.Counter()
        for _ in range(10):
            memory.fail(mode, value)
            for form in FORMS:
                seen[outcome(exporter, form, whole)] += 1
                assert_alive(exporter)
            seen["failures"] += memory.recover()
            assert_recovers(exporter, whole)
        assert seen["failures"] > 0
        print(dict(seen))


def wait_for_blocks(memory, most):
    """Until what belonged to a connection is freed, which is after its answer. Gives the last
    number where that does not happen."""
    deadline = time.monotonic() + 2
    while memory.blocks > most and time.monotonic() < deadline:
        time.sleep(0.002)
    return memory.blocks


# The most that a request of each form allocates is asked for; this bounds the time.
SWEEP = 300

# Where glibc had no memory for the list of name services, it makes another, and keeps both.
NAME_SERVICES = 16


@pytest.mark.parametrize("form", FORMS)
@in_namespace(seconds=400)
def test_each_allocation_fails_once(memory, form):
    """One after the other: none is unchecked, and none of the ways out leaks."""
    with exporter_with(memory) as (exporter, whole):
        seen = collections.Counter()
        for _ in range(3): # until every list has grown to its size
            memory.fail(ONCE, 1 << 40)
            assert families(exporter, form) == whole[form]
        time.sleep(0.2)
        calls = memory.calls
        kept = NAME_SERVICES if form == "a port" else 0
        blocks, threads = memory.blocks, set(os.listdir(f"/proc/{exporter.pid}/task"))
        files, resident = descriptors(exporter.pid), resident_bytes(exporter.pid)
        for number in range(1, min(calls, SWEEP) + 3):
            memory.fail(ONCE, number)
            result = outcome(exporter, form, whole)
            seen[result] += 1
            assert_alive(exporter)
            failed = memory.recover()
            # What fails is freed, and the next one is none the worse for it.
            assert families(exporter, form) == whole[form], f"after allocation {number} failed"
            left = wait_for_blocks(memory, blocks + kept)
            assert left <= blocks + kept, (f"{left - blocks} blocks are leaked where allocation "
                                    f"{number} of {calls} fails, answered {result}")
            seen["failures"] += failed
        assert seen["failures"] >= min(calls, SWEEP) - 5
        wait_until(lambda: descriptors(exporter.pid) <= files, 5, "descriptors as before")
        assert set(os.listdir(f"/proc/{exporter.pid}/task")) == threads
        # The answers with a map have 0.2 MB, and a few are kept: it stays at that however often this is done.
        assert resident_bytes(exporter.pid) - resident < 2 * MEGABYTE
        print(form, calls, dict(seen))
