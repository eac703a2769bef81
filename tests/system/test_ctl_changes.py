# SPDX-License-Identifier: Apache-2.0
"""musterctl's verbs that change something: the request sent, what is told, exit codes, and questions asked first."""
import json
import os
import subprocess

import pytest

from ctl_server import Answer, CTL, Changes, Raw, environment, error, on_terminal, problem, refused
from ctl_server import daemon, folder  # noqa: F401 (fixtures)


def words(line):
    return line.split(" ")


# --- every verb: the line, and the rows that it sends ---

VERBS = [
    ("user add alice", [{"do": "user.add", "user": "alice"}], "alice: added"),
    ("user add alice@x.org --name Alice --guest --group eng --group ops",
     [{"do": "user.add", "user": "alice@x.org", "name": "Alice", "guest": True, "groups": ["eng", "ops"]}],
     "alice@x.org: added"),
    ("user remove alice --yes", [{"do": "user.remove", "user": "alice"}], "alice: removed"),
    ("group add eng", [{"do": "group.add", "group": "eng", "kind": "users"}], "eng: added"),
    ("group add eng --member alice --member bob --group cad",
     [{"do": "group.add", "group": "eng", "kind": "users"},
      {"do": "member.add", "group": "eng", "kind": "users", "user": "alice"},
      {"do": "member.add", "group": "eng", "kind": "users", "user": "bob"},
      {"do": "member.add", "group": "eng", "kind": "users", "member": "cad"}], "added: 4, refused: 0"),
    ("group remove eng", [{"do": "group.remove", "group": "eng", "kind": "users"}], "eng: removed"),
    ("group remove eng --force", [{"do": "group.remove", "group": "eng", "kind": "users", "force": True}],
     "eng: removed"),
    ("group add-member eng --user alice", [{"do": "member.add", "group": "eng", "kind": "users", "user": "alice"}],
     "alice: added"),
    ("group remove-member eng --group cad --user bob",
     [{"do": "member.remove", "group": "eng", "kind": "users", "user": "bob"},
      {"do": "member.remove", "group": "eng", "kind": "users", "member": "cad"}], "removed: 2, refused: 0"),
    ("device group add lab --pattern lab-*",
     [{"do": "group.add", "group": "lab", "kind": "devices", "pattern": "lab-*"}], "lab: added"),
    ("device group remove lab", [{"do": "group.remove", "group": "lab", "kind": "devices"}], "lab: removed"),
    ("device group add-member lab d1 d2 --group desks",
     [{"do": "member.add", "group": "lab", "kind": "devices", "device": "d1"},
      {"do": "member.add", "group": "lab", "kind": "devices", "device": "d2"},
      {"do": "member.add", "group": "lab", "kind": "devices", "member": "desks"}], "added: 3, refused: 0"),
    ("device group remove-member lab d1",
     [{"do": "member.remove", "group": "lab", "kind": "devices", "device": "d1"}], "d1: removed"),
    ("device group confirm lab d1 d2",
     [{"do": "proposal.confirm", "group": "lab", "device": "d1"},
      {"do": "proposal.confirm", "group": "lab", "device": "d2"}], "confirmed: 2, refused: 0"),
    ("device enrol-key remove 7", [{"do": "enrol_key.remove", "id": "7"}], "7: removed"),
    ("device block d1", [{"do": "device.block", "device": "d1"}], "d1: blocked"),
    ("device unblock d1 d2", [{"do": "device.unblock", "device": "d1"}, {"do": "device.unblock", "device": "d2"}],
     "unblocked: 2, refused: 0"),
    ("device approve d1", [{"do": "device.approve", "device": "d1"}], "d1: approved"),
    ("device mark-shared d1", [{"do": "device.mark_shared", "device": "d1"}], "d1: marked as shared"),
    ("device mark-shared d1 --off", [{"do": "device.unmark_shared", "device": "d1"}], "d1: no longer shared"),
    ("device forget d1 --yes", [{"do": "device.forget", "device": "d1"}], "d1: forgotten"),
    ("activation release --device d1 --yes", [{"do": "activation.release", "device": "d1"}], "d1: released"),
    ("activation release --device d1 --product cad --user alice --yes",
     [{"do": "activation.release", "device": "d1", "product": "cad", "user": "alice"}], "alice: released"),
    ("assign --product cad --user alice", [{"do": "assign", "product": "cad", "user": "alice"}], "alice: assigned"),
    ("assign --product cad --user alice --plans a,b --grant g",
     [{"do": "assign", "product": "cad", "user": "alice", "plans": ["a", "b"], "grant": "g"}], "alice: assigned"),
    ("assign --product cad --device-group lab --device d1 --group eng --user bob --user alice",
     [{"do": "assign", "product": "cad", "user": "bob"}, {"do": "assign", "product": "cad", "user": "alice"},
      {"do": "assign", "product": "cad", "group": "eng"}, {"do": "assign", "product": "cad", "device": "d1"},
      {"do": "assign", "product": "cad", "device_group": "lab"}], "assigned: 5, refused: 0"),
    ("unassign --product cad --group eng --grant g",
     [{"do": "unassign", "product": "cad", "group": "eng", "grant": "g"}], "eng: unassigned"),
    ("replace --product cad --with cam --user alice",
     [{"do": "replace", "product": "cad", "with": "cam", "user": "alice"}], "alice: replaced"),
    ("replace --product cad --group eng --plans a --grant g",
     [{"do": "replace", "product": "cad", "with": "cad", "group": "eng", "plans": ["a"], "grant": "g"}],
     "eng: replaced"),
]


@pytest.mark.parametrize("line, rows, told", VERBS, ids=[v[0] for v in VERBS])
def test_verb(daemon, line, rows, told):
    changes = Changes(daemon)
    result = daemon.run(*words(line))
    assert result.returncode == 0 and result.stderr == "" and result.stdout == told + "\n"
    sure = "--yes" in line or "--force" in line
    assert changes.bodies == [{"changes": rows, "dry_run": False, "confirm": sure}]


@pytest.mark.parametrize("line, rows, told", VERBS, ids=[v[0] for v in VERBS])
def test_verb_json(daemon, line, rows, told):
    Changes(daemon, effect=[{"product": "cad", "gained": 1}])
    result = daemon.run(*words(line), "--json")
    assert result.returncode == 0 and result.stderr == ""
    assert json.loads(result.stdout) == {"schema": 1, "items": [{**row, "ok": True} for row in rows], "dry_run": False,
                                         "effect": [{"product": "cad", "gained": 1}]}


@pytest.mark.parametrize("line", [
    "user add", "user remove", "user add a b", "group add-member eng", "group remove-member eng",
    "device group add-member lab", "device group confirm lab", "device group confirm lab d1 --all", "device block",
    "activation release", "activation release --product cad", "assign", "assign --user alice", "assign --product cad",
    "assign --product cad --user alice --plans ,", "unassign --product cad --user a --plans x",
    "assign --from f --user alice", "assign --from f --product cad", "unassign --from f --grant g",
    "replace --product cad", "replace --user alice --with cam", "replace --product cad --from f", "user remove alice",
    "device forget d1", "device forget d1 --json", "device enrol-key add lab --uses 0",
    "device enrol-key add lab --days x", "subscription redeem", "subscription cancel g", "license request-more fjord",
    "license request-more fjord --grant g", "license request-more fjord --grant g=0",
    "license request-more fjord --grant g=5x", "license request-more fjord --grant =5",
    "license request-more fjord --grant g=+5", "seat list --user alice"])
def test_usage(daemon, line):
    result = daemon.run(*words(line))
    assert result.returncode == 64 and result.stdout == "" and len(result.stderr.splitlines()) == 1, result.stderr
    assert daemon.requests == []


def test_many_users_on_one_line(daemon):
    changes = Changes(daemon)
    users = [f"user-{i}" for i in range(60)]
    result = daemon.run("assign", "--product", "cad", *(f"--user={user}" for user in users))
    assert result.stdout == "assigned: 60, refused: 0\n"
    assert [row["user"] for row in changes.rows] == users


def test_value_that_is_not_utf8(daemon):
    for line in (["user", "add", b"al\xffice"], ["user", "add", "a", "--group", b"\xc3"],
                 ["assign", "--product", "cad", "--user", b"\xed\xa0\x80"],
                 ["assign", "--product", "cad", "--user", "a", "--plans", b"p,\xff"],
                 ["license", "request-more", "x", "--grant", "g=1", "--reason", b"\xff"]):
        result = daemon.run(*line) if all(isinstance(w, str) for w in line) else run_bytes(daemon, line)
        assert result.returncode == 64 and daemon.requests == [], line


def run_bytes(daemon, line):
    return subprocess.run([os.fsencode(CTL), b"--socket", os.fsencode(daemon.socket), *map(os.fsencode, line)],
                          capture_output=True, timeout=60, env=environment())


# --- codes that are shown once ---

def test_signin_code(daemon):
    changes = Changes(daemon, more=lambda _: {"code": "ABCD-EFGH-JKMN-PQRT", "expires": "2026-11-24T00:00:00Z"})
    result = daemon.run("user", "signin-code", "alice")
    assert result.stdout == "ABCD-EFGH-JKMN-PQRT\n" and result.returncode == 0
    assert result.stderr == "for alice, until 2026-11-24T00:00:00Z; it is not shown again\n"
    assert changes.rows == [{"do": "signin.code", "user": "alice"}]
    item = json.loads(daemon.run("user", "signin-code", "alice", "--json").stdout)["items"][0]
    assert item["code"] == "ABCD-EFGH-JKMN-PQRT" and item["expires"] == "2026-11-24T00:00:00Z"


def test_enrol_key(daemon):
    changes = Changes(daemon, more=lambda _: {"code": "ABCDE-FGHJK"})
    result = daemon.run("device", "enrol-key", "add", "lab", "--uses", "30", "--days", "14")
    assert result.stdout == "ABCDE-FGHJK\n" and result.stderr == "for lab; it is not shown again\n"
    assert changes.rows == [{"do": "enrol_key.add", "group": "lab", "uses": 30, "days": 14}]
    daemon.run("device", "enrol-key", "add", "lab")
    assert changes.bodies[1]["changes"] == [{"do": "enrol_key.add", "group": "lab"}]


def test_confirm_all_proposals_of_a_group(daemon):
    pages = {None: ([("d1", "lab"), ("d2", "desks")], "c"), "c": ([("d3", "lab")], None)}

    def answer(handler):
        rows, after = pages[handler.query.get("after")]
        items = [{"device": d, "hostname": "h", "group": g, "pattern": "*"} for d, g in rows]
        Answer({"schema": 1, "items": items, "next": after})(handler)

    daemon.route("/v1/proposals", answer)
    changes = Changes(daemon)
    result = daemon.run("device", "group", "confirm", "lab", "--all")
    assert result.stdout == "confirmed: 2, refused: 0\n"
    assert [row["device"] for row in changes.rows] == ["d1", "d3"]
    assert daemon.run("device", "group", "confirm", "other", "--all").stdout == "no rows: nothing was sent\n"
    daemon.route("/v1/proposals", problem(503, "BUSY"))
    refused(daemon.run("device", "group", "confirm", "lab", "--all"), "BUSY", 75)
    assert len(changes.bodies) == 1


# --- rows that are refused ---

def test_one_row_refused_is_told_as_any_failure(daemon):
    Changes(daemon, lambda _: error("DEVICE_BLOCKED", detail="d1 is blocked", numbers={"have": 3}))
    result = daemon.run("device", "approve", "d1")
    line = refused(result, "DEVICE_BLOCKED", 1)
    assert line.endswith("\u2014 d1 is blocked \u2014 have 3") and result.stdout == ""
    assert "remedy: Do that." in result.stderr
    result = daemon.run("device", "approve", "d1", "--json")
    refused(result, "DEVICE_BLOCKED", 1)
    assert json.loads(result.stdout)["items"] == [
        {"do": "device.approve", "device": "d1", "ok": False,
         "error": error("DEVICE_BLOCKED", detail="d1 is blocked", numbers={"have": 3})}]


@pytest.mark.parametrize("line, code, exit_code", [
    ("user add alice --guest", "GUEST_ROLE", 77), ("device unblock d1", "FROM_THE_FUTURE", 1),
    ("assign --product cad --user guest", "GUEST_ROLE", 1), ("replace --product cad --user guest", "GUEST_ROLE", 1)])
def test_exit_code_of_one_row(daemon, line, code, exit_code):
    Changes(daemon, lambda _: error(code))
    assert "the text" in refused(daemon.run(*words(line)), code, exit_code) or code == "GUEST_ROLE"


def test_some_rows_refused(daemon):
    Changes(daemon, lambda row: error("SEATS_EXHAUSTED", numbers={"used": 5}) if row["user"] != "a" else None)
    result = daemon.run("assign", "--product", "cad", "--user", "a", "--user", "b", "--user", "c")
    assert result.returncode == 1 and result.stdout == "assigned: 1, refused: 2\n"
    lines = result.stderr.splitlines()
    assert len(lines) == 4 and lines[1] == lines[3] == "remedy: Do that."
    assert lines[0].startswith("row 2 (b): SEATS_EXHAUSTED: ") and lines[0].endswith("used 5")
    assert lines[2].startswith("row 3 (c): SEATS_EXHAUSTED: ")


def test_row_refused_without_a_reason(daemon):
    daemon.route("/v1/changes", {"schema": 1, "items": [{"do": "user.add", "user": "a", "ok": False}]}, "POST")
    refused(daemon.run("user", "add", "a"), "INTERNAL", 1)


def test_row_that_was_done_but_waits_is_told(daemon):
    Changes(daemon, more=lambda row: {"error": error("SEATS_EXHAUSTED")})
    result = daemon.run("assign", "--product", "cad", "--user", "a")
    assert result.returncode == 0 and result.stdout == "a: assigned\n" and "SEATS_EXHAUSTED" in result.stderr


def test_at_most_20_are_told_in_full(daemon):
    Changes(daemon, lambda row: error("NOT_FOUND"))
    args = ["assign", "--product", "cad", *(f"--user=u{i}" for i in range(25))]
    lines = daemon.run(*args).stderr.splitlines()
    assert len(lines) == 41 and lines[-1].startswith("5 more rows")
    assert len(json.loads(daemon.run(*args, "--json").stdout)["items"]) == 25


@pytest.mark.parametrize("answer", [
    {"schema": 1, "effect": []}, {"schema": 1, "items": []}, {"schema": 1, "items": {}},
    {"schema": 1, "items": [{"ok": "yes"}]}, {"schema": 1, "items": [1]}, {"items": [{"ok": True}]},
    {"schema": 1, "items": [{"ok": True}, {"ok": True}]}])
def test_answer_that_is_none(daemon, answer):
    daemon.route("/v1/changes", answer, "POST")
    for args in (["user", "add", "alice"], ["user", "add", "alice", "--json"]):
        result = daemon.run(*args)
        refused(result, "MALFORMED", 1)
        assert "not known whether" in result.stderr and '"ok"' not in result.stdout


@pytest.mark.parametrize("body", [b"", b"{", b'{"schema":1,"items":[{"ok":true}', b'{"schema":1,"items":[{"ok":true}]',
                                  b'{"schema":1,"items":[{"ok":true}]}x', b'{"schema":1,"items":[{"ok":true},]}',
                                  b'{"schema":1,"items":[{"ok":true}],}', b'{"schema":1 "items":[{"ok":true}]}',
                                  b'{"schema":1,"schema":1,"items":[{"ok":true}]}', b'{1:1,"items":[{"ok":true}]}',
                                  b'{"schema":1,"items":[{"ok":true}],"items":[]}', b'[]',
                                  b'{"schema":1,"items":[{"ok":true,"ok":true}]}', b'{"schema":1,"items":[\x00]}'])
def test_answer_that_is_no_json(daemon, body):
    daemon.route("/v1/changes", Answer(body), "POST")
    refused(daemon.run("user", "add", "alice"), "MALFORMED", 1)


def test_answer_in_any_order_and_layout(daemon):
    daemon.route("/v1/changes", Answer(
        b' {\n"effect" : [ ] ,"n":1.5,"items" :[\t{"ok" : true, "user":"a\\u0062"}\r\n] , "schema":1,"x":"\xc3\xa5"} \n'),
        "POST")
    assert daemon.run("user", "add", "x").stdout == "ab: added\n"
    assert json.loads(daemon.run("user", "add", "x", "--json").stdout) == {
        "schema": 1, "items": [{"ok": True, "user": "ab"}], "effect": [], "n": 1.5, "x": "\u00e5"}


def test_answer_of_another_schema(daemon):
    daemon.route("/v1/changes", {"schema": 2, "items": [{"ok": True}]}, "POST")
    refused(daemon.run("user", "add", "alice"), "VERSION_UNSUPPORTED", 1)


def test_lost_answer_says_that_nothing_is_known(daemon):
    daemon.route("/v1/changes", Raw(b""), "POST")
    result = daemon.run("user", "add", "alice")
    refused(result, "CLOSED", 75)
    assert "not known whether" in result.stderr


def test_control_characters_of_rows(daemon):
    evil = "a\x1b[31m\x07"
    Changes(daemon, lambda row: error(evil, text=evil, remedy=evil, detail=evil, numbers={evil: evil}))
    for more in ([], ["--json"]):
        result = daemon.run("assign", "--product", "cad", "--user", evil, "--user", "b", *more)
        assert result.returncode == 1 and "\x1b" not in result.stdout + result.stderr


# --- what is lost ---

EFFECT = [{"product": "cad", "gained": 0, "lost": 12, "waiting": 3, "seats": -12}]


@pytest.mark.parametrize("line", [
    "assign --product cad --user a", "unassign --product cad --user a", "replace --product cad --user a",
    "user remove a", "group remove a", "group add-member g --user a", "group remove-member g --user a",
    "device group remove a", "device group add-member g a", "device group remove-member g a", "device forget a",
    "subscription cancel a", "activation release --device d"])
def test_dry_run(daemon, line):
    changes = Changes(daemon, effect=EFFECT)
    result = daemon.run(*words(line), "--dry-run")
    assert result.returncode == 0 and changes.bodies[0]["dry_run"] and not changes.bodies[0]["confirm"]
    lines = result.stdout.splitlines()
    assert lines[0] == "dry run, nothing was saved: 1 would be done, 0 refused"
    assert lines[2].split() == ["PRODUCT", "GAINED", "LOST", "WAITING", "SEATS"]
    assert lines[3].split() == ["cad", "0", "12", "3", "-12"]
    assert len(changes.bodies) == 1 and len(daemon.requests) == 1


def test_dry_run_without_effect_and_with_refusals(daemon):
    Changes(daemon, lambda row: error("NOT_FOUND") if row["user"] == "b" else None)
    result = daemon.run("assign", "--product", "cad", "--user", "a", "--user", "b", "--dry-run")
    assert result.returncode == 1 and result.stdout == (
        "dry run, nothing was saved: 1 would be done, 1 refused\nno license would be gained or lost\n")


def test_effect_of_what_was_done_is_shown(daemon):
    Changes(daemon, effect=EFFECT)
    assert daemon.run("unassign", "--product", "cad", "--user", "a").stdout.startswith("a: unassigned\n\nPRODUCT ")


LOSS = problem(409, "MASS_LOSS", numbers={"lost": 120, "members": 400}, remedy="Look at '--dry-run', then '--yes'.")
IN_USE = problem(409, "GROUP_IN_USE", numbers={"lost": 7}, remedy="Remove it with '--force'.", detail="7 members")


@pytest.mark.parametrize("line, guard, code, told", [
    ("unassign --product cad --group eng", LOSS, "MASS_LOSS", "lost 120, members 400"),
    ("group remove eng", IN_USE, "GROUP_IN_USE", "7 members \u2014 lost 7")])
def test_guard_without_a_terminal(daemon, line, guard, code, told):
    changes = Changes(daemon, guard=guard)
    result = daemon.run(*words(line))
    assert refused(result, code, 1).endswith(told) and result.stdout == ""
    assert json.loads(daemon.run(*words(line), "--json").stdout)["error"]["code"] == code
    assert [body["confirm"] for body in changes.bodies] == [False, False]
    assert daemon.run(*words(line), "--yes").returncode == 0
    assert changes.bodies[-1]["confirm"]


def ask(daemon, line, answer):
    text, code = on_terminal(["--socket", daemon.socket, *words(line)], environment(), answer.encode())
    return text.replace("\r\n", "\n"), code


def test_guard_on_a_terminal(daemon):
    changes = Changes(daemon, guard=LOSS)
    text, code = ask(daemon, "unassign --product cad --group eng", "y\n")
    assert code == 0 and "lost 120, members 400" in text and "Do it all the same? [y/N]" in text
    assert "eng: unassigned" in text
    assert [body["confirm"] for body in changes.bodies] == [False, True]
    for answer in ("n\n", "\n", "yellow\n", "\x04"):
        changes.bodies.clear()
        text, code = ask(daemon, "unassign --product cad --group eng", answer)
        assert code == 1 and "nothing was changed" in text and len(changes.bodies) == 1


def test_question_on_a_terminal(daemon):
    changes = Changes(daemon, effect=EFFECT)
    text, code = ask(daemon, "user remove alice", "yes\n")
    assert code == 0
    assert text.index("dry run") < text.index("12") < text.index("Remove the user") < text.index("alice: removed")
    assert [(body["dry_run"], body["confirm"]) for body in changes.bodies] == [(True, True), (False, True)]
    changes.bodies.clear()
    text, code = ask(daemon, "device forget d1", "no\n")
    assert code == 1 and "nothing was changed" in text and [body["dry_run"] for body in changes.bodies] == [True]


def test_a_script_must_say_that_it_means_it(daemon):
    changes = Changes(daemon)
    result = daemon.run("activation", "release", "--device", "d1")
    assert result.returncode == 64 and "--yes" in result.stderr and "--dry-run" in result.stderr and changes.bodies == []


def test_no_question_about_what_is_refused_anyway(daemon):
    changes = Changes(daemon, lambda row: error("NOT_FOUND"))
    text, code = ask(daemon, "user remove alice", "")
    assert code == 1 and "[y/N]" not in text and len(changes.bodies) == 1


def test_question_about_what_is_left(daemon):
    Changes(daemon, lambda row: error("NOT_FOUND") if row["device"] == "d2" else None)
    text, code = ask(daemon, "device forget d1 d2", "y\n")
    assert code == 1 and "[y/N]" in text and "forgotten: 1, refused: 1" in text


def test_no_question_when_the_daemon_is_away(folder):
    text, code = on_terminal(["--socket", folder + "/none", "user", "remove", "a"], environment())
    assert code == 3 and "[y/N]" not in text


def test_no_question_with_yes_or_dry_run_or_json(daemon):
    changes = Changes(daemon)
    for line in ("user remove alice --yes", "user remove alice --dry-run"):
        text, code = ask(daemon, line, "")
        assert code == 0 and "[y/N]" not in text
    text, code = ask(daemon, "user remove alice --json", "")
    assert code == 64 and len(changes.bodies) == 2
