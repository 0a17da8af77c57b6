# SPDX-License-Identifier: Apache-2.0
"""Grafana's provisioning files and Prometheus' configuration, as shipped below deploy/."""

import json
import os
import re
import subprocess

import jsonschema
import pytest
import yaml

import boards
from lib.exporter import REPOSITORY, run
from lib.tools import debian_binary

GRAFANA = REPOSITORY / "deploy" / "grafana"
PROVISIONING = GRAFANA / "provisioning"
PROMETHEUS = REPOSITORY / "deploy" / "prometheus" / "prometheus.yml"


def strict(required, **properties):
    return {"type": "object", "additionalProperties": False, "required": required.split(),
            "properties": {name: {"type": kind} if isinstance(kind, str) else kind
                           for name, kind in properties.items()}}


def only(field, items):
    return strict(f"apiVersion {field}", apiVersion={"const": 1}, **{
        field: {"type": "array", "minItems": 1, "maxItems": 1, "items": items}})


# Grafana reads these files with a YAML parser that passes over every name it does not know. These
# are those that it knows (pkg/services/provisioning, and its manual on provisioning).
PROVIDERS = only("providers", strict(
    "name type options", name="string", type={"const": "file"}, orgId="integer", folder="string",
    folderUid={"type": "string", "pattern": "^[a-zA-Z0-9_-]{1,40}$"}, disableDeletion="boolean",
    editable="boolean", allowUiUpdates="boolean", updateIntervalSeconds={"type": "integer", "minimum": 10},
    options=strict("path", path={"type": "string", "pattern": "^/"}, foldersFromFilesStructure="boolean")))
DATASOURCES = only("datasources", strict(
    "name type access url", name="string", type={"const": "prometheus"}, access={"const": "proxy"},
    orgId="integer", uid={"type": "string", "pattern": "^[a-zA-Z0-9_-]{1,40}$"}, url="string",
    isDefault={"const": False}, editable="boolean",
    jsonData=strict("", httpMethod={"enum": ["POST", "GET"]}, timeInterval="string",
                    manageAlerts="boolean", prometheusType="string", prometheusVersion="string")))


def read(path):
    return yaml.safe_load(path.read_text(encoding="utf-8"))


@pytest.mark.parametrize("kind, schema", [("dashboards", PROVIDERS), ("datasources", DATASOURCES)])
def test_grafana_knows_every_field(kind, schema):
    assert [path.name for path in (PROVISIONING / kind).iterdir()] == ["ephemera.yaml"]
    content = read(PROVISIONING / kind / "ephemera.yaml")
    jsonschema.validate(content, schema)
    # A variable of the environment would be put in where a "$" stands.
    assert "$" not in json.dumps(content)


def install(*arguments):
    done = subprocess.run([GRAFANA / "install", *arguments], check=False, text=True, timeout=60,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert done.returncode == 0, done.stdout
    return done.stdout


def test_the_dashboards_are_where_grafana_is_told_to_look(tmp_path):
    stale = tmp_path / "usr/share/ephemera/dashboards/gone.json"
    stale.parent.mkdir(parents=True)
    stale.write_text("{}")
    install(tmp_path)
    [provider] = read(tmp_path / "etc/grafana/provisioning/dashboards/ephemera.yaml")["providers"]
    path = tmp_path / provider["options"]["path"].lstrip("/")
    # Grafana takes every *.json below, at any depth.
    found = {found.name: found.read_bytes() for found in path.rglob("*.json")}
    assert found == {path.name: path.read_bytes() for path in boards.DASHBOARDS} and found
    assert not (tmp_path / "etc/grafana/provisioning/datasources").exists()
    assert all(os.stat(path / name).st_mode & 0o777 == 0o644 for name in found)


def test_the_data_source_is_installed_where_it_is_asked_for(tmp_path):
    install("--with-datasource", tmp_path)
    assert (tmp_path / "etc/grafana/provisioning/datasources/ephemera.yaml").exists()


def test_the_folder_can_be_mounted_as_it_is():
    """In a container: nothing below dashboards/ looks like a dashboard to Grafana and is none."""
    assert sorted(boards.FOLDER.rglob("*.json")) == boards.DASHBOARDS


def test_grafana_would_warn_of_nothing():
    """Of one provider, each uid and each title may stand only once."""
    for field in ("uid", "title"):
        found = [boards.load(path)[field] for path in boards.DASHBOARDS]
        assert len(set(found)) == len(found)


# Prometheus


def test_prometheus_takes_its_configuration():
    promtool = debian_binary("prometheus", "usr/bin/promtool")
    done = subprocess.run([promtool, "check", "config", PROMETHEUS], check=False, text=True, timeout=60,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert done.returncode == 0, done.stdout
    assert f"{len(boards.RULES)} rule files found" in done.stdout, done.stdout


def test_prometheus_has_every_rule():
    found = [PROMETHEUS.parent / name for name in read(PROMETHEUS)["rule_files"]]
    assert {os.path.realpath(path) for path in found} == set(map(str, boards.RULES)) and found


def test_prometheus_scrapes_where_the_exporter_listens():
    [job] = read(PROMETHEUS)["scrape_configs"]
    [static] = job["static_configs"]
    [port] = {target.rpartition(":")[2] for target in static["targets"]}
    assert re.search(rf"--web\.listen-address.*?:{port}\b", run("--help").stdout, re.S)


def test_the_alert_on_exporters_that_are_gone_watches_the_job():
    [job] = read(PROMETHEUS)["scrape_configs"]
    [alert] = [rule for rule in boards.rules() if rule.get("alert") == "EphemeraExporterGone"]
    [pattern] = set(re.findall(r'up\{job=~"([^"]+)"\}', alert["expr"]))
    assert re.fullmatch(pattern, job["job_name"])


def test_grafana_knows_how_often_prometheus_scrapes():
    [source] = read(PROVISIONING / "datasources" / "ephemera.yaml")["datasources"]
    assert source["jsonData"]["timeInterval"] == read(PROMETHEUS)["global"]["scrape_interval"]
