# SPDX-License-Identifier: Apache-2.0
"""What `make install` puts down works for an outsider: header, library, pkg-config file."""
import os
import subprocess

import pytest
from harness import BUILD, INSTRUMENTED, ROOT, run

PROGRAM = """
#include <muster.h>
#include <stdio.h>
int main(void)
{
	struct muster *m = muster_new();
	int wrong = muster_set(m, "nonsense", "x");
	printf("%s %d %s\\n", muster_version(), wrong < 0, muster_error_name(m));
	muster_free(m);
	return 0;
}
"""


def make(*args):
    done = subprocess.run(["make", f"O={BUILD}", *args], cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr


def install(folder):
    """Under a folder's usr; its place, and what the compiler and the loader need to find it there."""
    make("install", f"DESTDIR={folder / 'root'}", f"PREFIX={folder / 'usr'}")
    usr = folder / "root" / str(folder / "usr").lstrip("/")
    (folder / "usr").symlink_to(usr)
    return usr, {"PKG_CONFIG_PATH": str(usr / "lib" / "pkgconfig"), "LD_LIBRARY_PATH": str(usr / "lib")}


@pytest.mark.skipif(INSTRUMENTED, reason="an outsider's program is not instrumented")
def test_install_use_and_uninstall(folder):
    usr, env = install(folder)
    (folder / "x.c").write_text(PROGRAM)
    for compiler, more in (("gcc", ["-std=c99", "-pedantic-errors", "-Wall", "-Wextra", "-Werror"]),
                           ("g++", ["-x", "c++", "-std=c++11", "-Wall", "-Wextra", "-Werror"])):
        flags = run("pkg-config", "--cflags", "--libs", "libmuster", env=env).stdout.split()
        run(compiler, *more, folder / "x.c", "-o", folder / "x", *flags)
        out = run(folder / "x", env=env).stdout
        assert out.endswith(" 1 CONFIG_INVALID\n"), out
    static = run("pkg-config", "--static", "--libs", "libmuster", env=env).stdout.split()
    run("gcc", folder / "x.c", "-I", usr / "include", "-o", folder / "y", usr / "lib" / "libmuster.a",
        *[f for f in static if f != "-lmuster"])
    assert run(folder / "y").stdout.endswith(" 1 CONFIG_INVALID\n")
    make("uninstall", f"DESTDIR={folder / 'root'}", f"PREFIX={folder / 'usr'}")
    assert [f for _, _, files in os.walk(usr) for f in files] == []


def test_the_library_shows_its_map_and_nothing_else():
    declared = {line.strip().rstrip(";") for line in (ROOT / "client" / "libmuster.map").read_text().splitlines()
                if line.strip().startswith("muster_")}
    dynamic = run("nm", "-D", "--defined-only", BUILD / "libmuster.so.0").stdout.splitlines()
    shown = {line.split()[2].split("@")[0] for line in dynamic if line.split()[1] == "T"}
    assert shown == declared
    header = (ROOT / "client" / "include" / "muster.h").read_text()
    assert all(f"{name}(" in header for name in declared)
