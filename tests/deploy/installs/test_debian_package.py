# SPDX-License-Identifier: Apache-2.0
"""The Debian package: what lintian says of it, what is in it, and its life in a Debian of its own,
from apt-get install to a purge that leaves nothing. What it does under systemd, see
test_systemd_vm.py."""

import gzip
import os
import re
import shutil
import subprocess
from collections import namedtuple

import pytest

import lib.exporter
from lib import debian, package
from lib.exporter import REPOSITORY, Exporter
from lib.sockets import IPV4, connect_many, listen

VERSION = re.search(r"project\(ephemera VERSION (\S+)", (REPOSITORY / "CMakeLists.txt").read_text())[1]
NEWER, NEWEST = "99.0~rc1", "99.0"
HELD = 23

WANTS = "etc/systemd/system/multi-user.target.wants/ephemera.service"

DOC, SHARE = "usr/share/doc/ephemera", "usr/share/ephemera"
CONTENTS = {
    "etc/default/ephemera", "usr/bin/ephemera",
    "usr/lib/systemd/system/ephemera.service", "usr/lib/systemd/system/ephemera.socket",
    "usr/lib/systemd/system/ephemera-leases.service",
    "usr/share/bash-completion/completions/ephemera",
    "usr/share/fish/vendor_completions.d/ephemera.fish",
    "usr/share/zsh/vendor-completions/_ephemera",
    "usr/share/lintian/overrides/ephemera", "usr/share/man/man8/ephemera.8.gz",
    f"{DOC}/CHANGELOG.md.gz", f"{DOC}/changelog.gz", f"{DOC}/copyright",
    f"{DOC}/examples/ephemera.service.d/api.conf", f"{DOC}/examples/ephemera.service.d/exhaustion.conf",
    f"{DOC}/examples/ephemera.service.d/snat.conf", f"{DOC}/examples/ephemera.service.d/socket.conf",
    f"{DOC}/examples/ephemera.service.d/tls.conf", f"{DOC}/examples/ephemera.service.d/walk.conf",
    f"{DOC}/examples/sysctl.d/90-ephemera.conf", f"{DOC}/README.md", f"{DOC}/SECURITY.md",
    f"{DOC}/docs/openapi.yaml",
    *(f"{DOC}/{path.relative_to(REPOSITORY)}" for pattern in ("*.md", "images/*")
      for path in (REPOSITORY / "docs").glob(pattern)),
    f"{DOC}/examples/grafana/dashboards/ephemera.yaml",
    f"{DOC}/examples/grafana/datasources/ephemera.yaml",
    f"{SHARE}/rules/alerts.yaml", f"{SHARE}/rules/recording.yaml", f"{SHARE}/alertmanager-inhibit.yaml",
    *(f"{SHARE}/dashboards/{path.name}" for path in (REPOSITORY / "dashboards").glob("*.json")),
}


def said_by(*command, env=None):
    done = subprocess.run([str(word) for word in command], stdin=subprocess.DEVNULL, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=300,
                          env={**os.environ, **(env or {})})
    assert done.returncode == 0, f"{command}:\n{done.stdout[-4000:]}"
    return done.stdout


@pytest.fixture(scope="module")
def deb():
    return package.built()


@pytest.fixture(scope="module")
def newer():
    """A version of its own choice, built as the first was."""
    return package.built(f"-DEPHEMERA_PACKAGE_VERSION={NEWER}", build=debian.PLACE / "package-newer")


@pytest.fixture(scope="module")
def unpacked(deb, tmp_path_factory):
    place = tmp_path_factory.mktemp("unpacked")
    said_by("dpkg-deb", "-x", deb, place)
    return place


# What it is


def test_it_is_named_as_debian_names_packages(deb):
    architecture = said_by("dpkg", "--print-architecture").strip()
    assert deb.name == f"ephemera_{VERSION}_{architecture}.deb"
    assert package.field(deb, "Architecture") == architecture


def test_lintian_has_nothing_to_say(deb):
    # Informational ones, too; what is meant to be so has a reason in deploy/debian/lintian-overrides.
    done = subprocess.run(["lintian", "--allow-root", "--display-info", "--tag-display-limit=0", deb],
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True, timeout=300)
    assert (done.returncode, written_by_us(done.stdout)) == (0, [])


def written_by_us(said):
    """Lintian's lines, without words that machine code happens to spell."""
    sources = "\n".join(path.read_text(encoding="utf-8") for top in ("collectors", "exporter")
                        for path in (REPOSITORY / top).rglob("*.[ch]"))
    found = [re.search(r"spelling-error-in-binary (\S+) ", line) for line in said.splitlines()]
    return [line for line, word in zip(said.splitlines(), found) if not word or word[1] in sources]


def test_a_word_of_ours_is_not_left_out():
    line = "I: ephemera: spelling-error-in-binary {} with [usr/bin/ephemera]\n"
    assert written_by_us(line.format("ephemeral") + line.format("wTH")) == \
        [line.format("ephemeral").rstrip()]
    assert written_by_us("W: ephemera: no-manual-page") == ["W: ephemera: no-manual-page"]


def test_lintian_would_have_something_to_say(deb, tmp_path):
    broken = tmp_path / "tree"
    said_by("dpkg-deb", "--raw-extract", deb, broken)
    (broken / DOC / "copyright").unlink()
    said_by("dpkg-deb", "--root-owner-group", "--build", broken, tmp_path / "broken.deb")
    done = subprocess.run(["lintian", "--allow-root", tmp_path / "broken.deb"], text=True,
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, timeout=300)
    assert done.returncode != 0 and "no-copyright-file" in done.stdout


def test_what_is_in_it(unpacked):
    files = {str(path.relative_to(unpacked)): path for path in unpacked.rglob("*") if not path.is_dir()}
    assert files.keys() == CONTENTS
    for name, path in files.items():
        assert path.stat().st_mode & 0o7777 == (0o755 if name == "usr/bin/ephemera" else 0o644), name
    for path in unpacked.rglob("*"):
        assert not path.is_dir() or path.stat().st_mode & 0o7777 == 0o755, path


def test_it_is_what_an_ordinary_installation_has(unpacked, tmp_path):
    said_by("cmake", "--install", package.BUILD, env={"DESTDIR": str(tmp_path)})
    for path in (path for path in tmp_path.rglob("*") if path.is_file()):
        there = unpacked / path.relative_to(tmp_path)
        if path.name == "ephemera" and path.parent.name == "bin":
            assert there.stat().st_size < path.stat().st_size  # stripped
        elif there.exists():
            assert there.read_bytes() == path.read_bytes(), path
        else:
            compressed = gzip.decompress(there.with_name(there.name + ".gz").read_bytes())
            assert compressed == path.read_bytes(), path


def test_the_program_is_hardened(unpacked):
    said = said_by("readelf", "--wide", "-hdSl", unpacked / "usr/bin/ephemera")
    assert re.search(r"Type: +DYN \(Position-Independent", said)
    assert "BIND_NOW" in said and "GNU_RELRO" in said
    assert ".symtab" not in said and ".debug" not in said and ".comment" not in said
    assert re.search(r"GNU_STACK .* RW ", said)


def test_it_asks_for_the_libraries_that_the_program_has(deb, unpacked):
    needed = re.findall(r"NEEDED.*\[(lib\w+)[.-]", said_by("readelf", "-d", unpacked / "usr/bin/ephemera"))
    wanted = re.findall(r"(?:^|, )(lib[a-z]+|zlib)", package.field(deb, "Depends"))
    assert len(wanted) == len(set(needed) - {"libm"}) > 8, (needed, wanted)
    assert {"libmicrohttpd", "libmnl", "libgnutls", "libseccomp"} <= set(wanted)


def test_the_version_can_be_another_one(newer, tmp_path):
    assert package.field(newer, "Version") == NEWER
    said_by("dpkg-deb", "-x", newer, tmp_path)
    changelog = gzip.decompress((tmp_path / DOC / "changelog.gz").read_bytes()).decode()
    assert changelog.startswith(f"ephemera ({NEWER}) stable;")


def test_another_prefix_is_refused(tmp_path):
    done = subprocess.run(["cmake", "--preset", "package", "-B", tmp_path, "-DCMAKE_INSTALL_PREFIX=/opt"],
                          cwd=REPOSITORY, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, timeout=120)
    assert done.returncode != 0 and "The prefix of a Debian package must be /usr" in done.stdout


# Installed

# What apt and dpkg keep for themselves.
THEIRS = ("dev", "proc", "sys", "tmp", "var/cache", "var/lib/apt", "var/lib/dpkg", "var/log")


def everything(root):
    """{path: what a link points to, or None} below root, directories included."""
    found = {}
    for folder, folders, files in os.walk(root):
        where = os.path.relpath(folder, root)
        folders[:] = [name for name in folders if os.path.normpath(f"{where}/{name}") not in THEIRS]
        for name in (*folders, *files):
            path = os.path.join(folder, name)
            found[os.path.normpath(f"{where}/{name}")] = (
                os.readlink(path) if os.path.islink(path) else None)
    return found


def install(tree, package_file, *options):
    shutil.copy(package_file, tree.root)
    try:
        return tree.run("apt-get", "install", "-y", "--no-install-recommends", *options,
                        f"/{package_file.name}").stdout
    finally:
        (tree.root / package_file.name).unlink()


def state(tree):
    return tree.run("dpkg-query", "-W", "-f", "${db:Status-Abbrev} ${Version}", "ephemera",
                    check=False).stdout


Machine = namedtuple("Machine", "tree before")


@pytest.fixture(scope="module")
def machine(deb):
    """A Debian with the package installed by apt, which fetches what it depends on."""
    with debian.Tree() as tree:
        tree.run("apt-get", "update")
        before = everything(tree.root)
        install(tree, deb)
        yield Machine(tree, before)


@pytest.fixture
def installed(machine):
    return machine.tree


def test_it_is_installed_and_whole(installed, unpacked):
    assert state(installed) == f"ii  {VERSION}"
    assert installed.run("dpkg", "--verify", "ephemera").stdout == ""
    assert installed.run("dpkg", "--audit").stdout == ""
    # Each file has its sum, and the sum that it should have.
    said = installed.run("sh", "-c", "cd / && md5sum -c /var/lib/dpkg/info/ephemera.md5sums").stdout
    assert {line.removesuffix(": OK") for line in said.splitlines()} == CONTENTS
    (installed.root / SHARE / "rules/alerts.yaml").write_text("groups: []\n")
    try:
        assert "??5" in installed.run("dpkg", "--verify", "ephemera", check=False).stdout
    finally:
        shutil.copy(unpacked / SHARE / "rules/alerts.yaml", installed.root / SHARE / "rules")


def test_the_service_is_enabled_and_the_others_are_not(installed):
    assert os.readlink(installed.root / WANTS).endswith("/lib/systemd/system/ephemera.service")
    assert not (installed.root / WANTS).with_name("ephemera-leases.service").is_symlink()
    assert not list(installed.root.glob("etc/systemd/system/sockets.target.wants/ephemera*"))


def test_it_serves_a_held_connection(installed, monkeypatch):
    monkeypatch.setattr(lib.exporter, "BINARY", "/usr/bin/ephemera")
    with listen(IPV4, "127.0.0.1", 0) as listener:
        port = listener.getsockname()[1]
        kept = connect_many(HELD, IPV4, "127.0.0.1", port)
        with Exporter("--collector.destinations.minimum-ports=1", "--collector.destinations.limit=1000",
                      wrapper=installed.wrapper()) as exporter:
            found = exporter.metrics()
            assert os.readlink(f"/proc/{exporter.pid}/exe").endswith("/usr/bin/ephemera")
        assert found.value("ephemera_destination_ports", destination="127.0.0.1",
                           destination_port=port, state="active") == HELD
        assert found.value("ephemera_build_info", version=VERSION) == 1
        del kept


def test_the_manual_and_the_completions_are_there(installed):
    page = gzip.decompress((installed.root / "usr/share/man/man8/ephemera.8.gz").read_bytes())
    assert page == (package.BUILD / "manual" / "ephemera.8").read_bytes()
    said = installed.run("bash", "-c", ". /usr/share/bash-completion/completions/ephemera && complete -p ephemera")
    assert said.stdout.endswith(" ephemera\n")


# Upgraded, removed, purged

SETTINGS_NEWER = "# of the newer version\n"
SETTINGS_NEWEST = "# of the newest version\n"
MINE = "EPHEMERA_FLAGS=--log.level=warn\n"


@pytest.fixture(scope="module")
def history(machine, newer, tmp_path_factory):
    """What was seen after each step."""
    tree, folder = machine.tree, tmp_path_factory.mktemp("newer")
    settings = tree.root / package.SETTINGS
    seen = {}

    def see(step):
        seen[step] = (state(tree), everything(tree.root),
                      settings.read_text() if settings.exists() else None)

    second = package.repacked(newer, NEWER, SETTINGS_NEWER, folder)
    third = package.repacked(newer, NEWEST, SETTINGS_NEWEST, folder)
    install(tree, second)
    see("upgraded")
    # As systemctl disable does; and flags of the administrator's own.
    (tree.root / WANTS).unlink()
    settings.write_text(MINE)
    install(tree, third, "-o", "Dpkg::Options::=--force-confdef", "-o", "Dpkg::Options::=--force-confold")
    see("upgraded again")
    tree.run("apt-get", "remove", "-y", "ephemera")
    see("removed")
    install(tree, third)
    see("installed again")
    tree.run("apt-get", "purge", "-y", "--autoremove", "ephemera")
    see("purged")
    return seen


def test_an_upgrade_replaces_settings_that_nobody_has_changed(history):
    status, files, settings = history["upgraded"]
    assert status == f"ii  {NEWER}" and settings == SETTINGS_NEWER
    assert WANTS in files


def test_an_upgrade_keeps_what_the_administrator_decided(history):
    status, files, settings = history["upgraded again"]
    assert status == f"ii  {NEWEST}" and settings == MINE
    assert package.SETTINGS + ".dpkg-dist" in files
    assert WANTS not in files


def test_removal_leaves_the_settings_alone(history, machine):
    status, files, settings = history["removed"]
    assert status == f"rc  {NEWEST}" and settings == MINE
    assert not {name for name in CONTENTS if name in files} - {package.SETTINGS}
    status, files, settings = history["installed again"]
    assert status == f"ii  {NEWEST}" and settings == MINE
    assert WANTS not in files


def test_a_purge_leaves_nothing(history, machine):
    status, files, settings = history["purged"]
    assert "no packages found" in status and settings is None
    assert files == machine.before
