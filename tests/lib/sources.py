# SPDX-License-Identifier: Apache-2.0
"""Where the exporter reads sockets from, for tests that hold with several sources.

    @read_by(BPF, SOCK_DIAG, PROCFS)
    @in_namespace
    def test_something(socket_source):
        assert metrics().value(...) == (7 if tells(socket_source, BOUND_ONLY) else 0)
"""

import pytest

from lib import bpf, exporter

AUTO, BPF, SOCK_DIAG, PROCFS = "auto", "bpf", "sock_diag", "procfs"
BLIND = "--sockets.source=sock_diag"

# What some sources do not tell, each by its row of docs/semantics.md, "What each source shows"; with
# which of them it is told. test_semantics_page.py compares the two.
BOUND_ONLY = "sockets that only bind()"
CHOSEN = "sockets that were bound to a port by number, and then connected"
BOUND_FIRST = "bind(address, 0) and then connect(); TIME_WAIT of a bound socket"
REUSABLE = "which TIME_WAIT connect() may take over"
SPEAKS_IPV4 = "whether an IPv6 socket uses IPv4"
INTERFACE = "interface that the socket is bound to"
QUEUE_LIMIT = "limit of accept queues"
TOLD_BY = {
    BOUND_ONLY: {BPF, SOCK_DIAG},
    CHOSEN: {BPF, SOCK_DIAG},
    BOUND_FIRST: {BPF},
    REUSABLE: {BPF},
    SPEAKS_IPV4: {BPF},
    INTERFACE: {BPF, SOCK_DIAG},
    QUEUE_LIMIT: {BPF, SOCK_DIAG},
}
# By sock_diag with --collector.binds.buckets.
TOLD_WITH_BUCKETS = {BOUND_FIRST, REUSABLE}


def tells(source, fact, buckets=False):
    return source in TOLD_BY[fact] or (source == SOCK_DIAG and buckets and fact in TOLD_WITH_BUCKETS)


def read_by(*sources):
    """The mark of a test, or of a file as its pytestmark, that is made with each of the sources. A
    program that cannot read there fails, so none is taken for another; AUTO is without a flag."""
    return pytest.mark.parametrize("socket_source", [
        pytest.param(source, marks=bpf.needs_bpf) if source in (AUTO, BPF) else source
        for source in sources], indirect=True)


def use(source):
    """Every program that is started from now on reads there, unless it is told another source."""
    exporter.DEFAULTS[:] = [] if source == AUTO else [f"--sockets.source={source}"]
