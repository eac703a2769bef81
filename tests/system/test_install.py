# SPDX-License-Identifier: Apache-2.0
"""What `make install` puts down works for an outsider: header, library, pkg-config file, settings; and goes away again."""
import configparser
import json
import os
import re
from xml.etree import ElementTree

import pytest
from harness import BUILD, INSTRUMENTED, ROOT, install, make, program, run
from mentions import dead_links, machine_settings

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
    assert [f for _, _, files in os.walk(folder / "root") for f in files] == []
    assert [d for _, folders, _ in os.walk(folder / "root") for d in folders if d == "muster"] == []


def test_every_folder_may_be_elsewhere(folder):
    """Each variable moves what it names and nothing else; and what is moved goes away again."""
    text = (ROOT / "Makefile").read_text()
    variables = re.findall(r"^(\w+dir) \?= (.*)$", text, re.M)
    leaves = [name for name, _ in variables if not any(f"$({name})" in value for _, value in variables)]
    assert len(leaves) > 15
    places = [f"DESTDIR={folder / 'root'}", *(f"{name}=/moved/{name}" for name in leaves), "libdir=/moved/libdir"]
    make("install", *places)
    files = [os.path.join(top, file).removeprefix(str(folder / "root")) for top, _, names in os.walk(folder / "root") for file in names]
    assert {file.split("/")[2] for file in files} == {*leaves, "libdir"} and all(file.startswith("/moved/") for file in files)
    documents = folder / "root/moved/docdir"
    assert all((documents / name).exists() for name in ("CHANGELOG.md", "LICENSE", "PROTOCOL.md", "runbook.md"))
    assert [link for page in documents.glob("*.md") for link in dead_links(page)] == []
    make("uninstall", *places)
    assert [file for _, _, names in os.walk(folder / "root") for file in names] == []
    # And GNU's order between them.
    shown = run("make", "-n", "-C", ROOT, "install", f"O={BUILD}", "V=1", "exec_prefix=/e", "datarootdir=/d", "prefix=/p").stdout
    shown = set(re.findall(r"(?<=\s)/[edp]/\S+", shown.split("install -m")[0]))
    assert {"/e/bin", "/e/sbin", "/e/lib", "/p/include", "/d/man/man1", "/d/muster/monitoring"} <= shown
    assert not any(path.startswith(("/p/share", "/p/bin", "/p/sbin")) for path in shown)


def test_settings_that_are_there_stay(folder):
    """Neither an installation nor its end touches what an administrator has written; and a strict umask closes nothing to others."""
    places = f"DESTDIR={folder / 'root'}", "PREFIX=/usr"
    etc = folder / "root" / "etc" / "muster"
    etc.mkdir(parents=True)
    (etc / "musterd.conf").write_text("[log]\nlevel = debug\n")
    old = os.umask(0o077)
    try:
        make("install", *places)
    finally:
        os.umask(old)
    assert (etc / "musterd.conf").read_text() == "[log]\nlevel = debug\n"
    assert (etc / "muster.conf").exists()
    closed = [os.path.join(top, f) for top, _, files in os.walk(folder / "root") for f in files
              if f != "musterd.conf" and os.stat(os.path.join(top, f)).st_mode & 0o444 != 0o444]
    assert closed == []
    make("uninstall", *places)
    assert [os.path.join(top, f) for top, _, files in os.walk(folder / "root") for f in files] == [str(etc / "musterd.conf")]


def test_the_sample_of_the_host_has_every_default(folder):
    sample = (BUILD / "conf" / "musterd.conf").read_text()
    assert not re.search(r"^[^#\[\n]", sample, re.M)  # as it is, it says nothing
    config = folder / "all.conf"
    config.write_text(re.sub(r"^#(\w+ =)", r"\1", sample, flags=re.M))
    run(program("musterd"), "--config", config, "--check-config")
    rows = re.findall(r'^OPT\(\w+, "(\w+)", "(\w+)", \w+, "([^"]*)"', (ROOT / "server" / "config.def").read_text(), re.M)
    section, found = "", []
    for line in config.read_text().splitlines():
        section = line.strip("[]") if line.startswith("[") else section
        if re.match(r"\w+ =", line):
            key, value = line.split(" =")
            found.append((section, key, value.strip()))
    assert sorted(found) == sorted(rows) and len(rows) > 40


def test_the_sample_of_a_machine_has_every_key(folder):
    """What has a default is there with it; the others show what they take."""
    sample = (BUILD / "conf" / "muster.conf").read_text()
    assert re.findall(r"^#([a-z-]+) = \S+$", sample, re.M) == machine_settings() and len(machine_settings()) >= 9
    assert all(line.startswith("#") or not line for line in sample.splitlines())
    config = folder / "all.conf"
    config.write_text(re.sub(r"^#([a-z-]+ = [^A-Z\n]+)$", r"\1", sample, flags=re.M))
    assert len(re.findall(r"^(state|products|timeout) = ", config.read_text(), re.M)) == 3
    config.write_text(config.read_text().replace("/var/lib/muster", str(folder / "state")))
    done = run(program("muster"), "--config", config, "--products", folder, "status", check=False)
    assert done.returncode == 3 and not done.stderr, done.stderr  # nothing is activated


def test_firewalls_know_the_port():
    port = re.search(r'"listen", LIST, "\[::\]:(\d+) ', (ROOT / "server" / "config.def").read_text())[1]
    service = ElementTree.parse(ROOT / "packaging" / "firewall" / "firewalld.xml").getroot()
    assert [p.attrib for p in service.findall("port")] == [{"protocol": "tcp", "port": port}]
    profile = configparser.ConfigParser()
    profile.read(ROOT / "packaging" / "firewall" / "ufw")
    assert profile.sections() == ["Muster"] and profile["Muster"]["ports"] == f"{port}/tcp"


def test_the_bill_names_every_library():
    made = []
    for _ in range(2):
        for old in BUILD.glob("muster-*.spdx.json"):
            old.unlink()
        make("sbom")
        made.append(next(BUILD.glob("muster-*.spdx.json")).read_text())
    assert made[0] == made[1]
    document = json.loads(made[0])
    names = {p["SPDXID"]: p["name"] for p in document["packages"]}
    used = {names[r["relatedSpdxElement"]] for r in document["relationships"] if names.get(r["spdxElementId"]) == "musterd"}
    assert {"libc6", "libsodium23", "libsqlite3-0", "libuv1", "libnanopb-dev"} <= used
    assert all(p["externalRefs"][0]["referenceLocator"].startswith("pkg:deb/debian/") for p in document["packages"]
               if "checksums" not in p)


def test_the_library_shows_its_map_and_nothing_else():
    declared = {line.strip().rstrip(";") for line in (ROOT / "client" / "libmuster.map").read_text().splitlines()
                if line.strip().startswith("muster_")}
    dynamic = run("nm", "-D", "--defined-only", BUILD / "libmuster.so.0").stdout.splitlines()
    shown = {line.split()[2].split("@")[0] for line in dynamic if line.split()[1] == "T"}
    assert shown == declared
    header = (ROOT / "client" / "include" / "muster.h").read_text()
    assert all(f"{name}(" in header for name in declared)
