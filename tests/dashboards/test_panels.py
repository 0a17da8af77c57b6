# SPDX-License-Identifier: Apache-2.0
"""What single panels say, of series that are made up."""

import json

import pytest

import boards
import promtool

HOST = ['job="ephemera"', 'instance="web-1"']
CHOSEN = {"cluster": ".*", "job": ".*", "instance": ".*", "__rate_interval": "5m", "__interval": "1m", "__range": "1h",
          "datasource": "prometheus"}


def panel_of(board, title, kind=None):
    [panel] = [panel for panel in boards.panels(boards.load(boards.FOLDER / f"ephemeral-ports-{board}.json"))
               if panel["title"] == title and kind in (None, panel["type"])]
    return panel


def answer(folder, panel, series, at="60m", query="A", **chosen):
    [expression] = [target["expr"] for target in panel["targets"] if target["refId"] == query]
    return promtool.answer(folder, boards.fill(expression, {**CHOSEN, **chosen}), promtool.series(HOST, series), at)


def growing(first):
    """A destination that has grown by 200 ports a minute, seen from that minute on."""
    worst = "_ " * first + " ".join(str(5000 + 200 * minute) for minute in range(first, 90))
    return {'ephemera_worst_destination_ports{family="ipv4"}': worst, "ephemera_range_ports": 28232,
            "ephemera_range_usable_ports": 28000, 'ephemera_worst_destination_usage_ratio{family="ipv4"}': 0.6}


# Fleet


@pytest.mark.parametrize("board, title", [("fleet", "Full in"), ("host", "Full in")])
def test_full_in_needs_a_full_window(tmp_path, board, title):
    panel = panel_of(board, title)
    # 5000 + 200 * 60 = 17000 of 28000 at 60 minutes; 11000 to go, 200 a minute.
    [(_, whole)] = answer(tmp_path, panel, growing(0))
    assert whole == pytest.approx(55 * 60, rel=0.01)
    [(_, partly)] = answer(tmp_path, panel, growing(42))
    assert partly == -1, "a time, from 18 minutes of 30"


def test_the_two_shares_of_time_wait_are_two_columns(tmp_path):
    panel = panel_of("fleet", "Hosts")
    path = 'source="10.0.0.9",destination="10.0.0.1",destination_port="443"'
    series = {f'ephemera_destination_ports{{{path},state="active"}}': 10,
              f'ephemera_destination_ports{{{path},state="time_wait"}}': 990,
              'ephemera_worst_destination_usage_ratio{family="ipv4"}': 0.5,
              'ephemera_time_wait_sockets{remaining="under_15s"}': 1000, "ephemera_time_wait_limit_sockets": 10000}
    assert answer(tmp_path, panel, series, query="In TIME_WAIT") == [({"job": "ephemera", "instance": "web-1"}, 0.99)]
    assert answer(tmp_path, panel, series, query="Table") == [({"job": "ephemera", "instance": "web-1"}, 0.1)]
    heads = [part["value"] for override in panel["fieldConfig"]["overrides"] for part in override["properties"]
             if part["id"] == "displayName"]
    assert {"In TIME_WAIT", "Table"} <= set(heads) and len(set(heads)) == len(heads)


def test_what_kernels_do_not_tell_is_no_warning():
    text = json.dumps(panel_of("fleet", "Missing kernel features")["fieldConfig"])
    assert "blue" in text and "orange" not in text and "red" not in text


# Host


def capacity(folder, usable, all_of_it=28232):
    """{what is said: ports}"""
    series = {"ephemera_range_usable_ports": usable, "ephemera_range_ports": all_of_it}
    return {labels["is"]: value for labels, value in answer(folder, panel_of("host", "Capacity"), series)}


def test_capacity_is_in_ports_and_says_what_it_was(tmp_path):
    panel = panel_of("host", "Capacity")
    assert panel["fieldConfig"]["defaults"]["unit"] == "locale"
    assert capacity(tmp_path, 28000) == {"ports": 28000}
    # Little ups and downs of what bind() holds are none of it.
    assert capacity(tmp_path, "28100x30 28000x60") == {"ports": 28000}
    assert capacity(tmp_path, "28000x30 7900x60", "28232x30 8000x60") == {"ports": 7900, "before": 28000}
    assert capacity(tmp_path, 20000) == {"ports": 20000, "reserved or bound": 8232}
    orange = {override["matcher"]["options"] for override in panel["fieldConfig"]["overrides"]
              if "orange" in json.dumps(override)}
    assert orange == {"before", "reserved or bound"}


def marks(folder, name, series, board="host"):
    [annotation] = [each for each in boards.annotations(boards.load(boards.FOLDER / f"ephemeral-ports-{board}.json"))
                    if each["name"] == name]
    return annotation, promtool.answer(folder, boards.fill(annotation["expr"], CHOSEN), promtool.series(HOST, series))


def test_a_change_of_the_range_is_a_mark_where_it_was(tmp_path):
    annotation, found = marks(tmp_path, "The range changed", {"ephemera_range_ports": "28232x19 8000x60"})
    assert annotation["useValueForTime"] and "{{now}}" in annotation["titleFormat"] and "{{before}}" in annotation["titleFormat"]
    # In milliseconds, whatever step Grafana takes: nobody looks at each minute.
    assert found == [({"job": "ephemera", "instance": "web-1", "now": "8000", "before": "28232"}, 20 * 60 * 1000)]
    assert marks(tmp_path, "The range changed", {"ephemera_range_ports": 28232})[1] == []


def test_a_start_of_the_exporter_and_an_alert_are_marks(tmp_path):
    started = {"process_start_time_seconds": "100x29 1800x60", 'ephemera_build_info{version="1"}': 1}
    annotation, found = marks(tmp_path, "The exporter started", started)
    assert annotation["useValueForTime"] and [value for _, value in found] == [1800 * 1000]
    fires = {'ALERTS{alertname="EphemeralPortsFull",alertstate="firing",severity="critical",destination="10.0.0.1"}': 1,
             'ALERTS{alertname="EphemeralPortsFull",alertstate="pending",severity="critical",destination="10.0.0.2"}': 1,
             'ALERTS{alertname="SomebodyElses",alertstate="firing",severity="critical"}': 1}
    annotation, found = marks(tmp_path, "Alerts", fires)
    assert not annotation["useValueForTime"]
    assert [labels["destination"] for labels, _ in found] == ["10.0.0.1"]


def test_without_bpf_one_panel_of_a_host_says_how_to_turn_it_on():
    dashboard = boards.load(boards.FOLDER / "ephemeral-ports-host.json")
    # "Full in" asks for failures, too, and has other answers: test_scenario.py sees that.
    [title] = {panel["title"] for panel, target in boards.queries(dashboard) if boards.COUNTED.search(target["expr"])
               and panel["title"] != "Full in"}
    panel = panel_of("host", title)
    assert panel["fieldConfig"]["defaults"]["noValue"] == "not counted: start with --collector.exhaustion"
    assert "exhaustion.conf" in panel["description"]
    assert any(link["url"].endswith("/docs/exhaustion.md") for link in panel["links"])
    # And leads to those panels that only hosts with it can be chosen for.
    [link] = panel["fieldConfig"]["defaults"]["links"]
    assert "/d/ephemera-failures?" in link["url"] and "${instance:queryparam}" in link["url"]


# Owners

POD = "3f2a9c01-1b7d-4e5f-8a90-c0ffee000001"
SLICE = "/kubepods.slice/kubepods-pod3f2a9c01_1b7d_4e5f_8a90_c0ffee000001.slice"
OWNERS = {
    'ephemera_owner_ports{cgroup="/system.slice/orders.service",pod_uid="",container_id=""}': 7,
    f'ephemera_owner_ports{{cgroup="{SLICE}/cri-containerd-{"a" * 64}.scope",pod_uid="{POD}",container_id="{"a" * 64}"}}': 3,
    f'ephemera_owner_ports{{cgroup="{SLICE}/cri-containerd-{"b" * 64}.scope",pod_uid="{POD}",container_id="{"b" * 64}"}}': 2,
    f'ephemera_owner_ports{{cgroup="/system.slice/docker-{"0123456789ab" + "c" * 52}.scope",pod_uid="",container_id="x"}}': 1,
    'ephemera_owner_ports{cgroup="/",pod_uid="",container_id=""}': 4,
}


def test_owners_have_short_names_and_keep_the_whole_path(tmp_path):
    panel = panel_of("host", "Who holds the ports")
    assert {(labels.get("owner", ""), labels["cgroup"], value) for labels, value in answer(tmp_path, panel, OWNERS)} == {
        ("orders.service", "/system.slice/orders.service", 7),
        ("pod 3f2a9c01", SLICE, 5),
        ("docker-0123456789ab", f"/system.slice/docker-{'0123456789ab' + 'c' * 52}.scope", 1),
        ("the root cgroup", "/", 4),
    }
    [link] = panel["fieldConfig"]["defaults"]["links"]
    assert "${__field.labels.cgroup}" in link["title"] and "var-owner=${__field.labels.cgroup:percentencode}" in link["url"]


def test_a_pod_has_its_name_where_that_is_known(tmp_path):
    known = {**OWNERS, f'kube_pod_info{{uid="{POD}",namespace="shop",pod="orders-7d9f",node="n"}}': 1}
    found = answer(tmp_path, panel_of("host", "Who holds the ports"), known)
    assert [(labels["cgroup"], value) for labels, value in found if labels.get("owner") == "shop/orders-7d9f"] == [(SLICE, 5)]
    assert len(found) == 4


def test_an_owner_whose_first_failure_was_counted_has_a_name(tmp_path):
    """Its series begins within the time shown."""
    metric = 'ephemera_owner_port_exhaustion_errors_total{cgroup="/system.slice/orders.service",pod_uid="",container_id=""}'
    series = {metric: "_x49 5x40", 'ephemera_port_exhaustion_errors_total{family="ipv4"}': "0x49 5x40",
              'ephemera_scrape_collector_success{collector="exhaustion"}': 1,
              f'kube_pod_info{{uid="{POD}",namespace="shop",pod="orders-7d9f",node="n"}}': 1}
    assert answer(tmp_path, panel_of("failures", "Owners without a port"), series) == [
        ({"owner": "orders.service", "cgroup": "/system.slice/orders.service"}, 5)]


@pytest.mark.parametrize("board, title", [("failures", "Owners without a port"), ("destination", "Owners")])
def test_a_table_shows_the_whole_path_to_whoever_points_at_a_name(board, title):
    said = {override["matcher"]["options"]: {part["id"]: part["value"] for part in override["properties"]}
            for override in panel_of(board, title)["fieldConfig"]["overrides"]}
    assert said["owner"]["custom.tooltip"] == {"field": "cgroup"}
    assert "${__data.fields.cgroup}" in said["owner"]["links"][0]["title"]
    assert said["cgroup"]["custom.hidden"] and said["cgroup"]["custom.hideFrom"]["viz"]


# The views of one destination and of one owner

PATH = 'source="10.0.0.9",destination="10.0.0.1",destination_port="443"'


def test_a_destination_says_who_uses_it_and_since_when(tmp_path):
    panel = panel_of("destination", "Hosts")
    series = {f'ephemera_destination_ports{{{PATH},state="active"}}': "_x29 150x60", "ephemera_range_usable_ports": 1000,
              f'ephemera_destination_ports{{{PATH},state="time_wait"}}': "_x29 50x60"}
    chosen = {"destination": "10.0.0.1", "destination_port": ".*"}
    row = {"job": "ephemera", "instance": "web-1", "source": "10.0.0.9", "destination_port": "443"}
    assert answer(tmp_path, panel, series, query="Used", **chosen) == [(row, 0.2)]
    assert answer(tmp_path, panel, series, query="Since", **chosen) == [(row, 29 * 60 * 1000)]
    assert answer(tmp_path, panel, series, query="Used", destination="10.0.0.2", destination_port=".*") == []


def test_an_owner_is_a_pod_with_its_containers_and_no_other_of_like_name(tmp_path):
    panel = panel_of("owner", "Leased ports")
    series = {**OWNERS, 'ephemera_owner_ports{cgroup="/system.slice/orders.service2",pod_uid="",container_id=""}': 90,
              "ephemera_range_ports": 1}
    assert answer(tmp_path, panel, series, owner=[SLICE]) == [({}, 5)]
    assert answer(tmp_path, panel, series, owner=["/system.slice/orders.service"]) == [({}, 7)]
    assert answer(tmp_path, panel, series, owner=["/system.slice/gone.service"]) == [({}, 0)]


def test_both_are_a_click_away():
    for board, uids in [("fleet", {"ephemera-destination"}), ("host", {"ephemera-destination", "ephemera-owner"}),
                        ("kubernetes", {"ephemera-destination", "ephemera-owner"}), ("owner", {"ephemera-destination"}),
                        ("failures", {"ephemera-destination", "ephemera-owner"}), ("destination", {"ephemera-owner"})]:
        dashboard = boards.load(boards.FOLDER / f"ephemeral-ports-{board}.json")
        links = json.dumps([panel.get("fieldConfig") for panel in boards.panels(dashboard)])
        for uid in uids:
            assert f"/d/{uid}?" in links, (board, uid)


# Counters of a list


LISTED = 'ephemera_destination_port_exhaustion_errors_total{destination="10.0.0.1",destination_port="443"}'
COUNTED = 'ephemera_port_exhaustion_errors_total{family="ipv4"}'


@pytest.mark.parametrize("board, title", [("failures", "Failures by destination"), ("destination", "Failures by host")])
@pytest.mark.parametrize("started, counted, listed, failed", [
    # After a gap all of the list is new to Prometheus, and nothing failed.
    (0, "40x40 _x16 40x60", "40x40 _x16 40x60", 0),
    # So it is to a Prometheus that is new, or a host that it is new to.
    (0, "_x56 40x60", "_x56 40x60", 0),
    # The list is that of a host that was watched: what it has is what failed.
    (0, "40x57 44x60", "_x57 4x60", 4),
    # An exporter that was just started counted from 0.
    (57 * 60, "_x57 7x60", "_x57 7x60", 7),
])
def test_only_what_failed_while_watched_or_since_the_start_is_counted(
        tmp_path, board, title, started, counted, listed, failed):
    series = {COUNTED: counted, LISTED: listed, "process_start_time_seconds": started, "ephemera_range_ports": 1,
              'ephemera_scrape_collector_success{collector="exhaustion"}': 1}
    found = answer(tmp_path, panel_of(board, title), series, destination="10.0.0.1", destination_port=".*")
    assert sum(value for _, value in found) == failed


def test_what_failed_in_the_time_shown_is_not_all_that_was_counted_before_a_gap(tmp_path):
    series = {COUNTED: "40x20 _x30 40x60", LISTED: "40x20 _x30 40x60", "process_start_time_seconds": 0,
              'ephemera_scrape_collector_success{collector="exhaustion"}': 1}
    panel = panel_of("failures", "Destinations without a port")
    assert answer(tmp_path, panel, series, at="90m") == [({"destination": "none failed"}, 0)]


# What fits, and what is said of nothing


def narrowest(column):
    """Pixels that a column needs."""
    said = {part["id"]: part["value"] for part in column["properties"]}
    return 0 if said.get("custom.hidden") else said.get("custom.width", 90)


@pytest.mark.parametrize("panel", [
    pytest.param(panel, id=f"{path.stem}-{panel['title']}") for path in sorted(boards.FOLDER.glob("*.json"))
    for panel in boards.panels(boards.load(path)) if panel["type"] == "table"])
def test_a_table_fits_into_a_window_of_1000_pixels(panel):
    """Grafana has 24 columns, and each panel has a border."""
    assert panel["fieldConfig"]["defaults"]["custom"]["minWidth"] == 90
    needed = sum(map(narrowest, panel["fieldConfig"]["overrides"]))
    assert needed <= 1000 * panel["gridPos"]["w"] / 24 - 24


def test_no_owner_is_not_all_of_them(tmp_path):
    series = {**OWNERS, "ephemera_range_ports": 1}
    panel = panel_of("owner", "Leased ports")
    assert answer(tmp_path, panel, series, owner=[""]) == [({}, 0)]
    assert answer(tmp_path, panel, series, owner=["/"]) == [({}, 4)]


def test_that_no_port_was_refused_is_said_where_that_is_counted(tmp_path):
    panel = panel_of("failures", "Ports that were taken")
    works = {'ephemera_scrape_collector_success{collector="exhaustion"}': 1, COUNTED: 0}
    assert answer(tmp_path, panel, works) == []
    assert answer(tmp_path, panel, {**works, "ephemera_other_bind_conflicts_total": 0}) == [({"port": "none was refused"}, 0)]
    assert "the kernel cannot tell" in panel["fieldConfig"]["defaults"]["noValue"]


def test_a_container_has_the_digits_that_crictl_prints(tmp_path):
    series = {**OWNERS, f'kube_pod_info{{uid="{POD}",namespace="shop",pod="orders-7d9f",node="n"}}': 1, "ephemera_range_ports": 1}
    found = answer(tmp_path, panel_of("kubernetes", "Containers"), series, namespace=".*", pod=".*")
    assert {labels["container_id"]: value for labels, value in found} == {"a" * 13: 3, "b" * 13: 2}
