# SPDX-License-Identifier: Apache-2.0
"""slowhttptest's attacks, a thousand connections each: a scrape takes what it took before."""

import contextlib
import http.client
import shutil
import statistics
import subprocess
import time

import pytest

import lib.exporter
from lib.exporter import REPOSITORY, Exporter
from lib.namespace import in_namespace
from raw import allow_many_descriptors, descriptors, established_to, wait_until

PLAIN = REPOSITORY / "build" / "clang" / "ephemera"

CONNECTIONS = 1000
SECONDS = 15
RATE = 500 # new ones a second
SCRAPES = 100
SCRAPES_ENOUGH = 20
RATIO = 1.5
# What one busy neighbour on the machine makes of a scrape of some milliseconds says nothing.
FLOOR_SECONDS = 0.002
SCRAPE_TIMEOUT = 10
# A neighbour may be busy for a whole round; an exporter that is slow is slow in each.
ROUNDS = 3
# Not the attack's, which comes from 127.0.0.1.
SOURCE = "127.0.2.1"

MODES = {
    "slow headers": ["-H", "-i", "2"],
    "slow body": ["-B", "-i", "2", "-s", "8192", "-t", "POST"],
    # Refused once its head is there, since a GET has no body; the attacker connects again.
    "slow body of a GET": ["-B", "-i", "2", "-s", "8192", "-t", "GET"],
    "slow read": ["-X", "-w", "10", "-y", "20", "-n", "2", "-z", "5", "-k", "5"],
}


@pytest.fixture(autouse=True)
def plain(monkeypatch):
    """Without sanitizers, whose price would be paid with and without an attack."""
    if not shutil.which("slowhttptest"):
        pytest.skip("there is no slowhttptest")
    if not PLAIN.exists():
        pytest.skip("there is no build without sanitizers; ./tests/run makes one")
    monkeypatch.setattr(lib.exporter, "BINARY", str(PLAIN))
    allow_many_descriptors()


class Scraper:
    """A good client of one exporter."""

    def __init__(self, exporter):
        self.exporter = exporter
        self.seconds = []
        self.refused = 0

    def scrape(self):
        started = time.monotonic()
        connection = http.client.HTTPConnection(
            self.exporter.host, self.exporter.port, timeout=SCRAPE_TIMEOUT,
            source_address=(SOURCE, 0))
        with contextlib.closing(connection):
            connection.request("GET", "/metrics", headers={"Connection": "close"})
            response = connection.getresponse()
            body = response.read().decode()
        elapsed = time.monotonic() - started
        assert elapsed < SCRAPE_TIMEOUT
        if response.status == 503 and response.headers["Retry-After"]:
            self.refused += 1
            return
        assert response.status == 200
        assert "\nephemera_range_ports" in body
        self.seconds.append(elapsed)

    def median(self):
        return statistics.median(self.seconds)


class Attack:
    """slowhttptest, begun anew whenever it has no connections left."""

    def __init__(self, exporter, mode):
        self.command = ["slowhttptest", *MODES[mode], "-c", str(CONNECTIONS), "-r", str(RATE),
                        "-l", str(SECONDS), "-p", "3", "-u", f"{exporter.url}/metrics"]
        self.begun = 0

    def __enter__(self):
        self.begin()
        return self

    def begin(self):
        self.begun += 1
        self.process = subprocess.Popen(self.command, stdin=subprocess.DEVNULL,
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def keep_up(self):
        if self.process.poll() is None:
            return
        assert self.process.returncode == 0, f"exit status {self.process.returncode}"
        self.begin()

    def __exit__(self, *_):
        # It does not always mind SIGTERM.
        self.process.kill()
        self.process.wait()


def scrape_in_turns(clients, count, seconds, between=lambda: None):
    """So many scrapes by each, evenly over the time; fewer where the machine is too slow."""
    begin = time.monotonic()
    for number in range(count):
        if number >= SCRAPES_ENOUGH and time.monotonic() > begin + seconds:
            return
        between()
        time.sleep(max(0, begin + number * seconds / count - time.monotonic()))
        # Neither is always the one who finds everything in the caches.
        for client in clients if number % 2 else clients[::-1]:
            client.scrape()


def attack(exporter, mode, attacked, spared):
    """One round. Returns the most connections seen, and how often the attack was begun."""
    most = 0

    def between():
        nonlocal most
        running.keep_up()
        most = max(most, established_to(exporter))

    before = descriptors(exporter.pid)
    with Attack(exporter, mode) as running:
        scrape_in_turns([attacked, spared], SCRAPES, SECONDS - 1, between)
    wait_until(lambda: descriptors(exporter.pid) <= before, 20, "descriptors as before")
    return most, running.begun


@pytest.mark.parametrize("mode", MODES)
@in_namespace(seconds=300)
def test_an_attack_delays_nobody(mode):
    """The attacker takes its share of this machine too, which is no doing of the exporter's: a
    second exporter, which nobody attacks, is scraped in turn with the first."""
    with Exporter() as exporter, Exporter() as other:
        for _ in range(ROUNDS):
            calm, attacked, spared = Scraper(exporter), Scraper(exporter), Scraper(other)
            # Not counted: the first one has more to do.
            scrape_in_turns([Scraper(exporter), Scraper(other)], 5, 0.5)
            scrape_in_turns([calm], SCRAPES // 4, 3)
            most, begun = attack(exporter, mode, attacked, spared)
            scrape_in_turns([calm], SCRAPES // 4, 3)
            without, under = spared.median(), attacked.median()
            figures = (
                f"{mode}: {1000 * without:.2f} ms of the one that is spared, {1000 * under:.2f} "
                f"ms of the one attacked (ratio {under / without:.2f}), "
                f"{1000 * calm.median():.2f} ms before and after (ratio "
                f"{under / calm.median():.2f}); the slowest {1000 * max(attacked.seconds):.1f} "
                f"ms; {attacked.refused} refused; up to {most} connections, begun {begun} times")
            print(figures)
            assert most > 50 or begun > 3, f"that was no attack: {figures}"
            assert attacked.refused == calm.refused == spared.refused == 0, figures
            if under <= RATIO * without or under - without <= FLOOR_SECONDS:
                return
        raise AssertionError(figures)
