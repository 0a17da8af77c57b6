# SPDX-License-Identifier: Apache-2.0
"""What the tests take for cgroups of version 2."""

from pathlib import Path

from lib.cgroup_mount import hierarchy, host_has_cgroups
from lib.exporter import Exporter


def test_files_of_that_name_are_no_hierarchy(tmp_path):
    """As on a machine of version 1, whose controllers have a cgroup.procs each."""
    for folder in (tmp_path, tmp_path / "unified"):
        folder.mkdir(exist_ok=True)
        for name in ("cgroup.procs", "cgroup.controllers"):
            (folder / name).write_text("")
    assert hierarchy(tmp_path) is None
    assert hierarchy(tmp_path / "none") is None


def test_the_mounts_say_the_same():
    # Whoever mounts something names its place, with any bytes.
    mounts = Path("/proc/mounts").read_text(encoding="utf-8", errors="surrogateescape")
    mounted = {Path(line.split()[1]) for line in mounts.splitlines()
               if line.split()[2] == "cgroup2"}
    known = mounted & {Path("/sys/fs/cgroup"), Path("/sys/fs/cgroup/unified")}
    assert (hierarchy() in known) if known else hierarchy() is None


def test_the_exporter_agrees():
    with Exporter() as exporter:
        succeeded = exporter.metrics().value("ephemera_scrape_collector_success", collector="owners")
    assert succeeded == host_has_cgroups()
