# SPDX-License-Identifier: Apache-2.0
"""The system ring's real programs, here with faults."""
import pathlib
import shutil
import sys
import tempfile

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "system"))
from fault import Fault  # noqa: E402
from harness import Vendor  # noqa: E402


@pytest.fixture(scope="module")
def folder():
    path = pathlib.Path(tempfile.mkdtemp(prefix="muster-", dir="/tmp"))
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture(scope="module")
def fault(folder):
    return Fault(folder)


@pytest.fixture(scope="module")
def vendor(folder):
    return Vendor(folder)
