# SPDX-License-Identifier: Apache-2.0
"""--watch on a terminal: the first rows are on the screen, also when its size changes."""

import contextlib
import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import time

import pytest

from lib.bpf import needs_bpf
from lib.exporter import BINARY, PATIENCE, environment
from lib.namespace import in_namespace, set_range
from lib.sockets import IPV4, accept, connect_many, drop, listen
from other_namespaces import another

FIRST_PORT = 30001
DESTINATIONS = 19

FULL = """
set_range(40000, 40009)
listener = listen(IPV4, "127.0.0.1", 30001)
clients = connect_many({clients}, IPV4, "127.0.0.1", 30001)
"""

WATCHES = [("namespaces",), ("destinations", "--namespace=all"), ("destinations",)]


class Screen:
    """A terminal, and a command that watches in it."""

    def __init__(self, lines, *command):
        self.master, slave = pty.openpty()
        self.lines = None
        self.resize(lines)
        self.process = subprocess.Popen([BINARY, *command, "--watch"], stdin=slave, stdout=slave,
                                        stderr=slave, env=environment(), start_new_session=True)
        os.close(slave)

    def resize(self, lines, columns=80):
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
        if self.lines:
            # The terminal is nobody's controlling one, so no one else tells.
            self.process.send_signal(signal.SIGWINCH)
        self.lines = lines

    def frame(self):
        """The lines of the next frame that begins from now on."""
        came, end = "", time.monotonic() + PATIENCE
        while came.count("\x1b[H\x1b[J") < 2:
            ready, _, _ = select.select([self.master], [], [], end - time.monotonic())
            assert ready, f"no frame in {came!r}"
            came += os.read(self.master, 65536).decode()
        return came.split("\x1b[H\x1b[J")[1].splitlines()

    def end(self):
        self.process.send_signal(signal.SIGINT)
        with contextlib.suppress(OSError):
            while os.read(self.master, 65536):
                pass
        assert self.process.wait(PATIENCE) == 0
        os.close(self.master)


@needs_bpf
@in_namespace
@pytest.mark.parametrize("command", WATCHES)
def test_the_first_rows_are_on_the_screen(command):
    set_range(40000, 40999)
    listeners = [listen(IPV4, "127.0.0.1", FIRST_PORT + i) for i in range(DESTINATIONS)]
    clients = [connect_many(i + 1, IPV4, "127.0.0.1", FIRST_PORT + i) for i in range(DESTINATIONS)]
    _servers = [accept(listener, len(some)) for listener, some in zip(listeners, clients)]
    with contextlib.ExitStack() as stack:
        for _ in range(7):
            stack.enter_context(another(FULL.format(clients=9)))
        screen = Screen(24, *command)
        for lines in (24, 12, 40):
            screen.resize(lines)
            screen.frame()  # it may be of the size before
            frame = screen.frame()
            assert len(frame) < lines, frame
            titles = [i for i, line in enumerate(frame) if re.match(r"(NETWORK NAMESPACE|DESTINATION) ", line)]
            assert len(titles) == 1
            shown = [line for line in frame[titles[0] + 1:] if re.search(r" [\d.]+%$", line)]
            assert shown, frame
            if lines == 12:
                [more] = [line for line in frame if line.startswith("And ")]
                assert "(the terminal is full)" in more
                small = len(shown)
            if lines == 40:
                assert len(shown) > small
        screen.end()


@needs_bpf
@in_namespace
@pytest.mark.parametrize("command", WATCHES)
def test_what_is_no_terminal_gets_all_rows(command):
    set_range(40000, 40999)
    listeners = [listen(IPV4, "127.0.0.1", FIRST_PORT + i) for i in range(DESTINATIONS)]
    clients = [connect_many(1, IPV4, "127.0.0.1", FIRST_PORT + i) for i in range(DESTINATIONS)]
    _servers = [accept(listener, len(some)) for listener, some in zip(listeners, clients)]
    with subprocess.Popen([BINARY, *command, "--watch", "--limit=1000"], text=True, stdout=subprocess.PIPE,
                          env={**environment(), "LINES": "5"}) as process:
        header = process.stdout.readline()
        lines = [header]
        while lines.count(header) < 2:
            lines.append(process.stdout.readline())
        process.send_signal(signal.SIGINT)
        process.stdout.read()
        assert process.wait(PATIENCE) == 0
    assert not [line for line in lines if "\x1b" in line or "the terminal is full" in line]
    if command[0] == "destinations":
        assert len([line for line in lines if re.search(r"127\.0\.0\.1:300\d\d", line)]) >= DESTINATIONS


@needs_bpf
@in_namespace
def test_namespaces_fit_a_narrow_terminal():
    set_range(40000, 40999)
    listener = listen(IPV4, "127.0.0.1", FIRST_PORT)
    clients = connect_many(7, IPV4, "127.0.0.1", FIRST_PORT)
    # Tall, since those that other tests fill at the same time may come first.
    screen = Screen(2000, "namespaces", "--limit=1000")
    screen.resize(2000, 40)
    screen.frame()  # it may be of the size before
    frame = screen.frame()
    assert max(map(len, frame)) <= 40, frame
    assert "  0.7%: 7 of 1000 ports," in "\n".join(frame)
    screen.end()
    drop(clients)
    del listener
