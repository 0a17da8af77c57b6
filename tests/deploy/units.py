# SPDX-License-Identifier: Apache-2.0
"""The units as they are installed, what they say, and a run of a program under what they say.

There is no systemd here to ask: restricted() makes the same restrictions by hand, in a mount
namespace of the program's own, and reads each from the unit. It starts nothing but the program.
"""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from lib.exporter import REPOSITORY

DEPLOY = REPOSITORY / "deploy"
DROP_INS = DEPLOY / "systemd" / "examples"

# Of those that DynamicUser= takes (61184 to 65519).
A_DYNAMIC_USER = 61999

# Mounts, as systemd makes them; $1: subset=pid or nothing, $2: hidepid.
MOUNTS = r"""
set -e
mount --make-rprivate /
mount -t proc -o "hidepid=$2${1:+,$1}" proc /proc
if [ -d /proc/sys ]; then
	mount --bind /proc/sys /proc/sys
	mount -o remount,bind,ro /proc/sys
fi
while read -r _ on _; do
	case $on in /sys/fs/cgroup|/sys/fs/cgroup/*) mount -o remount,bind,ro "$on" ;; esac
done </proc/self/mounts
mount -o remount,bind,ro /
shift 2
exec "$@"
"""

# What is left to be done by the process itself, which then becomes the command.
CONFINE = r"""
import ctypes, errno, json, os, socket, sys

PR_CAPBSET_DROP, PR_SET_NO_NEW_PRIVS, PR_SET_MDWE = 24, 38, 65
CLONE_NEWUSER = 0x10000000
ALLOW, REFUSE = 0x7FFF0000, 0x00050000 | errno.EPERM
EQUAL = 4

class Compare(ctypes.Structure):
    _fields_ = [("argument", ctypes.c_uint), ("how", ctypes.c_int),
                ("a", ctypes.c_uint64), ("b", ctypes.c_uint64)]

how, command = json.loads(sys.argv[1]), sys.argv[2:]
libc = ctypes.CDLL(None, use_errno=True)
seccomp = ctypes.CDLL("libseccomp.so.2")
seccomp.seccomp_init.restype = ctypes.c_void_p
for call in (seccomp.seccomp_rule_add_array, seccomp.seccomp_load):
    call.argtypes = [ctypes.c_void_p] + [ctypes.c_uint32, ctypes.c_int, ctypes.c_uint,
                                         ctypes.c_void_p][:0 if call == seccomp.seccomp_load else 4]

if how["private_users"]:
    uid, gid = os.getuid(), os.getgid()
    assert libc.unshare(CLONE_NEWUSER) == 0, os.strerror(ctypes.get_errno())
    open("/proc/self/setgroups", "w").write("deny")
    open("/proc/self/uid_map", "w").write(f"{uid} {uid} 1")
    open("/proc/self/gid_map", "w").write(f"{gid} {gid} 1")
    for capability in range(64):
        libc.prctl(PR_CAPBSET_DROP, capability, 0, 0, 0)
assert libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0
if how["deny_write_execute"]:
    libc.prctl(PR_SET_MDWE, 1, 0, 0, 0)  # since Linux 6.3
os.umask(int(how["umask"], 8))

rules = seccomp.seccomp_init(REFUSE)
for name in how["calls"]:
    number = seccomp.seccomp_syscall_resolve_name(name.encode())
    if number >= 0 and name != "socket":
        assert seccomp.seccomp_rule_add_array(rules, ALLOW, number, 0, None) == 0, name
number = seccomp.seccomp_syscall_resolve_name(b"socket")
for family in how["families"]:
    test = Compare(0, EQUAL, getattr(socket, family), 0)
    assert seccomp.seccomp_rule_add_array(rules, ALLOW, number, 1, ctypes.byref(test)) == 0, family
assert seccomp.seccomp_load(rules) == 0
os.execv(command[0], command)
"""


def need(*programs):
    for program in programs:
        if not shutil.which(program):
            pytest.skip(f"there is no {program}")


def install(place, *options):
    """Configures the tree, and installs what is below deploy/ as `cmake --install` does. Returns what was said."""
    need("cmake")
    build = place / "build"
    if not build.exists():
        done = subprocess.run(["cmake", "-S", REPOSITORY, "-B", build, "-G", "Ninja", "-DEPHEMERA_TESTS=OFF", *options],
                              check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                              timeout=120)
        assert done.returncode == 0, done.stdout
    done = subprocess.run(["cmake", "--install", build / "deploy"], check=False, stdout=subprocess.PIPE,
                          env={"PATH": "/usr/bin:/bin", "DESTDIR": str(place / "root")},
                          stderr=subprocess.STDOUT, text=True, timeout=60)
    assert done.returncode == 0, done.stdout
    return done.stdout


def directives(text):
    """(section, name, value) of each line of a unit."""
    section, found = None, []
    for line in text.splitlines():
        if line.startswith("["):
            section = line.strip("[]")
        elif line and not line.startswith("#"):
            name, _, value = line.partition("=")
            found.append((section, name, value))
    return found


class Unit:
    """A service with its drop-ins, as far as restricted() asks."""

    def __init__(self, *texts):
        self.found = [(name, value) for text in texts for section, name, value in directives(text)
                      if section == "Service"]

    def last(self, name):
        return [value for have, value in self.found if have == name][-1]

    def together(self, name):
        """What is given more than once adds up, but what is empty throws away what was before."""
        found = []
        for value in [value for have, value in self.found if have == name]:
            found = [*found, *(word for word in value.split() if word not in found)] if value else []
        return found

    def is_on(self, name):
        return self.last(name) in ("yes", "true")

    def environment(self):
        return dict(pair.split("=", 1) for have, value in self.found if have == "Environment"
                    for pair in re.findall(r'"([^"]*)"', value))

    def arguments(self):
        """Of ExecStart, with what the variables have."""
        variables = self.environment()
        return [word for given in self.last("ExecStart").split()[1:]
                for word in (variables[given[1:]].split() if given.startswith("$") else [given])]

    def system_calls(self):
        allowed = set()
        for value in [value for have, value in self.found if have == "SystemCallFilter"]:
            names = set().union(*(_expand(name) for name in value.lstrip("~").split()))
            allowed = allowed - names if value.startswith("~") else allowed | names
        # Every list of allowed calls has these (systemd.exec(5)).
        return allowed | {"execve", "exit", "exit_group", "getrlimit", "rt_sigreturn", "sigreturn"} | _expand("@default")


def _expand(name):
    if not name.startswith("@"):
        return {name}
    said = subprocess.run(["systemd-analyze", "syscall-filter", name], check=True, stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL, text=True, timeout=60).stdout
    listed = [line.strip() for line in said.splitlines()[1:] if line.strip() and "#" not in line]
    return set().union(*(_expand(word) for word in listed))


def restricted(unit):
    """The arguments of Exporter that run it under the unit's restrictions, as another user."""
    need("unshare", "setpriv", "systemd-analyze")
    capabilities = ["+" + name.removeprefix("CAP_").lower()
                    for name in unit.together("AmbientCapabilities")]
    assert unit.together("CapabilityBoundingSet") == unit.together("AmbientCapabilities")
    chosen = ",".join(["-all", *capabilities])
    how = {
        "private_users": unit.is_on("PrivateUsers"),
        "deny_write_execute": unit.is_on("MemoryDenyWriteExecute"),
        "umask": unit.last("UMask"),
        "calls": sorted(unit.system_calls()),
        "families": unit.last("RestrictAddressFamilies").split(),
    }
    limit = unit.last("LimitNOFILE")
    return {"wrapper": [
        "unshare", "--mount", "--ipc", "--uts", *(["--net"] if unit.is_on("PrivateNetwork") else []),
        "prlimit", f"--nofile={limit}:{limit}", f"--core={unit.last('LimitCORE')}",
        "bash", "-c", MOUNTS, "bash",
        "subset=pid" if unit.last("ProcSubset") == "pid" else "",
        {"invisible": "invisible", "default": "off"}[unit.last("ProtectProc")],
        "setpriv", f"--reuid={A_DYNAMIC_USER}", f"--regid={A_DYNAMIC_USER}", "--clear-groups",
        f"--inh-caps={chosen}", f"--ambient-caps={chosen}", f"--bounding-set={chosen}",
        "/usr/bin/python3", "-c", CONFINE, json.dumps(how)]}
