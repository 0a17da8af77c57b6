# SPDX-License-Identifier: Apache-2.0
"""A web configuration that is cut, emptied, removed or opened while clients without a password try
all the while: a reload never lets them in."""

import contextlib
import http.client
import signal
import ssl
import threading
import time

import pytest

from lib.certificates import Authority
from lib.exporter import Metrics, run
from lib.namespace import in_namespace
from lib.secure import PASSWORDS, Secure, authorization, server, trusting, users
from raw import wait_until

ALICE = authorization("alice", PASSWORDS["alice"])
BOB = authorization("bob", PASSWORDS["bob"])
SUCCESSFUL = "ephemera_web_config_last_reload_successful"
KEPT = "the old one stays in use"
RELOADED = "Reloaded the web configuration"
SHUT_OUT = (ssl.SSLError, ConnectionError, TimeoutError, http.client.HTTPException)

HEAD = "http_server_config:\n  headers:\n    X-Frame-Options: deny\n"
TAIL = "auth_excluded_paths:\n- /-/healthy\nrate_limit:\n  burst: 1000000\n  interval: 1ms\n"


class Intruder(threading.Thread):
    """Tries, until the block ends, to be answered without being allowed to."""

    def __init__(self, attempt):
        super().__init__(daemon=True)
        self.attempt = attempt
        self.tries = 0
        self.got_in = []
        self._ended = threading.Event()

    def run(self):
        while not self._ended.is_set():
            if answer := self.attempt():
                self.got_in.append(answer)
            self.tries += 1

    def keep_trying(self, tries):
        """Until it has tried that often in all: a busy machine leaves little time for it."""
        deadline = time.monotonic() + 60
        while self.tries < tries:
            assert self.is_alive() and time.monotonic() < deadline
            time.sleep(0.01)

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self._ended.set()
        self.join(timeout=60)


def without_password(exporter):
    def attempt():
        with contextlib.suppress(*SHUT_OUT):
            answer = exporter.get("/metrics", timeout=10)
            return answer if answer.status != 401 else None

    return attempt


def replace(path, text):
    other = path.with_name("web.yml.new")
    other.write_text(text)
    other.rename(path)


def lines(exporter):
    return [line for line in exporter.log if KEPT in line or RELOADED in line]


def reload(exporter):
    """Asks for it, and returns what the log says of it."""
    before = len(lines(exporter))
    exporter.proc.send_signal(signal.SIGHUP)
    wait_until(lambda: len(lines(exporter)) > before, 30, "a reload or why there is none")
    return lines(exporter)[-1]


def successful(exporter, headers=ALICE):
    answer = exporter.get("/metrics", headers)
    assert answer.status == 200
    return Metrics(answer.body.decode()).value(SUCCESSFUL)


@pytest.mark.parametrize("text", [HEAD + users("alice", "bob") + TAIL,
                                  "---\n" + TAIL + users("alice", "bob") + HEAD],
                         ids=["password in the middle", "password behind"])
@in_namespace(seconds=600)
def test_it_is_cut_at_each_byte(folder, text):
    with Secure(text, folder, "--collector.disable-defaults") as exporter, \
            Intruder(without_password(exporter)) as intruder:
        kept = taken = 0
        for cut in range(len(text) + 1):
            replace(exporter.file, text[:cut])
            said = reload(exporter)
            assert exporter.get("/metrics").status == 401, f"cut at {cut}: {said}"
            assert exporter.get("/-/ready").status == 401, f"cut at {cut}: {said}"
            assert exporter.get("/-/ready", ALICE).status == 200, f"cut at {cut}: {said}"
            kept += KEPT in said
            taken += RELOADED in said
        assert kept > len(text) / 2 and taken > 0
        assert successful(exporter) == 1, "whole again"
        assert exporter.get("/metrics", BOB).status == 200
        intruder.keep_trying(100)
    assert not intruder.got_in


@in_namespace(seconds=300)
def test_it_is_written_slowly_again_and_again(folder):
    """In place, as an editor or a copy over a slow disk does, without a signal."""
    text = HEAD + users("alice") + TAIL
    with Secure(text, folder, "--collector.disable-defaults") as exporter, \
            Intruder(without_password(exporter)) as intruder:
        ended = time.monotonic() + 12
        while time.monotonic() < ended:
            with open(exporter.file, "w", encoding="ascii") as file:
                for line in text.splitlines(True):
                    for part in (line[:len(line) // 2], line[len(line) // 2:]):
                        file.write(part)
                        file.flush()
                        time.sleep(0.05)
                        assert exporter.get("/-/ready", ALICE).status == 200
        wait_until(lambda: successful(exporter) == 1, 15, "the whole file")
        intruder.keep_trying(100)
    assert not intruder.got_in


# What is changed, and what the log says of it
OPENED = {
    "emptied": ("", "basic_auth_users has no users any more: restart to apply it"),
    "a comment is left": ("# nothing\n", "basic_auth_users has no users any more"),
    "nothing": ("null\n", "basic_auth_users has no users any more"),
    "no user": ("basic_auth_users: {}\n", "basic_auth_users has no users any more"),
    "cut behind the key": ("basic_auth_users:", ":1: basic_auth_users: has no value"),
    "null": (HEAD + "basic_auth_users: ~\n", ":4: basic_auth_users: has no value"),
    "a path is excluded": (HEAD + users("alice") + TAIL.replace("healthy\n", "healthy\n- /metrics\n"),
                           "auth_excluded_paths has more paths: restart to apply it"),
    "a path is cut": (HEAD + users("alice") + "auth_excluded_paths:\n- /-/\n",
                      "auth_excluded_paths has more paths"),
    "no rate limit": (HEAD + users("alice"), "rate_limit was removed: restart to apply it"),
    "no header": (users("alice") + TAIL, "http_server_config has fewer headers"),
}


@pytest.mark.parametrize("change", OPENED)
@in_namespace(seconds=120)
def test_it_is_opened(folder, change):
    before = HEAD + users("alice") + TAIL
    after, why = OPENED[change]
    with Secure(before, folder) as exporter, Intruder(without_password(exporter)) as intruder:
        replace(exporter.file, after)
        said = reload(exporter)
        assert "level=error" in said and KEPT in said and why in said
        assert successful(exporter) == 0
        # It is tried again each second, and stays refused.
        time.sleep(2.5)
        assert successful(exporter) == 0
        assert exporter.get("/metrics").status == 401
        assert exporter.get("/-/ready", ALICE).headers["X-Frame-Options"] == "deny"
        # Put right, it holds again without a signal: with what is new in it.
        replace(exporter.file, before.replace(users("alice"), users("alice", "bob")))
        wait_until(lambda: successful(exporter) == 1, 15, "the metric")
        assert exporter.get("/metrics", BOB).status == 200
        intruder.keep_trying(10)
    assert not intruder.got_in
    # A restart applies what it can: only what is invalid is an error.
    done = run("check-config", write(exporter.file, after))
    assert (done.returncode == 0) == ("restart" in said), done


def write(path, text):
    path.write_text(text)
    return path


@pytest.mark.parametrize("how", ["emptied", "removed", "renamed"])
@in_namespace(seconds=120)
def test_the_file_goes_without_a_signal(folder, how):
    text = users("alice")
    with Secure(text, folder) as exporter, Intruder(without_password(exporter)) as intruder:
        if how == "emptied":
            exporter.file.write_text("")
        elif how == "removed":
            exporter.file.unlink()
        else:
            exporter.file.rename(folder / "elsewhere")
        said = exporter.wait_for_log(lambda line: line if KEPT in line else "")
        assert "level=error" in said
        assert ("restart to apply it" if how == "emptied" else "No such file") in said
        wait_until(lambda: successful(exporter) == 0, 15, "the metric")
        assert exporter.get("/metrics").status == 401
        if how == "renamed":
            (folder / "elsewhere").rename(exporter.file)
        else:
            exporter.file.write_text(text)
        wait_until(lambda: successful(exporter) == 1, 15, "the metric")
        assert sum(KEPT in line for line in exporter.log) == 1
        intruder.keep_trying(10)
    assert not intruder.got_in


def test_a_file_that_sets_nothing_is_said_at_the_start(folder):
    with Secure("", folder) as exporter:
        assert exporter.get("/metrics").status == 200
        assert [line for line in exporter.log
                if "level=warn" in line and "No TLS and no password" in line]
    with Secure(users("alice"), folder) as exporter:
        assert not [line for line in exporter.log if "No TLS" in line]


# Client certificates


@pytest.fixture(scope="module")
def world(module_folder):
    class World:
        authority = Authority(module_folder)
        server = authority.issue("server")
        client = authority.issue("client", "DNS:scraper.example", "clientAuth")

    return World


def without_certificate(exporter, context):
    def attempt():
        with contextlib.suppress(*SHUT_OUT):
            return exporter.fetch(context, timeout=10)

    return attempt


def strict(world):
    return server(world.server, "client_auth_type: RequireAndVerifyClientCert",
                  f"client_ca_file: {world.authority.certificate}",
                  "client_allowed_sans:", "- scraper.example", "min_version: TLS13")


TLS_OPENED = {
    "none is asked for": (lambda text: text[:text.index("  client_auth")],
                          "client_auth_type is weaker"),
    "verified if given": (lambda text: text[:text.index("  client_allowed")].replace(
        "RequireAndVerifyClientCert", "VerifyClientCertIfGiven"), "client_auth_type is weaker"),
    "not verified": (lambda text: text.replace("RequireAndVerify", "RequireAny"),
                     "client_auth_type is weaker"),
    "more names": (lambda text: text.replace("- scraper.example", "- scraper.example\n  - scraper"),
                   "client_allowed_sans allows more names"),
    "any name": (lambda text: text[:text.index("  client_allowed")] + "  min_version: TLS13\n",
                 "client_allowed_sans allows more names"),
    "older versions": (lambda text: text[:text.index("  min_version")],
                       "min_version or max_version is lower"),
    "no TLS": (lambda text: "", "tls_server_config was removed"),
}


@pytest.mark.parametrize("change", TLS_OPENED)
@in_namespace(seconds=120)
def test_tls_is_opened(world, folder, change):
    open_it, why = TLS_OPENED[change]
    before = strict(world)
    with Secure(before, folder) as exporter, \
            Intruder(without_certificate(exporter, trusting(world.authority))) as intruder:
        context = trusting(world.authority, world.client)
        replace(exporter.file, open_it(before))
        said = reload(exporter)
        assert "level=error" in said and why in said and "restart to apply it" in said
        assert exporter.value(context, SUCCESSFUL) == 0
        intruder.keep_trying(5)
        replace(exporter.file, before)
        assert RELOADED in reload(exporter)
        assert exporter.value(context, SUCCESSFUL) == 1
    assert not intruder.got_in


@in_namespace(seconds=600)
def test_tls_is_cut_at_the_end_of_each_word(world, folder):
    text = strict(world) + users("alice")
    cuts = [at for at in range(len(text) + 1) if at == len(text) or text[at] in " \n"
            or text[at - 1] in " \n"]
    with Secure(text, folder, "--collector.disable-defaults") as exporter, \
            Intruder(without_certificate(exporter, trusting(world.authority))) as intruder:
        context = trusting(world.authority, world.client)
        older = trusting(world.authority, world.client, maximum=ssl.TLSVersion.TLSv1_2)
        for cut in cuts:
            replace(exporter.file, text[:cut])
            said = reload(exporter)
            assert exporter.fetch(context).status == 401, f"cut at {cut}: {said}"
            assert exporter.fetch(context, headers=ALICE).status == 200, f"cut at {cut}: {said}"
            assert not without_certificate(exporter, older)(), f"cut at {cut}: {said}"
        intruder.keep_trying(20)
    assert not intruder.got_in
