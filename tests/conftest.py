# SPDX-License-Identifier: Apache-2.0
"""Makes tests/lib and tests/live importable, has the fixtures of several files, names what was skipped, and closes with the count."""

import collections
import contextlib
import functools
import os
import shutil
import sys
import tempfile
from pathlib import Path

import pytest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "live")]

# Those take root and minutes: tests/deploy/run and tests/kernels/run ask for them.
collect_ignore = [] if os.environ.get("EPHEMERA_INSTALLS") else ["deploy/installs", "kernels"]

# Asserts in these say what they compared, as those in a test do.
pytest.register_assert_rewrite("lib.exporter", "lib.namespace", "lib.openapi", "lib.sockets",
                               "accounting", "mixture", "mixture_proof", "port", "states")


def pytest_configure(config):
    """Gives each of several workers a network of its own: what one test opens no other one sees."""
    if config.pluginmanager.hasplugin("xdist"):
        config.pluginmanager.register(_Scheduling())
    if os.environ.get("PYTEST_XDIST_WORKER") and os.geteuid() == 0:
        import lib.namespace

        lib.namespace.enter_another()


def _unit_of_work(nodeid):
    """What goes to one worker as a whole: a file whose fixtures are made once for it, else a test."""
    name = nodeid.split("::")[0]
    return name if _shares_fixtures(name) else nodeid


@functools.lru_cache(maxsize=None)
def _shares_fixtures(name):
    path = Path(HERE).parent / name
    return path.is_file() and 'scope="module"' in path.read_text(encoding="utf-8")


class _Scheduling:
    """Of pytest-xdist, which may not be there."""

    @staticmethod
    def pytest_xdist_make_scheduler(config, log):
        from xdist.scheduler import LoadScopeScheduling

        class ByFixture(LoadScopeScheduling):
            def _split_scope(self, nodeid):
                return _unit_of_work(nodeid)

        return ByFixture(config, log)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    """Among workers the largest units go first, so that none of them is begun last."""
    if os.environ.get("PYTEST_XDIST_WORKER"):
        size = collections.Counter(_unit_of_work(item.nodeid) for item in items)
        items.sort(key=lambda item: -size[_unit_of_work(item.nodeid)])


NAME_LENGTH = 100


def pytest_make_parametrize_id(config, val):
    """Shortens what would be a test's name by the page; pytest tells those that become equal apart."""
    del config
    if not isinstance(val, (str, bytes)) or len(val) <= NAME_LENGTH:
        return None
    text = val if isinstance(val, str) else val.decode("ascii", "backslashreplace")
    return ascii(text[:NAME_LENGTH])[1:-1] + f"... of {len(val)}"


@pytest.fixture
def public_binary(monkeypatch):
    """A copy that anybody can run: the tree may lie where only its owner can reach it."""
    import lib.exporter

    directory = tempfile.mkdtemp(prefix="ephemera-")
    try:
        os.chmod(directory, 0o755)
        copy = shutil.copy(lib.exporter.BINARY, directory)
        os.chmod(copy, 0o755)
        monkeypatch.setattr(lib.exporter, "BINARY", copy)
        yield copy
    finally:
        shutil.rmtree(directory)


@pytest.fixture(autouse=True)
def socket_source(request):
    """See lib/sources.py."""
    # Most tests do not choose one.
    if not hasattr(request, "param"):
        yield "auto"
        return
    import lib.sources

    source = request.param
    lib.sources.use(source)
    yield source
    lib.sources.use(lib.sources.AUTO)


@contextlib.contextmanager
def _folder():
    made = Path(tempfile.mkdtemp(prefix="ephemera-"))
    try:
        made.chmod(0o777)
        yield made
    finally:
        shutil.rmtree(made)


@pytest.fixture
def folder():
    """A directory that an exporter can use that is root no more; pytest's own are the runner's."""
    with _folder() as made:
        yield made


@pytest.fixture(scope="module")
def module_folder():
    with _folder() as made:
        yield made


@pytest.fixture(scope="module")
def tree():
    """Cgroups. Made by the process that runs the tests, so cleared away whatever they do."""
    import cgroups

    try:
        with cgroups.Tree() as made:
            yield made
    except cgroups.Unavailable as error:
        pytest.skip(str(error))


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
