# SPDX-License-Identifier: Apache-2.0
"""The tarball of a release, from a clone, so of what is committed: the same bytes whoever makes it, and enough by itself."""
import shutil

import pytest
from debs import PLACE, VERSION
from harness import ROOT, run

pytestmark = pytest.mark.skipif(not (ROOT / ".git").exists(), reason="a tarball is made from git")


@pytest.fixture(scope="module")
def clone():
    place = PLACE / "dist"
    shutil.rmtree(place, ignore_errors=True)
    run("git", "clone", "-q", "--no-hardlinks", ROOT, place / "clone")
    return place / "clone"


def test_it_is_the_same_wherever_it_is_made(clone):
    made = []
    for name, umask, env in (("a", "022", {}), ("b", "077", {"TZ": "Pacific/Kiritimati", "LC_ALL": "C.UTF-8"})):
        run("sh", "-c", f"umask {umask} && exec make -C {clone} dist O={clone.parent / name}", env=env)
        made.append((clone.parent / name / f"muster-{VERSION}.tar.gz").read_bytes())
    assert made[0] == made[1]


def test_it_is_enough(clone):
    """It builds, passes the unit tests, installs, and takes all of it away again."""
    done = run("make", "-C", clone, "distcheck", f"O={clone.parent / 'check'}", timeout=1800)
    assert f"muster-{VERSION}.tar.gz is good" in done.stdout
