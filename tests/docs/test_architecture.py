# SPDX-License-Identifier: Apache-2.0
"""docs/architecture.md against the sources: the folders, what they may use, what it names."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "architecture.md").read_text()
ROW = re.compile(r"^\| `([a-z/]+)` \| [^|]+ \| ([^|]*) \|", re.MULTILINE)
FOLDERS = {folder: re.findall(r"`([a-z/]+)`", uses) for folder, uses in ROW.findall(PAGE)}


def reach(folder):
    found = {folder}
    for below in FOLDERS[folder]:
        found |= reach(below)
    return found


def sources(folder):
    return sorted(path for path in (ROOT / folder).iterdir() if path.suffix in (".c", ".h"))


def test_each_folder_with_sources_has_a_row():
    wanted = {str(path.parent.relative_to(ROOT))
              for top in ("collectors", "exporter") for path in (ROOT / top).rglob("*.[ch]")}
    assert set(FOLDERS) == wanted


@pytest.mark.parametrize("folder", FOLDERS)
def test_includes_run_down(folder):
    allowed = reach(folder)
    for path in sources(folder):
        for name in re.findall(r'^#include "([^"]+)"', path.read_text(), re.MULTILINE):
            below = str(Path(name).parent)
            if below == ".":
                assert (path.parent / name).exists() or name.endswith(".inc"), (path, name)
            else:
                assert below in allowed, f"{path.relative_to(ROOT)} may not include {name}"


@pytest.mark.parametrize("folder", [folder for folder in FOLDERS if folder != "collectors/bpf"])
def test_the_build_links_what_the_page_allows(folder):
    text = (ROOT / folder / "CMakeLists.txt").read_text()
    below = re.search(r"ephemera_library\(\w+ BELOW ([\w ]+?)(?: EXCEPT [^)]*)?\)", text)
    linked = {name.removeprefix("ephemera_") for name in below[1].split()} - {"flags"}
    assert linked == {Path(name).name for name in FOLDERS[folder]} - {"bpf"}


def test_what_is_named_exists():
    """Files by their name alone, functions by their definition."""
    names = {path.name for top in ("collectors", "exporter") for path in (ROOT / top).rglob("*")}
    code = "\n".join(path.read_text() for top in ("collectors", "exporter")
                     for path in (ROOT / top).rglob("*.c"))
    for name in re.findall(r"\b([a-z_]+\.[ch])\b", PAGE):
        assert name in names, name
    for name in re.findall(r"`([a-z_]+)\(\)`", PAGE):
        assert re.search(rf"^[a-z][^;=\n]*\b{name}\(", code, re.MULTILINE), name
