# SPDX-License-Identifier: Apache-2.0
"""Whether BPF programs can be loaded here, so that the exhaustion collector is expected to work."""

import os
from pathlib import Path

import pytest

from lib.exporter import BINARY

CAP_PERFMON, CAP_BPF = 38, 39

# What collectors/kernel/without_bpf.c says, such as that of the build with ThreadSanitizer.
WITHOUT = b"this build has no BPF"


def _missing():
    with open("/proc/self/status", encoding="ascii") as file:
        held = next(int(line.split()[1], 16) for line in file if line.startswith("CapEff:"))
    if os.geteuid() != 0 or not held >> CAP_BPF & held >> CAP_PERFMON & 1:
        return "loading BPF programs takes root, or CAP_BPF and CAP_PERFMON"
    if not Path("/sys/kernel/btf/vmlinux").exists():
        return "this kernel has no BTF"
    if Path(BINARY).exists() and WITHOUT in Path(BINARY).read_bytes():
        return WITHOUT.decode()
    return None


MISSING = _missing()

needs_bpf = pytest.mark.skipif(MISSING is not None, reason=str(MISSING))
