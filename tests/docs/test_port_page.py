# SPDX-License-Identifier: Apache-2.0
"""docs/port.md: its tables have the fields of docs/openapi.yaml, its blocks print what it says."""

import json
import re

import pytest

import console
from lib import openapi
from lib.exporter import REPOSITORY, run
from lib.namespace import in_namespace, set_range
from lib.sockets import IPV4, bound, listen, need_kernel

PAGE = REPOSITORY / "docs" / "port.md"
TEXT = PAGE.read_text(encoding="utf-8")


def section(heading):
    """What stands below a heading, up to the next one."""
    return re.search(rf"^#+ {re.escape(heading)}\n(.*?)(?=^#|\Z)", TEXT,
                     re.MULTILINE | re.DOTALL)[1]


def table(heading, first):
    """The rows of a section's table whose first column is called so: [[cell]]."""
    found = re.search(rf"^\| {re.escape(first)} \|.*\n\|[-|]+\|\n((?:\|.*\n)+)", section(heading),
                      re.MULTILINE)[1]
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in found.splitlines()]


def documented_fields(heading):
    """{field: whether the page says that it is always there}"""
    found = {}
    for name, meaning, there in table(heading, "field"):
        name = re.fullmatch(r"`([\w.]+)`", name)[1]
        assert name not in found, f"{name} is there twice"
        assert meaning and there
        found[name] = there.startswith("always")
    return found


@pytest.mark.parametrize("heading, name", [("A port", "Port"), ("A socket", "Socket"),
                                           ("A process", "Process")])
def test_the_tables_have_the_fields_of_the_api(heading, name):
    assert documented_fields(heading) == openapi.fields(openapi.schema(name))


@pytest.mark.parametrize("heading, first, schema", [
    ("A port", "`use`", openapi.schema("Use")),
    ("A socket", "`role`", openapi.schema("Socket")["properties"]["role"]),
    ("Who has it open", "`holders`", openapi.schema("Socket")["properties"]["holders"]),
])
def test_the_tables_have_the_values_of_the_api(heading, first, schema):
    words = [row[0].strip("`") for row in table(heading, first)]
    assert sorted(words) == sorted(schema["enum"])


def test_the_paths_are_those_of_the_api():
    paths = {row[0].strip("`") for row in table("The same over HTTP", "path")}
    assert {re.sub(r"/\d+$", "/{port}", path) for path in paths} == set(openapi.DOCUMENT["paths"])


@in_namespace
def test_the_command_prints_the_whole_that_the_page_says():
    set_range(40000, 40009)
    _kept = [listen(IPV4, "127.0.0.1", 40004)]
    done = run("port", "40001", "40002-40009", "--json")
    found = json.loads(done.stdout)
    assert done.stdout.count("\n") == 1
    assert documented_fields("The answer as JSON") == {**dict.fromkeys(found, True), "advice": False,
                                                        "unsearched_sockets": False, "snat_unknown": False,
                                                        "snat_left_out": False}
    assert [port["port"] for port in found["ports"]] == [40001, 40004]
    for port in found["ports"]:
        openapi.assert_valid({**port, "range": found["range"],
                              "socket_source": found["socket_source"]}, openapi.schema("Port"))
        assert not {"range", "socket_source", "advice"} & set(port)


@in_namespace
def test_the_exit_statuses_are_those_of_the_page():
    statuses = {int(row[0]) for row in table("Exit status", "status")}
    _kept = [listen(IPV4, "127.0.0.1", 40004)]
    assert [run("port", *arguments).returncode
            for arguments in (["40004"], ["40005"], ["0"], [])] == [0, 1, 2, 2]
    assert statuses == {0, 1, 2}


@in_namespace
def test_what_procfs_does_not_tell():
    need_kernel(6, 8, "seeing sockets that bind() and do no more")
    _kept = [listen(IPV4, "127.0.0.1", 40004), bound(IPV4, "127.0.0.1", 40005)]

    def answer(*flags):
        found = json.loads(run("port", "40004-40005", "--json", *flags).stdout)
        return {each["port"]: each["local"]["sockets"] for each in found["ports"]}

    assert set(answer()) == {40004, 40005}
    assert {"port_chosen", "accept_queue_limit"} <= set(answer()[40004][0])
    found = answer("--sockets.source=procfs")
    assert set(found) == {40004}
    assert not {"port_chosen", "cgroup", "accept_queue_limit"} & set(found[40004][0])


def test_the_comparison_has_a_cell_for_each_tool():
    rows = table("Compared with lsof, ss and netstat", "fact")
    assert len(rows) > 10
    for row in rows:
        assert len(row) == 6 and all(row), row


def test_each_link_leads_somewhere():
    for target in re.findall(r"\]\(([^)#]+)\)", TEXT):
        assert target.startswith("https://") or (PAGE.parent / target).exists(), target


# The blocks

def without_names(lines):
    """Without what differs each time: users, cgroups, pids, names, commands, the port picked, ages."""
    found = []
    for line in lines:
        # Said from one second on, which a busy machine needs to get here.
        if re.match(r"^ +open for (at least )?\d+ s$", line):
            continue
        # Of the namespaces of other tests, and the blank line before it.
        if re.match(r"^\d+ other network namespaces? ha(s|ve) something on ", line):
            found.pop()
            continue
        line = re.sub(r"^( +)\S+ \(pid \d+, fd ([\d,]+)\).*", r"\1NAME (pid N, fd \2)", line)
        line = re.sub(r"^( +)user \S+.*", r"\1user NAME", line)
        line = re.sub(r"127\.0\.0\.1:4000[^34]", "127.0.0.1:4000N", line)
        found.append(line)
    return found


@pytest.mark.parametrize("lines", [pytest.param(lines, id=f"line-{number}")
                                   for number, lines in console.blocks(PAGE)])
@in_namespace
def test_a_block_prints_what_the_page_says(lines):
    need_kernel(6, 8, "what the page shows")
    wanted = console.commands(lines)
    outputs, printed = console.run(wanted)
    assert [without_names(output) for output in outputs] \
        == [without_names(output) for _, output in wanted], printed
