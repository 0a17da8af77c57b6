# SPDX-License-Identifier: Apache-2.0
"""What a program of another architecture is compiled and run with, tried with programs of this one."""

import os
import platform
import shutil
import subprocess
from pathlib import Path

import pytest

from lib import debian, sysroot

OWN = {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine())
PROGRAM = Path("/bin/true")

pytestmark = pytest.mark.skipif(OWN is None or not shutil.which("readelf"),
                                reason="takes readelf, and amd64 or arm64")


def test_a_program_runs_with_what_is_copied_with_it(tmp_path):
    sysroot.add_program(PROGRAM, Path("/"), tmp_path, OWN)
    copied = {path.relative_to(tmp_path) for path in tmp_path.rglob("*") if path.is_file()}
    assert Path("usr/bin/true") in copied and any(path.name.startswith("libc.so") for path in copied)
    loader = next(path for path in copied if path.name.startswith("ld-linux"))
    listed = subprocess.run([tmp_path / loader, "--inhibit-cache", "--library-path",
                             tmp_path / "usr/lib" / sysroot.MULTIARCH[OWN], "--list",
                             tmp_path / "usr/bin/true"], check=True, text=True, stdout=subprocess.PIPE)
    assert str(tmp_path) in listed.stdout and "not found" not in listed.stdout


def test_a_library_that_is_missing_is_named(tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(AssertionError, match=r"no library \S+\.so"):
        sysroot.add_program(PROGRAM, tmp_path / "empty", tmp_path / "root", OWN)


def test_another_list_of_packages_is_fetched_anew_and_the_same_is_not(tmp_path, monkeypatch):
    fetched = []

    def fetch(architecture, release, packages, place):
        place.mkdir()
        fetched.append((architecture, packages))

    monkeypatch.setattr(debian, "PLACE", tmp_path)
    monkeypatch.setattr(sysroot, "_fetch", fetch)
    first = sysroot.fetched("arm64", ["a-dev", "b-dev"])
    assert sysroot.fetched("arm64", ["b-dev", "a-dev"]) == first
    second = sysroot.fetched("arm64", ["a-dev"])
    assert fetched == [("arm64", ["a-dev", "b-dev"]), ("arm64", ["a-dev"])]
    assert second.is_dir() and not first.exists()


def test_a_link_that_is_absolute_stays_inside(tmp_path):
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib/libz.so.1").write_text("library")
    (tmp_path / "usr/lib").mkdir(parents=True)
    (tmp_path / "usr/lib/libz.so").symlink_to("/lib/libz.so.1")
    sysroot.keep_links_inside(tmp_path)
    assert not os.path.isabs(os.readlink(tmp_path / "usr/lib/libz.so"))
    assert (tmp_path / "usr/lib/libz.so").read_text() == "library"
