# SPDX-License-Identifier: Apache-2.0
"""The ground that the other live tests stand on: a test that cannot fail proves nothing."""

import os
import signal
import socket
import subprocess
import sys
import time

import pytest

from accounting import TARGET, assert_kernel_gives, small_range, target
from lib import namespace
from lib.namespace import in_namespace, set_range, sysctl
from lib.sockets import IPV4, connect_many


def test_a_failure_is_passed_on():
    @in_namespace
    def body():
        assert 23 == 41

    with pytest.raises(pytest.fail.Exception, match="assert 23 == 41"):
        body()


def test_a_skip_is_passed_on():
    @in_namespace
    def body():
        pytest.skip("not on a Tuesday")

    with pytest.raises(pytest.skip.Exception, match="not on a Tuesday"):
        body()


def test_a_death_is_a_failure():
    @in_namespace
    def body():
        os.kill(os.getpid(), signal.SIGKILL)

    with pytest.raises(pytest.fail.Exception, match="died"):
        body()


def test_the_time_limit_is_a_failure_that_says_where():
    @in_namespace(seconds=1)
    def body():
        try:
            time.sleep(60)
        except Exception:  # what a careless body does
            time.sleep(60)

    started = time.monotonic()
    with pytest.raises(pytest.fail.Exception, match="time.sleep"):
        body()
    assert time.monotonic() - started < 30


def test_without_a_namespace_a_test_is_skipped(monkeypatch):
    monkeypatch.setattr(namespace, "_unshare", lambda flags: False)
    passed = []

    @in_namespace
    def body():
        passed.append(True)

    with pytest.raises(pytest.skip.Exception, match="no network namespace"):
        body()
    assert not passed


def test_nothing_outlives_a_test(tmp_path):
    @in_namespace
    def body():
        child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
        (tmp_path / "pid").write_text(str(child.pid))

    body()
    pid = int((tmp_path / "pid").read_text())
    # Dead, even where nobody has reaped it yet.
    deadline = time.monotonic() + 10
    while _alive(pid):
        assert time.monotonic() < deadline
        time.sleep(0.01)


def _alive(pid):
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii") as file:
            return file.read().rpartition(")")[2].split()[0] not in "ZX"
    except FileNotFoundError:
        return False


@pytest.fixture
def outside():
    return os.readlink("/proc/self/ns/net")


@in_namespace
def test_it_is_another_namespace(outside):
    assert os.readlink("/proc/self/ns/net") != outside
    assert [name for _, name in socket.if_nameindex()][0] == "lo"


def test_settings_are_of_the_namespace_alone():
    before = sysctl("net.ipv4.ip_local_port_range")

    @in_namespace
    def body():
        set_range(40000, 40021)
        assert sysctl("net.ipv4.ip_local_port_range") == "40000 40021"

    body()
    assert sysctl("net.ipv4.ip_local_port_range") == before


@in_namespace
def test_a_setting_that_the_kernel_refuses_is_an_error():
    with pytest.raises(OSError):
        set_range(50000, 40000)
    with pytest.raises(OSError):
        sysctl("net.ipv4.no_such_setting", 1)


class Says:
    """Metrics that lie about how much is left."""
    text = ""

    def __init__(self, usable):
        self.usable = usable

    def value(self, _name):
        return self.usable

    def samples(self, _name, **_labels):
        return []


@pytest.mark.parametrize("lie", [-1, 1])
@in_namespace
def test_one_port_too_many_or_too_few_is_a_lie(lie):
    small_range()
    _target = target(IPV4)
    _clients = connect_many(5, IPV4, "127.0.0.1", TARGET)
    assert_kernel_gives(Says(17), IPV4, "127.0.0.1", TARGET)
    with pytest.raises(AssertionError, match="the kernel gave 17"):
        assert_kernel_gives(Says(17 + lie), IPV4, "127.0.0.1", TARGET)
