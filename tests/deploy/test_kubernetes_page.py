# SPDX-License-Identifier: Apache-2.0
"""docs/kubernetes.md: what it tells to type works, and its snippets are those that are tested."""

import re
import shlex
import shutil

import pytest
import yaml

import kube
import pod_security
from lib.exporter import REPOSITORY

PAGE = (REPOSITORY / "docs" / "kubernetes.md").read_text(encoding="utf-8")
COMMANDS = re.findall(r"^    ((?:kubectl|helm|curl) .*)$", PAGE, flags=re.M)
SNIPPETS = re.findall(r"^```yaml\n(.*?)^```", PAGE, flags=re.M | re.S)

DEPLOYMENT = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: shop}
spec:
  selector: {matchLabels: {a: b}}
  template:
    metadata: {labels: {a: b}}
    spec:
      containers: [{name: shop, image: x}]
"""


def snippets(name):
    return [text for text in SNIPPETS if text.startswith(f"# {name}\n")]


def test_what_is_applied_is_there():
    folders = [words[words.index("-k") + 1] for words in map(shlex.split, COMMANDS)
               if "-k" in words]
    assert len(folders) >= 5
    for folder in folders:
        assert kube.kustomize(str(REPOSITORY / folder))
    named = re.findall(r"`((?:deploy|tests|docs)/[\w./-]+)`", PAGE)
    assert named and all((REPOSITORY / path).exists() for path in named)


@pytest.mark.parametrize("command", [each for each in COMMANDS if each.startswith("helm install")])
def test_helm_would_install_it(command):
    name, chart, *flags = shlex.split(command)[2:]
    made = kube.objects_of(kube.call("helm", "template", name, REPOSITORY / chart, *flags).stdout)
    assert not [error for errors in kube.schema_errors(made) for error in errors]
    labelled = "monitorLabels" in command
    assert labelled == any("release" in each["metadata"]["labels"] for each in made)
    assert ("none" in command) != any("monitoring" in each["apiVersion"] for each in made)


def test_every_set_value_is_known():
    values = re.findall(r"--set(?:-json)? '?([\w.]+=(?:'|[^\s'`]+))", PAGE)
    values += re.findall(r"`((?:\w+\.)+\w+=\w+)`", PAGE)
    assert len(values) >= 7
    for value in values:
        kube.call("helm", "template", "x", kube.CHART,
                  "--set-json" if "{" in value else "--set", value)


@pytest.mark.parametrize("text", snippets("kustomization.yaml"))
def test_kustomizations_build(text, tmp_path):
    (tmp_path / "ephemera").symlink_to(REPOSITORY)
    (tmp_path / "deployment.yaml").write_text(DEPLOYMENT)
    (tmp_path / "kustomization.yaml").write_text(text)
    made = kube.objects_of(kube.call("kubectl", "kustomize", tmp_path).stdout)
    images = {container["image"] for _, template in kube.pod_templates(made)
              for container in pod_security.containers(template["spec"])
              if container["name"] == "ephemera"}
    other = "registry.example/ephemera:0.1.0" if "images:" in text else f"{kube.IMAGE}:0.1.0"
    assert images == {other}
    if "labels:" in text:
        assert all(each["metadata"]["labels"]["release"] for each in made)


def test_the_image_that_is_pushed_is_the_one_that_runs(tmp_path):
    """By kubectl, after the one edit that the page tells; and by its helm install."""
    pushed, = set(re.findall(r"^    podman (?:build -t|push) (\S+)", PAGE, flags=re.M))
    name, place = re.search(r"put `(\S+)` after `newName:` in `(\S+)`", PAGE).groups()
    for folder in ("deploy/kubernetes/kustomize", "dashboards"):
        shutil.copytree(REPOSITORY / folder, tmp_path / folder)
    edited = tmp_path / place
    edited.write_text(re.sub(r"^(    newName:) .*", rf"\1 {name}", edited.read_text(encoding="utf-8"),
                             flags=re.M), encoding="utf-8")
    command, = [each for each in COMMANDS if "image.repository" in each]
    _, chart, *flags = shlex.split(command)[2:]
    for made in (kube.kustomize(str(tmp_path / "deploy/kubernetes/kustomize/examples/cluster")),
                 kube.objects_of(kube.call("helm", "template", "x", REPOSITORY / chart, *flags).stdout)):
        assert {container["image"] for _, template in kube.pod_templates(made)
                for container in pod_security.containers(template["spec"])} == {pushed}


def test_snippets_of_the_chart_are_those_of_the_example():
    example = kube.CHART.parent / "example"
    said, = snippets("Chart.yaml")
    chart = yaml.safe_load((example / "Chart.yaml").read_text(encoding="utf-8"))
    assert yaml.safe_load(said)["dependencies"] == chart["dependencies"]
    said, = snippets("values.yaml")
    values = yaml.safe_load((example / "values.yaml").read_text(encoding="utf-8"))
    assert yaml.safe_load(said)["ephemera"] == values["ephemera"]
    said, = [text for text in SNIPPETS if "{{" in text]
    template = (example / "templates/deployment.yaml").read_text(encoding="utf-8")
    assert all(line in template.splitlines() for line in said.splitlines())


def test_plain_prometheus_finds_what_the_monitors_find():
    text = (REPOSITORY / "deploy/prometheus/kubernetes.yml").read_text(encoding="utf-8")
    nodes, sidecars = yaml.safe_load(text)["scrape_configs"]
    (_, template), = kube.pod_templates(kube.kustomize("cluster"))
    port, = kube.sidecar_of(template)["ports"]
    assert f"$1:{port['hostPort']}" in [rule.get("replacement") for rule in nodes["relabel_configs"]]
    (_, template), = kube.pod_templates(kube.kustomize("sidecar"))
    selector, = sidecars["kubernetes_sd_configs"][0]["selectors"]
    assert selector["label"] == "ephemera=" + template["metadata"]["labels"]["ephemera"]
    container = kube.sidecar_of(template)
    assert f"{container['name']};{container['ports'][0]['name']}" in [
        rule.get("regex") for rule in sidecars["relabel_configs"]]
    monitor = kube.one(kube.kustomize("sidecar"), "PodMonitor")
    relabeling, = monitor["spec"]["podMetricsEndpoints"][0]["relabelings"]
    instance, = [rule for rule in sidecars["relabel_configs"]
                 if rule.get("target_label") == "instance"]
    assert instance == {"source_labels": relabeling["sourceLabels"], "target_label": "instance",
                        "separator": relabeling["separator"]}
