# SPDX-License-Identifier: Apache-2.0
"""deploy/prometheus/: promtool takes each file, and Prometheus scrapes by those that one machine can serve."""

import json
import re
import shutil
import subprocess

import pytest
import yaml

from lib.certificates import Authority
from lib.exporter import REPOSITORY, Exporter, free_port
from lib.prometheus import Prometheus
from lib.secure import HASHES, PASSWORDS, Secure, server
from lib.sockets import wait_until
from lib.tools import debian_binary

FOLDER = REPOSITORY / "deploy" / "prometheus"
FILES = sorted(path.name for path in FOLDER.glob("*.yml"))
# What Debian's Prometheus is built without: its parser does not know the field.
KUBERNETES = "kubernetes_sd_configs"


def promtool(*words):
    done = subprocess.run([debian_binary("prometheus", "usr/bin/promtool"), *map(str, words)], check=False,
                          text=True, timeout=60, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    return done.returncode, done.stdout


def content(name):
    return yaml.safe_load((FOLDER / name).read_text(encoding="utf-8"))


class Place:
    """A copy of deploy/prometheus with all that its files name: rules, certificates, a password."""

    def __init__(self, directory):
        self.folder = directory / "deploy" / "prometheus"
        shutil.copytree(FOLDER, self.folder)
        shutil.copytree(REPOSITORY / "dashboards/rules", directory / "dashboards/rules")
        shutil.copytree(REPOSITORY / "dashboards/rules", self.folder / "rules")
        self.tls = self.folder / "tls"
        self.tls.mkdir()
        self.authority = Authority(self.tls, "ca")
        self.server = self.authority.issue("server", usage="serverAuth")
        self.client = self.authority.issue("prometheus", sans="DNS:prometheus.example", usage="clientAuth")
        (self.tls / "password").write_text(PASSWORDS["alice"])

    def without_kubernetes(self, targets):
        """kubernetes.yml with targets, and what is known of them, in place of an API server to ask."""
        changed = content("kubernetes.yml")
        for job in changed["scrape_configs"]:
            file = self.folder / f"{job['job_name']}.json"
            file.write_text(json.dumps(targets[job["job_name"]]))
            del job[KUBERNETES]
            job["file_sd_configs"] = [{"files": [str(file)]}]
        path = self.folder / "without-kubernetes.yml"
        path.write_text(yaml.safe_dump(changed))
        return path


@pytest.fixture(scope="module")
def place(module_folder):
    return Place(module_folder)


NODE = {"__meta_kubernetes_node_name": "node-1", "__meta_kubernetes_node_label_kubernetes_io_os": "linux"}
POD = {"__meta_kubernetes_namespace": "shop", "__meta_kubernetes_pod_name": "web-0",
       "__meta_kubernetes_pod_phase": "Running", "__meta_kubernetes_pod_container_name": "ephemera",
       "__meta_kubernetes_pod_container_port_name": "ephemera"}
TARGETS = {
    "ephemera-nodes": [
        {"targets": ["10.0.0.1:10250"], "labels": NODE},
        {"targets": ["10.0.0.2:10250"],
         "labels": {**NODE, "__meta_kubernetes_node_label_kubernetes_io_os": "windows"}}],
    "ephemera-sidecars": [
        {"targets": ["10.1.0.1:10059"], "labels": POD},
        {"targets": ["10.1.0.1:8080"], "labels": {
            **POD, "__meta_kubernetes_pod_container_name": "web", "__meta_kubernetes_pod_container_port_name": "http"}},
        {"targets": ["10.1.0.2:10059"], "labels": {**POD, "__meta_kubernetes_pod_phase": "Succeeded"}}],
}


def check(place, name):
    """What promtool says of a file, as deployed."""
    path = place.without_kubernetes(TARGETS) if name == "kubernetes.yml" else place.folder / name
    return promtool("check", "config", *(["--agent"] if name == "agent.yml" else []), path)


@pytest.mark.parametrize("name", FILES)
def test_promtool_takes_it(place, name):
    status, said = check(place, name)
    assert status == 0 and "FAILED" not in said, said
    has_rules = name not in ("global.yml", "agent.yml")
    assert ("2 rule files found" in said) == has_rules, said


@pytest.mark.parametrize("name, right, wrong", [
    ("file_sd.yml", "file_sd_configs", "file_configs"),
    ("file_sd.yml", "refresh_interval: 1m", "refresh_interval: soon"),
    ("tls.yml", "key_file: tls/prometheus.key", "key_file: tls/none.key"),
    ("tls.yml", "min_version: TLS12", "min_version: TLS9"),
    ("shard.yml", "action: hashmod", "action: hash"),
    ("global.yml", "honor_labels", "honour_labels"),
    ("agent.yml", "remote_write", "rule_files: [rules/*.yaml]\nremote_write")])
def test_promtool_would_refuse_a_mistake(place, name, right, wrong):
    text = (FOLDER / name).read_text(encoding="utf-8")
    assert right in text
    path = place.folder / f"wrong-{name}"
    path.write_text(text.replace(right, wrong))
    status, said = promtool("check", "config", *(["--agent"] if name == "agent.yml" else []), path)
    assert status != 0, said


def test_every_job_is_one_that_the_alert_on_exporters_that_are_gone_watches():
    alerts = (REPOSITORY / "dashboards/rules/alerts.yaml").read_text(encoding="utf-8")
    [pattern] = set(re.findall(r'up\{job=~"([^"]+)"\}', alerts))
    jobs = [job["job_name"] for name in FILES for job in content(name)["scrape_configs"]]
    assert [job for job in jobs if not re.fullmatch(pattern, job)] == ["prometheus-shards"]


def targets_of(path, job):
    """[(address, labels)] that promtool finds for a job, as they are scraped."""
    done = subprocess.run([debian_binary("prometheus", "usr/bin/promtool"), "check", "service-discovery",
                           # All of which it waits for what may still come.
                           "--timeout=2s", path, job], check=False, text=True, timeout=60, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE)
    assert done.returncode == 0, done.stderr
    return [(found["labels"]["__address__"], {name: value for name, value in found["labels"].items()
                                              if not name.startswith("__")})
            for found in json.loads(done.stdout) if found.get("labels")]


# What promtool says of a target is what relabelling makes of it: these need no network.


def test_hosts_of_a_file_are_called_by_their_names(place):
    (place.folder / "targets" / "ephemera.yaml").write_text(
        '- targets: ["127.0.0.1:10059"]\n  labels: {name: this-host, environment: example}\n'
        '- targets: ["db-1.example:10059", "[::1]:10059"]\n')
    found = targets_of(place.folder / "file_sd.yml", "ephemera")
    assert sorted((address, labels["instance"]) for address, labels in found) == [
        ("127.0.0.1:10059", "this-host"), ("[::1]:10059", "[::1]"), ("db-1.example:10059", "db-1.example")]
    assert {name for _, labels in found for name in labels} == {"job", "instance", "environment"}


def test_nodes_are_scraped_at_the_exporters_port_and_windows_is_left_out(place):
    path = place.without_kubernetes(TARGETS)
    assert targets_of(path, "ephemera-nodes") == [
        ("10.0.0.1:10059", {"instance": "node-1", "job": "ephemera-nodes"})]


def test_of_pods_only_the_sidecar_that_runs_is_scraped(place):
    path = place.without_kubernetes(TARGETS)
    assert targets_of(path, "ephemera-sidecars") == [
        ("10.1.0.1:10059", {"instance": "shop/web-0", "namespace": "shop", "pod": "web-0", "job": "ephemera-sidecars"})]


def test_what_asks_kubernetes_has_no_field_that_prometheus_does_not_know():
    """The part that Debian's promtool cannot read."""
    jobs = content("kubernetes.yml")["scrape_configs"]
    assert [job[KUBERNETES] for job in jobs] == [
        [{"role": "node"}],
        [{"role": "pod", "selectors": [{"role": "pod", "label": "ephemera=sidecar"}]}]]


@pytest.mark.parametrize("hosts", [40])
def test_four_shards_have_each_host_once(place, hosts):
    (place.folder / "targets" / "ephemera.yaml").write_text(json.dumps(
        [{"targets": [f"host-{number}.example:10059" for number in range(hosts)]}]))
    text = (FOLDER / "shard.yml").read_text(encoding="utf-8")
    modulus = content("shard.yml")["scrape_configs"][0]["relabel_configs"][0]["modulus"]
    found = []
    for shard in range(modulus):
        path = place.folder / f"shard-{shard}.yml"
        # The two numbers that its comment names.
        path.write_text(text.replace('shard: "0"', f'shard: "{shard}"').replace('regex: "0"', f'regex: "{shard}"'))
        of_shard = [labels["instance"] for _, labels in targets_of(path, "ephemera")]
        assert 0 < len(of_shard) < hosts
        found += of_shard
    assert sorted(found) == sorted(f"host-{number}.example" for number in range(hosts))
    assert len(content("global.yml")["scrape_configs"][0]["static_configs"][0]["targets"]) == modulus


def test_the_agent_sends_all_that_somebody_judges():
    """What it drops, no alert, no recording rule and no query of the fleet's dashboard asks for."""
    [rule] = content("agent.yml")["remote_write"][0]["write_relabel_configs"]
    assert rule["action"] == "drop" and rule["source_labels"] == ["__name__"]
    asked = "".join((REPOSITORY / "dashboards" / path).read_text(encoding="utf-8") for path in (
        "rules/alerts.yaml", "rules/recording.yaml", "ephemeral-ports-fleet.json"))
    names = set(re.findall(r"(?<!instance:)(?<!destination:)\b(?:ephemera|process)_[a-z_]+\b", asked))
    assert len(names) > 20
    assert [name for name in sorted(names) if re.fullmatch(rule["regex"], name)] == []


def test_the_global_server_asks_for_every_recording_rule_and_every_alert():
    matches = content("global.yml")["scrape_configs"][0]["params"]["match[]"]
    patterns = {name: re.search(rf'{name}=~"([^"]+)"', "".join(matches))[1] for name in ("__name__", "alertname")}
    rules = [rule for name in ("alerts", "recording") for group in yaml.safe_load(
        (REPOSITORY / f"dashboards/rules/{name}.yaml").read_text(encoding="utf-8"))["groups"] for rule in group["rules"]]
    for rule in rules:
        kind = "alertname" if "alert" in rule else "__name__"
        assert re.fullmatch(patterns[kind], rule.get("alert") or rule["record"]), rule
    assert len(rules) > 20


# With a real exporter


def faster(text, port, *changes):
    """A configuration as shipped, but for the interval and the exporter's port, which is another one in a test."""
    for right, other in (("scrape_interval: 30s", "scrape_interval: 1s"), ("127.0.0.1:10059", f"127.0.0.1:{port}"),
                         *changes):
        assert right in text, right
        text = text.replace(right, other)
    return text


def test_a_host_that_the_file_names_is_scraped_and_one_that_it_names_no_more_is_not(place, folder):
    targets = folder / "targets"
    targets.mkdir()
    binary = debian_binary("prometheus", "usr/bin/prometheus")
    with Exporter() as exporter:
        listed = faster((FOLDER / "targets/ephemera.yaml").read_text() + "# scrape_interval: 30s", exporter.port)
        (targets / "ephemera.yaml").write_text(listed)
        text = (FOLDER / "file_sd.yml").read_text(encoding="utf-8").replace("scrape_interval: 30s", "scrape_interval: 1s") \
            .replace("../../dashboards", str(REPOSITORY / "dashboards"))
        with Prometheus(binary, None, folder, text=text) as prometheus:
            wait_until(lambda: prometheus.value('up{job="ephemera",instance="this-host"}') == 1, "a scrape", 30)
            assert prometheus.value("ephemera_range_ports") > 0
            (targets / "new").write_text("[]")
            (targets / "new").rename(targets / "ephemera.yaml")
            wait_until(lambda: prometheus.api("targets")["activeTargets"] == [], "the target to go", 30)


@pytest.mark.parametrize("missing", [None, "cert_file", "password"])
def test_prometheus_scrapes_over_tls(place, folder, missing):
    """As shipped; without its certificate, or with a wrong password, it does not get in."""
    web = server(place.server, "client_auth_type: RequireAndVerifyClientCert",
                 f"client_ca_file: {place.authority.certificate}") \
        + f"basic_auth_users:\n  prometheus: {HASHES['alice']}\n"
    shutil.copytree(place.tls, folder / "tls")
    with Secure(web, folder) as exporter:
        text = faster((FOLDER / "tls.yml").read_text(encoding="utf-8"), exporter.port,
                      ("../../dashboards", str(REPOSITORY / "dashboards")))
        if missing == "cert_file":
            text = re.sub(r"(?m)^ +(cert|key)_file: .*\n", "", text)
        if missing == "password":
            (folder / "tls" / "password").write_text("wrong")
        with Prometheus(debian_binary("prometheus", "usr/bin/prometheus"), None, folder, text=text) as prometheus:
            if missing:
                wait_until(lambda: (prometheus.value("count_over_time(up[1m])") or 0) >= 2, "two scrapes", 30)
                assert prometheus.value("up") == 0
            else:
                wait_until(lambda: prometheus.value("up") == 1, "a scrape", 30)
                assert prometheus.value("ephemera_range_ports") > 0


def test_an_agent_sends_to_a_store_and_the_store_judges(folder):
    """agent.yml as shipped, to a Prometheus that takes remote writes."""
    binary = debian_binary("prometheus", "usr/bin/prometheus")
    (folder / "targets").mkdir()
    store_folder = folder / "store"
    store_folder.mkdir()
    with Exporter() as exporter:
        (folder / "targets" / "ephemera.yaml").write_text(
            f'- targets: ["127.0.0.1:{exporter.port}"]\n  labels: {{name: this-host}}\n')
        store = Prometheus(binary, None, store_folder, text=f"rule_files: [{REPOSITORY}/dashboards/rules/recording.yaml]\n"
                           "global: {evaluation_interval: 1s}\n")
        store.command.append("--web.enable-remote-write-receiver")
        with store:
            text = (FOLDER / "agent.yml").read_text(encoding="utf-8").replace(
                "scrape_interval: 30s", "scrape_interval: 1s").replace("127.0.0.1:9090", f"127.0.0.1:{store.port}")
            config = folder / "agent.yml"
            config.write_text(text)
            with open(folder / "agent.log", "w") as log:
                agent = subprocess.Popen(
                    [binary, "--enable-feature=agent", f"--config.file={config}",
                     f"--storage.agent.path={folder / 'agent'}", f"--web.listen-address=127.0.0.1:{free_port()}"],
                    stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT)
            try:
                wait_until(lambda: store.query("instance:ephemera_destination_usage:max"), "a rule of the store", 60)
                [(labels, _)] = store.query("ephemera_range_ports")
                assert labels == {"replica": "a"}
                assert not store.query("ephemera_sockets") and not store.query("process_open_fds")
                assert agent.poll() is None
            finally:
                agent.terminate()
                agent.wait(timeout=20)
