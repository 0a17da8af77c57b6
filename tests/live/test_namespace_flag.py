# SPDX-License-Identifier: Apache-2.0
"""--namespace of destinations, port and trace: another namespace answers as if it were entered."""

import json
import os
import re
import signal
import stat
import subprocess
import sys

import pytest

from lib.bpf import needs_bpf
from lib.exporter import BINARY, PATIENCE, run
from lib.namespace import NOBODY, in_namespace
from other_namespaces import another, inode

BASE = f"/ephemera-test-{os.getpid()}.slice"

CLIENTS = 23
SIZE = 29
TARGET = 30001
FULL = f"""
set_range(40000, {40000 + SIZE - 1})
listener = listen(IPV4, "127.0.0.1", {TARGET})
clients = connect_many({CLIENTS}, IPV4, "127.0.0.1", {TARGET})
servers = accept(listener, {CLIENTS})
"""

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root enters another namespace")


def names_of(process, directory):
    return [("--namespace=full", f"--path.netns={directory}"),
            (f"--namespace={process.pid}",), (f"--namespace={inode(process)}",)]


@needs_root
@in_namespace
def test_destinations_are_those_of_the_namespace(tmp_path):
    with another(FULL, tmp_path, "full") as process:
        for flags in names_of(process, tmp_path):
            done = run("destinations", "--json", *flags)
            assert done.returncode == 0, done.stderr
            answer = json.loads(done.stdout)
            assert (answer["range"]["first_port"], answer["range"]["ports"]) == (40000, SIZE)
            [row] = answer["destinations"]
            assert (row["destination_port"], row["active"]) == (TARGET, CLIENTS)


@needs_root
@in_namespace
def test_a_port_has_its_processes_there(tmp_path):
    with another(FULL, tmp_path, "full") as process:
        for flags in names_of(process, tmp_path):
            done = run("port", TARGET, "--json", *flags)
            assert done.returncode == 0, done.stderr
            [answer] = json.loads(done.stdout)["ports"]
            listener = next(each for each in answer["local"]["sockets"] if each["state"] == "listen")
            assert [each["pid"] for each in listener["processes"]] == [process.pid]
        # The test's own namespace has nothing there.
        assert run("port", TARGET).returncode == 1


@needs_bpf
@in_namespace
def test_trace_shows_the_failures_of_the_namespace(tmp_path):
    fail = f"input()\nconnect_until_refused(IPV4, '127.0.0.1', {TARGET})"
    with another(FULL, tmp_path, "full", then=fail) as process:
        with subprocess.Popen([BINARY, "trace", "--namespace=full", f"--path.netns={tmp_path}"],
                              stdout=subprocess.PIPE, text=True) as trace:
            assert trace.stdout.readline()
            print(file=process.stdin, flush=True)
            failure = next(line for line in trace.stdout if str(TARGET) in line)
            trace.send_signal(signal.SIGINT)
            trace.stdout.read()
            assert trace.wait(PATIENCE) == 0
        assert f"127.0.0.1:{TARGET}" in failure


def in_pod(tree, uid):
    """What moves a process into the cgroup of a pod's container."""
    path = tree.make(f"{BASE}/kubepods/burstable/pod{uid}/{'0' * 64}")
    return f"open({str(tree.directory(path) / 'cgroup.procs')!r}, 'w').write('0')\n"


@needs_bpf
@in_namespace
def test_a_pod_is_asked_by_its_name(tree, tmp_path):
    uids = [f"1a2b3c4d-0000-4000-8000-{os.getpid():011}{i}" for i in range(2)]
    for uid, namespace in zip(uids, ("shop", "test")):
        (tmp_path / f"{namespace}_cart_{uid}" / "app").mkdir(parents=True)
    with another(in_pod(tree, uids[0]) + FULL) as shop, another(in_pod(tree, uids[1]) + FULL) as test:
        for name, process in (("shop/cart", shop), ("test/cart", test)):
            done = run("port", TARGET, "--json", f"--namespace={name}", f"--path.pods={tmp_path}")
            assert done.returncode == 0, done.stderr
            assert done.stderr.startswith(f"This is about the network namespace of pod {name}. Run ")
            [answer] = json.loads(done.stdout)["ports"]
            listener = next(each for each in answer["local"]["sockets"] if each["state"] == "listen")
            assert [each["pid"] for each in listener["processes"]] == [process.pid]
        done = run("port", TARGET, "--namespace=all", f"--path.pods={tmp_path}")
        for name in ("shop/cart", "test/cart"):
            assert f"This is about the network namespace of pod {name}. Run " in done.stderr
        done = run("destinations", "--namespace=cart", f"--path.pods={tmp_path}")
        assert done.returncode == 1
        for process, name in ((shop, "shop/cart"), (test, "test/cart")):
            assert f"{name} ({inode(process)})" in done.stderr
        table = run("namespaces", "--limit=1000", f"--path.pods={tmp_path}").stdout
        assert "shop/cart" in table and f"netns {inode(test)}, container app" in table


@pytest.mark.parametrize("command", [("destinations",), ("port", "80"), ("trace",)])
@needs_bpf
@in_namespace
def test_what_is_not_there_is_named(tmp_path, command):
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait(PATIENCE)
    for name, words in ((gone.pid, "no process"), ("nope", "ephemera namespaces"),
                        ("shop/nope", "ephemera namespaces"), (2 ** 32 - 1, "cannot be entered")):
        done = run(*command, f"--namespace={name}", f"--path.netns={tmp_path}")
        assert done.returncode == (2 if command[0] == "port" else 1)
        assert done.stdout == "" and len(done.stderr.splitlines()) == 1
        assert words in done.stderr


@in_namespace
def test_a_file_that_is_no_namespace_is_refused(tmp_path):
    (tmp_path / "plain").touch()
    done = run("destinations", "--namespace=plain", f"--path.netns={tmp_path}")
    assert done.returncode == 1 and "not a network namespace" in done.stderr


@pytest.mark.parametrize("make", [os.mkfifo, lambda path: os.mknod(path, stat.S_IFCHR | 0o600, os.makedev(1, 3)),
                                  lambda path: os.symlink("fifo", path), os.mkdir])
@pytest.mark.parametrize("command", [("destinations",), ("port", "80"), ("trace",), ("top",), ("advise",)])
@needs_root
@in_namespace
def test_what_would_block_or_start_something_is_not_opened(tmp_path, make, command):
    os.mkfifo(tmp_path / "fifo")
    make(tmp_path / "odd")
    done = run(*command, "--namespace=odd", f"--path.netns={tmp_path}")
    assert done.returncode == (2 if command[0] == "port" else 1) and done.stdout == ""
    assert re.search(r"\bodd is not a network namespace$", done.stderr.strip())


@in_namespace(user=NOBODY)
def test_without_the_right_it_says_which():
    done = run("destinations", "--namespace=1")
    assert done.returncode == 1 and "root" in done.stderr and "CAP_" in done.stderr
    own = run("destinations", f"--namespace={os.getpid()}", "--json")
    if own.returncode == 0:
        assert json.loads(own.stdout)["destinations"] == []


@needs_root
@in_namespace
def test_the_number_of_any_namespace_is_no_pid():
    # The host's own is below those of all others, and far beyond a pid.
    done = run("port", TARGET, f"--namespace={4026531833}")
    assert "process" not in done.stderr


@needs_root
@in_namespace
@pytest.mark.parametrize("command", [("namespaces",), ("destinations", "--namespace=all"), ("port", "9", "--namespace=all")])
def test_a_source_that_sees_no_other_namespace_is_refused(command):
    done = run(*command, "--sockets.source=sock_diag")
    assert done.returncode and done.stdout == "" and "leave out --sockets.source" in done.stderr
