# SPDX-License-Identifier: Apache-2.0
"""Destinations without a port left, calls that find none, and the exporter that counts them."""

import contextlib
import ctypes
import errno
import os
import tempfile
import threading

import pytest

from lib.exporter import Exporter
from lib.sockets import at, connect_until_refused, new

ON = "--collector.exhaustion"
CLONE_NEWNET = 0x40000000


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


def ask_in_namespace_of(exporter):
    """Its metrics, from a thread that goes where it is."""
    found = []

    def ask():
        with open(f"/proc/{exporter.pid}/ns/net", "rb") as place:
            assert ctypes.CDLL(None, use_errno=True).setns(place.fileno(), CLONE_NEWNET) == 0
        found.append(exporter.metrics())

    thread = threading.Thread(target=ask)
    thread.start()
    thread.join()
    return found[0]
