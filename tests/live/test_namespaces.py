# SPDX-License-Identifier: Apache-2.0
"""All network namespaces of the host in one walk: what is said of each is what is said in it."""

import collections
import contextlib
import errno
import os
import random
import re
import subprocess
import tempfile
import threading
import time
from pathlib import Path

import pytest

from accounting import SHOW_ALL, TARGET
from lib import strace
from lib.bpf import needs_bpf
from lib.exporter import Exporter, metrics
from lib.namespace import (NOBODY, Space, has_sysctl, in_namespace, mount_empty, set_range,
                           set_reserved, sysctl, unmount, unshare_mounts)
from lib.sockets import (IPV4, IPV6, LOOPBACK, MAPPED, bound_many, connect, connect_many,
                         connect_until_refused, drop, listen, need_ipv6, time_wait, wait_until)
from lib.walked import Everything, assert_same, listed, records, status
from mixture import Mixture

pytestmark = needs_bpf

ALL = ("--namespaces=all", "--namespaces.limit=10000", "--namespaces.series-limit=1000")
# In the namespace from which the next one is made: how large the tables of its own are.
TABLES = {"net.ipv4.tcp_child_ehash_entries": 64, "net.ipv4.udp_child_hash_entries": 128}


def everything():
    return Everything(listed("all"))


def give_tables(gives):
    """Whether the next namespace has tables of its own."""
    for name, size in TABLES.items():
        if has_sysctl(name):
            sysctl(name, size if gives else 0)


def dumped(spaces):
    found = []
    for space in spaces:
        space.enter()
        found.append(records(listed("sock_diag")))
    return found


def lengths(found):
    return [{line: len(told) for line, told in each.items()} for each in found]


@pytest.mark.parametrize("first", range(100, 124, 8))
@in_namespace(seconds=300)
def test_the_sockets_of_each_are_equal_record_by_record(first):
    need_ipv6()
    with contextlib.ExitStack() as stack:
        spaces, made = [], []
        for seed in range(first, first + 8):
            give_tables(seed % 2)
            spaces.append(stack.enter_context(contextlib.closing(Space())))
            made.append(stack.enter_context(contextlib.closing(Mixture(seed))))
        for _ in range(5):
            begun = time.monotonic()
            before, seen, after = dumped(spaces), everything(), dumped(spaces)
            # No timer ended meanwhile.
            if lengths(before) == lengths(after):
                break
        for space, mixture, dump in zip(spaces, made, after):
            try:
                assert_same(seen.records(space.inode), dump, 1000 * (time.monotonic() - begun))
            except AssertionError as error:
                raise AssertionError(f"seed {mixture.seed}: {error}\n{mixture.describe()}") from error
            own = mixture.seed % 2
            assert bool(seen.flags(space.inode) & Everything.OWN_TCP_TABLE) == own
            assert bool(seen.flags(space.inode) & Everything.OWN_UDP_TABLE) \
                == own * has_sysctl("net.ipv4.udp_child_hash_entries")
        assert sum(map(len, after)) > 80


SETTINGS = {"unprivileged": "net.ipv4.ip_unprivileged_port_start", "reuse": "net.ipv4.tcp_tw_reuse",
            "delay": "net.ipv4.tcp_tw_reuse_delay", "limit": "net.ipv4.tcp_max_tw_buckets",
            "v6only": "net.ipv6.bindv6only"}


@in_namespace
def test_the_settings_of_each_are_what_proc_says_there():
    need_ipv6()
    chance = random.Random(7)
    with contextlib.ExitStack() as stack:
        spaces = []
        for i in range(12):
            spaces.append(stack.enter_context(contextlib.closing(Space())))
            first = chance.randrange(1, 60000)
            set_range(first, chance.randrange(first, 65536))
            sysctl("net.ipv4.ip_unprivileged_port_start", min(first, chance.randrange(65536)))
            sysctl("net.ipv4.tcp_tw_reuse", i % 3)
            sysctl("net.ipv4.tcp_fin_timeout", chance.randrange(1, 200))
            sysctl("net.ipv4.tcp_max_tw_buckets", chance.randrange(1, 300000))
            sysctl("net.ipv6.bindv6only", chance.randrange(2))
            if has_sysctl(SETTINGS["delay"]):
                sysctl(SETTINGS["delay"], chance.randrange(1, 60000))
            if i % 3:
                set_reserved(",".join(map(str, sorted(chance.sample(range(2, 65536, 2), 3 * i)))))
        seen = everything()
        for i, space in enumerate(spaces):
            space.enter()
            said = seen.settings[space.inode]
            first, last = sysctl("net.ipv4.ip_local_port_range").split()
            assert said["range"] == f"{first}-{last}"
            assert int(said["fin"]) == 1000 * int(sysctl("net.ipv4.tcp_fin_timeout"))
            for name, path in SETTINGS.items():
                assert said[name] == (sysctl(path) if has_sysctl(path) else "0"), name
            reserved = sysctl("net.ipv4.ip_local_reserved_ports").split(",")
            assert seen.reserved[space.inode] == [int(port) for port in reserved if port]
            assert bool(seen.flags(space.inode) & Everything.HAS_RESERVED) == bool(i % 3)


class Promise:
    """A namespace with a range, reserved ports and binds of its own, and a fullest destination."""

    def __init__(self, seed, stack):
        chance = random.Random(seed)
        self.family = (IPV4, IPV6, MAPPED)[seed % 3]
        self.address = LOOPBACK[self.family]
        self.space = stack.enter_context(contextlib.closing(Space()))
        sysctl("net.ipv4.tcp_tw_reuse", 0)
        first = 35000 + chance.randrange(5000)
        size = 2 * chance.randrange(30, 60)
        set_range(first, first + size - 1)
        ports = chance.sample(range(first, first + size), 14)
        # Two of one pair of even and odd are not lost to a search more than once.
        set_reserved(",".join(map(str, sorted(ports[:4]))))
        self.kept = [listen(self.family, self.address, port) for port in (TARGET, *ports[4:6])]
        self.kept += bound_many(ports[6:9], IPV4, "127.0.0.9")
        self.kept += [listen(IPV4, "127.0.0.1", TARGET + 1)]
        self.kept += [connect(IPV4, "127.0.0.1", TARGET + 1, source_port=port)
                      for port in ports[9:11]]
        self.time_waits = len(time_wait(chance.randrange(1, 5), self.family, self.kept[0],
                                        self.address, TARGET))
        self.clients = chance.randrange(10, 30)
        self.kept += connect_many(self.clients, self.family, self.address, TARGET)
        self.kept += connect_many(chance.randrange(1, 7), IPV4, "127.0.0.1", TARGET + 1)
        self.usable = size - 4 - 2 - 3 - 2
        stack.callback(drop, self.kept)

    def take(self):
        """Whatever the kernel still gives."""
        self.space.enter()
        socks, error = connect_until_refused(self.family, self.address, TARGET)
        assert error == errno.EADDRNOTAVAIL
        return socks

    def given(self):
        socks = self.take()
        drop(socks)
        return len(socks)


def full_more(promise):
    """How many namespaces more are full when this one is; others on the host may come and go."""
    def full():
        return metrics(*ALL).value("ephemera_namespaces", pressure="full")

    before, taken = full(), promise.take()
    after = full()
    drop(taken)
    return after - before


@in_namespace(seconds=300)
def test_what_is_promised_to_each_is_what_connect_then_gets():
    need_ipv6()
    with contextlib.ExitStack() as stack:
        made = []
        for seed in range(10):
            give_tables(seed % 4 == 3)
            made.append(Promise(seed, stack))
        said = metrics(*ALL, SHOW_ALL)
        # The last one is the exporter's own, and has no labels of a namespace.
        for promise in made[:-1]:
            where = {"netns": promise.space.inode}
            usable = said.value("ephemera_range_usable_ports", **where)
            used = max(value for _, value in
                       said.samples("ephemera_worst_destination_ports", **where))
            assert (usable, used) == (promise.usable, promise.clients + promise.time_waits)
            assert promise.given() == usable - used
        assert 1 in {full_more(made[0]) for _ in range(5)}
        made[-1].space.enter()
        (labels, usable), = [(labels, value) for labels, value in
                             said.samples("ephemera_range_usable_ports") if "netns" not in labels]
        assert not labels and usable == made[-1].usable
        assert made[-1].given() == usable - max(
            value for labels, value in said.samples("ephemera_worst_destination_ports")
            if "netns" not in labels)


LABELS = {"netns", "namespace", "pod", "pod_uid", "container"}
SUMS = {"ephemera_namespaces", "ephemera_node_view", "ephemera_worst_namespace_usage_ratio", "ephemera_unshown_namespaces",
        "ephemera_untracked_namespace_ports"}
# Of the exporter itself, which also counts the sockets of the others.
MOVES = re.compile(r"_seconds(_|$)|^process_|_total$|^ephemera_scrape_sockets$")
SHOWN = {"ephemera_range_usable_ports", "ephemera_worst_destination_usage_ratio",
         "ephemera_worst_destination_ports", "ephemera_destination_ports",
         "ephemera_destination_owner_ports", "ephemera_worst_accept_queue_usage_ratio",
         "ephemera_worst_address_usage_ratio", "ephemera_time_wait_sockets",
         "ephemera_range_bound_ports", "ephemera_range_listener_info"}


def standing(said):
    """{(name, labels): value} of what has no label of a namespace."""
    return {(name, tuple(sorted(labels.items()))): None if MOVES.search(name) else value
            for name in said.names() - SUMS for labels, value in said.samples(name)
            if "netns" not in labels}


@in_namespace
def test_the_own_namespace_is_shown_as_without_the_others():
    need_ipv6()
    with contextlib.ExitStack() as stack:
        for seed in (201, 202, 203, 204):
            give_tables(seed % 2)
            stack.enter_context(contextlib.closing(Space()))
            stack.enter_context(contextlib.closing(Mixture(seed)))
            for _ in range(5):
                before, among, after = metrics(SHOW_ALL), metrics(*ALL, SHOW_ALL), metrics(SHOW_ALL)
                # No timer ended meanwhile.
                if standing(before) == standing(after):
                    break
            assert standing(among) == standing(after)
            assert among.value("ephemera_unshown_namespaces") == 0
            labelled = {name for name in among.names() for labels, _ in among.samples(name)
                        if LABELS & set(labels) and "netns" in labels}
            assert labelled and labelled <= SHOWN


@in_namespace
def test_a_service_walks_all_without_a_right():
    other = Space()
    listener = listen(IPV4, "127.0.0.1", TARGET)
    clients = connect_many(5, IPV4, "127.0.0.1", TARGET)
    Space()
    with tempfile.NamedTemporaryFile("r") as trace:
        with Exporter(*ALL, SHOW_ALL, wrapper=strace.tracing(
                "-D", "-f", "-e", "trace=bpf,read", output=trace.name), env=strace.ENVIRONMENT) as running:
            running.wait_for_log(lambda line: "Starting ephemera" in line)
            mark = Path(trace.name).stat().st_size
            said = running.metrics()
            # Each table's last read() says EAGAIN, as all do.
            wait_until(lambda: Path(trace.name).read_text(encoding="utf-8")[mark:].count("EAGAIN") > 4,
                       "the trace of a scrape")
            calls = Path(trace.name).read_text(encoding="utf-8")[mark:]
    assert said.value("ephemera_worst_destination_ports", netns=other.inode, family="ipv4") == 5
    assert "bpf(" not in calls
    with Exporter(*ALL) as running:
        said, found = running.metrics(), status(running.pid)
        assert said.samples("ephemera_range_usable_ports", netns=other.inode)
        assert int(found["CapEff"], 16) == int(found["CapPrm"], 16) == 0
        assert found["Uid"].split() == [str(NOBODY)] * 4
        assert found["Seccomp"].strip() == "2" and found["NoNewPrivs"].strip() == "1"
    drop([listener, *clients])


SECONDS, A_SECOND, LIVES = int(os.environ.get("EPHEMERA_CHURN_SECONDS", "10")), 50, 20


class Coming(threading.Thread):
    """Makes namespaces, each with a name below a directory, and lets them go; what is said of each
    can be known from its name: NUMBER-SIZE of its range, and NUMBER is in its destination's port."""

    def __init__(self, directory):
        super().__init__(daemon=True)
        self.directory = directory
        self.ended = threading.Event()
        self.made = 0
        self.begun = time.monotonic()
        self.failure = None

    def run(self):
        living = collections.deque()
        try:
            while not self.ended.is_set():
                living.append(self._make())
                if len(living) > LIVES:
                    self._end(living.popleft())
                self.ended.wait(self.begun + self.made / A_SECOND - time.monotonic())
        except Exception as error:
            self.failure = error
        for each in living:
            self._end(each)

    def _make(self):
        space = Space()
        size = 100 + self.made * 7 % 3001
        set_range(20000, 20000 + size - 1)
        port = 1 + self.made % 19999
        socks = [listen(IPV4, "127.0.0.1", port)]
        socks += connect_many(1 + self.made % 3, IPV4, "127.0.0.1", port)
        # Like ip-netns(8): the name last, and away first.
        path = self.directory / f"{self.made}-{size}"
        path.touch()
        space.give_name(path)
        self.made += 1
        return path, socks, space

    @staticmethod
    def _end(each):
        path, socks, space = each
        unmount(path)
        path.unlink()
        drop(socks)
        space.close()


def said_of(said, name):
    return [(labels, value) for labels, value in said.samples(name) if "netns" in labels]


def assert_names_are_right(said):
    """Returns how many had one."""
    named = 0
    for labels, usable in said_of(said, "ephemera_range_usable_ports"):
        if "-" in labels["netns"]:
            assert usable == int(labels["netns"].split("-")[1]), labels
            assert {name for name in LABELS if labels.get(name)} == {"netns"}, labels
            named += 1
    for labels, used in said_of(said, "ephemera_destination_ports"):
        if "-" in labels["netns"]:
            number = int(labels["netns"].split("-")[0])
            assert int(labels["destination_port"]) == 1 + number % 19999
            assert used <= 1 + number % 3
    return named


def resident(pid):
    return int(status(pid)["VmRSS"].split()[0])


@in_namespace(seconds=60 + 3 * SECONDS)
def test_namespaces_that_come_and_go():
    unshare_mounts()
    with tempfile.TemporaryDirectory() as place:
        directory = Path(place)
        directory.chmod(0o755)
        coming = Coming(directory)
        # What is freed is to be taken again, not kept by the sanitizer.
        with Exporter(*ALL, SHOW_ALL, f"--path.netns={place}", "--web.max-requests=1",
                      env={"ASAN_OPTIONS": "quarantine_size_mb=1"}) as running:
            coming.start()
            named = scrapes = 0
            sizes, counts, descriptors = [], [], set()
            while time.monotonic() < coming.begun + SECONDS:
                said = running.metrics()
                named += assert_names_are_right(said)
                scrapes += 1
                sizes.append(resident(running.pid))
                counts.append(said.total("ephemera_namespaces"))
                descriptors.add(len(os.listdir(f"/proc/{running.pid}/fd")))
            coming.ended.set()
            coming.join(timeout=30)
            assert coming.failure is None, coming.failure
            assert coming.made > 20 * SECONDS, "too few came"
            assert named > 5 * scrapes > 50
            # As much as after a third of the time, or little more, unless others made namespaces, too.
            third = scrapes // 3
            more = max(0, max(counts) - max(counts[:third]))
            assert max(sizes) < max(sizes[:third]) + 4096 + 512 * more, (sizes, counts)
            assert max(descriptors) - min(descriptors) <= 2, descriptors
            # Those that are gone are forgotten.
            wait_until(lambda: not [1 for labels, _ in said_of(
                running.metrics(), "ephemera_range_usable_ports") if "-" in labels["netns"]],
                "none to have a name")


@in_namespace(seconds=300)
def test_more_than_one_read_hands_on_are_found_beside_those_that_come_and_go():
    unshare_mounts()
    with tempfile.TemporaryDirectory() as place:
        standing = {Space().inode for _ in range(300)}
        coming = Coming(Path(place))
        coming.start()
        for _ in range(10):
            assert standing <= set(everything().settings)
        coming.ended.set()
        coming.join(timeout=30)
    assert coming.failure is None, coming.failure


def ip_netns(*words):
    path = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"
    subprocess.run(["ip", "netns", *words], check=True, env={**os.environ, "PATH": path})


@in_namespace
def test_names_are_those_of_ip_netns():
    unshare_mounts()
    mount_empty("/run")
    sizes = {"red": 10, "blue": 20}
    for name, size in sizes.items():
        ip_netns("add", name)
        ip_netns("exec", name, "sysctl", "-qw", f"net.ipv4.ip_local_port_range=40000 {39999 + size}")
    with Exporter(*ALL) as running:
        for said in metrics(*ALL), running.metrics():
            for name, size in sizes.items():
                assert said.value("ephemera_range_usable_ports", netns=name) == size
        ip_netns("delete", "red")
        said = running.metrics()
        assert not said.samples("ephemera_range_usable_ports", netns="red")
        assert said.value("ephemera_range_usable_ports", netns="blue") == 20
    ip_netns("delete", "blue")
