# SPDX-License-Identifier: Apache-2.0
"""The RPM packages, as far as a Debian can tell: that the spec builds them, what is in them, and what their scripts do in a root of its
own, without the macros for units that only Fedora's relatives have."""
import collections
import os
import re
import shutil

import pytest
from box import make_tree, needs_boxes
from debs import PLACE, VERSION
from harness import ROOT, run
from test_packages import DOCUMENTS
from mentions import dead_links

NAMES = ["muster-client", "muster-devel", "muster-doc", "muster-issuer", "muster-libs", "musterd"]


@pytest.fixture(scope="module")
def rpms():
    place = PLACE / "rpm"
    shutil.rmtree(place, ignore_errors=True)
    run("make", "-C", ROOT, "rpm", f"O={place}", f"VERSION={VERSION}", timeout=1800)
    return {path.name.split(f"-{VERSION}-")[0]: path for path in (place / "rpm").glob("*.rpm")}


@pytest.fixture(scope="module")
def unpacked(rpms):
    tree = PLACE / "rpm" / "tree"
    tree.mkdir()
    for path in rpms.values():
        run("sh", "-c", f"rpm2cpio {path} | cpio -idm --quiet", cwd=tree)
    return tree


def asked(rpm, *what):
    return run("rpm", "-qp", *what, rpm).stdout.splitlines()


def test_which_there_are(rpms):
    assert sorted(rpms) == NAMES


def test_each_file_is_in_one_package(rpms):
    homes = collections.Counter(file for path in rpms.values() for file in asked(path, "-l") if "/.build-id" not in file)
    assert {file for file, n in homes.items() if n > 1} == {"/etc/muster"}
    for name, files in {"musterd": ("/usr/sbin/musterd", "/usr/bin/musterctl"), "muster-doc": ("/usr/share/man/man7/muster.7",),
                        "muster-client": ("/usr/bin/muster", "/etc/muster/products", "/usr/lib/systemd/system/muster-renew.timer"),
                        "muster-libs": ("/usr/lib64/libmuster.so.0",), "muster-issuer": ("/usr/bin/muster-issuer",),
                        "muster-devel": ("/usr/include/muster.h", "/usr/share/man/man3/muster_activate.3")}.items():
        assert set(files) <= set(asked(rpms[name], "-l")), name
    assert not [file for file in homes if "ufw" in file]


def test_documents(rpms, unpacked):
    """As in Debian's."""
    for name, path in rpms.items():
        pages = sorted((unpacked / "usr/share/doc").glob(f"{name}*/*.md"))  # with the version, in some places
        assert [page.name for page in pages] == DOCUMENTS.get({"muster-devel": "libmuster-dev"}.get(name, name), [])
        assert [link for page in pages for link in dead_links(page)] == []
        assert ("muster-doc" in asked(path, "--recommends")) == (name not in ("muster-doc", "muster-libs"))


def test_settings_are_not_overwritten(rpms):
    for name, file in (("musterd", "/etc/muster/musterd.conf"), ("muster-client", "/etc/muster/muster.conf")):
        assert asked(rpms[name], "-c") == [file]
        row = run("rpm", "-qp", "--qf", "[%{FILENAMES} %{FILEFLAGS:fflags}\\n]", rpms[name]).stdout
        assert re.search(rf"^{file} cn$", row, re.M), row


def test_they_ask_for_the_libraries_that_they_use(rpms):
    wanted = "\n".join(asked(rpms["musterd"], "-R"))
    for library in ("libuv.so.1", "libsodium.so.23", "libsqlite3.so.0", "libsystemd.so.0", "libcurl.so.4"):
        assert library in wanted
    assert f"muster-libs(x86-64) = {VERSION}-1" in asked(rpms["muster-devel"], "-R")
    assert "libmuster.so.0()(64bit)" in asked(rpms["muster-libs"], "-P")


def test_what_is_in_them_runs(unpacked):
    for program in ("usr/sbin/musterd", "usr/bin/musterctl", "usr/bin/muster", "usr/bin/muster-issuer"):
        assert VERSION in run(unpacked / program, "--version").stdout
    pc = run("pkg-config", "--define-variable=prefix=/usr", "--libs", "libmuster",
             env={"PKG_CONFIG_PATH": str(unpacked / "usr/lib64/pkgconfig")}).stdout
    assert "-lmuster" in pc
    unit = (unpacked / "usr/lib/systemd/system/musterd.service").read_text()
    assert "ExecStart=/usr/sbin/musterd" in unit
    assert os.readlink(unpacked / "usr/lib64/libmuster.so") == "libmuster.so.0"


class TestScripts:
    pytestmark = needs_boxes

    def test_what_they_make(self, rpms):
        root = PLACE / "rpm" / "root"
        make_tree(PLACE / "rpm-tree", ["systemd"])
        run("cp", "-a", PLACE / "rpm-tree", root)
        rpm = ["unshare", "-m", "-p", "-f", f"--mount-proc={root}/proc", "rpm", "--root", root, "--dbpath", "/var/lib/rpm", "--nodeps", "--force-debian"]
        done = run(*rpm, "-i", *rpms.values())
        assert "scriptlet failed" not in done.stderr, done.stderr
        number = int(re.search(r"^_musterd:[^:]*:(\d+):.*:/var/lib/musterd:", (root / "etc/passwd").read_text(), re.M)[1])
        groups = re.findall(r"^(muster[a-z-]*):", (root / "etc/group").read_text(), re.M)
        assert sorted(groups) == ["muster", *(f"muster-{role}" for role in ("assigner", "helpdesk", "owner", "viewer"))]
        assert (root / "run/muster").stat().st_uid == number
        assert "Subject: Muster: " in run("chroot", root, "journalctl", "--dump-catalog").stdout
        (root / "etc/muster/musterd.conf").write_text("[log]\nlevel = debug\n")
        done = run(*rpm, "-e", *NAMES)
        assert "scriptlet failed" not in done.stderr, done.stderr
        left = [path for top in ("etc", "usr") for path in (root / top).rglob("*muster*") if path.is_file()]
        assert left == [root / "etc/muster/musterd.conf.rpmsave"]
