# SPDX-License-Identifier: Apache-2.0
"""What pages point at: files, headings, metrics, flags and commands exist."""

import re

import pytest

from lib.exporter import REPOSITORY, run

PAGES = sorted(str(path.relative_to(REPOSITORY)) for path in (
    *REPOSITORY.glob("*.md"), *(REPOSITORY / "docs").glob("*.md"),
    REPOSITORY / "dashboards/README.md", REPOSITORY / "deploy/compose/README.md"))


def text(page):
    return (REPOSITORY / page).read_text(encoding="utf-8")


def anchors(path):
    """As GitHub makes them of headings."""
    headings = re.findall(r"^#+ (.+)$", path.read_text(encoding="utf-8"), re.M)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page):
    wrong = []
    for link in re.findall(r"\]\(([^)]+)\)", text(page)):
        if re.match(r"https?://", link):
            continue
        path, _, anchor = link.partition("#")
        target = (REPOSITORY / page).parent / path if path else REPOSITORY / page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            wrong.append(link)
    assert not wrong


@pytest.mark.parametrize("page", PAGES)
def test_metrics_exist(page):
    known = set(re.findall(r"\bephemera_[a-z0-9_]+\b", text("docs/metrics.md")))
    used = set(re.findall(r"(?<![:\w])ephemera_[a-z0-9_]+\b", text(page)))
    # What a grep looks for may be the beginning of a name.
    assert [name for name in sorted(used) if not any(full.startswith(name) for full in known)] == []


@pytest.mark.parametrize("page", PAGES)
def test_files_that_are_named_exist(page):
    """In backticks or in a block: below a folder of the tree."""
    named = set(re.findall(r"(?<![\w./-])((?:tests|deploy|docs|dashboards)/[\w./*-]*[\w-])", text(page)))
    # NAME and SHELL stand for one.
    patterns = [re.sub(r"[A-Z]{4,}", "*", name) for name in sorted(named)]
    assert [pattern for pattern in patterns if not list(REPOSITORY.glob(pattern))] == []


@pytest.mark.parametrize("page", PAGES)
def test_flags_exist(page):
    known = set(re.findall(r"--(?:\[no-\])?[a-z][a-z._-]+", run("--help").stdout))
    known |= {flag.replace("[no-]", "") for flag in known} | {flag.replace("[no-]", "no-") for flag in known}
    used = set(re.findall(r"--(?:no-)?collector\.(?!sysctl)[a-z_]+(?:\.[a-z-]+)?", text(page)))
    assert used <= known
