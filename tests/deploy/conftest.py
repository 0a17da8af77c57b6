# SPDX-License-Identifier: Apache-2.0
"""What several files of this folder use."""

import shutil

import pytest

import kube


@pytest.fixture(scope="session")
def example_chart(tmp_path_factory):
    """The chart that has Ephemera's as a dependency, as `helm dependency build` leaves it."""
    folder = tmp_path_factory.mktemp("charts")
    shutil.copytree(kube.CHART.parent, folder / "chart")
    kube.call("helm", "dependency", "build", folder / "chart" / "example")
    return folder / "chart" / "example"
