# SPDX-License-Identifier: Apache-2.0
"""musterctl's lists and screens of users, groups, seats, products and subscriptions; product keys; asking for more."""
import csv
import io
import json
import os
import re

import pytest

from ctl_server import ARMOUR, Answer, Changes, environment, error, on_terminal, problem, refused, run
from ctl_server import daemon, folder  # noqa: F401 (fixtures)

AT = "2026-11-23T16:28:00Z"
FULL = error("SEATS_EXHAUSTED", detail="50 of 50 are taken", numbers={"used": 50, "quantity": 50})

SUBSCRIPTION = {
    "grant": "cad-user", "license": "fjord", "vendor": "k4.pid.x", "product": "acme-cad", "model": "user",
    "state": "active", "next_state": "expired", "next_at": "2027-01-01T00:00:00Z", "loses": "nothing for 30 days",
    "quantity": 5, "assigned": 4, "in_use": 3, "waiting": 1, "recurring": True, "self_service": "bob",
    "taken_over": None, "cancel_until": AT, "cancelled": None, "over_until": None, "expires": "2027-01-01T00:00:00Z"}
OTHER = {**SUBSCRIPTION, "grant": "cad-more", "quantity": 8, "assigned": 8, "in_use": 7, "waiting": 0,
         "self_service": None, "state": "disabled", "next_state": "deleted", "loses": "all of it, for good"}
PRODUCT = {"product": "acme-cad", "name": "Acme CAD", "total": 13, "assigned": 12, "in_use": 10, "waiting": 1,
           "available": 1, "grants": [SUBSCRIPTION, OTHER]}

# The verb, its path, one item, and the line of the table with its blanks as one.
LISTS = [
    ("user list", "/v1/users", {"user": "alice", "name": "Alice A", "guest": False, "created": AT},
     f"alice Alice A no {AT}"),
    ("group list", "/v1/groups", {"group": "eng", "kind": "users", "pattern": None, "members": 7, "created": AT},
     f"eng 7 {AT}"),
    ("device group list", "/v1/groups",
     {"group": "lab", "kind": "devices", "pattern": "lab-*", "members": 7, "created": AT}, f"lab lab-* 7 {AT}"),
    ("device group proposals", "/v1/proposals",
     {"device": "d1", "hostname": "lab-1", "group": "lab", "pattern": "lab-*"}, "d1 lab-1 lab lab-*"),
    ("device enrol-key list", "/v1/enrol-keys", {"id": "7", "group": "lab", "uses": 30, "used": 4, "until": AT},
     f"7 lab 4/30 {AT}"),
    ("seat list", "/v1/seats",
     {"product": "cad", "grant": "g", "kind": "user", "holder": "alice", "plans": [], "state": "waiting", "error": FULL,
      "since": AT}, f"cad g user alice all waiting {AT} SEATS_EXHAUSTED: 50 of 50 are taken"),
    ("seat list", "/v1/seats",
     {"product": "cad", "grant": "g", "kind": "device", "holder": "d1", "plans": ["a", "b"], "state": "held",
      "error": None, "since": AT}, f"cad g device d1 a,b held {AT} -"),
    ("assignment list", "/v1/assignments",
     {"product": "cad", "kind": "group", "subject": "eng", "plans": ["a"], "grant": None, "at": AT},
     f"cad group eng a - {AT}"),
    ("subscription list", "/v1/subscriptions", SUBSCRIPTION,
     "cad-user acme-cad user 5 4 3 1 active expired 2027-01-01T00:00:00Z nothing for 30 days"),
    ("activation list", "/v1/activations",
     {"device": "d1", "hostname": "pc", "product": "cad", "grant": "g", "model": "user", "user": "alice",
      "state": "active", "activated": AT, "renewed": AT, "expires": AT}, f"d1 pc cad g user alice active {AT} {AT}"),
]


@pytest.mark.parametrize("line, path, item, shown", LISTS, ids=[row[0] for row in LISTS])
def test_list(daemon, line, path, item, shown):
    daemon.route(path, {"schema": 1, "items": [item], "next": None})
    text = daemon.run(*line.split()).stdout
    assert " ".join(text.splitlines()[1].split()) == shown
    assert json.loads(daemon.run(*line.split(), "--json").stdout) == {"schema": 1, "items": [item], "next": None}
    row = next(csv.DictReader(io.StringIO(daemon.run(*line.split(), "--csv").stdout)))
    for key, value in item.items():
        if key in row and isinstance(value, str):
            assert row[key] == value
    if item.get("error"):
        assert row["error"] == "SEATS_EXHAUSTED"
    kind = {"kind": item["kind"]} if path == "/v1/groups" else {}
    assert [r[:3] for r in daemon.requests] == [("GET", path, {"limit": "1000", **kind})] * 3


@pytest.mark.parametrize("line, path, query", [
    ("seat list --product cad --state waiting --grant g --holder alice", "/v1/seats",
     {"product": "cad", "state": "waiting", "grant": "g", "holder": "alice"}),
    ("assignment list --product cad --kind group --subject eng", "/v1/assignments",
     {"product": "cad", "kind": "group", "subject": "eng"}),
    ("activation list --user alice --product cad --state active --expires-before 2030-01-01", "/v1/activations",
     {"user": "alice", "product": "cad", "state": "active", "expires_before": "2030-01-01T00:00:00Z"}),
    ("subscription list --product cad --state expired", "/v1/subscriptions", {"product": "cad", "state": "expired"}),
    ("user list", "/v1/users", {}), ("device group list", "/v1/groups", {"kind": "devices"})])
def test_filters(daemon, line, path, query):
    daemon.route(path, {"schema": 1, "items": [], "next": None})
    assert daemon.run(*line.split(), "--after", "c", "--limit", "7").returncode == 0
    assert daemon.requests[0][2] == {**query, "limit": "7", "after": "c"}


# --- products: both totals ---

def test_product_list_has_the_sum_and_each_grant(daemon):
    daemon.route("/v1/products", {"schema": 1, "items": [PRODUCT], "next": None})
    lines = [" ".join(line.split()) for line in daemon.run("product", "list").stdout.splitlines()]
    assert lines[1:] == ["acme-cad (all) - - 13 12 10 1 1 Acme CAD", "acme-cad cad-user user active 5 4 3 1 - -",
                         "acme-cad cad-more user disabled 8 8 7 0 - -"]
    rows = list(csv.DictReader(io.StringIO(daemon.run("product", "list", "--csv").stdout)))
    assert [(row["grant"], row["total"]) for row in rows] == [("(all)", "13"), ("cad-user", "5"), ("cad-more", "8")]
    assert json.loads(daemon.run("product", "list", "--json").stdout)["items"] == [PRODUCT]


def test_product_without_ceiling(daemon):
    grant = {**SUBSCRIPTION, "quantity": None}
    daemon.route("/v1/products", {"schema": 1, "items": [{**PRODUCT, "total": None, "grants": [grant]}], "next": None})
    lines = [line.split() for line in daemon.run("product", "list").stdout.splitlines()]
    assert lines[1][4] == lines[2][4] == "-"


def test_product_show(daemon):
    daemon.route("/v1/products/acme-cad", {"schema": 1, **PRODUCT})
    text = daemon.run("product", "show", "acme-cad").stdout
    assert re.search(r"^total +13$", text, re.M) and re.search(r"^waiting +1$", text, re.M)
    assert re.search(r"^cad-more user +disabled +8 +8 +7 +0 deleted 2027-01-01T00:00:00Z all of it, for good$", text, re.M)


# --- users and groups ---

USER = {
    "schema": 1, "user": "alice", "name": "Alice", "guest": True, "created": AT,
    "groups": [{"group": "eng", "via": []}, {"group": "all", "via": ["eng", "tech"]}],
    "rights": [
        {"product": "cad", "grant": "g", "model": "user", "plans": ["a"], "state": "held", "error": None,
         "sources": [{"source": "direct", "group": None, "grant": None, "via": [], "plans": []},
                     {"source": "group", "group": "eng", "grant": None, "via": [], "plans": ["a"]},
                     {"source": "group", "group": "all", "grant": None, "via": ["eng", "tech"], "plans": []}]},
        {"product": "cam", "grant": "h", "model": "user", "plans": [], "state": "waiting", "error": FULL,
         "sources": []}],
    "devices": [{"device": "d1", "hostname": "pc", "shared": False, "product": "cad", "contacted": AT}],
    "bound": [{"device": "d2", "hostname": "lap", "since": AT}]}


def test_user_show(daemon):
    daemon.route("/v1/users/alice%40x.org", USER)
    text = daemon.run("user", "show", "alice@x.org").stdout
    lines = [" ".join(line.split()) for line in text.splitlines()]
    for line in ("user alice", "guest yes", "eng -", "all eng,tech", "cad g user a held direct,eng,all (eng,tech)",
                 "cam h user all waiting -", "! cam: SEATS_EXHAUSTED: 50 of 50 are taken", "remedy: Do that.",
                 f"d1 pc cad no {AT}", f"d2 lap {AT}"):
        assert line in lines, line
    assert json.loads(daemon.run("user", "show", "alice@x.org", "--json").stdout) == USER
    refused(daemon.run("user", "show", "bob"), "NOT_FOUND", 1)


@pytest.mark.parametrize("line, kind", [("group show", "users"), ("device group show", "devices")])
def test_group_show(daemon, line, kind):
    group = {"schema": 1, "group": "eng", "kind": kind, "pattern": None, "created": AT,
             "members": [{"kind": "user", "member": "alice", "name": "Alice"},
                         {"kind": "group", "member": "cad", "name": None}],
             "assignments": [{"product": "cad", "kind": "group", "subject": "eng", "plans": [], "grant": None, "at": AT}]}
    daemon.route("/v1/groups/eng", group)
    lines = [" ".join(row.split()) for row in daemon.run(*line.split(), "eng").stdout.splitlines()]
    for shown in ("group eng", f"of {kind}", "user alice Alice", "group cad -", f"cad all - {AT}"):
        assert shown in lines, shown
    assert daemon.requests[0][2] == {"kind": kind}


# --- subscriptions ---

def test_subscription_show(daemon):
    daemon.route("/v1/subscriptions/cad-user", {"schema": 1, **SUBSCRIPTION})
    lines = [" ".join(row.split()) for row in daemon.run("subscription", "show", "cad-user").stdout.splitlines()]
    for shown in ("state active", "next state expired", "from 2027-01-01T00:00:00Z",
                  "will be lost then nothing for 30 days", "renews by itself yes", "bought by bob",
                  f"can be cancelled until {AT}"):
        assert shown in lines, shown
    assert not any(line.startswith("cancelled") for line in lines)
    daemon.run("subscription", "show", "cad-user", "--license", "fjord")
    assert daemon.requests[-1][2] == {"license": "fjord"}


@pytest.mark.parametrize("line, row, told", [
    ("takeover cad-user", {"do": "subscription.takeover"}, "taken over"),
    ("takeover cad-user --license fjord", {"do": "subscription.takeover", "license": "fjord"}, "taken over"),
    ("reactivate cad-user", {"do": "subscription.reactivate"}, "reactivated"),
    ("cancel cad-user --yes", {"do": "subscription.cancel"}, "cancelled")])
def test_subscription_change_shows_how_it_stands(daemon, line, row, told):
    daemon.route("/v1/subscriptions/cad-user", {"schema": 1, **SUBSCRIPTION})
    changes = Changes(daemon)
    result = daemon.run("subscription", *line.split())
    assert result.returncode == 0 and result.stdout.startswith(f"cad-user: {told}\n\n")
    assert "will be lost then" in result.stdout and changes.rows == [{**row, "grant": "cad-user"}]
    count = len(daemon.requests)
    assert json.loads(daemon.run("subscription", *line.split(), "--json").stdout)["items"][0]["ok"]
    assert len(daemon.requests) == count + 1


def test_subscription_change_that_is_refused(daemon):
    Changes(daemon, lambda _: error("CANCEL_WINDOW_OVER", numbers={"until": AT}))
    result = daemon.run("subscription", "cancel", "cad-user", "--yes")
    assert refused(result, "CANCEL_WINDOW_OVER", 1).endswith("until " + AT) and len(daemon.requests) == 1


def test_cancel_shows_first_what_it_is_about(daemon):
    daemon.route("/v1/subscriptions/cad-user", {"schema": 1, **SUBSCRIPTION})
    changes = Changes(daemon)
    args = ["--socket", daemon.socket, "subscription", "cancel", "cad-user"]
    text, code = on_terminal(args, environment(), b"n\n")
    assert code == 1 and text.index("nothing for 30 days") < text.index("Cancel the subscription? [y/N]")
    text, code = on_terminal(args, environment(), b"y\n")
    assert code == 0 and [body["dry_run"] for body in changes.bodies] == [True, True, False]


# --- product keys ---

ALPHABET = "346789ABCDEFGHJKMNPQRTVWXY"


def product_key(bare=ALPHABET[:24]):
    """With its check character, ISO/IEC 7064 MOD 27,26, in groups of five."""
    p = 26
    for c in bare:
        p = ((p + ALPHABET.index(c)) % 26 or 26) * 2 % 27
    bare += ALPHABET[(27 - p) % 26]
    return "-".join(bare[i:i + 5] for i in range(0, 25, 5))


def test_redeem(daemon, folder):
    changes = Changes(daemon, more=lambda _: {"detail": "50 more of cad-pool"})
    key = product_key()
    path = os.path.join(folder, "key")
    with open(path, "w") as f:
        f.write(f"  {key.lower()}\n")
    result = daemon.run("subscription", "redeem", key, "--product", "cad")
    assert result.returncode == 0 and result.stdout == "redeemed: 50 more of cad-pool\n"
    assert result.stderr.startswith("warning: ") and len(result.stderr.splitlines()) == 1
    for args, more in ((["-"], {"input": key}), (["@" + path], {})):
        result = daemon.run("subscription", "redeem", *args, **more)
        assert result.stdout == "redeemed: 50 more of cad-pool\n" and result.stderr == ""
    bare = key.replace("-", "")
    assert [body["changes"] for body in changes.bodies] == [
        [{"do": "subscription.redeem", "key": bare, "product": "cad"}], [{"do": "subscription.redeem", "key": bare}],
        [{"do": "subscription.redeem", "key": bare}]]


def test_reactivate_with_a_key(daemon):
    daemon.route("/v1/subscriptions/g", {"schema": 1, **SUBSCRIPTION})
    changes = Changes(daemon)
    assert daemon.run("subscription", "reactivate", "g", "--key", "-", input=product_key()).returncode == 0
    assert changes.rows == [{"do": "subscription.reactivate", "grant": "g", "key": product_key().replace("-", "")}]


@pytest.mark.parametrize("code, exit_code", [
    ("KEY_UNKNOWN", 1), ("KEY_USED", 1), ("KEY_EXPIRED", 4), ("KEY_BLOCKED", 1), ("KEY_WRONG_PRODUCT", 1),
    ("KEY_EXCEEDS", 1), ("KEY_NOT_PERMITTED", 77), ("KEY_TRY_LATER", 75)])
def test_redeem_that_is_refused(daemon, code, exit_code):
    Changes(daemon, lambda _: error(code))
    refused(daemon.run("subscription", "redeem", "-", input=product_key()), code, exit_code)


def test_key_that_is_none(daemon, folder):
    good = product_key()
    for wrong in ("", "abc", good[:-1], good + "3", good[:-1] + ("3" if good[-1] != "3" else "4"), "0" + good[1:]):
        result = daemon.run("subscription", "redeem", "-", input=wrong)
        refused(result, "KEY_MALFORMED", 1)
        if len(wrong) > 3:
            literal = daemon.run("subscription", "redeem", wrong)
            assert literal.returncode == 1 and "KEY_MALFORMED" in literal.stderr and wrong not in literal.stderr
    refused(daemon.run("subscription", "redeem", "@" + folder + "/none"), "IO", 1)
    refused(daemon.run("subscription", "redeem", "-", input="x" * 5000), "TOO_LARGE", 1)
    assert daemon.requests == []


# --- asking for more ---

def test_license_request_more(daemon, folder):
    text = ARMOUR.format("LICENSE REQUEST")
    daemon.route("/v1/license-requests", Answer(text.encode(), type="text/plain"), "POST")
    args = ["license", "request-more", "fjord", "--grant", "cad-pool=200", "--grant", "cad-user=8"]
    assert daemon.run(*args).stdout == text
    out = os.path.join(folder, "more.request")
    assert daemon.run(*args, "--reason", "new \u00e5rs", "-o", out).stdout == "" and open(out).read() == text
    assert json.loads(daemon.run(*args, "--json").stdout) == {"schema": 1, "request": text}
    wants = [{"grant": "cad-pool", "quantity": 200}, {"grant": "cad-user", "quantity": 8}]
    assert [json.loads(r[3]) for r in daemon.requests] == [
        {"license": "fjord", "wants": wants}, {"license": "fjord", "wants": wants, "reason": "new \u00e5rs"},
        {"license": "fjord", "wants": wants}]
    daemon.route("/v1/license-requests", Answer(ARMOUR.format("LICENSE").encode(), type="text/plain"), "POST")
    refused(daemon.run(*args), "ARMOUR_INVALID", 1)
    daemon.route("/v1/license-requests", problem(404, "NOT_FOUND"), "POST")
    refused(daemon.run(*args, "-o", out + "2"), "NOT_FOUND", 1)
    assert not os.path.exists(out + "2")


# --- help and completion come from the table ---

def verbs_of(*before):
    """Every verb, walked as a shell walks the words that are offered."""
    words = [line.split("\t")[0] for line in run("--complete", *before, "").stdout.splitlines() if line[0] != "\t"]
    for word in words:
        if run(*before, word, "--help").returncode == 0 and f"musterctl {' '.join([*before, word])}: " in run(
                *before, word, "--help").stdout:
            yield " ".join([*before, word])
        if not before or before[0] == "device":
            yield from verbs_of(*before, word)


def test_every_verb_has_help_and_completion():
    verbs = list(verbs_of())
    for needed in ("user import", "device group add-member", "device enrol-key add", "assign", "unassign", "replace",
                   "seat list", "subscription takeover", "license request-more", "activation release"):
        assert needed in verbs
    for verb in verbs:
        result = run(*verb.split(), "--help")
        assert result.returncode == 0 and f"musterctl {verb}: " in result.stdout
        options = [line.split("\t")[0] for line in run("--complete", *verb.split(), "--").stdout.splitlines()]
        assert "--json" in options and all(o in result.stdout for o in options if o != "--help")
    assert "--device-group" in run("--complete", "assign", "--").stdout
