# SPDX-License-Identifier: Apache-2.0
"""What musterctl prints: status, lists, tables, CSV, JSON, on a terminal, and on streams that fail."""
import csv
import io
import json
import os
import re
import subprocess
import urllib.parse

import pytest

from ctl_server import (
    ARMOUR, Answer, CTL, HEALTH_LINE, LICENSE, LICENSE_ROW, ROWS, STATUS, device, environment, on_terminal, peak,
    problem, refused, serve_pages)
from ctl_server import daemon, folder  # noqa: F401 (fixtures)

# --- status ---

@pytest.mark.parametrize("state, code", [("ok", 0), ("degraded", 2), ("unlicensed", 2), ("of another kind", 2)])
def test_status_exit_code(daemon, state, code):
    daemon.route("/v1/status", {**STATUS, "state": state})
    assert daemon.run("status").returncode == code
    assert daemon.run("status", "--json").returncode == code


def test_status_text(daemon):
    daemon.route("/v1/status", {**STATUS, "health": [HEALTH_LINE]})
    text = daemon.run("status").stdout
    assert re.search(r"^host +lic01\.example\.org$", text, re.M)
    assert re.search(r"^running +since 2026-11-23T16:28:00Z \(2 h 4 min\)$", text, re.M)
    assert re.search(r"^listening +127\.0\.0\.1:6878,\[::1\]:6878$", text, re.M)
    assert re.search(r"^devices +1204$", text, re.M)
    assert re.search(r"^acme-cad Acme CAD +- +0 +25 +-$", text, re.M)
    assert re.search(r"^acme-cad cad-volume +volume active +- +- +0 +- +- +24/25 2030-01-01T00:00:00Z$", text, re.M)
    assert re.search(r"^acme-cad cad-pool +pool +expired +50 +- +7 +- +- +- 2026-01-01T00:00:00Z$", text, re.M)  # a pool counts nothing
    assert "! LICENSE_MISSING (warning): no license is installed\n  remedy: Install one" in text
    assert STATUS["host"]["id"] not in text


def test_status_names_the_next_command(daemon):
    line = {**HEALTH_LINE, "next": "musterctl license install FILE"}
    daemon.route("/v1/status", {**STATUS, "health": [line]})
    assert daemon.run("status").stdout.endswith("no license is installed\n  next: musterctl license install FILE\n")
    text = daemon.run("status", "-v").stdout
    assert f"  next: {line['next']}\n  remedy: {line['remedy']}\n" in text and STATUS["host"]["id"] in text
    assert re.search(r"^cad-pool +fjord +expired ", text, re.M)


def test_status_numbers_that_say_nothing(daemon):
    grant = {**STATUS["grants"][1], "threshold": 0}
    info = {**HEALTH_LINE, "severity": "info"}
    daemon.route("/v1/status", {**STATUS, "grants": [grant], "health": [info]})
    text = daemon.run("status").stdout
    assert re.search(r"^acme-cad cad-pool +pool +expired +50 +- +7 ", text, re.M)
    assert "\n- LICENSE_MISSING (info): " in text


def test_status_json_is_the_api_document(daemon):
    daemon.route("/v1/status", STATUS)
    text = daemon.run("status", "--json").stdout
    assert json.loads(text) == STATUS
    assert list(json.loads(text)) == list(STATUS) and text.startswith('{\n  "schema": 1,\n')


def test_status_with_an_error_status_is_still_a_status(daemon):
    daemon.route("/v1/status", Answer({**STATUS, "state": "degraded"}, status=503))
    result = daemon.run("status")
    assert result.returncode == 2 and "lic01" in result.stdout


def test_status_without_state_is_malformed(daemon):
    daemon.route("/v1/status", {"schema": 1})
    refused(daemon.run("status"), "MALFORMED", 1)


# --- lists ---

def test_list_follows_the_cursor(daemon):
    serve_pages(daemon, "/v1/devices", ROWS)
    document = json.loads(daemon.run("device", "list", "--json").stdout)
    assert document == {"schema": 1, "items": ROWS, "next": None}
    assert [r[2] for r in daemon.requests] == [{"limit": "1000"}, {"limit": "1000", "after": "1000"},
                                               {"limit": "1000", "after": "2000"}]


def test_list_table_lines_up_over_pages(daemon):
    rows = [device(i) for i in range(1500)]
    rows[500]["hostname"] = "a-name-longer-than-the-others.example.org"
    serve_pages(daemon, "/v1/devices", rows)
    lines = daemon.run("device", "list").stdout.splitlines()
    assert len(lines) == 1501 and lines[0].startswith("DEVICE ") and "FORKED FROM" in lines[0]
    assert sum("DEVICE" in line for line in lines) == 1
    assert len({line.index("active") for line in lines[1:]}) == 1


def test_list_csv(daemon):
    rows = [device(i) for i in range(2500)]
    rows[7].update(hostname='a "quoted", name', forked_from="dev1")
    serve_pages(daemon, "/v1/devices", rows)
    text = subprocess.run([CTL, "--socket", daemon.socket, "device", "list", "--csv"], capture_output=True, timeout=60,
                          env=environment()).stdout.decode()
    assert text.count("\r\n") == 2501 and text.count("\n") == 2501
    assert text.splitlines()[8].startswith('dev00000007,"a ""quoted"", name",active,')
    got = list(csv.DictReader(io.StringIO(text, newline="")))
    assert [{k: v or None for k, v in row.items()} for row in got] == [
        {k: row.get(k) for k in ("device", "hostname", "state", "first_seen", "last_seen", "clock_skew", "forked_from")}
        for row in rows]


@pytest.mark.parametrize("limit, asked", [(1, ["1"]), (999, ["999"]), (1000, ["1000"]), (1500, ["1000", "500"]),
                                          (9000, ["1000", "1000", "1000"])])
def test_list_limit(daemon, limit, asked):
    serve_pages(daemon, "/v1/devices", ROWS)
    document = json.loads(daemon.run("device", "list", "--json", "--limit", limit).stdout)
    assert document["items"] == ROWS[:limit]
    assert document["next"] == (str(limit) if limit < len(ROWS) else None)
    assert [r[2]["limit"] for r in daemon.requests] == asked


def test_list_goes_on_after_a_cursor(daemon):
    serve_pages(daemon, "/v1/devices", ROWS)
    document = json.loads(daemon.run("device", "list", "--json", "--after", "2490", "--limit", "5").stdout)
    assert document["items"] == ROWS[2490:2495] and document["next"] == "2495"
    document = json.loads(daemon.run("device", "list", "--json", "--after", "2495").stdout)
    assert document == {"schema": 1, "items": ROWS[2495:], "next": None}


def test_cursor_is_escaped(daemon):
    daemon.route("/v1/audit", {"schema": 1, "items": [], "next": None})
    assert daemon.run("audit", "list", "--after", "a&b=c d/\u00e9").returncode == 0
    assert daemon.requests[0][2]["after"] == "a&b=c d/\u00e9"


def test_integer_cursor(daemon):
    pages = {None: ([{"seq": 1}], 1), "1": ([{"seq": 2}], None)}

    def answer(handler):
        items, after = pages[handler.query.get("after")]
        Answer({"schema": 1, "items": items, "next": after})(handler)

    daemon.route("/v1/audit", answer)
    assert json.loads(daemon.run("audit", "list", "--json").stdout)["items"] == [{"seq": 1}, {"seq": 2}]


def test_empty_list(daemon):
    daemon.route("/v1/devices", {"schema": 1, "items": [], "next": None})
    assert json.loads(daemon.run("device", "list", "--json").stdout) == {"schema": 1, "items": [], "next": None}
    assert daemon.run("device", "list").stdout == ""
    assert daemon.run("device", "list", "--csv").stdout.startswith("device,hostname,state,")


def test_list_that_fails_in_the_middle(daemon):
    def answer(handler):
        if handler.query.get("after"):
            return problem(503, "BUSY", detail="later")(handler)
        return Answer({"schema": 1, "items": ROWS[:1000], "next": "c-1"})(handler)

    daemon.route("/v1/devices", answer)
    result = daemon.run("device", "list", "--json")
    refused(result, "BUSY", 75)
    document = json.loads(result.stdout)
    assert document["items"] == ROWS[:1000] and document["next"] == "c-1" and document["error"]["code"] == "BUSY"
    result = daemon.run("device", "list", "--csv")
    refused(result, "BUSY", 75)
    assert len(result.stdout.splitlines()) == 1001


@pytest.mark.parametrize("page", [{"items": [], "next": "again"}, {"items": [device(1)], "next": ""},
                                  {"items": [device(1)], "next": {}}, {"items": [1], "next": None},
                                  {"items": {}, "next": None}, {"next": None}, {"items": [], "next": "x" * 600}])
def test_list_that_is_wrong(daemon, page):
    daemon.route("/v1/devices", {"schema": 1, **page})
    assert daemon.run("device", "list").returncode == 1
    assert len(daemon.requests) <= 2
    result = daemon.run("device", "list", "--json")
    refused(result, "MALFORMED", 1)
    assert json.loads(result.stdout)["error"]["code"] == "MALFORMED"


def test_list_with_more_than_asked_for(daemon):
    daemon.route("/v1/devices", {"schema": 1, "items": ROWS[:3], "next": None})
    refused(daemon.run("device", "list", "--limit", "2"), "MALFORMED", 1)


def test_list_of_endless_empty_pages_ends(daemon):
    count = iter(range(10**6))
    daemon.route("/v1/devices", lambda handler: Answer({"schema": 1, "items": [], "next": str(next(count))})(handler))
    refused(daemon.run("device", "list"), "MALFORMED", 1)
    assert len(daemon.requests) <= 1100


def memory_of(daemon, pages, tmp_path):
    body = json.dumps({"schema": 1, "items": ROWS[:1000], "next": "NEXT"})

    def answer(handler):
        page = int(handler.query.get("after", 0)) + 1
        Answer(body.replace('"NEXT"', f'"{page}"' if page < pages else "null").encode())(handler)

    daemon.route("/v1/devices", answer)
    code, most = peak(["--socket", daemon.socket, "device", "list"], tmp_path / "out")
    assert code == 0
    with open(tmp_path / "out", "rb") as out:
        assert sum(1 for _ in out) == pages * 1000 + 1
    return most


def test_memory_stays_flat(daemon, tmp_path):
    few = memory_of(daemon, 3, tmp_path)
    many = memory_of(daemon, 60, tmp_path)
    assert many < few * 1.2


@pytest.mark.parametrize("name, cell", [("=1+2", "'=1+2"), ("+x", "'+x"), ("-x", "'-x"), ("@SUM(A1)", "'@SUM(A1)"), ("a=b", "a=b"),
                                        ("", ""), ('=a"b', '"\'=a""b"')])
def test_csv_holds_no_formulas(daemon, name, cell):
    """What people and machines wrote; ids stay as they are."""
    serve_pages(daemon, "/v1/devices", [{**device(0), "device": "-dev", "hostname": name}])
    line = daemon.run("device", "list", "--csv").stdout.splitlines()[1]
    assert line.startswith(f"-dev,{cell},active,")


def test_activation_filters(daemon):
    row = {"device": "d1", "hostname": "pc", "product": "acme-cad", "grant": "g", "model": "volume", "user": None,
           "state": "active", "activated": "2026-11-01T00:00:00Z", "renewed": "2026-11-02T00:00:00Z",
           "expires": "2027-05-01T00:00:00Z"}
    daemon.route("/v1/activations", {"schema": 1, "items": [row], "next": None})
    result = daemon.run("activation", "list", "--product", "acme-cad", "--state", "active", "--expires-before",
                        "2027-06-01", "--csv")
    assert result.stdout == ("device,hostname,product,grant,model,user,state,activated,renewed,expires\n"
                             "d1,pc,acme-cad,g,volume,,active,2026-11-01T00:00:00Z,2026-11-02T00:00:00Z,"
                             "2027-05-01T00:00:00Z\n")
    assert daemon.requests[0][2] == {"product": "acme-cad", "state": "active", "limit": "1000",
                                     "expires_before": "2027-06-01T00:00:00Z"}
    assert re.search(r"^d1 +pc +acme-cad g +volume - +active 2026", daemon.run("activation", "list").stdout, re.M)


def test_license_list_and_show(daemon):
    daemon.route("/v1/licenses", {"schema": 1, "items": [LICENSE_ROW], "next": None})
    daemon.route("/v1/licenses/fjord", LICENSE)
    assert re.search(r'^fjord +fjord Fjord, "AS" +3 active +1 2030', daemon.run("license", "list").stdout, re.M)
    assert '"Fjord, ""AS"""' in daemon.run("license", "list", "--csv").stdout
    text = daemon.run("license", "show", "fjord").stdout
    assert re.search(r"^serial +3$", text, re.M) and re.search(r"^acme-cad Acme CAD modeler,render$", text, re.M)
    assert re.search(r"^cad-volume acme-cad volume +- +25 2030-01-01T00:00:00Z modeler,render$", text, re.M)
    daemon.route("/v1/licenses/all", {**LICENSE, "grants": [{**LICENSE["grants"][0], "plans": []}]})
    assert re.search(r"^cad-volume .* all$", daemon.run("license", "show", "all").stdout, re.M)
    assert json.loads(daemon.run("license", "show", "fjord", "--json").stdout) == LICENSE
    refused(daemon.run("license", "show", "other"), "NOT_FOUND", 1)


def test_device_show(daemon):
    daemon.route("/v1/devices/dev000", {
        "schema": 1, **device(1), "os": "linux", "agent": "0.1.0",
        "activations": [{"product": "acme-cad", "grant": "g", "model": "user", "user": "alice", "state": "active",
                         "activated": "2026-11-01T00:00:00Z", "renewed": None, "expires": None, "serial": 4}]})
    text = daemon.run("device", "show", "dev000").stdout
    assert re.search(r"^device +dev00000001$", text, re.M) and "forked from" not in text
    assert re.search(r"^acme-cad g +user +alice active 2026-11-01T00:00:00Z - +- +4$", text, re.M)


def test_ids_are_escaped(daemon):
    for name in ("../../admin", "a/b?c=d", "a b#c", "%2e%2e", ".."):
        daemon.run("device", "show", name)
        path = daemon.requests[-1][1]
        assert path.startswith("/v1/devices/") and path.count("/") == 3
        assert urllib.parse.unquote(path.rsplit("/", 1)[1]) == name and daemon.requests[-1][4] == ""
    refused(daemon.run("device", "show", ""), "USAGE", 64)


# --- the terminal ---

EVIL = "a\x1b[31m\x07\nb\u009b2Jc\x7f"


def controls(text):
    return [c for c in text if c != "\n" and (ord(c) < 32 or 127 <= ord(c) < 160)]


def test_no_control_characters(daemon):
    row = {k: EVIL for k in device(0)}
    daemon.route("/v1/devices", {"schema": 1, "items": [row], "next": None})
    daemon.route("/v1/devices/x", {"schema": 1, **row, "activations": [{"product": EVIL}]})
    daemon.route("/v1/status", {**STATUS, "host": {"name": EVIL}, "version": EVIL, "started": EVIL, "listeners": [EVIL],
                                "health": [{k: EVIL for k in HEALTH_LINE}]})
    daemon.route("/v1/doctor", {"schema": 1, "ok": False, "checks": [{k: EVIL for k in ("check", "message", "remedy")}]})
    daemon.route("/v1/host", problem(409, "EVIL" + EVIL, title=EVIL, detail=EVIL, remedy=EVIL, numbers={EVIL: EVIL}))
    daemon.route("/v1/host/request", Answer(EVIL.encode(), type="text/plain"))
    evil_error = {k: EVIL for k in ("code", "text", "remedy", "detail")}
    daemon.route("/v1/users/x", {"schema": 1, "user": EVIL, "rights": [
        {"product": EVIL, "error": evil_error, "sources": [{"group": EVIL, "via": [EVIL]}, {"source": EVIL}]}]})
    daemon.route("/v1/seats", {"schema": 1, "items": [{"holder": EVIL, "error": evil_error}], "next": None})
    daemon.route("/v1/products", {"schema": 1, "items": [{"product": EVIL, "grants": [{"grant": EVIL}]}], "next": None})
    for command in ("device list", "device list --csv", "device list --json", "device show x", "device show x --json",
                    "status", "status --json", "doctor", "doctor --json", "host show", "host show --json",
                    "host request", "user show x", "seat list", "seat list --csv", "product list", "product list --csv"):
        for locale in ("C.UTF-8", "C"):
            result = daemon.run(*command.split(), env=environment(LC_ALL=locale))
            both = (result.stdout + result.stderr).replace("\r\n", "\n")
            assert both and controls(both) == [], (command, both)
    assert json.loads(daemon.run("device", "list", "--json").stdout)["items"] == [row]
    assert "a\\x1b[31m\\x07\\x0ab\\xc2\\x9b2Jc\\x7f," in daemon.run("device", "list", "--csv").stdout


def test_colours(daemon):
    daemon.route("/v1/status", STATUS)
    args = ["--socket", daemon.socket, "status"]
    for env, coloured in (({"TERM": "xterm"}, True), ({"TERM": "xterm", "NO_COLOR": "1"}, False),
                          ({"TERM": "dumb"}, False)):
        text, code = on_terminal(args, environment(**env))
        assert code == 0 and ("\x1b[" in text) == coloured
    assert "\x1b[" not in daemon.run("status", env=environment(TERM="xterm")).stdout


def test_names_in_other_scripts(daemon):
    daemon.route("/v1/licenses", {"schema": 1, "items": [{**LICENSE_ROW, "org_name": "Fjord \u00c5lesund \u65e5\u672c"}],
                                  "next": None})
    assert "Fjord \u00c5lesund \u65e5\u672c" in daemon.run("license", "list").stdout
    assert "Fjord \u00c5lesund \u65e5\u672c" in daemon.run("license", "list", "--json").stdout


# --- standard streams ---

def test_full_disk_is_not_success(daemon):
    daemon.route("/v1/status", STATUS)
    serve_pages(daemon, "/v1/devices", ROWS)
    daemon.route("/v1/host/request", Answer(ARMOUR.format("HOST REQUEST").encode(), type="text/plain"))
    for command, code in (("status", "IO"), ("device list", "IO"), ("device list --json", "IO"),
                          ("host request", "STORE_FULL"), ("explain BUSY", "IO")):
        with open("/dev/full", "w") as full:
            result = subprocess.run([CTL, "--socket", daemon.socket, *command.split()], stdout=full,
                                    stderr=subprocess.PIPE, encoding="utf-8", timeout=60, env=environment())
        assert result.returncode not in (0, 2), command
        assert result.stderr.startswith(code + ": "), result.stderr
    # The walk ends with the first page that cannot be written.
    assert sum(r[1] == "/v1/devices" for r in daemon.requests) == 2


def test_closed_streams(daemon):
    daemon.route("/v1/status", STATUS)
    serve_pages(daemon, "/v1/devices", ROWS)

    def attempt(command, closed, **more):
        return subprocess.run(["/bin/sh", "-c", f'exec "$0" --socket "$1" {command} {closed}', CTL, daemon.socket],
                              encoding="utf-8", timeout=60, env=environment(), **more)

    for command in ("status", "device list", "device list --json"):
        for closed in (">&-", "<&- >&-"):
            result = attempt(command, closed, stderr=subprocess.PIPE)
            assert result.returncode == 1 and result.stderr.startswith("IO: "), command
    # Nothing was printed into the socket instead, and no further page was asked for.
    assert len(daemon.requests) == 6
    result = attempt("status", "<&- 2>&-", stdout=subprocess.PIPE)
    assert result.returncode == 0 and "lic01" in result.stdout


def test_reader_that_leaves_early(daemon):
    serve_pages(daemon, "/v1/devices", ROWS)
    child = subprocess.Popen([CTL, "--socket", daemon.socket, "device", "list"], stdout=subprocess.PIPE,
                             stderr=subprocess.PIPE, env=environment())
    child.stdout.readline()
    child.stdout.close()
    assert child.stderr.read() == b""
    child.stderr.close()
    child.wait(timeout=20)
