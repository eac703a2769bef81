# SPDX-License-Identifier: Apache-2.0
"""The Dockerfile by a real engine, Podman: the image is made of Debian's smallest and our package, and lives by the lines at the file's
head, in a network of its own. The tests go on from each other, in order."""
import contextlib
import os
import pathlib
import re
import shutil
import subprocess
import tempfile

import pytest
from box import make_tree
from debs import PLACE
from harness import PRODUCT, ROOT, Machine, Vendor, run, wait_for

FILE = ROOT / "packaging" / "deploy" / "Dockerfile"
MAKE, RUN, ASK = re.findall(r"^#   (docker .*)$", FILE.read_text(), re.M)
GRANT = f"id=cad,product={PRODUCT},model=volume,threshold=1"
# Without a systemd around them, with few rights to raise limits, and with nothing of the machine's own engine.
CONTAINERS = """[containers]
cgroups = "disabled"
default_ulimits = ["nofile=4096:4096", "nproc=1024:1024"]
[engine]
cgroup_manager = "cgroupfs"
events_logger = "none"
"""
STORAGE = """[storage]
driver = "vfs"
graphroot = "{0}/images"
runroot = "{0}/run"
"""

pytestmark = [pytest.mark.skipif(os.geteuid() != 0, reason="needs root"),
              pytest.mark.skipif(not (shutil.which("podman") and shutil.which("mmdebstrap")), reason="podman or mmdebstrap is not installed")]


class Engine:
    """What is typed as docker; outside: images are made with the machine's network."""

    def __init__(self, folder, context):
        self.folder = folder
        for name, text in (("containers.conf", CONTAINERS), ("storage.conf", STORAGE.format(folder)), ("docker", '#!/bin/sh\nexec podman "$@"\n')):
            (folder / name).write_text(text)
        (folder / "docker").chmod(0o755)
        (folder / "packaging").symlink_to(ROOT / "packaging")
        (folder / "build").mkdir()
        (folder / "build" / "deb").symlink_to(context)
        self.env = {"PATH": f"{folder}:{os.environ['PATH']}", "CONTAINERS_CONF": str(folder / "containers.conf"),
                    "CONTAINERS_STORAGE_CONF": str(folder / "storage.conf"), "BUILDAH_ISOLATION": "chroot", "BUILDAH_FORMAT": "docker",
                    "DISABLE_HC_SYSTEMD": "true"}
        # A network, and a view of control groups as systems have it today.
        self.inside = subprocess.Popen(["unshare", "-n", "-m", "sh", "-ec", "ip link set lo up; umount -R /sys/fs/cgroup; "
                                        "mount -t cgroup2 none /sys/fs/cgroup; echo; exec sleep 600"], stdout=subprocess.PIPE)
        assert self.inside.stdout.readline() == b"\n"

    def outside(self, line, **more):
        return run("sh", "-ec", line, cwd=self.folder, env=self.env, timeout=300, **more)

    @property
    def wrapper(self):
        return ("nsenter", "-t", str(self.inside.pid), "-n", "-m", f"--wd={self.folder}")

    def __call__(self, line, **more):
        return run(*self.wrapper, "sh", "-ec", line, env=self.env, timeout=120, **more)

    def start(self):
        self(RUN)
        wait_for(lambda: " ready " in self("docker logs musterd 2>&1").stdout, what="musterd")

    def off(self):
        with contextlib.suppress(AssertionError):
            self("docker rm -f musterd")
        self.inside.kill()
        self.inside.communicate()


@pytest.fixture(scope="module")
def engine(debs):
    tree = PLACE / "smallest"
    make_tree(tree, [])
    with tempfile.TemporaryDirectory(prefix="muster-image-") as name:
        engine = Engine(pathlib.Path(name), debs["musterd"].parent)
        base = re.search(r"^FROM (\S+)$", FILE.read_text(), re.M)[1]
        engine.outside(f"tar -C {tree} -c . | podman import -q - docker.io/library/{base}")
        try:
            yield engine
        finally:
            engine.off()


@pytest.fixture(scope="module")
def vendor(engine):
    return Vendor(engine.folder)


@pytest.fixture(scope="module")
def machine(engine, vendor):
    """On the engine's own machine, which has the container's port."""
    return Machine(engine.folder, "machine", vendor.products, "--host", "127.0.0.1:6878", wrapper=engine.wrapper)


def test_the_image_is_made(engine):
    print(engine.outside(MAKE).stdout)


def test_a_container_serves(engine, vendor, machine):
    engine.start()
    engine(ASK)
    vendor.issue(engine.folder / "fjord.license", GRANT)
    vendor("host", "certify", engine.folder / "host.request", "--license", engine.folder / "fjord.license", "-o", engine.folder / "host.certificate")
    for file in ("host.certificate", "fjord.license"):
        engine(f"docker exec -i musterd musterctl install - < {file}")
    machine.done("activate", PRODUCT)
    assert engine("docker exec musterd musterctl host show").stdout.count("lic01.fjord.example")
    engine("docker healthcheck run musterd")


def test_its_state_outlives_it(engine, machine):
    engine("docker rm -f musterd")
    engine.start()
    machine.done("renew", PRODUCT)
    assert len(engine("docker exec musterd musterctl device list --csv").stdout.splitlines()) == 2
    # Stopped in an orderly way, by the engine's own signal.
    engine("docker stop -t 20 musterd")
    assert engine("docker inspect -f '{{.State.ExitCode}}' musterd").stdout == "0\n"
