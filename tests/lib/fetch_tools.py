# SPDX-License-Identifier: Apache-2.0
"""Fetches the programs that tests compare with, before the tests run: a worker of several has a
network namespace of its own, and so no way to Debian's packages.

What is there stays until Debian has another version of its package.
"""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from lib.tools import TOOLS, debian_binary  # noqa: E402

PROGRAMS = (("prometheus", "usr/bin/prometheus"), ("prometheus", "usr/bin/promtool"),
            ("prometheus-alertmanager", "usr/bin/prometheus-alertmanager"),
            ("prometheus-alertmanager", "usr/bin/amtool"),
            ("prometheus-node-exporter", "usr/bin/prometheus-node-exporter"))


def candidate(package):
    """The version that apt would fetch, or None where nobody knows."""
    if not shutil.which("apt-cache"):
        return None
    said = subprocess.run(["apt-cache", "policy", package], check=False, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True).stdout
    found = [line.split()[1] for line in said.splitlines() if line.strip().startswith("Candidate:")]
    return found[0] if found and found[0] != "(none)" else None


def forget_what_is_old(package):
    """Keeps, beside the unpacked package, which version it is."""
    version, note = candidate(package), TOOLS / f"{package}.version"
    if not version or (note.exists() and note.read_text(encoding="utf-8") == version):
        return
    shutil.rmtree(TOOLS / package, ignore_errors=True)
    TOOLS.mkdir(parents=True, exist_ok=True)
    note.write_text(version, encoding="utf-8")


def main():
    for package in dict.fromkeys(package for package, _ in PROGRAMS):
        forget_what_is_old(package)
    missing = []
    for package, path in PROGRAMS:
        try:
            debian_binary(package, path)
        # What stands in the way is no Exception to pytest.
        except (pytest.skip.Exception, pytest.fail.Exception) as error:
            missing.append(f"{path}: {error}")
    print("".join(f"{line}\n" for line in missing), end="", file=sys.stderr)
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main())
