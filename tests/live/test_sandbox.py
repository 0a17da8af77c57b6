# SPDX-License-Identifier: Apache-2.0
"""What the serving daemon may still do once it listens, and that it needs no more than that."""

import errno
import gzip
import http.client
import json
import os
import re
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

import lib.exporter
from accounting import SHOW_ALL
from lib.cgroup_mount import host_has_cgroups
from lib.exporter import AS_OURSELVES, COLLECTORS, REPOSITORY, Exporter, Metrics, free_port, run
from lib.namespace import NOBODY, in_namespace, set_range, sysctl
from lib.seccomp import forbid_seccomp
from lib.sockets import IPV4, connect_many, listen, wait_until
from states import hold_all, settle

# Without sanitizers, whose runtimes need system calls of their own; ./tests/run makes it.
PLAIN = REPOSITORY / "build" / "clang" / "ephemera"
PLAIN_UNITS = REPOSITORY / "build" / "clang" / "tests" / "unit"

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root has privileges to give up")

CAP_DAC_READ_SEARCH, CAP_SYS_PTRACE = 2, 19
NEEDED_BY_API = 1 << CAP_DAC_READ_SEARCH | 1 << CAP_SYS_PTRACE
SECCOMP_FILTER = 2
A_USER = 12345  # of no name
UNREADABLE = "The user cannot read this path"
API = "--web.enable-api"


@pytest.fixture(params=["as it was built", "without sanitizers"])
def binary(request, monkeypatch):
    """Where the filter is as strict as for everybody, and where the sanitizers look on."""
    if request.param == "without sanitizers":
        if not PLAIN.exists():
            pytest.skip("there is no build without sanitizers; ./tests/run makes one")
        monkeypatch.setattr(lib.exporter, "BINARY", str(PLAIN))
    return lib.exporter.BINARY


def threads(exporter):
    """What /proc says of each thread: {field: words}."""
    found = []
    for task in Path(f"/proc/{exporter.pid}/task").iterdir():
        fields = (line.partition(":") for line in (task / "status").read_text().splitlines())
        found.append({name: value.split() for name, _, value in fields})
    return found


def warm_up(exporter):
    """With every thread that it ever has."""
    exporter.metrics()
    exporter.get("/api/v1/ports/1")


def assert_confined(exporter, user, group, capabilities=0, groups=(), bounding=False):
    """bounding: whether the bounding set stays, which is then said."""
    assert ("bounding_set=" in said(exporter, "Gave up privileges")) == bounding
    found = threads(exporter)
    assert len(found) >= 3
    for thread in found:
        assert thread["Uid"] == [str(user)] * 4
        assert thread["Gid"] == [str(group)] * 4
        assert thread["Groups"] == [str(number) for number in groups]
        kept = f"{capabilities:016x}"
        assert [thread[f"Cap{name}"][0] for name in ("Prm", "Eff")] == [kept, kept]
        assert [int(thread[f"Cap{name}"][0], 16) for name in ("Inh", "Amb")] == [0, 0]
        assert (int(thread["CapBnd"][0], 16) == 0) == (not bounding)
        assert thread["NoNewPrivs"] == ["1"]
        assert thread["Seccomp"] == [str(SECCOMP_FILTER)]


def said(exporter, message):
    """The line of the log, which must be there, and there once."""
    found = [line for line in exporter.log if f'msg="{message}"' in line]
    assert len(found) == 1, exporter.log
    return found[0]


@needs_root
@pytest.mark.parametrize("flags, kept", [((), 0), ((API,), NEEDED_BY_API)],
                         ids=["metrics alone", "with the API"])
@pytest.mark.usefixtures("binary")
def test_root_becomes_nobody_in_every_thread(flags, kept):
    with Exporter(*flags, extra_groups=[4, 5]) as exporter:
        warm_up(exporter)
        assert_confined(exporter, NOBODY, NOBODY, kept)
        line = said(exporter, "Gave up privileges")
        assert "user=nobody" in line and "level=info" in line
        assert ("capabilities=none" in line) == (not kept)
        assert ("CAP_SYS_PTRACE (" in line) == ("CAP_DAC_READ_SEARCH (" in line) == bool(kept)
        assert re.search(r'seccomp="?on', line)


@needs_root
@pytest.mark.parametrize("started_by, user", [(0, NOBODY), (A_USER, A_USER)],
                         ids=["root", "an ordinary user"])
def test_nobody_of_its_user_may_look_into_the_memory_where_a_key_is(request, monkeypatch,
                                                                    started_by, user):
    if not PLAIN.exists():
        pytest.skip("there is no build without sanitizers; ./tests/run makes one")
    monkeypatch.setattr(lib.exporter, "BINARY", str(PLAIN))
    request.getfixturevalue("public_binary")
    with Exporter(user=started_by, group=started_by, extra_groups=[]) as exporter:
        # What is not dumpable belongs to root.
        assert Path(f"/proc/{exporter.pid}/environ").stat().st_uid == 0
        look = f"open('/proc/{exporter.pid}/environ', 'rb').read()"
        done = subprocess.run([sys.executable, "-c", look], user=user, group=user,
                              extra_groups=[], check=False, stdin=subprocess.DEVNULL,
                              stderr=subprocess.PIPE, text=True, timeout=30)
        assert "PermissionError" in done.stderr


@needs_root
def test_off_changes_nothing():
    with Exporter("--security.sandbox=off") as exporter:
        warm_up(exporter)
        ours = Path("/proc/self/status").read_text().splitlines()
        for thread in threads(exporter):
            assert thread["Uid"] == ["0"] * 4
            assert thread["Seccomp"] == ["0"] and thread["NoNewPrivs"] == ["0"]
            assert f"CapPrm:\t{thread['CapPrm'][0]}" in ours
        assert not any("privileges" in line for line in exporter.log)


# Who it becomes


@needs_root
@pytest.mark.parametrize("name, uid, gid", [
    ("daemon", 1, 1), ("1", 1, 1), (str(NOBODY), NOBODY, NOBODY), (str(A_USER), A_USER, A_USER),
    ("root", 0, 0), ("0", 0, 0)])
def test_the_user_is_a_name_or_a_number(name, uid, gid):
    with Exporter(f"--security.user={name}") as exporter:
        warm_up(exporter)
        assert_confined(exporter, uid, gid)
        if uid == A_USER:
            assert f"user={A_USER} " in said(exporter, "Gave up privileges")


@needs_root
@pytest.mark.parametrize("name", ["no-such-user", "4294967295", "-1", "1x"])
def test_an_unknown_user_is_an_error(name):
    done = run(f"--security.user={name}", f"--web.listen-address=127.0.0.1:{free_port()}")
    assert done.returncode == 1
    assert "level=error" in done.stderr and "Listening" not in done.stderr
    assert f'"There is no such user" flag=--security.user value={name}' in done.stderr


@needs_root
@pytest.mark.parametrize("flags, kept", [((), 0), ((API,), 1 << CAP_SYS_PTRACE)])
def test_another_user_keeps_only_what_is_needed_of_what_it_was_given(public_binary, flags, kept):
    if not shutil.which("setpriv"):
        pytest.skip("there is no setpriv")
    given = "+sys_ptrace,+net_raw"
    wrapper = public_binary + ".sh"
    Path(wrapper).write_text(
        f'#!/bin/sh\nexec setpriv --reuid {A_USER} --regid {A_USER} --clear-groups '
        f'--inh-caps {given} --ambient-caps {given} {public_binary} "$@"\n', encoding="ascii")
    os.chmod(wrapper, 0o755)
    lib.exporter.BINARY = wrapper  # the fixture puts it back
    # Nobody but root becomes another, so that nobody else needs to know whom.
    with Exporter("--security.user=no-such-user", *flags) as exporter:
        warm_up(exporter)
        # The bounding set is CAP_SETPCAP's to change.
        assert_confined(exporter, A_USER, A_USER, kept, bounding=True)


@needs_root
def test_an_ordinary_user_stays_who_it_is(public_binary):
    with Exporter(API, user=A_USER, group=A_USER, extra_groups=[4, 5]) as exporter:
        warm_up(exporter)
        assert_confined(exporter, A_USER, A_USER, groups=[4, 5], bounding=True)
        assert "capabilities=none" in said(exporter, "Gave up privileges")
        assert exporter.metrics().value("process_open_fds") > 3


@needs_root
def test_root_without_the_right_to_empty_the_bounding_set_is_told(public_binary):
    if not shutil.which("setpriv"):
        pytest.skip("there is no setpriv")
    with Exporter(wrapper=["setpriv", "--bounding-set", "-setpcap"]) as exporter:
        warm_up(exporter)
        # no_new_privs, which is looked at here, makes it mean nothing.
        assert_confined(exporter, NOBODY, NOBODY, bounding=True)


@in_namespace(user=NOBODY)
def test_root_of_a_namespace_without_other_users_is_told_and_serves(public_binary):
    with Exporter(API) as exporter:
        line = said(exporter, "Cannot switch to the user")
        assert "level=warn" in line and "call=setresuid" in line
        assert 'err="Invalid argument"' in line and "value=nobody" in line
        warm_up(exporter)
        for thread in threads(exporter):
            assert thread["Uid"] == ["0"] * 4
            assert int(thread["CapPrm"][0], 16) == NEEDED_BY_API
            assert int(thread["CapBnd"][0], 16) == 0
            assert thread["Seccomp"] == [str(SECCOMP_FILTER)]
        assert exporter.metrics().value("ephemera_range_ports") > 0


# What it can still tell


def listener_of(uid, gid=None):
    """A process of that user that listens. Returns (process, port)."""
    program = ("import socket, sys; s = socket.socket(); s.bind(('127.0.0.1', 0)); s.listen();"
               "print(s.getsockname()[1], flush=True); sys.stdin.read()")
    process = subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE,
                               stdout=subprocess.PIPE, text=True, user=uid,
                               group=uid if gid is None else gid, extra_groups=[])
    return process, int(process.stdout.readline())


def held_by(exporter, port):
    (entry,) = json.loads(exporter.get(f"/api/v1/ports/{port}").body)["local"]["sockets"]
    return entry["holders"], [process["pid"] for process in entry["processes"]]


@needs_root
@pytest.mark.usefixtures("binary")
def test_the_api_names_processes_of_other_users():
    process, port = listener_of(A_USER)
    try:
        with Exporter(API) as exporter:
            # The API looks for a second, and says so where that was not enough.
            wait_until(lambda: held_by(exporter, port) == ("found", [process.pid]),
                       "the process, found in time")
    finally:
        process.communicate()


@needs_root
def test_without_the_kept_capabilities_it_could_not(public_binary):
    process, port = listener_of(A_USER)
    try:
        with Exporter(API, user=NOBODY, group=NOBODY, extra_groups=[]) as exporter:
            assert held_by(exporter, port) == ("unknown", [])
    finally:
        process.communicate()


# What passes, and what goes on by itself: those who cannot connect try again.
PASSING = re.compile(r"^(process_|ephemera_scrape_)|_total$|seconds")

PATHS = ("/", "/metrics", "/metrics?collect[]=range", "/-/ready", "/-/healthy", "/api/v1/ports",
         "/api/v1/ports/9999", "/api/v1/ports/9998?limit=5", "/api/v1/destinations",
         "/api/v1/destinations?owners=true", "/api/v1/range", "/api/v1/ports/0", "/nothing",
         "/pages/map.js")


def series(metrics):
    return {(sample.name, *sorted((key, value) for key, value in sample.labels.items()))
            for family in metrics.families for sample in family.samples}


def figures(metrics):
    return {(sample.name, *sorted(sample.labels.items())): sample.value
            for family in metrics.families for sample in family.samples
            if not PASSING.search(sample.name)}


def without_times(value):
    """An answer of the API without what passes."""
    if isinstance(value, dict):
        return {key: without_times(each) for key, each in value.items()
                if not re.search(r"seconds|time_ms|_at$", key)}
    if isinstance(value, list):
        return [without_times(each) for each in value]
    return value


class Client:
    """One connection for everything: others would be sockets that the next answer counts."""

    def __init__(self, exporter):
        self.connection = http.client.HTTPConnection(exporter.host, exporter.port, timeout=30)

    def get(self, path, encoding="identity"):
        self.connection.request("GET", path, headers={"Accept-Encoding": encoding})
        response = self.connection.getresponse()
        body = response.read()
        if response.headers["Content-Encoding"] == "gzip":
            body = gzip.decompress(body)
        elif encoding == "gzip":
            assert path != "/metrics"
        return response.status, response.headers["Content-Type"], body

    def metrics(self):
        status, _, body = self.get("/metrics")
        assert status == 200
        return Metrics(body.decode())


def without_port(page):
    return re.sub(rb"(It listens on [0-9.]+:)\d+", rb"\1", page)


def assert_same_answer(path, encoding, inside, outside):
    (status, kind, body), (status_outside, kind_outside, body_outside) = (
        client.get(path, encoding) for client in (inside, outside))
    assert (status, kind) == (status_outside, kind_outside), path
    if "json" in kind:
        assert without_times(json.loads(body)) == without_times(json.loads(body_outside)), path
    elif path.startswith("/metrics"):
        assert series(Metrics(body.decode())) == series(Metrics(body_outside.decode())), path
    else:
        # The page says where it listens.
        assert without_port(body) == without_port(body_outside), path


@pytest.mark.usefixtures("binary")
@in_namespace
def test_interfaces_have_their_names():
    """if_indextoname() takes ioctl(), which the sandbox refuses: %1 was told in place of %lo."""
    set_range(40000, 40009)
    subprocess.run(["ip", "address", "add", "fe80::9/64", "dev", "lo", "nodad"], check=True,
                   env={**os.environ, "PATH": os.environ.get("PATH", "") + ":/usr/sbin:/sbin"})
    with socket.socket(socket.AF_INET6) as listener, Exporter(API) as exporter:
        listener.bind(("fe80::9", 40003, 0, socket.if_nametoindex("lo")))
        listener.listen()
        assert exporter.metrics().value("ephemera_range_listener_info", protocol="tcp",
                                        address="fe80::9%lo", port="40003", reserved="false") == 1
        found = json.loads(exporter.get("/api/v1/ports/40003").body)
        (told,) = found["local"]["sockets"]
        assert (told["local_address"], told["interface"]) == ("fe80::9%lo", "lo")


@pytest.mark.usefixtures("binary")
@in_namespace
def test_the_sandbox_takes_nothing_from_the_answers():
    set_range(40000, 40999)
    sysctl("net.ipv4.tcp_tw_reuse", 0)
    _kept, expected = hold_all()
    settle(expected)
    _listener = listen(IPV4, "127.0.0.1", 9999)
    _clients = connect_many(7, IPV4, "127.0.0.1", 9999)
    wanted = [f"--collector.{name}" for name in COLLECTORS
              if name != "owners" or host_has_cgroups()]
    with Exporter(API, SHOW_ALL, *wanted) as confined, \
            Exporter(API, SHOW_ALL, *wanted, "--security.sandbox=off") as free:
        inside, outside = Client(confined), Client(free)
        # Each has both connections, and the first scrape's figures of itself behind it.
        inside.metrics(), outside.metrics()
        for path in PATHS:
            for encoding in ("identity", "gzip"):
                assert_same_answer(path, encoding, inside, outside)
        metrics, metrics_outside = inside.metrics(), outside.metrics()
        assert not [line for line in confined.log if re.search("level=(warn|error)", line)]

    successes = metrics.samples("ephemera_scrape_collector_success")
    assert len(successes) >= len(COLLECTORS) - 1
    assert {value for _, value in successes} == {1}
    assert metrics.value("ephemera_kernel_feature", feature="sock_diag") == 1
    assert figures(metrics) == figures(metrics_outside)
    assert len(figures(metrics)) > 50
    for name in ("process_open_fds", "process_max_fds"):
        assert metrics.value(name) == metrics_outside.value(name)
    assert metrics.value("process_resident_memory_bytes") > 0


@pytest.mark.parametrize("unit, test", [
    ("test_sandbox_forbidden", "what_is_not_needed_is_refused"),
    ("test_sandbox_allowed", "what_is_needed_works"),
    ("test_sandbox", "a_connection_sends_to_nobody_else"),
])
def test_the_forbidden_system_calls_are_refused(unit, test):
    """Each tried for real, in the build where no sanitizer needs more."""
    if not (PLAIN_UNITS / unit).exists():
        pytest.skip("there is no build without sanitizers; ./tests/run makes one")
    done = subprocess.run([PLAIN_UNITS / unit, "--strict"], check=False, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=200)
    if done.returncode == 77:
        pytest.skip(done.stdout)
    assert done.returncode == 0, done.stdout
    assert test in done.stdout


@pytest.mark.parametrize("refusal", [errno.EINVAL, errno.ENOSYS, errno.EPERM])
@in_namespace
def test_a_kernel_without_seccomp_is_told_and_served_on(refusal):
    forbid_seccomp(refusal)
    with Exporter() as exporter:
        line = said(exporter, "System calls are not restricted: no seccomp")
        assert "level=warn" in line and f'err="{os.strerror(refusal)}"' in line
        assert "seccomp=off" in said(exporter, "Gave up privileges")
        assert exporter.metrics().value("ephemera_range_ports") > 0
        assert exporter.get("/-/ready").status == 200


# What root could read


@needs_root
def test_what_only_root_can_read_is_told(tmp_path):
    tmp_path.chmod(0o700)
    with Exporter(f"--path.procfs={tmp_path}", f"--path.sysfs={tmp_path}") as exporter:
        lines = [line for line in exporter.log if UNREADABLE in line]
        assert [re.search(r"flag=(\S+)", line)[1] for line in lines] == ["--path.procfs",
                                                                       "--path.sysfs"]
        assert all("level=warn" in line and "user=nobody" in line for line in lines)
        assert exporter.get("/-/ready").status == 503
    with Exporter(f"--path.sysfs={tmp_path}", AS_OURSELVES) as exporter:
        assert not any(UNREADABLE in line for line in exporter.log)


@needs_root
def test_with_the_api_the_kept_capabilities_count(tmp_path):
    tmp_path.chmod(0o700)
    with Exporter(API, f"--path.sysfs={tmp_path}") as exporter:
        assert not any(UNREADABLE in line for line in exporter.log)
