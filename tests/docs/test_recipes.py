# SPDX-License-Identifier: Apache-2.0
"""CONTRIBUTING's recipes: each is applied to a copy of the tree, which is then built."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "CONTRIBUTING.md").read_text()

COMMAND = """// SPDX-License-Identifier: Apache-2.0
#include <stdio.h>

#include "exporter/commands/commands.h"

static int run_example(struct options *options)
{
	printf("example %lu\\n", options->serve.example);
	return EXIT_DONE;
}

const struct command example_command = {
    .name = "example",
    .help = "prints an example",
    .takes_flags = true,
    .run = run_example,
};
"""

RENDER = """static struct answer render_example(
    const struct site *site, const struct route *route, const void *found)
{
	(void)site;
	(void)route;
	(void)found;
	return answer_text("An example.\\n");
}

"""

# Of each recipe: the file as the page has it, the file itself, the text before which is added, and
# what. No text: a new file.
RECIPES = {
    "A flag": [
        ("exporter/commands/flags.c", None, '    {"web.systemd-socket"',
         '    {"web.example", "N", "7", "an example", KIND_NUMBER, AT(serve.example), 1, 10},\n'),
        ("exporter/daemon/serve.h", None, "	unsigned long max_requests;", "	unsigned long example;\n"),
    ],
    "A command": [
        ("exporter/commands/NAME.c", "exporter/commands/example.c", None, COMMAND),
        ("exporter/commands/commands.c", None, "extern const struct command serve_command;",
         "extern const struct command example_command;\n"),
        ("exporter/commands/commands.c", None, "    &healthcheck_command,", "    &example_command,\n"),
        ("docs/ephemera.8.in", None, "@command healthcheck", "@command example\nIt is one.\n"),
    ],
    "An endpoint": [
        ("exporter/web/endpoints.c", None, "static void add_to_query(", RENDER),
        ("exporter/web/endpoints.c", None, '    {"/-/healthy"',
         '    {"/-/example", NEED_NOTHING, 0, NULL, render_example},\n'),
    ],
    "A label": [
        ("collectors/NAME.c", "collectors/churn.c", None, None),
        ("docs/generate_metrics.c", None, '    {NULL, "collector", "a collector\'s name"},',
         '    {NULL, "example", "`yes`"},\n'),
    ],
}


def section(name):
    return re.search(rf"^### {name}\n(.*?)^##", TEXT, re.MULTILINE | re.DOTALL)[1]


@pytest.mark.parametrize("name", RECIPES)
def test_the_page_names_each_file_of_a_recipe(name):
    steps = re.findall(r"^\d\. `([^`]+)`", section(name), re.MULTILINE)
    changed = list(dict.fromkeys(change[0] for change in RECIPES[name]))
    assert steps[:len(changed)] == changed, name
    assert len(re.findall(r"^\d\. ", section(name), re.MULTILINE)) == 3, name


def insert(path, before, addition):
    text = path.read_text()
    assert text.count(before) == 1, (path, before)
    path.write_text(text.replace(before, addition + before))


def label_failed_connections(path):
    """Gives one family a label that it did not have."""
    text = path.read_text()
    family = re.search(r'static const struct metric_family failures = \{.*?\n\};', text, re.DOTALL)[0]
    assert ".labels" not in family
    text = text.replace(family, family.replace(
        "    .type =", '    .labels = {"example"},\n    .type =', 1))
    path.write_text(text.replace("add(set, &failures, &counters[FAILS], METRIC_NO_LABELS)",
                                 'add(set, &failures, &counters[FAILS], METRIC_LABELS("yes"))'))


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """A build of a copy to which all recipes were applied."""
    tree = tmp_path_factory.mktemp("recipes") / "tree"
    shutil.copytree(ROOT, tree, symlinks=True, ignore=shutil.ignore_patterns(
        "build", ".git", "node_modules", "__pycache__"))
    for changes in RECIPES.values():
        for named, path, before, addition in changes:
            place = tree / (path or named)
            if before:
                insert(place, before, addition)
            elif addition:
                assert not place.exists()
                place.write_text(addition)
            else:
                label_failed_connections(place)
    out = tree / "build"
    for command in (["cmake", "-S", tree, "-B", out, "-G", "Ninja", "-DCMAKE_BUILD_TYPE=Debug",
                     "-DEPHEMERA_TESTS=OFF", "-DEPHEMERA_BPF=OFF", "-DEPHEMERA_WERROR=ON"],
                    ["cmake", "--build", out, "--target", "ephemera", "manual", "ephemera-docs"]):
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=500)
        assert done.returncode == 0, done.stdout + done.stderr
    return out


def output(*command):
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout


def test_a_copy_with_all_four_works(built):
    ephemera = built / "ephemera"
    text = output(ephemera, "--help")
    assert re.search(r"--web\.example=N\n +an example \(default 7\)", text)
    assert re.search(r"ephemera example \[FLAG\.\.\.\]\s+prints an example", text)
    assert output(ephemera, "example") == "example 7\n"
    assert output(ephemera, "example", "--web.example=9") == "example 9\n"
    wrong = subprocess.run([ephemera, "--web.example=11"], capture_output=True, text=True,
                           check=False, timeout=60)
    assert wrong.returncode == 2 and "from 1 to 10" in wrong.stderr
    assert "web.example" in (built / "manual" / "ephemera.8").read_text()
    assert "It is one." in (built / "manual" / "ephemera.8").read_text()
    for shell in ("bash", "zsh", "fish"):
        completion = (built / "manual" / f"ephemera.{shell}").read_text()
        assert "web.example" in completion and "example" in completion
    assert 'ephemera_tcp_open_failures_total{example="yes"} ' in output(ephemera, "metrics")
    assert "`example`" in output(built / "ephemera-docs")


def test_the_new_endpoint_answers(built, monkeypatch):
    import lib.exporter

    monkeypatch.setattr(lib.exporter, "BINARY", str(built / "ephemera"))
    with lib.exporter.Exporter() as exporter:
        status, _, body = exporter.get("/-/example")
        assert (status, body) == (200, b"An example.\n")
