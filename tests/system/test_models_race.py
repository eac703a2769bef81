# SPDX-License-Identifier: Apache-2.0
"""Two administrators and 1,000 machines race for the last places: never one too many, never one lost."""
import collections
import contextlib
import multiprocessing
import random
import threading
import time

import pytest
from harness import PRODUCT, SANITIZED
from wire import Client, Device, pb

MANY = ("[limits]\nnew_devices_per_source = 100000\nhandshakes_per_source = 100000\nrequests_per_device = 100000\n"
        "releases_per_device = 100000\n")
PLACES = 100
WORKERS = 4
MACHINES = 100 if SANITIZED else 250  # of each worker
RACE_SECONDS = 4
DONE, NOT_ACTIVATED, POOL_EXHAUSTED, NOT_ASSIGNED, SEATS_EXHAUSTED = 0, 54, 110, 114, 124

fork = multiprocessing.get_context("fork")


# --- machines ---

def release(client):
    return client.call(client.release_request(PRODUCT)).answer.results[0].status.code


class Crowd:
    """Machines in processes of their own: all connect, race until told to stop, and ask once more at the end."""

    def __init__(self, port, key, devices, gives_back):
        self.port, self.key, self.gives_back = port, key, gives_back
        self.go, self.stop = fork.Event(), fork.Event()
        self.ready, self.end = fork.Barrier(WORKERS + 1), fork.Barrier(WORKERS)
        self.results = fork.Queue()
        share = len(devices) // WORKERS
        self.workers = [fork.Process(target=self.work, args=(i, devices[i * share:(i + 1) * share])) for i in range(WORKERS)]
        for worker in self.workers:
            worker.start()

    def come(self, device):
        """A connection that stays, which one that asks nothing does not."""
        client = Client(self.port, self.key, device, timeout=30).connect()
        client.call(pb.Request(id=1, ping=pb.Ping()))
        return client

    def work(self, seed, devices):
        chance, codes, failure, last = random.Random(seed), collections.Counter(), None, {}
        try:
            clients = [self.come(device) for device in devices]
            self.ready.wait(60)
            self.go.wait(60)
            while not self.stop.is_set():
                client = chance.choice(clients)
                if self.gives_back and chance.random() < 0.3:
                    codes[release(client)] += 1
                else:
                    codes[client.activate(kind=chance.choice(["activate", "renew"])).status.code] += 1
            self.end.wait(60)
            last = {client.device.id: client.activate().status.code for client in clients}
        except Exception as error:  # told to the test, which fails
            failure = repr(error)
        self.results.put((codes, last, failure))

    def start(self):
        self.ready.wait(90)
        self.go.set()

    def finish(self):
        """What all answers were, and the last one of each machine."""
        self.stop.set()
        codes, last = collections.Counter(), {}
        for _ in self.workers:
            some, ends, failure = self.results.get(timeout=90)
            assert failure is None, failure
            codes += some
            last |= ends
        for worker in self.workers:
            worker.join(30)
        return codes, last

    def kill(self):
        for worker in self.workers:
            if worker.is_alive():
                worker.kill()
                worker.join(10)


@contextlib.contextmanager
def crowd(*args):
    made = Crowd(*args)
    try:
        yield made
    finally:
        made.kill()


# --- administrators ---

class Busy:
    """Threads that do something again and again, with pauses in which the places fill up; a failure is the test's."""

    def __init__(self, *jobs, pause=0.05):
        self.pause = pause
        self.ended, self.failures, self.rounds = threading.Event(), [], collections.Counter()
        self.threads = [threading.Thread(target=self.work, args=(job,)) for job in jobs]

    def work(self, job):
        try:
            while not self.ended.is_set():
                job()
                self.rounds[job.__name__] += 1
                time.sleep(self.pause)
        except Exception as error:  # an assert of a thread is no assert of the test
            self.failures.append(error)

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.ended.set()
        for thread in self.threads:
            thread.join(60)
            assert not thread.is_alive()
        assert not self.failures, self.failures


def watch(host, grant, key, seen):
    """A job that looks at the count all the time."""

    def looking():
        status, found = host.api("GET", f"/v1/subscriptions/{grant}")
        assert status == 200
        seen.append(found[key])

    return looking


@pytest.fixture
def site(hosts, vendor):
    def make(grant):
        host = hosts(MANY).start().serve(vendor, grant)
        return host, (vendor.dir / "vendor.pub").read_text().strip(), [Device() for _ in range(WORKERS * MACHINES)]

    return make


# --- the races ---

def test_the_last_places_of_a_pool(site):
    """Machines take and give back, administrators take away from whom they find."""
    host, key, devices = site(f"id=pool,product={PRODUCT},model=pool,quantity={PLACES},enrol=open")
    seen, chance = [], random.Random(1)

    def some_of(most):
        found = [row["device"] for row in host.api("GET", "/v1/activations?state=active&limit=200")[1]["items"]]
        return chance.sample(found, min(most, len(found)))

    def by_command():
        for device in some_of(2):
            done = host.ctl("activation", "release", "--device", device, "--product", PRODUCT, "--yes", check=False)
            assert done.returncode == 0 or "NOT_ACTIVATED" in done.stderr, done.stderr

    def by_api():
        rows = [{"do": "activation.release", "device": device} for device in some_of(5)]
        for item in host.change(*rows) if rows else []:
            assert item["ok"] or item["error"]["code"] == "NOT_ACTIVATED", item

    with crowd(host.port, key, devices, True) as machines:
        machines.start()
        with Busy(by_command, by_api, watch(host, "pool", "in_use", seen)) as busy:
            time.sleep(RACE_SECONDS)
        codes, last = machines.finish()

    assert set(codes) == {DONE, NOT_ACTIVATED, POOL_EXHAUSTED}, codes
    assert busy.rounds["by_command"] > 3 and busy.rounds["by_api"] > 3 and len(seen) > 20
    assert max(seen) <= PLACES, max(seen)
    ends = collections.Counter(last.values())
    assert ends == {DONE: PLACES, POOL_EXHAUSTED: len(devices) - PLACES}, ends
    active = {row["device"] for row in host.items("activation", "list", "--state", "active")}
    assert active == {device for device, code in last.items() if code == DONE}
    assert host.grant("pool")["in_use"] == PLACES
    host.healthy("POOL_LOW")
    host.kill()
    host.start()
    assert host.grant("pool")["in_use"] == PLACES
    host.healthy("POOL_LOW")


def test_the_last_seats_of_a_device_grant(site):
    """All machines are in a group for too few seats; administrators take them out, put them in, and assign them directly."""
    host, key, devices = site(f"id=devices,product={PRODUCT},model=device,quantity={PLACES}")
    names, seen = [device.id for device in devices], []
    first, second = random.Random(1), random.Random(2)
    host.change({"do": "group.add", "group": "all", "kind": "devices"},
                *({"do": "member.add", "group": "all", "kind": "devices", "device": name} for name in names),
                {"do": "assign", "device_group": "all", "product": PRODUCT})
    assert host.grant("devices")["assigned"] == PLACES

    def by_command():
        some = first.sample(names, 4)
        host.ctl("device", "group", "remove-member", "all", "--yes", "--", *some)
        host.ctl("device", "group", "add-member", "all", "--", *some)

    def by_api():
        held = [row["holder"] for row in host.api("GET", "/v1/seats?state=held&limit=200")[1]["items"]]
        some = second.sample(names, 6) + second.sample(held, 6)
        given = [item["device"] for item in host.change(*({"do": "assign", "device": d, "product": PRODUCT} for d in some))
                 if item["ok"]]
        items = host.change(*({"do": "unassign", "device": d, "product": PRODUCT} for d in given), confirm=True) if given else []
        for item in items:
            assert item["ok"] or item["error"]["code"] in ("NOT_ASSIGNED", "INHERITED"), item

    with crowd(host.port, key, devices, False) as machines:
        machines.start()
        with Busy(by_command, by_api, watch(host, "devices", "assigned", seen)) as busy:
            time.sleep(RACE_SECONDS)
        codes, last = machines.finish()

    assert set(codes) <= {DONE, NOT_ASSIGNED, SEATS_EXHAUSTED} and codes[DONE] and codes[SEATS_EXHAUSTED], codes
    assert busy.rounds["by_command"] > 3 and busy.rounds["by_api"] > 3 and len(seen) > 20
    assert max(seen) <= PLACES, max(seen)
    # Hundreds wait, so that a free seat is a lost one.
    seats = collections.defaultdict(set)
    for row in host.items("seat", "list"):
        seats[row["state"]].add(row["holder"])
    assert len(seats["held"]) == PLACES and host.grant("devices")["assigned"] == PLACES
    assert seats["held"] | seats["waiting"] == set(names)
    assert {device for device, code in last.items() if code == DONE} == seats["held"]
    host.healthy("SEATS_EXHAUSTED")
    host.kill()
    host.start()
    assert host.grant("devices")["assigned"] == PLACES
    host.healthy("SEATS_EXHAUSTED")
