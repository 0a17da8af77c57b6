# SPDX-License-Identifier: Apache-2.0
"""The three text formats: which one is served, and that each is right to the letter."""

import gzip
import re
import socket
import subprocess

import pytest
from prometheus_client.openmetrics import parser as openmetrics
from prometheus_client.parser import text_string_to_metric_families

from lib.cgroup_mount import host_has_cgroups
from lib.exporter import Exporter, run
from lib.tools import debian_binary
from raw import Workload

CONNECTIONS = 29

TEXT_0 = "text/plain; version=0.0.4; charset=utf-8"
TEXT_1 = "text/plain; version=1.0.0; charset=utf-8"
OPENMETRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"

PROMETHEUS_2 = ("application/openmetrics-text;version=1.0.0,"
                "application/openmetrics-text;version=0.0.1;q=0.75,"
                "text/plain;version=0.0.4;q=0.5,*/*;q=0.1")
PROMETHEUS_3 = ("application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,"
                "application/openmetrics-text;version=0.0.1;q=0.5,"
                "text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,"
                "text/plain;version=0.0.4;q=0.3,*/*;q=0.2")
PROMETHEUS_3_HISTOGRAMS = ("application/vnd.google.protobuf;"
                           "proto=io.prometheus.client.MetricFamily;encoding=delimited;"
                           "escaping=allow-utf-8;q=0.7," + PROMETHEUS_3)
PROMETHEUS_3_TEXT_FIRST = ("text/plain;version=1.0.0;escaping=allow-utf-8;q=0.6,"
                           "text/plain;version=0.0.4;q=0.5,"
                           "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.4,"
                           "*/*;q=0.3")
BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8"

GAUGE, COUNTER, INFO, HISTOGRAM = "gauge", "counter", "info", "histogram"

# The contract: collector, name, type, labels. Dashboards and alerts are built on these.
CONTRACT = [
    ("range", "ephemera_range_first_port", GAUGE, ""),
    ("range", "ephemera_range_last_port", GAUGE, ""),
    ("range", "ephemera_range_ports", GAUGE, ""),
    ("range", "ephemera_range_reserved_ports", GAUGE, ""),
    ("range", "ephemera_range_iana_dynamic_ports", GAUGE, ""),
    ("range", "ephemera_unprivileged_first_port", GAUGE, ""),
    ("range", "ephemera_tcp_time_wait_reuse", GAUGE, ""),
    ("range", "ephemera_tcp_time_wait_reuse_delay_seconds", GAUGE, ""),
    ("range", "ephemera_tcp_fin_timeout_seconds", GAUGE, ""),
    ("binds", "ephemera_range_bound_ports", GAUGE, "holder"),
    ("binds", "ephemera_range_usable_ports", GAUGE, ""),
    ("binds", "ephemera_range_listener_info", INFO, "protocol address port reserved"),
    ("sockets", "ephemera_sockets", GAUGE, "protocol family state"),
    ("sockets", "ephemera_tcp_connections", GAUGE, "family direction"),
    ("destinations", "ephemera_destinations", GAUGE, "family pressure"),
    ("destinations", "ephemera_worst_destination_ports", GAUGE, "family"),
    ("destinations", "ephemera_worst_destination_usage_ratio", GAUGE, "family"),
    ("destinations", "ephemera_destination_ports", GAUGE,
     "source destination destination_port state"),
    ("destinations", "ephemera_destination_owner_ports", GAUGE,
     "source destination destination_port cgroup pod_uid container_id namespace pod"),
    ("destinations", "ephemera_destination_other_owner_ports", GAUGE,
     "source destination destination_port"),
    ("destinations", "ephemera_other_destination_ports", GAUGE, "family"),
    ("addresses", "ephemera_address_ports", GAUGE, "protocol address"),
    ("addresses", "ephemera_worst_address_ports", GAUGE, "protocol family"),
    ("addresses", "ephemera_worst_address_usage_ratio", GAUGE, "protocol family"),
    ("accept_queue", "ephemera_accept_queue_sockets", GAUGE, "address port"),
    ("accept_queue", "ephemera_accept_queue_limit_sockets", GAUGE, "address port"),
    ("accept_queue", "ephemera_worst_accept_queue_usage_ratio", GAUGE, ""),
    ("accept_queue", "ephemera_listen_overflows_total", COUNTER, ""),
    ("accept_queue", "ephemera_listen_drops_total", COUNTER, ""),
    ("time_wait", "ephemera_time_wait_sockets", GAUGE, "remaining"),
    ("time_wait", "ephemera_time_wait_limit_sockets", GAUGE, ""),
    ("time_wait", "ephemera_time_wait_entered_total", COUNTER, ""),
    ("time_wait", "ephemera_time_wait_recycled_total", COUNTER, ""),
    ("time_wait", "ephemera_time_wait_overflows_total", COUNTER, ""),
    ("churn", "ephemera_tcp_opens_total", COUNTER, "direction"),
    ("churn", "ephemera_tcp_open_failures_total", COUNTER, ""),
    ("churn", "ephemera_tcp_resets_sent_total", COUNTER, ""),
    ("churn", "ephemera_tcp_established_resets_total", COUNTER, ""),
    ("owners", "ephemera_owner_ports", GAUGE, "cgroup pod_uid container_id namespace pod"),
    ("owners", "ephemera_other_owner_ports", GAUGE, ""),
    ("owners", "ephemera_unowned_ports", GAUGE, ""),
    ("owners", "ephemera_owner_bound_ports", GAUGE, "cgroup pod_uid container_id namespace pod"),
    ("owners", "ephemera_other_owner_bound_ports", GAUGE, ""),
    ("owners", "ephemera_unowned_bound_ports", GAUGE, ""),
    ("", "ephemera_build_info", INFO, None),
    ("", "ephemera_kernel_feature", GAUGE, "feature"),
    ("", "ephemera_scrape_collector_duration_seconds", GAUGE, "collector"),
    ("", "ephemera_scrape_collector_success", GAUGE, "collector"),
    ("", "ephemera_scrape_sockets", GAUGE, ""),
    ("", "ephemera_scrapes_total", COUNTER, ""),
    ("", "ephemera_http_requests_total", COUNTER, "code"),
    ("", "process_cpu_seconds_total", COUNTER, ""),
    ("", "process_open_fds", GAUGE, ""),
    ("", "process_max_fds", GAUGE, ""),
    ("", "process_virtual_memory_bytes", GAUGE, ""),
    ("", "process_resident_memory_bytes", GAUGE, ""),
    ("", "process_start_time_seconds", GAUGE, ""),
]

# Beyond the contract, for whoever wants to know how a figure came about.
ADDITIONS = {
    "ephemera_range_bound_ports_age_seconds": "",
    "ephemera_own_range_sockets": "",
    "ephemera_untracked_destination_ports": "family",
    "ephemera_untracked_address_sockets": "protocol",
    "ephemera_range_unshown_listener_ports": "protocol",
    "ephemera_ipv6_only_address_ports": "protocol",
    "ephemera_unsure_address_ports": "protocol",
    "ephemera_bind_ipv6_only": "",
    "ephemera_owner_bound_ports": "cgroup pod_uid container_id namespace pod",
    "ephemera_other_owner_bound_ports": "",
    "ephemera_unowned_bound_ports": "",
    "ephemera_owner_udp_ports": "cgroup pod_uid container_id namespace pod",
    "ephemera_other_owner_udp_ports": "",
    "ephemera_unowned_udp_ports": "",
    "ephemera_socket_source_info": "protocol source",
    "ephemera_scrape_listing_duration_seconds": "listing",
    "ephemera_scrape_duration_seconds": "",
    "ephemera_http_refused_total": "reason",
}

TCP_STATES = ("established syn_sent syn_recv fin_wait1 fin_wait2 time_wait close close_wait "
              "last_ack listen closing bound").split()

# What is there on every host, whatever it does.
ALWAYS = [
    *(("ephemera_sockets", {"protocol": "tcp", "family": family, "state": state})
      for family in ("ipv4", "ipv6") for state in TCP_STATES),
    *(("ephemera_sockets", {"protocol": "udp", "family": family, "state": state})
      for family in ("ipv4", "ipv6") for state in ("established", "close")),
    *(("ephemera_tcp_connections", {"family": family, "direction": direction})
      for family in ("ipv4", "ipv6") for direction in ("inbound", "outbound")),
    *(("ephemera_range_bound_ports", {"holder": holder})
      for holder in ("listen", "bound", "connected")),
    *(("ephemera_destinations", {"family": family, "pressure": pressure})
      for family in ("ipv4", "ipv6") for pressure in ("low", "half", "high", "full")),
    *((name, {"family": family}) for family in ("ipv4", "ipv6")
      for name in ("ephemera_worst_destination_ports", "ephemera_worst_destination_usage_ratio",
                   "ephemera_other_destination_ports")),
    *(("ephemera_scrape_collector_success", {"collector": collector})
      for collector in ("range", "binds", "sockets", "destinations", "addresses",
                        "accept_queue", "time_wait", "churn", "owners")),
]


@pytest.fixture(scope="module", autouse=True)
def exporter():
    """With a listener and a destination of its own, so that no family of the contract is empty."""
    with Workload(CONNECTIONS) as workload, \
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp, \
            Exporter(f"--collector.destinations.minimum-ports={CONNECTIONS}",
                     "--collector.destinations.limit=1000") as running:
        running.workload = workload
        udp.connect(("127.0.0.1", 53))
        # The counter of requests by code is there from the first answer on.
        assert running.get("/-/healthy").status == 200
        yield running


def get(exporter, accept=None, **headers):
    if accept is not None:
        headers["Accept"] = accept
    return exporter.get("/metrics", headers)


def content_type(response):
    """The type without its escaping parameter, and that parameter's value."""
    found = response.headers["Content-Type"]
    base, _, escaping = found.partition("; escaping=")
    return base, escaping or None


def parsed(response):
    """Sample names and labels of a response, read by the strict parser of its format."""
    text = response.body.decode()
    if content_type(response)[0] == OPENMETRICS:
        families = list(openmetrics.text_string_to_metric_families(text))
    else:
        families = list(text_string_to_metric_families(text))
    return [(sample.name, tuple(sorted(sample.labels.items())))
            for family in families for sample in family.samples]


@pytest.mark.parametrize("accept", [
    None, "", "*/*", "text/*", "text/plain", BROWSER, "text/plain;version=0.0.4",
    "text/plain; version=0.0.4; charset=utf-8", "application/json", "text/plain;q=0.5",
    "application/openmetrics-text;version=1.0.0;q=0, */*",
    "application/openmetrics-text;version=9.9.9", "text/plain;version=9.9.9",
    "application/openmetrics-text;version=0.0.1",
    "application/openmetrics-text;version=1.0.0;q=0.2, text/plain;version=0.0.4;q=0.9",
    "text/plain;version=1.0.0;q=0.3,text/plain;version=0.0.4;q=0.35",
    "application/openmetrics-text;version=1.0.0;q=0.001,text/plain;version=0.0.4;q=0.002",
])
def test_text_0_0_4(exporter, accept):
    response = get(exporter, accept)
    assert response.status == 200
    assert response.headers["Content-Type"] == TEXT_0
    assert parsed(response)


@pytest.mark.parametrize("accept, escaping", [
    ("text/plain;version=1.0.0", None),
    ("text/plain;version=1.0.0;escaping=allow-utf-8", "allow-utf-8"),
    ("text/plain;version=1.0.0;escaping=underscores", "underscores"),
    ("text/plain;version=1.0.0;escaping=nonsense", None),
    ("text/plain; version=1.0.0; escaping=values;q=0.9, text/plain;version=0.0.4;q=0.8", "values"),
    ("application/openmetrics-text;version=1.0.0;q=0,text/plain;version=1.0.0;q=0.1", None),
    (PROMETHEUS_3_TEXT_FIRST, "allow-utf-8"),
])
def test_text_1_0_0(exporter, accept, escaping):
    response = get(exporter, accept)
    assert response.status == 200
    base, answered = content_type(response)
    assert base == TEXT_1
    # Not one name needs escaping, so any scheme is true; but it must be one that exists.
    assert answered in ([escaping] if escaping
                        else ["allow-utf-8", "underscores", "dots", "values"])
    assert parsed(response)


@pytest.mark.parametrize("accept, escaping", [
    ("application/openmetrics-text", None),
    ("application/openmetrics-text;version=1.0.0", None),
    ("application/openmetrics-text; version=1.0.0; charset=utf-8", None),
    ("Application/OpenMetrics-Text;Version=1.0.0", None),
    ("application/openmetrics-text;version=\"1.0.0\"", None),
    ("  application/openmetrics-text ; version=1.0.0 ; q=0.9 , text/plain ; q=0.8  ", None),
    ("text/plain;version=0.0.4;q=0.2,application/openmetrics-text;version=1.0.0;q=0.3", None),
    ("*/*;q=0.1,application/openmetrics-text;version=1.0.0", None),
    ("application/openmetrics-text;version=1.0.0;escaping=underscores", "underscores"),
    (PROMETHEUS_2, None),
    (PROMETHEUS_3, "allow-utf-8"),
    (PROMETHEUS_3_HISTOGRAMS, "allow-utf-8"),
])
def test_openmetrics(exporter, accept, escaping):
    response = get(exporter, accept)
    assert response.status == 200
    assert content_type(response) == (OPENMETRICS, escaping)
    assert response.body.endswith(b"\n# EOF\n")
    assert parsed(response)


@pytest.mark.parametrize("accept", [
    ",,,", ";", ";q=1", "/", "text", "text/", "/plain", "text/plain;", "text/plain;version",
    "text/plain;version=", "text/plain;version=\"0.0.4", "\"", "\\", "=;=,=", "*", "*/plain",
    "text/plain;q=", "\xff\xfe\x80", "a" * 3000, "a/b," * 750,
    ";" * 3000, "\t",
])
def test_malformed_accept_falls_back(exporter, accept):
    response = get(exporter, accept)
    assert response.status == 200
    assert response.headers["Content-Type"] == TEXT_0


@pytest.mark.parametrize("quality", ["banana", "-1", "2", "1e999", "0.1.2", "", "nan", "+0.5"])
def test_malformed_quality(exporter, quality):
    response = get(exporter, f"application/openmetrics-text;version=1.0.0;q={quality}")
    assert response.status == 200
    assert content_type(response)[0] in (TEXT_0, OPENMETRICS)
    assert parsed(response)


@pytest.mark.parametrize("encoding", [
    "gzip", "GZIP", "gzip;q=0.5", "gzip, deflate, br", "deflate;q=0.1 , gzip;q=1.0", "*",
    "identity;q=0.5, gzip", "br,gzip;q=0.001",
])
@pytest.mark.parametrize("accept", [None, PROMETHEUS_2, PROMETHEUS_3_TEXT_FIRST])
def test_gzip(exporter, accept, encoding):
    plain = get(exporter, accept)
    packed = get(exporter, accept, **{"Accept-Encoding": encoding})
    assert plain.headers["Content-Encoding"] is None
    assert packed.status == 200
    assert packed.headers["Content-Encoding"] == "gzip"
    assert packed.headers["Content-Type"] == plain.headers["Content-Type"]
    assert len(packed.body) < len(plain.body) / 2
    unpacked = packed._replace(body=gzip.decompress(packed.body))
    # Not the same scrape, so its numbers may differ; its series do not.
    assert (set(own_series(exporter, parsed(unpacked)))
            == set(own_series(exporter, parsed(plain))))


@pytest.mark.parametrize("encoding", [
    None, "", "identity", "gzip;q=0", "gzip;q=0.000", "deflate", "br", "*;q=0", "gzip;q=0, *",
    "identity, gzip;q=0", "gzipp", "x-not-gzip", ";q=1", ",,,",
])
def test_no_gzip(exporter, encoding):
    headers = {} if encoding is None else {"Accept-Encoding": encoding}
    response = exporter.get("/metrics", headers)
    assert response.status == 200
    assert response.headers["Content-Encoding"] is None
    assert parsed(response)


@pytest.mark.parametrize("headers", [{}, {"Accept-Encoding": "gzip"}, {"Accept": PROMETHEUS_3}])
def test_vary_names_what_the_answer_depends_on(exporter, headers):
    vary = exporter.get("/metrics", headers).headers["Vary"]
    assert {"accept", "accept-encoding"} <= {name.strip().lower() for name in vary.split(",")}


def own_series(exporter, series):
    """Without those that come and go by what else the host and this test's requests do."""
    port = str(exporter.workload.port)
    transient = ("ephemera_http_requests_total", "ephemera_destination_ports",
                 "ephemera_destination_owner_ports", "ephemera_destination_other_owner_ports",
                 "ephemera_range_listener_info")
    for name, labels in series:
        if name not in transient or port in dict(labels).values():
            yield name, labels


@pytest.fixture(scope="module", params=[None, PROMETHEUS_3_TEXT_FIRST, PROMETHEUS_3],
                ids=["text 0.0.4", "text 1.0.0", "OpenMetrics"])
def exposition(exporter, request):
    return get(exporter, request.param)


def test_each_family_is_whole_and_described_once(exposition):
    lines = exposition.body.decode().split("\n")
    assert lines[-1] == "", "the last line must end"
    described = {"HELP": [], "TYPE": []}
    current = None
    for line in lines[:-1]:
        if line == "# EOF":
            continue
        if comment := re.fullmatch(r"# (HELP|TYPE|UNIT) (\S+) (.*)", line):
            kind, name, text = comment.groups()
            if kind in described:
                described[kind].append(name)
                assert text.strip(), line
            current = name
            if kind == "TYPE":
                suffixes = (("_bucket", "_sum", "_count") if text == HISTOGRAM
                            else ("", "_total", "_info"))
        else:
            assert re.match(r"[a-zA-Z_:][a-zA-Z0-9_:]*[{ ]", line), line
            # A sample stands under its own family's comments, so no family is split.
            sample = re.split(r"[{ ]", line)[0]
            assert sample in [current + suffix for suffix in suffixes], line
    assert sorted(described["HELP"]) == sorted(described["TYPE"])
    for names in described.values():
        assert len(names) == len(set(names)), "described twice"


def test_no_series_twice(exposition):
    series = parsed(exposition)
    assert len(series) == len(set(series))


def test_the_same_series_in_every_format(exporter):
    first, *others = (set(own_series(exporter, parsed(get(exporter, accept))))
                      for accept in (None, PROMETHEUS_3_TEXT_FIRST, PROMETHEUS_3))
    for other in others:
        assert first == other


def test_only_openmetrics_ends_with_eof(exporter):
    for accept in (None, PROMETHEUS_3_TEXT_FIRST):
        assert b"# EOF" not in get(exporter, accept).body
    assert get(exporter, PROMETHEUS_3).body.count(b"# EOF") == 1


def series_of(name, kind, labels):
    """Each sample name of a family, and its labels."""
    if kind is not HISTOGRAM:
        return [(name, labels)]
    return [(f"{name}_bucket", f"{labels} le"), (f"{name}_sum", labels), (f"{name}_count", labels)]


def families(response):
    """Of each sample name: its family's type and the label names of each of its samples."""
    text = response.body.decode()
    parse = (openmetrics.text_string_to_metric_families
             if content_type(response)[0] == OPENMETRICS else text_string_to_metric_families)
    found = {}
    for family in parse(text):
        for sample in family.samples:
            kind, labels = found.setdefault(sample.name, (family.type, set()))
            labels.add(frozenset(sample.labels))
    return found


@pytest.mark.parametrize("name, kind, labels", [row[1:] for row in CONTRACT],
                         ids=[row[1] for row in CONTRACT])
def test_contract(exposition, name, kind, labels):
    found = families(exposition)
    if "owne" in name and not host_has_cgroups():
        pytest.skip("no version 2 hierarchy of cgroups")
    for sample, having in series_of(name, kind, labels):
        assert sample in found
        # "info" is a type of OpenMetrics alone, and a gauge is as good there.
        assert found[sample][0] in ((GAUGE, INFO) if kind is INFO else (kind,))
        if having is not None:
            assert found[sample][1] == {frozenset(having.split())}


def test_nothing_beyond_the_contract_that_is_not_written_down(exposition):
    found = families(exposition)
    contract = {sample for row in CONTRACT for sample, _ in series_of(*row[1:])}
    assert found.keys() <= contract | ADDITIONS.keys()
    for name in found.keys() & ADDITIONS.keys():
        assert found[name][1] == {frozenset(ADDITIONS[name].split())}, name


@pytest.mark.parametrize("name, labels", ALWAYS,
                         ids=[" ".join([name, *labels.values()]) for name, labels in ALWAYS])
def test_always_present(exposition, name, labels):
    assert (name, tuple(sorted(labels.items()))) in parsed(exposition)


def test_no_label_values_beyond_those_of_the_contract(exposition):
    closed = {name for name, _ in ALWAYS} - {"ephemera_scrape_collector_success"}
    found = {series for series in parsed(exposition) if series[0] in closed}
    assert found == {(name, tuple(sorted(labels.items()))) for name, labels in ALWAYS
                     if name in closed}


def test_the_shown_destination_and_listener(exporter):
    metrics = exporter.metrics()
    port = exporter.workload.port
    ours = metrics.samples("ephemera_destination_ports", destination_port=port)
    assert {labels["state"] for labels, _ in ours} <= {"active", "time_wait", "reusable"}
    assert CONNECTIONS == metrics.value(
        "ephemera_destination_ports", source="127.0.0.1", destination="127.0.0.1",
        destination_port=port, state="active")
    listener = metrics.samples("ephemera_range_listener_info", port=port)
    assert listener == [({"protocol": "tcp", "address": "127.0.0.1", "port": str(port),
                          "reserved": listener[0][0]["reserved"]}, 1)]
    assert listener[0][0]["reserved"] in ("true", "false")


def test_an_ipv6_address_stands_without_brackets(exporter):
    with socket.socket(socket.AF_INET6) as listener:
        try:
            listener.bind(("::1", 0))
        except OSError as error:
            pytest.skip(f"no IPv6 loopback: {error}")
        listener.listen()
        port = listener.getsockname()[1]
        [(labels, _)] = exporter.metrics().samples("ephemera_range_listener_info", port=port)
    assert labels["address"] == "::1"


@pytest.fixture(scope="module")
def promtool():
    return debian_binary("prometheus", "usr/bin/promtool")


def assert_clean(promtool, text):
    checked = subprocess.run([promtool, "check", "metrics"], input=text, text=True,
                             stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60)
    assert (checked.returncode, checked.stdout) == (0, "")


def test_promtool_finds_nothing_to_say(exporter, promtool):
    assert_clean(promtool, get(exporter).body.decode())


def test_promtool_on_one_scrape(promtool):
    done = run("metrics")
    assert done.returncode == 0, done.stderr
    assert_clean(promtool, done.stdout)


@pytest.mark.parametrize("collector", ["range", "binds", "sockets", "destinations"])
def test_promtool_on_each_collector(exporter, promtool, collector):
    response = exporter.get(f"/metrics?collect[]={collector}")
    assert response.status == 200
    assert_clean(promtool, response.body.decode())
