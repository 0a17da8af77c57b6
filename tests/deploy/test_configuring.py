# SPDX-License-Identifier: Apache-2.0
"""What `cmake -B build` makes of a machine: a release without a word, and a clear one of what is missing."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from lib.exporter import REPOSITORY


@pytest.fixture(name="libraries")
def fixture_libraries(tmp_path):
    """The folder of what pkg-config knows here, to take something from."""
    for program in ("cmake", "pkg-config"):
        if not shutil.which(program):
            pytest.skip(f"there is no {program}")
    folder = tmp_path / "pkgconfig"
    folder.mkdir()
    places = subprocess.run(["pkg-config", "--variable=pc_path", "pkg-config"], check=True,
                            stdout=subprocess.PIPE, text=True).stdout.strip()
    for place in places.split(":"):
        for file in Path(place).glob("*.pc"):
            if not (folder / file.name).exists():
                (folder / file.name).symlink_to(file)
    return folder


def configure(libraries, *options):
    """(status, what was said in one line, {name: value} of what was chosen)"""
    build = libraries.parent / "build"
    done = subprocess.run(
        ["cmake", "-S", REPOSITORY, "-B", build, "-G", "Ninja", "-DEPHEMERA_BPF=OFF", *options], check=False,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        timeout=120, env={**os.environ, "PKG_CONFIG_LIBDIR": str(libraries)})
    cache = (build / "CMakeCache.txt").read_text()
    chosen = dict(re.findall(r"^(\w+):\w+=(.*)$", cache, re.M))
    return done.returncode, " ".join(done.stdout.split()), chosen


def has_tests(libraries):
    return (libraries.parent / "build/tests/unit").is_dir()


def test_a_release_is_built_where_nothing_else_is_asked_for(libraries):
    status, said, chosen = configure(libraries, "-DEPHEMERA_TESTS=OFF")
    assert status == 0, said
    assert chosen["CMAKE_BUILD_TYPE"] == "Release"
    assert "No CMAKE_BUILD_TYPE is set: this is a Release build" in said


@pytest.mark.parametrize("kind", ["Debug", "None"])
def test_another_kind_of_build_is_left_alone(libraries, kind):
    status, said, chosen = configure(libraries, "-DEPHEMERA_TESTS=OFF", f"-DCMAKE_BUILD_TYPE={kind}")
    assert status == 0, said
    assert chosen["CMAKE_BUILD_TYPE"] == kind
    assert "CMAKE_BUILD_TYPE is set" not in said


def test_the_tests_are_built_where_that_is_possible(libraries):
    if not (libraries / "cmocka.pc").exists():
        pytest.skip("there is no cmocka")
    status, said, _ = configure(libraries)
    assert status == 0, said
    assert has_tests(libraries) and "not built" not in said


def test_without_cmocka_there_are_no_tests_and_a_word_says_so(libraries):
    (libraries / "cmocka.pc").unlink(missing_ok=True)
    status, said, _ = configure(libraries)
    assert status == 0, said
    assert not has_tests(libraries)
    assert "The tests are not built: cmocka was not found (Debian and Ubuntu: libcmocka-dev)" in said


@pytest.mark.parametrize("how", [["-DEPHEMERA_TESTS=ON"], ["--preset", "debug"]], ids=" ".join)
def test_who_asks_for_tests_is_told_what_they_need(libraries, how):
    (libraries / "cmocka.pc").unlink(missing_ok=True)
    status, said, _ = configure(libraries, *how)
    assert status != 0
    assert "What the tests need was not found: cmocka (Debian and Ubuntu: libcmocka-dev)" in said
    assert "-DEPHEMERA_TESTS=OFF builds without them" in said


def test_all_that_is_missing_is_named_at_once(libraries):
    for name in ("libmnl.pc", "yaml-0.1.pc", "gnutls.pc"):
        (libraries / name).unlink()
    status, said, _ = configure(libraries, "-DEPHEMERA_TESTS=OFF")
    assert status != 0
    assert "What the build needs was not found: libmnl (Debian and Ubuntu: libmnl-dev) " \
        "gnutls>=3.7 (Debian and Ubuntu: libgnutls28-dev) " \
        "yaml-0.1 (Debian and Ubuntu: libyaml-dev)" in said


def test_the_packages_named_are_those_that_the_scripts_install():
    named = re.findall(r"^ *ephemera_needs\(\w+ \S+ (\S+)\)", (REPOSITORY / "CMakeLists.txt").read_text(),
                       re.M)
    scripts = (REPOSITORY / "deploy/lib/packages.sh").read_text() + (REPOSITORY / "tests/run").read_text()
    assert len(named) == 10
    assert [name for name in named if not re.search(rf"\b{re.escape(name)}\b", scripts)] == []
