# SPDX-License-Identifier: Apache-2.0
"""SIGTERM and SIGINT: what is in flight is finished, nothing else is waited for."""

import contextlib
import signal
import socket
import time

import pytest

from lib.exporter import Exporter, Metrics, free_port, run
from raw import Reader, Truncated, Workload, connect, request, wait_readable

SIGNALS = [signal.SIGTERM, signal.SIGINT]
AT_ONCE = 4  # less than what a client may hold the end up for; a busy machine may need two


@pytest.fixture(scope="module")
def many_destinations():
    with Workload(1000, spread=True) as workload:
        yield workload


LARGE = ("--collector.destinations.limit=1000", "--collector.destinations.minimum-ports=1",
         "--web.max-requests=100")


def assert_ends_at_once(exporter, number):
    started = time.monotonic()
    assert exporter.terminate(number) == 0
    assert time.monotonic() - started < AT_ONCE


@pytest.mark.parametrize("number", SIGNALS)
def test_when_idle(number):
    with Exporter() as exporter:
        assert_ends_at_once(exporter, number)


@pytest.mark.parametrize("number", SIGNALS)
def test_with_idle_connections(number):
    with Exporter() as exporter, contextlib.ExitStack() as held:
        for _ in range(50):
            client = held.enter_context(connect(exporter))
            client.sendall(request("/-/healthy"))
            assert Reader(client).answer().status == 200
        for data in (b"", b"GET /met"):
            for _ in range(20):
                held.enter_context(connect(exporter)).sendall(data)
        assert_ends_at_once(exporter, number)


def send_and_wait_for_the_first(exporter, held, count, **options):
    clients = [held.enter_context(connect(exporter, **options)) for _ in range(count)]
    for client in clients:
        client.sendall(request())
    assert wait_readable(clients, 10)
    return clients


def whole_or_nothing(client):
    """A request that the exporter had not read yet may go unanswered, but never be half so."""
    try:
        return Reader(client).answer()
    except (Truncated, ConnectionError) as error:
        pytest.fail(f"an answer was cut off: {str(error)[-200:]!r}")


@pytest.mark.parametrize("number", SIGNALS)
@pytest.mark.parametrize("options", [{}, {"receive_buffer": 8192, "segment": 536}],
                         ids=["fast readers", "small windows"])
def test_answers_in_flight_are_finished(many_destinations, number, options):
    with Exporter(*LARGE) as exporter, contextlib.ExitStack() as held:
        clients = send_and_wait_for_the_first(exporter, held, 20, **options)
        started = time.monotonic()
        exporter.proc.send_signal(number)
        # Parsed later: the exporter waits five seconds for those who read, and no more.
        answers = [whole_or_nothing(client) for client in clients]
        assert exporter.proc.wait(timeout=10) == 0
        assert time.monotonic() - started < AT_ONCE
    given = [answer for answer in answers if answer]
    assert given and {answer.status for answer in given} <= {200, 503}
    for answer in given:
        if answer.status == 200:
            assert Metrics(answer.body.decode()).value("ephemera_range_ports") > 0


def test_a_request_on_a_kept_connection_is_finished(many_destinations):
    with Exporter(*LARGE) as exporter, connect(exporter) as client:
        reader = Reader(client)
        client.sendall(request("/-/healthy"))
        assert reader.answer().status == 200
        client.sendall(request())
        assert wait_readable([client], 10)
        exporter.proc.send_signal(signal.SIGTERM)
        answer = reader.answer()
        assert answer.status == 200
        assert Metrics(answer.body.decode()).value("ephemera_range_ports") > 0
        assert client.recv(1) == b""
        assert exporter.proc.wait(timeout=AT_ONCE) == 0


def test_who_has_connected_may_still_ask():
    with Exporter() as exporter, connect(exporter) as client:
        # The one before it has an answer, so this one was accepted.
        with connect(exporter) as another:
            another.sendall(request("/-/healthy", Connection="close"))
            assert Reader(another).answer().status == 200
        exporter.proc.send_signal(signal.SIGTERM)
        time.sleep(0.3)
        client.sendall(request("/-/healthy"))
        assert Reader(client).answer().status == 200
        assert exporter.proc.wait(timeout=AT_ONCE) == 0


def test_who_never_reads_is_not_waited_for_beyond_the_timeout(many_destinations):
    with Exporter(*LARGE, "--web.response-timeout=1s") as exporter, \
            contextlib.ExitStack() as held:
        send_and_wait_for_the_first(exporter, held, 10, receive_buffer=2048, segment=536)
        started = time.monotonic()
        assert exporter.terminate() == 0
        assert time.monotonic() - started < 1 + AT_ONCE


def test_nobody_is_let_in_any_more(many_destinations):
    with Exporter() as exporter:
        assert_ends_at_once(exporter, signal.SIGTERM)
        with pytest.raises(ConnectionRefusedError):
            connect(exporter)


def test_a_second_signal_changes_nothing():
    with Exporter() as exporter:
        exporter.proc.send_signal(signal.SIGTERM)
        with contextlib.suppress(ProcessLookupError):
            exporter.proc.send_signal(signal.SIGTERM)
        assert exporter.proc.wait(timeout=AT_ONCE) == 0


def test_the_port_can_be_taken_again_at_once():
    with Exporter() as first:
        address = f"127.0.0.1:{first.port}"
        # The server closes first, and so it is the server's port that stays in TIME_WAIT.
        with connect(first) as client:
            client.sendall(request("/-/healthy", Connection="close"))
            assert Reader(client).answer().status == 200
            assert client.recv(1) == b""
        first.terminate()
    with Exporter(f"--web.listen-address={address}") as second:
        assert second.get("/-/healthy").status == 200


def test_port_in_use():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        done = run(f"--web.listen-address={address}")
    assert done.returncode == 1
    assert done.stdout == ""
    assert "--web.listen-address" in done.stderr
    assert address in done.stderr
    assert "in use" in done.stderr


def test_one_of_two_addresses_in_use():
    with Exporter() as first:
        address = f"127.0.0.1:{first.port}"
        done = run(f"--web.listen-address=127.0.0.1:{free_port()}",
                   f"--web.listen-address={address}")
        assert done.returncode == 1
        assert address in done.stderr
