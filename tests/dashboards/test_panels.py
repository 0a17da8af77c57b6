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


@pytest.mark.parametrize("board, title", [("fleet", "First host full in"), ("host", "Full in")])
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
