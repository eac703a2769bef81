# SPDX-License-Identifier: Apache-2.0
"""Pools on the real parts: places that run out and come back, keys, approval, the same machine again, asking for more."""
import json

import pytest
from harness import PRODUCT, needs_faketime, wait_for
from wire import Client, Device, pb

MANY = "[limits]\nnew_devices_per_source = 100000\nhandshakes_per_source = 100000\n"


@pytest.fixture
def pool(hosts, vendor):
    """Make a host with one pool of the product."""

    def make(quantity, more="enrol=open", env=None):
        return hosts(MANY, env=env).start().serve(vendor, f"id=pool,product={PRODUCT},model=pool,quantity={quantity},{more}")

    return make


def used(host):
    return host.grant("pool")["in_use"]


# --- places ---

def test_the_hundred_and_first(pool, machines):
    """DESIGN 3, Pool: refused with the numbers, until somebody gives a place back."""
    host = pool(100)
    all_of_them = machines(host, *range(102))
    for machine in all_of_them[:100]:
        machine.done("activate", PRODUCT)
    first, late, later = all_of_them[0], *all_of_them[100:]
    error = late.refused("POOL_EXHAUSTED", "activate", PRODUCT)
    assert error["numbers"] == {"used": 100, "quantity": 100}
    assert "request-more" in error["remedy"]

    first.done("release", PRODUCT)
    late.done("activate", PRODUCT)
    assert later.refused("POOL_EXHAUSTED", "activate", PRODUCT)["numbers"]["used"] == 100
    host.ctl("activation", "release", "--device", all_of_them[1].id, "--product", PRODUCT, "--yes")
    assert used(host) == 99
    later.done("activate", PRODUCT)
    assert used(host) == 100
    assert late.status()["expires"] is None or late.status()["expires"] > "2040"
    # Who gave back, or was taken its place, has none, and waits like everybody else.
    first.refused("POOL_EXHAUSTED", "activate", PRODUCT)
    all_of_them[1].refused("POOL_EXHAUSTED", "renew", PRODUCT)

    host.kill()
    host.start()
    assert used(host) == 100
    held = host.items("activation", "list", "--product", PRODUCT, "--state", "active")
    assert len(held) == 100 and {row["grant"] for row in held} == {"pool"}
    host.healthy("POOL_LOW")


def test_the_same_machine_again_is_free(pool, machines):
    host = pool(2)
    one, two, three = machines(host, 1, 2, 3)
    one.done("activate", PRODUCT)
    for _ in range(3):
        one.done("renew", PRODUCT)
    assert used(host) == 1
    two.done("activate", PRODUCT)
    one.done("renew", PRODUCT)  # also when the pool is full
    (one.state / "leases" / f"{PRODUCT}.lease").unlink()
    one.done("activate", PRODUCT)
    assert used(host) == 2
    three.refused("POOL_EXHAUSTED", "activate", PRODUCT)
    # What is refused is refused twice alike, and leaves nothing behind.
    three.refused("POOL_EXHAUSTED", "activate", PRODUCT)
    assert used(host) == 2


def hardware(*tags):
    return [pb.Component(kind=kind, tag=tag, weight=1) for kind, tag in tags]


def ask(client, components, **more):
    want = pb.Want(product=PRODUCT, components=components, **more)
    request = client.request([PRODUCT])
    del request.activate.wants[:]
    request.activate.wants.append(want)
    return client.call(request).answer.results[0].status


def test_other_hardware_takes_another_place(pool, vendor):
    """Within 60 % of the weight the same machine, beyond it another one (DESIGN 5.4)."""
    host = pool(2)
    client = Client(host.port, (vendor.dir / "vendor.pub").read_text().strip()).connect()
    before = hardware((1, 11), (2, 22), (3, 33), (4, 44), (6, 66))
    assert ask(client, before).code == 0
    assert ask(client, hardware((1, 12), (2, 22), (3, 33), (4, 44), (6, 67))).code == 0
    assert used(host) == 1
    other = hardware((1, 12), (2, 222), (3, 333), (4, 444), (6, 66))
    assert ask(client, other).code == 0
    assert used(host) == 2
    assert ask(client, other).code == 0
    assert used(host) == 2
    status = ask(client, hardware((1, 13), (2, 223), (3, 334), (4, 445), (6, 68)))
    assert (status.code, status.used, status.quantity) == (110, 2, 2)
    client.close()
    host.healthy("POOL_LOW")


def test_warnings_before_it_is_full(pool, machines):
    """At 80 and at 95 per cent, told to administrators and to the machine that goes beyond."""
    host = pool(20)
    levels = {}
    for i, machine in enumerate(machines(host, *range(20)), 1):
        machine.done("activate", PRODUCT)
        low = [item for item in host.status()["health"] if item["code"] == "POOL_LOW"]
        levels[i] = low[0]["severity"] if low else None
        if low:
            assert f"{i} of 20" in low[0]["message"] and "request-more" in low[0]["remedy"]
    assert [levels[i] for i in (15, 16, 18, 19, 20)] == [None, "info", "info", "warning", "warning"]
    assert host.ctl("status", check=False).returncode == 2
    warned = [row for row in host.items("audit", "list") if row["action"] == "pool.low"]
    assert len(warned) == 2, host.items("audit", "list")[-5:]


def test_reinstalled_takes_over_its_place(pool, machines):
    """A wiped state folder is a new device; the one that says so has its old place (DESIGN 5.4)."""
    host = pool(1)
    old, new, other = machines(host, "old", "new", "other")
    old.done("activate", PRODUCT)
    new.refused("POOL_EXHAUSTED", "activate", PRODUCT)
    new.done("activate", PRODUCT, "--reinstalled")
    assert used(host) == 1
    holders = {row["device"]: row["state"] for row in host.items("activation", "list")}
    assert holders == {old.id: "released", new.id: "active"}
    taken = [row for row in host.items("audit", "list") if row["action"] == "activation.taken-over"]
    assert [(row["object"], row["detail"]["other"]) for row in taken] == [(new.id, old.id)]
    new.done("renew", PRODUCT)
    other.refused("POOL_EXHAUSTED", "activate", PRODUCT)
    host.healthy("POOL_LOW")


# --- who comes in ---

def test_enrolment_by_key(pool, machines, vendor, folder):
    host = pool(10, "enrol=key")
    right, blocked = vendor.keys("pool", "--pool", "--count", "2")
    foreign = vendor.keys("pool", "--pool")[0]  # made, but not in the license yet
    host_without = machines(host, "early")
    host_without.refused("ENROL_KEY_WRONG", "activate", PRODUCT, "--key", "-", stdin=right)
    host.renewed(vendor)
    machine, second, third, fourth = machines(host, 1, 2, 3, 4)
    error = machine.refused("ENROL_KEY_NEEDED", "activate", PRODUCT)
    assert "--key" in error["remedy"]
    mistyped = foreign[:-1] + ("A" if foreign[-1] != "A" else "B")
    machine.refused("KEY_MALFORMED", "activate", PRODUCT, "--key", "-", stdin=mistyped)
    product_key = vendor.keys("pool", "--quantity", "5")[0]
    host.renewed(vendor)
    machine.refused("ENROL_KEY_WRONG", "activate", PRODUCT, "--key", "-", stdin=product_key)
    assert used(host) == 0 and host.status()["devices"] == 0  # strangers leave no trace

    machine.done("activate", PRODUCT, "--key", "-", stdin=right.lower())
    (folder / "key").write_text(blocked + "\n")
    second.done("activate", PRODUCT, "--key", f"@{folder / 'key'}")
    machine.done("renew", PRODUCT)  # who is known needs it no more

    vendor("key", "block", "-", stdin=blocked)
    vendor("revocations", "-o", folder / "revocations")
    host.ctl("install", folder / "revocations")
    assert third.refused("ENROL_KEY_WRONG", "activate", PRODUCT, "--key", "-", stdin=blocked)
    second.done("renew", PRODUCT)  # its place it keeps
    fourth.done("activate", PRODUCT, "--key", "-", stdin=right)
    assert used(host) == 3
    error = host.refused("REVOCATIONS_OLD", "install", folder / "revocations")
    assert error["numbers"] == {}
    log = host.log.read_text() + json.dumps(host.items("audit", "list"))
    for key in (right, blocked):
        assert key not in log and key.replace("-", "") not in log


def test_enrolment_by_approval(pool, machines):
    host = pool(10, "enrol=approve")
    machine, other = machines(host, 1, 2)
    error = machine.refused("APPROVAL_PENDING", "activate", PRODUCT)
    assert "device approve" in error["remedy"]
    other.refused("APPROVAL_PENDING", "activate", PRODUCT)
    assert used(host) == 0
    assert {row["device"] for row in host.items("device", "list")} == {machine.id, other.id}
    host.ctl("device", "approve", "--", machine.id[:8])
    machine.done("activate", PRODUCT)
    other.refused("APPROVAL_PENDING", "activate", PRODUCT)
    assert used(host) == 1
    host.healthy()


# --- more ---

def test_ask_for_more(pool, machines, vendor, folder):
    host = pool(2)
    one, two, three = machines(host, 1, 2, 3)
    one.done("activate", PRODUCT)
    two.done("activate", PRODUCT)
    three.refused("POOL_EXHAUSTED", "activate", PRODUCT)
    request = folder / "more.request"
    host.ctl("license", "request-more", "fjord-1", "--grant", "pool=3", "--reason", "A new office", "-o", request)
    assert request.read_text().startswith("-----BEGIN MUSTER LICENSE REQUEST-----")
    vendor("license", "renew", "fjord-1", "--request", request, "-o", folder / "more.license")
    host.ctl("install", folder / "more.license")
    three.done("activate", PRODUCT)
    assert host.grant("pool")["quantity"] == 3 and used(host) == 3
    host.refused("LICENSE_SERIAL_OLD", "install", folder / "more.license")
    # It asks for more, not for less.
    host.refused("BAD_REQUEST", "license", "request-more", "fjord-1", "--grant", "pool=2", "-o", folder / "less")
    host.refused("NOT_FOUND", "license", "request-more", "fjord-1", "--grant", "nothing=9", "-o", folder / "less")


# --- machines that live for an hour ---

def release(client):
    return client.call(client.release_request(PRODUCT)).answer.results[0].status.code


def test_a_thousand_machines_for_fifty_places(pool, vendor):
    """Fifty at a time start, fill the pool, and give back at their end; no place is lost on the way."""
    host = pool(50)
    key = (vendor.dir / "vendor.pub").read_text().strip()
    for generation in range(20):
        alive = [Client(host.port, key).connect() for _ in range(50)]
        assert [client.activate().status.code for client in alive] == [0] * 50, generation
        assert used(host) == 50
        extra = Client(host.port, key).connect()
        status = extra.activate().status
        assert (status.code, status.used, status.quantity) == (110, 50, 50)
        extra.close()
        assert [release(client) for client in alive] == [0] * 50
        for client in alive:
            client.close()
    assert used(host) == 0
    rows = host.items("activation", "list")
    assert len(rows) == 1000 and {row["state"] for row in rows} == {"released"}
    host.healthy()


@needs_faketime
def test_killed_machines_give_back_by_silence(pool, vendor, clock):
    """Nobody says goodbye: places come back after the window, those of machines that renew stay (DESIGN 5.4)."""
    host = pool(50, "enrol=open,lease=2d,renew=6h,window=2d", env=clock.env)
    key = (vendor.dir / "vendor.pub").read_text().strip()
    keeper, day = Device(), 0
    for generation in range(5):
        first = Client(host.port, key, keeper).connect()
        assert first.activate(kind="renew" if generation else "activate").status.code == 0
        first.close()
        for _ in range(49):  # killed: the connection is gone, nothing is released
            client = Client(host.port, key, Device()).connect()
            status = client.activate().status
            assert status.code == 0, (generation, status)
            client.socket.close()
        assert used(host) == 50
        late = Client(host.port, key).connect()
        assert late.activate().status.code == 110
        late.close()
        for _ in range(3):  # the keeper lives on
            day += 1
            clock.set(f"+{day}d")
            first = Client(host.port, key, keeper).connect()
            assert first.activate(kind="renew").status.code == 0
            first.close()
        wait_for(lambda: used(host) == 1, what="places come back")
    assert {row["device"] for row in host.items("activation", "list", "--state", "active")} == {keeper.id}
    host.healthy()
