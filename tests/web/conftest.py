# SPDX-License-Identifier: Apache-2.0
import pytest

from lib.exporter import Exporter


@pytest.fixture(scope="module")
def exporter():
    """One exporter with its defaults for all of a file's tests that need nothing else."""
    with Exporter() as running:
        yield running
