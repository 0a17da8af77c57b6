# SPDX-License-Identifier: Apache-2.0
"""Whatever a client does, or does not do, a scrape for someone else still answers."""

import contextlib
import os
import time

import pytest

from lib.exporter import Exporter, Metrics
from raw import (Reader, Workload, allow_many_descriptors, answers_at_once,
                 closed_by_peer, connect, descriptors, established_to, request, reset,
                 resident_bytes, wait_readable, wait_until)

# A scrape takes milliseconds, and seconds on a machine with eight times the work that it can do. This is
# less than the ten seconds that a client may keep its place for by default.
AT_ONCE = 6

# What the exporter holds besides its connections: log, listener, epoll, netlink, /proc.
OTHER_DESCRIPTORS = 32
MAX_CONNECTIONS = 256

# Freed memory would otherwise wait in AddressSanitizer's quarantine, up to 256 MB of it.
SANITIZER = {"ASAN_OPTIONS": ":".join(
    filter(None, [os.environ.get("ASAN_OPTIONS"), "quarantine_size_mb=1"]))}

MEGABYTE = 1 << 20


@pytest.fixture(autouse=True)
def descriptors_enough():
    allow_many_descriptors()


def assert_good_client_is_served(exporter, scrapes=3):
    for _ in range(scrapes):
        started = time.monotonic()
        response = exporter.get("/metrics", timeout=4 * AT_ONCE)
        elapsed = time.monotonic() - started
        assert response.status == 200
        assert Metrics(response.body.decode()).value("ephemera_range_ports") > 0
        assert elapsed < AT_ONCE


@contextlib.contextmanager
def clients(exporter, count, data=b"", **options):
    """Connections that send data and then nothing more. The exporter may close some at once."""
    held = []
    try:
        for _ in range(count):
            client = connect(exporter, timeout=2, **options)
            held.append(client)
            with contextlib.suppress(ConnectionError):
                client.sendall(data)
        yield held
    finally:
        for client in held:
            client.close()


def assert_goes_back_to(exporter, before, timeout=10):
    wait_until(lambda: descriptors(exporter.pid) <= before + 2, timeout,
               f"{descriptors(exporter.pid)} descriptors back to {before}")


SILENCE = {
    "nothing": b"",
    "half a request line": b"GET /met",
    "half a header": b"GET /metrics HTTP/1.1\r\nHost: local",
    "a body that never comes": b"POST /metrics HTTP/1.1\r\nHost: a\r\nContent-Length: 9999\r\n\r\n",
}


@pytest.mark.parametrize("count", [300, 1000])
@pytest.mark.parametrize("data", [b"", SILENCE["half a header"]], ids=["nothing", "half"])
def test_silent_clients_delay_nobody(count, data):
    with Exporter() as exporter:
        assert_good_client_is_served(exporter)
        before = descriptors(exporter.pid)
        with clients(exporter, count, data):
            assert_good_client_is_served(exporter, scrapes=5)
            assert descriptors(exporter.pid) <= MAX_CONNECTIONS + OTHER_DESCRIPTORS
        assert_goes_back_to(exporter, before)


def test_max_connections():
    with Exporter("--web.max-connections=10") as exporter:
        assert_good_client_is_served(exporter)
        with clients(exporter, 200):
            assert_good_client_is_served(exporter, scrapes=5)
            assert descriptors(exporter.pid) <= 10 + OTHER_DESCRIPTORS


def test_idle_clients_that_were_served_once_delay_nobody():
    with Exporter("--web.max-connections=50") as exporter:
        with contextlib.ExitStack() as held:
            for _ in range(200):
                client = held.enter_context(connect(exporter))
                client.sendall(request("/-/healthy"))
                assert Reader(client).answer().status == 200
            assert_good_client_is_served(exporter, scrapes=5)
            assert descriptors(exporter.pid) <= 50 + OTHER_DESCRIPTORS


@pytest.mark.parametrize("data", SILENCE.values(), ids=SILENCE.keys())
def test_a_silent_client_is_cut_off(data):
    with Exporter("--web.request-timeout=1s") as exporter:
        started = time.monotonic()
        with clients(exporter, 20, data) as held:
            if data.startswith(b"POST"):
                # Refused already, body or no body; what counts is that it does not stay.
                started -= 1
            wait_until(lambda: any(closed_by_peer(client) for client in held), 8, "the first cut")
            assert time.monotonic() - started >= 0.9, "nothing else wanted the connection"
            assert_good_client_is_served(exporter)
            wait_until(lambda: all(closed_by_peer(client) for client in held), 8, "all cut off")


@pytest.mark.parametrize("first", [b"", request("/-/healthy")], ids=["first", "second request"])
def test_a_client_of_one_byte_a_moment_is_cut_off(first):
    # Each byte is a sign of life, so a timer that restarts with every byte would never fire.
    bytes_to_come = request(X_Padding="x" * 1000)
    if first:
        # A kept connection may be silent for long, but not once the next request has begun.
        line, bytes_to_come = bytes_to_come.split(b"\n", 1)
        first += line + b"\n"
    with Exporter("--web.request-timeout=1s") as exporter, \
            clients(exporter, 30, first) as held:
        if first:
            for client in held:
                assert Reader(client).answer().status == 200
        alive = list(held)
        deadline = time.monotonic() + 8
        for byte in bytes_to_come:
            still = []
            for client in alive:
                if closed_by_peer(client):
                    continue
                with contextlib.suppress(ConnectionError):
                    client.send(bytes([byte]))
                    still.append(client)
            alive = still
            if not alive:
                break
            assert time.monotonic() < deadline, f"{len(alive)} are still let trickle"
            time.sleep(0.1)
        assert not alive
        assert_good_client_is_served(exporter)


def test_trickling_clients_delay_nobody():
    with Exporter() as exporter, clients(exporter, 300) as held:
        for byte in request()[:20]:
            for client in held:
                with contextlib.suppress(OSError):
                    client.send(bytes([byte]))
            assert_good_client_is_served(exporter, scrapes=1)


# Readers

@pytest.fixture(scope="module")
def many_destinations():
    with Workload(1000, spread=True) as workload:
        yield workload


# An answer of several hundred kilobytes, so that it does not fit the kernel's buffers.
LARGE = ("--collector.destinations.limit=1000", "--collector.destinations.minimum-ports=1")
TINY = {"receive_buffer": 2048, "segment": 536}


def declared_length(exporter):
    response = exporter.get("/metrics")
    assert response.status == 200
    assert len(response.body) > 200000, "too small to test anything"
    return len(response.body)


@contextlib.contextmanager
def slow_readers(exporter, count, data=request()):
    """Clients that each have an answer under way, of which they take no more."""
    with contextlib.ExitStack() as stack:
        held = []
        for _ in range(count):
            # One after the other, so that none is refused by --web.max-requests, nor driven
            # out by the next before it has sent its request.
            held += stack.enter_context(clients(exporter, 1, data, **TINY))
            assert wait_readable(held[-1:], 10), f"no answer to reader {len(held)}"
        yield held


@pytest.mark.parametrize("count", [60, 300])
def test_slow_readers_delay_nobody(many_destinations, count):
    with Exporter(*LARGE) as exporter:
        declared_length(exporter)
        before = descriptors(exporter.pid)
        with slow_readers(exporter, count) as held:
            for _ in range(5):
                for client in held:
                    with contextlib.suppress(OSError):
                        client.recv(1)
                assert_good_client_is_served(exporter, scrapes=1)
            assert descriptors(exporter.pid) <= MAX_CONNECTIONS + OTHER_DESCRIPTORS
        assert_goes_back_to(exporter, before)


def test_a_slow_reader_is_cut_off(many_destinations):
    with Exporter("--web.response-timeout=1s", *LARGE) as exporter:
        length = declared_length(exporter)
        with slow_readers(exporter, 20) as held:
            def taken_a_byte_each_and_cut_off():
                for client in held:
                    with contextlib.suppress(OSError):
                        client.recv(1)
                return established_to(exporter) == 0

            wait_until(taken_a_byte_each_and_cut_off, 10, "slow readers cut off")
            for client in held:
                client.settimeout(10)
                received = 0
                with contextlib.suppress(ConnectionError):
                    while data := client.recv(65536):
                        received += len(data)
                assert received < length, "it was not slow at all"
        assert_good_client_is_served(exporter)


def test_a_reader_that_is_merely_slow_gets_everything(many_destinations):
    with Exporter(*LARGE) as exporter:
        with connect(exporter, **TINY) as client:
            client.sendall(request(Connection="close"))
            received = b""
            started = time.monotonic()
            while data := client.recv(8192):
                received += data
                if time.monotonic() - started < 1:
                    time.sleep(0.05)
            headers, body = received.split(b"\r\n\r\n", 1)
            assert f"content-length: {len(body)}\r\n".encode() in headers.lower() + b"\r\n"
            assert Metrics(body.decode()).value("ephemera_range_ports") > 0


def test_pipelining_without_reading(many_destinations):
    with Exporter("--web.response-timeout=1s", *LARGE) as exporter:
        assert_good_client_is_served(exporter)
        before = descriptors(exporter.pid)
        with slow_readers(exporter, 20, request() * 100):
            assert_good_client_is_served(exporter)
            assert_goes_back_to(exporter, before)


# Resets, descriptors, memory

@pytest.mark.parametrize("data", [b"", b"GET /met", request(), request() * 20],
                         ids=["nothing", "half", "one request", "twenty requests"])
def test_connections_that_reset(data):
    with Exporter() as exporter:
        assert_good_client_is_served(exporter)
        before = descriptors(exporter.pid)
        for _ in range(300):
            client = connect(exporter)
            client.sendall(data)
            reset(client)
        assert_goes_back_to(exporter, before)
        assert_good_client_is_served(exporter)


def test_resets_in_the_middle_of_an_answer(many_destinations):
    with Exporter(*LARGE) as exporter:
        declared_length(exporter)
        before = descriptors(exporter.pid)
        for _ in range(50):
            client = connect(exporter, **TINY)
            client.sendall(request())
            client.recv(100)
            reset(client)
        assert_good_client_is_served(exporter)
        assert_goes_back_to(exporter, before)


def test_memory_is_bounded_and_given_back(many_destinations):
    def abuse():
        with contextlib.ExitStack() as stack:
            stack.enter_context(clients(exporter, 300))
            stack.enter_context(clients(exporter, 100, b"GET /" + b"a" * 10000))
            stack.enter_context(slow_readers(exporter, 40))
            assert_good_client_is_served(exporter)
            peak = resident_bytes(exporter.pid)
        assert_goes_back_to(exporter, before)
        return peak

    with Exporter(*LARGE, env=SANITIZER) as exporter:
        length = declared_length(exporter)
        assert_good_client_is_served(exporter, scrapes=20)
        before = descriptors(exporter.pid)
        at_rest = resident_bytes(exporter.pid)
        # 256 connections at a fifth of a megabyte each, sanitizer's redzones included, and what the
        # slow readers have not read.
        assert abuse() - at_rest < 48 * MEGABYTE + 40 * length
        peaks = [abuse() for _ in range(4)]
        assert peaks[-1] - peaks[0] < 8 * MEGABYTE, f"it grows: {peaks}"


# Requests in flight

def test_max_requests(many_destinations):
    seen = set()
    with Exporter("--web.max-requests=1", *LARGE) as exporter:
        def refused_and_served():
            for answer in answers_at_once(exporter, [request()] * 50):
                seen.add(answer.status)
                if answer.status == 503:
                    assert int(answer.headers["retry-after"]) > 0
                    assert answer.body
                else:
                    assert answer.status == 200
                    assert Metrics(answer.body.decode()).value("ephemera_range_ports") > 0
            return seen == {200, 503}

        wait_until(refused_and_served, 20, "one served, and one refused")
        assert_good_client_is_served(exporter)
        assert exporter.metrics().total("ephemera_http_requests_total", code="503") > 0


def test_one_address_leaves_requests_for_others(many_destinations):
    # The good one asks last, when all others wait for the walk.
    sources = ["127.0.0.1"] * 50 + ["127.0.0.2"]
    refused = 0

    with Exporter("--web.max-requests=40", "--web.max-walks-per-second=2", *LARGE) as exporter:
        def reason():
            return exporter.metrics().value("ephemera_http_refused_total",
                                            reason="requests_per_address")

        def most_are_refused():
            nonlocal refused
            *others, good = answers_at_once(exporter, [request()] * 51, sources=sources)
            assert good.status == 200
            assert {answer.status for answer in others} <= {200, 503}
            refused += sum(answer.status == 503 for answer in others)
            return refused >= 30

        wait_until(most_are_refused, 20, "most of one address refused")
        assert reason() == refused
        assert exporter.metrics().value("ephemera_http_refused_total", reason="requests") == 0


def test_health_is_told_however_many_requests_there_are(many_destinations):
    with Exporter("--web.max-requests=1", *LARGE) as exporter:
        answers = answers_at_once(exporter, ([request()] + [request("/-/healthy")]) * 25)
        assert [answer.status for answer in answers[1::2]] == [200] * 25
