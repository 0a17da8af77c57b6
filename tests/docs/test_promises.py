# SPDX-License-Identifier: Apache-2.0
"""Each promise of SECURITY.md and docs/serving.md names the tests that try to break it. Do they exist?"""

import re

import pytest

from lib.exporter import REPOSITORY

PAGES = ["SECURITY.md", "docs/serving.md"]
HEAD = "| promise of this page | test |"


def rows(page):
    """[(promise, [test, ...]), ...]"""
    text = (REPOSITORY / page).read_text(encoding="utf-8")
    table = text.split(HEAD + "\n|---|---|\n", 1)[1].split("\n\n", 1)[0]
    cells = [line.strip("|").split(" | ") for line in table.splitlines()]
    assert all(len(row) == 2 for row in cells), cells
    return [(promise.strip(), re.findall("`([^`]+)`", tests)) for promise, tests in cells]


def functions(path):
    """The names of the tests in a file of Python or C; none where it is fuzzed."""
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".py":
        return set(re.findall(r"^def (test_\w+)", text, re.M))
    return set(re.findall(r"^static (?:void|int) (\w+)\(void", text, re.M))


def missing(tests):
    for test in tests:
        name, _, function = test.partition("::")
        path = REPOSITORY / name
        if not path.is_file():
            yield test
        elif function and function not in functions(path):
            yield test
        elif not function and path.parent.name != "fuzz" and not functions(path):
            yield test


@pytest.mark.parametrize("page", PAGES)
def test_each_promise_has_tests_that_exist(page):
    assert len(rows(page)) > 10
    for promise, tests in rows(page):
        assert tests, promise
        assert not list(missing(tests)), promise


def test_a_test_that_is_gone_would_be_missed():
    there = "tests/docs/test_promises.py::test_a_test_that_is_gone_would_be_missed"
    gone = ["tests/docs/test_promises.py::test_gone", "tests/docs/test_gone.py"]
    assert list(missing([there, *gone])) == gone
