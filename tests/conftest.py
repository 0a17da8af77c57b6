# SPDX-License-Identifier: Apache-2.0
"""Makes tests/lib importable, names what was skipped, and closes with the count."""

import os
import sys

import pytest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

# Asserts in these say what they compared, as those in a test do.
pytest.register_assert_rewrite("lib.exporter", "lib.namespace", "lib.sockets", "accounting",
                               "states")


def _reports(reporter, *outcomes):
    return [report for outcome in outcomes for report in reporter.stats.get(outcome, [])]


def pytest_terminal_summary(terminalreporter):
    for report in _reports(terminalreporter, "skipped"):
        where = report.longrepr
        reason = where[2] if isinstance(where, tuple) else where
        terminalreporter.write_line(f"SKIPPED {report.nodeid}: {reason.removeprefix('Skipped: ')}")


@pytest.hookimpl(trylast=True)
def pytest_unconfigure(config):
    # pytest writes its own last line after every summary hook; this one comes after that.
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    if reporter is None or config.option.collectonly or not reporter.stats:
        return
    passed = len(_reports(reporter, "passed", "xpassed"))
    failed = len(_reports(reporter, "failed", "error"))
    skipped = len(_reports(reporter, "skipped", "xfailed"))
    reporter.write_line(f"{passed} passed, {failed} failed, {skipped} skipped")
