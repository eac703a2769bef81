# SPDX-License-Identifier: Apache-2.0
"""The real daemon when the system fails its calls: strace answers in the disk's place. What a simulated disk shows call by call
(tests/faults/test_faults_store) is shown here of the whole program, its threads, its exit and its restart."""
import contextlib
import os
import pathlib
import re
import sqlite3
import subprocess
import time

import loads
import pytest
from harness import PRODUCT, wait_for
from loads import stored_devices, vendor_key
from wire import Client, Device

CLIENTS, MANY_CLIENTS = 6, 48
EIO_EXIT = 75  # of STORE_UNKNOWN: a unit starts it again
STOPPING, STORE_FULL, STORE_IO, STORE_UNKNOWN = 9, 70, 71, 74
SYNCS = "fsync,fdatasync"


class Failing:
    """The host's calls under strace, some of which fail. The daemon stays our child (-D), and is run as always."""

    def __init__(self, host, calls, fault, path="muster.db-wal"):
        self.host, self.trace = host, host.dir / "strace.log"
        self.trace.unlink(missing_ok=True)
        host.wrapper = ["strace", "-D", "-f", "-qq", "-o", str(self.trace), "-P", str(host.state / path), "-e", f"trace={calls},pwrite64",
                        "-e", f"inject={calls}:{fault}"]

    def lines(self):
        return [line for line in self.trace.read_text().splitlines() if "+++" not in line and "---" not in line]

    def injected(self):
        return [i for i, line in enumerate(self.lines()) if "(INJECTED)" in line]

    def over(self):
        """The rest of the test has a disk that works."""
        self.host.wrapper = []


def asked_again(host, key, unsure):
    """Whoever was not told asks again with the same number, and has one activation, whatever became of the first try."""
    for device, token in unsure:
        device.ratchet, device.counter = b"", 0
        client = Client(host.port, key, device).connect()
        response = client.call(client.request([PRODUCT], token=token))
        client.close()
        assert response.status.code == 0 and response.answer.results[0].lease
    return {device.id for device, _ in unsure}


@pytest.fixture
def ready(host):
    """Licensed, and stopped; its log beside the database is made anew by the next start."""
    host.stop()
    host.env["ASAN_OPTIONS"] = "detect_leaks=0"  # which would trace, too
    return host


# Each thread's calls are counted by themselves; those of the start are few.
@pytest.mark.parametrize("calls,error,nth", [(SYNCS, "EIO", 8), (SYNCS, "ENOSPC", 25), (SYNCS, "EIO", 60), ("pwrite64", "EIO", 60),
                                             ("pwrite64", "EIO", 150)])
def test_a_commit_that_fails_ends_the_daemon(ready, vendor, calls, error, nth):
    """The n-th sync, or write, of the log fails under load: the daemon ends by itself and never tries it again; nobody whose
    commit failed was given a lease; everybody who was is there after the restart."""
    host, key = ready, vendor_key(vendor)
    failing = Failing(host, calls, f"error={error}:when={nth}")
    host.start()
    ends_and_loses_nothing(host, key, CLIENTS, failing.over)
    hits = failing.injected()
    assert hits
    after = failing.lines()[hits[0] + 1:]
    assert not [line for line in after if re.search(r"\b(fsync|fdatasync|pwrite64)\(", line)], after[:5]


def test_a_sync_that_fails_while_its_leases_are_signed(ready, vendor):
    """The lane is slow to write, so that many machines wait for its next batch, which it signs while the syncer waits for the disk: what
    was signed when that fails is nobody's."""
    host, key = ready, vendor_key(vendor)
    host.start()
    with traced(host, "lane", "pwrite64:delay_enter=10000"), traced(host, "syncer", f"{SYNCS}:error=EIO") as trace:
        ends_and_loses_nothing(host, key, MANY_CLIENTS)
    assert re.fullmatch(r"f(data)?sync\(.*\(INJECTED\)\n", trace.read_text())


@contextlib.contextmanager
def traced(host, name, inject):
    """One of its threads, from now on; the file that its trace is written to."""
    tasks = pathlib.Path(f"/proc/{host.process.pid}/task")
    task, = [task for task in tasks.iterdir() if (task / "comm").read_text() == f"{name}\n"]
    trace = host.dir / f"{name}.log"
    with subprocess.Popen(["strace", "-qqq", "-p", task.name, "-o", trace, "-e", f"trace={inject.split(':')[0]}", "-e", f"inject={inject}"]) as strace:
        wait_for(lambda: "TracerPid:\t0\n" not in (task / "status").read_text(), what="strace")
        yield trace
        assert strace.wait(10) == 0


def ends_and_loses_nothing(host, key, clients, mend=lambda: None):
    """A call that fails under load ends the daemon; then it works again."""
    busy = loads.begin(host, key, clients)
    host.ended(EIO_EXIT, seconds=20)
    granted = loads.end(busy)
    log = host.log.read_text()
    assert "STORE_UNKNOWN" in log, log
    unsure = [pair for load in busy for pair in load.unsure]
    codes = {code for load in busy for code in load.codes}
    assert unsure and codes <= {0, STORE_UNKNOWN, STORE_IO, STOPPING}, codes
    mend()
    host.start()
    assert granted and granted <= stored_devices(host)
    again = asked_again(host, key, unsure)
    assert granted | again == stored_devices(host) and host.count() == len(granted | again)
    host.healthy()


@pytest.mark.parametrize("calls,nth", [(SYNCS, 1), (SYNCS, 2), (SYNCS, 3), ("pwrite64", 1), ("pwrite64", 8)])
def test_a_call_that_fails_at_the_start(ready, vendor, calls, nth):
    """It does not come up to refuse all and everybody: it ends, says why, and nothing is lost by it."""
    host, key = ready, vendor_key(vendor)
    failing = Failing(host, calls, f"error=EIO:when={nth}")
    host.spawn().ended(EIO_EXIT)
    assert failing.injected() and re.search(r"error: .*(STORE_IO|STORE_UNKNOWN)", host.log.read_text())
    failing.over()
    host.start()
    assert Client(host.port, key).connect().activate().status.code == 0
    host.healthy()


def test_what_a_failed_sync_left_in_the_log_is_written_anew(ready, vendor):
    """After a sync that failed, the system may hold pages for written that are not. The restart trusts none of them: what it
    reads in the log goes into the database and is synced there, before anybody is served."""
    host, key = ready, vendor_key(vendor)
    failing = Failing(host, SYNCS, "error=EIO:when=8")
    host.start()
    busy = loads.begin(host, key, 2)
    host.ended(EIO_EXIT, seconds=30)
    granted = loads.end(busy)
    assert (host.state / "muster.db-wal").stat().st_size > 0
    failing = Failing(host, SYNCS, "error=EIO:when=60000", path="muster.db")
    host.start()
    assert [line for line in failing.lines() if re.search(r"\b(fsync|fdatasync)\(.*= 0", line)], failing.lines()[:5]
    with sqlite3.connect(f"file:{host.state / 'muster.db'}?mode=ro&immutable=1", uri=True) as db:  # without the log
        devices = db.execute("SELECT count(*) FROM activation").fetchone()[0]
    assert devices >= len(granted) > 0


@pytest.mark.parametrize("first", [40, 90])
def test_a_full_disk_for_a_while(ready, vendor, first):
    """Refused with its code while there is no room, served again by the same process as soon as there is, and nothing lost."""
    host, key = ready, vendor_key(vendor)
    failing = Failing(host, "pwrite64", f"error=ENOSPC:when={first}..{first + 11}")
    host.start()
    old = Client(host.port, key, timeout=20).connect()
    assert old.activate().status.code == 0
    granted, refused, told = {old.device.id}, [], None
    limit = time.monotonic() + 40
    while (len(refused) < 2 or not failing_over(failing)) and time.monotonic() < limit:
        device, token = Device(), os.urandom(16)
        client = Client(host.port, key, device, timeout=20).connect()
        response = client.call(client.request([PRODUCT], token=token))
        client.close()
        if response.status.code:
            assert response.status.code == STORE_FULL and not response.answer.results
            refused.append((device, token))
            if told is None:
                told = [item["code"] for item in host.status()["health"]]
        else:
            granted.add(device.id)
    assert refused and "STORE_FULL" in told
    assert host.process.poll() is None
    assert len(failing.injected()) == 12
    # The first request that finds room is served; the same process, and the same connection.
    assert old.call(old.request([PRODUCT], kind="renew")).answer.results[0].lease
    wait_for(lambda: "STORE_FULL" not in [item["code"] for item in host.status()["health"]], what="health")
    again = asked_again(host, key, refused)
    assert granted | again == stored_devices(host) and host.count() == len(granted | again)
    host.healthy()
    log = host.log.read_text()
    assert log.count("STORE_FULL") >= 1 and "ready" in log
    failing.over()
    assert host.stop() == 0


def failing_over(failing):
    return len(failing.injected()) >= 12
