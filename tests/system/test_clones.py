# SPDX-License-Identifier: Apache-2.0
"""Copies of machines, snapshots, images and chosen identities, with the real programs and what the administrator sees of them."""
import hashlib
import json
import os
import shutil

import pytest
from harness import PRODUCT, Machine, needs_root, run


@pytest.fixture
def served(hosts, vendor):
    return hosts().start().serve(vendor, f"id=cad-volume,product={PRODUCT},model=volume")


@pytest.fixture
def elsewhere(folder):
    """Makes wrappers that run a command on "another machine": in a mount namespace with a machine-id of its own."""
    def make(digit):
        path = folder / f"machine-id-{digit}"
        path.write_text(hashlib.md5(digit.encode()).hexdigest() + "\n")
        return ["unshare", "-m", "sh", "-c", f"mount --bind {path} /etc/machine-id && exec \"$@\"", "sh"]
    return make


def machine_on(folder, host, vendor, name, wrapper=(), *options):
    return Machine(folder, name, vendor.products, "--host", f"127.0.0.1:{host.port}", *options, wrapper=wrapper)


def copy(machine, other):
    shutil.copytree(machine.state, other.state)
    return other


def kinds(host):
    return [row["kind"] for row in host.items("report", "clones")]


def forked_from(machine):
    return json.loads(machine("status", "--json").stdout)["forked_from"]


@needs_root
def test_a_copied_disk_is_a_machine_of_its_own_at_its_first_start(folder, served, vendor, elsewhere):
    machine = machine_on(folder, served, vendor, "one", elsewhere("a"))
    machine.done("activate", PRODUCT)
    twin = copy(machine, machine_on(folder, served, vendor, "two", elsewhere("b")))
    assert machine("status").returncode == 0
    assert twin("status").returncode != 0  # the lease is another device's
    twin.done("renew", "--all")
    assert twin.id != machine.id and forked_from(twin) == machine.id and forked_from(machine) is None
    assert twin.status()["state"] == "licensed" and served.count() == 2
    machine.done("renew", "--all")
    row, = served.items("report", "clones")
    assert row["kind"] == "copied" and row["device"] == twin.id and row["forked_from"] == machine.id
    assert row["hostname"] and row["forked_from_hostname"]
    listed = {d["device"]: d["forked_from"] for d in served.items("device", "list")}
    assert listed == {machine.id: None, twin.id: machine.id}
    assert machine.id in served.ctl("device", "show", "--", twin.id).stdout


def test_two_living_copies_on_the_same_hardware_are_told_apart_by_the_host(folder, served, vendor):
    machine = machine_on(folder, served, vendor, "one")
    machine.done("activate", PRODUCT)
    old = machine.id
    twin = copy(machine, machine_on(folder, served, vendor, "two"))
    machine.done("renew", PRODUCT)
    twin.done("renew", PRODUCT)  # as if it were the same machine, put back
    assert served.count() == 1 and kinds(served) == ["rollback"]
    machine.done("renew", PRODUCT)
    assert machine.status()["state"] == "licensed"
    assert machine.id != old and twin.id == old and forked_from(machine) == old
    assert served.count() == 2 and kinds(served) == ["rollback", "both-live", "copied"]
    for one in (machine, twin, machine):
        one.done("renew", PRODUCT)
    assert served.count() == 2 and len(kinds(served)) == 3
    served.healthy()


def test_a_snapshot_that_is_put_back_goes_on(folder, served, vendor):
    machine = machine_on(folder, served, vendor, "one")
    machine.done("activate", PRODUCT)
    snapshot = folder / "snapshot"
    shutil.copytree(machine.state, snapshot)
    for turn in range(1, 6):
        machine.done("renew", PRODUCT)
        shutil.rmtree(machine.state)
        shutil.copytree(snapshot, machine.state)
        machine.done("renew", PRODUCT)
        assert kinds(served) == ["rollback"] * min(turn, 4) + ["too-often", "copied"] * (turn > 4)
    # The fifth time within a year is one too many for one machine.
    assert served.count() == 2 and forked_from(machine)


def test_an_image_without_an_identity(folder, served, vendor):
    machine = machine_on(folder, served, vendor, "golden")
    machine.done("activate", PRODUCT)
    assert "image" in machine.done("generalize", "--release")
    assert served.grant("cad-volume")["active"] == 0
    copies = [copy(machine, machine_on(folder, served, vendor, f"copy-{i}")) for i in range(3)]
    for one in copies:
        one.done("activate", PRODUCT)
    assert len({one.id for one in copies}) == 3
    assert kinds(served) == [] and served.grant("cad-volume")["active"] == 3


@needs_root
def test_a_chosen_identity_survives_its_state(folder, served, vendor, elsewhere):
    seed = folder / "seed"
    seed.write_bytes(os.urandom(32))
    seed.chmod(0o600)
    first = machine_on(folder, served, vendor, "pod-1", elsewhere("a"), "--identity", seed)
    first.done("activate", PRODUCT)
    moved = machine_on(folder, served, vendor, "pod-2", elsewhere("b"), "--identity", seed)  # nothing but the seed came along
    moved.done("activate", PRODUCT)
    assert moved.id == first.id and served.count() == 1
    # Both at once: the one that is heard second is refused, and keeps what it has.
    error = first.refused("IDENTITY_FORKED", "renew", PRODUCT)
    assert "seed" in error["remedy"]
    assert first.id == moved.id and first.status()["state"] == "licensed"
    moved.done("renew", PRODUCT)
    assert served.count() == 1


def test_a_seed_that_others_may_read_is_refused(folder, served, vendor):
    seed = folder / "seed"
    seed.write_bytes(os.urandom(32))
    seed.chmod(0o644)
    machine_on(folder, served, vendor, "pod", (), "--identity", seed).refused("INSECURE", "activate", PRODUCT)
    short = folder / "short"
    run("truncate", "-s", "31", short)
    short.chmod(0o600)
    machine_on(folder, served, vendor, "pod", (), "--identity", short).refused("KEY_INVALID", "activate", PRODUCT)
