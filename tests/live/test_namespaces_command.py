# SPDX-License-Identifier: Apache-2.0
"""`ephemera namespaces`: what it says of namespaces that the test makes."""

import json
import os
import re
import signal
import subprocess

import pytest

from lib.bpf import needs_bpf
from lib.exporter import BINARY, PATIENCE, metrics, run
from lib.namespace import NOBODY, in_namespace
from other_namespaces import another, inode

CLIENTS = 23
SIZE = 29
FULL = f"""
set_range(40000, {40000 + SIZE - 1})
listener = listen(IPV4, "127.0.0.1", 30001)
clients = connect_many({CLIENTS}, IPV4, "127.0.0.1", 30001)
servers = accept(listener, {CLIENTS})
"""


def rows(*flags):
    done = run("namespaces", "--json", "--limit=1000", *flags)
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    assert answer["total"] >= len(answer["namespaces"])
    return answer["namespaces"]


@needs_bpf
@in_namespace
def test_each_has_a_row(tmp_path):
    with another(FULL, tmp_path, "full") as process:
        found = rows(f"--path.netns={tmp_path}")
        [row] = [row for row in found if row["inode"] == inode(process)]
        assert row["netns"] == "full"
        # The listener, and both ends of each connection.
        assert row["sockets"] == 1 + 2 * CLIENTS
        assert row["usable_ports"] == SIZE and row["leased_ports"] == CLIENTS
        assert row["usage_ratio"] == pytest.approx(CLIENTS / SIZE)
        assert row["fullest_destination"] == {
            "source": "127.0.0.1", "destination": "127.0.0.1", "destination_port": 30001,
            "family": "ipv4", "ports": CLIENTS}
        assert not row["is_own"] and not row["is_host"]
        [own] = [row for row in found if row["is_own"]]
        assert own["inode"] == os.stat("/proc/self/ns/net").st_ino
        ratios = [row["usage_ratio"] for row in found]
        assert ratios == sorted(ratios, reverse=True)


@needs_bpf
@in_namespace
def test_the_table_has_the_fullest_first(tmp_path):
    with another(FULL, tmp_path, "full"):
        done = run("namespaces", "--limit=1000", f"--path.netns={tmp_path}")
        assert done.returncode == 0, done.stderr
        lines = done.stdout.splitlines()
        at = next(i for i, line in enumerate(lines) if line.startswith("full "))
        assert re.fullmatch(rf"full +{1 + 2 * CLIENTS} +0 +{SIZE} +{CLIENTS} +79\.3%", lines[at])
        assert lines[at + 1] == "  to 127.0.0.1:30001 from 127.0.0.1"
        assert all(len(line) <= 80 for line in lines)


@needs_bpf
@in_namespace
def test_a_name_that_is_gone_leaves_the_number(tmp_path):
    with another(FULL) as process:
        [row] = [row for row in rows(f"--path.netns={tmp_path}") if row["inode"] == inode(process)]
        assert row["netns"] == str(inode(process))


@needs_bpf
@in_namespace
def test_a_link_is_a_name(tmp_path):
    """ln -s /proc/PID/ns/net /run/netns/NAME, as people name those of Docker's containers."""
    flag = f"--path.netns={tmp_path}"
    with another(FULL) as process:
        for name, target in (("docker", f"/proc/{process.pid}/ns/net"), ("gone", "/proc/0/ns/net"),
                             ("another-kind", f"/proc/{process.pid}/ns/mnt"), ("directory", "/proc")):
            (tmp_path / name).symlink_to(target)
        os.mkfifo(tmp_path / "fifo")
        (tmp_path / "to-fifo").symlink_to("fifo")
        found = rows(flag)
        [row] = [row for row in found if row["inode"] == inode(process)]
        assert row["netns"] == "docker"
        assert all(each["netns"] == str(each["inode"]) for each in found if each != row)
        scrape = metrics("--namespaces=all", "--namespaces.limit=1000", flag)
        assert scrape.value("ephemera_range_usable_ports", netns="docker") == SIZE
        for name in ("docker", inode(process)):
            done = run("port", 30001, f"--namespace={name}", flag)
            assert done.returncode == 0 and done.stderr.startswith("This is about network namespace docker. ")


@needs_bpf
@in_namespace
def test_watch_prints_it_again():
    with subprocess.Popen([BINARY, "namespaces", "--watch", "--json", "--limit=1"], text=True,
                          stdout=subprocess.PIPE) as process:
        assert all(json.loads(process.stdout.readline())["total"] for _ in range(2))
        process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE) == 0


@in_namespace(user=NOBODY)
def test_without_the_right_it_says_what_to_do():
    done = run("namespaces")
    assert done.returncode == 1 and done.stdout == ""
    assert len(done.stderr.splitlines()) == 1
    assert "CAP_BPF" in done.stderr and "run it as root" in done.stderr
