# SPDX-License-Identifier: Apache-2.0
"""`ephemera namespaces --json`: docs/namespaces.md names its keys, all of them and no others."""

import json
import os
import re

from lib.bpf import needs_bpf
from lib.exporter import REPOSITORY, run
from lib.namespace import in_namespace
from other_namespaces import another, inode

BASE = f"/ephemera-test-{os.getpid()}.slice"

FULL = """
set_range(40000, 40009)
listener = listen(IPV4, "127.0.0.1", 30001)
clients = connect_many(7, IPV4, "127.0.0.1", 30001)
"""


def documented():
    """{key: the keys that its cell of the table names}."""
    text = (REPOSITORY / "docs" / "namespaces.md").read_text(encoding="utf-8")
    table = re.search(r"^\| key \| meaning \|\n\|---\|---\|\n((?:\|.*\n)+)", text, re.M)[1]
    found = {}
    for line in table.splitlines():
        keys, meaning = re.fullmatch(r"\| (.*?) \| (.*) \|", line).groups()
        for key in re.findall(r"`(\w+)`", keys):
            found[key] = set(re.findall(r"`(\w+)`", meaning))
    return found


@needs_bpf
@in_namespace
def test_the_page_has_the_keys_and_no_others(tree, tmp_path):
    uid = f"1a2b3c4d-0000-4000-8000-{os.getpid():012}"
    procs = tree.directory(tree.make(f"{BASE}/kubepods/burstable/pod{uid}/{'0' * 64}")) / "cgroup.procs"
    (tmp_path / f"shop_cart_{uid}" / "app").mkdir(parents=True)
    with another(f"open({str(procs)!r}, 'w').write('0')\n" + FULL) as pod:
        done = run("namespaces", "--json", "--limit=1000", f"--path.pods={tmp_path}")
        assert done.returncode == 0, done.stderr
        answer = json.loads(done.stdout)
        assert answer.keys() == {"namespaces", "total"}
        [row] = [row for row in answer["namespaces"] if row["inode"] == inode(pod)]
        keys = documented()
        # A pod's has all that any other has.
        assert row.keys() == keys.keys()
        assert all(each.keys() <= keys.keys() for each in answer["namespaces"])
        for key in ("range", "fullest_destination"):
            assert row[key].keys() == keys[key], key
        done = run("destinations", "--namespace=all", "--json", f"--path.pods={tmp_path}", "--limit=1000")
        names = {"netns", "inode", "namespace", "pod", "pod_uid", "container", "is_host", "is_own"}
        [row] = [row for row in json.loads(done.stdout)["destinations"] if row["inode"] == inode(pod)]
        assert names <= row.keys()
