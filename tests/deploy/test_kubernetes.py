# SPDX-License-Identifier: Apache-2.0
"""deploy/kubernetes: what kustomize and Helm render is valid, equal, and says each thing once."""

import functools
import itertools
import json
import os
import re

import pytest
import yaml

import kube
import pod_security
from kube import (DASHBOARDS, EXAMPLES, INHIBITIONS, RULES, by_key, changed, helm, kustomize, one,
                  pod_templates, schema_errors)
from lib.exporter import REPOSITORY

# What kubectl apply writes into an annotation; all annotations together may be so long.
ANNOTATIONS_MAX = 256 * 1024
CONFIG_MAP_MAX = 1024 * 1024


@pytest.fixture(scope="module")
def helms(example_chart):
    """{example: the same objects as Helm renders them}"""
    of_example = functools.partial(helm, "namespace.create=true", chart=example_chart,
                                   namespace="ephemera-example")
    return {
        "cluster": helm("namespace.create=true"),
        "cluster-servicemonitor": helm("namespace.create=true", 'daemonset.monitor="service"'),
        "cluster-exhaustion": helm("namespace.create=true", "exhaustion.enabled=true"),
        "cluster-walk": helm("namespace.create=true", "walk.enabled=true"),
        "cluster-node-view": helm("namespace.create=true", "nodeView.enabled=true"),
        "cluster-snat": helm("namespace.create=true", "snat.enabled=true"),
        "sidecar": of_example(),
        "sidecar-plain": of_example('form="plain"'),
    }


# Both renderings


@pytest.mark.parametrize("example", EXAMPLES)
def test_kustomize_and_helm_render_the_same_objects(helms, example):
    ours, theirs = kustomize(example), map(kube.without_labels_of_helm, helms[example])
    ours, theirs = by_key(ours), by_key(theirs)
    assert ours.keys() == theirs.keys()
    for name, each in ours.items():
        assert each == theirs[name]


def test_the_renderings_would_differ_by_one_flag():
    theirs = by_key(map(kube.without_labels_of_helm,
                        helm("namespace.create=true", 'daemonset.args=["--log.level=debug"]')))
    ours = by_key(kustomize("cluster"))
    assert [name for name, each in ours.items() if each != theirs[name]] == [
        ("DaemonSet", "ephemera", "ephemera")]


def test_every_object_is_valid_in_its_schema_and_types(helms):
    objects = [each for example in EXAMPLES for each in kustomize(example) + helms[example]]
    assert len(objects) >= 40
    wrong = {kube.key(each): errors
             for each, errors in zip(objects, schema_errors(objects), strict=True) if errors}
    assert not wrong


def test_policy_for_isolated_pods_is_the_same_and_valid():
    folder = str(kube.KUSTOMIZE / "sidecar-networkpolicy-isolated")
    ours = kustomize(folder)
    theirs = helm('sidecar.networkPolicy="isolated"', "daemonset.enabled=false",
                  "rules.enabled=false", "dashboards.enabled=false")
    for each in ours:
        each["metadata"]["namespace"] = "ephemera"
    assert by_key(ours) == by_key(map(kube.without_labels_of_helm, theirs))
    assert schema_errors(ours) == [[]]


POD = "spec/template/spec"
WRONG = {
    "a misspelt field of a container": (
        "DaemonSet", f"{POD}/containers/0/livnessProbe", {"httpGet": {"port": 1}}),
    "a misspelt field of a pod": ("DaemonSet", f"{POD}/hostnetwork", True),
    "a field in the wrong place": ("DaemonSet", "spec/tolerations", []),
    "a string for a boolean": ("DaemonSet", f"{POD}/hostNetwork", "true"),
    "a string for a number": (
        "DaemonSet", f"{POD}/containers/0/securityContext/runAsUser", "65532"),
    "a number for a label": ("DaemonSet", "metadata/labels/x", 1),
    "no selector": ("DaemonSet", "spec", {"template": {}}),
    "a misspelt field of a capability": (
        "DaemonSet", f"{POD}/containers/0/securityContext/capabilities/dropped", ["ALL"]),
    "a misspelt field of a PodMonitor": ("PodMonitor", "spec/podMetricsEndpoint", []),
    "a misspelt relabeling": (
        "PodMonitor", "spec/podMetricsEndpoints/0/relabelings/0/sourceLabel", ["x"]),
    "a wrong type in a PodMonitor": ("PodMonitor", "spec/podMetricsEndpoints/0/port", 10059),
    "a misspelt field of a rule": ("PrometheusRule", "spec/groups/0/rules/0/four", "5m"),
    "rules that are no list": ("PrometheusRule", "spec/groups/0/rules", {}),
    "a misspelt field of an inhibition": ("AlertmanagerConfig", "spec/inhibitRules/0/sourceMatcher", []),
    "a matcher of another kind": ("AlertmanagerConfig", "spec/inhibitRules/0/sourceMatch/0/matchType", "~"),
    "a misspelt field of a ConfigMap": ("ConfigMap", "datas", {}),
    "a dashboard that is no text": ("ConfigMap", "data/x", {}),
    "a misspelt field of a ServiceAccount": (
        "ServiceAccount", "automountServiceAccountTokens", False),
    "a misspelt field of a Namespace": ("Namespace", "metadata/label", {}),
    "a misspelt field of a Service": ("Service", "spec/ports/0/targetport", 1),
    "a misspelt field of a ServiceMonitor": ("ServiceMonitor", "spec/endpoint", []),
    "a misspelt field of a NetworkPolicy": ("NetworkPolicy", "spec/ingres", []),
    "a misspelt field of a sidecar": ("Deployment", f"{POD}/initContainers/0/restartpolicy", "x"),
}


def test_schema_and_types_find_what_is_wrong():
    objects = [each for example in ("cluster", "cluster-servicemonitor", "sidecar")
               for each in kustomize(example)]
    broken = [changed(next(each for each in objects if each["kind"] == kind), path, value)
              for kind, path, value in WRONG.values()]
    found = dict(zip(WRONG, schema_errors(broken), strict=True))
    assert not [name for name, errors in found.items() if not errors]
    said = " ".join(error for errors in found.values() for error in errors)
    assert "schema: " in said and "types: " in said


def test_a_kind_that_there_is_not_is_found():
    with pytest.raises(AssertionError, match="Deploymend"):
        assert schema_errors([{"apiVersion": "apps/v1", "kind": "Deploymend"}]) == [[]]


# What the component does to somebody else's object

OTHERS = """
apiVersion: apps/v1
kind: {kind}
metadata: {{name: other}}
spec:
  selector: {{matchLabels: {{a: b}}}}
  template:
    metadata: {{labels: {{a: b}}}}
    spec:
      initContainers: [{{name: first, image: x}}]
      containers: [{{name: main, image: x}}, {{name: second, image: x}}]
"""


@pytest.fixture
def added(tmp_path):
    def add(component, kind, *, more=""):
        (tmp_path / "other.yaml").write_text(OTHERS.format(kind=kind))
        place = os.path.relpath(kube.KUSTOMIZE / component, tmp_path.resolve())
        (tmp_path / "kustomization.yaml").write_text(
            f"resources: [other.yaml]\ncomponents: [{place}]\n{more}")
        made, = kube.objects_of(kube.call("kubectl", "kustomize", tmp_path).stdout)
        return made
    return add


@pytest.mark.parametrize("component, kind", [
    *itertools.product(("sidecar", "sidecar-plain"), ("Deployment", "StatefulSet", "DaemonSet")),
    ("sidecar", "Job")])
def test_the_component_adds_a_container_and_a_label_and_changes_nothing_else(
        added, component, kind):
    made = added(component, kind)
    spec = made["spec"]["template"]["spec"]
    names = {part: [each["name"] for each in spec[part]]
             for part in ("initContainers", "containers")}
    # The native one starts first, so that it sees what the others do; the plain one is the last,
    # since kubectl logs and exec take the first.
    assert names == {
        "sidecar": {"initContainers": ["ephemera", "first"], "containers": ["main", "second"]},
        "sidecar-plain": {"initContainers": ["first"],
                          "containers": ["main", "second", "ephemera"]}}[component]
    assert spec[{"sidecar": "initContainers"}.get(component, "containers")][
        0 if component == "sidecar" else -1].get("restartPolicy") == (
            "Always" if component == "sidecar" else None)
    for part in names:
        spec[part] = [each for each in spec[part] if each["name"] != "ephemera"]
    assert made["spec"]["template"]["metadata"]["labels"].pop("ephemera") == "sidecar"
    assert made == yaml.safe_load(OTHERS.format(kind=kind))


def test_the_plain_form_leaves_jobs_alone(added):
    # A container that never ends would keep it from ending.
    assert added("sidecar-plain", "Job") == yaml.safe_load(OTHERS.format(kind="Job"))


def test_both_forms_are_the_same_container():
    native, plain = (kube.sidecar_of(pod_templates(kustomize(example))[0][1])
                     for example in ("sidecar", "sidecar-plain"))
    assert native == {**plain, "restartPolicy": "Always"}


def test_with_both_components_of_bpf_each_right_is_given_once(tmp_path):
    """In either order, and as the chart has it."""
    alone = one(kustomize("cluster-exhaustion"), "DaemonSet")
    for components in itertools.permutations(("walk", "exhaustion")):
        places = [os.path.relpath(kube.KUSTOMIZE / each, tmp_path.resolve()) for each in components]
        cluster = os.path.relpath(kube.KUSTOMIZE / "examples/cluster", tmp_path.resolve())
        (tmp_path / "kustomization.yaml").write_text(
            f"resources: [{cluster}]\ncomponents: [{', '.join(places)}]\n")
        made = kube.objects_of(kube.call("kubectl", "kustomize", tmp_path).stdout)
        assert one(made, "DaemonSet") == alone
    both = one(helm("exhaustion.enabled=true", "walk.enabled=true"), "DaemonSet")
    assert both == one(helm("exhaustion.enabled=true"), "DaemonSet")
    context = one(helm("exhaustion.enabled=true", "walk.enabled=true", "nodeView.enabled=true", "snat.enabled=true"),
                  "DaemonSet")["spec"]["template"]["spec"]["containers"][0]["securityContext"]
    assert context == both["spec"]["template"]["spec"]["containers"][0]["securityContext"]


def test_the_component_of_snat_goes_with_the_others_in_either_order(tmp_path):
    made = []
    for components in itertools.permutations(("exhaustion", "snat")):
        places = [os.path.relpath(kube.KUSTOMIZE / each, tmp_path.resolve())
                  for each in ("examples/cluster", *components)]
        (tmp_path / "kustomization.yaml").write_text(
            f"resources: [{places[0]}]\ncomponents: [{', '.join(places[1:])}]\n")
        objects = kube.objects_of(kube.call("kubectl", "kustomize", tmp_path).stdout)
        container, = one(objects, "DaemonSet")["spec"]["template"]["spec"]["containers"]
        assert {"--collector.exhaustion", "--collector.snat"} <= set(container["args"])
        made.append({**container, "args": sorted(container["args"])})
    assert made[0] == made[1]
    theirs, = one(helm("exhaustion.enabled=true", "snat.enabled=true"), "DaemonSet")["spec"]["template"]["spec"]["containers"]
    assert {**theirs, "args": sorted(theirs["args"])} == made[0]


def test_the_view_of_a_node_has_its_labels_in_each_way_to_scrape(tmp_path):
    """As the pods' own: namespace, pod and container are not renamed, and never the exporter's."""
    places = [os.path.relpath(kube.KUSTOMIZE / each, tmp_path.resolve())
              for each in ("examples/cluster-servicemonitor", "node-view")]
    (tmp_path / "kustomization.yaml").write_text(
        f"resources: [{places[0]}]\ncomponents: [{places[1]}]\n")
    ours = kube.objects_of(kube.call("kubectl", "kustomize", tmp_path).stdout)
    theirs = helm("namespace.create=true", "nodeView.enabled=true", 'daemonset.monitor="service"')
    assert by_key(ours) == by_key(map(kube.without_labels_of_helm, theirs))
    endpoints = [*one(ours, "ServiceMonitor")["spec"]["endpoints"],
                 *one(kustomize("cluster-node-view"), "PodMonitor")["spec"]["podMetricsEndpoints"]]
    for endpoint in endpoints:
        assert endpoint["honorLabels"] is True
        assert endpoint["relabelings"][-1] == {"action": "labeldrop", "regex": "pod|container"}
    text = (REPOSITORY / "deploy/prometheus/kubernetes.yml").read_text(encoding="utf-8")
    nodes, _ = yaml.safe_load(text)["scrape_configs"]
    assert nodes["honor_labels"] is True
    assert not {"pod", "container", "namespace"} & {
        rule.get("target_label") for rule in nodes["relabel_configs"]}


# One place for each thing


def images(objects):
    return {each["image"] for _, template in pod_templates(objects)
            for each in pod_security.containers(template["spec"]) if each["name"] == "ephemera"}


def version():
    text = (REPOSITORY / "CMakeLists.txt").read_text(encoding="utf-8")
    return re.search(r"^project\(ephemera VERSION (\S+)", text, flags=re.M)[1]


@pytest.mark.parametrize("example", EXAMPLES)
def test_image_and_labels_have_the_version_of_the_project(example):
    objects = kustomize(example)
    assert images(objects) == {f"{kube.IMAGE}:{version()}"}
    labels = [each["metadata"].get("labels", {}) for each in objects]
    assert {each["app.kubernetes.io/version"] for each in labels
            if each.get("app.kubernetes.io/name") == "ephemera"} == {version()}


def test_the_image_is_said_in_one_place():
    said = [path.relative_to(kube.KUBERNETES) for path in sorted(kube.KUBERNETES.rglob("*"))
            if path.is_file() and not path.is_symlink()
            and re.search(rf"^[^#\n]*{kube.IMAGE}", path.read_text(encoding="utf-8"), flags=re.M)]
    assert [str(path) for path in said] == ["chart/ephemera/values.yaml",
                                            "kustomize/image/kustomization.yaml"]


def test_another_image_is_one_setting(added, tmp_path):
    other = f"images: [{{name: {kube.IMAGE}, newName: registry.example/e, newTag: '9'}}]\n"
    for component in ("sidecar", "sidecar-plain"):
        assert images([added(component, "Deployment", more=other)]) == {"registry.example/e:9"}
    assert images(helm('image.repository="registry.example/e"', 'image.tag="9"')) == {
        "registry.example/e:9"}


def test_rules_are_those_of_the_dashboards():
    groups = [group for path in RULES
              for group in yaml.safe_load(path.read_text(encoding="utf-8"))["groups"]]
    assert one(kustomize("cluster"), "PrometheusRule")["spec"]["groups"] == groups, \
        "run deploy/kubernetes/render"


def test_inhibitions_are_those_of_the_dashboards():
    """Those that an Alertmanager without the operator has, in the operator's words."""
    made = one(kustomize("cluster"), "AlertmanagerConfig")["spec"]["inhibitRules"]
    assert made == yaml.safe_load(INHIBITIONS.read_text(encoding="utf-8"))["spec"]["inhibitRules"], \
        "run deploy/kubernetes/render"
    plain = yaml.safe_load((INHIBITIONS.parent / "alertmanager-inhibit.yaml").read_text(encoding="utf-8"))

    def words(matchers):
        return [f'{each["name"]} {each["matchType"]} "{each["value"]}"' for each in matchers]

    assert plain["inhibit_rules"] == [
        {"source_matchers": words(rule["sourceMatch"]), "target_matchers": words(rule["targetMatch"]),
         "equal": rule["equal"]} for rule in made]
    assert not [each for each in helm("rules.inhibitions=false") if each["kind"] == "AlertmanagerConfig"]


def test_dashboards_are_whole_labelled_and_not_too_large():
    maps = [each for each in kustomize("cluster") if each["kind"] == "ConfigMap"]
    files = {}
    for each in maps:
        assert each["metadata"]["labels"]["grafana_dashboard"] == "1"
        assert len(json.dumps(each).encode()) < min(ANNOTATIONS_MAX, CONFIG_MAP_MAX)
        files |= each["data"]
    assert files == {path.name: path.read_text(encoding="utf-8") for path in DASHBOARDS}
