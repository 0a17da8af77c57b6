# SPDX-License-Identifier: Apache-2.0
"""A namespace whose name is another one's number: a number is always that of the namespace with this inode."""

import json
import os

import pytest

from lib.bpf import needs_bpf
from lib.exporter import Exporter, run
from lib.namespace import in_namespace
from other_namespaces import another, inode

PORT = 29981
LISTENS = f"listener = listen(IPV4, '127.0.0.1', {PORT})\n"

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root enters another namespace")


@needs_root
@in_namespace
@pytest.mark.parametrize("command", [("port", PORT), ("advise",), ("destinations",)])
def test_a_number_names_the_inode(tmp_path, command):
    names = f"--path.netns={tmp_path}"
    with another(LISTENS) as right, another("", tmp_path, str(inode(right))) as wrong:
        done = run(*command, f"--namespace={inode(right)}", names)
        assert done.returncode == 0 and done.stderr.startswith(f"This is about network namespace {inode(right)}.")
        done = run("port", PORT, f"--namespace={inode(wrong)}", names)
        assert done.returncode == 1 and done.stderr.startswith(f"This is about network namespace {inode(wrong)}.")


@needs_root
@in_namespace
def test_another_number_can_be_a_name(tmp_path):
    with another(LISTENS, tmp_path, "20240101"):
        assert run("port", PORT, "--namespace=20240101", f"--path.netns={tmp_path}").returncode == 0


@needs_bpf
@in_namespace
def test_each_row_has_a_title_of_its_own(tmp_path):
    names = f"--path.netns={tmp_path}"
    with another(LISTENS) as right, another("", tmp_path, str(inode(right))) as wrong, \
            Exporter("--namespaces=all", "--web.enable-api", names) as exporter:
        found = json.loads(run("namespaces", "--json", "--limit=1000", names).stdout)["namespaces"]
        for process in (right, wrong):
            [row] = [row for row in found if row["netns"] == str(inode(process))]
            assert row["inode"] == inode(process)
            said = json.loads(exporter.get(f"/api/v1/ports?namespace={inode(process)}").body)
            assert said["network_namespace"]["inode"] == inode(process)
            assert (said["counts"]["listener"] == 1) == (process is right)
