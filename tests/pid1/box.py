# SPDX-License-Identifier: Apache-2.0
"""A Debian of its own under a real systemd as PID 1: a minimal tree, made once, booted by systemd-nspawn in a network namespace of its
own. Nothing that happens in it is kept."""
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "system"))
from harness import run, wait_for  # noqa: E402

PORT = 6878
LOADS = 4

needs_boxes = [
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root"),
    pytest.mark.skipif(not (shutil.which("mmdebstrap") and shutil.which("systemd-nspawn")),
                       reason="mmdebstrap or systemd-nspawn is not installed"),
]


def make_tree(tree, packages):
    """Debian's smallest with these packages; anew when they have changed."""
    stamp, wanted = tree.parent / f"{tree.name}.made", ",".join(packages)
    if stamp.exists() and stamp.read_text() == wanted:
        return
    shutil.rmtree(tree, ignore_errors=True)
    tree.parent.mkdir(parents=True, exist_ok=True)
    run("mmdebstrap", "--variant=minbase", *([f"--include={wanted}"] if wanted else []), "bookworm", tree, timeout=600)
    stamp.write_text(wanted)


def children(pid):
    """None of one that is gone."""
    try:
        return [int(p) for p in pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []


def inner_number(pid):
    """What a process is called in its own namespace; None: it is gone."""
    try:
        return int(re.search(r"^NSpid:.*\t(\d+)$", pathlib.Path(f"/proc/{pid}/status").read_text(), re.M)[1])
    except OSError:
        return None


class Box:
    """A booted container; folder is its /mnt."""

    def __init__(self, folder, tree):
        self.folder = folder
        self.netns = f"muster-box-{os.getpid()}"
        run("ip", "netns", "add", self.netns)
        run("ip", "-n", self.netns, "link", "set", "lo", "up")
        self.log = open(folder / "nspawn.log", "wb")
        self.process = subprocess.Popen(
            ["systemd-nspawn", "-q", "-D", tree, "--boot", "--register=no", "--keep-unit", "--console=pipe", "--link-journal=no",
             "--volatile=overlay", f"--machine={self.netns}", f"--network-namespace-path=/run/netns/{self.netns}",
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

    def stored(self):
        """The devices that are active, as the host has them."""
        return {row["device"] for row in self.json("activation", "list", "--state", "active")["items"]}

    def loads(self, name, seconds):
        """Load from inside the container's network; each writes who was acknowledged."""
        stop = self.folder / f"{name}.stop"
        started = [subprocess.Popen(["ip", "netns", "exec", self.netns, "/usr/bin/python3", ROOT / "tests/pid1/load.py", str(PORT),
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
        run("ip", "netns", "del", self.netns, check=False)
