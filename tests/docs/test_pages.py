# SPDX-License-Identifier: Apache-2.0
"""What pages point at exists: files, headings, metrics, flags and commands. What they count is so many."""

import re

import pytest
import yaml

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
    named = set(re.findall(r"(?<![\w./-])((?:tests|deploy|docs|dashboards|collectors|exporter)/[\w./*-]*[\w-])", text(page)))
    # NAME and SHELL stand for one.
    patterns = [re.sub(r"[A-Z]{4,}", "*", name) for name in sorted(named)]
    assert [pattern for pattern in patterns if not list(REPOSITORY.glob(pattern))] == []


@pytest.mark.parametrize("page", PAGES)
def test_sources_that_are_named_exist(page):
    """In backticks, without a folder; NAME stands for one."""
    named = {name for name in re.findall(r"`([\w.*]+\.(?:c|h|libsonnet))`", text(page)) if "NAME" not in name}
    folders = ("collectors", "exporter", "docs", "dashboards", "tests")
    assert [name for name in sorted(named)
            if not any(next((REPOSITORY / folder).rglob(name), None) for folder in folders)] == []


@pytest.mark.parametrize("page", PAGES)
def test_flags_exist(page):
    known = set(re.findall(r"--(?:\[no-\])?[a-z][a-z._-]+", run("--help").stdout))
    known |= {flag.replace("[no-]", "") for flag in known} | {flag.replace("[no-]", "no-") for flag in known}
    used = set(re.findall(r"--(?:no-)?collector\.(?!sysctl)[a-z_]+(?:\.[a-z-]+)?", text(page)))
    assert used <= known


NUMBERS = ("one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen "
           "seventeen eighteen nineteen twenty").split()


@pytest.mark.parametrize("page", ["README.md", "CHANGELOG.md"])
def test_the_alerts_are_as_many_as_a_page_says(page):
    groups = yaml.safe_load(text("dashboards/rules/alerts.yaml"))["groups"]
    # One that has two severities is there twice.
    alerts = {rule["alert"] for group in groups for rule in group["rules"] if "alert" in rule}
    said = re.findall(r"\b([a-z]+|\d+)\s+alerts\b", text(page))
    counts = [NUMBERS.index(word) + 1 if word in NUMBERS else int(word)
              for word in said if word in NUMBERS or word.isdigit()]
    assert counts == [len(alerts)]


def test_the_recipe_of_the_package_installs_what_a_build_needs():
    """Or it fails in a fresh Debian, for want of clang for example."""
    listed = re.search(r"BUILD_PACKAGES=\(([^)]*)\)", text("deploy/lib/packages.sh"))[1].split()
    recipe, = re.findall(r"apt-get install (gcc(?:.*\\\n)*.*)", text("docs/install.md"))
    assert "clang" in listed and set(listed) - set(recipe.split()) == set()
