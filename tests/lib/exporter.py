# SPDX-License-Identifier: Apache-2.0
"""The ephemera binary under test: run it once, or keep it serving.

    with Exporter("--collector.destinations.limit=5") as exporter:
        assert exporter.metrics().value("ephemera_range_ports") > 0

The binary is $EPHEMERA, or the debug build (sanitizers on) of this tree.
"""

import http.client
import json
import os
import random
import re
import signal
import socket
import subprocess
import threading
import time
from collections import namedtuple
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

REPOSITORY = Path(__file__).resolve().parents[2]
BINARY = os.environ.get("EPHEMERA") or str(REPOSITORY / "build" / "debug" / "ephemera")

# Every collector that is on by default, in the order of the output.
COLLECTORS = ("range", "binds", "sockets", "destinations", "addresses", "accept_queue",
              "time_wait", "churn", "owners")
# Those that are off by default.
OPTIONAL_COLLECTORS = ("exhaustion", "snat")

# Root stays root, and reads what is its own, such as a test's directory; without capabilities.
AS_OURSELVES = f"--security.user={os.geteuid()}"


def all_but(*left_out):
    """The names of the other collectors, in one string."""
    return " ".join(name for name in COLLECTORS if name not in left_out)


# How long before what does not come is missed; a machine with many neighbours can take most of it.
PATIENCE = 60

SANITIZER_REPORTS = ("ERROR: AddressSanitizer", "LeakSanitizer", "runtime error:",
                     "WARNING: ThreadSanitizer")

Response = namedtuple("Response", "status headers body")


def free_port():
    """A port of 127.0.0.1 that nobody holds, below any ephemeral range that a test sets."""
    for port in random.sample(range(10240, 20480), 100):
        with socket.socket() as candidate:
            candidate.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                candidate.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise AssertionError("no free port from 10240 to 20479")


def environment(extra=None):
    """The environment for a child: ours, plus extra; a value of None removes a variable."""
    env = {**os.environ, **(extra or {})}
    return {name: value for name, value in env.items() if value is not None}


def assert_no_sanitizer_report(text):
    for report in SANITIZER_REPORTS:
        assert report not in text, f"sanitizer report:\n{text}"


# Flags of every program that is started: see lib/sources.py.
DEFAULTS = []

# What they cannot be combined with, or would change nothing of.
EXCLUSIVE = ("healthcheck", "check-config", "--version", "--help", "-h", "-V", "help", "--sockets.", "--leases")


def with_defaults(args):
    args = [str(arg) for arg in args]
    return args if any(arg.startswith(EXCLUSIVE) for arg in args) else args + DEFAULTS


def run(*args, timeout=60, **kw):
    """Runs the binary to its end; whatever it was asked, no sanitizer may complain."""
    kw.setdefault("stdin", None if "input" in kw else subprocess.DEVNULL)
    if kw["stdin"] is None:
        del kw["stdin"]
    done = subprocess.run([BINARY, *with_defaults(args)], stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True, timeout=timeout, **kw)
    assert_no_sanitizer_report(done.stderr)
    return done


def metrics(*args, **kw):
    """One scrape by `ephemera metrics`, which must succeed."""
    done = run("metrics", *args, **kw)
    assert done.returncode == 0, f"exit status {done.returncode}\n{done.stderr}"
    return Metrics(done.stdout)


def assert_head_is_get(exporter, path, encoding, slack):
    """HEAD has GET's status and headers, and no body. What is told changes between the two, and
    so may the length, by less than slack bytes; at 0 it must not."""
    headers = {"Accept-Encoding": encoding} if encoding else {}
    got, head = (exporter.get(path, headers, method=method) for method in ("GET", "HEAD"))
    assert head.status == got.status == 200
    assert head.body == b""
    assert abs(int(head.headers["Content-Length"]) - len(got.body)) <= slack
    of_get, of_head = ({name: value for name, value in response.headers.items()
                        if name not in ("Date", "Content-Length", "Server-Timing")} for response in (got, head))
    assert of_head == of_get


class Metrics:
    """One exposition in text format. Labels given to a query may be a subset of a sample's."""

    def __init__(self, text):
        self.text = text
        self.families = list(text_string_to_metric_families(text))
        self._samples = {}
        for family in self.families:
            for sample in family.samples:
                self._samples.setdefault(sample.name, []).append((sample.labels, sample.value))

    def samples(self, name, **labels):
        wanted = {key: str(value) for key, value in labels.items()}.items()
        return [(dict(have), value) for have, value in self._samples.get(name, ())
                if wanted <= have.items()]

    def value(self, name, **labels):
        found = self.samples(name, **labels)
        if len(found) != 1:
            raise KeyError(f"{len(found)} samples of {name} match {labels}, of "
                           f"{self._samples.get(name, [])[:40]}")
        return found[0][1]

    def total(self, name, **labels):
        return sum(value for _, value in self.samples(name, **labels))

    def names(self):
        return set(self._samples)


class UnixConnection(http.client.HTTPConnection):
    """A connection to the unix socket at path."""

    def __init__(self, path, timeout):
        super().__init__("localhost", timeout=timeout)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


class Exporter:
    """A serving exporter on a free port of 127.0.0.1, unless --web.listen-address is given.

    host is unix:PATH, and there is no port, where it listens on a unix socket first. wrapper is
    a command that execs what it is given. Leaving the block ends it by SIGTERM; it must then exit with status 0 and without a
    sanitizer report.
    """

    def __init__(self, *args, env=None, wrapper=(), **popen):
        self.args = with_defaults(args)
        self.wrapper = [str(word) for word in wrapper]
        if not any(arg.split("=")[0] in ("--web.listen-address", "--web.systemd-socket")
                   for arg in self.args):
            self.args.insert(0, f"--web.listen-address=127.0.0.1:{free_port()}")
        self.env = env
        self.popen = popen
        self.log = []
        self.proc = self.port = None
        self._news = threading.Condition()
        self._log_ended = False

    @property
    def pid(self):
        return self.proc.pid

    @property
    def url(self):
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port}"

    def __enter__(self):
        self.proc = subprocess.Popen(
            [*self.wrapper, BINARY, *self.args], stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE, text=True, errors="replace",
            env=environment(self.env), **self.popen)
        self._drain = threading.Thread(target=self._read_log, daemon=True)
        self._drain.start()
        try:
            self.host, self.port = self.wait_for_log(listening_address, timeout=30)
        except BaseException:
            self._kill()
            raise
        return self

    def __exit__(self, kind, error, trace):
        if self.proc.poll() is None:
            self.proc.send_signal(signal.SIGTERM)
        hung = False
        try:
            self.proc.wait(timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            hung = True
            self._kill()
        self._drain.join(timeout=PATIENCE)
        log = "\n".join(self.log)
        assert_no_sanitizer_report(log)
        assert not hung, f"did not end within {PATIENCE} s of SIGTERM\n{log}"
        if kind is None:
            assert self.proc.returncode == 0, f"exit status {self.proc.returncode}\n{log}"

    def _kill(self):
        self.proc.kill()
        self.proc.wait()

    def _read_log(self):
        for line in self.proc.stderr:
            with self._news:
                self.log.append(line.rstrip("\n"))
                self._news.notify_all()
        with self._news:
            self._log_ended = True
            self._news.notify_all()

    def wait_for_log(self, match, timeout=PATIENCE):
        """The first true answer of match(line) over the log, past lines included."""
        deadline = time.monotonic() + timeout
        seen = 0
        with self._news:
            while True:
                for line in self.log[seen:]:
                    if found := match(line):
                        return found
                seen = len(self.log)
                left = deadline - time.monotonic()
                if self._log_ended or left <= 0:
                    why = "ended" if self._log_ended else "kept silent"
                    raise AssertionError(f"{BINARY} {' '.join(self.args)} {why}:\n"
                                         + "\n".join(self.log))
                self._news.wait(left)

    def get(self, path="/", headers=None, method="GET", body=None, timeout=PATIENCE):
        """One request on a connection of its own. headers are sent as they are."""
        if self.host.startswith("unix:"):
            connection = UnixConnection(self.host.removeprefix("unix:"), timeout)
        else:
            connection = http.client.HTTPConnection(self.host, self.port, timeout=timeout)
        try:
            # http.client adds "Accept-Encoding: identity" unless told not to.
            connection.putrequest(method, path, skip_accept_encoding=True)
            for name, value in {"Connection": "close", **(headers or {})}.items():
                connection.putheader(name, value)
            if body is not None:
                connection.putheader("Content-Length", str(len(body)))
            connection.endheaders(body)
            response = connection.getresponse()
            return Response(response.status, response.headers, response.read())
        finally:
            connection.close()

    def metrics(self, path="/metrics"):
        response = self.get(path)
        assert response.status == 200, response
        return Metrics(response.body.decode())

    def terminate(self, number=signal.SIGTERM, timeout=10):
        """Sends the signal and returns the exit status."""
        self.proc.send_signal(number)
        return self.proc.wait(timeout=timeout)


def listening_address(line):
    """(host, port) of a log line that says where the exporter listens, in either log format.

    ("unix:PATH", None) of a unix socket."""
    if line.startswith("{"):
        try:
            entry = json.loads(line)
        except ValueError:
            return None
        address = entry.get("address", "") if entry.get("msg") == "Listening" else ""
    else:
        found = re.search(r'msg="?Listening"? .*?address="?([^\s"]+)', line)
        address = found.group(1) if found else ""
    if address.startswith("unix:"):
        return address, None
    host, _, port = address.rpartition(":")
    return (host.strip("[]"), int(port)) if port.isdigit() else None
