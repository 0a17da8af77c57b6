# SPDX-License-Identifier: Apache-2.0
"""Machines with other kernels, that tests/kernels/run boots once; the tests read what they said."""

import concurrent.futures
import os
import re
import shutil
import subprocess
from collections import namedtuple
from pathlib import Path

import pytest
import workload

from lib import exporter, small_machine, sockets, sysroot

HERE = Path(__file__).parent
PLACE = exporter.REPOSITORY / "build" / "kernels"

# suite is the release of Debian that has it.
Kernel = namedtuple("Kernel", "linux architecture suite")
KERNELS = {f"{linux}-{architecture}": Kernel(linux, architecture, suite)
           for architecture in ("arm64", "amd64")
           for linux, suite in (("6.1", "bookworm"), ("6.12", "trixie"))}

# That a machine may take: it is an emulated one, and needs a minute where nothing else is to be done.
SECONDS = 600

USERS = {"passwd": "root:x:0:0:root:/:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/sh\n",
         "group": "root:x:0:\nnogroup:x:65534:\n"}


class Said(dict):
    """{part of guest.sh: what it wrote}, of one machine."""

    def __init__(self, kernel, text):
        parts = re.split(r"^== ([\w.]+)\n", text, flags=re.M)
        super().__init__(zip(parts[1::2], parts[2::2]))
        self.linux = tuple(int(number) for number in kernel.linux.split("."))
        self.architecture = kernel.architecture

    @property
    def traces_functions(self):
        """Whether BPF can be called where a function of the kernel returns."""
        return self.architecture != "arm64" or self.linux >= (6, 4)

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


def _add_without(function, path, root, name):
    """A program that takes every kernel for one that lacks the function: its BPF programs ask for a
    name of the same length that no kernel has."""
    content = Path(path).read_bytes()
    assert function in content
    program = root / "usr/bin" / name
    program.write_bytes(content.replace(function, function[:-2] + b"_0"))
    program.chmod(0o755)


def _make_root(architecture, root):
    """What tests/kernels/run has built for it, and guest.sh with what that reads."""
    place = PLACE / architecture
    libraries = Path((place / "libraries").read_text().strip())
    built, list_sockets = place / "ephemera", place / "tests/lib/list_sockets"
    for path in (built, place / "ephemera-sockets", list_sockets, libraries / "usr/bin/ss", libraries / "usr/sbin/nft"):
        sysroot.add_program(path, libraries, root, architecture)
    for path, name in ((built, "ephemera-by-copy"), (list_sockets, "list_sockets_by_copy")):
        _add_without(b"bpf_rdonly_cast", path, root, name)
    (root / "broken").mkdir()
    for path in [place / "tests/lib/broken_walk.so", *place.glob("tests/lib/walk_*.linked.o")]:
        shutil.copy(path, root / "broken")
    shutil.copy(HERE / "guest.sh", root)
    (root / "load_modules").write_text(small_machine.LOAD_MODULES)
    (root / "load_nat").write_text(small_machine.LOAD_NAT)
    (root / "nat_rules").write_text(workload.NAT_RULES)
    for folder, files in (("etc", USERS), ("ranges", workload.RANGES),
                          ("reserved", workload.RESERVED), ("workloads", workload.WORKLOADS)):
        (root / folder).mkdir()
        for name, content in files.items():
            if folder == "ranges":
                content = "{} {}".format(*content)
            text = content if isinstance(content, str) else "\n".join(content)
            (root / folder / name).write_text(text.rstrip("\n") + "\n")


@pytest.fixture(scope="session")
def machines(request, tmp_path_factory):
    """{name of a kernel: a future of what its machine says}, of those that the chosen tests ask."""
    wanted = {item.callspec.params["said"] for item in request.session.items
              if "said" in getattr(item, "fixturenames", ())}
    roots = {}
    for architecture in {KERNELS[name].architecture for name in wanted}:
        roots[architecture] = tmp_path_factory.mktemp(architecture)
        _make_root(architecture, roots[architecture])

    def boot(name):
        kernel = KERNELS[name]
        machine = small_machine.Machine(kernel.architecture, kernel.suite)
        text = small_machine.run(machine, roots[kernel.architecture], "sh /guest.sh", seconds=SECONDS)
        (PLACE / f"said-{name}").write_text(text)
        return Said(kernel, text)

    # No more at once than there are processors: an emulated machine keeps one busy.
    with concurrent.futures.ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        yield {name: pool.submit(boot, name) for name in KERNELS if name in wanted}


@pytest.fixture(scope="session", params=KERNELS)
def said(request, machines):
    """What a machine said."""
    return machines[request.param].result()
