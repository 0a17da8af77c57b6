# SPDX-License-Identifier: Apache-2.0
"""Where the exporter reads sockets from, for tests that hold with each source."""

import pytest

from lib import bpf, exporter

WALK, SOCK_DIAG = "walk", "sock_diag"
BLIND = "--sockets.source=sock_diag"

# For pytestmark: each test of the file is made with each source that tells all of its facts. Who may
# load BPF programs walks the kernel's tables without a flag.
EACH_SOURCE = [
    pytest.mark.usefixtures("socket_source"),
    pytest.mark.parametrize("socket_source", [
        pytest.param(WALK, marks=bpf.needs_bpf), SOCK_DIAG], indirect=True)]


def use(source):
    """Every program that is started from now on reads there, unless it is told another source."""
    exporter.DEFAULTS[:] = [BLIND] if source == SOCK_DIAG else []
