# SPDX-License-Identifier: Apache-2.0
"""The installed units under a real systemd as PID 1: a minimal tree in build/pid1, booted by systemd-nspawn in a network namespace
of its own. Nothing of it is kept but the tree."""
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "system"))
from harness import BUILD, PRODUCT, Vendor, run, wait_for  # noqa: E402

TREE = BUILD / "pid1" / "tree"
PACKAGES = ("systemd,systemd-sysv,dbus,libuv1,libsqlite3-0,libsodium23,libmicrohttpd12,libinih1,libldns3,libjansson4,libcurl4,"
            "libsmartcols1,libc-ares2,iproute2,procps")
NETNS = f"muster-pid1-{os.getpid()}"
PORT = 6878
LOADS = 4
KILLS = 10

pytestmark = [
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root"),
    pytest.mark.skipif(not (shutil.which("mmdebstrap") and shutil.which("systemd-nspawn")),
                       reason="mmdebstrap or systemd-nspawn is not installed"),
]


def make_tree():
    """Debian's smallest, made once; the programs are installed into it each time."""
    stamp = TREE.parent / "tree.made"
    if not stamp.exists():
        shutil.rmtree(TREE, ignore_errors=True)
        TREE.parent.mkdir(parents=True, exist_ok=True)
        run("mmdebstrap", "--variant=minbase", f"--include={PACKAGES}", "bookworm", TREE, timeout=600)
        stamp.touch()
    run("make", "-C", ROOT, "install", f"O={BUILD}", f"DESTDIR={TREE}", "PREFIX=/usr", "sbindir=/usr/sbin", timeout=300)
    (TREE / "etc" / "muster").mkdir(exist_ok=True)
    # All machines of these tests come from one address.
    (TREE / "etc" / "muster" / "musterd.conf").write_text(
        "[limits]\nnew_devices_per_source = 1000000\nhandshakes_per_source = 1000000\n")


def children(pid):
    return [int(p) for p in pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def inner_number(pid):
    """What a process is called in its own namespace; None: it is gone."""
    try:
        return int(re.search(r"^NSpid:.*\t(\d+)$", pathlib.Path(f"/proc/{pid}/status").read_text(), re.M)[1])
    except OSError:
        return None


class Box:
    """A booted container."""

    def __init__(self, folder):
        self.folder = folder
        run("ip", "netns", "add", NETNS)
        run("ip", "-n", NETNS, "link", "set", "lo", "up")
        self.log = open(folder / "nspawn.log", "wb")
        self.process = subprocess.Popen(
            ["systemd-nspawn", "-q", "-D", TREE, "--boot", "--register=no", "--keep-unit", "--console=pipe", "--link-journal=no",
             "--volatile=overlay", f"--machine=pid1-{os.getpid()}", f"--network-namespace-path=/run/netns/{NETNS}",
             f"--bind={folder}:/mnt"], stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log)
        self.leader = 0

    def boot(self):
        self.leader = wait_for(self.find_leader, seconds=20, what="the container's init")
        wait_for(lambda: self("systemctl", "is-active", "-q", "multi-user.target", check=False).returncode == 0, seconds=60,
                 what="the boot")

    def find_leader(self):
        """The process that is number 1 inside: a child of nspawn's, or one further down while it sets up."""
        below = children(self.process.pid)
        return next((p for p in below + [q for b in below for q in children(b)] if inner_number(p) == 1), None)

    def __call__(self, *command, check=True, timeout=60, **more):
        return run("nsenter", "-t", str(self.leader), "-m", "-u", "-i", "-n", "-p", "-C", "-r", "-w", *command, check=check,
                   timeout=timeout, **more)

    def property(self, name, unit="musterd.service"):
        return self("systemctl", "show", "-p", name, "--value", unit).stdout.strip()

    def main_pid(self):
        """In the container's own numbers; 0: it does not run."""
        return int(self.property("MainPID"))

    def kill(self, number):
        pid = self.main_pid()
        if pid > 1:
            self("kill", f"-{number}", str(pid), check=False)

    def active(self, unit="musterd.service"):
        return self("systemctl", "is-active", unit, check=False).stdout.strip()

    def wait_active(self):
        try:
            wait_for(lambda: self.active() == "active", seconds=20, what="musterd")
        except AssertionError:
            raise AssertionError(self("journalctl", "-u", "musterd.service", "--no-pager", "-n", "40").stdout) from None

    def ctl(self, *args, check=True):
        return self("musterctl", *args, check=check)

    def json(self, *args):
        return json.loads(self.ctl("--json", *args).stdout)

    def loads(self, name, seconds):
        """Load from inside the container's network; each writes who was acknowledged."""
        stop = self.folder / f"{name}.stop"
        started = [subprocess.Popen(["ip", "netns", "exec", NETNS, "/usr/bin/python3", ROOT / "tests/pid1/load.py", str(PORT),
                                     self.folder / "vendor.pub", stop, self.folder / f"{name}.{i}", str(seconds)],
                                    stdout=subprocess.PIPE, text=True) for i in range(LOADS)]
        return stop, started

    def finish(self, name, stop, started):
        """Who was acknowledged; and how many connections were refused."""
        stop.touch()
        counts = [list(map(int, load.communicate(timeout=60)[0].split())) for load in started]
        devices = [line for i in range(LOADS) for line in (self.folder / f"{name}.{i}").read_text().split()]
        return set(devices), sum(refused for refused, _ in counts), sum(broken for _, broken in counts)

    def off(self):
        os.kill(self.leader or self.process.pid, signal.SIGRTMIN + 4 if self.leader else signal.SIGTERM)
        try:
            self.process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.log.close()
        run("ip", "netns", "del", NETNS, check=False)


@pytest.fixture(scope="module")
def box():
    make_tree()
    with tempfile.TemporaryDirectory(prefix="muster-pid1-") as name:
        folder = pathlib.Path(name)
        box = Box(folder)
        try:
            box.boot()
            box("systemd-sysusers")
            box("systemctl", "daemon-reload")
            yield box
        finally:
            box.off()


@pytest.fixture(scope="module")
def vendor(box):
    vendor = Vendor(box.folder)
    shutil.copy(vendor.dir / "vendor.pub", box.folder / "vendor.pub")
    return vendor


@pytest.fixture(scope="module")
def host(box, vendor):
    """Started by the first who calls its port, certified and licensed."""
    assert box("systemctl", "start", "musterd.socket").returncode == 0
    assert box.active() == "inactive"
    subprocess.run(["ip", "netns", "exec", NETNS, "/usr/bin/python3", "-c",
                    f"import socket; socket.create_connection(('127.0.0.1', {PORT}), timeout=10)"], check=True, timeout=20)
    box.wait_active()
    license_file = vendor.issue(box.folder / "fjord.license", f"id=cad-volume,product={PRODUCT},model=volume")
    box.ctl("host", "request", "-o", "/mnt/host.request")
    vendor("host", "certify", box.folder / "host.request", "--license", license_file, "-o", box.folder / "host.certificate")
    box.ctl("host", "install", "/mnt/host.certificate")
    box.ctl("license", "install", "/mnt/fjord.license")
    return box


def stored(host):
    return {row["device"] for row in host.json("activation", "list", "--state", "active")["items"]}


def test_it_runs_with_no_rights_at_all(host):
    status = host("cat", f"/proc/{host.main_pid()}/status").stdout
    number = lambda name: re.search(rf"^{name}:\s+(\S+)", status, re.M).group(1)
    assert number("Uid") != "0" and number("CapEff") == "0000000000000000" and number("CapBnd") == "0000000000000000"
    assert number("NoNewPrivs") == "1" and number("Seccomp") == "2"
    assert host("stat", "-c", "%U %a", "/var/lib/musterd").stdout.split() == ["_musterd", "700"]


def test_its_exposure(host):
    line = host("systemd-analyze", "security", "--no-pager", "musterd.service").stdout.splitlines()[-1]
    exposure = float(re.search(r"(\d+\.\d+) OK", line).group(1))
    print(line)
    assert exposure <= 1.5


def test_kills_under_load_lose_and_refuse_nothing(host):
    before = int(host.property("NRestarts"))
    stop, started = host.loads("kills", 120)
    for _ in range(KILLS):
        time.sleep(1)
        host.kill("KILL")
    time.sleep(2)
    acknowledged, refused, broken = host.finish("kills", stop, started)
    assert int(host.property("NRestarts")) >= before + KILLS
    print(f"{len(acknowledged)} acknowledged, {refused} refused, {broken} broken off")
    assert len(acknowledged) > KILLS and broken > 0  # they were under way
    assert refused == 0
    assert acknowledged <= stored(host)
    assert host.json("doctor")["ok"]
    assert host.active("musterd.socket") == "active"


def test_a_restart_under_load_refuses_nobody(host):
    stop, started = host.loads("restarts", 60)
    for _ in range(3):
        time.sleep(1)
        host("systemctl", "restart", "musterd.service")
    acknowledged, refused, _ = host.finish("restarts", stop, started)
    assert acknowledged and refused == 0 and acknowledged <= stored(host)


def override(box, text):
    folder = "/run/systemd/system/musterd.service.d"
    box("sh", "-c", f"mkdir -p {folder} && printf '%s\\n' '{text}' > {folder}/test.conf && systemctl daemon-reload")


def test_the_watchdog_restarts_one_that_hangs(host):
    override(host, "[Service]\nWatchdogSec=3")
    host("systemctl", "restart", "musterd.service")
    host.wait_active()
    before, pid = int(host.property("NRestarts")), host.main_pid()
    host.kill("STOP")
    wait_for(lambda: int(host.property("NRestarts")) > before and host.active() == "active", seconds=60, what="the watchdog")
    assert host.main_pid() != pid
    assert host.json("doctor")["ok"]
    override(host, "")


def test_its_key_comes_as_a_credential(host):
    before = host.json("host", "show")["id"]
    host("systemctl", "stop", "musterd.service", "musterd.socket")
    host("sh", "-c", "install -m 600 /var/lib/musterd/host.key /etc/muster/host.key && rm /var/lib/musterd/host.key")
    override(host, "[Service]\nLoadCredential=host.key:/etc/muster/host.key")
    host("systemctl", "start", "musterd.socket", "musterd.service")
    host.wait_active()
    assert host.json("host", "show")["id"] == before
    assert host("test", "-e", "/var/lib/musterd/host.key", check=False).returncode == 1


def test_the_audit_log_is_what_the_journal_knows(host):
    found = host.ctl("audit", "verify", "--journal")
    print(found.stdout)
    assert found.returncode == 0
