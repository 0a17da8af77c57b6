# SPDX-License-Identifier: Apache-2.0
"""`ephemera port --namespace=all`: what is on a port, in any network namespace."""

import json
import os
import re

from lib.bpf import needs_bpf
from lib.exporter import run
from lib.namespace import NOBODY, enter_another, enter_first, in_namespace
from lib.sockets import IPV4, listen, need_kernel
from other_namespaces import another, inode

PORT = 29989
LISTENS = f"listener = listen(IPV4, '127.0.0.1', {PORT})\n"
CONNECTS = (f"listener = listen(IPV4, '127.0.0.1', {PORT})\n"
            f"clients = connect_many(7, IPV4, '127.0.0.1', {PORT})\n"
            "servers = accept(listener, 7)\n")
UDP = f"udp = bound(IPV4, '127.0.0.1', {PORT}, socket.SOCK_DGRAM)\n"


def ask(*flags):
    done = run("port", PORT, "--namespace=all", *flags)
    assert done.returncode in (0, 1), done.stderr
    return done


def answers(*flags):
    """By the inode of the namespace."""
    lines = [json.loads(line) for line in ask("--json", *flags).stdout.splitlines()]
    found = {line["inode"]: line for line in lines}
    assert len(found) == len(lines)
    return found


@needs_bpf
@in_namespace
def test_each_namespace_with_the_port_answers(tmp_path):
    with another(LISTENS, tmp_path, "first") as first, another(CONNECTS) as second, \
            another("") as nothing:
        found = answers(f"--path.netns={tmp_path}")
        assert found[inode(first)]["netns"] == "first"
        assert inode(nothing) not in found
        for process, total in ((first, 1), (second, 1 + 7)):
            [answer] = found[inode(process)]["ports"]
            assert answer["local"]["total"] == total
            listener = next(each for each in answer["local"]["sockets"] if each["state"] == "listen")
            assert [each["pid"] for each in listener["processes"]] == [process.pid]
        said = ask(f"--path.netns={tmp_path}")
        assert said.returncode == 0
        headings = [line for line in said.stdout.splitlines() if line in
                    ("first:", f"{inode(second)}:", f"{inode(nothing)}:")]
        assert sorted(headings) == sorted(["first:", f"{inode(second)}:"])


@needs_bpf
@in_namespace
def test_udp_counts_too():
    need_kernel(6, 2, "a walk over UDP")
    with another(UDP) as process:
        [answer] = answers()[inode(process)]["ports"]
        assert [each["protocol"] for each in answer["local"]["sockets"]] == ["udp"]


@needs_bpf
@in_namespace
def test_one_that_cannot_be_entered_shows_its_sockets():
    enter_another()
    number = os.stat("/proc/self/ns/net").st_ino
    _listener = listen(IPV4, "127.0.0.1", PORT)
    enter_first()
    told = answers()[number]
    assert told["sockets"] == 1 and "cannot be entered" in told["error"]
    lines = ask().stdout.splitlines()
    at = lines.index(f"{number}:")
    assert lines[at + 1].split() == ["tcp", "listen", f"127.0.0.1:{PORT}"]


@needs_bpf
@in_namespace
def test_nothing_anywhere_is_said():
    done = run("port", 29988, "--namespace=all")
    assert done.returncode == 1 and done.stdout.startswith("Nothing is on this port in any of ")


@in_namespace(user=NOBODY)
def test_without_the_right_it_says_what_to_do():
    done = run("port", PORT, "--namespace=all")
    assert done.returncode == 2 and done.stdout == ""
    assert "CAP_BPF" in done.stderr and len(done.stderr.splitlines()) == 1


@needs_bpf
@in_namespace
def test_an_empty_port_names_the_way_to_others():
    hint = "--namespace=all shows"
    with another(LISTENS):
        done = run("port", PORT)
        assert done.returncode == 1 and done.stderr == ""
        # Other tests' namespaces may have something there, too.
        assert re.fullmatch(r"(1 other network namespace has|\d+ other network namespaces have) something on "
                            r"this port: --namespace=all shows (it|them)\.", done.stdout.splitlines()[-1])
        assert hint in run("port", PORT, f"{PORT + 1}-{PORT + 9}").stdout
        # Only where it may help, and only people are told.
        assert json.loads(run("port", PORT, "--json").stdout)["ports"]
        assert hint not in run("port", PORT, f"--namespace={os.getpid()}").stdout
        assert hint not in run("port", PORT, "--sockets.source=sock_diag").stdout
        _listener = listen(IPV4, "127.0.0.1", PORT)
        assert hint not in run("port", PORT).stdout


@needs_bpf
@in_namespace
def test_the_range_is_that_of_the_namespace():
    # It is fuller than the test's own, which is asked after it.
    with another("set_range(20000, 40000)\n" + CONNECTS) as process:
        done = run("port", PORT, f"--namespace={process.pid}")
        assert "this network namespace's ephemeral range (20000-40000)" in " ".join(done.stdout.split())
        assert "this host's ephemeral range" not in " ".join(done.stdout.split())
        _listener = listen(IPV4, "127.0.0.1", PORT)
        said = " ".join(ask().stdout.split())
        # Its own, and the other one's.
        assert "this host's ephemeral range" in said
        assert "this network namespace's ephemeral range (20000-40000)" in said
        assert "this host's" in " ".join(run("port", PORT, f"--namespace={os.getpid()}").stdout.split())
