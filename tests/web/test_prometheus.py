# SPDX-License-Identifier: Apache-2.0
"""A real Prometheus scrapes the exporter, and its answers are those of a known workload."""

import pytest

from lib.exporter import Exporter
from lib.prometheus import Prometheus
from lib.tools import debian_binary
from raw import Workload, wait_until

CONNECTIONS = 41

@pytest.fixture(scope="module")
def prometheus(tmp_path_factory):
    binary = debian_binary("prometheus", "usr/bin/prometheus")
    # The destination is ours alone, whatever else the host does: its port is fresh.
    with Workload(CONNECTIONS) as workload, \
            Exporter(f"--collector.destinations.minimum-ports={CONNECTIONS}",
                     "--collector.destinations.limit=1000") as exporter, \
            Prometheus(binary, f"127.0.0.1:{exporter.port}",
                       tmp_path_factory.mktemp("prometheus")) as running:
        running.workload = workload
        running.exporter = exporter
        wait_until(lambda: running.value("count_over_time(up[1m])"), 30, "a first scrape")
        yield running


def target(prometheus):
    [found] = prometheus.api("targets")["activeTargets"]
    return found


def test_target_is_up(prometheus):
    # A scrape may be late on a busy machine: it has a second. The next one is not.
    def is_up():
        found = target(prometheus)
        return (found["health"], found["lastError"]) == ("up", "") and prometheus.value("up") == 1

    wait_until(is_up, 60, f"up: {target(prometheus)}")


def test_destination_has_the_value_of_the_workload(prometheus):
    expression = (f'ephemera_destination_ports{{destination_port="{prometheus.workload.port}",'
                  'state="active"}')
    wait_until(lambda: prometheus.query(expression) == [
        ({"source": "127.0.0.1", "destination": "127.0.0.1", "state": "active",
          "destination_port": str(prometheus.workload.port)}, CONNECTIONS)],
        30, f"{CONNECTIONS} connections; last seen {prometheus.query(expression)}")


def test_listener_of_the_workload(prometheus):
    expression = f'ephemera_range_listener_info{{port="{prometheus.workload.port}"}}'
    [(labels, value)] = wait_until(lambda: prometheus.query(expression), 30, "the listener")
    assert (labels["protocol"], labels["address"], value) == ("tcp", "127.0.0.1", 1)


def test_settings_are_those_of_the_host(prometheus):
    with open("/proc/sys/net/ipv4/ip_local_port_range") as file:
        first, last = map(int, file.read().split())
    assert prometheus.value("ephemera_range_first_port") == first
    assert prometheus.value("ephemera_range_last_port") == last
    assert prometheus.value("ephemera_range_ports") == last - first + 1


def test_sums_over_labels_mean_something(prometheus):
    # The workload and its accepted ends, at the least; the host may have more.
    established = 'sum(ephemera_sockets{protocol="tcp",family="ipv4",state="established"})'
    assert prometheus.value(established) >= 2 * CONNECTIONS
    assert prometheus.value('ephemera_tcp_connections{family="ipv4",direction="inbound"}') \
        >= CONNECTIONS
    assert prometheus.value('ephemera_tcp_connections{family="ipv4",direction="outbound"}') \
        >= CONNECTIONS
    capacity = prometheus.value("ephemera_range_usable_ports")
    assert capacity == prometheus.value("ephemera_range_ports - ephemera_range_reserved_ports "
                                        "- sum without (holder) (ephemera_range_bound_ports)")
    assert 0 < prometheus.value('ephemera_worst_destination_usage_ratio{family="ipv4"}') <= 1


def test_types_and_help_are_known(prometheus):
    metadata = wait_until(lambda: prometheus.api("metadata"), 30, "metadata")
    assert metadata["ephemera_range_ports"][0]["type"] == "gauge"
    assert metadata["ephemera_range_ports"][0]["help"]
    # In OpenMetrics, which this Prometheus asks for, a counter is known without its suffix.
    [walks] = metadata.get("ephemera_scrapes_total") or metadata["ephemera_scrapes"]
    assert walks["type"] == "counter"


def test_scrapes_succeed_and_no_sample_is_refused(prometheus):
    wait_until(lambda: prometheus.value("sum_over_time(up[5s])") >= 4
               and prometheus.value("min_over_time(up[5s])") == 1, 60, "four scrapes in a row")
    assert prometheus.query("ephemera_scrape_collector_success == 0") == []
    assert prometheus.value("scrape_samples_scraped") \
        == prometheus.value("scrape_samples_post_metric_relabeling") > 0
    log = prometheus.log_file.read_text()
    for complaint in ("Error on ingesting", "append failed"):
        assert complaint not in log


def test_a_series_whose_subject_is_gone_leaves(prometheus):
    with Workload(7) as passing:
        expression = f'ephemera_range_listener_info{{port="{passing.port}"}}'
        wait_until(lambda: prometheus.query(expression), 30, "the listener is seen")
    wait_until(lambda: prometheus.query(expression) == [], 30, "and is gone again")
