# SPDX-License-Identifier: Apache-2.0
"""A host at work for long: machines that come, renew, repeat, leave and come back, administrators who list, change and back up, strangers
at the door, and every kind of restart. What was acknowledged stays, what is repeated happens once, and nothing grows that does not have
to. SOAK_SECONDS=3600 for a long one (make soak)."""
import contextlib
import json
import os
import pathlib
import random
import re
import signal
import subprocess
import threading
import time

from harness import PRODUCT, SANITIZED, program
from loads import stored_devices, vendor_key
from test_flood import flood
from wire import Client, Device, Refused, unbase64

SECONDS = int(os.environ.get("SOAK_SECONDS", 16))
PHASES = max(8, SECONDS // 60)  # the first half of them with restarts between, the second with one process
KEPT = 20  # devices of each fleet
SECONDS_MOST = 120  # of one turn, on a machine that is busy otherwise
GRANT = f"id=cad-volume,product={PRODUCT},model=volume"
CONFIG = """[limits]
new_devices_per_source = 100000000
handshakes_per_source = 100000000
requests_per_device = 100000000
releases_per_device = 1000000
"""
PAGES_MIB = 24 + 2 * 2  # what SQLite keeps of a database in memory, once it is large enough: the writer, and two readers
TABLES_MIB = 8  # of addresses and devices (net/source, net/quota): of a fixed size, and there where somebody came
SLACK_MIB = 8  # the allocator's
LOG_AHEAD_MIB = 128  # four times what SQLite merges its log at: long lists keep it from that
SLACK_DESCRIPTORS = 8  # handles that are opened when they are needed first


class Worker(threading.Thread):
    """Does turns until it is told to stop, but for rests. What is wrong in one ends it, and is told by rest() and stop()."""

    def __init__(self, host, seed):
        super().__init__(daemon=True)
        self.host, self.random, self.turns, self.fault = host, random.Random(seed), 0, None
        self.go, self.resting, self.over = threading.Event(), threading.Event(), False

    def run(self):
        try:
            while not self.over:
                if not self.go.is_set():
                    self.resting.set()
                    self.go.wait(1)
                    continue
                self.turn()
                self.turns += 1
        except BaseException as fault:
            self.fault = fault
        self.resting.set()

    def work(self):
        self.resting.clear()
        self.go.set()

    def rest(self):
        """Between two turns: nothing is open, and nobody waits for an answer."""
        self.go.clear()
        assert self.resting.wait(SECONDS_MOST), f"{self} does not come to rest"
        if self.fault:
            raise self.fault

    def stop(self):
        self.over = True
        self.go.set()
        self.join(SECONDS_MOST)


class Caller(Worker):
    def __init__(self, host, key, seed):
        super().__init__(host, seed)
        self.key = key

    def call(self, device, make):
        """As libmuster does it: one request, made once the device is connected, and the same again until it is answered, whatever
        becomes of connections and host meanwhile. The request and its answer."""
        request = None
        while True:
            try:
                with contextlib.closing(Client(self.host.port, self.key, device, timeout=20).connect()) as client:
                    request = request or make(client)
                    return request, client.call(request)
            except (OSError, Refused):
                assert not self.over
                time.sleep(0.05)


class Crowd(Caller):
    """Machines that come once."""

    def __init__(self, *args):
        super().__init__(*args)
        self.granted = set()

    def turn(self):
        device = Device()
        _, response = self.call(device, lambda client: client.request([PRODUCT]))
        assert response.answer.results[0].lease, response
        self.granted.add(device.id)


def serial(result):
    """Of a lease; its signature is not what this is about."""
    return json.loads(unbase64(result.lease.split(".")[2])[:-64])["serial"]


class Fleet(Caller):
    """Machines that stay: they activate, renew, give back, come again, and ask once more for what they have been told."""

    MAKE = {"activate": lambda client: client.request([PRODUCT]), "renew": lambda client: client.request([PRODUCT], kind="renew"),
            "release": lambda client: client.release_request(PRODUCT)}

    def __init__(self, *args):
        super().__init__(*args)
        self.devices = [Device() for _ in range(KEPT)]
        self.last, self.serials = {}, {}  # request and answer; the lease's serial of those that hold one

    @property
    def granted(self):
        return {device.id for device in self.serials}

    def turn(self):
        device = self.random.choice(self.devices)
        if device not in self.serials:
            self.ask(device, "activate")
        elif self.random.random() < 0.1:
            self.repeat(device)
        else:
            self.ask(device, self.random.choices(("renew", "activate", "release"), (8, 1, 1))[0])

    def ask(self, device, kind):
        request, response = self.call(device, self.MAKE[kind])
        result, before = response.answer.results[0], self.serials.pop(device, 0)
        assert response.status.code == result.status.code == 0, response
        self.last[device] = request, response.answer
        if kind != "release":
            self.serials[device] = serial(result)
            assert self.serials[device] > before, response

    def repeat(self, device):
        """The answer was lost on its way: the same comes again."""
        request, answer = self.last[device]
        _, again = self.call(device, lambda _: request)
        assert again.answer == answer, (again, answer)


class Administrator(Worker):
    """Reads all there is, long lists too, and changes what is no machine's."""

    GONE = re.compile(r"(NOT_REACHABLE|CLOSED|STOPPING|BUSY)")  # the host restarts

    def commands(self):
        user = f"user-{self.turns % 50}"
        yield "activation", "list", "--csv"
        yield "user", "add", user
        yield "audit", "export"
        yield "report", "usage"
        yield "user", "remove", user, "--yes"
        yield ("status",)
        if self.turns % 5 == 0:
            yield "audit", "verify"
            yield "backup", self.host.dir / f"backup-{self.turns % 2}"

    def turn(self):
        for command in self.commands():
            done = subprocess.run([program("musterctl"), "--socket", self.host.socket, *command], stdout=subprocess.DEVNULL,
                                  stderr=subprocess.PIPE, text=True, timeout=SECONDS_MOST)
            if done.returncode and self.GONE.match(done.stderr):
                return
            assert done.returncode == 0 or re.search("DUPLICATE|NOT_FOUND", done.stderr), f"{command}: {done.stderr}"


# --- what must not grow ---


def proc(host, name):
    return pathlib.Path(f"/proc/{host.process.pid}/{name}")


def anonymous_mib(host):
    return int(re.search(r"RssAnon:\s+(\d+) kB", proc(host, "status").read_text()).group(1)) / 1024


def descriptors(host):
    return len(list(proc(host, "fd").iterdir()))


def nothing_grows(host, rests):
    """Between the first and the last rest of one process, each with its memory and descriptors."""
    assert (host.state / "muster.db-wal").stat().st_size < LOG_AHEAD_MIB << 20
    assert rests[-1][1] <= rests[0][1] + SLACK_DESCRIPTORS, rests
    assert SANITIZED or rests[-1][0] <= rests[0][0] + PAGES_MIB + TABLES_MIB + SLACK_MIB, rests


# --- the soak ---


def reload(host):
    host.process.send_signal(signal.SIGHUP)


def again(host):
    host.stop()
    host.start()


def crash(host):
    """Under load, as a crash comes."""
    host.kill()
    host.start()


ENDINGS = [reload, again, crash, crash]


def look(host, workers):
    """Everybody rests: what was acknowledged, and nothing else, is on record."""
    for worker in workers:
        worker.rest()
    granted = set().union(*(worker.granted for worker in workers if isinstance(worker, Caller)))
    assert granted == stored_devices(host)
    assert host.count() == len(granted)
    host.healthy()


def test_a_host_at_work(hosts, vendor):
    host = hosts(config=CONFIG).start().serve(vendor, GRANT)
    host.listen = f"127.0.0.1:{host.port}"
    key, floods, rests = vendor_key(vendor), [], []
    callers = [kind(host, key, seed) for seed, kind in enumerate((Fleet, Fleet, Fleet, Crowd))]
    workers = [*callers, Administrator(host, 0)]
    for worker in workers:
        worker.start()
    try:
        for phase in range(PHASES):
            for worker in workers:
                worker.work()
            if phase < PHASES // 2:
                time.sleep(SECONDS / PHASES)
                ENDINGS[phase % len(ENDINGS)](host)
                look(host, workers)
                continue
            with flood(host.port, vendor.dir / "vendor.pub", SECONDS_MOST) if phase % 4 == 3 else contextlib.nullcontext() as did:
                time.sleep(SECONDS / PHASES)
            floods += [did] if did else []
            look(host, workers)
            rests.append((anonymous_mib(host), descriptors(host)))
    finally:
        for worker in workers:
            worker.stop()
    print([(type(worker).__name__, worker.turns) for worker in workers], "MiB and descriptors at rest:", rests, floods)
    assert all(worker.turns for worker in workers)
    assert floods and all(did[kind]["sent"] for did in floods for kind in did)
    nothing_grows(host, rests)
