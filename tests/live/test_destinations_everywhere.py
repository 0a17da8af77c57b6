# SPDX-License-Identifier: Apache-2.0
"""`ephemera destinations --namespace=all`: the fullest destinations of all network namespaces."""

import json

import pytest

from lib.bpf import needs_bpf
from lib.exporter import run
from lib.namespace import NOBODY, in_namespace, set_range
from lib.sockets import IPV4, accept, connect_many, listen
from other_namespaces import another, inode

TARGET = 30001


def busy(first, size, clients):
    return f"""
set_range({first}, {first + size - 1})
listener = listen(IPV4, "127.0.0.1", {TARGET})
clients = connect_many({clients}, IPV4, "127.0.0.1", {TARGET})
servers = accept(listener, {clients})
"""


def rows(*flags):
    done = run("destinations", "--namespace=all", "--json", *flags)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@needs_bpf
@in_namespace
def test_rows_are_of_all_namespaces(tmp_path):
    set_range(40000, 40010)
    listener = listen(IPV4, "127.0.0.1", TARGET)
    _clients = connect_many(7, IPV4, "127.0.0.1", TARGET)
    _servers = accept(listener, 7)
    with another(busy(40000, 30, 30), tmp_path, "full") as full, \
            another(busy(41000, 31, 13)) as other:
        answer = rows("--limit=1000", f"--path.netns={tmp_path}")
        by_inode = {row["inode"]: row for row in answer["destinations"]}
        assert by_inode[inode(full)]["netns"] == "full"
        for process, size, clients in ((full, 30, 30), (other, 31, 13)):
            row = by_inode[inode(process)]
            assert (row["destination"], row["destination_port"]) == ("127.0.0.1", TARGET)
            assert (row["active"], row["usable_ports"]) == (clients, size)
            assert row["usage_ratio"] == pytest.approx(clients / size)
        [own] = [row for row in answer["destinations"] if row["is_own"]]
        assert (own["active"], own["usable_ports"]) == (7, 11)
        ratios = [row["usage_ratio"] for row in answer["destinations"]]
        assert ratios == sorted(ratios, reverse=True)
        assert answer["total"] >= 3
        # One row is the fullest, of this test or of another one's namespace.
        [first] = rows("--limit=1", f"--path.netns={tmp_path}")["destinations"]
        assert first["usage_ratio"] >= 1


@needs_bpf
@in_namespace
def test_the_table_fits(tmp_path):
    with another(busy(40000, 29, 23), tmp_path, "full"):
        done = run("destinations", "--namespace=all", "--limit=1000", f"--path.netns={tmp_path}")
        assert done.returncode == 0, done.stderr
        lines = done.stdout.splitlines()
        at = next(i for i, line in enumerate(lines) if line.split()[:1] == ["full"])
        assert lines[at].split() == ["full", "23", "0", "0", "29", "79.3%"]
        assert lines[at + 1].startswith(f"  to 127.0.0.1:{TARGET} from 127.0.0.1")
        assert all(len(line) <= 80 for line in lines)


WITHOUT = """
set_range(40000, 40010)
set_reserved("40000-40010")
"""
HELD = """
set_range(40000, 40003)
set_reserved("40000")
kept = bound_many([40001, 40002, 40003], IPV4, "127.0.0.1")
"""


@needs_bpf
@in_namespace
def test_a_namespace_without_a_usable_port_is_shown_and_why(tmp_path):
    reasons = {"reserved": (11, 0, "all 11 from 40000 to 40010 are reserved"),
               "held": (1, 3, "of the 4 from 40000 to 40003, 1 reserved, 3 held by bind()")}
    with another(WITHOUT, tmp_path, "reserved"), another(HELD, tmp_path, "held"):
        for command in (("destinations", "--namespace=all"), ("namespaces",)):
            done = run(*command, "--limit=1000", f"--path.netns={tmp_path}")
            assert done.returncode == 0, done.stderr
            lines = done.stdout.splitlines()
            assert all(len(line) <= 80 for line in lines)
            for name, (_, _, why) in reasons.items():
                at = next(i for i, line in enumerate(lines) if line.split()[:1] == [name])
                assert "0" in lines[at].split() and lines[at].endswith(" 100.0%")
                assert lines[at + 1] == f"  no port is usable: {why}"
        found = {row["netns"]: row for row in
                 rows("--limit=1000", f"--path.netns={tmp_path}")["namespaces_without_ports"]}
        for name, (reserved, held, _) in reasons.items():
            row = found[name]
            assert (row["reserved_ports"], row["held_ports"], row["usable_ports"]) == (reserved, held, 0)
            assert row["range"]["first_port"] == 40000


@in_namespace(user=NOBODY)
def test_without_the_right_it_says_what_to_do():
    done = run("destinations", "--namespace=all")
    assert done.returncode == 1 and done.stdout == ""
    assert "CAP_BPF" in done.stderr and len(done.stderr.splitlines()) == 1
