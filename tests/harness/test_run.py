# SPDX-License-Identifier: Apache-2.0
"""./tests/run in a folder of its own, where every tool but pytest is a stand-in."""

import os
import shutil
import signal
import subprocess
import time

import pytest

from lib.exporter import REPOSITORY

# dpkg-query says that each package is there, so that nothing is installed.
STAND_INS = {"dpkg-query": "printf installed", "npm": "exit 0", "cmake": 'echo "cmake $*" >> calls',
             "ctest": """echo "ctest $*" >> calls
while [ $# -gt 0 ]; do
	[ "$1" != --output-junit ] || echo '<testsuite><testcase name="unit"/></testsuite>' > "$2"
	shift
done"""}

SLEEPER = """
import os, subprocess, time
def test_{name}():
    child = subprocess.Popen(["sleep", "{seconds}"])
    with open("pids", "a") as file:
        file.write(f"{{os.getpid()}} {{child.pid}}\\n")
    child.wait()
"""


@pytest.fixture
def place(tmp_path):
    """A tree of which tests/run runs its two tests, each of which takes ten minutes."""
    for name in ("tests/run", "tests/lib/count.py", "deploy/lib/packages.sh"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(REPOSITORY / name, tmp_path / name)
    (tmp_path / "tests/lib/fetch_tools.py").write_text("")
    for name in ("replay/test_one.py", "analysis/test_two.py", "docs/test_pages.py"):
        (tmp_path / "tests" / name).parent.mkdir(exist_ok=True)
        (tmp_path / "tests" / name).write_text(SLEEPER.format(name="it", seconds=600))
    (tmp_path / "bin").mkdir()
    for name, text in STAND_INS.items():
        (tmp_path / "bin" / name).write_text(f"#!/bin/sh\n{text}\n")
        (tmp_path / "bin" / name).chmod(0o755)
    return tmp_path


def start(place, *arguments):
    environment = {**os.environ, "PATH": f"{place}/bin:{os.environ['PATH']}"}
    for name in [name for name in environment if name.startswith("PYTEST_")]:
        del environment[name]
    # A session of its own: SIGINT goes to all of it, as from a terminal. A shell cannot trap what was
    # ignored when it started, as SIGINT is in the background of a script.
    return subprocess.Popen(["tests/run", *arguments], cwd=place, env=environment, text=True,
                            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                            stderr=subprocess.STDOUT, start_new_session=True,
                            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL))


def pids(place):
    file = place / "pids"
    return [int(pid) for pid in file.read_text().split()] if file.exists() else []


def is_there(pid):
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def wait_for_tests(place, run):
    deadline = time.monotonic() + 60
    while not pids(place):
        assert run.poll() is None, run.stdout.read()
        assert time.monotonic() < deadline, "no test was begun"
        time.sleep(0.05)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_and_all_that_it_started(place, number):
    run = start(place)
    try:
        wait_for_tests(place, run)
        os.killpg(run.pid, number)
        said = run.communicate(timeout=30)[0]
    finally:
        if run.poll() is None:
            os.killpg(run.pid, signal.SIGKILL)
        left = [pid for pid in pids(place) if is_there(pid)]
        for pid in left:
            os.kill(pid, signal.SIGKILL)
    assert run.returncode == 130
    assert "Interrupted" in said
    for later in ("ThreadSanitizer\n", "passed, "):
        assert later not in said.split("Tests of the program", 1)[1], said
    assert not left


def test_quick_builds_one_preset(place):
    for path in place.glob("tests/*/test_*.py"):
        path.write_text("def test_it():\n    pass\n")
    run = start(place, "--quick")
    said = run.communicate(timeout=120)[0]
    assert run.returncode == 0, said
    # Those of replay, analysis and docs, and that of ctest.
    assert said.splitlines()[-1] == "4 passed, 0 failed, 0 skipped"
    builds = [line for line in (place / "calls").read_text().splitlines() if "--build" in line]
    assert builds == ["cmake --build build/debug"]


def test_a_failure_is_its_status(place):
    for path in place.glob("tests/*/test_*.py"):
        path.write_text("def test_it():\n    assert 'replay' not in __file__\n")
    run = start(place, "tests/replay", "tests/analysis")
    said = run.communicate(timeout=120)[0]
    assert run.returncode == 1, said
    assert said.splitlines()[-1] == "2 passed, 1 failed, 0 skipped"
