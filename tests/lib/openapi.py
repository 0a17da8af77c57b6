# SPDX-License-Identifier: Apache-2.0
"""docs/openapi.yaml, and whether an answer is what it says.

A schema of OpenAPI 3.0 is one of JSON Schema's draft 4, but for words that this document does
without. What it does not name may not come: every object forbids other properties.
"""

import json

import jsonschema
import yaml

from lib.exporter import REPOSITORY

FILE = REPOSITORY / "docs" / "openapi.yaml"
DOCUMENT = yaml.load(FILE.read_text(encoding="utf-8"),
                     Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))

_validators = {}


def resolve(part):
    """What a part of the document refers to, or the part itself."""
    while "$ref" in part:
        steps = part["$ref"].removeprefix("#/").split("/")
        part = DOCUMENT
        for step in steps:
            part = part[step]
    return part


def schema(name):
    return DOCUMENT["components"]["schemas"][name]


def errors(value, of):
    """What is wrong with a value, by a schema of the document: ["local.total: ..."]."""
    return [f"{'.'.join(map(str, error.path)) or 'the whole'}: {error.message:.300}"
            for error in _validator(of).iter_errors(value)]


def _validator(of):
    """Of a part of the document, which is what "#" stands for in it."""
    if id(of) not in _validators:
        # With what it refers to beside it: how a validator is given a document of its own depends
        # on jsonschema's version, which warns of the old way and had not the new one before.
        whole = {**of, "components": DOCUMENT["components"]}
        _validators[id(of)] = of, jsonschema.Draft4Validator(whole)
    return _validators[id(of)][1]


def assert_valid(value, of):
    found = errors(value, of)
    assert not found, found


def operation(path):
    """GET of a path as the document writes it: "/api/v1/ports/{port}"."""
    return DOCUMENT["paths"][path]["get"]


def responses(path):
    """{status: response}"""
    return {int(status): resolve(response)
            for status, response in operation(path)["responses"].items()}


def checked(path, status, headers, body):
    """The JSON of an answer, which must be one that the document has for the path.

    headers is looked up without regard to case (http.client's, or a dict of lower-case names);
    body is empty in an answer to HEAD, which gives None.
    """
    known = responses(path)
    assert status in known, f"{path} answers {status}, which the document does not know: {body!r}"
    for name, header in known[status].get("headers", {}).items():
        value = headers.get(name) or headers.get(name.lower())
        assert value is not None, f"{path}: {status} without {name}"
        wanted = resolve(header)["schema"]
        assert_valid(int(value) if wanted["type"] == "integer" else value, wanted)
    (kind, content), = known[status]["content"].items()
    value = headers.get("Content-Type") or headers.get("content-type")
    assert value.split(";")[0].strip() == kind, f"{path}: {status} as {value}"
    if not body:
        return None
    found = json.loads(body, parse_constant=_no_number)
    assert_valid(found, content["schema"])
    if status >= 400:
        assert found["status"] == status
    return found


def _no_number(text):
    raise AssertionError(f"{text} is no JSON")


def objects(part=None, path="#"):
    """Each schema of an object below a part of the document: [(where it stands, schema)]."""
    part = DOCUMENT if part is None else part
    found = []
    if isinstance(part, dict):
        if part.get("type") == "object":
            found.append((path, part))
        for key, value in part.items():
            # An example is a value, not a schema.
            if key not in ("example", "examples"):
                found += objects(value, f"{path}/{key}")
    elif isinstance(part, list):
        for number, value in enumerate(part):
            found += objects(value, f"{path}/{number}")
    return found


def fields(of, always=True, prefix=""):
    """{"chances.connect": whether it is always there}; a list of objects is one field."""
    found = {}
    for name, part in of["properties"].items():
        part, there = resolve(part), always and name in of.get("required", ())
        if part.get("type") == "object":
            found.update(fields(part, there, f"{prefix}{name}."))
        else:
            found[prefix + name] = there
    return found
