# SPDX-License-Identifier: Apache-2.0
"""Where the programs come from that the tests compare with, in a Debian of two packages."""

import multiprocessing
import os
import shutil
import subprocess

import pytest

from lib import namespace, tools

APT_GET = """#!/bin/sh
# apt-get download --quiet PACKAGE
echo "$3" >>{log}
readlink /proc/self/ns/net >{log}.network
[ -e {archive}/"$3".deb ] || {{ echo "E: Unable to locate package $3"; exit 100; }}
cp {archive}/"$3".deb .
"""


@pytest.fixture(name="debian")
def fixture_debian(tmp_path, monkeypatch):
    """Makes packages. What was fetched is in its file fetched."""
    if not shutil.which("dpkg-deb"):
        pytest.skip("there is no dpkg-deb")
    monkeypatch.setattr(tools, "TOOLS", tmp_path / "tools")
    programs = tmp_path / "bin"
    programs.mkdir()
    fake = programs / "apt-get"
    fake.write_text(APT_GET.format(archive=tmp_path, log=tmp_path / "fetched"))
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:/usr/bin:/bin")
    return tmp_path


def add_package(debian, name, *programs):
    tree = debian / "source" / name
    (tree / "DEBIAN").mkdir(parents=True)
    (tree / "DEBIAN/control").write_text(f"Package: {name}\nVersion: 1\nArchitecture: all\n"
                                         "Maintainer: nobody\nDescription: none\n")
    (tree / "usr/bin").mkdir(parents=True)
    for program in programs:
        (tree / "usr/bin" / program).write_text(name)
    subprocess.run(["dpkg-deb", "-b", tree, debian / f"{name}.deb"], check=True,
                   stdout=subprocess.DEVNULL)


@pytest.fixture(name="of_debian_13")
def fixture_of_debian_13(debian):
    add_package(debian, "server-of-test", "server-of-test")
    add_package(debian, "tool-of-test", "tool-of-test")
    return debian


def text_of(path):
    with open(path, encoding="ascii") as file:
        return file.read()


def test_one_package_for_both(debian):
    add_package(debian, "server-of-test", "server-of-test", "tool-of-test")
    for program in ("server-of-test", "tool-of-test"):
        assert text_of(tools.debian_binary("server-of-test", f"usr/bin/{program}")) == "server-of-test"
    assert text_of(debian / "fetched") == "server-of-test\n"


def test_a_package_for_each(of_debian_13):
    for _ in range(2):
        for program in ("server-of-test", "tool-of-test"):
            assert text_of(tools.debian_binary("server-of-test", f"/usr/bin/{program}")) == program
    # Each was fetched once.
    assert text_of(of_debian_13 / "fetched") == "server-of-test\ntool-of-test\n"


def test_a_program_that_is_in_neither(of_debian_13):
    add_package(of_debian_13, "other-of-test", "another")
    with pytest.raises(pytest.fail.Exception, match="in server-of-test or other-of-test"):
        tools.debian_binary("server-of-test", "usr/bin/other-of-test")


def test_a_package_that_is_not_to_be_had(debian):
    del debian
    with pytest.raises(pytest.skip.Exception, match="Unable to locate package server-of-test"):
        tools.debian_binary("server-of-test", "usr/bin/server-of-test")


def _fetch_from_another_network(queue):
    before = os.readlink("/proc/self/ns/net")
    namespace.enter_another()
    tools.debian_binary("server-of-test", "usr/bin/server-of-test")
    queue.put((before, os.readlink("/proc/self/ns/net")))


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can enter another network")
def test_what_runs_in_another_network_is_fetched_by_the_first(debian):
    """Each worker of pytest's has a network of its own, which leads nowhere."""
    add_package(debian, "server-of-test", "server-of-test")
    queue = multiprocessing.Queue()
    process = multiprocessing.Process(target=_fetch_from_another_network, args=(queue,))
    process.start()
    before, after = queue.get(timeout=60)
    process.join()
    assert text_of(debian / "fetched.network").strip() == before != after
