# SPDX-License-Identifier: Apache-2.0
"""The life of subscriptions on the real parts: ends, graces, cancelling, product keys, shrinking, revocation."""
import datetime
import itertools
import json
import re

import pytest
from harness import PRODUCT, needs_faketime, needs_root, wait_for

from test_muster_models import checked

OTHER = "acme-sim"
USERS = f"id=users,product={PRODUCT},model=user"

pytestmark = needs_faketime


def day(n):
    """So many days from now, as a date."""
    return (datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(days=n)).strftime("%Y-%m-%d")


@pytest.fixture
def sold(hosts, vendor, clock):
    """Make a host whose time is the clock's, with these grants; kari has a seat where there is one for her."""

    def make(*grants, more=(), roled=False):
        host = hosts(env=clock.env)
        if roled:
            host.roled()
        host.start().serve(vendor, *grants, more=more)
        host.change({"do": "user.add", "user": "kari"}, {"do": "user.add", "user": "ola"})
        return host

    return make


def assign(host, user, *args, **more):
    return host.ctl("assign", "--product", PRODUCT, "--user", user, *args, **more)


def sign_in(host, machine, user):
    code = host.items("user", "signin-code", user)[0]["code"]
    machine.done("signin", PRODUCT, "--user", user, "--code", "-", stdin=code)


def show(host, grant="users"):
    return host.json("subscription", "show", grant)


def life(host, grant="users"):
    found = show(host, grant)
    return found["state"], found["next_state"], found["next_at"] and found["next_at"][:10]


def install_revocations(host, vendor, folder):
    vendor("revocations", "-o", folder / "revocations")
    host.ctl("install", folder / "revocations")


# --- its end ---

def test_expired_disabled_deleted(sold, machines, clock):
    """DESIGN 3: 30 days in which all works, 90 in which leases run out, and the end; each screen says what comes."""
    host = sold(f"{USERS},quantity=5,until={day(20)}")
    machine = machines(host, 1, env=clock.env)
    assign(host, "kari")
    sign_in(host, machine, "kari")
    assert life(host) == ("active", "expired", day(20))
    assert show(host)["loses"] == "nothing yet: the grace begins"
    ends = [item["message"] for item in host.status()["health"] if item["code"] == "GRANT_ENDED"]
    assert len(ends) == 1 and f"ends {day(20)}" in ends[0]  # administrators hear of it 60 days before

    clock.set("+21d")
    assert life(host) == ("expired", "disabled", day(50))
    assert "no new leases" in show(host)["loses"]
    machine.done("renew", PRODUCT)
    assign(host, "ola")
    text = host.ctl("subscription", "list").stdout
    assert re.search(rf"users +{PRODUCT} +user +5 +2 +1 +0 expired +disabled +{day(50)}\S+ +no new leases", text), text
    assert host.ctl("status", check=False).returncode == 2
    ended = [item for item in host.status()["health"] if item["code"] == "GRANT_ENDED"]
    assert len(ended) == 1 and day(50) in ended[0]["message"], host.status()["health"]
    assert machine.status()["expires"][:10] == day(50)  # no lease outlives the grace

    clock.set("+51d")
    assert life(host) == ("disabled", "deleted", day(140))
    assert "its seats and activations" in show(host)["loses"]
    machine.refused("GRANT_ENDED", "renew", PRODUCT)
    assert machine.status()["state"] == "reduced"
    host.change({"do": "user.add", "user": "per"})
    host.refused("GRANT_ENDED", "assign", "--product", PRODUCT, "--user", "per")
    assert show(host)["assigned"] == 2  # nobody's seat is gone yet
    ended = [item for item in host.status()["health"] if item["code"] == "GRANT_ENDED"]
    assert day(140) in ended[0]["message"]
    text = " ".join(host.ctl("subscription", "show", "users").stdout.split())
    assert f"state disabled next state deleted from {day(140)}" in text and "will be lost then its seats" in text

    clock.set("+141d")
    assert life(host) == ("deleted", None, None)
    host.wake()
    wait_for(lambda: show(host)["assigned"] == 0, what="the seats' end")
    assert {row["state"] for row in host.items("seat", "list")} == {"waiting"}
    host.refused("GRANT_ENDED", "subscription", "reactivate", "users")


@pytest.mark.parametrize("when", [21, 51])
def test_reactivated_by_a_key(sold, machines, clock, vendor, when):
    host = sold(f"{USERS},quantity=5,until={day(20)}")
    key, late = vendor.keys("users", "--count", "2", "--days", "365")
    host.renewed(vendor)
    machine = machines(host, 1, env=clock.env)
    assign(host, "kari")
    sign_in(host, machine, "kari")
    assert host.refused("NOTHING_TO_REACTIVATE", "subscription", "reactivate", "users")
    clock.set(f"+{when}d")
    error = host.refused("GRANT_ENDED", "subscription", "reactivate", "users")
    assert error["numbers"]["until"][:10] == day(20)
    host.ctl("subscription", "reactivate", "users", "--key", "-", stdin=key)
    found = show(host)
    # The days count from now: what was over is not paid for.
    assert (found["state"], found["expires"][:10]) == ("active", day(when + 365))
    machine.done("renew", PRODUCT)
    assert machine.status()["state"] == "licensed"
    assign(host, "ola")
    assert [row["action"] for row in host.items("audit", "list")].count("key.redeemed") == 1
    clock.set(f"+{when + 365 + 30 + 91}d")
    assert life(host)[0] == "deleted"
    host.refused("GRANT_ENDED", "subscription", "reactivate", "users", "--key", "-", stdin=late)


def test_reactivated_by_a_newer_license(sold, machines, clock, vendor):
    host = sold(f"{USERS},quantity=5,until={day(20)},recurring=yes")
    machine = machines(host, 1, env=clock.env)
    assign(host, "kari")
    sign_in(host, machine, "kari")
    assert show(host)["recurring"] is True  # shown, nothing more
    clock.set("+60d")
    machine.refused("GRANT_ENDED", "renew", PRODUCT)
    host.renewed(vendor, f"id=users,until={day(400)}")
    assert life(host) == ("active", "expired", day(400))
    machine.done("renew", PRODUCT)
    assert machine.status()["state"] == "licensed" and show(host)["assigned"] == 1


# --- cancelling ---

def test_cancelled_inside_the_window(sold, machines, clock, vendor):
    host = sold(f"{USERS},quantity=5,until={day(300)},cancel_until={day(14)}")
    machine = machines(host, 1, env=clock.env)
    assign(host, "kari")
    sign_in(host, machine, "kari")
    done = host.ctl("subscription", "cancel", "users", "--dry-run")
    assert "nothing was saved" in done.stdout and life(host)[0] == "active"
    host.ctl("subscription", "cancel", "users", "--yes")
    assert life(host)[:2] == ("disabled", "deleted")  # at once, without a grace
    assert show(host)["cancelled"]
    error = machine.refused("GRANT_CANCELLED", "renew", PRODUCT)
    assert "reactivate" in error["remedy"]
    assert machine.status()["plans"] == ["modeler", "render"]  # until the lease's end
    host.refused("GRANT_ENDED", "assign", "--product", PRODUCT, "--user", "ola")
    host.refused("GRANT_CANCELLED", "subscription", "reactivate", "users")
    host.renewed(vendor)
    assert life(host) == ("active", "expired", day(300))
    machine.done("renew", PRODUCT)


def test_cancelled_too_late(sold, clock):
    host = sold(f"{USERS},quantity=5,until={day(300)},cancel_until={day(14)}")
    clock.set("+15d")
    error = host.refused("CANCEL_WINDOW_OVER", "subscription", "cancel", "users", "--yes")
    assert error["numbers"]["until"][:10] == day(14) and life(host)[0] == "active"
    host.refused("NOT_FOUND", "subscription", "cancel", "nothing", "--yes")


# --- bought by a user ---

def test_self_service_is_visible_and_not_assignable(sold, machines, clock):
    host = sold(f"{USERS},quantity=5,self_service=ola")
    found = show(host)
    assert found["self_service"] == "ola" and found["taken_over"] is None
    error = host.refused("SELF_SERVICE", "assign", "--product", PRODUCT, "--user", "kari")
    assert "takeover" in error["remedy"]
    host.refused("SELF_SERVICE", "assign", "--product", PRODUCT, "--user", "kari", "--grant", "users")
    host.change({"do": "group.add", "group": "sales"}, {"do": "member.add", "group": "sales", "user": "kari"},
                {"do": "assign", "group": "sales", "product": PRODUCT})
    assert host.items("seat", "list")[0]["error"]["code"] == "SELF_SERVICE"
    host.ctl("subscription", "takeover", "users")
    assert show(host)["taken_over"]
    assert host.items("seat", "list")[0]["state"] == "held"  # what waited for it comes by itself
    sign_in(host, machines(host, 1, env=clock.env), "kari")
    host.ctl("subscription", "takeover", "users")  # twice is no harm


def test_what_is_the_organisations_is_not_taken_over(sold):
    host = sold(f"{USERS},quantity=5")
    host.refused("BAD_REQUEST", "subscription", "takeover", "users")


# --- fewer than before ---

def test_shrunk_below_what_is_assigned(sold, machines, clock, vendor):
    """Ninety days to cure, nobody is cut off meanwhile; then the newest go."""
    host = sold(f"{USERS},quantity=4")
    names = ["kari", "ola", "per", "liv"]
    for i, name in enumerate(names):
        host.change({"do": "user.add", "user": name})
        clock.set(f"+{i}d")
        assign(host, name)
    newest = machines(host, 1, env=clock.env)
    sign_in(host, newest, "liv")
    host.renewed(vendor, "id=users,quantity=2")
    found = show(host)
    assert (found["quantity"], found["assigned"], found["over_until"][:10]) == (2, 4, day(93))
    item = next(item for item in host.status()["health"] if item["code"] == "SEATS_SHRUNK")
    assert "4 taken and 2 left" in item["message"] and day(93) in item["message"]
    host.change({"do": "user.add", "user": "eve"})
    error = host.refused("SEATS_EXHAUSTED", "assign", "--product", PRODUCT, "--user", "eve")
    assert error["numbers"] == {"used": 4, "quantity": 2}
    for days in (30, 60, 92):
        clock.set(f"+{days}d")
        newest.done("renew", PRODUCT)
    assert show(host)["assigned"] == 4
    clock.set("+94d")
    host.wake()
    wait_for(lambda: show(host)["assigned"] == 2, what="the end of the cure")
    states = {row["holder"]: row["state"] for row in host.items("seat", "list")}
    assert states == {"kari": "held", "ola": "held", "per": "waiting", "liv": "waiting"}
    newest.refused("SEATS_EXHAUSTED", "renew", PRODUCT)
    clock.set("+95d")
    host.wake()
    wait_for(lambda: show(host)["over_until"] is None, what="all is well again")
    host.ctl("unassign", "--product", PRODUCT, "--user", "ola")
    assert {row["holder"] for row in host.items("seat", "list", "--state", "held")} == {"kari", "per"}


def test_shrunk_and_cured(sold, clock, vendor):
    host = sold(f"{USERS},quantity=2")
    assign(host, "kari")
    assign(host, "ola")
    host.renewed(vendor, "id=users,quantity=1")
    assert show(host)["over_until"]
    host.ctl("unassign", "--product", PRODUCT, "--user", "ola")
    clock.set("+1h")
    wait_for(lambda: show(host)["over_until"] is None, what="cured")
    clock.set("+100d")
    assert show(host)["assigned"] == 1


# --- product keys, domain.md 5.3 ---

def unknown_keys():
    """Well formed, and nobody's."""
    for i in itertools.count():
        yield "-".join(re.findall(".{5}", checked(f"{i:024d}".translate(str.maketrans("0125", "ABCD")))))


class Counter:
    """Where a key is shown: to musterctl, or on a machine."""

    def __init__(self, host, machine=None):
        self.host, self.machine = host, machine

    def refused(self, code, key, product=PRODUCT):
        if self.machine:
            return self.machine.refused(code, "redeem", "-", "--product", product, stdin=key)
        return self.host.refused(code, "subscription", "redeem", "-", "--product", product, stdin=key)

    def done(self, key):
        if self.machine:
            return self.machine.done("redeem", "-", "--product", PRODUCT, stdin=key)
        return self.host.ctl("subscription", "redeem", "-", stdin=key).stdout


@pytest.fixture(params=["musterctl", "muster"])
def counter(request, sold, machines, vendor, clock):
    vendor.add(OTHER)
    host = sold(f"{USERS},quantity=5,quantity_max=12,redeem_from_device=yes",
                f"id=sim,product={OTHER},model=user,quantity=5")
    return Counter(host, machines(host, 1, env=clock.env) if request.param == "muster" else None)


def test_each_failure_of_a_key(counter, vendor, folder, clock):
    host, unknown = counter.host, unknown_keys()
    good, blocked = vendor.keys("users", "--count", "2", "--quantity", "3", "--days", "30")
    large = vendor.keys("users", "--quantity", "6")[0]
    short = vendor.keys("users", "--quantity", "1", "--expires", day(3))[0]
    assert counter.refused("KEY_UNKNOWN", good)["numbers"] == {}  # the license does not know it yet
    host.renewed(vendor)
    vendor("key", "block", "-", stdin=blocked)
    install_revocations(host, vendor, folder)

    wrong = good[:-1] + ("A" if good[-1] != "A" else "B")
    assert "0, 1, 2, 5" in counter.refused("KEY_MALFORMED", wrong)["remedy"]
    counter.refused("KEY_UNKNOWN", next(unknown))
    assert PRODUCT in counter.refused("KEY_WRONG_PRODUCT", good, OTHER)["detail"]
    counter.refused("KEY_BLOCKED", blocked)
    clock.set("+4d")
    assert counter.refused("KEY_EXPIRED", short)["numbers"]["until"][:10] == day(3)
    assert show(host)["quantity"] == 5

    assert "3 more" in counter.done(good)
    assert show(host)["quantity"] == 8 and show(host)["expires"][:10] == "2090-01-31"
    assert counter.refused("KEY_USED", good)["numbers"]["until"][:10] == day(4)
    Counter(host).refused("KEY_USED", good)  # wherever it is shown
    assert counter.refused("KEY_EXCEEDS", large)["numbers"] == {"used": 14, "quantity": 12}
    assert show(host)["quantity"] == 8

    shown = host.log.read_text() + json.dumps(host.items("audit", "list"))
    for key in (good, blocked, large, short):
        assert key not in shown and key.replace("-", "") not in shown


def test_too_many_wrong_keys(counter, vendor, clock):
    """Who guesses is not looked at for an hour; others are not in the way."""
    host, unknown = counter.host, unknown_keys()
    good = vendor.keys("users", "--quantity", "3")[0]
    host.renewed(vendor)
    for _ in range(10):
        counter.refused("KEY_UNKNOWN", next(unknown))
    error = counter.refused("KEY_TRY_LATER", good)
    assert error["numbers"]["until"]
    if counter.machine:
        Counter(host).refused("KEY_UNKNOWN", next(unknown))
    clock.set("+61m")
    counter.done(good)
    assert show(host)["quantity"] == 8


@needs_root
def test_who_may_redeem(sold, machines, vendor, clock):
    """DESIGN 15: an owner; from a device only where the grant says so."""
    host = sold(f"{USERS},quantity=5", roled=True)
    key = vendor.keys("users", "--quantity", "3")[0]
    host.renewed(vendor)
    error = machines(host, 1, env=clock.env).refused("KEY_NOT_PERMITTED", "redeem", "-", "--product", PRODUCT, stdin=key)
    assert "musterctl subscription redeem" in error["remedy"]
    for role in ("viewer", "helpdesk", "assigner"):
        host.refused("NOT_PERMITTED", "subscription", "redeem", "-", role=role, stdin=key)
        host.refused("NOT_PERMITTED", "subscription", "cancel", "users", "--yes", role=role)
    assert show(host)["quantity"] == 5
    host.ctl("subscription", "redeem", "-", role="owner", stdin=key)
    assert show(host)["quantity"] == 8
    row = next(row for row in host.items("audit", "list") if row["action"] == "key.redeemed")
    assert row["actor"].startswith("uid:") and row["actor"] != "uid:0"


def test_what_a_key_gave_is_given_once(sold, vendor):
    """The next license lists the key again: what it gave stays, and is not doubled."""
    host = sold(f"{USERS},quantity=2")
    first, second = vendor.keys("users", "--count", "2", "--quantity", "3")
    host.renewed(vendor)
    host.ctl("subscription", "redeem", "-", stdin=first)
    assert show(host)["quantity"] == 5
    host.renewed(vendor)
    assert show(host)["quantity"] == 5
    host.ctl("subscription", "redeem", "-", stdin=second)
    host.kill()
    host.start()
    assert show(host)["quantity"] == 8
    host.refused("KEY_USED", "subscription", "redeem", "-", stdin=first)
    host.healthy()


# --- revoked ---

def test_a_revoked_license(sold, machines, vendor, folder, clock):
    host = sold(f"{USERS},quantity=5")
    machine = machines(host, 1, env=clock.env)
    assign(host, "kari")
    sign_in(host, machine, "kari")
    vendor.renew(folder / "next.license")
    vendor("license", "revoke", "fjord-1", "--reason", "not paid")
    install_revocations(host, vendor, folder)
    machine.refused("LICENSE_REVOKED", "renew", PRODUCT)
    assert life(host) == ("disabled", "deleted", day(90))  # at once, without a grace
    assert machine.status()["plans"] == ["modeler", "render"]  # the lease runs out
    assert host.ctl("assign", "--product", PRODUCT, "--user", "ola", check=False).returncode != 0
    host.refused("LICENSE_REVOKED", "install", folder / "next.license")
    host.refused("REVOCATIONS_OLD", "install", folder / "revocations")
    assert "revocations.installed" in [row["action"] for row in host.items("audit", "list")]
    assert host.status()["state"] == "unlicensed"
    assert "LICENSE_REVOKED" in {item["code"] for item in host.status()["health"]}


def test_a_revoked_host(sold, machines, vendor, folder, clock):
    host = sold(f"{USERS},quantity=5")
    machine = machines(host, 1, env=clock.env)
    assign(host, "kari")
    sign_in(host, machine, "kari")
    listed = json.loads(vendor("host", "list", "--json").stdout)["items"]
    vendor("host", "revoke", listed[0]["name"])
    install_revocations(host, vendor, folder)
    machine.refused("CERTIFICATE_REVOKED", "renew", PRODUCT)
    assert host.status()["state"] == "unlicensed"
    item = next(item for item in host.status()["health"] if item["code"] == "CERTIFICATE_REVOKED")
    assert item["severity"] == "error" and "Ask the vendor" in item["remedy"]


def test_a_list_of_another_vendor(sold, vendor, folder):
    from harness import Vendor
    host = sold(f"{USERS},quantity=5")
    other = Vendor(folder, "Other", "other-cad")
    other("revocations", "-o", folder / "foreign")
    host.refused("VENDOR_NOT_PINNED", "install", folder / "foreign")
    text = vendor("revocations").stdout
    at = text.index("v4.public.") + 60
    (folder / "altered").write_text(text[:at] + ("A" if text[at] != "A" else "B") + text[at + 1:])
    host.refused("SIGNATURE_INVALID", "install", folder / "altered")
