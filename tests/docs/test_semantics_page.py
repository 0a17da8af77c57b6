# SPDX-License-Identifier: Apache-2.0
"""docs/semantics.md: each of its console blocks prints what the page says it does."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from lib.exporter import BINARY, REPOSITORY, assert_no_sanitizer_report
from lib.namespace import in_namespace
from lib.sockets import need_ipv6, need_kernel

PAGE = REPOSITORY / "docs" / "semantics.md"
TRY = REPOSITORY / "docs" / "try.sh"


def blocks():
    """[(the line where it begins, its lines)]"""
    text = PAGE.read_text(encoding="utf-8")
    return [(text.count("\n", 0, block.start()) + 1, block.group(1).splitlines())
            for block in re.finditer(r"^```console\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)]


def commands(lines):
    """[(command, [line of output])]; a line that goes on with its command begins with "> "."""
    found = []
    for line in lines:
        if line.startswith("$ "):
            found.append((line[2:], []))
        elif line.startswith("> "):
            command, output = found.pop()
            found.append((command + "\n" + line[2:], output))
        else:
            found[-1][1].append(line)
    return found


@pytest.mark.parametrize("lines", [pytest.param(lines, id=f"line-{number}")
                                   for number, lines in blocks()])
@in_namespace
def test_a_block_prints_what_the_page_says(lines):
    need_ipv6()
    # IP_LOCAL_PORT_RANGE is of 6.3, and sockets that only bind are listed from 6.8 on.
    need_kernel(6, 8, "what the page shows")
    wanted = commands(lines)
    for program in ("nft", "curl"):
        if any(re.search(rf"\b{program} ", command) for command, _ in wanted) \
                and not shutil.which(program, path=os.environ["PATH"] + ":/usr/sbin:/sbin"):
            pytest.skip(f"there is no {program}")
    marker = "-- what comes next is of the next command"
    script = "\n".join([f". {TRY}", *(f"{command}\necho '{marker}'" for command, _ in wanted)])
    done = subprocess.run(
        ["bash", "-c", script], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True, timeout=60,
        env={**os.environ, "PATH": f"{Path(BINARY).parent}:{os.environ['PATH']}"})
    assert_no_sanitizer_report(done.stdout)
    outputs = [part.splitlines() for part in done.stdout.split(marker + "\n")]
    assert list(zip((command for command, _ in wanted), outputs)) == wanted, done.stdout
