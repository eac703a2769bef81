# SPDX-License-Identifier: Apache-2.0
"""The Debian packages, by `make deb`."""
import re
import shutil

from harness import BUILD, ROOT, run

PLACE = BUILD / "packages"
VERSION = re.search(r"^VERSION := (\S+)$", (ROOT / "Makefile").read_text(), re.M)[1]


def build(place, version, source=ROOT, umask="022", **env):
    """The packages by name."""
    shutil.rmtree(place, ignore_errors=True)
    run("sh", "-c", f"umask {umask} && exec make -C {source} deb O={place} VERSION={version}", env=env, timeout=1800)
    debs = {path.name.split("_")[0]: path for path in (place / "deb").glob(f"*_{version}_*.deb")}
    return {name: path for name, path in debs.items() if not name.endswith("-dbgsym")}


def sources(name):
    """A copy of them, without git."""
    place = PLACE / name / "sources"
    shutil.rmtree(place, ignore_errors=True)
    run("sh", "packaging/source.sh", place, cwd=ROOT)
    return place
