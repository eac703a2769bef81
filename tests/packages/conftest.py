# SPDX-License-Identifier: Apache-2.0
"""The packages of this version, made once for all who look at them."""
import pathlib
import sys

import pytest

TESTS = pathlib.Path(__file__).resolve().parents[1]
sys.path[:0] = [str(TESTS / "pid1"), str(TESTS / "system")]
from debs import PLACE, VERSION, build  # noqa: E402


@pytest.fixture(scope="session")
def debs():
    return build(PLACE / "now", VERSION)
