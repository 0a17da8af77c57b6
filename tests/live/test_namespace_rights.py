# SPDX-License-Identifier: Apache-2.0
"""What is said to those who may not look at other network namespaces: which right is missing."""

import json
import os
import shutil
import subprocess

import pytest

import lib.exporter
from lib.bpf import needs_bpf
from lib.namespace import NOBODY, in_namespace
from other_namespaces import another, inode

PORT = 30001
LISTENER = f'listener = listen(IPV4, "127.0.0.1", {PORT})'

EACH = [("namespaces",), ("destinations", "--namespace=all"), ("port", "9", "--namespace=all"), ("trace",),
        ("trace", "--namespace=all"), ("trace", "--leases")]

pytestmark = [
    pytest.mark.skipif(os.geteuid() != 0, reason="only root can give up rights that it has"),
    pytest.mark.skipif(not shutil.which("setpriv"), reason="there is no setpriv"),
    pytest.mark.usefixtures("public_binary"),
]


def run_with(options, *command):
    return subprocess.run(["setpriv", *options, lib.exporter.BINARY, *command], stdin=subprocess.DEVNULL, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60, check=False)


def nobody_with(capabilities):
    return (f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups",
            f"--inh-caps={capabilities}", f"--ambient-caps={capabilities}")


def assert_fails(done, words):
    assert done.returncode and done.stdout == "", done
    assert len(done.stderr.splitlines()) == 1 and words in done.stderr, done.stderr


@in_namespace
@pytest.mark.parametrize("command", EACH)
def test_root_is_told_what_it_lacks(command):
    done = run_with(["--bounding-set=-bpf,-perfmon,-sys_admin"], *command)
    assert_fails(done, "root here lacks CAP_BPF and CAP_PERFMON")
    assert "run it as root" not in done.stderr


@needs_bpf
@in_namespace
def test_others_are_told_what_they_lack():
    for command in EACH:
        done = run_with(nobody_with("+bpf"), *command)
        assert_fails(done, "CAP_PERFMON is missing; run it as root")


@in_namespace
@pytest.mark.parametrize("command", EACH)
def test_root_of_a_user_namespace_is_told_that_it_is_not_root_of_the_host(command):
    done = subprocess.run(["unshare", "--user", "--map-root-user", lib.exporter.BINARY, *command], text=True, timeout=60,
                          stdin=subprocess.DEVNULL, capture_output=True, check=False)
    if "unshare failed" in done.stderr:
        pytest.skip("no user namespace can be made here")
    assert_fails(done, "run it as root of the host")


@in_namespace
def test_root_that_may_not_enter_is_told_which_right_it_lacks(tmp_path):
    with another(LISTENER, tmp_path, "full"):
        done = run_with(["--bounding-set=-sys_admin"], "port", str(PORT), "--namespace=full",
                        f"--path.netns={tmp_path}")
        assert_fails(done, "needs CAP_SYS_ADMIN and CAP_SYS_PTRACE: root here lacks CAP_SYS_ADMIN")


@needs_bpf
@in_namespace
def test_what_may_be_walked_but_not_entered_is_shown_and_why_is_said_once():
    with another(LISTENER) as one, another(LISTENER) as two:
        rights = nobody_with("+bpf,+perfmon")
        done = run_with(rights, "port", str(PORT), "--namespace=all")
        assert done.returncode == 0, done.stderr
        said = " ".join(done.stdout.split())
        for process in (one, two):
            assert f"{inode(process)}: tcp listen 127.0.0.1:{PORT}" in said
        assert said.count("CAP_SYS_ADMIN") == 1
        assert said.endswith("Of other network namespaces only the sockets are shown, not their processes: "
                             "entering another network namespace needs CAP_SYS_ADMIN and CAP_SYS_PTRACE: "
                             "run it as root")
        done = run_with(rights, "port", str(PORT), "--namespace=all", "--json")
        lines = [json.loads(line) for line in done.stdout.splitlines()]
        ours = [line for line in lines if line["inode"] in (inode(one), inode(two))]
        assert [(line["sockets"], "CAP_SYS_ADMIN" in line["error"]) for line in ours] == [(1, True)] * 2
