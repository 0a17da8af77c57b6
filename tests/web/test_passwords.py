# SPDX-License-Identifier: Apache-2.0
"""basic_auth_users, rate_limit and headers: what --web.config.file lets through, and at what cost."""

import base64
import socket
import statistics
import threading
import time

import pytest

from lib.exporter import Metrics
from lib.secure import HASHES, PASSWORDS, Secure, authorization, users
from raw import Reader, connect, request, wait_until

ALICE = authorization("alice", PASSWORDS["alice"])

# Of cost 12: a few tenths of a second. The password is that of alice.
DEAR = "$2y$12$9w0yFk37fw8Iyp9ihMc2mOxabWwtiAuPpItSCR/smTCeu/7CKZzhi"


def status(exporter, path="/metrics", headers=None, **kw):
    return exporter.get(path, headers=headers, **kw).status


@pytest.fixture(scope="module")
def exporter(module_folder):
    with Secure(users("alice", "bob"), module_folder,
                "--web.enable-api") as running:
        yield running


def test_who_has_a_password_gets_in(exporter):
    for name, password in PASSWORDS.items():
        for path in ("/metrics", "/", "/-/healthy", "/-/ready", "/api/v1/range"):
            assert status(exporter, path, authorization(name, password)) == 200


def basic(credentials, scheme="Basic"):
    """The header of these bytes, whatever is among them."""
    return {"Authorization": f"{scheme} {base64.b64encode(credentials).decode()}"}


@pytest.mark.parametrize("scheme", ["Basic", "basic", "BASIC", "bAsIc", "basic  "])
def test_the_scheme_has_no_case(exporter, scheme):
    assert status(exporter, headers=basic(b"alice:secret", scheme)) == 200
    assert status(exporter, headers=basic(b"alice:secre", scheme)) == 401


WRONG = {
    "nothing": {},
    "wrong password": authorization("alice", "Secret"),
    "no password": authorization("alice", ""),
    "somebody else's": authorization("alice", PASSWORDS["bob"]),
    "nobody": authorization("carol", "secret"),
    "no name": authorization("", "secret"),
    "a longer one": authorization("alice", "secret1"),
    "the hash": authorization("alice", HASHES["alice"]),
    "no colon": {"Authorization": "Basic " + base64.b64encode(b"alice").decode()},
    "no base64": {"Authorization": "Basic !!!"},
    "another scheme": {"Authorization": "Bearer secret"},
    "empty": {"Authorization": ""},
    "only the scheme": {"Authorization": "Basic"},
    "long": authorization("alice", "x" * 4000),
    "a zero byte and more": basic(b"alice:secret\0x"),
    "a zero byte": basic(b"alice:secret\0"),
    "a zero byte in the name": basic(b"alice\0x:secret"),
    "a line feed": basic(b"alice:secret\n"),
    "a blank before": basic(b"alice: secret"),
    "too much padding": {"Authorization": ALICE["Authorization"] + "="},
    "twice in one": {"Authorization": "Basic " + ALICE["Authorization"]},
    "more than one value": {"Authorization": ALICE["Authorization"] + ", "
                            + ALICE["Authorization"]},
}


@pytest.mark.parametrize("headers", WRONG.values(), ids=WRONG)
def test_who_has_none_does_not(exporter, headers):
    for path in ("/metrics", "/-/healthy", "/api/v1/range", "/nothing"):
        response = exporter.get(path, headers=headers)
        assert response.status == 401
        assert response.headers["WWW-Authenticate"].startswith('Basic realm="ephemera"')
        assert b"ephemera_" not in response.body
    assert exporter.get("/metrics", headers=headers, method="HEAD").status == 401
    assert exporter.get("/metrics", headers=headers, method="POST", body=b"x").status == 401


@pytest.mark.parametrize("passwords", [("secret", "secret"), ("secret", "wrong"),
                                       ("wrong", "secret")], ids=" ".join)
@pytest.mark.parametrize("name", ["Authorization", "authorization"])
def test_two_headers_are_refused(exporter, passwords, name):
    first, second = (authorization("alice", password)["Authorization"] for password in passwords)
    with connect(exporter) as client:
        client.sendall(request("/metrics", Authorization=first).replace(
            b"\r\n\r\n", f"\r\n{name}: {second}\r\n\r\n".encode()))
        answer = Reader(client).answer()
    assert answer.status == 400
    assert b"more than one Authorization header" in answer.body


# Of 80 times "x". bcrypt takes 72 bytes, and so do Prometheus' own exporters.
LONG = "$2y$04$4PqudCToLwLkBMvvruHYGe9elvL6.BwdSmStgZVvhVHOZgsGYHeYe"


def test_72_bytes_of_a_password_count(folder):
    with Secure(f"basic_auth_users:\n  alice: {LONG}\n", folder) as running:
        for length, wanted in ((80, 200), (72, 200), (600, 200), (71, 401), (0, 401)):
            assert status(running, headers=authorization("alice", "x" * length)) == wanted


def test_a_connection_may_go_on_with_the_right_one(exporter):
    with connect(exporter) as client:
        reader = Reader(client)
        for headers, wanted in (({}, 401), (ALICE, 200), (authorization("alice", "x"), 401),
                                (ALICE, 200)):
            client.sendall(request("/-/healthy", **headers))
            assert reader.answer().status == wanted


def test_refusals_are_counted(exporter):
    def count():
        return Metrics(exporter.get("/metrics", headers=ALICE).body.decode()).value(
            "ephemera_http_requests_total", code="401")

    before = count()
    for _ in range(7):
        assert status(exporter) == 401
    assert count() == before + 7


def test_excluded_paths(folder):
    text = users("alice") + "auth_excluded_paths: [/-/healthy, /metrics/]\n"
    with Secure(text, folder) as running:
        assert status(running, "/-/healthy") == 200
        for path in ("/-/ready", "/metrics", "/-/healthy/", "/-/healthyx", "/"):
            assert status(running, path) == 401
        assert status(running, "/-/healthy?x=1") == 200


def timed(exporter, headers):
    started = time.monotonic()
    exporter.get("/-/healthy", headers=headers)
    return time.monotonic() - started


def test_a_verified_password_is_not_verified_again(folder):
    with Secure(f"basic_auth_users:\n  alice: {DEAR}\n", folder) as running:
        first = timed(running, ALICE)
        assert statistics.median(timed(running, ALICE) for _ in range(20)) < first / 4
        wrong = authorization("alice", "wrong")
        first = timed(running, wrong)
        assert statistics.median(timed(running, wrong) for _ in range(20)) < first / 4


def test_an_unknown_name_costs_as_much_as_a_known_one(folder):
    with Secure(f"basic_auth_users:\n  alice: {DEAR}\n", folder) as running:
        known, unknown = [], []
        for number in range(7):
            known.append(timed(running, authorization("alice", f"guess {number}")))
            unknown.append(timed(running, authorization("carol", f"guess {number}")))
        ratio = statistics.median(known) / statistics.median(unknown)
        assert 0.5 < ratio < 2, (known, unknown)


def test_guesses_delay_nobody_who_is_known(folder):
    with Secure(f"basic_auth_users:\n  alice: {DEAR}\n", folder) as running:
        assert status(running, headers=ALICE) == 200
        alone = statistics.median(timed(running, ALICE) for _ in range(20))
        stop, answers = threading.Event(), []

        def guess(number):
            for attempt in range(10000):
                if stop.is_set():
                    return
                answers.append(status(running, "/-/healthy", timeout=120, headers=authorization(
                    "alice", f"guess {number} {attempt}")))

        threads = [threading.Thread(target=guess, args=(number,)) for number in range(12)]
        for thread in threads:
            thread.start()
        try:
            wait_until(lambda: len(answers) > 5, 60, "some guesses")
            attacked = statistics.median(timed(running, ALICE) for _ in range(50))
        finally:
            stop.set()
            for thread in threads:
                thread.join()
        assert attacked < max(10 * alone, 0.1), (alone, attacked)
        # One address does not fill the queue: the rest are told to come again.
        assert set(answers) == {401, 503}
        refused = Metrics(running.get("/metrics", headers=ALICE).body.decode()).value(
            "ephemera_http_refused_total", reason="password_checks")
        assert refused == answers.count(503)


def test_users_come_and_go(folder):
    with Secure(users("alice"), folder) as running:
        with connect(running) as client:
            reader = Reader(client)
            bob = authorization("bob", PASSWORDS["bob"])
            client.sendall(request("/-/healthy", **ALICE))
            assert reader.answer().status == 200
            assert status(running, headers=bob) == 401
            running.file.write_text(users("bob"))
            wait_until(lambda: status(running, headers=bob) == 200, 15, "bob is let in")
            assert status(running, headers=ALICE) == 401
            client.sendall(request("/-/healthy", **bob))
            assert reader.answer().status == 200, "the connection was not dropped"
        # The last one goes by a restart only: see test_cut_configuration.py.
        running.file.write_text("")
        running.wait_for_log(lambda line: "restart to apply it" in line and line)
        assert status(running) == 401
        assert status(running, headers=bob) == 200


def test_the_log_warns_of_costs_that_differ(folder):
    def warnings(running):
        return [line for line in running.log if "bcrypt costs" in line]

    with Secure(users("alice", "bob"), folder) as running:
        line = running.wait_for_log(lambda line: "bcrypt costs" in line and line)
        assert "level=warn" in line and "lowest=4 highest=5" in line
        assert not any(word in line for word in (*PASSWORDS, *HASHES.values()))
        running.file.write_text(users("alice"))
        running.wait_for_log(lambda line: "Reloaded" in line)
        running.file.write_text(users("alice", "bob"))
        wait_until(lambda: len(warnings(running)) == 2, 15, "the second warning")
    with Secure(users("alice"), folder) as running:
        assert status(running, headers=ALICE) == 200
        assert not warnings(running)


def test_rate_limit(folder):
    with Secure("rate_limit:\n  interval: 500ms\n  burst: 5\n", folder) as running:
        answers = [running.get("/-/healthy") for _ in range(12)]
        statuses = [answer.status for answer in answers]
        assert statuses[:5] == [200] * 5
        assert set(statuses) <= {200, 429} and statuses.count(429) >= 4
        late = next(answer for answer in answers if answer.status == 429)
        assert late.headers["Retry-After"] == "1"
        time.sleep(1.2)
        assert status(running, "/-/healthy") == 200
        time.sleep(0.6)
        assert running.metrics().value("ephemera_http_refused_total", reason="rate_limit") \
            == statuses.count(429)


HEADERS = {"Content-Security-Policy": "default-src 'self'", "X-Frame-Options": "deny",
           "X-Content-Type-Options": "nosniff", "X-XSS-Protection": "1; mode=block",
           "Strict-Transport-Security": "max-age=31536000; includeSubDomains"}


def test_headers(folder):
    text = "http_server_config:\n  http2: false\n  headers:\n" + "".join(
        f'    {name}: "{value}"\n' for name, value in HEADERS.items())
    with Secure(text + users("alice"), folder) as running:
        for path, headers in (("/", ALICE), ("/metrics", ALICE), ("/nothing", ALICE),
                              ("/metrics", {})):
            response = running.get(path, headers=headers)
            for name, value in HEADERS.items():
                assert response.headers.get_all(name) == [value]


def test_without_headers_the_page_has_its_own_policy(exporter):
    assert "default-src 'none'" in exporter.get("/", headers=ALICE).headers[
        "Content-Security-Policy"]


def test_on_resets_while_a_password_is_checked(folder):
    with Secure(f"basic_auth_users:\n  alice: {DEAR}\n", folder) as running:
        for number in range(8):
            client = socket.create_connection((running.host, running.port))
            client.sendall(request("/metrics", **authorization("alice", f"guess {number}")))
            time.sleep(0.02)
            client.close()
        wait_until(lambda: status(running, headers=ALICE, timeout=60) == 200, 60,
                   "those who hung up are out of the way")


def test_ends_while_passwords_are_checked(folder):
    with Secure(f"basic_auth_users:\n  alice: {DEAR}\n", folder) as running:
        clients = [connect(running) for _ in range(4)]
        for number, client in enumerate(clients):
            client.sendall(request("/metrics", **authorization("alice", f"guess {number}")))
        time.sleep(0.05)
        assert running.terminate() == 0
        for client in clients:
            client.close()
