# SPDX-License-Identifier: Apache-2.0
"""Clients guess passwords from many addresses. Another client's right password is checked all the same."""

import contextlib
import itertools
import statistics
import threading
import time
from pathlib import Path

import pytest

from lib.exporter import Metrics
from lib.namespace import in_namespace
from lib.secure import HASHES, PASSWORDS, Secure, authorization
from raw import Reader, connect, request, wait_until

# Of cost 8: some hundredths of a second, so that a test has time for hundreds. The passwords are those of lib.secure.
OF_COST_8 = {
    "alice": "$2y$08$4PqudCToLwLkBMvvruHYGec307BTq5fKYIcSpDVYbwPsozFuJ92Fe",
    "bob": "$2y$08$b.3ij2i5fX0e7WgdoYMYxO7gmho7iX9DCk9A1AL45DHpXDN4SlL2K",
}
OF_COST_10 = "$2y$10$4PqudCToLwLkBMvvruHYGexPo9MWDBD3TOhQGEq2i5o6sm4UL0MEm"

# Users who have not asked yet: the exporter remembers a password that it has granted.
NEW = [f"new{number}" for number in range(5)]

PATH = "/-/healthy"
# Without a password, to count what the exporter answered.
CONFIG = "auth_excluded_paths: [/metrics]\nbasic_auth_users:\n" + "".join(
    f"  {name}: {digest}\n" for name, digest in [*OF_COST_8.items(), *((name, OF_COST_8["bob"]) for name in NEW)])


def headers_of(name):
    return authorization(name, PASSWORDS[name])


def ask(exporter, source, headers):
    """The status of one request from that address; None if there is no answer."""
    try:
        with connect(exporter, source=source, timeout=60) as client:
            client.sendall(request(PATH, Connection="close", **headers))
            answer = Reader(client).answer()
            return answer and answer.status
    except OSError:
        return None


def answered(exporter, code):
    found = Metrics(exporter.get("/metrics").body.decode()).samples(
        "ephemera_http_requests_total", code=code)
    return sum(value for _, value in found)


def addresses(count):
    return [f"127.66.{number // 250}.{number % 250 + 1}" for number in range(count)]


class Guessers:
    """So many threads, on so many addresses; each guesses a new password as soon as it has an answer."""

    def __init__(self, exporter, threads, count):
        self.exporter = exporter
        self.stop = threading.Event()
        self.answers = []
        sources = itertools.islice(itertools.cycle(addresses(count)), threads)
        self.threads = [threading.Thread(target=self.guess, args=(number, source))
                        for number, source in enumerate(sources)]

    def guess(self, number, source):
        for attempt in itertools.count():
            if self.stop.is_set():
                return
            self.answers.append(ask(self.exporter, source, authorization(
                "alice", f"guess {number} {attempt}")))
            # Hundreds of threads with short pauses starve this process, and not the exporter: then the
            # client under test asks late, and that looks as if it had been made to wait.
            time.sleep(0.1)

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        wait_until(lambda: 503 in self.answers, 60, "more guesses than can wait")
        return self

    def __exit__(self, *_):
        self.stop.set()
        for thread in self.threads:
            thread.join()


@contextlib.contextmanager
def attacked(folder, threads, count):
    with Secure(CONFIG, folder) as exporter, Guessers(exporter, threads, count) as guessers:
        yield exporter
        assert 401 in guessers.answers


def hardly_waits(exporter, most):
    """Whether a new client is answered after at most so many wrong passwords.

    Those that are checked during the client's own delays count as well. Delays are long now and then on a
    busy machine, but not for one client after the other.
    """
    for number, name in enumerate(NEW, 2):
        before = answered(exporter, "401")
        assert ask(exporter, f"127.0.0.{number}", authorization(name, PASSWORDS["bob"])) == 200
        if answered(exporter, "401") - before <= most:
            return True
    return False


@in_namespace(seconds=240)
def test_80_guessers_on_12_addresses_keep_nobody_out(folder):
    with attacked(folder, 80, 12) as exporter:
        # Each address may be first once. As often again for this client's own delays.
        assert hardly_waits(exporter, 2 * 12)
        assert [ask(exporter, "127.0.0.1", headers_of("alice")) for _ in range(23)] == [200] * 23


@in_namespace(seconds=400)
def test_200_addresses_delay_a_new_client_by_one_check_each(folder):
    with attacked(folder, 200, 200) as exporter:
        wait_until(lambda: ask(exporter, "127.0.0.1", headers_of("alice")) == 200, 200,
                   "the first client is granted")
        # As often again for this client's own delays.
        assert answered(exporter, "401") <= 2 * 200
        # Once each of them was denied, a client that was not is among the next, and not after all of them.
        wait_until(lambda: answered(exporter, "401") >= 3 * 200, 200, "all were denied once")
        assert hardly_waits(exporter, 200 / 4)


@in_namespace(seconds=240)
def test_a_reload_forgets_no_password(folder):
    with Secure(CONFIG, folder) as exporter:
        assert ask(exporter, "127.0.0.1", headers_of("alice")) == 200
        with Guessers(exporter, 40, 40):
            exporter.file.write_text(CONFIG + f"  carol: {HASHES['alice']}\n")
            exporter.wait_for_log(lambda line: "Reloaded the web configuration" in line)
            # From an address that the exporter does not know: only the password counts.
            before = answered(exporter, "401")
            assert [ask(exporter, "127.0.0.9", headers_of("alice")) for _ in range(20)] \
                == [200] * 20
            # 20 checks would have let others through between them.
            assert answered(exporter, "401") >= before


def processor_seconds(pid):
    """What all threads have used, to the nanosecond."""
    return sum(int(path.read_text().split()[0])
               for path in Path(f"/proc/{pid}/task").glob("*/schedstat")) / 1e9


def test_every_refusal_costs_the_same(folder):
    """Of users with cheap and dear hashes, and of a name that there is not."""
    if not Path("/proc/self/schedstat").exists():
        pytest.skip("this kernel does not count the time of threads")
    text = f"basic_auth_users:\n  alice: {HASHES['alice']}\n  bob: {OF_COST_10}\n"
    with Secure(text, folder) as exporter:
        used = {"alice": [], "bob": [], "carol": []}
        for attempt in range(15):
            for name, times in used.items():
                before = processor_seconds(exporter.pid)
                assert exporter.get(PATH, authorization(name, f"guess {attempt}")).status == 401
                times.append(processor_seconds(exporter.pid) - before)
        medians = [statistics.median(times) for times in used.values()]
        # A hash of cost 4 alone takes a 64th of one of cost 10.
        assert max(medians) < 1.3 * min(medians), used
