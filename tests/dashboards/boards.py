# SPDX-License-Identifier: Apache-2.0
"""The dashboards and rules as they are in the tree, what they ask, and what the docs say there is."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from lib.exporter import REPOSITORY

HERE = Path(__file__).resolve().parent
FOLDER = REPOSITORY / "dashboards"
DASHBOARDS = sorted(FOLDER.glob("*.json"))
RULES = [FOLDER / "rules" / f"{name}.yaml" for name in ("alerts", "recording")]

# Metrics of others, with the labels that we rely on.
FOREIGN = {
    "up": set(),
    "ALERTS": {"alertname", "alertstate", "severity"},
    # kube-state-metrics
    "kube_pod_info": {"namespace", "pod", "uid", "node", "created_by_kind", "created_by_name"},
}
# What every series has that Prometheus scraped.
SCRAPED = {"job", "instance"}
# What a series of another network namespace than the exporter's own has besides.
OF_NAMESPACES = {"netns", "namespace", "pod", "pod_uid", "container"}


# What there is only where collector exhaustion is on.
COUNTED = re.compile(r'ephemera_\w*(port_exhaustion_errors_total|port_lease|port_reuse_interval|bind_conflicts|owner_opens|owner_lease|own_range)|'
                     r'collector="exhaustion"')


def need_node():
    if not shutil.which("node"):
        pytest.skip("there is no node")
    if not (HERE / "node_modules" / "ajv").is_dir():
        pytest.skip("its packages are missing: npm ci --prefix tests/dashboards")


def node(script, *arguments, text=None):
    """What a script of this folder prints, which is JSON."""
    need_node()
    done = subprocess.run(["node", str(HERE / script), *map(str, arguments)], input=text, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False, timeout=600)
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout)


def load(path):
    return json.loads(Path(path).read_text(encoding="utf-8"))


def panels(dashboard):
    """All of them, those in rows, and the rows themselves."""
    for panel in dashboard["panels"]:
        yield panel
        yield from panel.get("panels", [])


def variables(dashboard):
    return {variable["name"]: variable for variable in dashboard["templating"]["list"]}


def queries(dashboard):
    """(panel, target) of every query of every panel."""
    return [(panel, target) for panel in panels(dashboard) for target in panel.get("targets", [])]


def rules(paths=None):
    """Every rule of the files."""
    return [rule for path in (RULES if paths is None else paths)
            for group in yaml.safe_load(Path(path).read_text(encoding="utf-8"))["groups"]
            for rule in group["rules"]]


def recorded():
    """{name: expression} of the recording rules."""
    return {rule["record"]: rule["expr"] for rule in rules() if "record" in rule}


def queries_of_annotations(rule):
    """What the templates of an alert ask: printf "QUERY" ... | query, each %q a label's value."""
    for text in rule.get("annotations", {}).values():
        for query in re.findall(r'printf "((?:[^"\\]|\\.)*)"[^|}]*\| query', text):
            yield query.replace('\\"', '"').replace("%q", '"x"')


def annotations(dashboard):
    """Those that ask Prometheus."""
    return [each for each in dashboard["annotations"]["list"] if "expr" in each]


def label_values_of(variable):
    """(series, label) of a variable that asks for the values of a label."""
    query = variable["query"] if isinstance(variable["query"], str) else variable["query"]["query"]
    return re.fullmatch(r"label_values\((.+),\s*(\w+)\)", query, re.S).groups()


def runbook_anchors():
    """Of its headings, as GitHub makes them."""
    text = (REPOSITORY / "docs" / "runbook.md").read_text(encoding="utf-8")
    return {re.sub(r"[^\w -]", "", heading).strip().lower().replace(" ", "-")
            for heading in re.findall(r"^#+ (.+)$", text, flags=re.M)}


# What Grafana puts in

VARIABLE = re.compile(r"\$(\w+)|\$\{(\w+)(?:\.[^:^}]+)?(?::(\w+))?\}|\[\[(\w+)(?::\w+)?\]\]")


def used_variables(text):
    return {found[1] or found[2] or found[4] for found in VARIABLE.finditer(text)}


def fill(text, values):
    """The text with variables put in, as Grafana does for Prometheus: several as (a|b), quoted for
    a regular expression within a string. What is no variable stays: "$1" of label_replace()."""
    def put(found):
        value = values.get(found[1] or found[2] or found[4], found[0])
        if isinstance(value, str):
            return value
        quoted = [re.sub(r"([\\^$*+?.()|{}\[\]])", r"\\\\\1", each) for each in value]
        return f"({'|'.join(quoted)})" if len(quoted) != 1 else quoted[0]
    return VARIABLE.sub(put, text)


# What the docs say


def documented():
    """{series: {label: its values, or None where they are not listed}} of docs/metrics.md."""
    page = (REPOSITORY / "docs" / "metrics.md").read_text(encoding="utf-8")
    metrics = {}
    for section in re.split(r"^### ", page, flags=re.M)[1:]:
        name, body = section.split("\n", 1)
        head = re.split(r"^#+ |```", body, flags=re.M)[0]
        kind = re.match(r"\s*(Gauge|Counter|Histogram), (?:by|without labels)", head)
        assert kind, name
        labels = {label: values(said)
                  for label, said in re.findall(r"^- `(\w+)`: ((?:.|\n(?=  ))+)", head, flags=re.M)}
        if kind[1] != "Histogram":
            metrics[name.strip()] = labels
            continue
        metrics[f"{name.strip()}_bucket"] = dict(labels)
        del labels["le"]
        metrics[f"{name.strip()}_sum"] = metrics[f"{name.strip()}_count"] = labels
    return metrics


def values(said):
    """Those that the docs list, in backticks; None where they describe them."""
    listed = re.findall(r"`(\w+)`", said)
    prose = re.sub(r"`\w+`|for (tcp|udp)|and|[\s,;]", "", said)
    return set(listed) if listed and not prose else None
