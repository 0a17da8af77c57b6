# SPDX-License-Identifier: Apache-2.0
"""docs/semantics.md: each of its console blocks prints what the page says it does."""

import os
import re
import shutil

import pytest

import console
from lib import sources
from lib.exporter import REPOSITORY
from lib.namespace import in_namespace
from lib.sockets import need_ipv6, need_kernel

PAGE = REPOSITORY / "docs" / "semantics.md"


def test_the_tests_expect_of_each_source_what_the_page_says():
    text = PAGE.read_text(encoding="utf-8").split("## What each source shows\n")[1].split("\n## ")[0]
    header, _, *rows = ([cell.strip() for cell in line.strip("|").split("|")]
                        for line in text.splitlines() if line.startswith("|"))
    said = {row[0]: dict(zip(header[1:], row[1:])) for row in rows}
    for fact, told_by in sources.TOLD_BY.items():
        # "yes, by a second walk", "from Linux 6.8", "not if it is connected", "with --collector..."
        assert {source for source, text in said[fact].items()
                if re.match("yes|from Linux", text)} == told_by, fact
        assert ("--collector.binds.buckets" in said[fact]["sock_diag"]) \
            == (fact in sources.TOLD_WITH_BUCKETS), fact


@pytest.mark.parametrize("lines", [pytest.param(lines, id=f"line-{number}")
                                   for number, lines in console.blocks(PAGE)])
@in_namespace
def test_a_block_prints_what_the_page_says(lines):
    need_ipv6()
    # IP_LOCAL_PORT_RANGE is of 6.3, and sockets that only bind are listed from 6.8 on.
    need_kernel(6, 8, "what the page shows")
    wanted = console.commands(lines)
    for program in ("nft", "curl"):
        if any(re.search(rf"\b{program} ", command) for command, _ in wanted) \
                and not shutil.which(program, path=os.environ["PATH"] + ":/usr/sbin:/sbin"):
            pytest.skip(f"there is no {program}")
    outputs, printed = console.run(wanted)
    assert list(zip((command for command, _ in wanted), outputs)) == wanted, printed
