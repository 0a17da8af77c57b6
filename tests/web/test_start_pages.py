# SPDX-License-Identifier: Apache-2.0
"""What only the start needed is not resident when the exporter serves."""

from pathlib import Path

from lib.exporter import Exporter
from lib.namespace import in_namespace
from lib.sockets import wait_until


def resident_share(pid):
    """Of the program's and its libraries' pages that cannot be written."""
    size = resident = 0
    for line in Path(f"/proc/{pid}/smaps").read_text(encoding="utf-8").splitlines():
        first, *words = line.split()
        if "-" in first and ":" not in first:
            counts = "w" not in words[0] and len(words) > 4 and words[4].startswith("/")
        elif counts and first == "Size:":
            size += int(words[0])
        elif counts and first == "Rss:":
            resident += int(words[0])
    return resident / size


@in_namespace
def test_most_pages_of_the_program_are_not_resident():
    with Exporter() as exporter:
        wait_until(lambda: resident_share(exporter.pid) < 0.5, "the pages of the start to be gone")
        first = exporter.get("/metrics")
        assert first.status == 200
        assert resident_share(exporter.pid) < 0.5
