# SPDX-License-Identifier: Apache-2.0
"""The rig of tests/soak, for less time than it is made for: it holds, and so does the exporter."""

import os
import subprocess
from pathlib import Path

import pytest

from lib.exporter import BINARY, REPOSITORY

HELPER = "tests/soak/ephemera-churn"


def test_a_short_soak():
    helper = Path(BINARY).parent / HELPER
    if not helper.exists():
        pytest.skip(f"{HELPER} is not beside the exporter")
    done = subprocess.run([REPOSITORY / "tests/soak/run", "0.3", "--rate", "1000"], check=False, timeout=400,
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True,
                          env={**os.environ, "EPHEMERA": str(Path(BINARY).resolve())})
    if done.returncode == 77:
        pytest.skip(done.stdout.strip())
    assert done.returncode == 0, done.stdout
    assert "Nothing failed" in done.stdout


@pytest.mark.parametrize("arguments", [[], ["x"], ["0"], ["1", "--rate", "x"]], ids=" ".join)
def test_wrong_command_lines(arguments):
    done = subprocess.run([REPOSITORY / "tests/soak/run", *arguments], check=False, timeout=60,
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True,
                          env={**os.environ, "EPHEMERA": BINARY})
    assert done.returncode == 2, done.stdout
