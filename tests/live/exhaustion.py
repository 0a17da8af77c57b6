# SPDX-License-Identifier: Apache-2.0
"""Destinations without a port left, and calls that find none."""

import errno

from lib.sockets import at, connect_until_refused, new


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
