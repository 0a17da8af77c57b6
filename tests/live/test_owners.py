# SPDX-License-Identifier: Apache-2.0
"""Who holds the leased ports: cgroups made for the test, each with a known number of them."""

import ctypes
import json
import os
import socket
import subprocess

import pytest

import lib.exporter
from lib.exporter import AS_OURSELVES, Exporter, Metrics, environment, metrics, run
from lib.namespace import NOBODY, in_namespace, set_range, set_reserved, sysctl
from lib.sockets import (IPV4, IPV6, LOOPBACK, MAPPED, accept, bound, connect,
                         connect_many, drop, fin_wait2, listen, need_ipv6, orphan_fin_wait2,
                         pairs, syn_sent, time_wait, udp_connected,
                         whole_fin_wait2)
from lib.sources import BPF, SOCK_DIAG, read_by

PORT, OTHER = 30001, 30002

OWNER = "ephemera_owner_ports"
REST = "ephemera_other_owner_ports"
UNOWNED = "ephemera_unowned_ports"
UDP_OWNER = "ephemera_owner_udp_ports"
UDP_REST = "ephemera_other_owner_udp_ports"
UDP_UNOWNED = "ephemera_unowned_udp_ports"

# Shows all, and small destinations, too.
ALL = ("--collector.owners.limit=1000", "--collector.destinations.minimum-ports=0")
SERVER = "--web.listen-address=127.0.0.1:10059"

PRIMES = [2, 3, 5, 7]

# Of the process that runs the tests, and not of the children that are the tests.
BASE = f"/ephemera-test-{os.getpid()}.slice"

PR_CAPBSET_DROP = 24
CAP_DAC_READ_SEARCH = 2


def systemd_style(count):
    """Services in ten slices."""
    return [f"{BASE}/ephemera-test-{i % 10}.slice/app-{i}.service" for i in range(count)]


def pod_uid(number):
    return f"3f2a9c{number:02x}-1b7d-4e5f-8a90-c0ffee{number:06x}"


def container_id(number):
    return f"{number:02x}" * 32


def kubernetes_forms():
    """Path by uid and container id, for each way that a kubelet and a runtime name cgroups."""
    top = f"{BASE}/kubepods"

    def slices(quality, uid):
        name = f"-{quality}" if quality else ""
        parent = f"{BASE}/kubepods.slice" + (f"/kubepods{name}.slice" if quality else "")
        return f"{parent}/kubepods{name}-pod{uid.replace('-', '_')}.slice"

    return {
        "containerd, systemd": lambda uid, id: f"{slices('burstable', uid)}"
                                               f"/cri-containerd-{id}.scope",
        "containerd, systemd, guaranteed": lambda uid, id: f"{slices('', uid)}"
                                                           f"/cri-containerd-{id}.scope",
        "CRI-O, systemd": lambda uid, id: f"{slices('besteffort', uid)}/crio-{id}.scope",
        "docker, systemd": lambda uid, id: f"{slices('burstable', uid)}/docker-{id}.scope",
        "containerd, cgroupfs": lambda uid, id: f"{top}/burstable/pod{uid}/{id}",
        "containerd, cgroupfs, guaranteed": lambda uid, id: f"{top}/pod{uid}/{id}",
        "CRI-O, cgroupfs": lambda uid, id: f"{top}/besteffort/pod{uid}/crio-{id}",
        "docker, cgroupfs": lambda uid, id: f"{top}/besteffort/pod{uid}/{id}",
        # containerd follows cgroupfs where the kubelet speaks systemd's names.
        "containerd, drivers that differ": lambda uid, id: (
            f"{BASE}/system.slice/kubepods-burstable-pod{uid.replace('-', '_')}.slice"
            f":cri-containerd:{id}"),
        # A process of the container that made a cgroup of its own.
        "containerd, systemd, nested": lambda uid, id: f"{slices('burstable', uid)}"
                                                       f"/cri-containerd-{id}.scope/init.scope",
    }


def kubernetes_style(count):
    """[(path, pod uid, container id)], the forms by turns."""
    forms = list(kubernetes_forms().values())
    return [(forms[i % len(forms)](pod_uid(i), container_id(i)), pod_uid(i), container_id(i))
            for i in range(count)]


@pytest.fixture(scope="module")
def many(tree):
    """{path: (pod uid, container id)}, of 200 services and 50 containers."""
    owners = {path: ("", "") for path in systemd_style(200)}
    owners.update({path: (uid, cid) for path, uid, cid in kubernetes_style(50)})
    for path in owners:
        tree.make(path)
    return owners


@pytest.fixture
def two(tree):
    """Cgroups that the test may remove."""
    paths = [f"{BASE}/short-{i}.service" for i in range(2)]
    for path in paths:
        tree.make(path)
    yield paths
    for path in paths:
        tree.clear(path)


def prepare(first=40000, last=41999):
    set_range(first, last)
    sysctl("net.ipv4.tcp_tw_reuse", 0)


def told(said):
    """{cgroup: (ports, pod uid, container id)}."""
    table = {labels["cgroup"]: (value, labels["pod_uid"], labels["container_id"])
             for labels, value in said.samples(OWNER)}
    assert len(table) == len(said.samples(OWNER))
    return table


def leased(said):
    """What the destinations come to: the ports that must have an owner or none."""
    return (said.total("ephemera_destination_ports")
            + said.total("ephemera_other_destination_ports"))


def assert_adds_up(said):
    assert said.value("ephemera_scrape_collector_success", collector="owners") == 1
    assert said.total(OWNER) + said.value(REST) + said.value(UNOWNED) == leased(said)


def connect_from(tree, path, count, family=IPV4, port=PORT):
    with tree.inside(path):
        return connect_many(count, family, LOOPBACK[family], port)


def hold(tree, owners):
    """PRIMES by turns for each cgroup. Returns (sockets, {cgroup: as told() has it})."""
    need_ipv6()
    kept = [listen(IPV4, "127.0.0.1", PORT), listen(IPV6, "::1", PORT)]
    expected = {}
    for i, (path, (uid, cid)) in enumerate(owners.items()):
        count = PRIMES[i % len(PRIMES)]
        clients = connect_from(tree, path, count, (IPV4, IPV6, MAPPED)[i % 3])
        kept += clients + accept(kept[1 if i % 3 == 1 else 0], count)
        expected[path] = (count, uid, cid)
    return kept, expected


@in_namespace
def test_200_services_and_50_containers(tree, many):
    prepare()
    _kept, expected = hold(tree, many)
    assert len(expected) == 250
    said = metrics(*ALL)
    assert told(said) == expected
    assert (said.value(REST), said.value(UNOWNED)) == (0, 0)
    assert_adds_up(said)

    # Without the privilege to open a cgroup by its id, the tree is read: the same answer.
    libc = ctypes.CDLL(None, use_errno=True)
    said = metrics(*ALL, preexec_fn=lambda: libc.prctl(
        PR_CAPBSET_DROP, CAP_DAC_READ_SEARCH, 0, 0, 0))
    assert told(said) == expected
    assert_adds_up(said)

    # By default the first 20: those with the most, and the rest in one number.
    said = metrics("--collector.destinations.minimum-ports=0")
    assert len(told(said)) == 20
    assert all(told(said)[path] == expected[path] for path in told(said))
    assert [ports for ports, _, _ in told(said).values()] == [7] * 20
    assert said.value(REST) == sum(ports for ports, _, _ in expected.values()) - 140
    assert_adds_up(said)

    # Once more by a server, which remembers: each scrape is as the first.
    with Exporter(SERVER, *ALL) as exporter:
        for _ in range(2):
            owners = told(exporter.metrics())
            # The scrape's own connection is this process's.
            own = owners.pop(tree.home, (0, "", ""))
            assert own[0] <= 1 and owners == expected


@in_namespace
def test_nobody_is_told_the_same(tree, many, public_binary):
    if os.geteuid() != 0:
        pytest.skip("only root can become another user")
    prepare()
    _kept, expected = hold(tree, many)
    said = metrics(*ALL, user=NOBODY, group=NOBODY, extra_groups=[])
    assert told(said) == expected
    assert_adds_up(said)


@pytest.fixture(params=kubernetes_forms())
def container(request, tree):
    path = kubernetes_forms()[request.param](pod_uid(77), container_id(77))
    tree.make(path)
    return path


@in_namespace
def test_each_form_of_a_container(container, tree):
    prepare()
    _listener = listen(IPV4, "127.0.0.1", PORT)
    _clients = connect_from(tree, container, 7)
    assert told(metrics(*ALL)) == {container: (7, pod_uid(77), container_id(77))}


@in_namespace
def test_a_pod_has_the_name_of_its_directory(container, tree, tmp_path):
    prepare()
    _listener = listen(IPV4, "127.0.0.1", PORT)
    _clients = connect_from(tree, container, 7)
    # The same name, of a pod that was replaced.
    for uid in (pod_uid(76), pod_uid(77)):
        (tmp_path / f"shop_cart-0_{uid}" / "cart").mkdir(parents=True)
    [(labels, ports)] = metrics(*ALL, f"--path.pods={tmp_path}").samples(OWNER)
    assert (labels["namespace"], labels["pod"], labels["pod_uid"], ports) \
        == ("shop", "cart-0", pod_uid(77), 7)
    (tmp_path / f"shop_cart-0_{pod_uid(77)}" / "cart").rmdir()
    (tmp_path / f"shop_cart-0_{pod_uid(77)}").rmdir()
    [(labels, _)] = metrics(*ALL, f"--path.pods={tmp_path}").samples(OWNER)
    assert (labels["namespace"], labels["pod"], labels["pod_uid"]) == ("", "", pod_uid(77))


@pytest.fixture
def sidecar(tree):
    tree.make(f"{BASE}/sidecar")
    return f"{BASE}/sidecar"


@in_namespace
def test_a_container_knows_the_names_of_no_other_cgroups(container, sidecar, tree, folder):
    """In a namespace of cgroups, as a runtime makes one for each container: why a sidecar leaves
    this collector out, and a DaemonSet has the host's tree as a volume."""
    if os.geteuid() != 0:
        pytest.skip("only root can mount the hierarchy of a namespace")
    prepare()
    _listener = listen(IPV4, "127.0.0.1", PORT)
    _clients = connect_from(tree, container, 7)
    (folder / "fs" / "cgroup").mkdir(parents=True)
    with tree.inside(sidecar):
        done = subprocess.run(
            ["unshare", "--cgroup", "--mount", "sh", "-c",
             'mount -t cgroup2 none "$1/fs/cgroup" && shift && exec "$@"', "sh", str(folder),
             lib.exporter.BINARY, "metrics", *ALL, f"--path.sysfs={folder}"],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            env=environment(), timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    (labels, ports), = Metrics(done.stdout).samples(OWNER)
    assert ports == 7
    assert labels == {"cgroup": f"id:{tree.id(container)}", "pod_uid": "", "container_id": "",
                      "namespace": "", "pod": ""}


@in_namespace
def test_the_root_of_the_hierarchy(tree):
    prepare()
    _listener = listen(IPV4, "127.0.0.1", PORT)
    try:
        _clients = connect_from(tree, "/", 5)
    except OSError as error:
        pytest.skip(f"the root cannot be entered: {error}")
    assert told(metrics(*ALL)) == {"/": (5, "", "")}


@read_by(BPF, SOCK_DIAG)
@in_namespace
def test_what_has_no_owner(tree, two):
    prepare()
    listener = listen(IPV4, "127.0.0.1", PORT)
    where = (IPV4, listener, "127.0.0.1", PORT)
    with tree.inside(two[0]):
        time_wait(7, *where)
        _ports, _servers = orphan_fin_wait2(3, *where)
        _kept = [pairs(5, *where), fin_wait2(2, *where)]
        full = listen(IPV4, "127.0.0.1", OTHER, backlog=0)
        _kept.append([full, connect(IPV4, "127.0.0.1", OTHER),
                      syn_sent(3, IPV4, "127.0.0.1", OTHER)])
    said = metrics(*ALL)
    # Half-open ones have one; TIME_WAIT, and FIN_WAIT2 that nobody has open, have none.
    assert told(said) == {two[0]: (11, "", "")}
    assert said.value(UNOWNED) == 10
    assert_adds_up(said)


@read_by(BPF, SOCK_DIAG)
@in_namespace
def test_what_is_closed_and_still_a_socket_has_an_owner(tree, two):
    prepare()
    listener = listen(IPV4, "127.0.0.1", PORT)
    where = (IPV4, listener, "127.0.0.1", PORT)
    with tree.inside(two[0]):
        _servers = whole_fin_wait2(3, *where), orphan_fin_wait2(2, *where)[1]
    said = metrics(*ALL)
    assert told(said) == {two[0]: (3, "", "")}
    assert said.value(UNOWNED) == 2
    assert_adds_up(said)


@read_by(BPF, SOCK_DIAG)
@in_namespace
def test_only_leased_ports_count(tree, two):
    prepare()
    with tree.inside(two[0]):
        service = listen(IPV4, "127.0.0.1", 40005)
        _kept = [service, listen(IPV4, "127.0.0.1", PORT), bound(IPV4, "127.0.0.1", 0),
                 pairs(5, IPV4, service, "127.0.0.1", 40005),
                 # A port that was chosen is off the capacity, and leased by nobody.
                 connect(IPV4, "127.0.0.1", PORT, "127.0.0.1", 40007),
                 # Not of the range.
                 connect(IPV4, "127.0.0.1", PORT, "127.0.0.1", 39999)]
    said = metrics(*ALL)
    assert told(said) == {two[0]: (5, "", "")}
    assert said.value(UNOWNED) == 0
    assert_adds_up(said)


@read_by(BPF, SOCK_DIAG)
@in_namespace
def test_udp_has_owners_that_sum_up_to_its_pool(tree, two):
    prepare(40000, 40099)
    set_reserved("40090-40099")
    with tree.inside(two[0]):
        _kept = [[udp_connected(IPV4, "127.0.0.1", 53) for _ in range(41)],
                 [udp_connected(IPV4, "127.0.0.1", 53) for _ in range(2)]]
    with tree.inside(two[1]):
        _kept += [[bound(IPV4, "127.0.0.1", 0, socket.SOCK_DGRAM) for _ in range(3)],
                  [bound(IPV4, "0.0.0.0", 0, socket.SOCK_DGRAM) for _ in range(2)],
                  # A reserved port is none of the pool's, nor is one outside the range.
                  bound(IPV4, "127.0.0.1", 40095, socket.SOCK_DGRAM),
                  bound(IPV4, "127.0.0.1", 5353, socket.SOCK_DGRAM)]
        shared = _kept[2][0].getsockname()[1]
        # One port on two addresses counts once.
        _kept.append(bound(IPV4, "127.0.0.2", shared, socket.SOCK_DGRAM))
    said = metrics(*ALL)
    owners = {labels["cgroup"]: value for labels, value in said.samples(UDP_OWNER)}
    assert owners == {two[0]: 43, two[1]: 5}
    assert (said.value(UDP_REST), said.value(UDP_UNOWNED)) == (0, 0)
    assert sum(owners.values()) == said.value(
        "ephemera_worst_address_ports", protocol="udp", family="ipv6")
    # TCP's families do not know of it.
    assert told(said) == {} and said.value(UNOWNED) == 0
    said = metrics("--collector.owners.limit=1")
    assert {labels["cgroup"]: value for labels, value in said.samples(UDP_OWNER)} == {two[0]: 43}
    assert said.value(UDP_REST) == 5
    said = metrics("--sockets.source=procfs")
    assert said.samples(UDP_OWNER) == [] and said.value(UDP_UNOWNED) == 48


@in_namespace
def test_a_full_udp_pool_has_a_culprit(tree, two):
    prepare(40000, 40019)
    with tree.inside(two[0]):
        kept = []
        with pytest.raises(OSError):
            while True:
                kept.append(udp_connected(IPV4, "127.0.0.1", 53))
    said = metrics()
    (labels, ports), = said.samples(UDP_OWNER)
    assert (labels["cgroup"], ports, len(kept)) == (two[0], 20, 20)
    assert said.value("ephemera_worst_address_usage_ratio", protocol="udp", family="ipv4") == 1


@in_namespace
def test_the_limit(tree, many):
    prepare()
    _listener = listen(IPV4, "127.0.0.1", PORT)
    counts = dict(zip(many, (2, 13, 5, 7, 3, 11)))
    _clients = [connect_from(tree, path, count) for path, count in counts.items()]
    ranked = sorted(counts.items(), key=lambda pair: -pair[1])
    for limit in (0, 1, 3, 6):
        said = metrics(f"--collector.owners.limit={limit}",
                       "--collector.destinations.minimum-ports=0")
        assert [(path, ports) for path, (ports, _, _) in told(said).items()] == ranked[:limit]
        assert said.value(REST) == sum(ports for _, ports in ranked[limit:])
        assert_adds_up(said)


@in_namespace
def test_a_cgroup_that_is_gone_keeps_its_name(tree, two):
    prepare()
    _listener = listen(IPV4, "127.0.0.1", PORT)
    clients = connect_from(tree, two[0], 7)
    with Exporter(SERVER, *ALL) as exporter:
        assert told(exporter.metrics())[two[0]] == (7, "", "")
        tree.remove(two[0])
        for _ in range(2):
            said = exporter.metrics()
            assert told(said)[two[0]] == (7, "", "")
            assert not [path for path in told(said) if path.startswith("id:")]
        drop(clients)
        assert two[0] not in told(exporter.metrics())


@in_namespace
def test_a_cgroup_that_was_gone_before_is_told_by_its_id(tree, two):
    prepare()
    _listener = listen(IPV4, "127.0.0.1", PORT)
    _clients = connect_from(tree, two[0], 5) + connect_from(tree, two[1], 3)
    label = f"id:{tree.id(two[0])}"
    tree.remove(two[0])
    expected = {label: (5, "", ""), two[1]: (3, "", "")}
    assert told(metrics(*ALL)) == expected
    libc = ctypes.CDLL(None, use_errno=True)
    assert told(metrics(*ALL, preexec_fn=lambda: libc.prctl(
        PR_CAPBSET_DROP, CAP_DAC_READ_SEARCH, 0, 0, 0))) == expected
    with Exporter(SERVER, *ALL) as exporter:
        for _ in range(2):
            owners = told(exporter.metrics())
            assert owners.pop(tree.home, (0, "", ""))[0] <= 1
            assert owners == expected


@in_namespace
def test_a_cgroup_of_the_same_name_again(tree, two):
    """A service that was restarted. Both have one name, and an exposition may have it once."""
    prepare()
    _listener = listen(IPV4, "127.0.0.1", PORT)
    _old = connect_from(tree, two[0], 5)
    with Exporter(SERVER, *ALL) as exporter:
        exporter.metrics()
        tree.remove(two[0])
        tree.directory(two[0]).mkdir()
        _new = connect_from(tree, two[0], 3)
        said = exporter.metrics()
        names = [labels["cgroup"] for labels, _ in said.samples(OWNER)]
        assert len(names) == len(set(names)), names
        # The ports of both are still told, be it in one series or in two that differ.
        assert said.total(OWNER) - told(said).get(tree.home, (0,))[0] == 8


@in_namespace
def test_procfs_tells_of_no_owner(tree, two):
    prepare()
    _listener = listen(IPV4, "127.0.0.1", PORT)
    _clients = connect_from(tree, two[0], 5)
    said = metrics("--sockets.source=procfs", *ALL)
    assert told(said) == {}
    assert said.value(UNOWNED) == 5
    assert_adds_up(said)


# A host without cgroup v2


def mentions(log):
    return [line for line in log if "owners" in line]


def assert_says_what_is_missing(log, level):
    line, = mentions(log)
    assert f"level={level}" in line
    assert "The collector cannot work on this host" in line
    assert "cgroup version 2 is not mounted" in line


@in_namespace
def test_without_the_hierarchy_the_default_is_silence(tmp_path):
    flag = f"--path.sysfs={tmp_path}"
    done = run("metrics", flag)
    assert done.returncode == 0
    said = lib.exporter.Metrics(done.stdout)
    assert not {OWNER, REST, UNOWNED} & said.names()
    assert said.value("ephemera_scrape_collector_success", collector="owners") == 1
    assert said.value("ephemera_kernel_feature", feature="cgroup_owners") == 0
    assert_says_what_is_missing(done.stderr.splitlines(), "info")
    with Exporter(SERVER, flag) as exporter:
        for _ in range(3):
            said = exporter.metrics()
            assert not {OWNER, REST, UNOWNED} & said.names()
            assert said.value("ephemera_scrape_collector_success", collector="owners") == 1
        assert_says_what_is_missing(exporter.log, "info")


@in_namespace
def test_without_the_hierarchy_who_asked_is_told(tmp_path):
    flags = ("--collector.owners", f"--path.sysfs={tmp_path}")
    done = run("metrics", *flags)
    assert done.returncode == 1
    said = lib.exporter.Metrics(done.stdout)
    assert not {OWNER, REST, UNOWNED} & said.names()
    assert said.value("ephemera_scrape_collector_success", collector="owners") == 0
    # The others stand.
    assert {value for labels, value in said.samples("ephemera_scrape_collector_success")
            if labels["collector"] != "owners"} == {1}
    with Exporter(SERVER, *flags) as exporter:
        for _ in range(3):
            assert exporter.metrics().value(
                "ephemera_scrape_collector_success", collector="owners") == 0
        assert_says_what_is_missing(exporter.log, "error")


@in_namespace
def test_the_feature_is_there_with_the_hierarchy_and_sock_diag_alone(tree, two):
    prepare()
    _listener = listen(IPV4, "127.0.0.1", PORT)
    _clients = connect_from(tree, two[0], 5)
    for flags, told_by in (((), 1), (("--sockets.source=procfs",), 0), (("--no-collector.owners",), 0)):
        assert metrics(*flags).value("ephemera_kernel_feature", feature="cgroup_owners") == told_by


@in_namespace
def test_procfs_has_no_owner_in_an_empty_namespace():
    prepare()
    said = metrics("--sockets.source=procfs")
    assert said.value("ephemera_kernel_feature", feature="cgroup_owners") == 0


@in_namespace
def test_the_table_says_that_no_owner_is_known(tmp_path):
    prepare()
    listener = listen(IPV4, "127.0.0.1", PORT)
    _clients = pairs(3, IPV4, listener, "127.0.0.1", PORT)
    done = run("destinations", f"--path.sysfs={tmp_path}")
    assert "Owners are unknown: cgroup version 2 is not mounted" in done.stdout
    assert "Owners are unknown" not in run("destinations").stdout
    assert json.loads(run("destinations", "--json", f"--path.sysfs={tmp_path}").stdout)[
        "owners_known"] is False
    assert json.loads(run("destinations", "--json").stdout)["owners_known"] is True


@in_namespace
def test_a_hierarchy_that_comes_later_is_found(tree, two, tmp_path):
    prepare()
    _listener = listen(IPV4, "127.0.0.1", PORT)
    _clients = connect_from(tree, two[0], 5)
    (tmp_path / "fs").mkdir()
    with Exporter(SERVER, f"--path.sysfs={tmp_path}", AS_OURSELVES, *ALL) as exporter:
        assert OWNER not in exporter.metrics().names()
        (tmp_path / "fs" / "cgroup").symlink_to(tree.root)
        assert told(exporter.metrics())[two[0]] == (5, "", "")


def test_nothing_is_left_in_a_cgroup(tree):
    """Last: what the tests above started has ended or gone home."""
    left = [path for path in tree.made if tree.directory(path).exists()
            and (tree.directory(path) / "cgroup.procs").read_text(encoding="ascii").strip()]
    assert left == []
