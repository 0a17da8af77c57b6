# SPDX-License-Identifier: Apache-2.0
"""A host without sock_diag: the exporter notices by itself, and says so."""

import errno

import pytest

from accounting import SHOW_ALL
from lib.exporter import Exporter, metrics
from lib.namespace import in_namespace
from lib.seccomp import forbid_netlink
from lib.sockets import IPV4, connect_many, listen

CLIENTS = 41


@pytest.mark.parametrize("refusal", [errno.EPROTONOSUPPORT, errno.EAFNOSUPPORT, errno.EPERM,
                                     errno.EACCES])
@in_namespace
def test_without_netlink_procfs_answers(refusal):
    listener = listen(IPV4, "127.0.0.1", 9999)
    _clients = connect_many(CLIENTS, IPV4, "127.0.0.1", 9999)
    before = metrics(SHOW_ALL)
    forbid_netlink(refusal)
    said = metrics(SHOW_ALL)

    assert before.value("ephemera_socket_source_info", protocol="tcp", source="sock_diag") == 1
    assert before.value("ephemera_kernel_feature", feature="sock_diag") == 1
    for protocol in ("tcp", "udp"):
        assert said.value("ephemera_socket_source_info", protocol=protocol, source="procfs") == 1
    assert said.value("ephemera_kernel_feature", feature="sock_diag") == 0
    assert said.value("ephemera_kernel_feature", feature="bound_inactive") == 0
    for scrape in (before, said):
        assert scrape.value("ephemera_destination_ports", destination_port=9999,
                            state="active") == CLIENTS
    listener.close()


@in_namespace
def test_a_server_without_netlink_is_ready_and_serves():
    forbid_netlink()
    with Exporter() as exporter:
        assert exporter.get("/-/ready").status == 200
        assert exporter.metrics().total("ephemera_scrape_collector_success") >= 4


@in_namespace
def test_who_insists_on_sock_diag_is_told():
    forbid_netlink()
    with Exporter("--sockets.source=sock_diag") as exporter:
        assert exporter.get("/-/ready").status == 503
        said = exporter.metrics()
        assert said.value("ephemera_scrape_collector_success", collector="sockets") == 0
        assert said.value("ephemera_scrape_collector_success", collector="range") == 1
        assert not said.samples("ephemera_sockets")
