# SPDX-License-Identifier: Apache-2.0
"""What dashboards and rules ask for is what the docs say there is; and what a dashboard must have."""

import json
import re
import subprocess

import pytest

import boards
from lib.tools import debian_binary

# What stands between a query's braces in a link or a text, and is no variable of ours.
GRAFANAS_OWN = re.compile(r"__(data|field|value|series|url_time_range|all_variables|from|to|range|range_s|"
                          r"interval|interval_ms|rate_interval|dashboard|name|user|org|timezone)$")

# Which panels show numbers, and so need a unit.
NUMBERS = {"timeseries", "stat", "gauge", "bargauge"}

# What other variables a variable's list depends on.
NEEDS = {"pod": ["namespace"], "netns": ["instance", "namespace", "pod"], "destination_port": ["destination"], "destination": ["instance"], "owner": ["instance"]}

each_dashboard = pytest.mark.parametrize("path", boards.DASHBOARDS, ids=lambda path: path.name)

# Of the units in @grafana/data those that we may need: Grafana takes any other word for a unit, too,
# and puts it behind the number.
UNITS = {"none", "short", "locale", "percentunit", "s", "dtdurations", "cps", "bytes", "bool_yes_no",
         "dateTimeAsIso", "dateTimeFromNow", "string"}

# Of Grafana's palette, so that they go with the dark and the light theme.
COLOR = re.compile(r"transparent|text|((super-light|light|semi-dark|dark)-)?(red|orange|yellow|green|blue|purple)")


def asked(dashboard):
    """(where, expression) of every query, those of variables among them, as a parser can read it."""
    stand_ins = {name: "x" for name in boards.variables(dashboard)}
    stand_ins.update(__rate_interval="5m", __interval="1m", __range="1h", __range_s="3600")
    for panel, target in boards.queries(dashboard):
        yield f"{panel['title']} {target['refId']}", boards.fill(target["expr"], stand_ins)
    for annotation in boards.annotations(dashboard):
        yield f"annotation {annotation['name']}", boards.fill(annotation["expr"], stand_ins)
    for name, variable in boards.variables(dashboard).items():
        if variable["type"] == "query":
            series, label = boards.label_values_of(variable)
            yield f"${name}", f"count by ({label}) ({boards.fill(series, stand_ins)})"


@pytest.fixture(scope="module", name="parsed")
def fixture_parsed():
    return parse_all()


def parse_all():
    """[(where, expression, what it selects)] of all dashboards and rules."""
    sources = [(path.name, where, expression) for path in boards.DASHBOARDS
               for where, expression in asked(boards.load(path))]
    sources += [("rules", rule.get("record") or rule["alert"], rule["expr"]) for rule in boards.rules()]
    sources += [("texts of alerts", rule["alert"], query) for rule in boards.rules()
                for query in boards.queries_of_annotations(rule)]
    read = boards.node("promql.mjs", text=json.dumps([expression for *_, expression in sources]))
    assert len(read) == len(sources)
    return [(f"{source}: {where}", expression, found)
            for (source, where, expression), found in zip(sources, read)]


def names(found):
    for selector in found["selectors"]:
        by_label = [value for label, _, value in selector["matchers"] if label == "__name__"]
        yield selector["name"] or (by_label or ["a selector without a name"])[0], selector


def test_there_is_something_to_look_at(parsed):
    assert len(boards.DASHBOARDS) == 7 and len(boards.RULES) == 2
    assert len(parsed) > 100


def test_every_query_can_be_read(parsed):
    assert [(where, found["errors"]) for where, _, found in parsed if found["errors"]] == []


def test_prometheus_can_read_every_query(parsed, tmp_path):
    """Its own parser knows more of it than the grammar: types, and what may stand only once."""
    promtool = debian_binary("prometheus", "usr/bin/promtool")
    rules = [{"record": f"query:{i}", "expr": expression} for i, (_, expression, _) in enumerate(parsed)]
    file = tmp_path / "queries.yaml"
    # Every JSON is YAML.
    file.write_text(json.dumps({"groups": [{"name": "queries", "rules": rules}]}))
    done = subprocess.run([promtool, "check", "rules", file], check=False, text=True, timeout=60,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    refused = [f"{parsed[int(number)][0]}: {why}" for number, why in
               re.findall(r'"query:(\d+)".*?error: (.*)', done.stdout)]
    assert done.returncode == 0, "\n".join(refused) or done.stdout


def test_every_metric_exists(parsed):
    known = {*boards.documented(), *boards.recorded(), *boards.FOREIGN}
    unknown = [(where, name) for where, _, found in parsed for name, _ in names(found)
               if name not in known]
    assert unknown == []


def test_every_label_exists_and_can_have_the_value(parsed):
    documented = boards.documented()
    # Those that a recording rule gives its series are of more than one metric.
    every = (boards.SCRAPED | boards.OF_NAMESPACES).union(*documented.values(), *boards.FOREIGN.values())
    wrong = []
    for where, _, found in parsed:
        for name, selector in names(found):
            has = documented.get(name)
            for label, operator, value in selector["matchers"]:
                if label == "__name__":
                    continue
                if has is None:
                    right = label in boards.FOREIGN.get(name, every) | boards.SCRAPED | boards.OF_NAMESPACES
                elif label in has and has[label] is not None:
                    right = all(part in has[label] or part in ("", "x")
                                for part in (value.split("|") if "~" in operator else [value]))
                else:
                    right = label in has or label in boards.SCRAPED | boards.OF_NAMESPACES
                if not right:
                    wrong.append((where, name, label, value))
    assert wrong == []


def test_every_grouping_label_exists(parsed):
    """A label that no series has groups by nothing, and nobody notices."""
    every = (boards.SCRAPED | boards.OF_NAMESPACES).union(*boards.documented().values(), *boards.FOREIGN.values())
    wrong = []
    for where, expression, found in parsed:
        # What label_replace() and label_join() make.
        made = set(re.findall(r'"(\w+)"', expression))
        wrong += [(where, label) for label in found["labels"] if label not in every | made]
    assert wrong == []


def test_counters_are_not_read_as_gauges(parsed):
    """A counter is asked for its growth, as is all of a histogram, or for how often it was scraped; a
    gauge is not asked for its growth."""
    documented = boards.documented()
    for where, expression, found in parsed:
        grown = set(re.findall(r"\b(?:rate|increase|irate)\(\s*(\w+)", expression))
        rated = grown | set(re.findall(r"\bcount_over_time\(\s*(\w+)", expression))
        for name in {name for name, _ in names(found)}:
            if name.endswith(("_total", "_bucket", "_sum", "_count")):
                assert name in rated, where
            elif name in documented:
                assert name not in grown, where


# What a dashboard must have


@each_dashboard
def test_panels_say_what_they_show(path):
    dashboard = boards.load(path)
    for panel in boards.panels(dashboard):
        assert panel.get("title"), panel["id"]
        if panel["type"] == "row":
            continue
        assert len(panel.get("description", "")) > 40, panel["title"]
        if panel["type"] in NUMBERS:
            assert panel["fieldConfig"]["defaults"].get("unit"), panel["title"]


def settings(value, name):
    """Every value that stands under a name, or that an override sets, anywhere below."""
    if isinstance(value, list):
        for part in value:
            yield from settings(part, name)
    elif isinstance(value, dict):
        if value.get("id") == name and "value" in value:
            yield value["value"]
        for key, part in value.items():
            if key == name and isinstance(part, str):
                yield part
            yield from settings(part, name)


@each_dashboard
def test_units_and_colours_are_grafanas(path):
    dashboard = boards.load(path)
    assert not set(settings(dashboard, "unit")) - UNITS
    for name in ("color", "fixedColor"):
        for color in settings(dashboard, name):
            if isinstance(color, str):
                assert COLOR.fullmatch(color), color


@each_dashboard
def test_every_id_stands_once_and_panels_do_not_overlap(path):
    dashboard = boards.load(path)
    listed = list(boards.panels(dashboard))
    assert len({panel["id"] for panel in listed}) == len(listed)
    for group in ([panel for panel in dashboard["panels"]],
                  *(row.get("panels", []) for row in dashboard["panels"])):
        cells = {}
        for panel in group:
            place = panel["gridPos"]
            assert place["x"] + place["w"] <= 24, panel["title"]
            for cell in ((x, y) for x in range(place["x"], place["x"] + place["w"])
                         for y in range(place["y"], place["y"] + place["h"])):
                assert cells.setdefault(cell, panel["title"]) == panel["title"]


@each_dashboard
def test_what_matters_is_open_and_details_are_collapsed(path):
    """Collapsed rows ask nothing until somebody opens them; nothing open stands below one."""
    top = boards.load(path)["panels"]
    collapsed = [panel["type"] == "row" and panel["collapsed"] for panel in top]
    assert not collapsed[0]
    # A view of one thing has no details; all of it fits two screens.
    assert collapsed[-1] or sum(panel["type"] != "row" for panel in top) <= 13
    assert collapsed == sorted(collapsed)
    assert all(panel["panels"] for panel, is_collapsed in zip(top, collapsed) if is_collapsed)


@each_dashboard
def test_it_works_on_import(path):
    dashboard = boards.load(path)
    assert not {"__inputs", "__requires", "__elements"} & set(dashboard)
    assert dashboard.get("id") is None
    assert re.fullmatch(r"[a-zA-Z0-9_-]{8,40}", dashboard["uid"])
    assert dashboard["schemaVersion"] >= 41
    assert dashboard["title"].startswith("Ephemeral ports / ")
    for panel in boards.panels(dashboard):
        for source in [panel.get("datasource"), *(target.get("datasource") for target in
                                                  panel.get("targets", []))]:
            if panel["type"] not in ("row", "text"):
                assert source == {"type": "prometheus", "uid": "${datasource}"}, panel["title"]
        refs = [target["refId"] for target in panel.get("targets", [])]
        assert len(refs) == len(set(refs)), panel["title"]


@each_dashboard
def test_variables_are_what_users_know(path):
    variables = boards.variables(boards.load(path))
    assert list(variables)[:3] == ["datasource", "job", "instance"]
    assert (variables["datasource"]["type"], variables["datasource"]["query"]) == ("datasource", "prometheus")
    for name in ("job", "instance"):
        variable = variables[name]
        assert variable["type"] == "query" and variable["multi"], name
        assert variable["datasource"] == {"type": "prometheus", "uid": "${datasource}"}
        series, label = boards.label_values_of(variable)
        assert label == name
        if path.name == "ephemeral-ports-failures.json":
            assert series.startswith("ephemera_scrape_collector_success{") and 'collector="exhaustion"' in series
        else:
            assert series.startswith("ephemera_build_info")
    assert variables["job"]["includeAll"]


@each_dashboard
def test_variables_offer_what_fits_those_before_them(path):
    """Else a list has the hosts of jobs that were not chosen, and choosing one shows nothing."""
    variables = boards.variables(boards.load(path))
    assert 'job=~"$job"' in boards.label_values_of(variables["instance"])[0]
    for name, needs in NEEDS.items():
        if name in variables:
            assert set(needs) <= boards.used_variables(boards.label_values_of(variables[name])[0]), name


@each_dashboard
def test_every_variable_that_is_used_exists(path):
    dashboard = boards.load(path)
    known = set(boards.variables(dashboard))

    def strings(value):
        if isinstance(value, str):
            yield value
        elif isinstance(value, (dict, list)):
            for part in value.values() if isinstance(value, dict) else value:
                yield from strings(part)

    for text in strings(dashboard):
        # "$1" is of label_replace(), "$__all" is a choice.
        unknown = {name for name in boards.used_variables(text) - known - {"__all"}
                   if not name.isdigit() and not GRAFANAS_OWN.match(name)}
        assert not unknown, text


@each_dashboard
def test_queries_keep_to_the_hosts_that_were_chosen(path):
    """A panel that forgets the variables shows other people's hosts."""
    dashboard = boards.load(path)
    for annotation in boards.annotations(dashboard):
        assert "$instance" in annotation["expr"] and "$job" in annotation["expr"], annotation["name"]
    for panel, target in boards.queries(dashboard):
        assert "$instance" in target["expr"] and "$job" in target["expr"], panel["title"]
        # A window that the user's scrape interval does not fit into shows nothing.
        for window in re.findall(r"\b(?:rate|increase|irate)\([^()]*\[([^\]]+)\]", target["expr"]):
            assert window in ("$__rate_interval", "$__range"), panel["title"]


@each_dashboard
def test_links_lead_somewhere(path):
    dashboard = boards.load(path)
    uids = {board["uid"] for board in map(boards.load, boards.DASHBOARDS)}
    text = json.dumps(dashboard)
    linked = set(re.findall(r'/d/([\w-]+)', text))
    assert linked <= uids
    assert linked - {dashboard["uid"]}, "no way on from here"
    anchors = set(re.findall(r"docs/runbook\.md#([\w-]+)", text))
    assert anchors <= boards.runbook_anchors()


def test_the_fleet_links_into_the_host():
    fleet = next(board for board in map(boards.load, boards.DASHBOARDS) if board["title"].endswith("Fleet"))
    host = next(board for board in map(boards.load, boards.DASHBOARDS) if board["title"].endswith("Host"))
    assert re.search(rf'/d/{host["uid"]}[^"]*var-instance=\$', json.dumps(fleet))


def test_alerts_link_to_dashboards_that_exist():
    uids = {board["uid"] for board in map(boards.load, boards.DASHBOARDS)}
    for rule in boards.rules():
        assert set(re.findall(r"/d/([\w-]+)", json.dumps(rule))) <= uids, rule
