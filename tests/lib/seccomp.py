# SPDX-License-Identifier: Apache-2.0
"""Takes netlink, seccomp or bpf() away from this process and its children, as gVisor or a strict sandbox does."""

import ctypes
import errno
import platform
import socket
import struct

import pytest

PR_SET_NO_NEW_PRIVS, PR_SET_SECCOMP, SECCOMP_MODE_FILTER = 38, 22, 2
LOAD, JUMP_EQUAL, RETURN = 0x20, 0x15, 0x06  # BPF_LD|W|ABS, BPF_JMP|JEQ|K, BPF_RET|K
ALLOW, ERRNO = 0x7FFF0000, 0x00050000
NUMBER_OFFSET, FIRST_ARGUMENT_OFFSET = 0, 16  # in struct seccomp_data, little-endian
SOCKET_CALL = {"x86_64": 41, "aarch64": 198, "riscv64": 198}
PRCTL_CALL = {"x86_64": 157, "aarch64": 167, "riscv64": 167}
SECCOMP_CALL = {"x86_64": 317, "aarch64": 277, "riscv64": 277}
BPF_CALL = {"x86_64": 321, "aarch64": 280, "riscv64": 280}
NO_FAMILY = 0xffff


class _Program(ctypes.Structure):
    _fields_ = [("length", ctypes.c_ushort), ("filter", ctypes.c_void_p)]


def forbid_netlink(refusal=errno.EPROTONOSUPPORT):
    """socket(AF_NETLINK, ...) fails with that errno from now on; there is no way back."""
    _forbid(SOCKET_CALL, socket.AF_NETLINK, refusal)


def forbid_seccomp(refusal=errno.EINVAL):
    """As on a kernel that has none, or in a sandbox that lets nobody set filters."""
    _forbid(PRCTL_CALL, PR_SET_SECCOMP, refusal, (SECCOMP_CALL, errno.ENOSYS))


def forbid_bpf(refusal=errno.EPERM):
    """As the profile of a container runtime does."""
    _forbid(SOCKET_CALL, NO_FAMILY, errno.EAFNOSUPPORT, (BPF_CALL, refusal))


def _forbid(calls, first_argument, refusal, whole=None):
    machine = platform.machine()
    if machine not in calls:
        pytest.skip(f"the numbers of system calls on {machine} are not known here")
    steps = [(LOAD, 0, 0, NUMBER_OFFSET)]
    if whole:
        steps += [(JUMP_EQUAL, 0, 1, whole[0][machine]), (RETURN, 0, 0, ERRNO | whole[1])]
    steps += [
        (JUMP_EQUAL, 0, 3, calls[machine]),
        (LOAD, 0, 0, FIRST_ARGUMENT_OFFSET),
        (JUMP_EQUAL, 0, 1, first_argument),
        (RETURN, 0, 0, ERRNO | refusal),
        (RETURN, 0, 0, ALLOW),
    ]
    code = ctypes.create_string_buffer(b"".join(struct.pack("=HBBI", *step) for step in steps))
    program = _Program(len(steps), ctypes.cast(code, ctypes.c_void_p))
    libc = ctypes.CDLL(None, use_errno=True)
    for arguments in ((PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0),
                      (PR_SET_SECCOMP, SECCOMP_MODE_FILTER, ctypes.byref(program), 0, 0)):
        if libc.prctl(*arguments) != 0:
            pytest.skip(f"no seccomp filter can be set: errno {ctypes.get_errno()}")
