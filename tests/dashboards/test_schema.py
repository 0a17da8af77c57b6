# SPDX-License-Identifier: Apache-2.0
"""The dashboards against JSON schemas made from Grafana's own types."""

import json

import pytest

import boards


def panel_of(dashboard, kind, having=lambda panel: True):
    return next(panel for panel in boards.panels(dashboard) if panel["type"] == kind and having(panel))


# Each breaks one thing that a reader would hardly see, in a way that Grafana would not tell.
def misspell_at_top(dashboard):
    dashboard["schemaVersions"] = dashboard.pop("schemaVersion")


def misspell_in_panel(dashboard):
    panel = panel_of(dashboard, "stat")
    panel["descriptions"] = panel.pop("description")


def misspell_in_options(dashboard):
    panel_of(dashboard, "stat")["options"]["colourMode"] = "value"


def wrong_choice(dashboard):
    panel_of(dashboard, "stat")["options"]["colorMode"] = "backgrounds"


def option_of_another_type(dashboard):
    panel_of(dashboard, "timeseries")["options"]["showUnfilled"] = True


def misspell_in_row(dashboard):
    row = panel_of(dashboard, "row", lambda row: row["panels"])
    row["panels"][0]["fieldConfig"]["defaults"]["units"] = "short"


def misspell_in_custom(dashboard):
    panel = panel_of(dashboard, "timeseries")
    panel["fieldConfig"]["defaults"].setdefault("custom", {})["lineWidht"] = 1


def misspell_in_query(dashboard):
    panel_of(dashboard, "timeseries")["targets"][0]["legend"] = "{{instance}}"


def misspell_in_variable(dashboard):
    dashboard["templating"]["list"][0]["includeall"] = True


def override(identity, value):
    return {"matcher": {"id": "byName", "options": "Value"},
            "properties": [{"id": identity, "value": value}]}


def misspell_in_override(dashboard):
    panel = panel_of(dashboard, "table")
    panel["fieldConfig"]["overrides"].append(override("custom.widht", 80))


def wrong_value_in_override(dashboard):
    panel = panel_of(dashboard, "table")
    panel["fieldConfig"]["overrides"].append(override("custom.width", "80px"))


def misspell_in_transformation(dashboard):
    panel = panel_of(dashboard, "table", lambda panel: panel.get("transformations"))
    panel["transformations"].append({"id": "organize", "options": {"renameByNames": {}}})


def panel_of_unknown_type(dashboard):
    panel_of(dashboard, "stat")["type"] = "singlestat"


FAULTS = [misspell_at_top, misspell_in_panel, misspell_in_options, wrong_choice,
          option_of_another_type, misspell_in_row, misspell_in_custom, misspell_in_query,
          misspell_in_variable, misspell_in_override, wrong_value_in_override,
          misspell_in_transformation, panel_of_unknown_type]


def broken(fault):
    """The first dashboard that has what the fault breaks, with the fault."""
    for path in boards.DASHBOARDS:
        dashboard = boards.load(path)
        try:
            fault(dashboard)
        except StopIteration:  # this one has no such panel
            continue
        return dashboard
    return pytest.fail("no dashboard has what this would break")


@pytest.fixture(scope="module", name="complaints")
def fixture_complaints(tmp_path_factory):
    """What is wrong with each dashboard, and with each that a fault has broken."""
    folder = tmp_path_factory.mktemp("broken")
    paths = {fault.__name__: folder / f"{fault.__name__}.json" for fault in FAULTS}
    for fault in FAULTS:
        paths[fault.__name__].write_text(json.dumps(broken(fault)))
    paths.update({path.name: path for path in boards.DASHBOARDS})
    # Reading Grafana's types takes longer than all the checks.
    found = boards.node("schema.mjs", *paths.values())
    return {name: found[str(path)] for name, path in paths.items()}


@pytest.mark.parametrize("path", boards.DASHBOARDS, ids=lambda path: path.name)
def test_grafana_knows_every_field(complaints, path):
    assert complaints[path.name] == []


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)
def test_the_types_leave_nothing_open_that_we_use(complaints, fault):
    """Without this a schema that lets everything pass would not be noticed."""
    assert len(complaints[fault.__name__]) >= 1
