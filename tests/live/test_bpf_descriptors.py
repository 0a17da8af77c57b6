# SPDX-License-Identifier: Apache-2.0
"""What of its BPF programs a running exporter holds: what keeps them running, and memory to read."""

import os
import re
from pathlib import Path

from exhaustion import watching
from lib.bpf import needs_bpf
from lib.exporter import Exporter
from lib.namespace import in_namespace

pytestmark = needs_bpf

# What a walk begins with.
WRITABLE = 1
MAPPED = re.compile(r"^[0-9a-f]+-[0-9a-f]+ (\S{4}) .*anon_inode:bpf-map")


def descriptors(exporter):
    """{what it is: how many}, of those of BPF."""
    found = {}
    for entry in Path(f"/proc/{exporter.pid}/fd").iterdir():
        try:
            kind = os.readlink(entry).removeprefix("anon_inode:")
        except FileNotFoundError:
            continue # it opens and closes files meanwhile
        if "bpf" in kind or "btf" in kind:
            found[kind] = found.get(kind, 0) + 1
    return found


def mappings(exporter):
    """[(protection, flags)] of the maps of BPF programs in the exporter's memory."""
    found = []
    for line in Path(f"/proc/{exporter.pid}/smaps").read_text().splitlines():
        if mapped := MAPPED.match(line):
            found.append([mapped[1], None])
        elif re.match(r"^[0-9a-f]+-[0-9a-f]+ ", line):
            found.append(None)
        elif line.startswith("VmFlags:") and found[-1]:
            found[-1][1] = line.split()[1:]
    return [mapping for mapping in found if mapping]


@in_namespace
def test_no_descriptor_leads_to_a_map():
    with watching() as exporter:
        metrics = exporter.metrics()
        counts_binds = metrics.value("ephemera_kernel_feature", feature="bind_port_exhaustion")
        programs = 3 if counts_binds else 1
        # The programs' own are for /proc/self/fdinfo, and the iterator makes every walk.
        assert descriptors(exporter) == {"bpf-prog": programs, "bpf_link": programs, "bpf_iter": 1}


@in_namespace
def test_what_is_only_read_cannot_be_written():
    with watching() as exporter:
        exporter.metrics()
        found = mappings(exporter)
        assert len(found) >= WRITABLE + 5
        readable = [flags for protection, flags in found if protection == "r--s"]
        assert len(readable) == len(found) - WRITABLE
        # "mw": mprotect() may make it writable.
        assert not [flags for flags in readable if "mw" in flags]
        assert {protection for protection, _ in found} == {"r--s", "rw-s"}
        # None, not even that one, can be run.
        assert not [flags for _, flags in found if "me" in flags]


@in_namespace
def test_a_walk_alone_keeps_one_iterator():
    with Exporter() as exporter:
        exporter.metrics()
        assert descriptors(exporter) == {"bpf_iter": 1}


@in_namespace
def test_the_walks_over_buckets_alone_keep_one_link():
    with Exporter("--collector.binds.buckets", "--sockets.source=sock_diag") as exporter:
        exporter.metrics()
        assert descriptors(exporter) == {"bpf_link": 1}
