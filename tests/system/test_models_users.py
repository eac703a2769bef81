# SPDX-License-Identifier: Apache-2.0
"""Licenses for users on the real parts: sign-in codes, devices of a user, shared machines, leases."""
import itertools
import json
import re
import socket

import pytest
from harness import PRODUCT, needs_faketime

from test_muster_models import checked

SEATS = f"id=users,product={PRODUCT},model=user"


@pytest.fixture
def users(hosts, vendor):
    """Make a host with seats for users; kari and ola have one."""

    def make(more="quantity=5", *grants, env=None):
        host = hosts(env=env).start().serve(vendor, f"{SEATS},{more}", *grants)
        for user in ("kari", "ola"):
            host.change({"do": "user.add", "user": user}, {"do": "assign", "user": user, "product": PRODUCT})
        return host

    return make


def code_of(host, user):
    return host.items("user", "signin-code", user)[0]["code"]


def sign_in(host, machine, user):
    return machine.done("signin", PRODUCT, "--user", user, "--code", "-", stdin=code_of(host, user))



def wrong_codes():
    """Well formed, and not the right one."""
    for i in itertools.count():
        bare = checked(f"{i:015d}".translate(str.maketrans("0125", "ABCD")))
        yield "-".join(re.findall(".{4}", bare))


def active(host):
    return sorted((row["user"], row["grant"]) for row in host.items("activation", "list", "--state", "active"))


# --- codes ---

def test_a_code_is_not_spent_on_a_product_of_machines(users, machines, vendor):
    vendor.add("acme-tool")
    host = users("quantity=5", "id=machines,product=acme-tool,model=volume,threshold=1")
    machine = machines(host, 1)
    code = code_of(host, "kari")
    machine.refused("NOT_FOR_USERS", "signin", "acme-tool", "--user", "kari", "--code", "-", stdin=code)
    assert active(host) == []
    machine.done("activate", "acme-tool")
    machine.done("signin", PRODUCT, "--user", "kari", "--code", "-", stdin=code)
    assert {row["grant"] for row in host.items("activation", "list", "--state", "active")} == {"machines", "users"}


def test_a_code_is_good_once(users, machines):
    host = users()
    one, two = machines(host, 1, 2)
    code = code_of(host, "kari")
    assert re.fullmatch("(.{4}-){3}.{4}", code)
    one.refused("SIGNIN_NEEDED", "activate", PRODUCT)
    one.done("signin", PRODUCT, "--user", "kari", "--code", "-", stdin=code.lower().replace("-", " "))
    found = one.status()
    assert (found["state"], found["model"], found["user"]) == ("licensed", "user", "kari")
    two.refused("SIGNIN_REFUSED", "signin", PRODUCT, "--user", "kari", "--code", "-", stdin=code)
    one.done("renew", PRODUCT)  # bound: nobody types a code again
    one.done("signout", PRODUCT)
    one.done("signin", PRODUCT, "--user", "kari")
    assert active(host) == [("kari", "users")]
    shown = host.log.read_text() + json.dumps(host.items("audit", "list"))
    assert code not in shown and code.replace("-", "") not in shown
    actions = [row["action"] for row in host.items("audit", "list")]
    assert actions.count("user.signed-in") == 1 and "signin.code" in actions


def test_a_newer_code_makes_the_last_one_void(users, machines):
    host, wrong = users(), wrong_codes()
    machine = machines(host, 1)
    first, second = code_of(host, "kari"), code_of(host, "kari")
    machine.refused("SIGNIN_REFUSED", "signin", PRODUCT, "--user", "kari", "--code", "-", stdin=first)
    # Neither another user's nor one for a user who has none, or is not there; and all are refused alike.
    errors = [machine.refused("SIGNIN_REFUSED", "signin", PRODUCT, "--user", user, "--code", "-", stdin=code)
              for user, code in (("ola", second), ("kari", next(wrong)), ("nobody", second))]
    assert len({json.dumps({**error, "request": None}, sort_keys=True) for error in errors}) <= 3
    assert len({(error["text"], error["remedy"], json.dumps(error["numbers"])) for error in errors}) == 1
    machine.done("signin", PRODUCT, "--user", "kari", "--code", "-", stdin=second)


def test_ten_wrong_tries_make_it_void(users, machines):
    host, wrong = users(), wrong_codes()
    machine, other = machines(host, 1, 2)
    code = code_of(host, "kari")
    for _ in range(9):
        machine.refused("SIGNIN_REFUSED", "signin", PRODUCT, "--user", "kari", "--code", "-", stdin=next(wrong))
    machine.refused("SIGNIN_LOCKED", "signin", PRODUCT, "--user", "kari", "--code", "-", stdin=next(wrong))
    # From anywhere, and with the right one; a restart forgets nothing.
    host.kill()
    host.start()
    for m in (machine, other):
        m.options[-1] = f"127.0.0.1:{host.port}"
        error = m.refused("SIGNIN_LOCKED", "signin", PRODUCT, "--user", "kari", "--code", "-", stdin=code)
        assert error["numbers"]["need"] == 10 and "signin-code" in error["remedy"]
    sign_in(host, machine, "kari")


@needs_faketime
def test_a_code_lasts_a_day(users, machines, clock):
    host = users(env=clock.env)
    machine = machines(host, 1, env=clock.env)
    code = code_of(host, "kari")
    clock.set("+25h")
    error = machine.refused("SIGNIN_CODE_EXPIRED", "signin", PRODUCT, "--user", "kari", "--code", "-", stdin=code)
    assert error["numbers"]["until"]
    code = code_of(host, "kari")
    clock.set("+48h")
    machine.done("signin", PRODUCT, "--user", "kari", "--code", "-", stdin=code)


def test_signed_in_and_yet_without_a_seat(users, machines):
    host = users()
    machine = machines(host, 1)
    host.ctl("user", "add", "per")
    machine.refused("NOT_ASSIGNED", "signin", PRODUCT, "--user", "per", "--code", "-", stdin=code_of(host, "per"))
    host.ctl("assign", "--product", PRODUCT, "--user", "per")
    machine.done("signin", PRODUCT, "--user", "per")  # the binding stood
    host.ctl("unassign", "--product", PRODUCT, "--user", "per")
    machine.refused("NOT_ASSIGNED", "renew", PRODUCT)
    assert machine.status()["user"] == "per" and machine.status()["state"] in ("licensed", "overdue")


def test_a_user_who_is_removed(users, machines):
    host = users()
    machine = machines(host, 1)
    sign_in(host, machine, "kari")
    host.ctl("user", "remove", "kari", "--yes")
    machine.refused("SIGNIN_NEEDED", "renew", PRODUCT)
    assert active(host) == [] and host.grant("users")["assigned"] == 1
    # One who comes with the same name is somebody else.
    host.ctl("user", "add", "kari")
    host.ctl("assign", "--product", PRODUCT, "--user", "kari", "--yes")
    machine.refused("SIGNIN_NEEDED", "renew", PRODUCT)
    host.healthy()


# --- devices of a user ---

def test_the_limit_names_the_devices(users, machines):
    host = users("quantity=5,devices_per_user=2")
    one, two, three = machines(host, 1, 2, 3)
    sign_in(host, one, "kari")
    sign_in(host, two, "kari")
    code = code_of(host, "kari")
    error = three.refused("DEVICE_LIMIT", "signin", PRODUCT, "--user", "kari", "--code", "-", stdin=code)
    assert error["numbers"] == {"used": 2, "quantity": 2}
    assert error["detail"].startswith("least recently used: ") and error["detail"].count(socket.gethostname()) == 2
    shown = host.json("user", "show", "kari")
    assert {row["device"] for row in shown["devices"] if row["state"] == "active"} == {one.id, two.id}
    assert {row["device"] for row in shown["bound"]} == {one.id, two.id, three.id}
    assert {row["hostname"] for row in shown["bound"]} == {socket.gethostname()}
    # Signed out on one of them there is room, without another code.
    one.done("signout", PRODUCT)
    three.done("signin", PRODUCT, "--user", "kari")
    one.refused("DEVICE_LIMIT", "signin", PRODUCT, "--user", "kari")
    host.ctl("activation", "release", "--device", two.id, "--product", PRODUCT, "--user", "kari", "--yes")
    one.done("signin", PRODUCT, "--user", "kari")
    two.refused("DEVICE_LIMIT", "renew", PRODUCT)
    sign_in(host, two, "ola")  # the other's devices count for the other
    assert active(host) == [("kari", "users"), ("kari", "users"), ("ola", "users")]


@needs_faketime
def test_overflow_releases_the_one_used_least_recently(users, machines, clock):
    host = users("quantity=5,devices_per_user=2,overflow=release", env=clock.env)
    one, two, three = machines(host, 1, 2, 3, env=clock.env)
    sign_in(host, one, "kari")
    clock.set("+2d")
    sign_in(host, two, "kari")
    clock.set("+3d")
    one.done("renew", PRODUCT)
    clock.set("+4d")
    sign_in(host, three, "kari")
    held = {row["device"] for row in host.items("activation", "list", "--state", "active")}
    assert held == {one.id, three.id}
    assert "activation.evicted" in [row["action"] for row in host.items("audit", "list")]


def test_users_take_turns(users, machines):
    """One machine, nobody signs out: each gets a lease, and each lease replaces the one before."""
    host = users()
    machine = machines(host, 1)
    for i, user in enumerate(["kari", "ola", "kari", "ola"]):
        if i < 2:
            sign_in(host, machine, user)
        else:
            machine.done("signin", PRODUCT, "--user", user)
        assert (machine.status()["user"], machine.status()["serial"]) == (user, i + 1)
    machine.done("renew", PRODUCT)
    assert machine.status()["user"] == "ola"


def test_sign_out_of_everything(users, machines):
    host = users()
    machine = machines(host, 1)
    sign_in(host, machine, "kari")
    machine.done("signout")
    assert active(host) == [] and machine.status()["user"] is None
    machine.refused("SIGNIN_NEEDED", "signin", PRODUCT, "--user", "kari")
    assert machine.status()["state"] in ("grace", "unlicensed")
    assert host.grant("users")["assigned"] == 2  # the seats are the users', signed in or not


def test_a_shared_machine_is_none_of_theirs(users, machines):
    """DESIGN 3, Shared: who signs in there does not use one of the M devices; a token for each user and machine."""
    host = users("quantity=5,devices_per_user=1")
    own, shared, third = machines(host, "own", "shared", "third")
    sign_in(host, own, "kari")
    third.refused("DEVICE_LIMIT", "signin", PRODUCT, "--user", "kari", "--code", "-", stdin=code_of(host, "kari"))
    host.ctl("device", "mark-shared", "--", shared.id)
    sign_in(host, shared, "kari")
    assert shared.status()["user"] == "kari"
    shared.done("signout", PRODUCT)
    sign_in(host, shared, "ola")
    sign_in(host, third, "ola")
    assert active(host) == [("kari", "users"), ("ola", "users"), ("ola", "users")]
    own.done("renew", PRODUCT)
    shared.done("renew", PRODUCT)
    host.healthy()


def test_a_license_for_shared_machines(hosts, vendor, machines):
    host = hosts().start().serve(vendor, f"id=shared,product={PRODUCT},model=shared,quantity=2")
    machine = machines(host, 1)
    host.change({"do": "user.add", "user": "kari"}, {"do": "assign", "user": "kari", "product": PRODUCT})
    error = machine.refused("DEVICE_NOT_SHARED", "signin", PRODUCT, "--user", "kari", "--code", "-",
                            stdin=code_of(host, "kari"))
    assert "mark-shared" in error["remedy"]
    host.ctl("device", "mark-shared", "--", machine.id)
    machine.done("signin", PRODUCT, "--user", "kari")
    assert machine.status()["model"] == "shared"
    assert "shared" in machine("status").stdout
    host.ctl("device", "mark-shared", "--off", "--", machine.id)
    machine.refused("DEVICE_NOT_SHARED", "renew", PRODUCT)


# --- plans ---

def test_plans_reach_the_lease(users, machines):
    host = users()
    machine = machines(host, 1)
    host.ctl("replace", "--product", PRODUCT, "--user", "kari", "--plans", "render")
    sign_in(host, machine, "kari")
    assert machine.status()["plans"] == ["render"]
    host.ctl("group", "add", "sales", "--member", "kari")
    host.ctl("assign", "--product", PRODUCT, "--group", "sales", "--plans", "modeler")
    machine.done("renew", PRODUCT)
    assert machine.status()["plans"] == ["modeler", "render"]  # the union of the sources
    host.ctl("replace", "--product", PRODUCT, "--user", "kari", "--plans", "modeler")
    machine.done("renew", PRODUCT)
    assert machine.status()["plans"] == ["modeler"]
    host.ctl("unassign", "--product", PRODUCT, "--user", "kari")
    machine.done("renew", PRODUCT)
    assert machine.status()["plans"] == ["modeler"] and host.grant("users")["assigned"] == 2


# --- the lease ---

@needs_faketime
def test_thirty_days_and_warnings(users, machines, clock):
    host = users(env=clock.env)
    machine = machines(host, 1, env=clock.env)
    sign_in(host, machine, "kari")
    clock.set("+1h")
    machine.done("renew", PRODUCT, "--if-due")
    assert machine.status()["serial"] == 1
    clock.set("+27h")
    machine.done("renew", PRODUCT, "--if-due")  # daily, up to a tenth sooner or later
    assert machine.status()["serial"] == 2
    host.stop()
    seen = {}
    for day in (2, 20, 22, 30, 32):
        clock.set(f"+{day * 24 + 2}h")
        found = machine.status()
        seen[day] = (found["state"], found["notice_days"], found["plans"])
    both = ["modeler", "render"]
    assert seen[2][0] in ("licensed", "overdue")
    assert [seen[day] for day in (20, 22, 30)] == [("overdue", None, both), ("overdue", 10, both), ("overdue", 10, both)]
    assert seen[32][0] == "reduced"
