# SPDX-License-Identifier: Apache-2.0
"""What a parent left open is not open in the exporter."""

import contextlib
import os
import socket
import sys
from pathlib import Path

from lib.exporter import BINARY, Exporter, run
from lib.systemd import passing

# Closes standard input and output, and becomes the command.
WITHOUT_STANDARD = [sys.executable, "-c", "import os, sys; os.closerange(0, 2); "
                    "os.execvp(sys.argv[1], sys.argv[1:])"]


def descriptors(exporter):
    """{number: what it is} of a running exporter."""
    place = Path(f"/proc/{exporter.pid}/fd")
    found = {}
    for entry in place.iterdir():
        # It opens and closes files of its own meanwhile.
        with contextlib.suppress(FileNotFoundError):
            found[int(entry.name)] = os.readlink(entry)
    return found


def names(fds):
    """What /proc calls these descriptors of ours."""
    return {os.readlink(f"/proc/self/fd/{fd}") for fd in fds}


def test_what_a_parent_forgot_is_closed(tmp_path):
    secret = tmp_path / "secret"
    secret.write_text("text", encoding="ascii")
    with open(secret, "r+b") as file, socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
        leaked = [file.fileno(), sender.fileno(), *os.pipe()]
        with Exporter(pass_fds=leaked) as exporter:
            exporter.metrics()
            assert not names(leaked) & set(descriptors(exporter).values())


def test_systemd_s_sockets_stay_and_nothing_beside_them():
    with socket.create_server(("127.0.0.1", 0)) as kept, \
            socket.create_server(("127.0.0.1", 0)) as other:
        kept_port = kept.getsockname()[1]
        how = passing([kept])
        how["pass_fds"] += [other.fileno()]
        with Exporter("--web.systemd-socket", **how) as exporter:
            exporter.wait_for_log(lambda line: "Listening" in line)
            exporter.host, exporter.port = "127.0.0.1", kept_port
            exporter.metrics()
            found = list(descriptors(exporter).values())
            assert found.count(*names([kept.fileno()])) >= 1
            assert not names([other.fileno()]) & set(found)


def test_sockets_that_no_flag_asks_for_are_closed():
    with socket.create_server(("127.0.0.1", 0)) as passed, \
            Exporter(**passing([passed])) as exporter:
        exporter.metrics()
        assert not names([passed.fileno()]) & set(descriptors(exporter).values())


def test_a_closed_standard_descriptor_is_not_taken_by_a_client():
    with Exporter(wrapper=WITHOUT_STANDARD) as exporter:
        exporter.metrics()
        found = descriptors(exporter)
        assert (found[0], found[1]) == ("/dev/null", "/dev/null")


def test_a_command_keeps_what_it_was_given(tmp_path):
    # Such as a process substitution of a shell.
    place = tmp_path / "sockets"
    with open(place, "wb") as file:
        done = run("metrics", f"--sockets.record=/dev/fd/{file.fileno()}",
                   pass_fds=[file.fileno()])
    assert done.returncode == 0, (BINARY, done.stderr)
    assert place.stat().st_size > 0
