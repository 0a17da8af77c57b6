# SPDX-License-Identifier: Apache-2.0
"""The console blocks of a page, run as a reader runs them in the shell of docs/try.sh."""

import os
import re
import subprocess
from pathlib import Path

from lib.exporter import BINARY, REPOSITORY, assert_no_sanitizer_report

TRY = REPOSITORY / "docs" / "try.sh"

MARKER = "-- what comes next is of the next command"


def blocks(page):
    """[(the line where it begins, its lines)]"""
    text = page.read_text(encoding="utf-8")
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


def run(wanted):
    """[[line that a command printed]], and all that was printed, for when they differ."""
    script = "\n".join([f". {TRY}", *(f"{command}\necho '{MARKER}'" for command, _ in wanted)])
    done = subprocess.run(
        ["bash", "-c", script], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True, timeout=60,
        env={**os.environ, "PATH": f"{Path(BINARY).parent}:{os.environ['PATH']}"})
    assert_no_sanitizer_report(done.stdout)
    outputs = [part.splitlines() for part in done.stdout.split(MARKER + "\n")]
    return outputs[:len(wanted)], done.stdout
