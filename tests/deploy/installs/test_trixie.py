# SPDX-License-Identifier: Apache-2.0
"""Debian 13, of another gcc, clang, cmake, libmicrohttpd, libbpf and Python than the one that this
tree is kept with: a newcomer's first minutes there, and the tests that are quick."""

import os
import subprocess

import pytest

from lib import debian
from lib.exporter import REPOSITORY

USER = "newcomer"
HOME = f"/home/{USER}"

@pytest.fixture(scope="module", name="tree")
def fixture_tree():
    """A Debian 13 with nothing but what a user has fetched."""
    with debian.Tree("trixie") as tree:
        tree.run("useradd", "--create-home", "--shell", "/bin/bash", USER)
        place = tree.root / HOME.lstrip("/") / "ephemera"
        place.mkdir()
        packed = subprocess.Popen(
            ["tar", "-C", REPOSITORY, "-c", "--exclude=./build", "--exclude=./.git",
             "--exclude=node_modules", "--exclude=__pycache__", "."], stdout=subprocess.PIPE)
        subprocess.run(["tar", "-C", place, "-x"], stdin=packed.stdout, check=True)
        assert packed.wait() == 0
        tree.run("chown", "-R", f"{USER}:", HOME)
        yield tree


def as_user(tree, script, **kw):
    return tree.run("runuser", "-u", USER, "--", "env", f"HOME={HOME}", "bash", "-c",
                    f"cd {HOME}/ephemera || exit\n{script}", **kw)


def as_root(tree, script, **kw):
    return tree.run("bash", "-c", f"cd {HOME}/ephemera || exit\n{script}", **kw)


@pytest.fixture(scope="module", name="told")
def fixture_told(tree):
    """What the quickstart says where packages are missing."""
    return as_user(tree, "./deploy/quickstart", check=False)


def commands(told):
    """Those that an administrator is to run."""
    return [line.strip() for line in told.stdout.splitlines() if line.startswith("    apt-get ")]


def test_the_quickstart_says_who_installs_what(tree, told):
    assert told.returncode == 1, told.stdout
    assert "there is no sudo. Ask an administrator of this machine to run" in told.stdout
    assert len(commands(told)) == 2
    assert not (tree.root / HOME.lstrip("/") / "ephemera/build").exists()


@pytest.fixture(scope="module", name="installed")
def fixture_installed(tree, told):
    """Its administrator has done what was said, word for word."""
    for command in commands(told):
        tree.run("bash", "-c", f"{command.replace(' install ', ' install -y -qq ')}", timeout=900)
    return tree


# Status 0 when the exporter has served the metrics of its network, another after ten minutes at most.
WAIT = """
./deploy/quickstart >quickstart.out 2>&1 &
for _ in $(seq 550); do
    kill -0 $! 2>/dev/null || break
    if grep -q "Ctrl-C ends it. Its log" quickstart.out; then
        curl -sf http://127.0.0.1:10059/metrics | grep "^ephemera_range_ports "
        status=$?
        kill $! && wait $!
        exit $status
    fi
    sleep 1
done
cat quickstart.out
exit 1
"""


def test_the_quickstart_serves_metrics(installed):
    # The port is fixed, so the network is its own.
    done = subprocess.run(
        ["unshare", "--net", "sh", "-c", 'ip link set lo up && exec "$@"', "sh",
         *installed.wrapper("--pid", "--fork", "--kill-child"), "runuser", "-u", USER, "--", "env",
         f"HOME={HOME}", "bash", "-c", f"cd {HOME}/ephemera || exit\n{WAIT}"],
        check=False, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        text=True, timeout=600, env={"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8"})
    assert done.returncode == 0, done.stdout[-4000:]
    assert done.stdout.startswith("ephemera_range_ports "), done.stdout


def test_the_quick_tests_pass(installed):
    done = as_root(installed, "./tests/run --quick", timeout=1800, check=False)
    assert done.returncode == 0, done.stdout[-4000:]
    assert " passed, 0 failed, " in done.stdout.splitlines()[-1], done.stdout[-400:]
