# SPDX-License-Identifier: Apache-2.0
"""The image for arm64: made by Debian's cross compiler, and run on an emulated machine, where it has
the system calls of that architecture."""

import re
import struct

import pytest

from lib import containers, small_machine
from lib.exporter import COLLECTORS, Metrics

EM_AARCH64 = 183
HELD = 7

# httpd waits for a request; the shell's end of each connection does not send one.
SCRIPT = small_machine.LOAD_MODULES + f"""
echo 41000 41099 >/proc/sys/net/ipv4/ip_local_port_range
httpd -p 127.0.0.1:9000 -h /tmp
for i in $(seq {HELD}); do sleep 600 | nc 127.0.0.1 9000 >/dev/null & done
sleep 2
/usr/bin/ephemera --web.enable-api --collector.destinations.minimum-ports=1 2>/log &
pid=$!
for i in $(seq 60); do /usr/bin/ephemera healthcheck >/dev/null 2>&1 && break; sleep 1; done
echo == health
/usr/bin/ephemera healthcheck --process=$pid
echo == metrics
wget -q -O - http://127.0.0.1:10059/metrics
echo == ports
wget -q -O - http://127.0.0.1:10059/api/v1/ports/9000
echo
echo == status
cat /proc/$pid/status
kill $pid
wait $pid
echo == ended
echo $?
echo == log
cat /log
"""


@pytest.fixture(scope="module")
def files():
    """The image's tree."""
    name = containers.IMAGE + "-arm64"
    # What is usual elsewhere, buildah before 1.30 has to be told.
    containers.build(name, "--platform", "linux/arm64", "--build-arg", "BUILDPLATFORM=linux/amd64")
    told = containers.inspect(name)
    assert told["Architecture"] == "arm64" and told["Size"] <= containers.SIZE_MAX
    with containers.mounted(name) as tree:
        yield tree


@pytest.fixture(scope="module")
def said(files):
    """{part of the script: what it wrote}"""
    text = small_machine.run(small_machine.Machine("arm64"), files, SCRIPT, seconds=300)
    parts = re.split(r"^== (\w+)\n", text, flags=re.M)
    return dict(zip(parts[1::2], parts[2::2]))


def test_every_program_in_it_is_for_arm64(files):
    programs = [files / "usr/bin/ephemera", *files.glob("usr/lib/*/*.so*")]
    assert len(programs) > 15
    for path in programs:
        head = path.read_bytes()[:20]
        assert head[:4] == b"\x7fELF" and struct.unpack_from("<H", head, 18)[0] == EM_AARCH64, path
    assert (files / "lib/ld-linux-aarch64.so.1").resolve().is_relative_to(files)


def test_it_shows_what_is_held(said):
    seen = Metrics(said["metrics"])
    assert seen.value("ephemera_destination_ports", destination="127.0.0.1",
                      destination_port=9000, state="active") == HELD
    assert seen.value("ephemera_range_usable_ports") == 100
    succeeded = seen.samples("ephemera_scrape_collector_success")
    assert len(succeeded) == len(COLLECTORS) and all(value == 1 for _, value in succeeded)


def test_it_answers_the_api_and_the_health_check(said):
    assert "answers: 200" in said["health"]
    assert '"port":9000' in said["ports"] and '"listen"' in said["ports"]


def test_it_is_confined(said):
    status = dict(line.split(":\t", 1) for line in said["status"].splitlines() if ":\t" in line)
    assert status["Uid"].split()[0] == "65534"
    assert status["Seccomp"] == "2" and status["NoNewPrivs"] == "1"
    # CAP_SYS_PTRACE and CAP_DAC_READ_SEARCH, which the API's names take.
    assert int(status["CapEff"], 16) == 1 << 19 | 1 << 2


def test_nothing_goes_wrong_and_it_ends(said):
    assert said["ended"].split()[0] == "0", said["log"]
    assert "level=warn" not in said["log"] and "level=error" not in said["log"], said["log"]
    assert "seccomp=on" in said["log"]
