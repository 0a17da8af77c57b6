# SPDX-License-Identifier: Apache-2.0
"""`ephemera port` where not everything may be seen: other users, other namespaces, no /proc."""

import contextlib
import ctypes
import errno
import json
import os
import pwd
import socket
import subprocess
import sys
import tempfile

import pytest

import lib.exporter
from lib.exporter import REPOSITORY, run
from lib.namespace import NOBODY, in_namespace, set_range
from lib.seccomp import forbid_netlink
from lib.sockets import IPV4, bound, connect, listen, pairs, port_of
from port import (UNSHARE, ask, assert_agrees_with_ss, assert_is, local, local_of, look,
                  need_pid_namespace, pids, sees_all, tell)

SERVICE, OTHER = 30001, 30002
PR_CAPBSET_DROP = 24
CAP_SYS_PTRACE = 19

AS_NOBODY = {"user": NOBODY, "group": NOBODY, "extra_groups": []}

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")


@in_namespace
def test_a_holder_in_another_pid_namespace():
    need_pid_namespace()
    _sock = listen(IPV4, "127.0.0.1", SERVICE)
    command = [*UNSHARE, lib.exporter.BINARY, "port", str(SERVICE)]
    done = subprocess.run([*command, "--json"], stdout=subprocess.PIPE, timeout=60, check=True)
    entry, = json.loads(done.stdout)["ports"][0]["local"]["sockets"]
    assert (entry["holders"], entry["holders_complete"]) == ("elsewhere", True)
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, timeout=60, check=True)
    assert "no visible process has it open" in " ".join(done.stdout.split())


# Ordinary users

SERVER = """
import ctypes, socket, sys, time
ctypes.CDLL(None).prctl(4, int(sys.argv[2]))  # PR_SET_DUMPABLE
kept = socket.create_server(("127.0.0.1", int(sys.argv[1])))
print(kept.fileno(), flush=True)
time.sleep(60)
"""


@contextlib.contextmanager
def server_of(user, port, dumpable=1):
    """A listener of that user: (pid, fd)."""
    with subprocess.Popen([sys.executable, "-c", SERVER, str(port), str(dumpable)], stdout=subprocess.PIPE,
                          user=user, group=user, extra_groups=[], cwd="/") as proc:
        try:
            yield proc.pid, int(proc.stdout.readline())
        finally:
            proc.kill()


@needs_root
@in_namespace
def test_a_process_of_ones_own_that_hides_is_told_so(public_binary):
    with server_of(NOBODY, SERVICE, dumpable=0) as (pid, _), server_of(NOBODY, OTHER) as (other, _):
        entry, = ask(SERVICE, **AS_NOBODY)["local"]["sockets"]
        assert (entry["uid"], entry["holders"]) == (NOBODY, "unknown")
        said = tell(SERVICE, **AS_NOBODY)
        assert "you opened the socket, but its process hides its descriptors" in said
        assert "run as their user" not in said
        assert "hides its descriptors" not in tell(OTHER, **AS_NOBODY)
        assert pids(local_of_port(OTHER)) == [other]
        # Root may read it.
        assert pids(local_of_port(SERVICE)) == [pid]


def local_of_port(port):
    entry, = ask(port)["local"]["sockets"]
    return entry


@needs_root
@in_namespace
def test_an_ordinary_user_sees_everything_but_others_processes(public_binary):
    root = listen(IPV4, "127.0.0.1", SERVICE)
    (client, server), = pairs(1, IPV4, root, "127.0.0.1", SERVICE)
    nameless = 54321
    with server_of(NOBODY, OTHER) as (pid, fd), server_of(nameless, 30003) as (third, _):
        # Without BPF, which takes a right, both see the same.
        by_root = ask(SERVICE, "--no-collector.binds.buckets")
        by_nobody = ask(SERVICE, **AS_NOBODY)
        hidden = ("holders", "holders_complete", "processes")
        for answer in (by_root, by_nobody):
            for side in ("local", "remote"):
                for entry in answer[side]["sockets"]:
                    holders = {name: entry.pop(name) for name in hidden}
                    assert (entry["uid"], entry["user"]) == (0, pwd.getpwuid(0).pw_name)
                    assert holders["holders_complete"] is False or answer is by_root
                    assert holders["holders"] == ("found" if answer is by_root else "unknown")
        assert by_nobody == by_root and by_root["local"]["total"] == 2
        assert "processes unknown" in tell(SERVICE, **AS_NOBODY)
        assert client and server

        entry, = ask(OTHER, **AS_NOBODY)["local"]["sockets"]
        assert (entry["uid"], entry["user"]) == (NOBODY, pwd.getpwuid(NOBODY).pw_name)
        assert (entry["holders"], entry["holders_complete"]) == ("found", False)
        assert [(process["pid"], process["fds"]) for process in entry["processes"]] == \
            [(pid, [fd])]
        # One by one, and in the same answer: not of one's own, and of a user without a name.
        entries = [answer["local"]["sockets"][0] for answer in look(OTHER, 30003, **AS_NOBODY)
                   ["ports"]]
        assert [entry["holders"] for entry in entries] == ["found", "unknown"]
        assert entries[1]["uid"] == nameless and "user" not in entries[1]
        entry, = ask(30003)["local"]["sockets"]
        assert pids(entry) == [third]
        assert f"user {nameless}" in tell(30003)


@needs_root
@in_namespace(user=NOBODY)
def test_an_ordinary_user_finds_its_own(public_binary):
    sock = listen(IPV4, "127.0.0.1", SERVICE)
    (client, server), = pairs(1, IPV4, sock, "127.0.0.1", SERVICE)
    answer = assert_agrees_with_ss(SERVICE)
    assert not sees_all()
    for entry, ours in ((local(answer, sock), sock), (local(answer, server), server)):
        assert_is(entry, ours, holders_complete=False)
    assert_is(local_of(client), client, holders_complete=False)


@needs_root
@in_namespace
def test_root_without_the_privilege_to_look_into_processes(public_binary):
    """It may list anybody's descriptors, and not see what they refer to."""
    libc = ctypes.CDLL(None, use_errno=True)
    _sock = listen(IPV4, "127.0.0.1", SERVICE)
    without_it = {"preexec_fn": lambda: libc.prctl(PR_CAPBSET_DROP, CAP_SYS_PTRACE, 0, 0, 0)}
    entry, = ask(SERVICE, **without_it)["local"]["sockets"]
    assert (entry["holders"], entry["holders_complete"]) == ("unknown", False)
    with server_of(NOBODY, OTHER):
        entry, = ask(OTHER, **without_it)["local"]["sockets"]
        assert (entry["holders"], entry["holders_complete"]) == ("unknown", False)


@needs_root
@in_namespace
def test_a_proc_that_hides_others(public_binary):
    """Mounted with hidepid=2, nobody knows how many there are."""
    _sock = listen(IPV4, "127.0.0.1", SERVICE)
    place = tempfile.mkdtemp(prefix="ephemera-proc-")
    script = ('mount -t proc -o hidepid=2 proc "$1" || exit 99; shift; '
              'exec setpriv --reuid=65534 --regid=65534 --clear-groups "$@"')
    try:
        os.chmod(place, 0o755)
        done = subprocess.run(
            ["unshare", "--mount", "sh", "-c", script, "sh", place, lib.exporter.BINARY, "port",
             str(SERVICE), "--json", f"--path.procfs={place}"],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=60, check=False)
    finally:
        os.rmdir(place)
    if done.returncode in (99, 127):
        pytest.skip(f"no procfs can be mounted with hidepid here: {done.stderr}")
    assert (done.returncode, done.stderr) == (0, "")
    entry, = json.loads(done.stdout)["ports"][0]["local"]["sockets"]
    assert (entry["holders"], entry["holders_complete"]) == ("unknown", False)


# Without what /proc tells

@in_namespace
def test_without_proc_it_fails(tmp_path):
    _sock = listen(IPV4, "127.0.0.1", SERVICE)
    done = run("port", SERVICE, f"--path.procfs={tmp_path}")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f"ephemera: port: {os.strerror(errno.ENOENT)}\n"


@in_namespace
def test_with_settings_only(tmp_path):
    """No process to be seen there, which does not mean that there is none."""
    (tmp_path / "sys").symlink_to("/proc/sys")
    sock = listen(IPV4, "127.0.0.1", SERVICE)
    entry = local_of(sock, f"--path.procfs={tmp_path}", f"--path.sysfs={tmp_path}")
    assert (entry["holders"], entry["holders_complete"]) == ("unknown", False)


def without(entry, *names):
    return {name: value for name, value in entry.items() if name not in names}


@pytest.mark.parametrize("forbidden", [False, True], ids=["asked for", "forced upon"])
@in_namespace
def test_procfs_as_the_source(forbidden):
    set_range(40000, 40099)
    listener = listen(IPV4, "127.0.0.1", 40077)
    (client, _server), = pairs(1, IPV4, listener, "127.0.0.1", 40077)
    _waiting = connect(IPV4, "127.0.0.1", 40077)
    _bound = bound(IPV4, "127.0.0.2", 40077)
    udp = bound(IPV4, "127.0.0.1", 40078, socket.SOCK_DGRAM)
    before = look(40077, 40078, port_of(client))["ports"]
    if forbidden:
        forbid_netlink()
    flags = [] if forbidden else ["--sockets.source=procfs"]
    found = look(40077, 40078, port_of(client), *flags)
    after = found["ports"]
    for whole, part in zip(before, after):
        whole["local"]["sockets"] = [entry for entry in whole["local"]["sockets"]
                                     if entry["state"] != "bound"]
        assert part["remote"]["total"] == whole["remote"]["total"]
        for side in ("local", "remote"):
            assert len(part[side]["sockets"]) == len(whole[side]["sockets"])
            for one, other in zip(whole[side]["sockets"], part[side]["sockets"]):
                assert not {"port_chosen", "cgroup", "accept_queue_limit"} & set(other)
                assert other["holders_complete"] == (sees_all() or other["holders"] == "none")
                # Whoever does not know whether bind() chose a port speaks with more care.
                left_out = ("port_chosen", "cgroup", "accept_queue_limit", "holders_complete",
                            "pod_uid", "container_id", "meaning", "port_bound", "age_seconds",
                            "age_is_exact")
                if one["protocol"] == "udp":
                    left_out += ("role",)
                assert without(other, *left_out) == without(one, *left_out)
    told = {answer["port"]: answer for answer in after}
    assert_is(local(told[40078], udp), udp)
    assert told[40077]["use"] == "listener" and "advice" in found


BUSY = REPOSITORY / "tests" / "replay" / "busy"
REPLAY = (f"--sockets.replay={BUSY / 'dump'}", f"--path.procfs={BUSY / 'proc'}")


def test_a_recording_has_no_processes():
    found = look("41000-41049", 20002, *REPLAY)
    # By the README of the recorded hosts.
    uses = {answer["port"]: answer["use"] for answer in found["ports"]}
    assert uses.pop(20002) == "listener"
    assert {port for port, use in uses.items() if use == "listener"} == \
        {41020, 41021, 41022, 41023, 41010, 41025, 41026}
    assert {port for port, use in uses.items() if use == "bound"} == \
        {41040, 41041, 41042, 41030, 41031}
    assert found["empty_ports"] == 6
    assert not {41001, 41011, 41012, 41013, 41014, 41015} & set(uses)
    whole = ask(20002, "--limit=1000", *REPLAY)
    assert whole["remote"]["total"] == 34 + 31 + 13 + (3 + 5 + 7) + 5 + 3
    for entry in whole["local"]["sockets"] + whole["remote"]["sockets"]:
        assert entry["processes"] == []
        assert entry["holders"] == ("unknown" if "inode" in entry else "none")
        assert entry["holders_complete"] == ("inode" not in entry)
    # Its own reserved ports, not this host's.
    assert ask(41020, *REPLAY)["advice"].endswith(
        "ip_local_reserved_ports=41001,41010-41015,41020,52000-52010")


def test_a_recording_is_not_of_this_host(tmp_path):
    """Its inodes are another kernel's: whoever has the same here has nothing to do with it."""
    inode = ask(20002, *REPLAY)["local"]["sockets"][0]["inode"]
    (tmp_path / "sys").symlink_to(BUSY / "proc" / "sys")
    for pid in ("1", "7"):
        (tmp_path / pid / "fd").mkdir(parents=True)
    (tmp_path / "7" / "fd" / "3").symlink_to(f"socket:[{inode}]")
    (tmp_path / "7" / "comm").write_text("impostor\n", encoding="ascii")
    for flags in ([], ["--all-processes"]):
        entry = ask(20002, REPLAY[0], f"--path.procfs={tmp_path}", *flags)["local"]["sockets"][0]
        assert (entry["inode"], entry["processes"]) == (inode, [])
        assert (entry["holders"], entry["holders_complete"]) == ("unknown", False)
