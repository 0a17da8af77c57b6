# SPDX-License-Identifier: Apache-2.0
"""`ephemera port`: which processes have a socket open, however they came by it."""

import contextlib
import ctypes
import json
import os
import re
import resource
import signal
import socket
import subprocess
import sys
import tempfile

import pytest

import lib.exporter
from lib import strace
from lib.namespace import in_namespace
from lib.sockets import IPV4, connect, listen, time_wait, wait_until
from port import (UNSHARE, ask, assert_agrees_with_ss, assert_is, local, local_of,
                  need_pid_namespace, pids, processes_with, sees_all, tell)

SERVICE, OTHER = 30001, 30002

PR_SET_PDEATHSIG = 1

BASE = f"/ephemera-test-{os.getpid()}.slice"
POD = "3f2a9c11-1b7d-4e5f-8a90-c0ffee000011"
CONTAINER = "5a" * 32


@pytest.fixture
def two(tree):
    """Cgroups that the test may remove."""
    paths = [f"{BASE}/port-{i}.service" for i in range(2)]
    for path in paths:
        tree.make(path)
    yield paths
    for path in paths:
        tree.clear(path)


@pytest.fixture
def pod(tree):
    """The cgroup of a container."""
    path = (f"{BASE}/kubepods.slice/kubepods-burstable.slice/"
            f"kubepods-burstable-pod{POD.replace('-', '_')}.slice/"
            f"cri-containerd-{CONTAINER}.scope")
    tree.make(path)
    return path


def end_with_parent():
    """Not by an alarm: where much runs beside it, a test may take longer than any that one sets."""
    assert ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0) == 0


@contextlib.contextmanager
def child(work):
    """A process that works, says so, and is then there until the block is left."""
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            end_with_parent()
            _kept = work()
            os.write(writer, b"!")
            signal.pause()
        finally:
            os._exit(1)
    os.close(writer)
    try:
        assert os.read(reader, 1) == b"!", "the child died"
        yield pid
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        os.close(reader)


@contextlib.contextmanager
def receiver(tree=None, path=None):
    """A process of a cgroup that keeps what it is sent: (its pid, how to send it a socket).

    It was forked before there was a socket, so it has none but those.
    """
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)

    def give(sock):
        socket.send_fds(ours, [b"?"], [sock.fileno()])
        assert ours.recv(1) == b"!"

    pid = os.fork()
    if pid == 0:
        try:
            ours.close()
            end_with_parent()
            if path:
                tree.enter(path)
            kept = []
            while (got := socket.recv_fds(theirs, 1, 1))[0]:
                kept += got[1]
                theirs.send(b"!")
        finally:
            os._exit(0)
    theirs.close()
    # One that changes its cgroup while it is looked for is not what is tested here.
    if path:
        procs = tree.directory(path) / "cgroup.procs"
        wait_until(lambda: str(pid) in procs.read_text().split(), "the cgroup to be entered")
    try:
        yield pid, give
    finally:
        ours.close()
        os.waitpid(pid, 0)


# One process and several

@in_namespace
def test_one_that_is_inherited():
    sock = listen(IPV4, "127.0.0.1", SERVICE)
    with child(lambda: None) as first, child(lambda: None) as second:
        entry = local_of(sock)
        assert_is(entry, sock)
        assert pids(entry) == sorted([os.getpid(), first, second])
        assert_agrees_with_ss(SERVICE)
        text = tell(SERVICE)
        for pid in (os.getpid(), first, second):
            assert text.count(f"(pid {pid}, fd {sock.fileno()})") == 1
    assert_is(local_of(sock), sock)


@in_namespace
def test_a_server_of_many_processes():
    """Three are shown to people, and all to programs."""
    sock = listen(IPV4, "127.0.0.1", SERVICE)
    with contextlib.ExitStack() as stack:
        children = [stack.enter_context(child(lambda: None)) for _ in range(10)]
        entry = local_of(sock)
        assert_is(entry, sock)
        assert pids(entry) == sorted([os.getpid(), *children])
        text = tell(SERVICE)
        assert len(re.findall(r"\(pid \d+, fd \d+\)", text)) == 3
        assert "and 8 more processes (--json shows all)" in text


@in_namespace
def test_several_descriptors_of_one_process():
    sock = listen(IPV4, "127.0.0.1", SERVICE)
    copies = [os.dup(sock.fileno()) for _ in range(4)]
    entry = local_of(sock)
    assert_is(entry, sock)
    assert [process["fds"] for process in entry["processes"]] == \
        [sorted([sock.fileno(), *copies])]
    assert_agrees_with_ss(SERVICE)
    assert f"fd {','.join(map(str, sorted([sock.fileno(), *copies])))})" in tell(SERVICE)


@in_namespace
def test_thousands_of_descriptors():
    _soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < 5000:
        pytest.skip("no 5,000 descriptors here")
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    sock = listen(IPV4, "127.0.0.1", SERVICE)
    copies = [os.dup(sock.fileno()) for _ in range(3000)]
    _others = [os.open("/dev/null", os.O_RDONLY) for _ in range(1000)]
    entry = local_of(sock)
    assert [process["fds"] for process in entry["processes"]] == \
        [sorted([sock.fileno(), *copies])]


@in_namespace
def test_sockets_of_two_processes():
    """Each is told of its own holder, in one answer."""
    _listener = listen(IPV4, "127.0.0.1", SERVICE)
    ours = connect(IPV4, "127.0.0.1", SERVICE)
    with child(lambda: connect(IPV4, "127.0.0.1", SERVICE)) as pid:
        answer = assert_agrees_with_ss(SERVICE)
        clients = answer["remote"]["sockets"]
        # The child has a copy of what was open when it was forked.
        assert sorted(map(pids, clients)) == sorted([[pid], sorted([os.getpid(), pid])])
        assert local_of(ours)["processes"] == processes_with(os.fstat(ours.fileno()).st_ino)


@in_namespace
def test_one_that_was_passed_on_within_a_cgroup():
    with receiver() as (pid, give):
        sock = listen(IPV4, "127.0.0.1", SERVICE)
        give(sock)
        entry = local_of(sock)
        assert_is(entry, sock)
        assert pids(entry) == sorted([os.getpid(), pid])
        assert_agrees_with_ss(SERVICE)
        # Whoever opened it has closed it: only who got it is left.
        sock.close()
        entry, = ask(SERVICE)["local"]["sockets"]
        assert pids(entry) == [pid] and entry["holders"] == "found"


@in_namespace
def test_one_in_flight():
    """Sent, not yet received, and closed by its sender: no process has it open."""
    ours, _theirs = socket.socketpair()
    sock = listen(IPV4, "127.0.0.1", SERVICE)
    socket.send_fds(ours, [b"?"], [sock.fileno()])
    sock.close()
    entry, = ask(SERVICE)["local"]["sockets"]
    assert entry["processes"] == [] and "inode" in entry
    assert entry["holders"] == ("elsewhere" if sees_all() else "unknown")
    assert entry["holders_complete"] == sees_all()


# Cgroups

@in_namespace
def test_whoever_is_in_another_cgroup_is_found_on_request(tree, two):
    with receiver(tree, two[1]) as (pid, give):
        with tree.inside(two[0]):
            sock = listen(IPV4, "127.0.0.1", SERVICE)
            give(sock)
            entry = local_of(sock)
            assert entry["cgroup"] == two[0]
            assert (pids(entry), entry["holders_complete"]) == ([os.getpid()], False)
            entry = local_of(sock, "--all-processes")
            assert_is(entry, sock, cgroup=two[0], holders_complete=sees_all())
            assert pids(entry) == sorted([os.getpid(), pid])
            assert_agrees_with_ss(SERVICE)


@in_namespace
def test_a_socket_that_was_handed_on_for_good(tree, two):
    with receiver(tree, two[1]) as (pid, give):
        with tree.inside(two[0]):
            sock = listen(IPV4, "127.0.0.1", SERVICE)
            give(sock)
            sock.close()
            entry, = ask(SERVICE)["local"]["sockets"]
        # Nobody of its cgroup has it, so everybody was asked.
        assert (entry["cgroup"], entry["holders"], pids(entry)) == (two[0], "found", [pid])
        assert entry["holders_complete"] == sees_all()
        # The cgroup goes, and the socket stays.
        tree.remove(two[0])
        entry, = ask(SERVICE)["local"]["sockets"]
        assert pids(entry) == [pid] and "cgroup" not in entry


@in_namespace
def test_the_opener_has_moved(tree, two):
    """A socket belongs to the cgroup that it was opened in, wherever its process went since."""
    with tree.inside(two[0]):
        sock = listen(IPV4, "127.0.0.1", SERVICE)
    with tree.inside(two[1]):
        entry = local_of(sock)
    assert_is(entry, sock, cgroup=two[0], holders_complete=sees_all())


@in_namespace
def test_one_socket_that_is_found_does_not_do_for_another(tree, two):
    """Of two sockets of one port only one has a holder in its cgroup."""
    with receiver(tree, two[1]) as (pid, give):
        with tree.inside(two[0]):
            ours = listen(IPV4, "127.0.0.1", SERVICE)
            gone = listen(IPV4, "127.0.0.2", SERVICE)
            give(gone)
            gone.close()
            answer = ask(SERVICE)
    entries = {entry["local_address"]: entry for entry in answer["local"]["sockets"]}
    assert pids(entries["127.0.0.1"]) == [os.getpid()]
    assert pids(entries["127.0.0.2"]) == [pid]
    assert_is(entries["127.0.0.1"], ours, cgroup=two[0])


@in_namespace
def test_a_container(tree, pod):
    with tree.inside(pod):
        sock = listen(IPV4, "127.0.0.1", SERVICE)
        answer = assert_agrees_with_ss(SERVICE)
    assert_is(local(answer, sock), sock, cgroup=pod, pod_uid=POD, container_id=CONTAINER)
    plain = listen(IPV4, "127.0.0.1", OTHER)
    assert_is(local_of(plain), plain, cgroup=tree.home, pod_uid=None, container_id=None)


@in_namespace
def test_without_cgroups_everybody_is_asked(tmp_path):
    sock = listen(IPV4, "127.0.0.1", SERVICE)
    entry = local_of(sock, f"--path.sysfs={tmp_path}")
    assert_is(entry, sock, cgroup=None, holders_complete=sees_all())


# How little is looked at

def paths_opened(*args):
    """The paths below /proc/PID that were opened, by strace."""
    with tempfile.NamedTemporaryFile() as trace:
        done = subprocess.run(
            [*strace.tracing("-f", "-e", "trace=open,openat,openat2", output=trace.name),
             lib.exporter.BINARY, "port", *map(str, args), "--json"],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=60, check=False,
            env=lib.exporter.environment(strace.ENVIRONMENT))
        assert (done.returncode, done.stderr) == (0, "")
        found = re.findall(r'"/proc/(\d+)/(\w+)"', trace.read().decode())
    return json.loads(done.stdout), {(int(pid), name) for pid, name in found}


@in_namespace
def test_nobody_is_looked_at_in_other_cgroups(tree, two):
    with receiver(tree, two[1]) as (pid, _give):
        with tree.inside(two[0]):
            sock = listen(IPV4, "127.0.0.1", SERVICE)
            tree.enter(two[1])
            with child(lambda: tree.enter(two[0])) as holder:
                found, opened = paths_opened(SERVICE)
                everyone, all_opened = paths_opened(SERVICE, "--all-processes")
    assert pids(local(found["ports"][0], sock)) == [holder]
    assert opened == {(holder, "fd"), (holder, "comm"), (holder, "cmdline")}
    # That they would have been seen:
    assert pids(local(everyone["ports"][0], sock)) == sorted([holder, os.getpid()])
    assert {(pid, "fd"), (os.getpid(), "fd"), (1, "fd")} < all_opened
    assert (pid, "comm") not in all_opened


@in_namespace
def test_nobody_is_looked_at_where_nothing_can_be_held():
    listener = listen(IPV4, "127.0.0.1", SERVICE)
    port, = time_wait(1, IPV4, listener, "127.0.0.1", SERVICE)
    found, opened = paths_opened(port)
    assert found["ports"][0]["local"]["total"] == 1 and opened == set()


# What process 1 has

AS_INIT = """
import os, socket, subprocess, sys, time
procs, port, *command = sys.argv[1:]
kept = socket.create_server(("127.0.0.1", int(port)))
if os.fork() == 0:
    with open(procs, "w") as file:
        file.write("0")
    os.write(2, b"!")
    time.sleep(60)
time.sleep(0.3)
sys.exit(subprocess.run(command).returncode)
"""

@in_namespace
def test_what_process_1_opened_for_somebody(tree, two):
    """It opens sockets for services that it starts in cgroups of their own."""
    need_pid_namespace()
    done = subprocess.run(
        [*UNSHARE, sys.executable, "-c", AS_INIT, str(tree.directory(two[0]) / "cgroup.procs"),
         str(SERVICE), lib.exporter.BINARY, "port", str(SERVICE), "--json"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "!")
    entry, = json.loads(done.stdout)["ports"][0]["local"]["sockets"]
    assert pids(entry) == [1, 2] and entry["holders_complete"]
    assert entry["cgroup"] == tree.home


def test_nothing_is_left_in_a_cgroup(tree):
    """Last: what the tests above started has ended or gone home."""
    left = [path for path in tree.made if tree.directory(path).exists()
            and (tree.directory(path) / "cgroup.procs").read_text(encoding="ascii").strip()]
    assert left == []
