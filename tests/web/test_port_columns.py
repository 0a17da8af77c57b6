# SPDX-License-Identifier: Apache-2.0
"""What `ephemera port` prints for people: it fits, and what others named is harmless."""

import contextlib
import ctypes
import fcntl
import os
import pty
import re
import resource
import signal
import socket
import struct
import subprocess
import sys
import termios

import pytest

from lib.exporter import BINARY, run
from lib.namespace import in_namespace, set_range
from lib.sockets import (IPV4, IPV6, accept, add_address, bound, connect, listen, need_ipv6, pairs,
                         port_of, time_wait)

from port import PIPE, ask, assert_fits, assert_harmless, text_of

SERVICE = 30001
PR_SET_NAME = 15

# No group of zeros that could be left out: as long as an address can be.
LONG = ["2001:db80:1111:2222:3333:4444:5555:6666", "2001:db80:aaaa:bbbb:cccc:dddd:eeee:ffff"]


def on_a_terminal(columns, *args):
    """What it prints on a terminal so wide."""
    leader, follower = pty.openpty()
    fcntl.ioctl(follower, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    with subprocess.Popen([BINARY, "port", *map(str, args)], stdin=follower, stdout=follower,
                          stderr=subprocess.PIPE, text=True) as proc:
        os.close(follower)
        text = b""
        # Linux says EIO where the other side is closed.
        with contextlib.suppress(OSError):
            while more := os.read(leader, 65536):
                text += more
        errors = proc.stderr.read()
    os.close(leader)
    assert errors == ""
    return text.decode().replace("\r\n", "\n")


def texts(*args, terminals=(60, 80, 133, 200)):
    """[(what it prints, the columns that it has)]: into a pipe, and on terminals."""
    return [(text_of(*args), PIPE)] + [(on_a_terminal(columns, *args), columns)
                                     for columns in terminals]


def crowd():
    """One socket of each kind, in a range that is reserved in pieces."""
    set_range(40000, 40099)
    listener = listen(IPV4, "127.0.0.1", 40077)
    kept = [pairs(2, IPV4, listener, "127.0.0.1", 40077),
            connect(IPV4, "127.0.0.1", 40077), bound(IPV4, "127.0.0.2", 40050),
            bound(IPV4, "127.0.0.2", 40051, socket.SOCK_DGRAM), listener]
    time_wait(1, IPV4, listen(IPV4, "127.0.0.1", SERVICE), "127.0.0.1", SERVICE)
    return kept


@in_namespace
def test_it_fits():
    _kept = crowd()
    for text, columns in texts("1-65535", 22, 40001, 40002, 40010):
        # The advice is one line: it is there to be copied.
        text = re.sub(r"^  sysctl -w .*$", "", text, flags=re.M)
        assert "A service for this host only" in text.replace("\n       ", " ")
        assert_fits(text, columns)
        assert max(map(len, text.splitlines())) > (columns or 80) * 0.8 or columns > 80


@in_namespace
def test_long_ipv6_addresses_fit():
    need_ipv6()
    set_range(40000, 40099)
    for address in LONG:
        add_address(address, 128)
    listener = listen(IPV6, LONG[0], 40077)
    client = connect(IPV6, LONG[0], 40077, source=LONG[1], no_port=True)
    _kept = accept(listener, 1)
    for text, columns in texts(40077, port_of(client)):
        assert LONG[0] in text and LONG[1] in text
        assert_fits(re.sub(r"^  sysctl -w .*$", "", text, flags=re.M), columns)


@in_namespace
def test_many_descriptors_fit():
    resource.setrlimit(resource.RLIMIT_NOFILE, (4096, resource.getrlimit(
        resource.RLIMIT_NOFILE)[1]))
    ctypes.CDLL(None).prctl(PR_SET_NAME, b"a-name-as-long-as-it-may-be", 0, 0, 0)
    sock = listen(IPV4, "127.0.0.1", SERVICE)
    for fd in range(4000, 4020):
        os.dup2(sock.fileno(), fd)
    for text, columns in texts(SERVICE):
        assert f"a-name-as-long- (pid {os.getpid()}, fd" in text
        assert_fits(text, columns)


# Names that somebody else chose

NAMES = {"escape": b"\x1b[31mred\x07", "new line": b"a\nb\n", "c1": b"\xc2\x9b31m",
         "no utf-8": b"\xff\xfe\x80", "quote": b'a"b\\c', "half a character": b"abcdefghijklmn\xc4",
         "turned": "\u202egnp.exe".encode(), "blank": b" ", "carriage return": b"ok\rPort"}


@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES)
@in_namespace
def test_names_of_processes_are_harmless(name):
    sock = listen(IPV4, "127.0.0.1", SERVICE)
    ctypes.CDLL(None).prctl(PR_SET_NAME, ctypes.c_char_p(name), 0, 0, 0)
    for text, columns in texts(SERVICE, terminals=[60]):
        assert_fits(text, columns)
        assert_harmless(text)
        assert f"(pid {os.getpid()}, fd {sock.fileno()})" in text
    process, = ask(SERVICE)["local"]["sockets"][0]["processes"]
    said = name.split(b"\n")[0][:15].decode(errors="replace")
    assert process["name"].rstrip("\ufffd") == said.rstrip("\ufffd")
    assert re.search(r"[\x00-\x09\x0b-\x1f]", run("port", SERVICE, "--json").stdout) is None


COMMANDS = {
    "escape": ["\x1b[31mred\x07", "\x1b]0;title\x07", "\x9b"],
    "c1": ["\u009b31m\u0090"],
    "turned": ["\u202egnp.exe", "\u2066a\u2069\u200f\ufeff"],
    "no utf-8": [b"\xff\xfe", b"\x80"],
    "new line": ["a\nb", "ephemera: you are root\n"],
    "long": ["sleep", *["60"] * 20000],
    "long characters": ["ě" * 3000],
    "half a character": ["x" + "ě" * 3000],
    "empty words": ["", "", ""],
    "wide": ["汉" * 300],
}


@pytest.mark.parametrize("command", COMMANDS.values(), ids=COMMANDS)
@in_namespace
def test_commands_are_harmless(command):
    sock = listen(IPV4, "127.0.0.1", SERVICE)
    # A shell takes whatever further arguments it is given.
    command = [command[0], "-c", "sleep 60; :", *command[1:]]
    with subprocess.Popen(command, executable="/bin/sh", pass_fds=[sock.fileno()],
                          start_new_session=True, cwd="/") as proc:
        try:
            os.set_inheritable(sock.fileno(), False)
            sock.close()
            for text, columns in texts(SERVICE, terminals=[60, 61]):
                assert_fits(text, columns)
                assert_harmless(text)
                assert "\ufffd" not in text
            entry, = ask(SERVICE)["local"]["sockets"]
        finally:
            os.killpg(proc.pid, signal.SIGKILL)
    shell = next(process for process in entry["processes"] if process["pid"] == proc.pid)
    words = b" ".join(word if isinstance(word, bytes) else word.encode() for word in command)
    said = words.rstrip(b" ")[:4096].decode(errors="replace")
    assert shell["command"].rstrip("\ufffd ") == said.rstrip("\ufffd ")
    assert len(shell["command"].encode()) <= 4096 + 3


@in_namespace
def test_a_long_command_is_clipped_at_its_end():
    script = "import time; time.sleep(60) # " + "word " * 500
    sock = listen(IPV4, "127.0.0.1", SERVICE)
    with subprocess.Popen([sys.executable, "-c", script], pass_fds=[sock.fileno()]) as proc:
        try:
            for text, columns in texts(SERVICE):
                line, = (line for line in text.splitlines() if f"(pid {proc.pid}," in line)
                assert f": {sys.executable} -c" in line
                if columns == PIPE:
                    assert line.rstrip().endswith(script.rstrip())
                else:
                    assert line.endswith("...") and columns - 2 <= len(line) <= columns
        finally:
            proc.kill()
