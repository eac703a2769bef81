# SPDX-License-Identifier: Apache-2.0
"""Assignment on the real parts: totals, plans, groups, guests, many at once, what is lost and who waits."""
import csv
import json
import threading

import pytest
from harness import PRODUCT, needs_root
from wire import Client, pb

SUITE = "acme-suite"
PLANS = ("--plan", "basic", "--plan", "pro", "--plan", "addon", "--conflict", "basic:pro", "--requires", "addon:pro")


@pytest.fixture
def suite(vendor):
    vendor.add(SUITE, *PLANS)
    return vendor


@pytest.fixture
def seats(hosts, suite):
    """Make a host with so many seats of the product with plans, or with other grants."""

    def make(quantity=5, *grants, roled=False):
        host = hosts(config="[limits]\nrequests_per_device = 1000000\n")
        if roled:
            host.roled()
        return host.start().serve(suite, f"id=suite,product={SUITE},model=user,quantity={quantity}", *grants)

    return make


def people(host, *names, **more):
    items = host.change(*({"do": "user.add", "user": name, **more} for name in names))
    assert all(item["ok"] for item in items), items


def right(host, user, product=SUITE):
    """What the user's page says of the product; None: nothing."""
    found = [row for row in host.json("user", "show", user)["rights"] if row["product"] == product]
    return found[0] if found else None


def states(host, product=SUITE):
    return {row["holder"]: row["state"] for row in host.items("seat", "list", "--product", product)}


def assign(host, *args, **more):
    return host.ctl("assign", "--product", SUITE, *args, **more)


# --- totals ---

def test_five_and_eight_are_thirteen(hosts, suite):
    """Both totals: one per product over all its grants, and a row for each grant (DESIGN 3, Totals)."""
    host = hosts().start().serve(suite, f"id=five,product={SUITE},model=user,quantity=5,until=2081-01-01",
                                 f"id=eight,product={SUITE},model=user,quantity=8")
    users = [f"user-{i:02}" for i in range(14)]
    people(host, *users)
    done = assign(host, "--plans", "basic", *(f"--user={user}" for user in users), check=False)
    assert done.returncode == 1 and "assigned: 13, refused: 1" in done.stdout
    assert "SEATS_EXHAUSTED" in done.stderr and "user-13" in done.stderr and "used 13, quantity 13" in done.stderr
    product = host.json("product", "show", SUITE)
    assert [product[key] for key in ("total", "assigned", "waiting", "available")] == [13, 13, 0, 0]
    rows = {row["grant"]: (row["quantity"], row["assigned"]) for row in product["grants"]}
    assert rows == {"five": (5, 5), "eight": (8, 8)}
    assert {row["grant"]: row["quantity"] for row in host.items("subscription", "list")} == {"five": 5, "eight": 8}
    assert next(row for row in host.status()["products"] if row["product"] == SUITE)["total"] == 13
    # The longer-lived grant was filled first (DESIGN 15).
    first = {row["holder"] for row in host.items("seat", "list", "--grant", "eight")}
    assert first == set(users[:8])
    text = " ".join(host.ctl("product", "list").stdout.split())
    assert f"{SUITE} (all) - - 13 13" in text
    host.healthy("SEATS_EXHAUSTED")


def test_what_may_be_assigned_is_available(seats):
    """Seats in a grant that takes nobody any more are not taken from the other's."""
    host = seats(2, f"id=more,product={SUITE},model=user,quantity=3,cancel_until=2089-01-01")
    people(host, "kari", "ola", "per")
    assign(host, "--user=kari", "--grant=more", "--plans=basic")
    assign(host, "--user=ola", "--grant=suite", "--plans=basic")
    assert host.json("product", "show", SUITE)["available"] == 3
    host.ctl("subscription", "cancel", "more", "--yes")
    product = host.json("product", "show", SUITE)
    assert (product["total"], product["available"]) == (2, 1)


# --- plans ---

def test_a_conflict_names_both_plans_and_the_way_out(seats):
    """domain.md 4.3: never resolved by itself; when it ends, what it held up comes by itself."""
    host = seats()
    people(host, "kari")
    for group, plan in (("office", "basic"), ("design", "pro")):
        host.ctl("group", "add", group, "--member", "kari")
        assign(host, "--group", group, "--plans", plan)
    found = right(host, "kari")
    assert (found["state"], found["plans"]) == ("conflict", ["basic"]) or found["plans"] == ["pro"]
    error = found["error"]
    assert error["code"] == "PLAN_CONFLICT"
    for word in ("basic", "pro", "office", "design"):
        assert word in error["detail"], error
    assert "Switch one of the two plans off" in error["remedy"]
    assert {(row["group"], tuple(row["plans"])) for row in found["sources"]} == {("office", ("basic",)), ("design", ("pro",))}
    assert host.grant("suite")["assigned"] == 1  # one seat, whatever the plans
    assert "PLAN_CONFLICT" in host.ctl("seat", "list").stdout

    host.ctl("replace", "--product", SUITE, "--group", "office", "--plans", "pro,addon")
    found = right(host, "kari")
    assert (found["state"], found["plans"], found["error"]) == ("held", ["pro", "addon"], None)


def test_a_direct_conflict_is_refused_at_once(seats):
    host = seats()
    people(host, "kari", "ola")
    host.ctl("group", "add", "office", "--member", "kari")
    assign(host, "--group", "office", "--plans", "basic")
    error = host.refused("PLAN_CONFLICT", "assign", "--product", SUITE, "--user", "kari", "--plans", "pro")
    assert all(word in error["detail"] for word in ("basic", "pro", "office", "directly"))
    assert right(host, "kari")["plans"] == ["basic"] and right(host, "kari")["state"] == "held"
    # All plans of a product that excludes its own: they cannot all be on.
    error = host.refused("PLAN_CONFLICT", "assign", "--product", SUITE, "--user", "ola")
    assert "basic" in error["detail"] and "pro" in error["detail"]
    assert right(host, "ola") is None


def test_a_plan_needs_another(seats):
    host = seats()
    people(host, "kari")
    error = host.refused("PLAN_DEPENDENCY", "assign", "--product", SUITE, "--user", "kari", "--plans", "addon")
    assert "addon" in error["detail"] and "pro" in error["detail"] and "Switch the missing plan on" in error["remedy"]
    host.ctl("group", "add", "design", "--member", "kari")
    assign(host, "--group", "design", "--plans", "pro")
    assign(host, "--user", "kari", "--plans", "addon")  # by another source is as good
    assert right(host, "kari")["plans"] == ["pro", "addon"]
    # Taken away from under it, the dependent plan stops, and says why; it comes back with the other.
    host.ctl("group", "remove-member", "design", "--user", "kari")
    found = right(host, "kari")
    assert found["error"]["code"] == "PLAN_DEPENDENCY" and found["plans"] == []
    host.ctl("group", "add-member", "design", "--user", "kari")
    found = right(host, "kari")
    assert (found["state"], found["plans"]) == ("held", ["pro", "addon"])


# --- groups ---

def test_nested_and_inherited(seats):
    host = seats(5)
    people(host, "kari")
    host.ctl("group", "add", "team", "--member", "kari")
    host.ctl("group", "add", "department", "--group", "team")
    host.ctl("group", "add", "company", "--group", "department")
    assign(host, "--group", "company", "--plans", "basic")
    assert right(host, "kari")["sources"][0]["group"] == "company"
    error = host.refused("INHERITED", "unassign", "--product", SUITE, "--user", "kari")
    assert error["detail"] == "company"
    host.refused("GROUP_CYCLE", "group", "add-member", "team", "--group", "company")
    host.refused("GROUP_CYCLE", "group", "add-member", "team", "--group", "team")
    # Direct beside inherited comes and goes without touching it; the seat is one.
    assign(host, "--user", "kari", "--plans", "basic")
    host.ctl("unassign", "--product", SUITE, "--user", "kari")
    assert right(host, "kari")["state"] == "held" and host.grant("suite")["assigned"] == 1
    # The way in between is cut: nothing reaches her any more.
    host.ctl("group", "remove-member", "company", "--group", "department")
    assert right(host, "kari") is None and host.grant("suite")["assigned"] == 0


def test_a_group_that_licenses_somebody(seats):
    host = seats()
    people(host, "kari", "ola")
    host.ctl("group", "add", "sales", "--member", "kari", "--member", "ola")
    assign(host, "--group", "sales", "--plans", "basic")
    shown = host.json("group", "show", "sales")
    assert {row["member"] for row in shown["members"]} == {"kari", "ola"}
    assert [(row["product"], row["plans"]) for row in shown["assignments"]] == [(SUITE, ["basic"])]
    error = host.refused("GROUP_IN_USE", "group", "remove", "sales")
    assert error["numbers"]["used"] == 2 and "--force" in error["remedy"]
    done = host.ctl("group", "remove", "sales", "--dry-run")
    assert f"{SUITE} 0 2 0 -2" in " ".join(done.stdout.split())
    assert states(host) == {"kari": "held", "ola": "held"}
    assign(host, "--user", "ola", "--plans", "basic")
    done = host.ctl("group", "remove", "sales", "--force")
    assert f"{SUITE} 0 1 0 -1" in " ".join(done.stdout.split())
    assert states(host) == {"ola": "held"}


class Renewing:
    """A user's machine that renews without a pause while the body runs; every answer's code."""

    def __init__(self, host, vendor, user, product=SUITE):
        self.client = Client(host.port, (vendor.dir / "vendor.pub").read_text().strip()).connect()
        self.user, self.product, self.codes, self.plans = user, product, [], set()
        code = host.items("user", "signin-code", user)[0]["code"]
        request = self.client.request([product])
        want = pb.Want(product=product, user=user)
        sign_in = pb.SignIn(once=request.activate.once, device=request.activate.device, want=want,
                            code=code.replace("-", ""))
        assert self.client.call(pb.Request(id=request.id, sign_in=sign_in)).answer.results[0].status.code == 0
        self.ended = threading.Event()
        self.thread = threading.Thread(target=self.run)

    def once(self):
        request = self.client.request([self.product], kind="renew")
        request.renew.wants[0].user = self.user
        self.codes.append(self.client.call(request).answer.results[0].status.code)

    def run(self):
        while not self.ended.is_set():
            self.once()

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.ended.set()
        self.thread.join(timeout=20)
        assert not self.thread.is_alive()
        self.client.close()


def test_moving_between_groups_never_drops_a_license(seats, suite):
    """Both give it; whoever moves keeps it at every moment, and no renewal on the way is refused."""
    host = seats(1)
    people(host, "kari")
    for group in ("here", "there"):
        host.ctl("group", "add", group)
        assign(host, "--group", group, "--plans", "basic")
    host.ctl("group", "add-member", "here", "--user", "kari")
    since = right(host, "kari")["since"]
    with Renewing(host, suite, "kari") as renewing:
        for _ in range(15):
            for old, new in (("here", "there"), ("there", "here")):
                items = host.change({"do": "member.remove", "group": old, "user": "kari"},
                                    {"do": "member.add", "group": new, "user": "kari"})
                assert all(item["ok"] for item in items)
        for _ in range(5):
            for old, new in (("here", "there"), ("there", "here")):
                host.ctl("group", "add-member", new, "--user", "kari")
                host.ctl("group", "remove-member", old, "--user", "kari")
    assert len(renewing.codes) > 20 and set(renewing.codes) == {0}, set(renewing.codes)
    assert right(host, "kari")["state"] == "held" and host.grant("suite")["assigned"] == 1
    assert right(host, "kari")["since"] >= since
    host.healthy("SEATS_EXHAUSTED")


def test_replace_has_no_moment_without(seats, suite):
    host = seats(2, f"id=other,product={SUITE},model=user,quantity=1")
    people(host, "kari")
    assign(host, "--user", "kari", "--plans", "basic", "--grant", "suite")
    with Renewing(host, suite, "kari") as renewing:
        for _ in range(10):
            host.ctl("replace", "--product", SUITE, "--user", "kari", "--plans", "pro", "--grant", "other")
            host.ctl("replace", "--product", SUITE, "--user", "kari", "--plans", "basic", "--grant", "suite")
    assert len(renewing.codes) > 20 and set(renewing.codes) == {0}, set(renewing.codes)
    rows = {row["grant"]: (row["assigned"], row["in_use"]) for row in host.items("subscription", "list")}
    assert rows["other"][0] == 0 and rows["suite"][0] == 1 and sum(row[1] for row in rows.values()) == 1
    # Into what is full it does not go, and the old one stays.
    people(host, "ola")
    assign(host, "--user", "ola", "--plans", "basic", "--grant", "other")
    host.refused("SEATS_EXHAUSTED", "replace", "--product", SUITE, "--user", "kari", "--plans", "pro", "--grant", "other")
    assert (right(host, "kari")["grant"], right(host, "kari")["plans"]) == ("suite", ["basic"])
    host.refused("NOT_ASSIGNED", "replace", "--product", PRODUCT, "--with", SUITE, "--user", "kari", "--plans", "basic")
    host.healthy("SEATS_EXHAUSTED")


# --- guests ---

@needs_root
def test_guests_need_an_owner(seats):
    host = seats(5, roled=True)
    people(host, "kari")
    error = host.refused("GUEST_ROLE", "user", "add", "visitor", "--guest", role="assigner")
    assert "muster-owner" in error["remedy"]
    host.ctl("user", "add", "visitor", "--guest", role="owner")
    assert next(u for u in host.items("user", "list", role="viewer") if u["user"] == "visitor")["guest"] is True
    host.refused("GUEST_ROLE", "assign", "--product", SUITE, "--user", "visitor", "--plans", "basic", role="assigner")
    host.refused("GUEST_ROLE", "user", "remove", "visitor", "--yes", role="assigner")
    assign(host, "--user", "kari", "--plans", "basic", role="assigner")
    done = assign(host, "--user", "kari", "--plans", "basic", role="helpdesk", check=False)
    assert done.returncode == 77 and "NOT_PERMITTED" in done.stderr
    assign(host, "--user", "visitor", "--plans", "basic", role="owner")
    assert states(host) == {"kari": "held", "visitor": "held"}
    # Not by way of a group, either.
    people(host, "stranger", guest=True)
    host.ctl("group", "add", "sales")
    assign(host, "--group", "sales", "--plans", "basic")
    host.refused("GUEST_ROLE", "group", "add-member", "sales", "--user", "stranger", role="assigner")
    assert states(host) == {"kari": "held", "visitor": "held"}
    host.ctl("group", "add-member", "sales", "--user", "stranger", role="owner")
    assert states(host)["stranger"] == "held"


# --- many ---

def test_ten_thousand_in_one_command(seats, folder):
    """More than 20 at once (seed 2): one command, one transaction, a result for each row."""
    host = seats(9990)
    users, rows = folder / "users.csv", folder / "rows.csv"
    names = [f"user-{i:05}" for i in range(10000)]
    with users.open("w", newline="") as f:
        csv.writer(f).writerows([("user", "name", "groups"), *((name, f"No. {name}", "") for name in names)])
    with rows.open("w", newline="") as f:
        csv.writer(f).writerows([("user", "product", "plans"), *((name, SUITE, "basic") for name in names[:5000]),
                                 ("nobody", SUITE, "basic"), *((name, SUITE, "pro") for name in names[5000:]),
                                 (names[0], "nothing", "")])
    done = host.ctl("user", "import", users)
    assert "imported: 10000, refused: 0" in done.stdout
    dry = host.ctl("assign", "--from", rows, "--dry-run", check=False)
    assert "dry run, nothing was saved: 9990 would be done, 12 refused" in dry.stdout
    assert host.grant("suite")["assigned"] == 0
    done = host.ctl("--json", "assign", "--from", rows, check=False)
    document = json.loads(done.stdout)
    assert done.returncode == 1 and len(document["items"]) == 10002
    refused = {item["user"]: item["error"]["code"] for item in document["items"] if not item["ok"]}
    assert refused.pop("nobody") == "NOT_FOUND" and refused.pop(names[0]) == "PRODUCT_UNKNOWN"
    assert refused == dict.fromkeys(names[9990:], "SEATS_EXHAUSTED")
    assert document["effect"] == [{"product": SUITE, "gained": 9990, "lost": 0, "waiting": 0, "seats": 9990}]
    assert host.grant("suite")["assigned"] == 9990
    assert right(host, names[4999])["plans"] == ["basic"] and right(host, names[5000])["plans"] == ["pro"]
    assert len(host.items("seat", "list", "--product", SUITE)) == 9990
    host.healthy("SEATS_EXHAUSTED")


def test_much_is_not_lost_by_mistake(seats):
    """Above 20 % or 50 members it must be meant; nothing of the whole request is done until it is."""
    host = seats(300)
    users = [f"user-{i:03}" for i in range(280)]
    people(host, *users)
    host.change(*({"do": "assign", "user": user, "product": SUITE, "plans": ["basic"]} for user in users))
    line = ["unassign", "--product", SUITE]
    error = host.refused("MASS_LOSS", *line, *(f"--user={user}" for user in users[:51]))
    assert error["numbers"] == {"used": 51, "quantity": 280} and "--yes" in error["remedy"]
    assert host.grant("suite")["assigned"] == 280
    done = host.ctl(*line, *(f"--user={user}" for user in users[:51]), "--dry-run")
    assert f"{SUITE} 0 51 0 -51" in " ".join(done.stdout.split())
    host.ctl(*line, *(f"--user={user}" for user in users[:50]))
    host.ctl(*line, *(f"--user={user}" for user in users[50:150]), "--yes")
    assert host.refused("MASS_LOSS", *line, *(f"--user={user}" for user in users[150:177]))["numbers"]["used"] == 27
    host.ctl(*line, *(f"--user={user}" for user in users[150:176]))
    assert host.grant("suite")["assigned"] == 104
    host.ctl("group", "add", "sales", *(f"--member={user}" for user in users[:60]))
    assign(host, "--group", "sales", "--plans", "basic")
    host.refused("MASS_LOSS", "unassign", "--product", SUITE, "--group", "sales")
    assert host.grant("suite")["assigned"] == 164
    host.ctl("unassign", "--product", SUITE, "--group", "sales", "--yes")
    assert host.grant("suite")["assigned"] == 104


# --- who waits ---

def test_who_waits_is_served_by_itself(seats, suite):
    host = seats(2)
    people(host, "a", "b", "c", "d", "e")
    host.ctl("group", "add", "team", *(f"--member={user}" for user in "abcd"))
    done = assign(host, "--group", "team", "--plans", "basic")
    assert f"{SUITE} 2 0 2 2" in " ".join(done.stdout.split())
    waiting = [user for user, state in states(host).items() if state == "waiting"]
    holding = [user for user, state in states(host).items() if state == "held"]
    assert len(waiting) == 2
    found = right(host, waiting[0])
    assert found["error"]["code"] == "SEATS_EXHAUSTED" and "served by itself" in found["error"]["remedy"]
    assert host.json("subscription", "show", "suite")["waiting"] == 2
    # One goes: the first in the queue comes.
    host.ctl("group", "remove-member", "team", "--user", holding[0])
    assert states(host) == {holding[1]: "held", waiting[0]: "held", waiting[1]: "waiting"}
    # A user is removed: the next.
    host.ctl("user", "remove", holding[1], "--yes")
    assert states(host) == {waiting[0]: "held", waiting[1]: "held"}
    # A bigger license comes: all who wait have a seat at once.
    people(host, "f", "g")
    for user in "efg":
        host.ctl("group", "add-member", "team", "--user", user)
    assert sorted(states(host).values()) == ["held", "held", "waiting", "waiting", "waiting"]
    host.renewed(suite, "id=suite,quantity=5")
    assert set(states(host).values()) == {"held"}
    host.healthy("SEATS_EXHAUSTED")
