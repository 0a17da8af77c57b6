# SPDX-License-Identifier: Apache-2.0
"""With the default flags, attackers on however many addresses keep no scrape of another address from
being answered, nor make it slow."""

import http.client
import statistics
import subprocess
import time

import pytest

import lib.exporter
from attackers import KINDS, Attackers
from lib.exporter import REPOSITORY, Exporter, free_port
from lib.namespace import in_namespace, sysctl
from raw import allow_many_descriptors, established_to, wait_until

PLAIN = REPOSITORY / "build" / "clang" / "ephemera"

GOOD = "127.0.2.1"
# More than --web.max-connections, so that they drive each other out too.
CONNECTIONS = 400
SCRAPES = 20
# A good client scrapes now and then, and not all the time.
EACH_SECONDS = 0.6
RATIO = 1.5
# What a busy neighbour on the machine makes of a scrape of some milliseconds says nothing.
FLOOR_SECONDS = 0.002
# A neighbour may be busy for a whole round; an exporter that is slow is slow in each.
ROUNDS = 3


@pytest.fixture(autouse=True)
def plain(monkeypatch):
    """Without sanitizers, whose price would be paid with and without an attack."""
    if not PLAIN.exists():
        pytest.skip("there is no build without sanitizers; ./tests/run makes one")
    monkeypatch.setattr(lib.exporter, "BINARY", str(PLAIN))
    allow_many_descriptors()


def scrape(exporter, host=None):
    """Status and seconds of a scrape on a connection of its own."""
    started = time.monotonic()
    connection = http.client.HTTPConnection(host or exporter.host, exporter.port, timeout=30,
                                            source_address=(GOOD, 0))
    try:
        connection.request("GET", "/metrics", headers={"Connection": "close"})
        response = connection.getresponse()
        body = response.read()
        assert response.status != 200 or b"\nephemera_range_ports" in body
        return response.status, time.monotonic() - started
    except OSError as error:
        return type(error).__name__, time.monotonic() - started
    finally:
        connection.close()


def scrape_in_turns(exporters, count, each_seconds=EACH_SECONDS):
    """The results of each exporter, [(status, seconds)]."""
    results = [[] for _ in exporters]
    for number in range(count):
        time.sleep(each_seconds)
        # Neither is always the one who finds everything in the caches.
        for i in (0, 1) if number % 2 else (1, 0):
            results[i].append(scrape(exporters[i]))
    return results


def median(results):
    return statistics.median(seconds for _, seconds in results)


def assert_unharmed(exporters, what, attackers, each_seconds=EACH_SECONDS):
    """By attackers of the first of two exporters; they are a function that makes them."""
    scrape_in_turns(exporters, 3, each_seconds)
    for _ in range(ROUNDS):
        with attackers():
            wait_until(lambda: established_to(exporters[0]) > 200, 60, "an attack")
            attacked, spared = scrape_in_turns(exporters, SCRAPES, each_seconds)
        under, without = median(attacked), median(spared)
        answered = sum(status == 200 for status, _ in attacked)
        figures = (f"{what}: {answered} of {len(attacked)} scrapes; {1000 * without:.2f} ms of the "
                   f"one that is spared, {1000 * under:.2f} ms of the one attacked (ratio "
                   f"{under / without:.2f}), the slowest "
                   f"{1000 * max(seconds for _, seconds in attacked):.1f} ms")
        print(figures)
        assert {status for status, _ in attacked + spared} == {200}, (figures, attacked)
        if under <= RATIO * without or under - without <= FLOOR_SECONDS:
            return
    raise AssertionError(figures)


@pytest.mark.parametrize("kinds", [KINDS, ("ask",)], ids=["all kinds", "askers"])
@pytest.mark.parametrize("addresses", [2, 20, 200])
@in_namespace(seconds=300)
def test_attackers_keep_nobody_out(addresses, kinds):
    """The attackers take their share of this machine too, which is no doing of the exporter's: a second
    exporter, which nobody attacks, is scraped in turn with the first."""
    with Exporter() as exporter, Exporter() as other:
        assert_unharmed([exporter, other], f"{addresses} addresses, {' '.join(kinds)}",
                        lambda: Attackers(exporter, addresses, CONNECTIONS, kinds))


@in_namespace(seconds=300)
def test_attackers_let_nobody_wait_for_a_walk():
    """With one walk in a second, who waits for the next one waits for half a second."""
    slow = "--web.max-walks-per-second=1"
    with Exporter(slow) as exporter, Exporter(slow) as other:
        assert_unharmed([exporter, other], "a walk in a second",
                        lambda: Attackers(exporter, 20, CONNECTIONS, ("ask",)), each_seconds=1.2)


@in_namespace(seconds=180)
def test_one_prefix_is_one_address():
    """One host has all the addresses of a /64, and gets no more by using them."""
    sysctl("net.ipv6.ip_nonlocal_bind", 1)
    subprocess.run(["ip", "-6", "route", "add", "local", "2001:db8::/32", "dev", "lo"], check=True)
    with Exporter(f"--web.listen-address=:{free_port()}") as exporter, \
            Attackers(exporter, 300, CONNECTIONS, host="2001:db8:ff::1", network="2001:db8:1::"):
        for _ in range(SCRAPES // 2):
            time.sleep(EACH_SECONDS)
            assert scrape(exporter, "127.0.0.1")[0] == 200

        def refused(reason):
            return exporter.metrics().value("ephemera_http_refused_total", reason=reason)

        wait_until(lambda: refused("connections_per_address") > 0, 30, "the limit of an address")
        assert refused("connections") == 0
