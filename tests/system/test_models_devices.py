# SPDX-License-Identifier: Apache-2.0
"""Licenses for devices on the real parts: seats before and after the first contact, groups, leases, resets."""
import json
import socket

import pytest
from harness import PRODUCT, needs_faketime

SEATS = f"id=devices,product={PRODUCT},model=device"
BOTH = (f"{SEATS},quantity=5", f"id=users,product={PRODUCT},model=user,quantity=5")


@pytest.fixture
def devices(hosts, vendor):
    """Make a host with so many seats for devices."""

    def make(quantity=5, env=None):
        return hosts(env=env).start().serve(vendor, f"{SEATS},quantity={quantity}")

    return make


@pytest.fixture
def both(hosts, vendor):
    return hosts().start().serve(vendor, *BOTH)


def holders(host, state="held"):
    return {row["holder"] for row in host.items("seat", "list", "--state", state)}


# --- whose seat ---

def test_assigned_before_it_is_first_seen(devices, machines):
    host = devices(1)
    known, stranger = machines(host, 1, 2)
    host.ctl("assign", "--product", PRODUCT, "--device", known.id)
    assert holders(host) == {known.id}
    assert host.grant("devices")["assigned"] == 1 and host.grant("devices")["in_use"] == 0
    error = stranger.refused("NOT_ASSIGNED", "activate", PRODUCT)
    assert "musterctl assign" in error["remedy"]
    known.done("activate", PRODUCT)
    found = known.status()
    assert (found["state"], found["model"], found["user"]) == ("licensed", "device", None)
    assert host.grant("devices")["in_use"] == 1
    error = host.refused("SEATS_EXHAUSTED", "assign", "--product", PRODUCT, "--device", stranger.id)
    assert error["numbers"] == {"used": 1, "quantity": 1}
    assert "holder: this device, which has a seat of its own" in known("status").stdout
    host.healthy("SEATS_EXHAUSTED")


def test_the_seat_ends_the_lease_runs_out(devices, machines):
    host = devices(1)
    one, two = machines(host, 1, 2)
    host.ctl("assign", "--product", PRODUCT, "--device", one.id)
    one.done("activate", PRODUCT)
    host.ctl("unassign", "--product", PRODUCT, "--device", one.id)
    host.ctl("assign", "--product", PRODUCT, "--device", two.id)
    one.refused("NOT_ASSIGNED", "renew", PRODUCT)
    assert one.status()["state"] in ("licensed", "overdue")  # nobody comes to take the lease away
    two.done("activate", PRODUCT)
    host.refused("NOT_ASSIGNED", "unassign", "--product", PRODUCT, "--device", one.id)


def test_by_enrolment_key(devices, machines):
    host = devices(5)
    one, two, three = machines(host, 1, 2, 3)
    host.ctl("device", "group", "add", "lab")
    host.ctl("assign", "--product", PRODUCT, "--device-group", "lab")
    made = host.items("device", "enrol-key", "add", "lab", "--uses", "2", "--days", "3")[0]
    key = made["code"]
    assert len(key) == 29 and made["expires"]
    one.done("activate", PRODUCT, "--key", "-", stdin=key)
    one.done("renew", PRODUCT)  # without it
    two.done("activate", PRODUCT, "--key", "-", stdin=key.lower())
    three.refused("NOT_ASSIGNED", "activate", PRODUCT, "--key", "-", stdin=key)  # used up
    listed = host.items("device", "enrol-key", "list")
    assert [(row["id"], row["group"], row["used"], row["uses"]) for row in listed] == [(made["id"], "lab", 2, 2)]
    assert key not in json.dumps(listed) and key not in json.dumps(host.items("audit", "list"))
    again = host.items("device", "enrol-key", "add", "lab")[0]
    host.ctl("device", "enrol-key", "remove", again["id"])
    three.refused("NOT_ASSIGNED", "activate", PRODUCT, "--key", "-", stdin=again["code"])
    assert holders(host) == {one.id, two.id}
    host.refused("NOT_FOUND", "device", "enrol-key", "remove", again["id"])


def test_a_pattern_only_proposes(devices, machines):
    """DESIGN 15: the hostname is no proof; an administrator confirms."""
    host = devices(5)
    machine = machines(host, 1)
    name = socket.gethostname()
    host.ctl("device", "group", "add", "lab", "--pattern", name[:1] + "*")
    host.ctl("device", "group", "add", "others", "--pattern", "never-so-*")
    for group in ("lab", "others"):
        host.ctl("assign", "--product", PRODUCT, "--device-group", group)
    machine.refused("NOT_ASSIGNED", "activate", PRODUCT)
    # Only what is on record can be proposed; a stranger that was refused is not.
    host.ctl("device", "mark-shared", "--", machine.id)
    assert host.items("device", "group", "proposals") == []
    machine.refused("NOT_ASSIGNED", "activate", PRODUCT)
    proposals = host.items("device", "group", "proposals")
    assert [(row["device"], row["group"]) for row in proposals] == [(machine.id, "lab")]
    assert proposals[0]["hostname"] == name
    machine.refused("NOT_ASSIGNED", "activate", PRODUCT)
    host.ctl("device", "group", "confirm", "lab", "--all")
    machine.done("activate", PRODUCT)
    assert host.items("device", "group", "proposals") == []


def test_nested_groups(devices, machines):
    host = devices(2)
    one, two, three = machines(host, 1, 2, 3)
    for group in ("site", "floor", "room"):
        host.ctl("device", "group", "add", group)
    host.ctl("device", "group", "add-member", "site", "--group", "floor")
    host.ctl("device", "group", "add-member", "floor", "--group", "room")
    host.ctl("device", "group", "add-member", "room", "--", one.id)
    host.ctl("assign", "--product", PRODUCT, "--device-group", "site")
    one.done("activate", PRODUCT)
    host.ctl("device", "group", "add-member", "floor", "--", two.id)
    two.done("activate", PRODUCT)
    # One of the members also by itself, and twice by groups: still one seat.
    host.ctl("device", "group", "add-member", "site", "--", one.id)
    host.ctl("assign", "--product", PRODUCT, "--device", one.id)
    assert host.grant("devices")["assigned"] == 2
    host.refused("GROUP_CYCLE", "device", "group", "add-member", "room", "--group", "site")
    # A third one waits, and is served when the first has left all of its groups.
    host.ctl("device", "group", "add-member", "room", "--", three.id)
    assert holders(host, "waiting") == {three.id}
    error = three.refused("SEATS_EXHAUSTED", "activate", PRODUCT)
    assert "ask the vendor" in error["remedy"]
    host.ctl("unassign", "--product", PRODUCT, "--device", one.id)
    for group in ("room", "site"):
        assert one.id in holders(host)
        host.ctl("device", "group", "remove-member", group, "--", one.id)
    assert holders(host) == {two.id, three.id} and holders(host, "waiting") == set()
    three.done("activate", PRODUCT)
    one.refused("NOT_ASSIGNED", "renew", PRODUCT)


def test_who_gets_what(both, machines):
    host, machine = both, machines(both, 1)
    host.ctl("user", "add", "kari")
    host.ctl("group", "add", "sales")
    host.ctl("device", "group", "add", "lab")
    assert host.refused("ASSIGN_MODEL", "assign", "--product", PRODUCT, "--user", "kari", "--grant", "devices")
    assert host.refused("ASSIGN_MODEL", "assign", "--product", PRODUCT, "--device", machine.id, "--grant", "users")
    assert host.refused("ASSIGN_MODEL", "assign", "--product", PRODUCT, "--group", "sales", "--grant", "devices")
    assert host.refused("ASSIGN_MODEL", "assign", "--product", PRODUCT, "--device-group", "lab", "--grant", "users")
    assert host.refused("PRODUCT_UNKNOWN", "assign", "--product", "nothing", "--user", "kari")
    assert host.refused("NOT_FOUND", "assign", "--product", PRODUCT, "--user", "nobody")
    assert host.refused("NOT_FOUND", "assign", "--product", PRODUCT, "--group", "nobodies")
    assert host.refused("NOT_FOUND", "assign", "--product", PRODUCT, "--user", "kari", "--grant", "nothing")
    assert host.refused("PLAN_UNKNOWN", "assign", "--product", PRODUCT, "--user", "kari", "--plans", "render,nothing")
    assert host.items("seat", "list") == []


def test_blocked_and_forgotten(devices, machines):
    host = devices(1)
    one, two = machines(host, 1, 2)
    host.ctl("assign", "--product", PRODUCT, "--device", one.id)
    one.done("activate", PRODUCT)
    host.ctl("device", "block", "--", one.id[:10])
    one.refused("DEVICE_BLOCKED", "renew", PRODUCT)
    assert host.json("device", "show", "--", one.id)["state"] == "blocked"
    host.ctl("device", "unblock", "--", one.id)
    one.done("renew", PRODUCT)
    host.ctl("device", "forget", "--yes", "--", one.id)
    assert host.items("seat", "list") == [] and host.grant("devices")["in_use"] == 0
    assert host.status()["devices"] == 0
    host.ctl("assign", "--product", PRODUCT, "--device", two.id)
    two.done("activate", PRODUCT)
    one.refused("NOT_ASSIGNED", "renew", PRODUCT)
    host.healthy("SEATS_EXHAUSTED")


# --- the lease ---

@needs_faketime
def test_ninety_days_and_warnings(devices, machines, clock):
    """DESIGN 3: told 30, 10 and 1 days before, then reduced; a renewal at any time before begins anew."""
    host = devices(1, env=clock.env)
    machine = machines(host, 1, env=clock.env)
    host.ctl("assign", "--product", PRODUCT, "--device", machine.id)
    machine.done("activate", PRODUCT)
    clock.set("+50d")
    machine.done("renew", PRODUCT)
    host.stop()
    seen = {}
    for day in (109, 111, 129, 131, 138, 140, 141):
        clock.set(f"+{day}d")
        found = machine.status()
        seen[day] = (found["state"], found["notice_days"])
        if found["notice_days"]:
            assert f"within {found['notice_days']} day" in machine("status").stdout
    assert seen == {109: ("overdue", None), 111: ("overdue", 30), 129: ("overdue", 30), 131: ("overdue", 10),
                    138: ("overdue", 10), 140: ("reduced", None), 141: ("reduced", None)}
    host.start().ctl("host", "accept-clock", "--yes")  # it was off for 91 days
    machine.options[-1] = f"127.0.0.1:{host.port}"
    machine.done("renew", PRODUCT)
    assert machine.status()["state"] == "licensed"


# --- reset ---

def sign_in(host, machine, user, product=PRODUCT):
    code = host.items("user", "signin-code", user)[0]["code"]
    return machine.done("signin", product, "--user", user, "--code", "-", stdin=code)


def files(machine):
    return {path.name: path.read_bytes() for path in machine.state.rglob("*") if path.is_file()}


def test_device_mode_after_user_mode_needs_a_reset(both, machines):
    """Said, not done behind anyone's back; what is to be done is shown first, in order, and can be taken back."""
    host = both
    machine, other = machines(host, 1, 2)
    host.ctl("user", "add", "kari")
    host.ctl("assign", "--product", PRODUCT, "--user", "kari")
    sign_in(host, machine, "kari")
    before = files(machine)
    # Without a seat of its own a reset would leave it with nothing, and so is not begun.
    done = machine("reset", PRODUCT, "--dry-run")
    assert done.returncode == 1 and "NOT_ASSIGNED" in done.stderr
    assert machine("reset", PRODUCT).returncode == 1 and files(machine) == before

    host.ctl("assign", "--product", PRODUCT, "--device", machine.id)
    machine.done("signout", PRODUCT)
    machine.done("activate", PRODUCT)
    assert machine.status()["model"] == "device"  # signed out first, there is nothing to reset
    machine.done("release", PRODUCT)
    sign_in(host, machine, "kari")
    assert machine.status()["user"] == "kari"


def test_reset_required_preflight_and_undo(both, machines, vendor):
    host, machine = both, machines(both, 1)
    host.ctl("user", "add", "kari")
    host.ctl("assign", "--product", PRODUCT, "--user", "kari")
    sign_in(host, machine, "kari")
    host.ctl("assign", "--product", PRODUCT, "--device", machine.id)
    host.ctl("unassign", "--product", PRODUCT, "--user", "kari")
    error = machine.refused("RESET_REQUIRED", "renew", PRODUCT)
    assert "muster reset" in error["remedy"] and "--dry-run" in error["remedy"]
    before = files(machine)
    steps = machine.done("reset", PRODUCT, "--dry-run").splitlines()
    assert len(steps) == 7 and steps[0].endswith(": done") and all(line.endswith(": to do") for line in steps[1:6])
    assert files(machine).keys() == before.keys()
    assert machine.status()["user"] == "kari" and host.grant("devices")["in_use"] == 0

    document = json.loads(machine.done("reset", PRODUCT, "--json"))
    assert {step["result"] for step in document["steps"]} <= {"done", "nothing to do"}
    found = machine.status()
    assert (found["state"], found["model"], found["user"]) == ("licensed", "device", None)
    active = {(row["grant"], row["user"]) for row in host.items("activation", "list", "--state", "active")}
    assert active == {("devices", None)}

    # Undone, the lease of before stands as it was; the host says what has become of the seat.
    host.ctl("assign", "--product", PRODUCT, "--user", "kari")
    machine("reset", PRODUCT, "--undo", document["undo_file"])
    found = machine.status()
    assert (found["model"], found["user"]) == ("user", "kari")
    host.healthy()
