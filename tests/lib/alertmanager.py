# SPDX-License-Identifier: Apache-2.0
"""A real Alertmanager, which sends nothing to anybody, with the inhibitions that are shipped."""

import json
import os
from pathlib import Path

import yaml

from lib.exporter import REPOSITORY, free_port
from lib.served import Served

INHIBITIONS = REPOSITORY / "dashboards" / "rules" / "alertmanager-inhibit.yaml"


def configuration(inhibitions=INHIBITIONS):
    """The shipped inhibitions, in a configuration that is whole."""
    return {"route": {"receiver": "nobody"}, "receivers": [{"name": "nobody"}],
            **yaml.safe_load(inhibitions.read_text(encoding="utf-8"))}


# Debian's has its templates at one place only, and there they are not where the package is only unpacked.
# $0: what is to be there, $1...: the command
WITH_TEMPLATES = """mount -t tmpfs tmpfs /usr/share && mkdir /usr/share/prometheus &&
mount --bind "$0" /usr/share/prometheus && exec "$@"
"""
TEMPLATES = Path("/usr/share/prometheus/alertmanager/default.tmpl")


def with_templates(command):
    if TEMPLATES.exists():
        return command
    unpacked = Path(command[0]).parents[1] / "share" / "prometheus"
    user = [] if os.geteuid() == 0 else ["--user", "--map-root-user"]
    return ["unshare", "--mount", *user, "sh", "-c", WITH_TEMPLATES, str(unpacked), *command]


class Alertmanager(Served):
    """Debian's Alertmanager with a data directory of its own, ended with the block."""

    name = "Alertmanager"

    def __init__(self, binary, directory):
        self.port = free_port()
        file = directory / "alertmanager.yml"
        file.write_text(yaml.safe_dump(configuration()), encoding="utf-8")
        self.log_file = directory / "alertmanager.log"
        # It is alone: without a cluster it opens no port to gossip on.
        self.command = with_templates([
            binary, f"--config.file={file}", f"--storage.path={directory / 'alertmanager'}",
            f"--web.listen-address=127.0.0.1:{self.port}", "--cluster.listen-address="])

    def alerts(self):
        """[what fires, with "labels", "annotations", and in "status" by what it is kept back]"""
        return json.loads(self.get("/api/v2/alerts"))

    def sent(self):
        """Those that a receiver would get."""
        return [alert for alert in self.alerts() if alert["status"]["state"] == "active"]
