# SPDX-License-Identifier: Apache-2.0
"""The Pod Security Standards as rules: what of a pod the profile "restricted" does not allow.

    violations(pod["spec"]) == {"host namespaces", ...}

After https://kubernetes.io/docs/concepts/security/pod-security-standards/, by the names there.
"""

VOLUMES = {"configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "persistentVolumeClaim",
           "projected", "secret"}
SYSCTLS = {"kernel.shm_rmid_forced", "net.ipv4.ip_local_port_range",
           "net.ipv4.ip_unprivileged_port_start", "net.ipv4.tcp_syncookies",
           "net.ipv4.ping_group_range", "net.ipv4.ip_local_reserved_ports",
           "net.ipv4.tcp_keepalive_time", "net.ipv4.tcp_fin_timeout",
           "net.ipv4.tcp_keepalive_intvl", "net.ipv4.tcp_keepalive_probes",
           "net.ipv4.tcp_rmem", "net.ipv4.tcp_wmem"}
SELINUX_TYPES = {None, "", "container_t", "container_init_t", "container_kvm_t",
                 "container_engine_t"}
SECCOMP = {"RuntimeDefault", "Localhost"}
APPARMOR = {"RuntimeDefault", "Localhost"}
# Of them no profile but "privileged" allows any: the profile "baseline" has these rules, too.
BASELINE = {"HostProcess", "host namespaces", "privileged containers", "hostPath volumes",
            "host ports", "host probes", "AppArmor", "SELinux", "/proc mount type", "sysctls"}


def violations(spec, annotations=None):
    """The names of the rules that a pod's specification breaks."""
    return {name for name, allows in _RULES.items() if not allows(spec, annotations or {})}


def containers(spec):
    return [container for kind in ("initContainers", "containers", "ephemeralContainers")
            for container in spec.get(kind, [])]


def _contexts(spec):
    """The security contexts of the containers."""
    return [container.get("securityContext", {}) for container in containers(spec)]


def _all_contexts(spec):
    """Those, and the pod's."""
    return [spec.get("securityContext", {}), *_contexts(spec)]


def _handlers(container):
    """Of probes and hooks, what is asked over the network."""
    hooks = [container.get(probe, {}) for probe in ("livenessProbe", "readinessProbe",
                                                     "startupProbe")]
    hooks += container.get("lifecycle", {}).values()
    return [hook[how] for hook in hooks for how in ("httpGet", "tcpSocket") if how in hook]


def _selinux(options):
    return (options.get("type") in SELINUX_TYPES and not options.get("user")
            and not options.get("role"))


def _set_at_pod_or_containers(spec, get, right):
    """Right in each container; one that says nothing has what the pod says."""
    of_pod = get(spec.get("securityContext", {}))
    said = [get(context) for context in _contexts(spec)]
    return ((of_pod is None or right(of_pod))
            and all(right(of_pod if each is None else each) for each in said))


def _seccomp(context):
    return context.get("seccompProfile", {}).get("type")


_RULES = {
    "HostProcess": lambda spec, _: not any(
        context.get("windowsOptions", {}).get("hostProcess") for context in _all_contexts(spec)),
    "host namespaces": lambda spec, _: not any(
        spec.get(which) for which in ("hostNetwork", "hostPID", "hostIPC")),
    "privileged containers": lambda spec, _: not any(
        context.get("privileged") for context in _contexts(spec)),
    "hostPath volumes": lambda spec, _: not any(
        "hostPath" in volume for volume in spec.get("volumes", [])),
    "host ports": lambda spec, _: not any(
        port.get("hostPort") for container in containers(spec)
        for port in container.get("ports", [])),
    "host probes": lambda spec, _: not any(
        handler.get("host") for container in containers(spec)
        for handler in _handlers(container)),
    "AppArmor": lambda spec, annotations: all(
        context.get("appArmorProfile", {"type": "RuntimeDefault"})["type"] in APPARMOR
        for context in _all_contexts(spec)) and all(
            value == "runtime/default" or value.startswith("localhost/")
            for key, value in annotations.items()
            if key.startswith("container.apparmor.security.beta.kubernetes.io/")),
    "SELinux": lambda spec, _: all(
        _selinux(context.get("seLinuxOptions", {})) for context in _all_contexts(spec)),
    "/proc mount type": lambda spec, _: all(
        context.get("procMount") in (None, "Default") for context in _contexts(spec)),
    "sysctls": lambda spec, _: all(
        sysctl["name"] in SYSCTLS
        for sysctl in spec.get("securityContext", {}).get("sysctls", [])),
    # Those that only "restricted" has, or has in a stricter form.
    "volume types": lambda spec, _: all(
        volume.keys() - {"name"} <= VOLUMES for volume in spec.get("volumes", [])),
    "privilege escalation": lambda spec, _: all(
        context.get("allowPrivilegeEscalation") is False for context in _contexts(spec)),
    "running as non-root": lambda spec, _: _set_at_pod_or_containers(
        spec, lambda context: context.get("runAsNonRoot"), lambda value: value is True),
    "running as non-root user": lambda spec, _: not any(
        context.get("runAsUser") == 0 for context in _all_contexts(spec)),
    "seccomp": lambda spec, _: _set_at_pod_or_containers(
        spec, _seccomp, lambda value: value in SECCOMP),
    "capabilities": lambda spec, _: all(
        "ALL" in context.get("capabilities", {}).get("drop", [])
        and set(context.get("capabilities", {}).get("add", [])) <= {"NET_BIND_SERVICE"}
        for context in _contexts(spec)),
}
