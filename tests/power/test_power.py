# SPDX-License-Identifier: Apache-2.0
"""Power cuts of a real file system: the daemon on ext4 on a disk whose every write and flush is recorded (qemu's blklogwrites, which
has the format of dm-log-writes); then disks are made as they may look after a cut anywhere, and each is mounted and looked at.

CUTS=120 cuts; a control that does not sync each commit (as synchronous = NORMAL alone would) must lose something, or the test
could not tell; its database is sound all the same."""
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

# The same daemon with synchronous = NORMAL alone: it leaves out the sync of the log at each commit, and no other.
NORMAL = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <sqlite3.h>
typedef int control(sqlite3 *, const char *, int, void *);
static int no_sync(sqlite3_file *file, int flags)
{
	(void)file, (void)flags;
	return SQLITE_OK;
}
int sqlite3_file_control(sqlite3 *db, const char *name, int what, void *ret)
{
	static const sqlite3_io_methods methods = {.iVersion = 1, .xSync = no_sync};
	static sqlite3_file log = {&methods};
	if (what != SQLITE_FCNTL_JOURNAL_POINTER)
		return ((control *)dlsym(RTLD_NEXT, "sqlite3_file_control"))(db, name, what, ret);
	*(sqlite3_file **)ret = &log;
	return SQLITE_OK;
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
    """Devices that are activated in the database of an image, after the file system and SQLite have recovered; it is sound. None: it
    has no tables yet."""
    mount = folder / "look"
    mount.mkdir(exist_ok=True)
    run("mount", "-o", "loop,noatime", image, mount)
    try:
        if whole:
            doctor(folder, image.stem, mount / "host")
        with contextlib.closing(sqlite3.connect(mount / "host" / "muster.db")) as db:
            assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
            if not db.execute("SELECT 1 FROM sqlite_schema WHERE name = 'activation'").fetchone():
                return None
            rows = db.execute("SELECT d.id FROM device d JOIN activation a ON a.device = d.num WHERE a.state = 2").fetchall()
        return {base64.urlsafe_b64encode(row[0]).decode().rstrip("=") for row in rows}
    finally:
        run("umount", mount)


def cuts(folder, disk, acknowledged, n, seed, wholes=True):
    """How many of the cuts lose acknowledged devices, how many leave a database without any table, and among how many writes they are.
    Each database is sound; with wholes the whole daemon looks at each tenth."""
    chance, rows, losing, blank = random.Random(seed), disk.read(), 0, 0
    first = acknowledged[0][0]
    for i in range(n):
        # Anywhere, and just when something was acknowledged.
        at = chance.choice(acknowledged)[0] if i % 2 else chance.randrange(first, len(rows) + 1)
        image = folder / f"cut-{i}.img"  # a new name each time: the kernel keeps blocks of an old loop device
        disk.cut(rows, at, chance, image)
        there = look(image, folder, whole=wholes and i % 10 == 0)
        told = {device for entries, device in acknowledged if entries <= at}
        blank += there is None
        losing += there is not None and not told <= there
        image.unlink()
    return losing, blank, len(rows)


def test_power_cuts_lose_no_acknowledged_activation():
    with tempfile.TemporaryDirectory(prefix="muster-power-") as name:
        folder = pathlib.Path(name)
        disk, acknowledged = record(folder, {})
        losing, blank, entries = cuts(folder, disk, acknowledged, CUTS, 1)
        print(f"{CUTS} cuts among {entries} writes and {len(acknowledged)} acknowledged activations: {losing} lose any")
        assert len(acknowledged) > 100 and losing == blank == 0


def test_the_control_loses_some():
    with tempfile.TemporaryDirectory(prefix="muster-power-") as name:
        folder = pathlib.Path(name)
        (folder / "normal.c").write_text(NORMAL)
        run("gcc", "-shared", "-fPIC", "-o", folder / "normal.so", folder / "normal.c", "-ldl")
        disk, acknowledged = record(folder, {"LD_PRELOAD": str(folder / "normal.so")})
        losing, blank, entries = cuts(folder, disk, acknowledged, CUTS // 2 + 1, 2, wholes=False)
        print(f"{CUTS // 2 + 1} cuts among {entries} writes and {len(acknowledged)} acknowledged activations: {losing} lose some, "
              f"{blank} more lose all tables")
        assert losing > 0
