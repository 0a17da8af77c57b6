# SPDX-License-Identifier: Apache-2.0
"""The pods of deploy/kubernetes: as restricted as they can be, and found by whom they are for."""

import re

import pytest

import kube
import pod_security
from kube import EXAMPLES, changed, helm, kustomize, one, pod_templates, sidecar_of
from lib.exporter import Exporter, run


def daemonset():
    return one(kustomize("cluster"), "DaemonSet")


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


LOADS_BPF = {"cluster-exhaustion": ["--collector.exhaustion"], "cluster-walk": [],
             "cluster-node-view": ["--namespaces=all"], "cluster-snat": ["--collector.snat"]}


@pytest.mark.parametrize("example", LOADS_BPF)
def test_what_loads_bpf_programs_breaks_three_rules_more(example):
    """None of which its namespace has: it must be privileged anyway."""
    plain, loading = (one(kustomize(each), "DaemonSet")["spec"]["template"]["spec"] for each in ("cluster", example))
    assert pod_security.violations(loading) - pod_security.violations(plain) == {
        "capabilities", "running as non-root", "running as non-root user"}
    flags = [flag for flag in loading["containers"][0]["args"] if flag not in plain["containers"][0]["args"]]
    assert flags == LOADS_BPF[example]
    if example == "cluster-node-view":
        # One directory more: the test of it is below.
        assert [each["name"] for each in loading["volumes"]] == ["cgroup", "pods"]
        del loading["volumes"][1], loading["containers"][0]["volumeMounts"][1]
    for spec in (plain, loading):
        spec["containers"][0] = {**spec["containers"][0], "args": [], "securityContext": {}}
    assert plain == loading


@pytest.mark.parametrize("value", ("exhaustion.enabled", "walk.enabled", "nodeView.enabled", "snat.enabled"))
def test_no_sidecar_loads_bpf_programs(example_chart, value):
    """A pod of somebody else gets no privilege, whatever the chart's value is."""
    plain, loading = (helm(*settings, chart=example_chart, namespace="ephemera-example")
                      for settings in ((), (f"ephemera.{value}=true",)))
    assert plain == loading


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
    ("host probes", "initContainers/0/livenessProbe", {"httpGet": {"host": "192.0.2.1"}}),
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
    assert context["allowPrivilegeEscalation"] is False
    if example in LOADS_BPF:
        # Root's, which the exporter gives up.
        assert context["capabilities"] == {"drop": ["ALL"], "add": ["BPF", "PERFMON", "SETGID", "SETUID"]}
        assert (context["runAsUser"], context["runAsGroup"]) == (0, 65532)
    else:
        assert context["capabilities"] == {"drop": ["ALL"]}
        assert context["runAsUser"] == context["runAsGroup"] == 65532
    assert template["spec"]["automountServiceAccountToken"] is False
    if owner["kind"] == "DaemonSet":
        account = one(kustomize(example), "ServiceAccount")
        assert account["automountServiceAccountToken"] is False
        assert template["spec"]["serviceAccountName"] == account["metadata"]["name"]
        mounts = sidecar_of(template)["volumeMounts"]
        assert len(mounts) == (2 if example == "cluster-node-view" else 1)
        assert all(mount["readOnly"] is True for mount in mounts)


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
    assert [each["targetLabel"] for each in endpoint["relabelings"] if "targetLabel" in each] == ["instance"]


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
    probes = {name: probe for name, probe in container.items() if name.endswith("Probe")}
    # One that is not ready would take the service in the same pod away.
    assert probes.keys() == {"livenessProbe"} | (
        {"readinessProbe"} if owner["kind"] == "DaemonSet" else set())
    with Exporter() as exporter:
        # No kubelet connects: its node may have no port left for that.
        for name, probe in probes.items():
            program, *command = probe["exec"]["command"]
            assert program == "/usr/bin/ephemera" and command[-1] == "--process=1"
            assert ("--ready" in command) == (name == "readinessProbe")
            done = run(*command[:-1], f"--process={exporter.pid}", check=False)
            assert done.returncode == 0 and "answers: 200" in done.stdout


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


def test_the_names_of_pods_are_where_the_exporter_looks():
    """By the flag's default, and so also for who runs a command in the pod."""
    spec = one(kustomize("cluster-node-view"), "DaemonSet")["spec"]["template"]["spec"]
    container, = spec["containers"]
    default = re.search(r"--path\.pods=.*?\(default\s+(\S+)\)", run("--help").stdout, flags=re.S)[1]
    assert not [flag for flag in container["args"] if flag.startswith("--path.pods")]
    assert container["volumeMounts"][1] == {"name": "pods", "mountPath": default, "readOnly": True}
    # One that is not there must not be made: the kubelet of the node has another.
    assert spec["volumes"][1] == {"name": "pods", "hostPath": {"path": default, "type": "Directory"}}


def test_two_daemonset_pods_never_want_a_port_of_a_node_at_once():
    spec = daemonset()["spec"]
    assert spec["template"]["spec"]["containers"][0]["ports"][0]["hostPort"] == 10059
    assert spec["updateStrategy"]["rollingUpdate"]["maxSurge"] == 0
    assert spec["template"]["spec"]["tolerations"] == [{"operator": "Exists"}]
