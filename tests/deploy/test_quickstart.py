# SPDX-License-Identifier: Apache-2.0
"""`./deploy/quickstart` of an ordinary user on a machine where packages are missing."""

import os
import shutil
import subprocess

import pytest

from lib.exporter import REPOSITORY

NEEDED = ("bash", "cat", "dirname", "env", "mkdir")


class Machine:
    """A copy of deploy/, and programs that say what they were asked for."""

    def __init__(self, folder):
        self.folder = folder
        shutil.copytree(REPOSITORY / "deploy", folder / "tree" / "deploy")
        (folder / "bin").mkdir()
        for name in NEEDED:
            if found := shutil.which(name):
                (folder / "bin" / name).symlink_to(found)
        self.has("id", "echo 1000")
        self.has("dpkg-query", 'case "$4" in curl | gcc) echo installed ;; *) exit 1 ;; esac')
        self.has("apt-get", 'echo "apt-get $*" >>"${0%/*}/asked"')

    def has(self, name, script):
        path = self.folder / "bin" / name
        path.write_text(f"#!/bin/bash\n{script}\n")
        path.chmod(0o755)

    def quickstart(self):
        return subprocess.run(
            [self.folder / "tree/deploy/quickstart"], check=False, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=60,
            env={"PATH": str(self.folder / "bin"), "HOME": os.environ.get("HOME", "/")})

    def asked(self):
        path = self.folder / "bin/asked"
        return path.read_text().splitlines() if path.exists() else []


@pytest.fixture(name="machine")
def fixture_machine(tmp_path):
    return Machine(tmp_path)


def assert_says_who_installs_what(machine, done, why):
    assert done.returncode == 1
    assert why in done.stderr
    assert "Ask an administrator of this machine to run" in done.stderr
    assert "\n    apt-get update\n" in done.stderr
    [line] = [line for line in done.stderr.splitlines() if "apt-get install" in line]
    packages = line.split()[3:]
    assert {"cmake", "libmicrohttpd-dev", "ca-certificates"} <= set(packages)
    # Those that are there already are not asked for.
    assert not {"curl", "gcc"} & set(packages)
    assert done.stderr.endswith(f"Then run {machine.folder}/tree/deploy/quickstart again.\n")
    # Nothing was tried that cannot succeed.
    assert machine.asked() == [] and not (machine.folder / "tree/build").exists()


def test_without_sudo(machine):
    assert_says_who_installs_what(machine, machine.quickstart(), "there is no sudo")


def test_with_a_sudo_that_refuses(machine):
    machine.has("sudo", 'echo "alice is not in the sudoers file." >&2; exit 1')
    done = machine.quickstart()
    assert_says_who_installs_what(machine, done, "sudo refuses")
    assert "alice is not in the sudoers file." in done.stderr


def test_with_a_sudo_that_works(machine):
    machine.has("sudo", 'exec "$@"')
    machine.has("true", "exit 0")
    machine.has("cmake", "echo no cmake today; exit 1")
    done = machine.quickstart()
    assert "Ask an administrator" not in done.stderr
    update, install = machine.asked()
    assert update == "apt-get update -qq"
    assert install.startswith("apt-get install -y -qq --no-install-recommends libc6-dev cmake")
    # On to the build.
    assert done.returncode == 1 and done.stderr == "no cmake today\n"
