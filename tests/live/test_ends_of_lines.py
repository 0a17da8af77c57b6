# SPDX-License-Identifier: Apache-2.0
"""What commands that run until Ctrl-C leave on a terminal, and how `ephemera trace` folds there."""

import re
import shlex

import pytest

import lib.exporter
from exhaustion import fail, fill
from lib.bpf import needs_bpf
from lib.namespace import in_namespace, set_range
from lib.sockets import IPV4, connect_many, drop, listen, wait_until
from test_top import Terminal, pytestmark  # pylint: disable=unused-import

TARGET = 30001


def terminal_of(directory, *words, columns=110, lines=40):
    """A shell that survives Ctrl-C, and says when the command has ended, as its prompt would."""
    command = shlex.join([lib.exporter.BINARY, *words])
    return Terminal(directory, columns=columns, lines=lines,
                    shell=f"trap : INT; {command}; echo \"ended $?\"; sleep 60")


@pytest.mark.parametrize("words, ready", [
    (["port", str(TARGET), "--watch"], "Watching for changes"),
    (["destinations", "--watch"], "Each destination can have"),
    pytest.param(["namespaces", "--watch"], "NETWORK NAMESPACE", marks=needs_bpf),
    pytest.param(["trace"], "Ctrl-C sums up", marks=needs_bpf),
    pytest.param(["trace", "--leases"], "Ctrl-C sums up", marks=needs_bpf),
])
@in_namespace
def test_ctrl_c_ends_on_a_line_of_its_own(words, ready, tmp_path):
    _listener = listen(IPV4, "127.0.0.1", TARGET)
    with terminal_of(tmp_path, *words) as terminal:
        terminal.shows(ready)
        terminal.press("C-c")
        wait_until(lambda: re.search(r"^ended [01]$", terminal.screen(), re.M),
                   "the end, at the start of a line")


@needs_bpf
@in_namespace
def test_a_trace_folds_what_is_alike(tmp_path):
    listeners = [listen(IPV4, "127.0.0.1", port) for port in (TARGET, TARGET + 1)]
    set_range(40000, 40009)
    kept = [sock for port in (TARGET, TARGET + 1) for sock in fill(IPV4, "127.0.0.1", port)]
    with terminal_of(tmp_path, "trace", columns=160) as terminal:
        terminal.shows("their number is shown every 5 s")
        fail(1301, IPV4, "127.0.0.1", TARGET)
        terminal.shows(f"connect 127.0.0.1:{TARGET} from")
        # Another kind is seen at once, and has a line of its own.
        fail(3, IPV4, "127.0.0.1", TARGET + 1)
        screen = terminal.shows("1,300 more like this in 5 s: connect 127.0.0.1:30001 from 127.0.0.1",
                                "... 2 more like this")
        assert len(re.findall(r"10 of 10 ports in use", screen)) == 2
        # What was not printed when it ends is, and all is in the sum.
        fail(8, IPV4, "127.0.0.1", TARGET)
        terminal.press("C-c")
        screen = terminal.shows("ended 0")
        assert re.search(r"^\S+  \.\.\. [78] more like this", screen, re.M), screen
        assert re.search(r"^1312 calls in \S+ s found no port\.$", screen, re.M), screen
        assert "came too fast" not in screen
    drop([*kept, *listeners])


@in_namespace
def test_changes_that_are_alike_are_one(tmp_path):
    set_range(40000, 40999)
    listener = listen(IPV4, "127.0.0.1", TARGET, backlog=4096)
    with terminal_of(tmp_path, "port", str(TARGET), "--watch", lines=80) as terminal:
        terminal.shows("Watching for changes")
        clients = connect_many(101, IPV4, "127.0.0.1", TARGET)

        def counts():
            found = re.findall(r"^\d\d:\d\d:\d\d \+ (?:and (\d+) like these|tcp )", terminal.screen(), re.M)
            return sum(int(count or 1) for count in found)

        # As the local port of the service, and as the remote port of the clients.
        wait_until(lambda: counts() == 202, "all of them")
        assert terminal.screen().count("+ tcp ") <= 16
        assert "They have 101 remote ports" in " ".join(terminal.screen().split()) \
            or "remote ports (" in " ".join(terminal.screen().split())
        drop(clients)
        wait_until(lambda: re.search(r"^\S+ - and \d+ like these$", terminal.screen(), re.M),
                   "that they are gone")
    del listener
