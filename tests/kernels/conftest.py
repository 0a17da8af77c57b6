# SPDX-License-Identifier: Apache-2.0
"""Machines with other kernels, that tests/kernels/run boots once; the tests read what they said."""

import concurrent.futures
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import workload

from lib import exporter, small_machine, sockets

HERE = Path(__file__).parent
PLACE = exporter.REPOSITORY / "build" / "kernels"
SOCKETS = PLACE / "ephemera-sockets"
BROKEN = PLACE / "tests/lib"
LIST_SOCKETS = BROKEN / "list_sockets"

# Linux, and the release of Debian that has it.
KERNELS = {"6.1": "bookworm", "6.12": "trixie"}

# That a machine may take; it is an emulated one.
SECONDS = 300

USERS = {"passwd": "root:x:0:0:root:/:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/sh\n",
         "group": "root:x:0:\nnogroup:x:65534:\n"}


class Said(dict):
    """{part of guest.sh: what it wrote}, of one machine."""

    def __init__(self, linux, text):
        parts = re.split(r"^== ([\w.]+)\n", text, flags=re.M)
        super().__init__(zip(parts[1::2], parts[2::2]))
        self.linux = tuple(int(number) for number in linux.split("."))

    def __missing__(self, part):
        raise AssertionError(f"no {part} in {list(self)}; the last is {list(self.values())[-1]}")

    def metrics(self, part):
        text = self[part]
        phase = part.split(".")[0]
        assert "ephemera_build_info" in text, f"{text}\n{self.get(phase + '.log')}"
        return exporter.Metrics(text)

    def made(self, part):
        """{line of the workload: {what: how often}}"""
        text, held, _ = self[part].partition("held\n")
        assert held, text
        lines = (line.rpartition(": ") for line in text.splitlines())
        return {line: {name: int(number) for name, number in
                       (field.split("=") for field in fields.split())}
                for line, _, fields in lines}

    def tcp(self, phase):
        return self._ss(phase, "tcp")

    def udp(self, phase):
        return self._ss(phase, "udp")

    def _ss(self, phase, protocol):
        return [line for number, family in (("4", sockets.IPV4), ("6", sockets.IPV6))
                for line in sockets.parse_ss(self[f"{phase}.{protocol}{number}"], family)]

    def status(self, phase):
        return dict(line.split(":\t", 1) for line in self[phase + ".status"].splitlines()
                    if ":\t" in line)


def _add_program(path, root):
    """With the libraries that it names, and those that they name."""
    listed = subprocess.run(["ldd", path], check=False, text=True, stdout=subprocess.PIPE).stdout
    assert "not found" not in listed, listed
    (root / "usr/bin").mkdir(parents=True, exist_ok=True)
    shutil.copy(path, root / "usr/bin")
    for library in re.findall(r"(/\S+) \(0x", listed):
        (root / library[1:]).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(library, root / library[1:])


def _add_without(function, path, root, name):
    """A program that takes every kernel for one that lacks the function: its BPF programs ask for a
    name of the same length that no kernel has."""
    content = Path(path).read_bytes()
    assert function in content
    program = root / "usr/bin" / name
    program.write_bytes(content.replace(function, function[:-2] + b"_0"))
    program.chmod(0o755)


@pytest.fixture(scope="session")
def machine_root(tmp_path_factory):
    root = tmp_path_factory.mktemp("root")
    for path in (exporter.BINARY, SOCKETS, LIST_SOCKETS, shutil.which("ss")):
        _add_program(path, root)
    for path, name in ((exporter.BINARY, "ephemera-by-copy"), (LIST_SOCKETS, "list_sockets_by_copy")):
        _add_without(b"bpf_rdonly_cast", path, root, name)
    (root / "broken").mkdir()
    for path in [BROKEN / "broken_walk.so", *BROKEN.glob("walk_*.linked.o")]:
        shutil.copy(path, root / "broken")
    shutil.copy(HERE / "guest.sh", root)
    (root / "load_modules").write_text(small_machine.LOAD_MODULES)
    for folder, files in (("etc", USERS), ("ranges", workload.RANGES),
                          ("reserved", workload.RESERVED), ("workloads", workload.WORKLOADS)):
        (root / folder).mkdir()
        for name, content in files.items():
            if folder == "ranges":
                content = "{} {}".format(*content)
            text = content if isinstance(content, str) else "\n".join(content)
            (root / folder / name).write_text(text.rstrip("\n") + "\n")
    return root


@pytest.fixture(scope="session")
def machines(machine_root):
    """{Linux: a future of what its machine says}; all of them run at once."""
    def boot(linux):
        machine = small_machine.Machine("amd64", KERNELS[linux])
        text = small_machine.run(machine, machine_root, "sh /guest.sh", seconds=SECONDS)
        (PLACE / f"said-{linux}").write_text(text)
        return Said(linux, text)

    with concurrent.futures.ThreadPoolExecutor() as pool:
        yield {linux: pool.submit(boot, linux) for linux in KERNELS}


@pytest.fixture(scope="session", params=KERNELS)
def said(request, machines):
    """What a machine said."""
    return machines[request.param].result()
