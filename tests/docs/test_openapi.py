# SPDX-License-Identifier: Apache-2.0
"""docs/openapi.yaml: by the rules of OpenAPI, complete, and about the paths that there are."""

import re
import urllib.parse
from pathlib import Path

import jsonschema
import pytest
import yaml

from lib import openapi
from lib.bpf import MISSING
from lib.exporter import REPOSITORY, Exporter, run

# Debian's package openapi-specification: Debian 13 has schema.yaml alone.
RULES = Path("/usr/share/openapi-specification/schemas/v3.0")

PREFIX = "/api/"
# These need BPF: the list of network namespaces, and failed calls.
OF_BPF = ("/api/v1/namespaces", "/api/v1/failures")
# They are waited for, until this is over.
SOON = {"X-Prometheus-Scrape-Timeout-Seconds": "0.2"}


def test_it_is_openapi():
    if not RULES.exists():
        pytest.skip(f"there is no {RULES}: apt-get install openapi-specification")
    file = next(RULES.glob("schema.[jy]*"))
    rules = yaml.safe_load(file.read_text(encoding="utf-8"))  # every JSON is YAML
    jsonschema.Draft4Validator.check_schema(rules)
    found = [f"{'/'.join(map(str, error.path))}: {error.message:.300}"
             for error in jsonschema.Draft4Validator(rules).iter_errors(openapi.DOCUMENT)]
    assert not found


def references(part):
    if isinstance(part, dict):
        if "$ref" in part:
            yield part["$ref"]
        for value in part.values():
            yield from references(value)
    elif isinstance(part, list):
        for value in part:
            yield from references(value)


def test_each_reference_leads_somewhere_and_each_component_is_used():
    used = set(references(openapi.DOCUMENT))
    for reference in used:
        assert openapi.resolve({"$ref": reference}), reference
    there = {f"#/components/{kind}/{name}"
             for kind, named in openapi.DOCUMENT["components"].items() for name in named}
    assert there == used


def test_no_object_leaves_room_for_what_is_not_described():
    found = openapi.objects()
    assert len(found) > 10
    for where, schema in found:
        assert schema.get("additionalProperties") is False, where
        assert set(schema.get("required", ())) <= set(schema["properties"]), where


def test_each_field_is_described():
    for where, schema in openapi.objects():
        assert schema.get("description"), where
        for name, part in schema["properties"].items():
            part = openapi.resolve(part)
            assert part.get("description"), f"{where}: {name}"
            assert part.get("type"), f"{where}: {name}"


def test_each_number_that_has_a_unit_names_it():
    for where, schema in openapi.objects():
        for name, part in schema["properties"].items():
            if name.endswith("_seconds"):
                assert "econds" in part["description"], f"{where}: {name}"


def test_what_may_be_absent_says_when():
    for where, schema in openapi.objects():
        for name in set(schema["properties"]) - set(schema.get("required", ())):
            said = openapi.resolve(schema["properties"][name])["description"] \
                + (schema["description"] if where.endswith("/Range") else "")
            assert re.search(r"\b([Aa]bsent|only|Only)\b", said), f"{where}: {name}: {said}"


def examples(part):
    """[(schema, value)] of every response that has examples. Of events, those of their data."""
    if isinstance(part, dict):
        for content in part.get("content", {}).values():
            for example in content.get("examples", {}).values():
                yield content["schema"], example["value"]
            if "example" in content:
                yield content["schema"], content["example"]
        for value in part.values():
            yield from examples(value)


def test_the_examples_are_valid():
    found = list(examples(openapi.DOCUMENT))
    assert len(found) >= 9
    for schema, value in found:
        openapi.assert_valid(value, schema)


def test_every_schema_has_an_example_but_the_map():
    """And each of its fields is in one."""
    shown = set()
    for schema, value in examples(openapi.DOCUMENT):
        collect(openapi.resolve(schema), value, shown)
    left_out = {"Ports.ports", "Socket.interface", "Socket.ipv6_only", "Socket.pod_uid",
                "Socket.container_id", "SnatConnection.zone"}
    for name, schema in openapi.DOCUMENT["components"]["schemas"].items():
        if name == "Ports" or schema["type"] != "object":
            continue
        for field in schema["properties"]:
            there = (id(schema), field) in shown
            assert there or f"{name}.{field}" in left_out, f"{name}.{field} is in no example"


def collect(schema, value, shown):
    if isinstance(value, list):
        for each in value:
            collect(openapi.resolve(schema["items"]), each, shown)
    elif isinstance(value, dict):
        for name, each in value.items():
            shown.add((id(schema), name))
            collect(openapi.resolve(schema["properties"][name]), each, shown)


@pytest.mark.parametrize("value, named", [
    ({"status": 404}, "error"), ({"status": 404, "error": ""}, "error"),
    ({"status": 200, "error": "none"}, "status"),
    ({"status": 404, "error": "none", "more": 1}, "more"), ("none", "none"),
])
def test_what_is_wrong_is_noticed(value, named):
    found = openapi.errors(value, openapi.schema("Error"))
    assert len(found) == 1 and named in found[0]


# The server

@pytest.fixture(scope="module")
def exporter():
    with Exporter("--web.enable-api", *([] if MISSING else ["--namespaces=all", "--collector.exhaustion"])) as running:
        yield running


def status(exporter, path):
    return exporter.get(path, SOON if path.endswith("/failures") else None).status


def served_here():
    return [path for path in openapi.DOCUMENT["paths"] if not MISSING or path not in OF_BPF]


def asking(path):
    """The path, with the parameters that it cannot do without."""
    needed = [openapi.resolve(each) for each in openapi.operation(path).get("parameters", ())]
    query = {each["name"]: each["example"] for each in needed if each["in"] == "query" and each.get("required")}
    return path.replace("{port}", "443") + (f"?{urllib.parse.urlencode(query)}" if query else "")


def test_the_server_serves_each_path(exporter):
    for path in served_here():
        assert status(exporter, asking(path)) == 200, path


def test_the_document_has_each_path_that_the_server_serves(exporter):
    """Those that the code names: whatever begins with /api/ there and is answered."""
    sources = [path for pattern in ("exporter/**/*.c", "exporter/**/*.h", "exporter/**/*.js")
               for path in REPOSITORY.glob(pattern)]
    named = {path.rstrip("/") for source in sources
             for path in re.findall(r"/api(?:/\w+)+", source.read_text(encoding="utf-8"))}
    served = {path for path in named if status(exporter, path) != 404}
    documented = {path for path in served_here() if "{" not in path}
    assert served == documented


def test_the_server_that_it_names_is_the_default():
    (server,) = openapi.DOCUMENT["servers"]
    port = re.search(r"default\s+:(\d+)", run("--help").stdout)[1]
    assert server["url"] == f"http://127.0.0.1:{port}"
