# SPDX-License-Identifier: Apache-2.0
"""Where it can listen: several addresses of every kind, unix sockets, ports of the range."""

import os
import shlex
import shutil
import socket
import stat
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from lib.exporter import Exporter, free_port, listening_address, run
from lib.namespace import NOBODY, in_namespace, set_range, set_reserved, sysctl


@pytest.fixture
def place():
    """A directory that everybody can reach, and whose name leaves room in a socket's."""
    with tempfile.TemporaryDirectory(prefix="ephemera-") as directory:
        # The exporter is not root any more when it removes what is in it.
        os.chmod(directory, 0o777)
        yield Path(directory)


def unix(path):
    return f"--web.listen-address=unix:{path}"


def assert_serves(path):
    with Exporter(unix(path)) as exporter:
        assert exporter.host == f"unix:{path}"
        assert exporter.metrics().value("ephemera_range_ports") > 0


def has_ipv6():
    with socket.socket(socket.AF_INET6) as probe:
        try:
            probe.bind(("::1", 0))
        except OSError:
            return False
    return True


def test_every_kind_of_address_at_once(place):
    addresses = [f"127.0.0.1:{free_port()}", f"unix:{place}/one", f":{free_port()}",
                 f"unix:{place}/two", f"127.0.0.2:{free_port()}"]
    if has_ipv6():
        addresses.append(f"[::1]:{free_port()}")
    with Exporter(*(f"--web.listen-address={address}" for address in addresses)) as exporter:
        exporter.wait_for_log(lambda line: "Listening" in line and addresses[-1] in line)
        listening = [found for line in exporter.log if (found := listening_address(line))]
        assert len(listening) == len(addresses)
        for address, (host, port) in zip(addresses, listening):
            if address.startswith("unix:"):
                assert (host, port) == (address, None)
            else:
                assert address.endswith(f":{port}")
            exporter.host, exporter.port = host, port
            assert exporter.metrics().value("ephemera_range_ports") > 0
    assert list(place.iterdir()) == []


def test_curl_over_a_unix_socket(place):
    if not shutil.which("curl"):
        pytest.skip("there is no curl")
    with Exporter(unix(place / "socket")):
        said = subprocess.run(["curl", "--silent", "--show-error", "--fail", "--unix-socket",
                               place / "socket", "http://localhost/metrics"], check=True,
                              stdout=subprocess.PIPE, text=True, timeout=30).stdout
    assert "\nephemera_range_ports " in said


def test_the_log_in_json_names_the_path(place):
    with Exporter(unix(place / "socket"), "--log.format=json") as exporter:
        assert exporter.host == f"unix:{place}/socket"
        assert exporter.get("/-/healthy").status == 200


def test_a_path_may_be_relative_and_odd(place):
    name = "a:80 \u00e4"
    with Exporter(f"--web.listen-address=127.0.0.1:{free_port()}", unix(name),
                  cwd=place) as exporter:
        exporter.wait_for_log(lambda line: f'address="unix:{name}"' in line)
        exporter.host = f"unix:{place}/{name}"
        assert exporter.get("/-/healthy").status == 200
    assert list(place.iterdir()) == []


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077, 0o777], ids=oct)
@pytest.mark.parametrize("mode", [None, "0600", "0666", "777", "0"])
def test_the_mode_is_what_was_asked_for_whatever_the_umask(place, umask, mode):
    flags = [f"--web.socket-mode={mode}"] if mode else []
    with Exporter(unix(place / "socket"), *flags, umask=umask) as exporter:
        found = (place / "socket").stat().st_mode
        assert stat.S_ISSOCK(found)
        assert oct(stat.S_IMODE(found)) == oct(int(mode or "0660", 8))
        # The daemon's own is as it was.
        status = Path(f"/proc/{exporter.pid}/status").read_text()
        assert f"Umask:\t{umask:04o}\n" in status


CONNECT = """
import socket, sys
with socket.socket(socket.AF_UNIX) as client:
    client.settimeout(10)
    try:
        client.connect(sys.argv[1])
    except PermissionError:
        sys.exit(13)
"""


@pytest.mark.parametrize("mode, status", [("0666", 0), ("0606", 0), ("0660", 13), ("0600", 13)])
def test_the_mode_keeps_others_out(place, mode, status):
    if os.geteuid() != 0:
        pytest.skip("only root can become somebody else")
    with Exporter(unix(place / "socket"), f"--web.socket-mode={mode}"):
        done = subprocess.run([sys.executable, "-c", CONNECT, str(place / "socket")], check=False,
                              user=NOBODY, group=NOBODY, extra_groups=[], cwd="/", timeout=30)
    assert done.returncode == status


def test_a_client_may_have_a_long_name(place):
    # libmicrohttpd has room for the address of an IPv6 client, and this one's is longer.
    name = f"{place}/{'c' * (106 - len(str(place)))}"
    with Exporter(unix(place / "socket")), socket.socket(socket.AF_UNIX) as client:
        client.settimeout(10)
        client.bind(name)
        client.connect(f"{place}/socket")
        client.sendall(b"GET /-/healthy HTTP/1.0\r\n\r\n")
        assert client.recv(1000).startswith(b"HTTP/1.1 200")


# What is at the path already


def test_a_socket_that_nobody_listens_on_is_replaced(place):
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(f"{place}/socket")
    assert_serves(place / "socket")
    assert list(place.iterdir()) == []
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as left:
        left.bind(f"{place}/socket")
    assert_serves(place / "socket")


def test_what_was_killed_starts_again(place):
    with pytest.raises(AssertionError, match="exit status -9"):
        with Exporter(unix(place / "socket")) as exporter:
            exporter.proc.kill()
            exporter.proc.wait(timeout=10)
    assert (place / "socket").is_socket()
    assert_serves(place / "socket")


def refused(path, error):
    done = run(unix(path))
    assert done.returncode == 1
    assert "--web.listen-address" in done.stderr
    assert f"unix:{path}" in done.stderr
    assert error in done.stderr


def inode(path):
    return os.lstat(path).st_ino


@pytest.mark.parametrize("full", [False, True], ids=["with room", "with a full queue"])
def test_a_socket_that_somebody_listens_on_is_left_to_them(place, full):
    path = f"{place}/socket"
    with socket.socket(socket.AF_UNIX) as taken, socket.socket(socket.AF_UNIX) as client:
        taken.bind(path)
        taken.listen(0 if full else 5)
        if full:
            client.connect(path)
        before = inode(path)
        refused(path, "Address already in use")
        assert inode(path) == before
        if not full:
            client.connect(path)


def test_a_socket_of_datagrams_is_left_to_its_owner(place):
    path = f"{place}/socket"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as taken:
        taken.bind(path)
        before = inode(path)
        refused(path, "Address already in use")
        assert inode(path) == before


def test_a_path_cannot_be_listened_on_twice(place):
    done = run(unix(place / "socket"), unix(place / "socket"))
    assert done.returncode == 1
    assert "Address already in use" in done.stderr
    with Exporter(unix(place / "socket")) as first:
        refused(place / "socket", "Address already in use")
        assert first.get("/-/healthy").status == 200


@pytest.mark.parametrize("kind", ["file", "directory", "fifo", "link", "link to a socket"])
def test_anything_else_is_left_alone(place, kind):
    path = place / "socket"
    if kind == "file":
        path.write_text("precious")
    elif kind == "directory":
        path.mkdir()
    elif kind == "fifo":
        os.mkfifo(path)
    else:
        if kind == "link to a socket":
            with socket.socket(socket.AF_UNIX) as left:
                left.bind(f"{place}/target")
        path.symlink_to(place / "target")
    before = inode(path)
    refused(path, "File exists")
    assert inode(path) == before
    assert kind != "file" or path.read_text() == "precious"
    assert kind != "link to a socket" or (place / "target").is_socket()


def test_a_directory_that_does_not_exist(place):
    refused(place / "nothing" / "socket", "No such file or directory")


# The end


def test_the_path_is_removed_at_the_end(place):
    with Exporter(unix(place / "socket")) as exporter:
        assert exporter.terminate() == 0
        assert list(place.iterdir()) == []


def test_the_path_is_removed_where_another_address_fails(place):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        done = run(unix(place / "socket"),
                   f"--web.listen-address=127.0.0.1:{taken.getsockname()[1]}")
    assert done.returncode == 1
    assert list(place.iterdir()) == []


@pytest.mark.parametrize("what", ["socket", "file", "nothing"])
def test_what_came_in_its_place_is_not_removed(place, what):
    path = place / "socket"
    with Exporter(unix(path)) as exporter, socket.socket(socket.AF_UNIX) as other:
        # Kept under another name, so that its number is not given out anew.
        path.rename(place / "kept")
        if what == "socket":
            other.bind(str(path))
        elif what == "file":
            path.write_text("precious")
        assert exporter.terminate() == 0
        assert path.exists() == (what != "nothing")


def test_that_it_cannot_be_removed_is_no_failure(place, public_binary):
    if os.geteuid() != 0:
        pytest.skip("only root can become somebody else")
    os.chown(place, NOBODY, NOBODY)
    with Exporter(unix(place / "socket"), user=NOBODY, group=NOBODY, extra_groups=[],
                  cwd="/") as exporter:
        os.chown(place, 0, 0)
        place.chmod(0o755)
        assert exporter.terminate() == 0
    assert (place / "socket").is_socket()
    assert not [line for line in exporter.log if "level=info" not in line]
    assert_serves(place / "socket")


# Ports of the range


WARNING = "An outgoing connection can take this port while the exporter is down"


def warnings(*addresses):
    """The lines of the log that warn at a start."""
    with Exporter(*(f"--web.listen-address={address}" for address in addresses)) as exporter:
        exporter.terminate()
    return [line for line in exporter.log if "level=warn" in line]


@in_namespace
def test_a_port_inside_the_range_is_warned_of():
    set_range(20000, 20999)
    set_reserved("20003,20500-20510,30000")
    found = warnings("127.0.0.1:20002")
    assert len(found) == 1
    assert f'msg="{WARNING}" address=127.0.0.1:20002 ' in found[0]
    command = "sysctl -w net.ipv4.ip_local_reserved_ports=20002-20003,20500-20510,30000"
    assert found[0].endswith(f' reserve="{command}"')


@in_namespace
def test_several_ports_are_reserved_by_one_command(tmp_path):
    set_range(20000, 20999)
    set_reserved("20003")
    addresses = ["127.0.0.1:20000", "127.0.0.1:20003", "127.0.0.1:21000", "127.0.0.2:20999",
                 f"unix:{tmp_path}/s"]
    found = warnings(*addresses)
    assert len(found) == 2
    assert "address=127.0.0.1:20000 " in found[0]
    assert "address=127.0.0.2:20999 " in found[1]
    commands = {shlex.split(line)[-1].removeprefix("reserve=") for line in found}
    assert commands == {"sysctl -w net.ipv4.ip_local_reserved_ports=20000,20003,20999"}
    name, value = commands.pop().removeprefix("sysctl -w ").split("=")
    sysctl(name, value)
    assert warnings(*addresses) == []


@in_namespace
def test_a_port_outside_of_it_or_reserved_is_not_warned_of():
    set_range(20000, 20999)
    set_reserved("20001")
    assert warnings("127.0.0.1:19999", "127.0.0.1:21000", "127.0.0.1:20001") == []
