# SPDX-License-Identifier: Apache-2.0
"""Runs a test in a network namespace of its own.

    @in_namespace
    def test_something():
        set_range(40000, 40021)
        ...

The body runs in a forked child, so neither its namespace nor its sockets outlive it; what it
starts inherits the namespace. Root gets a network namespace; anybody else gets one inside a
user namespace, where they are root. Where neither can be made the test is skipped.
"""

import ctypes
import fcntl
import functools
import multiprocessing
import os
import signal
import socket
import struct
import sys

import pytest

CLONE_NEWUSER = 0x10000000
CLONE_NEWNET = 0x40000000
CLONE_NEWNS = 0x20000
MS_BIND, MS_REC, MS_PRIVATE, MNT_DETACH = 0x1000, 0x4000, 1 << 18, 2
PR_SET_DUMPABLE = 4
SIOCGIFFLAGS = 0x8913
SIOCSIFFLAGS = 0x8914
IFF_UP = 1

NOBODY = 65534

_libc = ctypes.CDLL(None, use_errno=True)


class _Unavailable(Exception):
    """No namespace can be had here, and why."""


class _TimeLimit(BaseException):
    """Not an Exception: a body that catches those must not swallow its own time limit."""


def in_namespace(function=None, *, seconds=120, user=None):
    """Decorates a test. user: the uid to become first (only root can), which has no privilege."""
    if function is None:
        return functools.partial(in_namespace, seconds=seconds, user=user)

    @functools.wraps(function)
    def wrapper(*args, **kwargs):
        __tracebackhide__ = True
        if user is not None and os.geteuid() != 0:
            outcome, text = "skipped", f"only root can become user {user}"
        else:
            body = functools.partial(function, *args, **kwargs)
            outcome, text = _in_child(body, seconds, user)
        if outcome == "skipped":
            # Reported at the test, not at this line.
            raise pytest.skip.Exception(text, _use_item_location=True)
        if outcome == "failed":
            pytest.fail(text, pytrace=False)

    return wrapper


# The network that enter_another() left, which alone leads to other machines.
_first = None


def enter_another():
    """Moves this process, which must have the privilege, on to a new network namespace."""
    global _first
    _first = os.open("/proc/self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    if not _unshare(CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), "unshare")
    _bring_up("lo")


class Space:
    """A new network namespace, which this thread enters. It lives until it is closed, or longer where
    sockets of it do."""

    def __init__(self):
        if not _unshare(CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), "unshare")
        _bring_up("lo")
        # Of this thread: others may be elsewhere.
        self.descriptor = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        self.inode = os.fstat(self.descriptor).st_ino

    def enter(self):
        if _libc.setns(self.descriptor, CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), "setns")

    def give_name(self, path):
        """As ip-netns(8) does, at the path of a file. unmount() takes it away."""
        if _libc.mount(b"/proc/thread-self/ns/net", os.fsencode(path), b"none", MS_BIND, None) != 0:
            raise OSError(ctypes.get_errno(), "mount")

    def close(self):
        os.close(self.descriptor)


def unmount(path):
    if _libc.umount2(os.fsencode(path), MNT_DETACH) != 0:
        raise OSError(ctypes.get_errno(), "umount")


def mount_empty(path):
    """Hides what is in a directory, after unshare_mounts()."""
    if _libc.mount(b"none", os.fsencode(path), b"tmpfs", 0, None) != 0:
        raise OSError(ctypes.get_errno(), "mount")


def unshare_mounts():
    """What this process mounts from now on, nobody else sees."""
    if not _unshare(CLONE_NEWNS) or _libc.mount(b"none", b"/", None, MS_REC | MS_PRIVATE, None) != 0:
        raise OSError(ctypes.get_errno(), "unshare")


def enter_first():
    """The way back, for the preexec_fn of a program that fetches something."""
    if _first is not None and _libc.setns(_first, CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "setns")


def sysctl(name, value=None):
    """Reads a setting of this namespace, or writes it and makes sure that it took."""
    path = "/proc/sys/" + name.replace(".", "/")
    if value is not None:
        with open(path, "w", encoding="ascii") as file:
            file.write(str(value))
    with open(path, encoding="ascii") as file:
        found = " ".join(file.read().split())
    assert value is None or found == " ".join(str(value).split()), f"{name} stayed {found!r}"
    return found


def has_sysctl(name):
    return os.path.exists("/proc/sys/" + name.replace(".", "/"))


def set_range(first, last):
    sysctl("net.ipv4.ip_local_port_range", f"{first} {last}")


def set_reserved(ports):
    """ports as the kernel prints them: sorted, and merged to ranges ("40003,40010-40012")."""
    # An empty write() would not reach the kernel; a newline clears the list.
    sysctl("net.ipv4.ip_local_reserved_ports", ports or "\n")


def _in_child(body, seconds, user):
    reader, writer = multiprocessing.Pipe(duplex=False)
    sys.stdout.flush()
    sys.stderr.flush()
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            # A group of its own: what the body leaves running can be ended with it.
            os.setsid()
            reader.close()
            writer.send(_outcome(body, seconds, user))
            sys.stdout.flush()
            sys.stderr.flush()
            status = 0
        finally:
            os._exit(status)
    writer.close()
    try:
        # The child ends itself by its alarm and tells where it stood; this is for one that cannot.
        if not reader.poll(seconds + 10):
            return "failed", f"still running {seconds + 10} seconds after its start; killed"
        return reader.recv()
    except EOFError:
        return "failed", "the child that ran the test died without a word"
    finally:
        reader.close()
        _end(pid)


def _end(pid):
    # The child is not reaped yet, so its number cannot be someone else's by now.
    for kill in (os.killpg, os.kill):
        try:
            kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
    os.waitpid(pid, 0)


def _outcome(body, seconds, user):
    __tracebackhide__ = True
    signal.signal(signal.SIGALRM, _on_alarm)
    signal.alarm(seconds)
    try:
        _enter(user)
        body()
    except _Unavailable as error:
        return "skipped", f"no network namespace: {error}"
    except pytest.skip.Exception as error:
        return "skipped", str(error)
    except BaseException:
        return "failed", _describe(sys.exc_info())
    finally:
        signal.alarm(0)
    return "passed", ""


def _on_alarm(_number, _frame):
    __tracebackhide__ = True
    raise _TimeLimit("the test took longer than it may")


def _describe(exc_info):
    excinfo = pytest.ExceptionInfo.from_exc_info(exc_info)
    return str(excinfo.getrepr(style="long", funcargs=False, abspath=False))


def _enter(user):
    try:
        if user is not None:
            _become(user)
        if os.geteuid() != 0 or not _unshare(CLONE_NEWNET):
            uid, gid = os.geteuid(), os.getegid()
            if not _unshare(CLONE_NEWUSER | CLONE_NEWNET):
                raise _Unavailable(f"unshare: {os.strerror(ctypes.get_errno())}")
            _write("/proc/self/setgroups", "deny")
            _write("/proc/self/uid_map", f"0 {uid} 1")
            _write("/proc/self/gid_map", f"0 {gid} 1")
        _bring_up("lo")
    except OSError as error:
        raise _Unavailable(str(error)) from error


def _become(user):
    os.setgroups([])
    os.setresgid(user, user, user)
    os.setresuid(user, user, user)
    # A change of uid gives /proc/self to root, and with it the maps that have to be written.
    if _libc.prctl(PR_SET_DUMPABLE, 1, 0, 0, 0) != 0:
        raise _Unavailable("prctl(PR_SET_DUMPABLE)")


def _unshare(flags):
    return _libc.unshare(flags) == 0


def _write(path, text):
    with open(path, "w", encoding="ascii") as file:
        file.write(text)


def _bring_up(interface):
    # By ioctl, not through ip(8): an ordinary user may have no /sbin in PATH.
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        name = interface.encode()
        answer = fcntl.ioctl(control, SIOCGIFFLAGS, struct.pack("16sH22x", name, 0))
        flags = struct.unpack("16sH22x", answer)[1]
        fcntl.ioctl(control, SIOCSIFFLAGS, struct.pack("16sH22x", name, flags | IFF_UP))
