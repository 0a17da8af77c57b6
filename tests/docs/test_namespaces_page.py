# SPDX-License-Identifier: Apache-2.0
"""docs/namespaces.md: what it says of commands is what these do."""

import re

from lib.exporter import REPOSITORY, run

PAGE = (REPOSITORY / "docs/namespaces.md").read_text()


def test_it_names_each_command_that_asks_another_namespace():
    commands = set(re.findall(r"^  ephemera ([a-z-]+)", run("help").stdout, re.MULTILINE)) - {"help"}
    have = {command for command in commands if "\n  --namespace=" in run(command, "--help").stdout}
    [sentence] = re.findall(r"^(.*) ask another namespace with `--namespace=`", PAGE, re.MULTILINE)
    assert have == {name.removeprefix("ephemera ") for name in re.findall(r"`([a-z ]+)`", sentence)}
