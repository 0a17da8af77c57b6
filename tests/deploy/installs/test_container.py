# SPDX-License-Identifier: Apache-2.0
"""The container image: what is in it, what it may do, and what it sees."""

import contextlib
import errno
import json
import os
import re
import subprocess
import urllib.request
from pathlib import Path

import pytest

from lib import containers
from lib.bpf import needs_bpf
from lib.certificates import Authority
from lib.exporter import Metrics, free_port
from lib.sockets import IPV4, close, listen, pairs, port_of, wait_until

# Not every machine allows what an engine asks for unless told; and the timer of a health check would
# be systemd's, which need not be there: the tests run the check themselves.
LIMITS = ("--ulimit", "nofile=20000:20000", "--ulimit", "nproc=4096:4096", "--no-healthcheck")
NO_RIGHTS = ("--read-only", "--cap-drop=all")
USER = 65532


@pytest.fixture(scope="module")
def image():
    return containers.built_image()


@pytest.fixture(scope="module")
def files(image):
    """The image's tree, to look at."""
    with containers.mounted(image) as tree:
        yield tree


class Container:
    """A container of the image that serves; ended, and its exit status looked at, when left."""

    def __init__(self, image, *flags, options=()):
        self.arguments = [*LIMITS, *NO_RIGHTS, *options, image, *map(str, flags)]

    def __enter__(self):
        self.name = containers.podman("run", "--detach", *self.arguments).stdout.split()[-1]
        try:
            self.pid = containers.inspect(self.name)["State"]["Pid"]
            wait_until(lambda: "Listening" in self.log() or not self.runs(), "it to listen")
            assert self.runs(), self.log()
        except BaseException:
            self._remove()
            raise
        return self

    def __exit__(self, kind, *_):
        try:
            containers.podman("stop", "--time", "10", self.name)
            status = containers.inspect(self.name)["State"]["ExitCode"]
            assert kind or status == 0, f"exit status {status}\n{self.log()}"
        finally:
            self._remove()

    def _remove(self):
        containers.podman("rm", "--force", "--time", "0", self.name)

    def runs(self):
        return containers.inspect(self.name)["State"]["Running"]

    def log(self):
        return containers.podman("logs", self.name).stderr

    def run(self, *command, check=True):
        return containers.podman("exec", self.name, "/usr/bin/ephemera", *command, check=check)

    def status(self):
        """/proc/PID/status, as a dictionary."""
        text = Path(f"/proc/{self.pid}/status").read_text()
        return dict(line.split(":\t", 1) for line in text.splitlines())

    def healthcheck(self, image):
        """What the image's HEALTHCHECK says, run as an engine does."""
        test = containers.inspect(image)["Healthcheck"]["Test"]
        assert test[0] == "CMD"
        return containers.podman("exec", self.name, *test[1:], check=False)


def scrape(port):
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as response:
        return Metrics(response.read().decode())


@contextlib.contextmanager
def held_connections(count):
    """The port of a listener on this machine's loopback that has count connections."""
    with listen(IPV4, "127.0.0.1", 0) as listener:
        port = port_of(listener)
        held = pairs(count, IPV4, listener, "127.0.0.1", port)
        try:
            yield port
        finally:
            close(end for pair in held for end in pair)


# What is in it


def test_it_is_small(image):
    assert containers.inspect(image)["Size"] <= containers.SIZE_MAX


def test_nothing_else_can_be_run(files):
    """Files with a mode that allows it; libraries have none, the loader must."""
    programs = {str(path.relative_to(files)) for path in files.rglob("*")
                if path.is_file() and not path.is_symlink() and path.stat().st_mode & 0o111}
    loaders = {name for name in programs if re.fullmatch(r"usr/lib/[^/]+/ld-linux[^/]*", name)}
    assert len(loaders) == 1
    assert programs - loaders == {"usr/bin/ephemera"}


def test_no_file_has_a_special_mode_or_can_be_written_by_others(files):
    for path in files.rglob("*"):
        mode = path.lstat().st_mode
        assert path.is_symlink() or not mode & 0o6022, path


def test_each_library_is_there_and_none_is_needless(files):
    def needed(path):
        told = subprocess.run(["readelf", "-d", path], check=True, text=True,
                              stdout=subprocess.PIPE).stdout
        return set(re.findall(r"\(NEEDED\).*\[(.*)\]", told))

    libraries = {path.name: path for path in files.glob("usr/lib/*/*.so*")}
    wanted, new = set(), needed(files / "usr/bin/ephemera")
    while new:
        wanted |= new
        new = set().union(*(needed(libraries[name]) for name in new)) - wanted
    assert wanted | {name for name in libraries if name.startswith("ld-linux")} == set(libraries)


def test_each_library_has_its_license_and_its_package_is_recorded(files):
    records = {}
    for path in (files / "var/lib/dpkg/status.d").iterdir():
        fields = dict(line.split(": ", 1) for line in path.read_text().splitlines()
                      if re.match(r"[A-Z][\w-]*: ", line))
        assert fields["Package"] == path.name and fields["Version"]
        records[path.name] = fields
        assert (files / "usr/share/doc" / path.name / "copyright").stat().st_size > 100
    assert {"libc6", "libmnl0", "libmicrohttpd12", "libcjson1", "libgnutls30"} <= set(records)
    assert (files / "usr/share/doc/ephemera/LICENSE").read_text().count("Apache License") > 0


def test_its_configuration(image):
    told = containers.inspect(image)
    config = told["Config"]
    assert config["User"] == f"{USER}:{USER}"
    assert config["Entrypoint"] == ["/usr/bin/ephemera"] and not config.get("Cmd")
    assert set(config["ExposedPorts"]) == {"10059/tcp"}
    labels = {name.removeprefix("org.opencontainers.image."): value
              for name, value in config["Labels"].items() if name.startswith("org.opencontainers")}
    assert {"title", "description", "source", "documentation", "licenses", "version", "revision",
            "created", "vendor"} <= set(labels)
    assert all(labels.values()) and labels["licenses"] == "Apache-2.0"


def test_its_version_is_the_projects(image):
    version = containers.podman("run", "--rm", *LIMITS, *NO_RIGHTS, image, "--version").stdout
    label = containers.inspect(image)["Config"]["Labels"]["org.opencontainers.image.version"]
    assert version.split()[:2] == ["ephemera", label]


# What it sees, and may do


def test_the_hosts_connections_without_any_right(image):
    """As docs/container.md says it."""
    port = free_port()
    flags = (f"--web.listen-address=127.0.0.1:{port}",
             "--collector.destinations.minimum-ports=1")
    with held_connections(7) as destination, \
            Container(image, *flags, options=("--network=host",)) as container:
        samples = scrape(port).samples("ephemera_destination_ports", destination="127.0.0.1",
                                       destination_port=destination, state="active")
        assert [value for _, value in samples] == [7]

        status = container.status()
        assert status["Uid"].split() == 4 * [str(USER)]
        assert status["Gid"].split() == 4 * [str(USER)]
        for which in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
            assert int(status[which], 16) == 0, which
        assert status["NoNewPrivs"] == "1" and status["Seccomp"] == "2"
        mounts = Path(f"/proc/{container.pid}/mountinfo").read_text()
        root = next(line.split() for line in mounts.splitlines() if line.split()[4] == "/")
        assert "ro" in root[5].split(",")


def test_a_container_sees_its_own_network_only(image):
    with held_connections(5), Container(image, options=("--network=none",)) as container:
        seen = Metrics(container.run("metrics").stdout)
        assert seen.total("ephemera_tcp_connections") == 0
        assert seen.total("ephemera_sockets", protocol="tcp", state="listen") == 1


def test_the_range_is_that_of_the_containers_network(image):
    options = ("--network=none", "--sysctl", "net.ipv4.ip_local_port_range=41000 41099",
               "--sysctl", "net.ipv4.ip_local_reserved_ports=41010-41019")
    with Container(image, options=options) as container:
        seen = Metrics(container.run("metrics").stdout)
        assert seen.value("ephemera_range_first_port") == 41000
        assert seen.value("ephemera_range_usable_ports") == 90


def test_its_health(image, folder):
    with Container(image, options=("--network=none",)) as container:
        done = container.healthcheck(image)
        assert done.returncode == 0 and ":10059 answers: 200" in done.stdout
        other = container.run("healthcheck", "--web.listen-address=127.0.0.1:1", check=False)
        assert other.returncode == 1 and "refused" in other.stderr


def test_its_health_where_flags_have_it_listen_elsewhere(image):
    with Container(image, "--web.listen-address=127.0.0.1:9100",
                   options=("--network=none",)) as container:
        done = container.healthcheck(image)
        assert done.returncode == 0 and "127.0.0.1:9100 answers: 200" in done.stdout


def test_it_is_unhealthy_while_it_hangs(image):
    with Container(image, options=("--network=none",)) as container:
        os.kill(container.pid, 19)
        try:
            assert container.healthcheck(image).returncode == 1
        finally:
            os.kill(container.pid, 18)


def test_tls_from_a_mounted_directory(image, folder):
    authority = Authority(folder)
    server = authority.issue("server")
    files = folder / "web"
    files.mkdir()
    (files / "server.crt").write_bytes(server.certificate.read_bytes())
    (files / "server.key").write_bytes(server.key.read_bytes())
    (files / "web.yml").write_text(
        "tls_server_config:\n  cert_file: server.crt\n  key_file: server.key\n")
    os.chmod(files, 0o755)
    for path in files.iterdir():
        os.chown(path, USER, USER)
    port = free_port()
    with Container(image, f"--web.listen-address=127.0.0.1:{port}",
                   "--web.config.file=/etc/ephemera/web.yml",
                   options=("--network=host", "--volume", f"{files}:/etc/ephemera:ro")) as container:
        got = subprocess.run(["curl", "-sS", "--cacert", authority.certificate,
                              f"https://localhost:{port}/metrics"], text=True,
                             stdout=subprocess.PIPE, stderr=subprocess.STDOUT).stdout
        assert "ephemera_range_usable_ports" in got
        done = container.healthcheck(image)
        assert done.returncode == 0 and "over TLS" in done.stdout


def test_what_is_on_a_port_with_the_rights_it_takes(image):
    """As root with two capabilities and the host's processes, it names them."""
    options = ("--rm", *LIMITS, "--read-only", "--network=host", "--pid=host", "--user=0",
               "--cap-drop=all", "--cap-add=SYS_PTRACE", "--cap-add=DAC_READ_SEARCH")
    with held_connections(1) as port:
        done = containers.podman("run", *options, image, "port", str(port), "--json")
        assert str(os.getpid()) in done.stdout
        answer = json.loads(done.stdout[done.stdout.index("{"):])
        assert answer["ports"][0]["port"] == port
        unnamed = containers.podman("run", "--rm", *LIMITS, *NO_RIGHTS, "--network=host", image,
                                    "port", str(port), "--json")
        assert f'"pid":{os.getpid()}' not in unnamed.stdout.replace(" ", "")


# What to add so that BPF programs can be loaded, as docs/container.md has it.
BPF = ("--user=0", "--cap-add=BPF", "--cap-add=PERFMON", "--cap-add=SETUID", "--cap-add=SETGID",
       "--security-opt=no-new-privileges")
# The list of calls of Debian 12's podman has bpf() for CAP_SYS_ADMIN only.
ANY_CALL = "--security-opt=seccomp=unconfined"

# A range of ten ports, so that the eleventh connection fails; and what the exporter says then.
ELEVEN = """
import socket, urllib.request
server = socket.create_server(("127.0.0.1", 30001))
held = [socket.socket() for _ in range(11)]
errors = [one.connect_ex(("127.0.0.1", 30001)) for one in held]
with urllib.request.urlopen("http://127.0.0.1:10059/metrics", timeout=10) as answer:
    print([error for error in errors if error], answer.read().decode(), sep="\\n", end="")
"""


def counted_in(container):
    """What the kernel said of eleven connections, and the exporter's metrics after it."""
    done = subprocess.run(["nsenter", f"--target={container.pid}", "--net", "/usr/bin/python3", "-c", ELEVEN],
                          check=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, timeout=60)
    refused, _, text = done.stdout.partition("\n")
    return json.loads(refused), Metrics(text)


def ten_ports(*options):
    return {"options": ("--network=none", "--sysctl", "net.ipv4.ip_local_port_range=40000 40009", *options)}


# A destination of ten ports is shown if it is asked for.
SHOW_ALL = "--collector.destinations.minimum-ports=1"


def read_by(metrics):
    """The source of TCP sockets."""
    [(labels, value)] = metrics.samples("ephemera_socket_source_info", protocol="tcp")
    assert value == 1
    return labels["source"]


def assert_is_nobody(container):
    status = container.status()
    assert status["Uid"].split() == status["Gid"].split() == 4 * ["65534"]
    for which in ("CapInh", "CapPrm", "CapEff", "CapAmb"):
        assert int(status[which], 16) == 0, which
    assert "level=warn" not in container.log()


@needs_bpf
def test_sockets_are_read_by_bpf_with_the_rights_it_takes(image):
    page = (containers.REPOSITORY / "docs" / "container.md").read_text(encoding="utf-8")
    section = re.search(r"^## Reading sockets by BPF\n(.*?)^## ", page, re.M | re.S)[1]
    assert all(option in section for option in (*BPF, ANY_CALL))
    with Container(image, SHOW_ALL, **ten_ports(*BPF, ANY_CALL)) as container:
        refused, found = counted_in(container)
        assert refused == [errno.EADDRNOTAVAIL]
        assert read_by(found) == "bpf"
        assert found.value("ephemera_destination_ports", destination="127.0.0.1", destination_port="30001",
                           state="active") == 10
        assert_is_nobody(container)


@pytest.mark.parametrize("options", [(ANY_CALL,), BPF], ids=["no rights", "a list without bpf()"])
def test_where_bpf_is_refused_sockets_are_read_by_sock_diag(image, options):
    with Container(image, SHOW_ALL, "--log.level=debug", **ten_ports(*options)) as container:
        _, found = counted_in(container)
        assert read_by(found) == "sock_diag"
        assert found.value("ephemera_destination_ports", destination="127.0.0.1", destination_port="30001",
                           state="active") == 10
        [line] = [line for line in container.log().splitlines() if "Cannot read sockets by BPF" in line]
        assert "level=debug" in line and "CAP_BPF and CAP_PERFMON" in line
        assert "level=warn" not in container.log()


@needs_bpf
def test_failures_are_counted_with_the_rights_it_takes(image):
    page = (containers.REPOSITORY / "docs" / "container.md").read_text(encoding="utf-8")
    assert all(option in page for option in (*BPF, ANY_CALL))
    with Container(image, "--collector.exhaustion", **ten_ports(*BPF, ANY_CALL)) as container:
        refused, found = counted_in(container)
        assert refused == [errno.EADDRNOTAVAIL]
        assert found.value("ephemera_port_exhaustion_errors_total", family="ipv4") == 1
        # One start and one list of capabilities for both.
        assert read_by(found) == "bpf"
        assert_is_nobody(container)


@pytest.mark.parametrize("options", [(ANY_CALL,), BPF], ids=["no rights", "a list without bpf()"])
def test_where_failures_cannot_be_counted_all_else_works(image, options):
    with Container(image, "--collector.exhaustion", **ten_ports(*options)) as container:
        refused, found = counted_in(container)
        assert refused == [errno.EADDRNOTAVAIL]
        assert found.value("ephemera_scrape_collector_success", collector="exhaustion") == 0
        assert found.value("ephemera_scrape_collector_success", collector="range") == 1
        assert "CAP_BPF and CAP_PERFMON" in container.log()


def test_what_is_wrong_ends_it(image):
    done = containers.podman("run", "--rm", *LIMITS, *NO_RIGHTS, image, "--nonsense", check=False)
    assert done.returncode == 2 and "--nonsense" in done.stderr


# How it is built


def test_the_stage_that_tests():
    told = containers.build(containers.TEST_IMAGE, "--target", "test")
    assert "100% tests passed" in told
