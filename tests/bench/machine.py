# SPDX-License-Identifier: Apache-2.0
"""The machine and the kernel's files: what it is, a private network namespace, processes."""

import ctypes
import fcntl
import os
import platform
import re
import signal
import socket
import struct
import time

CLONE_NEWNET = 0x40000000
CLONE_NEWUSER = 0x10000000
PR_SET_PDEATHSIG = 1
SIOCSIFFLAGS = 0x8914
IFF_UP = 1
# An even number of ports: the kernel's search can miss one of an odd number. The
# benchmark's own listeners are all below.
PORT_RANGE = "16000 64999"

libc = ctypes.CDLL(None, use_errno=True)


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def write(path, text):
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)


def describe():
    """Who reads a figure must know what it was measured on."""
    model = re.search(r"^model name\s*:\s*(.*)$", read("/proc/cpuinfo"), re.M)
    return {
        "kernel": platform.release(),
        "architecture": platform.machine(),
        "cpu_model": model.group(1) if model else "unknown",
        "cores": len(os.sched_getaffinity(0)),
        "memory_bytes": memory("MemTotal"),
    }


def memory(field):
    return int(re.search(rf"^{field}:\s*(\d+) kB", read("/proc/meminfo"), re.M).group(1)) * 1024


def enter_namespace():
    """Moves this process to a network namespace of its own, which vanishes with it: what
    `unshare -n` does, or `unshare -rn` without root. Raises OSError."""
    uid, gid = os.geteuid(), os.getegid()
    if libc.unshare(CLONE_NEWNET | (CLONE_NEWUSER if uid else 0)):
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error))
    if uid:
        write("/proc/self/setgroups", "deny")
        write("/proc/self/uid_map", f"0 {uid} 1")
        write("/proc/self/gid_map", f"0 {gid} 1")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        fcntl.ioctl(sock, SIOCSIFFLAGS, struct.pack("16sH14x", b"lo", IFF_UP))
    write("/proc/sys/net/ipv4/ip_local_port_range", PORT_RANGE)


def die_with_parent():
    """For Popen(preexec_fn=): whatever kills the benchmark, nothing outlives it."""
    libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def tcp_sockets():
    """TCP sockets of this network namespace, TIME_WAIT included."""
    counts = read("/proc/self/net/sockstat") + read("/proc/self/net/sockstat6")
    found = re.findall(r"^TCP6?: inuse (\d+)(?: orphan \d+ tw (\d+))?", counts, re.M)
    return sum(int(count) for pair in found for count in pair if count)


def cpu_seconds(pid):
    """CPU time that a process has used so far, and all threads it ever had with it."""
    try:
        # clock_getcpuclockid(3). Unlike task/*/schedstat it keeps the time of threads that
        # have ended; unlike stat it is exact to less than a clock tick.
        return time.clock_gettime((~pid << 3) | 2)
    except OSError:
        fields = read(f"/proc/{pid}/stat").rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def reset_peak(pid):
    """Makes VmHWM begin again; False where that is not allowed."""
    try:
        write(f"/proc/{pid}/clear_refs", "5")
    except OSError:
        return False
    return True


def resident_bytes(pid, field="VmRSS"):
    """VmRSS or, as its peak, VmHWM."""
    return int(re.search(rf"^{field}:\s*(\d+) kB", read(f"/proc/{pid}/status"), re.M)[1]) * 1024
