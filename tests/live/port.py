# SPDX-License-Identifier: Apache-2.0
"""`ephemera port --json`, and what ss, /proc and the sockets themselves say of the same port."""

import collections
import contextlib
import json
import os
import re
import socket
import subprocess
from pathlib import Path

import pytest

import lib.exporter
from lib.sockets import IPV4, IPV6, SS_TCP, SS_UDP

BOOL, NUMBER, TEXT = (bool,), (int, float), (str,)

# {name: (types, whether it is always there)}, and nothing else may be there.
RANGE = {"first_port": (NUMBER, True), "last_port": (NUMBER, True), "ports": (NUMBER, True)}
ANSWER = {"range": (RANGE, True), "ports": ((list,), True), "empty_ports": (NUMBER, True),
          "advice": (TEXT, False), "snat_unknown": (BOOL, False),
          "socket_source": ({"tcp": (TEXT, True), "udp": (TEXT, True)}, True)}
SIDE = {"total": (NUMBER, True), "sockets": ((list,), True)}
PORT = {
    "port": (NUMBER, True), "kind": (TEXT, True),
    "services": ({"tcp": (TEXT, False), "udp": (TEXT, False)}, True),
    "in_range": (BOOL, True), "reserved": (BOOL, True), "privileged": (BOOL, True),
    "use": (TEXT, True), "bind_before_connect": (BOOL, True), "meaning": (TEXT, True),
    "chances": ({"connect": (NUMBER, True), "bind": (NUMBER, True)}, False),
    "local": (SIDE, True), "remote": (SIDE, True),
    "snat": ({"total": (NUMBER, True), "connections": ((list,), True)}, False),
}
SOCKET = {
    "protocol": (TEXT, True), "family": (TEXT, True), "state": (TEXT, True),
    "local_address": (TEXT, True), "local_port": (NUMBER, True),
    "remote_address": (TEXT, True), "remote_port": (NUMBER, True),
    "role": (TEXT, True), "port_chosen": (BOOL, False), "port_bound": (BOOL, False),
    "meaning": (TEXT, True),
    "interface": (TEXT, False), "ipv6_only": (BOOL, False),
    "age_seconds": (NUMBER, False), "age_is_exact": (BOOL, False), "expires_seconds": (NUMBER, False),
    "reusable": (BOOL, False),
    "accept_queue": (NUMBER, False), "accept_queue_limit": (NUMBER, False),
    "uid": (NUMBER, False), "user": (TEXT, False), "inode": (NUMBER, False),
    "cgroup": (TEXT, False), "pod_uid": (TEXT, False), "container_id": (TEXT, False),
    "holders": (TEXT, True), "holders_complete": (BOOL, True), "holders_incomplete": (TEXT, False),
    "processes": ((list,), True),
}
PROCESS = {"pid": (NUMBER, True), "name": (TEXT, True), "command": (TEXT, True),
           "fds": ((list,), True)}

WORDS = {
    "kind": {"system", "registered", "dynamic"},
    "use": {"free", "snat", "reserved", "outbound", "time_wait", "listener", "bound"},
    "protocol": {"tcp", "udp"}, "family": {"ipv4", "ipv6"},
    "state": {"established", "syn_sent", "syn_recv", "fin_wait1", "fin_wait2", "time_wait",
              "close", "close_wait", "last_ack", "listen", "closing", "bound"},
    "role": {"listener", "bound", "outbound", "inbound", "time_wait"},
    "holders": {"found", "unknown", "elsewhere", "none"},
}


def assert_has_form(value, form):
    for name, (wanted, always) in form.items():
        if name not in value:
            assert not always, f"{name} is missing: {value}"
            continue
        if isinstance(wanted, dict):
            assert_has_form(value[name], wanted)
        else:
            # A bool is an int to Python, and no number to JSON.
            assert isinstance(value[name], wanted), (name, value[name])
            assert not isinstance(value[name], bool) or wanted is BOOL, (name, value[name])
        if name in WORDS:
            assert value[name] in WORDS[name], (name, value[name])
    assert set(value) <= set(form), value


def assert_socket_has_form(entry, sees_begin=False):
    """sees_begin: by an exporter that sees connections begin."""
    assert_has_form(entry, SOCKET)
    for process in entry["processes"]:
        assert_has_form(process, PROCESS)
        assert process["fds"] == sorted(process["fds"])
    time_wait, udp = entry["state"] == "time_wait", entry["protocol"] == "udp"
    assert ("reusable" in entry) == time_wait
    assert ("age_seconds" in entry) == ("age_is_exact" in entry)
    exact = entry.get("age_is_exact", False)
    assert exact == time_wait or (sees_begin and exact and entry["state"] != "listen" and not udp)
    assert "expires_seconds" in entry or not time_wait
    assert ("accept_queue" in entry) == (entry["state"] == "listen")
    assert not udp or entry["state"] in ("established", "close")
    assert ("uid" in entry) == ("inode" in entry) == (entry["holders"] != "none")
    assert bool(entry["processes"]) == (entry["holders"] == "found")
    assert entry["meaning"].endswith(".")


def assert_port_has_form(answer, sees_begin=False):
    assert_has_form(answer, PORT)
    for side in ("local", "remote"):
        assert len(answer[side]["sockets"]) <= answer[side]["total"]
        for entry in answer[side]["sockets"]:
            assert_socket_has_form(entry, sees_begin)
            assert entry[side + "_port"] == answer["port"]
    assert answer["use"] == "free" or "chances" not in answer
    assert answer["meaning"].endswith(".")


def look(*args, **kw):
    """The whole answer, which must have its form and the exit status that goes with it."""
    done = lib.exporter.run("port", *args, "--json", **kw)
    assert done.stderr == ""
    assert done.stdout.endswith("\n") and done.stdout.count("\n") == 1
    found = json.loads(done.stdout)
    assert_has_form(found, ANSWER)
    for answer in found["ports"]:
        assert_port_has_form(answer)
        # What is not seen may hold the port.
        assert ("chances" in answer) == (
            answer["use"] == "free" and found["socket_source"]["tcp"] != "procfs")
    something = any(answer[side]["total"] for answer in found["ports"]
                    for side in ("local", "remote"))
    assert done.returncode == (0 if something else 1)
    return found


def ask(number, *flags, **kw):
    """The answer for one port, with the advice if there is some."""
    found = look(number, *flags, **kw)
    assert [answer["port"] for answer in found["ports"]] == [number]
    return {**found["ports"][0], **{name: found[name] for name in ("advice",) if name in found}}


def tell(*args, **kw):
    """What people are told, in one line of words."""
    done = lib.exporter.run("port", *args, **kw)
    assert (done.returncode, done.stderr) in ((0, ""), (1, ""))
    return " ".join(done.stdout.split())


def text_of(*args, status=0, **kw):
    """What people are told, as it is laid out."""
    done = lib.exporter.run("port", *args, **kw)
    assert (done.returncode, done.stderr) == (status, "")
    return done.stdout


# In no terminal nothing is cut off of what somebody else named: commands, and paths of cgroups.
PIPE = 0


def assert_fits(text, width=PIPE):
    if width == PIPE:
        width = 80
        text = re.sub(r"(\((?:pid \d+, )?fd [^)]*\)): .*$", r"\1", text, flags=re.M)
        text = re.sub(r"\bcgroup .*$", "cgroup", text, flags=re.M)
    for line in text.splitlines():
        assert len(line) <= width, f"{len(line)} columns, not {width}: {line}"
        assert line == line.rstrip(), repr(line)


def assert_harmless(text):
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e"
                         r"\u2066-\u2069\ufeff]", text), repr(text)


def pids(entry):
    return [process["pid"] for process in entry["processes"]]


def with_inode(sockets, sock):
    """The one of these that the socket is."""
    inode = os.fstat(sock.fileno()).st_ino
    found = [entry for entry in sockets if entry.get("inode") == inode]
    assert len(found) == 1, f"{len(found)} have inode {inode}: {sockets}"
    return found[0]


def local(answer, sock):
    return with_inode(answer["local"]["sockets"], sock)


def local_of(sock, *flags, **kw):
    """What is told of a socket by asking for its local port."""
    return local(ask(sock.getsockname()[1], *flags, **kw), sock)


# What the socket itself says

TCP_STATES = [None, "established", "syn_sent", "syn_recv", "fin_wait1", "fin_wait2", "time_wait",
              "close", "close_wait", "last_ack", "listen", "closing"]


def _peer(sock):
    try:
        return sock.getpeername()
    except OSError:
        return None


def state_of(sock):
    if sock.type == socket.SOCK_DGRAM:
        return "established" if _peer(sock) else "close"
    state = TCP_STATES[sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0]]
    return "bound" if state == "close" else state


def _plain(address):
    return address.removeprefix("::ffff:")


def truth(sock, peer=None):
    """What an entry must say of a socket of ours. peer: where it knows of none itself."""
    here = sock.getsockname()
    there = peer or _peer(sock)
    mapped = here[0].startswith("::ffff:")
    ipv4 = sock.family == socket.AF_INET or mapped
    nobody = "0.0.0.0" if ipv4 else "::"
    return {
        "protocol": "udp" if sock.type == socket.SOCK_DGRAM else "tcp",
        "family": IPV4 if ipv4 else IPV6,
        "state": state_of(sock),
        "local_address": _plain(here[0]), "local_port": here[1],
        "remote_address": _plain(there[0]) if there else nobody,
        "remote_port": there[1] if there else 0,
        "inode": os.fstat(sock.fileno()).st_ino,
        "uid": os.geteuid(),
    }


def assert_is(entry, sock, peer=None, **more):
    """The entry is the socket, and found with all that hold it; more: what it says besides.

    A value of None is for what must be absent.
    """
    for name, value in {**truth(sock, peer), **more}.items():
        assert entry.get(name) == value, f"{name}: {entry.get(name)!r}, not {value!r}: {entry}"
    assert entry["holders"] == "found"
    assert entry["processes"] == processes_with(entry["inode"])


# What /proc says

def _pids():
    return sorted(int(name) for name in os.listdir("/proc") if name.isdigit())


def links_of(pid):
    """[(fd, what it refers to)], of which a process that has ended, or is not ours, has none."""
    found = []
    with contextlib.suppress(OSError):
        for fd in os.listdir(f"/proc/{pid}/fd"):
            # The one that lists them is among our own, and gone by now.
            with contextlib.suppress(FileNotFoundError):
                found.append((int(fd), os.readlink(f"/proc/{pid}/fd/{fd}")))
    return found


def processes_with(inode):
    """The processes that have it open, in the form that they are told in."""
    found = []
    for pid in _pids():
        fds = [fd for fd, link in links_of(pid) if link == f"socket:[{inode}]"]
        if fds:
            name = Path(f"/proc/{pid}/comm").read_bytes()[:-1].decode()
            command = Path(f"/proc/{pid}/cmdline").read_bytes().rstrip(b"\0")
            found.append({"pid": pid, "name": name, "fds": sorted(fds),
                          "command": command.replace(b"\0", b" ")[:4096].decode()})
    return found


def sees_all():
    """Whether the descriptors of every process may be read, as root may on a plain host."""
    for pid in _pids():
        try:
            for fd in os.listdir(f"/proc/{pid}/fd"):
                os.readlink(f"/proc/{pid}/fd/{fd}")
                break
        except PermissionError:
            return False
        except OSError:
            pass
    return os.path.exists("/proc/1/fd")


# What ss says

Line = collections.namedtuple("Line", "protocol family state local_address local_port "
                              "remote_address remote_port inode")


def _endpoint(text, family):
    address, _, port = text.rpartition(":")
    address = _plain(address.strip("[]").split("%")[0])
    if address == "*":
        address = "0.0.0.0" if family == IPV4 else "::"
    return address, 0 if port == "*" else int(port)


def ss(*ports):
    """{Line: {(name, pid, fd)}} of the sockets that have one of the ports at either end."""
    found = {}
    for flag, family in (("-4", IPV4), ("-6", IPV6)):
        listing = subprocess.run(["ss", flag, "-Htuanep"], check=True, text=True,
                                 stdout=subprocess.PIPE).stdout
        for row in listing.splitlines():
            protocol, state, _, _, here, there = row.split()[:6]
            states = SS_TCP if protocol == "tcp" else SS_UDP
            is_ipv4 = family == IPV4 or "[::ffff:" in here
            here, there = (_endpoint(text, IPV4 if is_ipv4 else IPV6) for text in (here, there))
            if state not in states or not {here[1], there[1]} & set(ports):
                continue
            line = Line(protocol, IPV4 if is_ipv4 else IPV6, states[state], *here, *there,
                        int(re.search(r" ino:(\d+) ", row)[1]))
            found[line] = {(name, int(pid), int(fd)) for name, pid, fd in
                           re.findall(r'\("(.*?)",pid=(\d+),fd=(\d+)\)', row)}
    return found


def as_lines(answer):
    """The same of an answer. ss knows nothing of sockets that are bound and no more."""
    found = {}
    for side in ("local", "remote"):
        for entry in answer[side]["sockets"]:
            if entry["state"] == "bound":
                continue
            line = Line(*[entry.get(name, 0) for name in Line._fields])
            found[line] = {(process["name"], process["pid"], fd)
                           for process in entry["processes"] for fd in process["fds"]}
    return found


def assert_agrees_with_ss(number):
    """Every socket, and every holder of each. Gives the answer back."""
    answer = ask(number, "--limit=1000", "--all-processes")
    assert as_lines(answer) == ss(number)
    return answer


# A pid namespace of its own, with a /proc that shows it

UNSHARE = ["unshare", "--pid", "--mount", "--fork", "--kill-child", "--mount-proc"]


def need_pid_namespace():
    if subprocess.run([*UNSHARE, "true"], check=False, stderr=subprocess.DEVNULL).returncode:
        pytest.skip("no pid namespace can be made here")
