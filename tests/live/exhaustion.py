# SPDX-License-Identifier: Apache-2.0
"""Destinations without a port left, calls that find none, and the exporter that counts them."""

import contextlib
import errno
import os
import tempfile

import pytest

from lib.exporter import Exporter
from lib.sockets import at, connect_until_refused, new

ON = "--collector.exhaustion"


@contextlib.contextmanager
def watching(*flags, env=None):
    """The exporter with the collector, asked through a unix socket: scrapes lease no ports."""
    with tempfile.TemporaryDirectory() as place:
        os.chmod(place, 0o711)
        with Exporter(f"--web.listen-address=unix:{place}/socket", ON, *flags, env=env) as exporter:
            yield exporter


def need_functions(exporter):
    """Skips where no program may follow the kernel's functions: then bind() is not counted."""
    if not exporter.metrics().value("ephemera_kernel_feature", feature="bind_conflicts"):
        pytest.skip("this kernel lets no program follow its functions")


def fill(family, address, port, size=10):
    """Takes every port towards the destination, of a range of that size. One more call fails."""
    socks, error = connect_until_refused(family, address, port)
    assert (len(socks), error) == (size, errno.EADDRNOTAVAIL)
    return socks


def fail(count, family, address, port):
    """count connects to a destination that has no port left; each must fail for that."""
    for _ in range(count):
        with new(family) as sock:
            assert sock.connect_ex(at(family, address, port)) == errno.EADDRNOTAVAIL
