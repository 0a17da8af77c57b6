# SPDX-License-Identifier: Apache-2.0
"""Events that come while the kernel looks at another are not looked at, but they are counted."""

import collections
import json
import re
import socket
import subprocess
import time
from pathlib import Path

from exhaustion import watching
from lib.bpf import needs_bpf
from lib.namespace import in_namespace
from lib.sockets import IPV4, accept, at, connect_many, drop, listen, need_kernel, new

pytestmark = needs_bpf

TARGET, SILENT = 30001, 30003
MISSED = "ephemera_port_exhaustion_missed_events_total"
TCP_USER_TIMEOUT = 18
# It takes some ten seconds, by chance; more where others use the processors, too.
SECONDS = 300


def program_of(pid):
    """The id of the program that sees every change of state."""
    for file in Path(f"/proc/{pid}/fdinfo").iterdir():
        # Those of other descriptors have lines of other forms.
        if found := re.search(r"^prog_id:\t(\d+)$", file.read_text(), re.MULTILINE):
            if told_by_bpftool(found[1])["name"] == "state_changed":
                return found[1]
    raise AssertionError("no such program")


def told_by_bpftool(program):
    done = subprocess.run(["/usr/sbin/bpftool", "--json", "prog", "show", "id", program],
                          check=True, stdout=subprocess.PIPE)
    return json.loads(done.stdout)


def give_up_soon(unanswered):
    """One more connect() that a timer ends, after a second: in an interrupt."""
    sock = new(IPV4)
    sock.setblocking(False)
    sock.setsockopt(socket.IPPROTO_TCP, TCP_USER_TIMEOUT, 1)
    sock.connect_ex(at(IPV4, "127.0.0.1", SILENT))
    unanswered.append(sock)
    if len(unanswered) > 4000:
        unanswered.popleft().close()


@in_namespace
def test_they_are_counted_as_the_kernel_counts_them():
    need_kernel(6, 1, "missing an event of the tracepoint")
    listener = listen(IPV4, "127.0.0.1", TARGET)
    silent = listen(IPV4, "127.0.0.1", SILENT, backlog=0)
    full = connect_many(1, IPV4, "127.0.0.1", SILENT)
    unanswered = collections.deque()
    with watching() as exporter:
        program = program_of(exporter.pid)
        assert exporter.metrics().value(MISSED, event="tcp_state") == 0
        end = time.monotonic() + SECONDS
        while told_by_bpftool(program).get("recursion_misses", 0) == 0:
            assert time.monotonic() < end, "no event was missed"
            for _ in range(300):
                give_up_soon(unanswered)
                for _ in range(8):
                    drop(connect_many(1, IPV4, "127.0.0.1", TARGET) + accept(listener, 1))
        drop(unanswered)
        time.sleep(0.1)
        before = told_by_bpftool(program)["recursion_misses"]
        missed = exporter.metrics().value(MISSED, event="tcp_state")
        assert 0 < before <= missed <= told_by_bpftool(program)["recursion_misses"]
    drop([listener, silent, *full])
