# SPDX-License-Identifier: Apache-2.0
"""What systemd passes and is told: sockets, readiness, the watchdog."""

import collections
import contextlib
import os
import shutil
import signal
import socket
import statistics
import subprocess
import tempfile
import threading
import time
from pathlib import Path

import pytest

from lib import strace
from lib.exporter import BINARY, Exporter, assert_no_sanitizer_report, environment, free_port
from lib.namespace import in_namespace, set_range
from lib.systemd import passing
from raw import wait_until


@pytest.fixture
def place():
    """A directory whose name leaves room in a socket's."""
    with tempfile.TemporaryDirectory(prefix="ephemera-") as directory:
        # The exporter is not root any more when it removes what is in it.
        os.chmod(directory, 0o777)
        yield Path(directory)


def listening(family, address, kind=socket.SOCK_STREAM):
    made = socket.socket(family, kind)
    if family != socket.AF_UNIX:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    made.bind(address)
    if kind != socket.SOCK_DGRAM:
        made.listen()
    return made


def refused(sockets, flags=("--web.systemd-socket",), **kw):
    """What is said of sockets that cannot be listened on."""
    how = passing(sockets, **kw)
    done = subprocess.run([*how["wrapper"], BINARY, *flags], env=environment(how["env"]),
                          pass_fds=how["pass_fds"], stdin=subprocess.DEVNULL, check=False,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=60)
    assert_no_sanitizer_report(done.stderr)
    assert done.returncode == 1, done
    assert "--web.systemd-socket" in done.stderr
    return done.stderr


# Sockets


def test_sockets_of_every_kind_are_served_on(place):
    port, port6 = free_port(), free_port()
    with contextlib.ExitStack() as held:
        sockets = [held.enter_context(made) for made in (
            listening(socket.AF_INET, ("127.0.0.1", port)),
            listening(socket.AF_UNIX, f"{place}/socket"),
            listening(socket.AF_UNIX, f"\0ephemera-{os.getpid()}"))]
        addresses = [("127.0.0.1", port), (f"unix:{place}/socket", None)]
        with contextlib.suppress(OSError):
            sockets.append(held.enter_context(listening(socket.AF_INET6, ("::1", port6))))
            addresses.append(("::1", port6))
        for made in sockets:
            made.setblocking(True)
        with Exporter("--web.systemd-socket", **passing(sockets)) as exporter:
            exporter.wait_for_log(lambda line: f"address=unix:@ephemera-{os.getpid()}" in line)
            for exporter.host, exporter.port in addresses:
                exporter.wait_for_log(lambda line: "Listening" in line
                                      and str(exporter.port or exporter.host) in line)
                assert exporter.metrics().value("ephemera_range_ports") > 0
            with socket.socket(socket.AF_UNIX) as client:
                client.settimeout(10)
                client.connect(f"\0ephemera-{os.getpid()}")
                client.sendall(b"GET /-/healthy HTTP/1.0\r\n\r\n")
                assert client.recv(1000).startswith(b"HTTP/1.1 200")
            assert_are_the_exporters_own(exporter.pid, len(sockets))
        assert len([line for line in exporter.log if "Listening" in line]) == len(sockets)
        # They are systemd's, which goes on listening.
        assert (place / "socket").is_socket()
        with Exporter("--web.systemd-socket", **passing(sockets)) as exporter:
            assert exporter.metrics().value("ephemera_range_ports") > 0


def assert_are_the_exporters_own(pid, count):
    """Close-on-exec and non-blocking."""
    for fd in range(3, 3 + count):
        flags = [int(line.split()[1], 8) for line
                 in Path(f"/proc/{pid}/fdinfo/{fd}").read_text().splitlines()
                 if line.startswith("flags:")]
        assert flags[0] & os.O_CLOEXEC
        assert flags[0] & os.O_NONBLOCK


def test_who_connects_between_two_runs_waits():
    port = free_port()
    with listening(socket.AF_INET, ("127.0.0.1", port)) as made:
        with Exporter("--web.systemd-socket", **passing([made])) as exporter:
            assert exporter.get("/-/healthy").status == 200
        with socket.create_connection(("127.0.0.1", port), timeout=30) as client:
            client.sendall(b"GET /-/healthy HTTP/1.0\r\n\r\n")
            with Exporter("--web.systemd-socket", **passing([made])):
                assert client.recv(1000).startswith(b"HTTP/1.1 200")


class Asking(contextlib.AbstractContextManager):
    """Clients that ask again and again, each time by a new connection, and what they got."""

    def __init__(self, port, delays):
        self.port = port
        self.got = collections.Counter()
        self._ended = threading.Event()
        self._threads = [threading.Thread(target=self._ask, args=(delay,)) for delay in delays]

    def _ask(self, delay):
        while not self._ended.is_set():
            try:
                with socket.create_connection(("127.0.0.1", self.port), timeout=30) as client:
                    time.sleep(delay)
                    client.sendall(b"GET /-/healthy HTTP/1.0\r\n\r\n")
                    self.got[client.recv(12)] += 1
            except OSError as error:
                self.got[type(error).__name__] += 1

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def end(self):
        """What was asked before is still to be answered."""
        self._ended.set()

    def join(self):
        for thread in self._threads:
            thread.join()

    def __exit__(self, *_):
        self.end()
        self.join()


def test_everybody_has_an_answer_over_many_restarts():
    port = free_port()
    with listening(socket.AF_INET, ("127.0.0.1", port)) as made:
        # Some ask as they connect, and some a moment later.
        with Asking(port, [0, 0, 0, 0.1, 0.4]) as asking:
            for _ in range(20):
                with Exporter("--web.systemd-socket", **passing([made])):
                    time.sleep(0.05)
            asking.end()
            with Exporter("--web.systemd-socket", **passing([made])):
                asking.join()
    assert set(asking.got) == {b"HTTP/1.1 200"}, asking.got
    assert sum(asking.got.values()) > 200


def is_accepted(client):
    """Whether somebody has the other end of a connection: until then it has no inode."""
    port, peer = (f":{address[1]:04X}" for address in (client.getpeername(), client.getsockname()))
    for line in Path("/proc/net/tcp").read_text(encoding="ascii").splitlines()[1:]:
        fields = line.split()
        if fields[1].endswith(port) and fields[2].endswith(peer):
            return fields[9] != "0"
    return False


def test_who_is_being_accepted_has_an_answer():
    """As above, where accept() has one while its thread has not said so."""
    port = free_port()
    with listening(socket.AF_INET, ("127.0.0.1", port)) as made:
        how = passing([made])
        how["env"].update(strace.ENVIRONMENT)
        # -D: the sockets are passed to the exporter, not to who traces it.
        how["wrapper"] = [*strace.delaying("accept4", "delay_exit=50000", "-D", "-f"),
                          *how["wrapper"]]
        with Exporter("--web.systemd-socket", **how) as exporter, \
                socket.create_connection(("127.0.0.1", port), timeout=30) as client:
            client.sendall(b"GET /-/healthy HTTP/1.0\r\n\r\n")
            wait_until(lambda: is_accepted(client), 30, "accept() to have it")
            exporter.proc.send_signal(signal.SIGTERM)
            assert client.recv(12) == b"HTTP/1.1 200"
            assert exporter.proc.wait(timeout=10) == 0


def test_the_shell_wrapper_of_the_manual():
    port = free_port()
    with listening(socket.AF_INET, ("127.0.0.1", port)) as made:
        fd = made.fileno()
        script = f'exec 3<&{fd}; LISTEN_FDS=1 LISTEN_PID=$$ exec "$@"'
        with Exporter("--web.systemd-socket", wrapper=["bash", "-c", script, "bash"],
                      pass_fds=[fd]) as exporter:
            assert exporter.port == port
            assert exporter.get("/-/healthy").status == 200


def test_systemds_own_activation(place):
    program = shutil.which("systemd-socket-activate")
    if not program:
        pytest.skip("there is no systemd-socket-activate")
    process = subprocess.Popen(
        [program, f"--listen={place}/socket", f"--setenv=PATH={os.environ['PATH']}", BINARY,
         "--web.systemd-socket"], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE, text=True)
    try:
        wait_until((place / "socket").is_socket, 10, "the socket")
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(30)
            client.connect(f"{place}/socket")
            client.sendall(b"GET /-/healthy HTTP/1.0\r\n\r\n")
            assert client.recv(1000).startswith(b"HTTP/1.1 200")
        process.send_signal(signal.SIGTERM)
        said = process.communicate(timeout=20)[1]
    finally:
        process.kill()
        process.wait()
    assert process.returncode == 0, said
    assert f"address=unix:{place}/socket" in said
    assert (place / "socket").is_socket()
    assert_no_sanitizer_report(said)


def test_no_sockets():
    assert "no sockets were passed" in refused([])
    assert "no sockets were passed" in refused([], pid="")


def test_the_sockets_of_another_process():
    with listening(socket.AF_INET, ("127.0.0.1", 0)) as made:
        assert "another process" in refused([made], pid="1")
        assert "another process" in refused([made], pid="x")


def test_more_sockets_than_there_can_be():
    with listening(socket.AF_INET, ("127.0.0.1", 0)) as made:
        assert "too many" in refused([made] * 17)
        assert "must be a number" in refused([made], count="many")


def test_sockets_that_cannot_be_listened_on(place):
    wrong = {
        "stream": listening(socket.AF_INET, ("127.0.0.1", 0), socket.SOCK_DGRAM),
        "must be a stream socket": listening(socket.AF_UNIX, f"{place}/datagram", socket.SOCK_DGRAM),
        "stream socket": listening(socket.AF_UNIX, f"{place}/packet", socket.SOCK_SEQPACKET),
        "must be listening": socket.socket(),
        "(Accept=no)": socket.socketpair()[0],
        "must be an IPv4, IPv6 or unix socket": socket.socket(socket.AF_NETLINK, socket.SOCK_RAW),
        "not a socket": open(os.devnull, "rb"),
    }
    with contextlib.ExitStack() as held:
        good = held.enter_context(listening(socket.AF_INET, ("127.0.0.1", 0)))
        for made in wrong.values():
            held.enter_context(made)
        for error, made in wrong.items():
            assert error in (said := refused([made])), said
            assert "fd=3" in said
            # One that is right does not make up for it.
            assert error in (said := refused([good, made])), said
            assert "fd=4" in said
    # One that was counted, and is not there.
    with listening(socket.AF_INET, ("127.0.0.1", 0)) as good:
        assert "fd=" in refused([good], count="16")


@in_namespace
def test_the_port_of_a_passed_socket_is_its_owners_to_keep():
    set_range(20000, 20999)
    with listening(socket.AF_INET, ("127.0.0.1", 20002)) as made, \
            Exporter("--web.systemd-socket", **passing([made])) as exporter:
        assert exporter.port == 20002
        exporter.terminate()
    assert not [line for line in exporter.log if "level=warn" in line]


def test_without_the_flag_they_are_not_looked_at():
    with listening(socket.AF_INET, ("127.0.0.1", 0)) as made, \
            Exporter(**passing([made])) as exporter:
        assert exporter.port != made.getsockname()[1]
        assert exporter.get("/-/healthy").status == 200


# What is told


class Manager:
    """Hears what a service tells, with the time at which it did."""

    def __init__(self, name):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(name)
        self.name = name.replace("\0", "@", 1)
        self.heard = []
        self.since = time.monotonic()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._hear, daemon=True)

    def __enter__(self):
        self.socket.settimeout(0.05)
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._ended.set()
        self._thread.join(timeout=10)
        self.socket.close()

    def _hear(self):
        while not self._ended.is_set():
            with contextlib.suppress(TimeoutError):
                said = self.socket.recv(4096).decode()
                self.heard.append((time.monotonic(), dict(
                    line.split("=", 1) for line in said.split("\n"))))

    def times(self, name):
        return [at for at, said in self.heard if name in said]

    def wait_for(self, name, count=1, timeout=30):
        wait_until(lambda: len(self.times(name)) >= count, timeout, f"{count} of {name}")

    def env(self, watchdog=None, pid=None):
        return {"NOTIFY_SOCKET": self.name, "WATCHDOG_USEC": watchdog, "WATCHDOG_PID": pid}


@pytest.fixture(params=["path", "abstract"])
def manager(request, place):
    name = f"{place}/notify" if request.param == "path" else f"\0ephemera-{os.getpid()}-notify"
    with Manager(name) as made:
        yield made


@pytest.fixture
def listener(place):
    with Manager(f"{place}/notify") as made:
        yield made


def test_ready_means_that_it_answers(manager, place):
    path, port = place / "socket", free_port()
    process = subprocess.Popen(
        [BINARY, f"--web.listen-address=127.0.0.1:{port}", f"--web.listen-address=unix:{path}"],
        env=environment(manager.env()), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL)
    try:
        manager.wait_for("READY")
        # At once, without a second try, and on the last of them too.
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(30)
            client.connect(str(path))
            client.sendall(b"GET /metrics HTTP/1.0\r\n\r\n")
            assert client.recv(1000).startswith(b"HTTP/1.1 200")
        assert [said for _, said in manager.heard] == [
            {"READY": "1", "STATUS": f"Listening on 127.0.0.1:{port} and 1 more"}]
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=10) == 0
        manager.wait_for("STOPPING")
        assert [said for _, said in manager.heard][1:] == [{"STOPPING": "1", "STATUS": "Ending"}]
    finally:
        process.kill()
        process.wait()


def test_not_ready_where_it_cannot_listen(listener, place):
    (place / "socket").write_text("")
    done = subprocess.run(
        [BINARY, f"--web.listen-address=127.0.0.1:{free_port()}",
         f"--web.listen-address=unix:{place}/socket"], env=environment(listener.env()),
        stdin=subprocess.DEVNULL, capture_output=True, check=False, timeout=30)
    assert done.returncode == 1
    time.sleep(0.2)
    assert listener.heard == []


def test_stopping_is_told_before_what_is_in_flight_has_ended(listener):
    with Exporter(env=listener.env()) as exporter:
        listener.wait_for("READY")
        assert exporter.terminate(signal.SIGINT) == 0
        listener.wait_for("STOPPING")
    assert len(listener.heard) == 2


def test_a_path_cannot_say_anything_else(listener, place):
    path = f"{place}/x\nMAINPID=1"
    with Exporter(f"--web.listen-address=unix:{path}", env=listener.env()):
        listener.wait_for("READY")
    assert listener.heard[0][1] == {
        "READY": "1", "STATUS": f"Listening on unix:{place}/x?MAINPID=1"}


@pytest.mark.parametrize("name, error", [
    ("/nonexistent/notify", "No such file or directory"), ("vsock:2:1", "not supported"),
    ("", "not supported"), ("/" + "x" * 200, "too long"),
    pytest.param(f"@ephemera-{os.getpid()}-nobody", "Connection refused", id="abstract")])
def test_nobody_to_tell_is_warned_of(name, error):
    with Exporter(env={"NOTIFY_SOCKET": name, "WATCHDOG_USEC": "200000"}) as exporter:
        found = [line for line in exporter.log if "level=warn" in line]
        assert len(found) == 1
        assert "NOTIFY_SOCKET" in found[0] and error in found[0]
        assert exporter.get("/-/healthy").status == 200


def test_who_does_not_listen_any_more_does_no_harm(place):
    with Manager(f"{place}/notify") as made:
        exporter = Exporter(env=made.env(watchdog="200000"))
        exporter.__enter__()
        made.wait_for("WATCHDOG")
    with contextlib.ExitStack() as held:
        held.push(exporter.__exit__)
        time.sleep(0.5)
        assert exporter.get("/-/healthy").status == 200


def test_a_manager_that_takes_nothing_delays_the_end_little(place):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as deaf, \
            socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as filler:
        deaf.bind(f"{place}/notify")
        filler.setblocking(False)
        with pytest.raises(BlockingIOError):
            while True:
                filler.sendto(b"x", f"{place}/notify")
        with Exporter(env={"NOTIFY_SOCKET": f"{place}/notify"}) as exporter:
            assert exporter.get("/-/healthy").status == 200
            started = time.monotonic()
            assert exporter.terminate() == 0
            assert time.monotonic() - started < 6


# The watchdog


@pytest.mark.parametrize("pid", [None, "own"])
def test_the_watchdog_is_told_at_half_of_its_period(listener, pid):
    env = listener.env(watchdog="1000000")
    wrapper = []
    if pid:
        wrapper = ["sh", "-c", 'WATCHDOG_PID=$$ exec "$@"', "sh"]
    with Exporter(env=env, wrapper=wrapper) as exporter:
        listener.wait_for("WATCHDOG", count=7)
        assert exporter.get("/-/healthy").status == 200
    times = [*listener.times("READY"), *listener.times("WATCHDOG")][:8]
    gaps = [later - sooner for sooner, later in zip(times, times[1:])]
    assert 0.45 < statistics.median(gaps) < 0.65, gaps
    assert {said["WATCHDOG"] for _, said in listener.heard if "WATCHDOG" in said} == {"1"}


def test_reloads_do_not_keep_it_from_telling_the_watchdog(listener):
    with Exporter(env=listener.env(watchdog="1000000")) as exporter:
        wait_until(lambda: exporter.proc.send_signal(signal.SIGHUP)
                   or len(listener.times("WATCHDOG")) >= 5, 30, "5 of WATCHDOG")
    times = [*listener.times("READY"), *listener.times("WATCHDOG")]
    gaps = [later - sooner for sooner, later in zip(times, times[1:])]
    assert statistics.median(gaps) < 0.65, gaps


@pytest.mark.parametrize("watchdog, pid", [(None, None), ("300000", "1"), ("300000", "x"),
                                           (None, "own")])
def test_a_watchdog_that_is_not_ours_is_told_nothing(listener, watchdog, pid):
    with Exporter(env=listener.env(watchdog, pid)) as exporter:
        listener.wait_for("READY")
        time.sleep(0.7)
        assert exporter.get("/-/healthy").status == 200
    assert not listener.times("WATCHDOG")
    assert not [line for line in exporter.log if "level=warn" in line]


@pytest.mark.parametrize("watchdog", ["99999", "0", "", "-5", "1s", "9" * 40])
def test_a_watchdog_with_an_odd_period_is_warned_of(listener, watchdog):
    with Exporter(env=listener.env(watchdog)) as exporter:
        listener.wait_for("READY")
        time.sleep(0.3)
    assert not listener.times("WATCHDOG")
    assert len([line for line in exporter.log
                if "level=warn" in line and "WATCHDOG_USEC" in line]) == 1


@pytest.fixture
def procfs(place):
    """The settings that a scrape reads, one of which can be made one that hangs its reader."""
    directory = place / "sys" / "net" / "ipv4"
    directory.mkdir(parents=True)
    for name in ("ip_local_port_range", "ip_local_reserved_ports", "ip_unprivileged_port_start",
                 "tcp_tw_reuse", "tcp_fin_timeout", "tcp_timestamps"):
        (directory / name).write_text(Path("/proc/sys/net/ipv4", name).read_text())
    return place


@contextlib.contextmanager
def hanging(procfs):
    """While it lasts, who opens the file waits. Afterwards they get what was in it."""
    file = procfs / "sys" / "net" / "ipv4" / "ip_local_port_range"
    text = file.read_text()
    fifo = file.with_name("fifo")
    os.mkfifo(fifo)
    fifo.rename(file)
    try:
        yield
    finally:
        # Those who come from now on find a file again; those who wait are let go one by one.
        file.with_name("new").write_text(text)
        os.link(file, fifo)
        file.with_name("new").rename(file)
        deadline = time.monotonic() + 2
        while time.monotonic() < deadline:
            with contextlib.suppress(OSError):
                writer = os.open(fifo, os.O_WRONLY | os.O_NONBLOCK)
                os.write(writer, text.encode())
                os.close(writer)
            time.sleep(0.02)


def ask(exporter, path, **headers):
    """Sends a request, and does not wait for its answer."""
    client = socket.create_connection((exporter.host, exporter.port), timeout=30)
    lines = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
    client.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n{lines}\r\n".encode())
    return client


PERIOD = 1.5  # long enough for a busy machine not to look like one that hangs


@pytest.mark.parametrize("path", ["/metrics", "/-/ready", "/api/v1/ports/80"])
def test_the_watchdog_is_told_nothing_while_a_thread_hangs(listener, procfs, path):
    # /metrics hangs the scraper, /-/ready the server's own thread, and the API the lookup.
    env = listener.env(watchdog=f"{PERIOD * 1e6:.0f}")
    with Exporter("--web.enable-api", f"--path.procfs={procfs}", env=env) as exporter:
        listener.wait_for("WATCHDOG", count=2)
        with hanging(procfs):
            with ask(exporter, path, X_Prometheus_Scrape_Timeout_Seconds=1):
                asked = time.monotonic()
                exporter.wait_for_log(lambda line: "hangs" in line, timeout=20)
                assert time.monotonic() - asked > PERIOD
                before = len(listener.times("WATCHDOG"))
                time.sleep(1.5 * PERIOD)
                assert len(listener.times("WATCHDOG")) == before
        listener.wait_for("WATCHDOG", count=before + 2)
        assert exporter.metrics().value("ephemera_range_ports") > 0
    assert len([line for line in exporter.log if "hangs" in line]) == 1


def test_the_watchdog_is_told_while_somebody_still_waits(listener, procfs):
    # A scrape may take as long as whoever asked for it has, however short the period is.
    env = listener.env(watchdog=f"{PERIOD * 1e6:.0f}")
    with Exporter(f"--path.procfs={procfs}", env=env) as exporter:
        with hanging(procfs), ask(exporter, "/metrics"):
            time.sleep(2 * PERIOD)
            before = len(listener.times("WATCHDOG"))
            listener.wait_for("WATCHDOG", count=before + 3)
    assert not [line for line in exporter.log if "hangs" in line]
