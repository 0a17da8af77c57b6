# SPDX-License-Identifier: Apache-2.0
"""Source NAT: what the metrics say is left is what the kernel gives, until it drops."""

import os
import random
import socket

import pytest

from lib.exporter import PATIENCE, Exporter, metrics, run
from lib.namespace import NOBODY, in_namespace
from lib.sockets import need_kernel, wait_until
from router import ROUTER, SERVER, Router, connected

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root may read the entries")

IPV4, IPV6 = socket.AF_INET, socket.AF_INET6
FAMILIES = pytest.mark.parametrize("family", [IPV4, IPV6], ids=["ipv4", "ipv6"])
FLAGS = ("--collector.disable-defaults", "--collector.snat", "--collector.snat.minimum-percent=0")
LOSS = 3  # more than there is room for


def some_range(size):
    first = random.randrange(30000, 50000)
    return first, first + size - 1


def flags(ports):
    return (*FLAGS, f"--collector.snat.ports={ports[0]}-{ports[1]}")


def read(ports):
    return metrics(*flags(ports))


def pool(family, port=443, host=2, protocol="tcp", source=None):
    return {"protocol": protocol, "source": source or ROUTER[family],
            "destination": SERVER[family].format(host), "destination_port": str(port)}


def used(found, *args, state="active", **kw):
    return int(found.value("ephemera_snat_ports", state=state, **pool(*args, **kw)))


def peer(family, port=443, host=2):
    return (SERVER[family].format(host), port)


def fill(router, family, some, client=2, **where):
    held = connected([router.new(family, client=client) for _ in range(some)], peer(family, **where),
                     wanted=some)
    assert len(held) == some
    return held


@FAMILIES
@pytest.mark.parametrize("size", [2, 10, 64, 128])
@pytest.mark.parametrize("how", ["", "random", "fully-random", "persistent"])
@in_namespace
def test_what_is_left_is_what_the_kernel_gives(family, size, how):
    router, ports = Router(), some_range(size)
    router.rules(f"masquerade to :{ports[0]}-{ports[1]} {how}")
    listener = router.listen(443, family)
    some = random.randrange(1, size)
    held = fill(router, family, some)
    found = read(ports)
    left = size - used(found, family)
    name = "ipv4" if family == IPV4 else "ipv6"
    assert left == size - some
    assert found.value("ephemera_worst_snat_ports", protocol="tcp", family=name) == some
    assert found.value("ephemera_worst_snat_usage_ratio", protocol="tcp", family=name) == \
        pytest.approx(some / size)
    assert found.value("ephemera_snat_loss_ratio", **pool(family)) == 0
    more = connected([router.new(family, client=3) for _ in range(left + LOSS)], peer(family))
    assert len(more) == left
    found = read(ports)
    assert used(found, family) == size
    assert found.value("ephemera_snat_loss_ratio", **pool(family)) == 1
    assert found.value("ephemera_conntrack_insert_failed_total") >= LOSS
    assert found.value("ephemera_conntrack_drops_total") >= LOSS
    assert found.value("ephemera_conntrack_entries") >= size
    assert found.value("ephemera_snat_range_ports", first_port=str(ports[0]), last_port=str(ports[1])) == size
    del held, listener


@in_namespace
def test_each_destination_has_ports_of_its_own():
    router, ports = Router(), some_range(10)
    router.rules(f"masquerade to :{ports[0]}-{ports[1]}")
    listeners = [router.listen(443), router.listen(80), router.listen(443, host=3)]
    held = fill(router, IPV4, 10) + fill(router, IPV4, 7, port=80) + fill(router, IPV4, 5, host=3)
    found = read(ports)
    assert (used(found, IPV4), used(found, IPV4, 80), used(found, IPV4, host=3)) == (10, 7, 5)
    assert found.value("ephemera_worst_snat_ports", protocol="tcp", family="ipv4") == 10
    shown = metrics(*flags(ports), "--collector.snat.limit=1")
    assert used(shown, IPV4) == 10
    assert shown.value("ephemera_other_snat_ports", protocol="tcp", family="ipv4") == 12
    del held, listeners


@FAMILIES
@in_namespace
def test_whose_they_are(family):
    router, ports = Router(), some_range(100)
    router.rules(f"masquerade to :{ports[0]}-{ports[1]}")
    listener = router.listen(443, family)
    held = [sock for client, count in ((2, 5), (3, 11), (4, 7), (5, 2))
            for sock in fill(router, family, count, client)]
    found = read(ports)
    clients = {labels["client"]: value for labels, value in found.samples("ephemera_snat_client_ports")}
    start = "10.77.1." if family == IPV4 else "fd77:1::"
    assert clients == {f"{start}3": 11, f"{start}4": 7, f"{start}2": 5}
    assert used(found, family) == 25
    none = metrics(*flags(ports), "--collector.snat.clients-limit=0")
    assert not none.samples("ephemera_snat_client_ports")
    assert used(none, family) == 25
    del held, listener


@in_namespace
def test_what_the_router_holds_itself_counts():
    router, ports = Router(), some_range(10)
    router.rules(f"masquerade to :{ports[0]}-{ports[1]}")
    listener = router.listen(443)
    own = []
    for port in range(ports[0], ports[0] + 4):
        sock = router.new(client=None)
        sock.bind((ROUTER[IPV4], port))
        own.append(sock)
    assert len(connected(own, peer(IPV4))) == 4
    held = fill(router, IPV4, 2)
    left = 10 - used(read(ports), IPV4)
    assert left == 4
    more = connected([router.new() for _ in range(left + LOSS)], peer(IPV4))
    assert len(more) == left
    del held, listener


@in_namespace
def test_what_is_closing_is_given_to_others():
    need_kernel(6, 5, "eviction of closing entries")
    router, ports = Router(), some_range(10)
    router.rules(f"masquerade to :{ports[0]}-{ports[1]}")
    listener = router.listen(443)
    for sock in fill(router, IPV4, 10):
        sock.close()
    accepted = [listener.accept()[0] for _ in range(10)]
    for sock in accepted:
        sock.close()
    wait_until(lambda: used(read(ports), IPV4, state="closing") == 10, "TIME_WAIT")
    assert used(read(ports), IPV4) == 0
    assert read(ports).value("ephemera_snat_loss_ratio", **pool(IPV4)) == pytest.approx(0.5 ** 10)
    # Each is given away if the new sequence number is beyond its own, by a chance of one half. So
    # the last ones may be kept, but not the first ones.
    more = connected([router.new() for _ in range(10)], peer(IPV4))
    assert len(more) >= 3
    found = read(ports)
    assert used(found, IPV4) == len(more)
    assert used(found, IPV4, state="closing") == 10 - len(more)
    left = 10 - len(more)
    assert found.value("ephemera_snat_loss_ratio", **pool(IPV4)) == pytest.approx(0.5 ** left)


@FAMILIES
@in_namespace
def test_udp(family):
    router, ports = Router(), some_range(10)
    router.rules(f"masquerade to :{ports[0]}-{ports[1]}")
    server = router.listen(53, family, kind=socket.SOCK_DGRAM)

    def ask(count, wanted):
        sockets = [router.new(family, kind=socket.SOCK_DGRAM) for _ in range(count)]
        for sock in sockets:
            sock.sendto(b"?", peer(family, 53))
        came = set()
        try:
            while True:
                # However long a busy machine takes; and then none beyond these.
                server.settimeout(PATIENCE if len(came) < wanted else 0.7)
                came.add(server.recvfrom(1)[1][1])
        except TimeoutError:
            return sockets, came

    held, came = ask(6, 6)
    assert len(came) == 6
    assert all(ports[0] <= port <= ports[1] for port in came)
    found = read(ports)
    left = 10 - used(found, family, 53, protocol="udp")
    assert left == 4
    more, came = ask(left + LOSS, left)
    assert len(came) == left
    del held, more


@in_namespace
def test_the_destination_is_where_it_ends_up():
    router, ports = Router(), some_range(10)
    router.rules(f"masquerade to :{ports[0]}-{ports[1]}",
                 "ip daddr 10.77.2.9 tcp dport 80 dnat to numgen inc mod 2 map "
                 "{ 0 : 10.77.2.2 . 8080, 1 : 10.77.2.3 . 8080 }")
    listeners = [router.listen(8080), router.listen(8080, host=3)]
    held = connected([router.new() for _ in range(16)], ("10.77.2.9", 80))
    assert len(held) == 16
    found = read(ports)
    assert used(found, IPV4, 8080) == used(found, IPV4, 8080, host=3) == 8
    more = connected([router.new() for _ in range(4 + 2 * LOSS)], ("10.77.2.9", 80))
    assert len(more) == 4
    del listeners


@in_namespace
def test_each_address_of_a_pool_has_ports_of_its_own():
    router, ports = Router(), some_range(10)
    router.rules(f"snat ip to 10.77.2.8-10.77.2.9:{ports[0]}-{ports[1]}")
    listener = router.listen(443)
    with router.at(router.server):
        os.system("PATH=$PATH:/usr/sbin:/sbin; ip route add 10.77.2.8/31 via 10.77.2.1")
    for client in range(2, 7):
        connected([router.new(client=client) for _ in range(12)], peer(IPV4), 0.4)
    found = read(ports)
    filled = {address: found.total("ephemera_snat_ports", state="active", **pool(IPV4, source=address))
              for address in ("10.77.2.8", "10.77.2.9")}
    # The kernel chooses the address by the client's, and keeps to it if its ports are gone.
    assert max(filled.values()) == 10
    assert set(filled.values()) <= {0, 10}
    del listener


AS_NOBODY = ("setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups",
             "--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search", "--no-new-privs")


@pytest.mark.parametrize("wrapper", [(), AS_NOBODY], ids=["root", "dac_read_search"])
@in_namespace
def test_it_reads_on_without_a_privilege(wrapper):
    router, ports = Router(), some_range(10)
    router.rules(f"masquerade to :{ports[0]}-{ports[1]}")
    listener = router.listen(443)
    with Exporter(*flags(ports), wrapper=wrapper) as exporter:
        held = []
        for some in (3, 5, 9):
            held += fill(router, IPV4, some - len(held))
            assert used(exporter.metrics(), IPV4) == some
        with open(f"/proc/{exporter.pid}/status", encoding="ascii") as file:
            status = dict(line.split(":\t") for line in file.read().splitlines())
        assert status["CapEff"].strip("0") == ""
        assert status["Uid"].split()[0] == str(NOBODY)
        assert status["Seccomp"] == "2"
    del held, listener


@in_namespace
def test_without_root_it_says_what_it_needs():
    done = run("metrics", *FLAGS, user=NOBODY, group=NOBODY, extra_groups=())
    assert done.returncode == 1
    assert "net/nf_conntrack below --path.procfs needs root or CAP_DAC_READ_SEARCH" in done.stderr


@in_namespace
def test_where_nothing_is_tracked():
    found = read(some_range(10))
    assert found.value("ephemera_worst_snat_ports", protocol="tcp", family="ipv4") == 0
    assert found.value("ephemera_conntrack_entries") == 0
