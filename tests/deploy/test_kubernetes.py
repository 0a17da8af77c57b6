# SPDX-License-Identifier: Apache-2.0
"""deploy/kubernetes: both renderings are valid, equal, as restricted as they can be, and true."""

import copy
import functools
import json
import os
import re
import shutil
import subprocess
import tarfile

import pytest
import yaml

import kube
import pod_security
from kube import by_key, helm, kustomize, one, pod_templates, schema_errors, sidecar_of
from lib.exporter import REPOSITORY, Exporter, run

EXAMPLES = ("cluster", "cluster-servicemonitor", "sidecar", "sidecar-plain")
DASHBOARDS = sorted((REPOSITORY / "dashboards").glob("*.json"))
RULES = sorted((REPOSITORY / "dashboards" / "rules").glob("*.yaml"))
# What kubectl apply writes into an annotation; all annotations together may be so long.
ANNOTATIONS_MAX = 256 * 1024
CONFIG_MAP_MAX = 1024 * 1024


@pytest.fixture(scope="module")
def example_chart(tmp_path_factory):
    """The chart that has Ephemera's as a dependency, as `helm dependency build` leaves it."""
    folder = tmp_path_factory.mktemp("charts")
    shutil.copytree(kube.CHART.parent, folder / "chart")
    kube.call("helm", "dependency", "build", folder / "chart" / "example")
    return folder / "chart" / "example"


@pytest.fixture(scope="module")
def helms(example_chart):
    """{example: the same objects as Helm renders them}"""
    of_example = functools.partial(helm, "namespace.create=true", chart=example_chart,
                                   namespace="ephemera-example")
    return {
        "cluster": helm("namespace.create=true"),
        "cluster-servicemonitor": helm("namespace.create=true", 'daemonset.monitor="service"'),
        "sidecar": of_example(),
        "sidecar-plain": of_example('form="plain"'),
    }


def daemonset():
    return one(kustomize("cluster"), "DaemonSet")


def changed(each, path, value):
    """A copy with something else in one place; path: keys, indices, divided by slashes."""
    each = copy.deepcopy(each)
    *parents, last = [int(part) if part.isdigit() else part.replace("~", "/")
                      for part in path.split("/")]
    place = each
    for part in parents:
        place = place[part] if isinstance(place, list) else place.setdefault(part, {})
    place[last] = value
    return each


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


@pytest.mark.parametrize("example", EXAMPLES)
def test_every_object_is_valid_in_its_schema_and_types(helms, example):
    objects = kustomize(example) + helms[example]
    assert len(objects) >= 8
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


# What may run


@pytest.mark.parametrize("example", ("sidecar", "sidecar-plain"))
def test_pods_with_a_sidecar_are_restricted(example):
    objects = kustomize(example)
    (_, template), = pod_templates(objects)
    assert pod_security.violations(template["spec"]) == set()
    labels = one(objects, "Namespace")["metadata"]["labels"]
    assert {labels[f"pod-security.kubernetes.io/{mode}"]
            for mode in ("enforce", "audit", "warn")} == {"restricted"}


def test_the_daemonset_breaks_the_rules_that_it_must_and_no_other():
    broken = pod_security.violations(daemonset()["spec"]["template"]["spec"])
    assert broken == {"host namespaces", "host ports", "hostPath volumes", "volume types"}
    labels = one(kustomize("cluster"), "Namespace")["metadata"]["labels"]
    assert labels["pod-security.kubernetes.io/enforce"] == "privileged"


SECURITY = "initContainers/0/securityContext"
FORBIDDEN = [
    ("HostProcess", "securityContext/windowsOptions", {"hostProcess": True}),
    ("HostProcess", f"{SECURITY}/windowsOptions", {"hostProcess": True}),
    ("host namespaces", "hostNetwork", True),
    ("host namespaces", "hostPID", True),
    ("host namespaces", "hostIPC", True),
    ("privileged containers", f"{SECURITY}/privileged", True),
    ("capabilities", f"{SECURITY}/capabilities/add", ["CAP_NET_ADMIN"]),
    ("capabilities", f"{SECURITY}/capabilities/drop", []),
    ("capabilities", f"{SECURITY}/capabilities", {}),
    ("host ports", "initContainers/0/ports/0/hostPort", 10059),
    ("host probes", "initContainers/0/livenessProbe/httpGet/host", "192.0.2.1"),
    ("host probes", "initContainers/0/lifecycle", {"preStop": {"tcpSocket": {"host": "h"}}}),
    ("AppArmor", f"{SECURITY}/appArmorProfile", {"type": "Unconfined"}),
    ("SELinux", f"{SECURITY}/seLinuxOptions", {"type": "spc_t"}),
    ("SELinux", "securityContext/seLinuxOptions", {"user": "system_u"}),
    ("/proc mount type", f"{SECURITY}/procMount", "Unmasked"),
    ("sysctls", "securityContext/sysctls", [{"name": "kernel.msgmax", "value": "1"}]),
    ("volume types", "volumes", [{"name": "v", "nfs": {}}]),
    ("privilege escalation", f"{SECURITY}/allowPrivilegeEscalation", None),
    ("privilege escalation", f"{SECURITY}/allowPrivilegeEscalation", True),
    ("running as non-root", f"{SECURITY}/runAsNonRoot", None),
    ("running as non-root", f"{SECURITY}/runAsNonRoot", False),
    ("running as non-root", "securityContext/runAsNonRoot", False),
    ("running as non-root user", f"{SECURITY}/runAsUser", 0),
    ("running as non-root user", "securityContext/runAsUser", 0),
    ("seccomp", f"{SECURITY}/seccompProfile", {"type": "Unconfined"}),
    ("seccomp", f"{SECURITY}/seccompProfile", {}),
    ("seccomp", "securityContext/seccompProfile", {"type": "Unconfined"}),
]


@pytest.mark.parametrize("rule, path, value", FORBIDDEN)
def test_each_rule_of_the_profile_is_looked_at(rule, path, value):
    (_, template), = pod_templates(kustomize("sidecar"))
    assert pod_security.violations(changed(template["spec"], path, value)) == {rule}


def test_rules_about_host_paths_and_annotations():
    (_, template), = pod_templates(kustomize("sidecar"))
    spec = changed(template["spec"], "volumes", [{"name": "v", "hostPath": {"path": "/"}}])
    assert pod_security.violations(spec) == {"hostPath volumes", "volume types"}
    annotations = {"container.apparmor.security.beta.kubernetes.io/app": "unconfined"}
    assert pod_security.violations(template["spec"], annotations) == {"AppArmor"}
    checked = {rule for rule, _, _ in FORBIDDEN} | {"hostPath volumes"}
    assert checked == set(pod_security._RULES)


@pytest.mark.parametrize("example", EXAMPLES)
def test_ephemera_has_no_privilege_and_no_token(example):
    (owner, template), = pod_templates(kustomize(example))
    context = sidecar_of(template)["securityContext"]
    assert context["readOnlyRootFilesystem"] is True
    assert context["capabilities"] == {"drop": ["ALL"]}
    assert context["runAsUser"] == context["runAsGroup"] == 65532
    assert template["spec"]["automountServiceAccountToken"] is False
    if owner["kind"] == "DaemonSet":
        account = one(kustomize(example), "ServiceAccount")
        assert account["automountServiceAccountToken"] is False
        assert template["spec"]["serviceAccountName"] == account["metadata"]["name"]
        mount, = sidecar_of(template)["volumeMounts"]
        assert mount["readOnly"] is True


# What finds and reaches it


@pytest.mark.parametrize("example", EXAMPLES)
def test_monitors_find_the_pods_by_the_name_of_a_port(example):
    objects = kustomize(example)
    (owner, template), = pod_templates(objects)
    labels = template["metadata"]["labels"]
    port, = sidecar_of(template)["ports"]
    assert port["containerPort"] == 10059
    assert re.fullmatch(r"[a-z0-9]([a-z0-9-]{0,13}[a-z0-9])?", port["name"])
    assert kube.selects(owner["spec"]["selector"], labels)
    if example == "cluster-servicemonitor":
        service, monitor = one(objects, "Service"), one(objects, "ServiceMonitor")
        assert kube.selects(service["spec"]["selector"], labels)
        assert kube.selects(monitor["spec"]["selector"], service["metadata"]["labels"])
        endpoint, = monitor["spec"]["endpoints"]
        offered, = service["spec"]["ports"]
        assert (endpoint["port"], offered["targetPort"]) == (offered["name"], port["name"])
    else:
        monitor = one(objects, "PodMonitor")
        assert kube.selects(monitor["spec"]["selector"], labels)
        endpoint, = monitor["spec"]["podMetricsEndpoints"]
        assert endpoint["port"] == port["name"]
    # EphemeraExporterGone asks for it in the job, which is NAMESPACE/NAME or the service's name.
    assert "ephemera" in monitor["metadata"]["name"]
    assert [each["targetLabel"] for each in endpoint["relabelings"]] == ["instance"]


@pytest.mark.parametrize("example", ("sidecar", "sidecar-plain"))
def test_the_policy_closes_the_metrics_and_nothing_of_the_service(example):
    objects = kustomize(example)
    policy = one(objects, "NetworkPolicy")
    (_, template), = pod_templates(objects)
    assert kube.selects(policy["spec"]["podSelector"], template["metadata"]["labels"])
    assert policy["spec"]["policyTypes"] == ["Ingress"]
    port = sidecar_of(template)["ports"][0]["containerPort"]
    open_to = {namespace: {at for at in range(1, 65536) if kube.listens([policy], namespace, at)}
               for namespace in ("monitoring", "elsewhere")}
    assert open_to == {"monitoring": set(range(1, 65536)),
                       "elsewhere": set(range(1, 65536)) - {port}}
    assert all(kube.listens([policy], "elsewhere", 53, protocol) for protocol in ("UDP", "SCTP"))


def test_the_policy_for_isolated_pods_opens_the_metrics_to_prometheus_only():
    policies = kustomize(str(kube.KUSTOMIZE / "sidecar-networkpolicy-isolated"))
    assert {(namespace, at) for namespace in ("monitoring", "elsewhere")
            for at in range(1, 65536) if kube.listens(policies, namespace, at)} == {
                ("monitoring", 10059)}


@pytest.mark.parametrize("example", EXAMPLES)
def test_probes_ask_what_there_is(example):
    (owner, template), = pod_templates(kustomize(example))
    container = sidecar_of(template)
    probes = {name: probe["httpGet"] for name, probe in container.items()
              if name.endswith("Probe")}
    # One that is not ready would take the service in the same pod away.
    assert probes.keys() == {"livenessProbe"} | (
        {"readinessProbe"} if owner["kind"] == "DaemonSet" else set())
    with Exporter() as exporter:
        for get in probes.values():
            assert get["port"] == container["ports"][0]["name"]
            assert exporter.get(get["path"]).status == 200


@pytest.mark.parametrize("example", EXAMPLES)
def test_flags_are_ephemeras(example):
    (_, template), = pod_templates(kustomize(example))
    known = set()
    for optional, name in re.findall(r"^  (?:-h, )?--(\[no-\])?([a-z._-]+)",
                                     run("--help").stdout, flags=re.M):
        known |= {f"--{name}", f"--no-{name}"} if optional else {f"--{name}"}
    assert "--no-collector.owners" in known
    flags = {argument.split("=")[0] for argument in sidecar_of(template)["args"]}
    assert flags and flags <= known


def test_the_cgroups_of_the_node_are_where_the_flag_says():
    spec = daemonset()["spec"]["template"]["spec"]
    container, = spec["containers"]
    mount, = container["volumeMounts"]
    volume, = spec["volumes"]
    assert f"--path.sysfs={mount['mountPath'].removesuffix('/fs/cgroup')}" in container["args"]
    assert mount["mountPath"].endswith("/fs/cgroup")
    assert volume == {"name": mount["name"],
                      "hostPath": {"path": "/sys/fs/cgroup", "type": "Directory"}}


def test_two_daemonset_pods_never_want_a_port_of_a_node_at_once():
    spec = daemonset()["spec"]
    assert spec["template"]["spec"]["containers"][0]["ports"][0]["hostPort"] == 10059
    assert spec["updateStrategy"]["rollingUpdate"]["maxSurge"] == 0
    assert spec["template"]["spec"]["tolerations"] == [{"operator": "Exists"}]


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


@pytest.mark.parametrize("kind", ("Deployment", "StatefulSet", "DaemonSet"))
@pytest.mark.parametrize("component", ("sidecar", "sidecar-plain"))
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


def test_dashboards_are_whole_labelled_and_not_too_large():
    maps = [each for each in kustomize("cluster") if each["kind"] == "ConfigMap"]
    files = {}
    for each in maps:
        assert each["metadata"]["labels"]["grafana_dashboard"] == "1"
        assert len(json.dumps(each).encode()) < min(ANNOTATIONS_MAX, CONFIG_MAP_MAX)
        files |= each["data"]
    assert files == {path.name: path.read_text(encoding="utf-8") for path in DASHBOARDS}


# The chart


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
        done = kube.call("helm", "template", "x", kube.CHART, "--set-json", f"{name}=1", check=False)
        assert done.returncode != 0 and "misspelt" in done.stderr, name


@pytest.mark.parametrize("setting", (
    "daemonset.monitor=\"pods\"", "daemonset.enabled=\"no\"", "image.tag=1.0",
    "daemonset.args=[\"log.level=debug\"]", "sidecar.networkPolicy=true",
    "daemonset.tolerations=[{\"operater\":\"Exists\"}]", "monitorLabels={\"a\":1}",
    "daemonset.resources.limits.memroy=\"1Mi\"", "image.pullPolicy=\"Sometimes\""))
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
                    'dashboards.labels.a="b"', "namespace.create=true"):
        rendered = helm(setting)
        assert rendered != usual, setting
        changes += [each for each in rendered if each not in usual]
    assert not any(schema_errors(changes))
    policy = one(helm('sidecar.networkPolicy="open"', 'sidecar.prometheusNamespace="prom"'),
                 "NetworkPolicy")
    assert kube.listens([policy], "prom", 10059)
    assert not kube.listens([policy], "monitoring", 10059)


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


# The files


def test_yaml_is_tidy():
    if not shutil.which("yamllint"):
        pytest.skip("there is no yamllint")
    files = [path for folder in ("deploy", "dashboards")
             for path in sorted((REPOSITORY / folder).rglob("*.y*ml"))
             if "templates" not in path.parts and "chart" not in path.parent.name]
    assert len(files) > 30
    done = subprocess.run(["yamllint", "--strict", "--config-file",
                           str(REPOSITORY / "deploy" / ".yamllint"), *map(str, files)],
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout
