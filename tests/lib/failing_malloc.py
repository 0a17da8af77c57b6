# SPDX-License-Identifier: Apache-2.0
"""Lets a running program's allocations fail, by tests/lib/failing_malloc.c.

    with FailingMalloc(directory_of_the_library) as memory, Exporter(env=memory.environment):
        memory.fail(EVERY, 10)
        ...
        memory.recover()
"""

import mmap
import os
import tempfile
from pathlib import Path

# As in failing_malloc.c.
OFF, ONCE, EVERY, LARGE, CHANCE = range(5)
MODE, VALUE, CALLS, FAILURES, BLOCKS = range(5)


class FailingMalloc:
    """Allocations fail between fail() and recover(), and not before."""

    def __init__(self, tree):
        self.library = Path(tree) / "tests/lib/failing_malloc.so"

    def __enter__(self):
        descriptor, self.path = tempfile.mkstemp(prefix="ephemera-")
        try:
            os.ftruncate(descriptor, mmap.PAGESIZE)
            self.words = memoryview(mmap.mmap(descriptor, mmap.PAGESIZE)).cast("q")
        finally:
            os.close(descriptor)
        return self

    def __exit__(self, *_):
        os.unlink(self.path)

    @property
    def environment(self):
        return {"LD_PRELOAD": str(self.library), "FAILING_MALLOC": self.path}

    def fail(self, mode, value):
        """value: which call, how many bytes, or of 1,000 calls how many."""
        self.words[MODE] = OFF
        self.words[VALUE] = value
        self.words[CALLS] = self.words[FAILURES] = 0
        self.words[MODE] = mode

    def recover(self):
        """Gives how many calls failed."""
        self.words[MODE] = OFF
        return self.words[FAILURES]

    @property
    def calls(self):
        """Since the last fail()."""
        return self.words[CALLS]

    @property
    def blocks(self):
        """In use by the program."""
        return self.words[BLOCKS]
