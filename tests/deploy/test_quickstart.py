# SPDX-License-Identifier: Apache-2.0
"""`./deploy/quickstart` of an ordinary user on a machine where packages are missing."""

import json
import os
import shutil
import signal
import subprocess
import urllib.request

import pytest

import lib.exporter
from lib.exporter import REPOSITORY
from lib.namespace import in_namespace
from lib.sockets import IPV4, listen, wait_until

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

    def quickstart(self, *flags):
        return subprocess.run(
            [self.folder / "tree/deploy/quickstart", *flags], check=False, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=60,
            env={"PATH": str(self.folder / "bin"), "HOME": os.environ.get("HOME", "/")})

    def is_built(self):
        """All packages are there, and so is the build."""
        for name in ("awk", "curl", "grep", "seq", "sleep"):
            if not shutil.which(name):
                pytest.skip(f"there is no {name}")
            (self.folder / "bin" / name).symlink_to(shutil.which(name))
        self.has("dpkg-query", "echo installed")
        self.has("cmake", "exit 0")
        release = self.folder / "tree/build/release"
        release.mkdir(parents=True)
        (release / "ephemera").symlink_to(lib.exporter.BINARY)

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


@in_namespace
def test_a_port_that_is_taken(machine):
    machine.is_built()
    _listeners = [listen(IPV4, "127.0.0.1", port) for port in (10059, 10060, 10062)]
    done = machine.quickstart()
    assert done.returncode == 1
    # Nothing of what answers there is shown.
    assert "This host now" not in done.stdout
    assert done.stderr.startswith("Port 10059 is taken:\n")
    assert f"(pid {os.getpid()}, fd " in done.stderr
    assert done.stderr.endswith("To use another port:\n    ./deploy/quickstart --port=10061\n")


@in_namespace
def test_another_port(machine):
    machine.is_built()
    _listener = listen(IPV4, "127.0.0.1", 10059)
    with subprocess.Popen([machine.folder / "tree/deploy/quickstart", "--port=10061"],
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          start_new_session=True,
                          env={**os.environ, "PATH": str(machine.folder / "bin")}) as proc:
        try:
            said = ""
            while "Ctrl-C ends it" not in said:
                line = proc.stdout.readline()
                assert line, said
                said += line
            assert "http://127.0.0.1:10061/metrics" in said and "ephemera port 10061 " in said
            with urllib.request.urlopen("http://127.0.0.1:10061/api/v1/range", timeout=10) as answer:
                assert json.load(answer)["first_port"] > 0
        finally:
            os.killpg(proc.pid, signal.SIGINT)
            wait_until(lambda: proc.poll() is not None, "quickstart to end")


@pytest.mark.parametrize("port", ["0", "65536", "x", "", "99999999999999999999"])
def test_a_port_that_is_none(machine, port):
    done = machine.quickstart(f"--port={port}")
    assert (done.returncode, done.stderr) == (
        2, f'quickstart: --port must be a whole number from 1 to 65535, not "{port}"\n')
    assert machine.asked() == []
