# SPDX-License-Identifier: Apache-2.0
"""The Helm chart: lints, packs, refuses what is misspelt, and has no value without an effect."""

import shutil
import subprocess
import tarfile

import pytest
import yaml

import kube
from kube import DASHBOARDS, RULES, helm, one, pod_templates, schema_errors, sidecar_of
from lib.exporter import REPOSITORY


def test_helm_lints_the_charts(example_chart):
    for chart in (kube.CHART, example_chart):
        kube.call("helm", "lint", "--strict", chart)


def test_the_package_has_files_where_the_tree_has_links(tmp_path):
    kube.call("helm", "package", kube.CHART, "--destination", tmp_path)
    archive, = tmp_path.glob("*.tgz")
    with tarfile.open(archive) as packed:
        assert all(member.isreg() for member in packed.getmembers())
        for path in [*DASHBOARDS, *RULES]:
            assert packed.extractfile(f"ephemera/files/{path.name}").read() == path.read_bytes()


def test_what_the_chart_renders_is_tidy(tmp_path):
    if not shutil.which("yamllint"):
        pytest.skip("there is no yamllint")
    (tmp_path / "rendered.yaml").write_text(kube.call(
        "helm", "template", "ephemera", kube.CHART, "--set", "namespace.create=true",
        "--set", "sidecar.monitor=true", "--set", "sidecar.networkPolicy=open").stdout)
    done = subprocess.run(
        ["yamllint", "--strict", "--config-file", str(REPOSITORY / ".yamllint.yaml"),
         str(tmp_path / "rendered.yaml")], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout[:3000]


def values():
    return yaml.safe_load((kube.CHART / "values.yaml").read_text(encoding="utf-8"))


def places(value, path=()):
    """The path of every group of values; labels are the user's to name."""
    if isinstance(value, dict) and not {"labels", "monitorLabels", "nodeSelector"} & set(path):
        yield path
        for name, each in value.items():
            yield from places(each, (*path, name))


def test_a_misspelt_value_is_refused_wherever_it_is():
    assert len(list(places(values()))) >= 10
    for path in places(values()):
        name = ".".join([*path, "misspelt"])
        done = kube.call("helm", "template", "x", kube.CHART, "--set-json", f"{name}=1",
                         check=False)
        assert done.returncode != 0 and "misspelt" in done.stderr, name


@pytest.mark.parametrize("setting", (
    "daemonset.monitor=\"pods\"", "daemonset.enabled=\"no\"", "image.tag=1.0",
    "daemonset.args=[\"log.level=debug\"]", "sidecar.networkPolicy=true",
    "daemonset.tolerations=[{\"operater\":\"Exists\"}]", "monitorLabels={\"a\":1}",
    "daemonset.resources.limits.memroy=\"1Mi\"", "image.pullPolicy=\"Sometimes\"",
    "exhaustion.enabled=\"yes\"", "walk.enabled=\"yes\"", "snat.enabled=1", "walk.seccompProfile=\"Localhost\"", "daemonset.listenHost=\"10.0.0.1:80\"", "exhaustion.seccompProfile=\"Localhost\""))
def test_a_value_of_a_wrong_kind_is_refused(setting):
    done = kube.call("helm", "template", "x", kube.CHART, "--set-json", setting, check=False)
    assert done.returncode != 0 and "schema" in done.stderr


def test_every_value_does_something():
    usual, changes = helm(), []
    for setting in ('imagePullSecrets=[{"name":"s"}]', 'image.pullPolicy="Always"',
                    "daemonset.enabled=false", 'daemonset.args=["--log.level=debug"]',
                    'daemonset.resources.requests.cpu="1"', 'daemonset.nodeSelector.a="b"',
                    "daemonset.tolerations=[]", 'daemonset.monitor="none"', "sidecar.monitor=true",
                    'sidecar.networkPolicy="open"', 'monitorLabels.release="stack"',
                    "rules.enabled=false", "dashboards.enabled=false",
                    'dashboards.labels.a="b"', "namespace.create=true", "exhaustion.enabled=true", "walk.enabled=true",
                    "nodeView.enabled=true", "snat.enabled=true",
                    'daemonset.listenHost="127.0.0.1"'):
        rendered = helm(setting)
        assert rendered != usual, setting
        changes += [each for each in rendered if each not in usual]
    assert not any(schema_errors(changes))
    policy = one(helm('sidecar.networkPolicy="open"', 'sidecar.prometheusNamespace="prom"'),
                 "NetworkPolicy")
    assert kube.listens([policy], "prom", 10059)
    assert not kube.listens([policy], "monitoring", 10059)


@pytest.mark.parametrize("settings, profile", [
    (["exhaustion.enabled=true", 'exhaustion.seccompProfile="Unconfined"'], "Unconfined"),
    (["walk.enabled=true", 'walk.seccompProfile="Unconfined"'], "Unconfined"),
    (["walk.enabled=true", "exhaustion.enabled=true", 'walk.seccompProfile="Unconfined"'], "Unconfined"),
    (["walk.enabled=true", "exhaustion.enabled=true"], "RuntimeDefault"),
    (["nodeView.enabled=true", 'nodeView.seccompProfile="Unconfined"'], "Unconfined"),
    (["nodeView.enabled=true"], "RuntimeDefault"),
    (["snat.enabled=true", 'snat.seccompProfile="Unconfined"'], "Unconfined"),
    (["snat.enabled=true"], "RuntimeDefault"),
    # Of what is not enabled, nothing counts.
    (["walk.enabled=true", 'exhaustion.seccompProfile="Unconfined"'], "RuntimeDefault"),
    (['walk.seccompProfile="Unconfined"'], "RuntimeDefault")])
def test_one_unconfined_is_enough(settings, profile):
    container, = one(helm(*settings), "DaemonSet")["spec"]["template"]["spec"]["containers"]
    assert container["securityContext"]["seccompProfile"] == {"type": profile}


@pytest.mark.parametrize("host", ["$(NODE_IP)", "[$(NODE_IP)]"])
def test_it_listens_where_the_admin_says(host):
    usual, = one(helm(), "DaemonSet")["spec"]["template"]["spec"]["containers"]
    assert not [flag for flag in usual["args"] if "listen" in flag] and "env" not in usual
    container, = one(helm(f'daemonset.listenHost="{host}"'),
                     "DaemonSet")["spec"]["template"]["spec"]["containers"]
    assert f"--web.listen-address={host}:10059" in container["args"]
    # Kubernetes replaces only variables of the container.
    assert container["env"] == [{"name": "NODE_IP", "valueFrom": {
        "fieldRef": {"fieldPath": "status.hostIP"}}}]


def test_the_sidecar_takes_its_values_from_the_parent_chart(example_chart):
    rendered = helm('ephemera.sidecar.args=["--log.level=debug"]',
                    'ephemera.sidecar.resources.limits.memory="1Gi"', 'ephemera.image.tag="9"',
                    chart=example_chart, namespace="elsewhere")
    (_, template), = pod_templates(rendered)
    sidecar = sidecar_of(template)
    assert sidecar["args"] == ["--log.level=debug"]
    assert sidecar["resources"]["limits"] == {"memory": "1Gi"}
    assert sidecar["image"] == f"{kube.IMAGE}:9"
    assert {each["metadata"]["namespace"] for each in rendered} == {"elsewhere"}
