# SPDX-License-Identifier: Apache-2.0
"""`ephemera trace --namespace=all`: the failures of all network namespaces, each with its name."""

import json
import os
import re
import signal
import subprocess
import time

from exhaustion import fail, fill
from lib.bpf import needs_bpf
from lib.exporter import BINARY, PATIENCE, assert_no_sanitizer_report, environment, run
from lib.namespace import NOBODY, in_namespace, set_range
from lib.sockets import IPV4, drop, listen
from other_namespaces import another, inode

TARGET = 30001
# An even number: of an odd one, connect() may not try the last port.
SIZE = 10
BASE = f"/ephemera-test-{os.getpid()}.slice"

FULL = f"""
from errno import EADDRINUSE
set_range(40000, {40000 + SIZE - 1})
listener = listen(IPV4, "127.0.0.1", {TARGET})
clients = connect_many({SIZE}, IPV4, "127.0.0.1", {TARGET})
"""

# For each line it reads: a call that finds no port, and one that is refused the port it asks for,
# which not every kernel shows.
FAIL = f"""
for line in sys.stdin:
    with socket.socket() as one:
        assert one.connect_ex(("127.0.0.1", {TARGET})) != 0
    with socket.socket() as one:
        try:
            one.bind(("127.0.0.1", {TARGET}))
        except OSError as error:
            assert error.errno == EADDRINUSE
    print("failed", flush=True)
"""


def tell(process):
    print(file=process.stdin, flush=True)
    assert process.stdout.readline() == "failed\n"


def started(*flags):
    return subprocess.Popen([BINARY, "trace", "--namespace=all", "--limit=1000", *flags], text=True,
                            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, env=environment())


def end(trace):
    time.sleep(0.5)
    trace.send_signal(signal.SIGINT)
    # Not communicate(), which loses what readline() has read ahead.
    out, err = trace.stdout.read(), trace.stderr.read()
    assert_no_sanitizer_report(err)
    assert (trace.wait(PATIENCE), err) == (0, ""), err
    return out.splitlines()


def own():
    return os.stat("/proc/self/ns/net").st_ino


@needs_bpf
@in_namespace
def test_each_failure_has_its_namespace(tree, tmp_path):
    uid = f"1a2b3c4d-0000-4000-8000-{os.getpid():012}"
    path = tree.make(f"{BASE}/kubepods/burstable/pod{uid}/{'0' * 64}")
    procs = str(tree.directory(path) / "cgroup.procs")
    in_pod = f"open({procs!r}, 'w').write('0')\n"
    (tmp_path / "pods" / f"shop_cart_{uid}" / "app").mkdir(parents=True)
    (tmp_path / "names").mkdir()
    set_range(40000, 40000 + SIZE - 1)
    listener = listen(IPV4, "127.0.0.1", TARGET)
    kept = fill(IPV4, "127.0.0.1", TARGET)
    with another(FULL, tmp_path / "names", "full", then=FAIL) as full, \
            another(in_pod + FULL, then=FAIL) as pod:
        trace = started("--json", f"--path.netns={tmp_path / 'names'}",
                        f"--path.pods={tmp_path / 'pods'}")
        # It says nothing until there is something to say.
        seen = None
        while seen is None:
            fail(1, IPV4, "127.0.0.1", TARGET)
            event = json.loads(trace.stdout.readline())
            seen = event if event.get("inode") == own() else None
        for process in (full, pod, full):
            tell(process)
        *events, last = map(json.loads, end(trace))

        assert seen["is_own"] and not seen["is_host"] and seen["ports_in_use"] == SIZE
        for process, calls in ((full, 2), (pod, 1)):
            found = [event for event in events if event["inode"] == inode(process)]
            each = ["connect", "bind"] if any(event["call"] == "bind" for event in events) else ["connect"]
            assert [event["call"] for event in found] == each * calls
            for event in found:
                assert not event["is_own"] and event["pid"] == process.pid
                if event["call"] == "connect":
                    assert (event["ports_in_use"], event["usable_ports"]) == (SIZE, SIZE)
                else:
                    assert (event["port"], event["holder_search"]) == (TARGET, "elsewhere")
                    assert "holder_time" not in event
            [summed] = [one for one in last["summary"]["namespaces"] if one["inode"] == inode(process)]
            assert summed["failures"] == len(found)
        ours = [event for event in events if event["inode"] == inode(full)]
        assert {event["netns"] for event in ours} == {"full"}
        theirs = [event for event in events if event["inode"] == inode(pod)]
        assert {(event["namespace"], event["pod"], event["pod_uid"], event["container"])
                for event in theirs} == {("shop", "cart", uid, "app")}
    drop([*kept, listener])


@needs_bpf
@in_namespace
def test_people_read_the_namespace_behind_the_time(tmp_path):
    with another(FULL, tmp_path, "full", then=FAIL) as full, another(FULL, then=FAIL) as nameless:
        trace = started(f"--path.netns={tmp_path}")
        assert "Ctrl-C" in trace.stdout.readline()
        assert "every network namespace" in trace.stdout.readline()
        tell(full)
        tell(nameless)
        said = "\n".join(end(trace))
        shows_binds = "shows only connect()" not in said
        for process, title in ((full, "full"), (nameless, inode(nameless))):
            assert re.search(
                rf"^\d\d:\d\d:\d\d\.\d{{3}}  {title}  connect 127\.0\.0\.1:{TARGET} from 127\.0\.0\.1  "
                rf"{SIZE} of {SIZE} ports in use  .+ \(pid {process.pid}\)", said, re.M), said
            assert not shows_binds or re.search(
                rf"  {title}  bind {TARGET}: Address already in use; --namespace={inode(process)} also shows "
                "its holder; tcp ", said), said
            sums = said[said.index("FAILURES  NETWORK NAMESPACE"):]
            assert re.search(rf"^ +{2 if shows_binds else 1}  {title}$", sums, re.M), sums


@needs_bpf
@in_namespace
def test_one_namespace_is_followed_as_before():
    with another(FULL, then=FAIL) as full:
        trace = subprocess.Popen([BINARY, "trace"], stdout=subprocess.PIPE, text=True,
                                 stderr=subprocess.PIPE, env=environment())
        assert "Ctrl-C" in trace.stdout.readline()
        tell(full)
        said = "\n".join(end(trace))
        assert "0 calls in" in said and "NAMESPACE" not in said and "refused" not in said


@in_namespace
def test_leases_are_of_one_namespace():
    done = run("trace", "--namespace=all", "--leases")
    assert done.returncode == 2 and "--leases" in done.stderr


@in_namespace(user=NOBODY)
def test_without_the_right_it_says_what_to_do():
    done = run("trace", "--namespace=all")
    assert done.returncode == 1 and done.stdout == ""
    assert "CAP_BPF" in done.stderr and len(done.stderr.splitlines()) == 1
