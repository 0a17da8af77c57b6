# SPDX-License-Identifier: Apache-2.0
"""What several files of this folder use."""

import shutil

import pytest

import kube
import lib.exporter
from lib.exporter import REPOSITORY

# The sanitizers' runtimes need system calls of their own.
PLAIN = REPOSITORY / "build" / "clang" / "ephemera"


@pytest.fixture
def plain(monkeypatch, public_binary):
    """A build without sanitizers that every user can run."""
    if not PLAIN.exists():
        pytest.skip("there is no build without sanitizers; ./tests/run makes one")
    shutil.copy(PLAIN, public_binary)
    monkeypatch.setattr(lib.exporter, "BINARY", public_binary)


@pytest.fixture(scope="session")
def example_chart(tmp_path_factory):
    """The chart that has Ephemera's as a dependency, as `helm dependency build` leaves it."""
    folder = tmp_path_factory.mktemp("charts")
    shutil.copytree(kube.CHART.parent, folder / "chart")
    kube.call("helm", "dependency", "build", folder / "chart" / "example")
    return folder / "chart" / "example"
