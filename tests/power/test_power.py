# SPDX-License-Identifier: Apache-2.0
"""Power cuts of a real file system: the daemon on ext4 on a disk whose every write and flush is recorded (qemu's blklogwrites, which
has the format of dm-log-writes); then disks are made as they may look after a cut anywhere, and each is mounted and looked at.

CUTS=120 cuts; a control without a sync for each commit must lose something, or the test could not tell."""
import base64
import contextlib
import os
import pathlib
import random
import shutil
import signal
import sqlite3
import struct
import subprocess
import sys
import tempfile
import threading
import time

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "system"))
from harness import Host, PRODUCT, Vendor, program, run, wait_for  # noqa: E402
from wire import Client  # noqa: E402

CUTS = int(os.environ.get("CUTS", 120))
CLIENTS = 6
SECONDS = 8
SECTOR = 512
FLUSH, DISCARD = 1, 4
TOOLS = ("qemu-storage-daemon", "losetup", "mkfs.ext4", "mount")

pytestmark = [
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root"),
    pytest.mark.skipif(not os.path.exists("/dev/fuse"), reason="there is no FUSE"),
    pytest.mark.skipif(not all(shutil.which(tool) for tool in TOOLS), reason=f"needs {', '.join(TOOLS)}"),
]

# What PRAGMA synchronous = NORMAL leaves out: the sync of the log at each commit.
NO_LOG_SYNC = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
static int is_log(int fd)
{
	char link[64], path[4096];
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	ssize_t n = readlink(link, path, sizeof(path));
	return n > 4 && memcmp(path + n - 4, "-wal", 4) == 0;
}
int fdatasync(int fd)
{
	int (*real)(int) = (int (*)(int))dlsym(RTLD_NEXT, "fdatasync");
	return is_log(fd) ? 0 : real(fd);
}
int fsync(int fd)
{
	int (*real)(int) = (int (*)(int))dlsym(RTLD_NEXT, "fsync");
	return is_log(fd) ? 0 : real(fd);
}
"""


class Disk:
    """An ext4 disk of 64 MiB whose writes are recorded in order, flushes too."""

    def __init__(self, folder):
        self.folder, self.mount = folder, folder / "m"
        self.mount.mkdir()
        self.before, base, self.log, export = (folder / name for name in ("before.img", "base.img", "log.img", "export.img"))
        run("truncate", "-s", "64M", self.before)
        run("mkfs.ext4", "-q", "-F", self.before)
        run("cp", "--sparse=always", self.before, base)
        run("truncate", "-s", "3G", self.log)
        export.touch()
        self.storage = subprocess.Popen(
            ["qemu-storage-daemon", "--blockdev", f"driver=file,node-name=base,filename={base}",
             "--blockdev", f"driver=file,node-name=logf,filename={self.log}",
             "--blockdev", "driver=blklogwrites,node-name=lw,file=base,log=logf,log-sector-size=512,log-super-update-interval=1",
             "--export", f"type=fuse,id=e0,node-name=lw,mountpoint={export},writable=on"], stdout=subprocess.DEVNULL)
        wait_for(lambda: str(export) in pathlib.Path("/proc/mounts").read_text(), what="the recorded disk")
        self.loop = run("losetup", "-f", "--show", export).stdout.strip()
        run("mount", "-t", "ext4", "-o", "noatime", self.loop, self.mount)

    def entries(self):
        """How many writes and flushes are recorded so far."""
        with open(self.log, "rb") as log:
            log.seek(16)
            return struct.unpack("<Q", log.read(8))[0]

    def close(self):
        run("umount", self.mount)
        run("losetup", "-d", self.loop)
        self.storage.send_signal(signal.SIGTERM)
        self.storage.wait(timeout=20)

    def read(self):
        """[(sector, sectors, flags, offset of the data)]"""
        rows = []
        with open(self.log, "rb") as log:
            magic, _, count, size = struct.unpack("<QQQI", log.read(28))
            assert magic == 0x6A736677736872 and size == SECTOR
            at = SECTOR
            for _ in range(count):
                log.seek(at)
                sector, n, flags, _ = struct.unpack("<QQQQ", log.read(32))
                at += SECTOR
                rows.append((sector, n, flags, at))
                at += 0 if flags & DISCARD else n * SECTOR
        return rows

    def cut(self, rows, at, chance, path):
        """The disk as a cut after `at` entries may leave it: all up to the last flush, and of the rest any part, some torn."""
        flushed = max((i for i in range(at) if rows[i][2] & FLUSH), default=-1)
        rest = list(range(flushed + 1, at))
        kind = chance.randrange(3)
        if kind == 0:
            rest = []
        elif kind == 1:
            chance.shuffle(rest)
            rest = rest[:chance.randrange(len(rest) + 1)]
        run("cp", "--sparse=always", self.before, path)
        with open(self.log, "rb") as log, open(path, "r+b") as out:
            for i in [*range(flushed + 1), *rest]:
                sector, n, flags, offset = rows[i]
                if flags & DISCARD or not n:
                    continue
                if kind == 1 and i > flushed and n > 1 and chance.random() < 0.2:
                    n = chance.randrange(1, n)
                log.seek(offset)
                out.seek(sector * SECTOR)
                out.write(log.read(n * SECTOR))


class Load(threading.Thread):
    """Activates devices; with each acknowledgement it notes how much was recorded then."""

    def __init__(self, disk, port, key, end):
        super().__init__(daemon=True)
        self.disk, self.port, self.key, self.end = disk, port, key, end
        self.acknowledged = []

    def run(self):
        while time.monotonic() < self.end:
            client = Client(self.port, self.key, timeout=10).connect()
            result = client.activate()
            assert result.status.code == 0 and result.lease
            self.acknowledged.append((self.disk.entries(), client.device.id))
            client.close()


def record(folder, env):
    """The daemon under load on a recorded disk; the disk, and [(entries, device)] as they were acknowledged."""
    disk = Disk(folder)
    host = Host(folder, env=env, config="[limits]\nnew_devices_per_source = 1000000\nhandshakes_per_source = 1000000\n")
    host.state = disk.mount / "host"
    try:
        vendor = Vendor(folder)
        host.start()
        host.serve(vendor, f"id=cad-volume,product={PRODUCT},model=volume")
        end = time.monotonic() + SECONDS
        loads = [Load(disk, host.port, (vendor.dir / "vendor.pub").read_text().strip(), end) for _ in range(CLIENTS)]
        for load in loads:
            load.start()
        for load in loads:
            load.join(timeout=SECONDS + 30)
    finally:
        host.kill()
        disk.close()
    return disk, sorted(row for load in loads for row in load.acknowledged)


def doctor(folder, name, state):
    """The whole daemon on what is left."""
    host = Host(folder, state=name)
    host.state = state
    try:
        host.start()
        host.healthy("DISK_LOW")  # it is small
    finally:
        host.stop()


def look(image, folder, whole):
    """Devices that are activated in the database of an image, after the file system and SQLite have recovered."""
    mount = folder / "look"
    mount.mkdir(exist_ok=True)
    run("mount", "-o", "loop,noatime", image, mount)
    try:
        if whole:
            doctor(folder, image.stem, mount / "host")
        with contextlib.closing(sqlite3.connect(mount / "host" / "muster.db")) as db:
            assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
            rows = db.execute("SELECT d.id FROM device d JOIN activation a ON a.device = d.num WHERE a.state = 2").fetchall()
        return {base64.urlsafe_b64encode(row[0]).decode().rstrip("=") for row in rows}
    finally:
        run("umount", mount)


def cuts(folder, disk, acknowledged, n, seed, control=False):
    """How many of the cuts lose acknowledged devices. In the control a cut may leave no readable database at all."""
    chance, rows, losing = random.Random(seed), disk.read(), 0
    first = acknowledged[0][0]
    for i in range(n):
        at = chance.randrange(first, len(rows) + 1)
        image = folder / f"cut-{i}.img"  # a new name each time: the kernel keeps blocks of an old loop device
        disk.cut(rows, at, chance, image)
        try:
            there = look(image, folder, whole=i % 10 == 0 and not control)
        except (sqlite3.DatabaseError, AssertionError):
            if not control:
                raise
            there = set()
        told = {device for entries, device in acknowledged if entries <= at}
        losing += not told <= there
        image.unlink()
    return losing, len(rows)


def test_power_cuts_lose_no_acknowledged_activation():
    with tempfile.TemporaryDirectory(prefix="muster-power-") as name:
        folder = pathlib.Path(name)
        disk, acknowledged = record(folder, {})
        losing, entries = cuts(folder, disk, acknowledged, CUTS, 1)
        print(f"{CUTS} cuts among {entries} writes and {len(acknowledged)} acknowledged activations: {losing} lose any")
        assert len(acknowledged) > 100 and losing == 0


def test_the_control_loses_some():
    with tempfile.TemporaryDirectory(prefix="muster-power-") as name:
        folder = pathlib.Path(name)
        (folder / "nosync.c").write_text(NO_LOG_SYNC)
        run("gcc", "-shared", "-fPIC", "-o", folder / "nosync.so", folder / "nosync.c", "-ldl")
        disk, acknowledged = record(folder, {"LD_PRELOAD": str(folder / "nosync.so")})
        losing, entries = cuts(folder, disk, acknowledged, CUTS // 2 + 1, 2, control=True)
        print(f"{CUTS // 2 + 1} cuts among {entries} writes and {len(acknowledged)} acknowledged activations: {losing} lose some")
        assert losing > 0
