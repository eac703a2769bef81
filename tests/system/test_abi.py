# SPDX-License-Identifier: Apache-2.0
"""The interface that libmuster promises: what `make check` compares, and that it sees every kind of change."""
import os
import re
import subprocess

import pytest
from harness import BUILD, INSTRUMENTED, ROOT, run

BASELINE = ROOT / "client" / "libmuster.abi"
SCRIPT = ROOT / "tests" / "lint" / "abi.sh"

pytestmark = pytest.mark.skipif(INSTRUMENTED, reason="an instrumented library has other symbols")


def check(baseline, library=BUILD / "libmuster.so.0", **env):
    return subprocess.run(["sh", SCRIPT, "check", library, baseline], capture_output=True, text=True, timeout=60, env={**os.environ, **env})


def test_the_library_is_what_was_promised():
    done = check(BASELINE)
    assert done.returncode == 0, done.stdout + done.stderr


HEADER = "struct lib_public { int a; char b; }; struct lib; int lib_one(struct lib *, int); int lib_two(struct lib_public *);\n"
SOURCE = '#include "lib.h"\nstruct lib { int inside; };\nint lib_one(struct lib *l, int n) { return l->inside + n; }\n' \
    "int lib_two(struct lib_public *p) { return p->a; }\n"
CHANGES = {
    "a new function": (lambda text: text + "int lib_three(void);\n", lambda text: text + "int lib_three(void) { return 3; }\n", "lib_three"),
    "one less": (lambda text: text.replace(" int lib_two(struct lib_public *);", ""), lambda text: re.sub(r"int lib_two.*\n", "", text), "lib_two"),
    "an argument of another type": (lambda text: text.replace("*, int)", "*, long)"), lambda text: text.replace("int n)", "long n)"), "lib_one"),
    "a result of another type": (lambda text: text.replace("int lib_one", "long lib_one"), lambda text: text.replace("int lib_one", "long lib_one"), "lib_one"),
    "a member in a public struct's padding": (lambda text: text.replace("char b;", "char b; char c;"), lambda text: text, "lib_two"),
}


def library(folder, name, header, source):
    place = folder / name
    place.mkdir()
    (place / "lib.h").write_text(header)
    (place / "lib.c").write_text(source)
    run("gcc", "-g", "-shared", "-fPIC", "-Wl,-soname,lib.so.0", "lib.c", "-o", "lib.so.0", cwd=place)
    return place / "lib.so.0"


def compare(folder, header, source):
    """What the check says of a library that was promised as it stands above, and is this one now."""
    baseline, before = folder / "abi", library(folder, "before", HEADER, SOURCE)
    run("sh", SCRIPT, "write", before, baseline, env={"HEADERS": str(before.parent)})
    after = library(folder, "after", header, source)
    return check(baseline, after, HEADERS=str(after.parent))


def test_what_nobody_sees_may_change(folder):
    assert compare(folder, HEADER, SOURCE.replace("int inside;", "char *more; int inside;")).returncode == 0


@pytest.mark.parametrize("what", CHANGES)
def test_a_change_is_seen(folder, what):
    header, source, name = CHANGES[what]
    done = compare(folder, header(HEADER), source(SOURCE))
    assert done.returncode == 1 and name in done.stdout and "make abi" in done.stderr, done.stdout + done.stderr
