# SPDX-License-Identifier: Apache-2.0
"""Random mixtures of sockets: what is said to be left, against connect() and bind() until refused.

EPHEMERA_SEEDS: how many mixtures (40), EPHEMERA_FIRST_SEED: which is the first (0). A figure that
does not hold is printed with its seed, what that seed makes, and the command that repeats it.
"""

import os
import sys
import time

import pytest

from lib import bpf
from lib.namespace import enter_another, in_namespace
from lib.sockets import need_ipv6, need_kernel
from mixture import Mixture
from mixture_proof import BUCKETS, DUMP, WALK, mismatches

SEEDS = int(os.environ.get("EPHEMERA_SEEDS", "40"))
FIRST_SEED = int(os.environ.get("EPHEMERA_FIRST_SEED", "0"))

# In one process, which the kernel asks to end after that many seconds.
AT_A_TIME = 20
SECONDS = 20 + 10 * AT_A_TIME

REPEAT = ("  again: EPHEMERA_FIRST_SEED={seed} EPHEMERA_SEEDS=1 ./tests/run "
          "tests/live/test_random_mixture.py")


def report(seed, found, mixture):
    return "\n".join([f"seed {seed}:", *("  " + line for line in found), "  made, in this order:",
                      mixture.describe(), REPEAT.format(seed=seed)])


def try_seed(seed, modes):
    """What does not hold, as text, and how many figures were compared."""
    enter_another()
    mixture = Mixture(seed)
    try:
        found, compared = mismatches(mixture, modes)
        return report(seed, found, mixture) if found else "", compared
    finally:
        mixture.close()


@pytest.mark.parametrize("first", range(FIRST_SEED, FIRST_SEED + SEEDS, AT_A_TIME))
@in_namespace(seconds=SECONDS)
def test_the_kernel_gives_what_is_told(first):
    need_ipv6()
    need_kernel(6, 18, "having a port back as soon as its last bind() is gone")
    modes = [DUMP] if bpf.MISSING else [DUMP, BUCKETS, WALK]
    wrong, compared, start = [], 0, time.monotonic()
    seeds = range(first, min(first + AT_A_TIME, FIRST_SEED + SEEDS))
    for seed in seeds:
        text, count = try_seed(seed, modes)
        compared += count
        if text:
            wrong.append(text)
    print(f"{len(seeds)} seeds from {first}, {compared} figures, "
          f"{time.monotonic() - start:.1f} s", file=sys.stderr)
    assert not wrong, f"{len(wrong)} of {len(seeds)} seeds\n" + "\n".join(wrong)
    assert compared > 20 * len(seeds)
    if bpf.MISSING:
        pytest.skip(f"holds without BPF; not tried with it: {bpf.MISSING}")
