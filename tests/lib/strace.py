# SPDX-License-Identifier: Apache-2.0
"""Runs a program under strace, to see its system calls or to delay them."""

import os
import shutil

import pytest

# LeakSanitizer would want to trace as well.
ENVIRONMENT = {"ASAN_OPTIONS": "detect_leaks=0"}


def tracing(*options, output=os.devnull):
    """The words that a command goes behind."""
    if not (strace := shutil.which("strace")):
        pytest.skip("strace is not installed")
    return [strace, "-qq", "-o", output, *options]


def delaying(calls, delay, *options):
    """delay: in microseconds, as delay_enter=N or delay_exit=N. calls: with commas."""
    return tracing("-e", f"trace={calls}", "-e", f"inject={calls}:{delay}", *options)
