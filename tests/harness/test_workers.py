# SPDX-License-Identifier: Apache-2.0
"""Tests that run several at a time: what each worker has, and what goes to which."""

import os
import shutil
import subprocess
import sys

import pytest

from lib.exporter import REPOSITORY

pytest.importorskip("xdist")

WORKERS = 4

TEST = """
import os
import pytest

def note(what):
    with open({place!r} + "/notes", "a") as file:
        file.write(f"{{what}} {{os.getpid()}} {{os.readlink('/proc/self/ns/net')}}\\n")

@pytest.fixture{scope}
def started():
    note("started")

@pytest.mark.parametrize("number", range(24))
def test_it(number, started):
    note("ran")
"""


@pytest.fixture
def run(tmp_path):
    """Runs a file of 24 tests among the workers: [(what was done, pid, network namespace)]."""
    for name in ("conftest.py", "lib/__init__.py", "lib/namespace.py"):
        (tmp_path / "tests" / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(REPOSITORY / "tests" / name, tmp_path / "tests" / name)

    def run_one(scope):
        (tmp_path / "tests/test_one.py").write_text(TEST.format(place=str(tmp_path), scope=scope))
        environment = {name: value for name, value in os.environ.items()
                       if not name.startswith("PYTEST_")}
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-n", str(WORKERS),
             "tests"], cwd=tmp_path, env=environment, check=False, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=300)
        assert done.returncode == 0, done.stdout
        return [line.split() for line in (tmp_path / "notes").read_text().splitlines()]

    return run_one


def test_what_a_file_shares_is_made_once(run):
    assert sum(what == "started" for what, _, _ in run('(scope="module")')) == 1


def test_others_go_to_every_worker(run):
    notes = run("")
    assert sum(what == "ran" for what, _, _ in notes) == 24
    assert len({pid for _, pid, _ in notes}) == WORKERS


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gets a namespace a worker")
def test_each_worker_has_a_network_of_its_own(run):
    networks = {pid: network for _, pid, network in run("")}
    assert len(networks) == len(set(networks.values())) == WORKERS
    assert os.readlink("/proc/self/ns/net") not in networks.values()
