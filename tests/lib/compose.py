# SPDX-License-Identifier: Apache-2.0
"""A compose file: read as Docker Compose does, and its services as arguments of podman.

Debian's podman-compose (1.0.3) cannot start this one: it knows no `network_mode: service:`, and quotes health checks
wrongly. So a test does it: each field of a service is translated here, or named as one that is not;
one that is neither is an error, so nothing of the file is silently left out.
"""

import json
import re
from pathlib import Path

import yaml

# Not for podman to do: the order, and what it is built from; who keeps logs; where to look for an image.
ELSEWHERE = {"image", "command", "build", "pull_policy", "depends_on", "network_mode", "logging"}


def interpolate(text, variables):
    """${NAME:-default}, the only form used here; any other "$" is an error."""
    def value(found):
        return variables.get(found[1]) or found[2]
    done = re.sub(r"\$\{([A-Z_]+):-([^}]*)\}", value, text)
    assert "$" not in done, done
    return done


def read(path, **variables):
    return yaml.safe_load(interpolate(Path(path).read_text(encoding="utf-8"), variables))


def in_order(services, wanted):
    """The names of the wanted services and of those they depend on, each after what it depends on."""
    order = []

    def add(name):
        for needed in services[name].get("depends_on", {}):
            add(needed)
        if name not in order:
            order.append(name)
    for name in wanted:
        add(name)
    return order


def source(entry, folder):
    """The path outside of the container of a volume "PATH:PLACE:ro"."""
    return (Path(folder) / entry.split(":")[0]).resolve()


def seconds(text):
    return int(re.fullmatch(r"(\d+)s", text)[1])


def run_arguments(service, folder):
    """What stands between `podman run` and the image's name, but for name and network."""
    words = []
    for field, value in service.items():
        if field in ELSEWHERE:
            continue
        words += _FIELDS[field](value, folder)
    return words


def _health(check, _folder):
    assert check["test"][0] == "CMD"
    # As JSON podman takes it word for word, without a shell. Its timer would be systemd's: who waits runs the check.
    return [f"--health-cmd={json.dumps(check['test'][1:])}", "--health-interval=disable",
            f"--health-timeout={check['timeout']}", f"--health-retries={check['retries']}"]


def _each(option, form="{}"):
    return lambda values, _folder: [f"{option}={form.format(value)}" for value in values]


def _pairs(option):
    return lambda values, _folder: [f"{option}={name}={value}" for name, value in values.items()]


def _one(option):
    return lambda value, _folder: [f"{option}={value}"]


_FIELDS = {
    "read_only": lambda value, _folder: ["--read-only", "--read-only-tmpfs=false"] if value else [],
    "cap_drop": _each("--cap-drop"),
    # podman writes "no-new-privileges", Docker "no-new-privileges:true".
    "security_opt": lambda values, _folder: [
        f"--security-opt={value.removesuffix(':true')}" for value in values],
    "restart": _one("--restart"),
    "sysctls": _pairs("--sysctl"),
    "environment": _pairs("--env"),
    "ports": _each("--publish"),
    "mem_limit": _one("--memory"),
    "pids_limit": _one("--pids-limit"),
    "user": _one("--user"),
    "tmpfs": _each("--tmpfs"),
    "volumes": lambda values, folder: [
        f"--volume={source(value, folder)}:{value.split(':', 1)[1]}" for value in values],
    "ulimits": lambda values, _folder: [
        f"--ulimit={name}={value['soft']}:{value['hard']}" for name, value in values.items()],
    "healthcheck": _health,
}
