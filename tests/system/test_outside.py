# SPDX-License-Identifier: Apache-2.0
"""Five programs by an outsider, who had nothing but the installed header and man pages: they build by what is installed, and work."""
import json
import os
import shlex
import signal
import subprocess

import pytest
from harness import INSTRUMENTED, PRODUCT, ROOT, SECONDS, run, wait_for

pytestmark = pytest.mark.skipif(INSTRUMENTED, reason="an outsider's program is not instrumented")
SOURCES = ROOT / "tests" / "outside"
C = ["gcc", "-std=c99", "-pedantic-errors", "-D_POSIX_C_SOURCE=200809L"]
SIM = "acme-sim"


@pytest.fixture(scope="module")
def built(installed, tmp_path_factory):
    """The folder of the programs, and the environment that they run in."""
    folder, (_, env) = tmp_path_factory.mktemp("outside"), installed
    flags = shlex.split(run("pkg-config", "--cflags", "--libs", "libmuster", env=env).stdout)
    for source in sorted(SOURCES.iterdir()):
        compiler = ["g++", "-std=c++17"] if source.suffix == ".cpp" else C
        run(*compiler, "-Wall", "-Wextra", "-Werror", "-pthread", source, "-o", folder / source.stem, *flags)
    return folder, {**os.environ, **env}


@pytest.fixture
def programs(built):
    """Run one by its name."""
    folder, env = built
    return lambda name, *args, **more: run(folder / name, *args, env=env, **more)


@pytest.fixture
def site(hosts, vendor):
    vendor.add(SIM)
    return hosts().start().serve(vendor, f"id=cad,product={PRODUCT},model=volume", f"id=sim,product={SIM},model=user,quantity=5")


def at(vendor, host, state=None):
    return [f"products={vendor.products}", f"host=127.0.0.1:{host.port}", *([f"state={state}"] if state else [])]


def test_installer_and_tray(programs, site, vendor, folder):
    done = programs("installer", *at(vendor, site, folder / "a"), PRODUCT, SIM, "nothing", check=False)
    assert done.stdout.splitlines()[0] == f"{PRODUCT}: licensed" and "SIGNIN_NEEDED" in done.stdout and "NO_PRODUCT_FILE" in done.stdout
    assert done.returncode == 1
    rows = {row["product"]: row for row in json.loads(programs("tray", f"state={folder / 'a'}", f"products={vendor.products}").stdout)}
    assert rows[PRODUCT]["state"] == "licensed" and rows[PRODUCT]["organisation"] == "fjord" and rows[SIM]["state"] == "grace"
    assert programs("installer", "nothing=1", PRODUCT, check=False).returncode == 78


def test_fleet(programs, site, vendor, folder):
    done = programs("fleet", *at(vendor, site), folder / "machines", 40, PRODUCT)
    assert "40 of 40 licensed" in done.stdout
    assert site.count("cad") == 40


def test_courier(programs, site, vendor, folder):
    far = [f"products={vendor.products}", "host=127.0.0.1:1"]
    for name in ("one", "two"):
        programs("courier", f"state={folder / name}", *far, "request", PRODUCT, folder / "stick")
    site.ctl("offline", "answer", folder / "stick", "-o", folder / "answers")
    for name in ("one", "two"):
        assert "activated" in programs("courier", f"state={folder / name}", *far, "import", folder / "answers").stdout
    assert site.count("cad") == 2


def test_kiosk(built, site, vendor, folder):
    programs, env = built
    site.ctl("user", "add", "kari")
    site.ctl("assign", "--product", SIM, "--user", "kari")
    code = next(word for word in site.ctl("user", "signin-code", "kari").stdout.split() if word.count("-") == 3)
    said = folder / "said"
    with open(said, "wb") as out:
        kiosk = subprocess.Popen([programs / "kiosk", *at(vendor, site, folder / "k"), SIM, "kari", code, "1"], stdout=out, stderr=out, env=env)
    try:
        wait_for(lambda: "kari signed in" in said.read_text(), what="the sign-in")
        kiosk.send_signal(signal.SIGTERM)
        assert kiosk.wait(timeout=SECONDS) == 0 and "signed out" in said.read_text()
    finally:
        kiosk.kill()
