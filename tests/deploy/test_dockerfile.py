# SPDX-License-Identifier: Apache-2.0
"""What the image is made from: one base image, which a build may name by its digest."""

import re

from lib.exporter import REPOSITORY

DOCKERFILE = (REPOSITORY / "Dockerfile").read_text(encoding="utf-8")
PAGE = (REPOSITORY / "docs" / "container.md").read_text(encoding="utf-8")
FROM = re.compile(r"^FROM (?:--platform=\S+ )?(\S+)(?: AS (\S+))?$", re.MULTILINE)
DIGEST = "BASE=docker.io/library/debian@sha256:"


def test_nothing_comes_from_an_image_that_cannot_be_pinned():
    stages = FROM.findall(DOCKERFILE)
    assert len(stages) == len(re.findall("^FROM ", DOCKERFILE, re.MULTILINE)) >= 4
    known = {"scratch", "${BASE}"}
    for image, name in stages:
        assert image in known
        known.add(name)
    assert len(re.findall("^ARG BASE=", DOCKERFILE, re.MULTILINE)) == 1
    # Nor by the way: a file of another image, or one that is downloaded.
    assert not [name for name in re.findall(r"--from=(\S+)", DOCKERFILE) if name not in known]
    assert not re.findall(r"^ADD ", DOCKERFILE, re.MULTILINE)


def test_the_dockerfile_and_its_page_say_how_it_is_pinned():
    assert DIGEST in DOCKERFILE and DIGEST in PAGE
