# SPDX-License-Identifier: Apache-2.0
"""musterctl's own behaviour, against an HTTP server on a Unix socket that answers as musterd's API promises, or breaks."""
import csv
import http.server
import io
import json
import os
import pathlib
import pty
import re
import select
import shutil
import socket
import socketserver
import subprocess
import tempfile
import threading
import time
import urllib.parse

import pytest

REPO = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("MUSTER_BUILD", REPO / "build"))
CTL = BUILD / "musterctl"
NOBODY = 65534

TOKEN = "v4.public.eyJ0eXAiOiJ4In0abc"
PID = "k4.pid.9ShR3xc8-qVJ_di0tc9nx0IDIqbatdeM2mqLFBJsKRHs"
KEY = "k4.public.Hrnbu7wEfAP9cGBOAHHwmH4Wsot1ciXBHwBBXQ4gsaI"


# --- documents of the API ---

STATUS = {
    "schema": 1,
    "state": "ok",
    "version": "0.1.0",
    "started": "2026-11-23T16:28:00Z",
    "uptime_s": 7443,
    "host": {"name": "lic01.example.org", "id": PID, "org": "fjord", "ledger": "AAAA"},
    "listeners": ["127.0.0.1:6878", "[::1]:6878"],
    "devices": 1204,
    "health": [],
    "products": [{"product": "acme-cad", "name": "Acme CAD", "total": None, "assigned": 0, "in_use": 25,
                  "available": None}],
    "grants": [
        {"grant": "cad-volume", "license": "fjord", "product": "acme-cad", "model": "volume", "state": "active",
         "quantity": None, "count": 24, "threshold": 25, "active": 0, "expires": "2030-01-01T00:00:00Z"},
        {"grant": "cad-pool", "license": "fjord", "product": "acme-cad", "model": "pool", "state": "expired",
         "quantity": 50, "count": 7, "threshold": None, "active": 7, "expires": "2026-01-01T00:00:00Z"},
    ],
}
HEALTH_LINE = {"code": "LICENSE_MISSING", "severity": "warning", "message": "no license is installed",
               "remedy": "Install one with 'musterctl license install FILE'."}
LICENSE_ROW = {"id": "fjord", "vendor": PID, "org": "fjord", "org_name": "Fjord, \"AS\"", "serial": 3, "state": "active",
               "not_before": "2026-01-01T00:00:00Z", "expires": "2030-01-01T00:00:00Z", "grants": 1,
               "installed": "2026-11-23T16:30:00Z"}
LICENSE = {"schema": 1, "id": "fjord", "vendor": PID, "org": "fjord", "org_name": "Fjord AS", "serial": 3,
           "state": "active", "not_before": "2026-01-01T00:00:00Z", "expires": "2030-01-01T00:00:00Z", "hosts_max": 2,
           "installed": "2026-11-23T16:30:00Z",
           "grants": [{"id": "cad-volume", "product": "acme-cad", "model": "volume", "quantity": None, "threshold": 25,
                       "expires": "2030-01-01T00:00:00Z", "plans": ["modeler", "render"]}],
           "products": [{"id": "acme-cad", "name": "Acme CAD",
                         "plans": [{"id": "modeler", "name": "Modeler"}, {"id": "render", "name": "Render"}]}]}
CERTIFICATE = {"schema": 1, "vendor": PID, "vendor_key": KEY, "org": "fjord", "license": "fjord",
               "expires": "2027-11-23T00:00:00Z", "new_vendor": True}
HOST = {"schema": 1, "name": "lic01", "id": PID, "sign": KEY, "static": "c3RhdGlj", "ledger": "AAAA",
        "certificates": [{"vendor": PID, "vendor_key": KEY, "org": "fjord", "license": "fjord", "products": ["acme-cad"],
                          "not_before": "2026-11-23T00:00:00Z", "expires": "2027-11-23T00:00:00Z", "state": "ok",
                          "id": "jti"}]}
ARMOUR = "-----BEGIN MUSTER {0}-----\n" + TOKEN + "\n-----END MUSTER {0}-----\n"


def device(number):
    return {"device": f"dev{number:08d}", "hostname": f"pc-{number}.example.org", "first_seen": "2026-11-01T00:00:00Z",
            "last_seen": "2026-11-23T00:00:00Z", "state": "active", "forked_from": None}


def problem(status, code, title="the title", **more):
    return Answer({"schema": 1, "type": "about:blank", "title": title, "status": status, "code": code, "numbers": {},
                   "remedy": "Do this.", "request_id": "r-1", **more}, status=status, type="application/problem+json")


# --- the server ---

class Answer:
    def __init__(self, body, status=200, type="application/json"):
        self.body = body if isinstance(body, bytes) else json.dumps(body, ensure_ascii=False).encode()
        self.status = status
        self.type = type

    def __call__(self, handler):
        handler.send_response(self.status)
        handler.send_header("Content-Type", self.type)
        handler.send_header("Content-Length", str(len(self.body)))
        handler.end_headers()
        handler.wfile.write(self.body)


class Raw:
    """Bytes on the wire as given, then the end of the connection."""

    def __init__(self, data):
        self.data = data

    def __call__(self, handler):
        handler.wfile.write(self.data)
        handler.wfile.flush()
        handler.close_connection = True
        handler.connection.shutdown(socket.SHUT_RDWR)


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def address_string(self):
        return "unix"

    def log_message(self, *_):
        pass

    def serve(self):
        url = urllib.parse.urlsplit(self.path)
        self.query = dict(urllib.parse.parse_qsl(url.query))
        self.body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.server.requests.append((self.command, url.path, self.query, self.body, url.query))
        route = self.server.routes.get((self.command, url.path)) or problem(404, "NOT_FOUND", detail="no such route")
        try:
            route(self)
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True

    do_GET = do_POST = serve


class Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True
    request_queue_size = 64


class Daemon:
    def __init__(self, folder):
        self.socket = os.path.join(folder, "admin.sock")
        self.server = Server(self.socket, Handler)
        self.server.routes = {}
        self.server.requests = []
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True)
        self.thread.start()

    def route(self, path, answer, method="GET"):
        self.server.routes[(method, path)] = answer if callable(answer) else Answer(answer)

    @property
    def requests(self):
        return self.server.requests

    def run(self, *args, **more):
        return run("--socket", self.socket, *args, **more)

    def stop(self):
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def folder():
    # Short: a socket's path has 107 bytes.
    with tempfile.TemporaryDirectory(prefix="ctl") as path:
        os.chmod(path, 0o755)
        yield path


@pytest.fixture
def daemon(folder):
    d = Daemon(folder)
    yield d
    d.stop()


def environment(**more):
    env = {k: v for k, v in os.environ.items() if not k.startswith("MUSTERCTL_")}
    return {**env, "LC_ALL": "C.UTF-8", **more}


def run(*args, env=None, **more):
    return subprocess.run([str(CTL), *map(str, args)], capture_output=True, timeout=60, encoding="utf-8",
                          env=env or environment(), **more)


def refused(result, code, exit_code):
    """One line with the code, one with the remedy, nothing else."""
    lines = result.stderr.splitlines()
    assert result.returncode == exit_code, result.stderr
    assert lines[0].startswith(code + ": "), result.stderr
    assert lines[1].startswith("remedy: ") and len(lines) == 2
    return lines[0]


# --- the command line ---

def test_usage_is_64():
    for line in ([], ["no-such"], ["status", "more"], ["device", "show"], ["status", "--limit", "3"],
                 ["device", "list", "--limit", "0"], ["device", "list", "--limit", "-1"],
                 ["device", "list", "--limit", "2x"], ["device", "list", "--json", "--csv"],
                 ["wait", "--until", "tomorrow"], ["wait", "--timeout", "1.5"],
                 ["activation", "list", "--expires-before", "soon"]):
        result = run(*line)
        assert result.returncode == 64, line
        assert len(result.stderr.splitlines()) == 1 and result.stdout == ""


def test_help_and_version():
    result = run("--help")
    assert result.returncode == 0
    for verb in ("status", "wait", "license install FILE", "host request", "activation list", "audit verify",
                 "config check [FILE]", "doctor", "explain CODE"):
        assert f"  {verb}" in result.stdout
    assert run("--version").stdout.startswith("musterctl ")


def test_explain_is_offline():
    text = run("explain", "busy", "--socket", "/nowhere").stdout
    assert re.search(r"^code +BUSY$", text, re.M) and re.search(r"^retry +later$", text, re.M)
    assert re.search(r"^exit code +75$", text, re.M) and re.search(r"^number +3$", text, re.M)
    row = json.loads(run("explain", "41", "--json").stdout)
    assert row["schema"] == 1 and row["code"] == "THRESHOLD_NOT_MET" and row["number"] == 41 and row["exit"] == 1
    assert row["text"] and row["remedy"] and row["retry"] == "later" and row["http"] == 409
    for unknown in ("NO_SUCH", "9999", "4x", ""):
        refused(run("explain", unknown), "NOT_FOUND", 1)


def test_explain_knows_every_row_of_the_table():
    rows = re.findall(r"^ERR\((\d+), (\w+), (\w+), (\d+), (\d+), \"(.*?)\", \"(.*?)\"\)$",
                      (REPO / "protocol/errors.def").read_text(), re.M)
    assert len(rows) > 60
    for number, name, retry, status, exit_code, text, remedy in rows[::7]:
        row = json.loads(run("explain", name, "--json").stdout)
        assert row == {"schema": 1, "code": name, "number": int(number), "text": text, "remedy": remedy,
                       "retry": retry.lower(), "http": int(status), "exit": int(exit_code)}


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
    assert re.search(r"^cad-volume +fjord +acme-cad volume active +24/25 +- +0 2030-01-01T00:00:00Z$", text, re.M)
    assert re.search(r"^cad-pool +fjord +acme-cad pool +expired +7 +50 +7 2026-01-01T00:00:00Z$", text, re.M)
    assert "! LICENSE_MISSING (warning): no license is installed\n  remedy: Install one" in text


def test_status_numbers_that_say_nothing(daemon):
    grant = {**STATUS["grants"][1], "threshold": 0}
    info = {**HEALTH_LINE, "severity": "info"}
    daemon.route("/v1/status", {**STATUS, "grants": [grant], "health": [info]})
    text = daemon.run("status").stdout
    assert re.search(r"^cad-pool +fjord +acme-cad pool +expired +7 +50", text, re.M)
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


# --- reaching the daemon ---

def test_no_socket(folder):
    line = refused(run("--socket", folder + "/none.sock", "status"), "NOT_REACHABLE", 3)
    assert folder + "/none.sock: No such file or directory" in line


def test_dead_socket(folder):
    path = folder + "/dead.sock"
    with socket.socket(socket.AF_UNIX) as s:
        s.bind(path)
    assert "Connection refused" in refused(run("--socket", path, "device", "list"), "NOT_REACHABLE", 3)


def test_socket_from_environment(daemon, folder):
    daemon.route("/v1/status", STATUS)
    env = environment(MUSTERCTL_SOCKET=daemon.socket)
    assert run("status", env=env).returncode == 0
    assert run("status", "--socket", folder + "/other", env=env).returncode == 3
    # A relative path is meant from the current folder.
    assert run("status", env=environment(MUSTERCTL_SOCKET="admin.sock"), cwd=folder).returncode == 0


def test_socket_path_that_cannot_be(folder):
    for path in ("", folder + "/" + "x" * 200):
        refused(run("--socket", path, "status"), "USAGE", 64)
        refused(run("--socket", path, "wait"), "USAGE", 64)


def test_proxies_of_the_environment_are_not_asked(daemon):
    daemon.route("/v1/status", STATUS)
    env = environment(http_proxy="http://127.0.0.1:1", ALL_PROXY="http://127.0.0.1:1")
    assert daemon.run("status", env=env).returncode == 0


def unprivileged(folder):
    """Arguments that run the program without root's rights, and a copy of it that nobody may run."""
    copy = os.path.join(folder, "musterctl")
    shutil.copy(CTL, copy)
    os.chmod(copy, 0o755)
    return [copy], {"user": NOBODY, "group": NOBODY, "extra_groups": []} if os.getuid() == 0 else {}


def test_socket_without_rights(daemon, folder):
    os.chmod(daemon.socket, 0)
    program, more = unprivileged(folder)

    def attempt(*args):
        return subprocess.run([*program, "--socket", daemon.socket, *args], capture_output=True, encoding="utf-8",
                              timeout=60, env=environment(), cwd="/", **more)

    result = attempt("status")
    assert "Permission denied" in refused(result, "NOT_PERMITTED", 77)
    assert f"--socket {folder}/status.sock status" in result.stderr
    result = attempt("device", "list", "--json")
    refused(result, "NOT_PERMITTED", 77)
    assert json.loads(result.stdout)["error"]["code"] == "NOT_PERMITTED"
    assert "status.sock" not in result.stderr


# --- broken answers ---

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"

BROKEN = {
    "garbage": (Raw(b"\x00\x01\x02 no HTTP at all\r\n\r\n"), "MALFORMED", 1),
    "closed": (Raw(b""), "CLOSED", 75),
    "head only": (Raw(HEAD), "MALFORMED", 1),
    "cut body": (Raw(HEAD + b"Content-Length: 500\r\n\r\n{\"schema\": 1, "), "CLOSED", 75),
    "cut JSON": (Answer(b'{"schema": 1, "state": "o'), "MALFORMED", 1),
    "empty": (Answer(b""), "MALFORMED", 1),
    "duplicate keys": (Answer(b'{"schema": 1, "state": "ok", "state": "ok"}'), "MALFORMED", 1),
    "not UTF-8": (Answer(b'{"schema": 1, "state": "\xff"}'), "MALFORMED", 1),
    "deep": (Answer(b'{"schema": 1, "state": ' + b"[" * 100000), "MALFORMED", 1),
    "an array": (Answer([1]), "MALFORMED", 1),
    "no schema": (Answer({"state": "ok"}), "MALFORMED", 1),
    "newer schema": (Answer({"schema": 2, "state": "ok"}), "VERSION_UNSUPPORTED", 1),
    "wrong type": (Answer(b"<html>", type="text/html"), "MALFORMED", 1),
    "no type": (Raw(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"), "MALFORMED", 1),
    "bare 500": (Answer(b"oh", status=500, type="text/plain"), "MALFORMED", 1),
    "redirect": (Raw(b"HTTP/1.1 302 Found\r\nLocation: http://localhost/v1/health\r\nContent-Length: 0\r\n\r\n"),
                 "MALFORMED", 1),
    "broken problem": (Answer(b"{", status=409, type="application/problem+json"), "MALFORMED", 1),
    "problem without code": (Answer({"schema": 1}, status=409, type="application/problem+json"), "MALFORMED", 1),
}


@pytest.mark.parametrize("kind", BROKEN)
@pytest.mark.parametrize("command", [["status"], ["host", "show"]], ids=["status", "host"])
def test_broken_answer(daemon, kind, command):
    answer, code, exit_code = BROKEN[kind]
    path = "/v1/status" if command == ["status"] else "/v1/host"
    daemon.route(path, answer)
    result = daemon.run(*command)
    refused(result, code, exit_code)
    assert result.stdout == ""
    result = daemon.run(*command, "--json")
    refused(result, code, exit_code)
    assert json.loads(result.stdout)["error"]["code"] == code
    assert ("GET", path) == daemon.requests[-1][:2]


def test_silent_server(daemon):
    daemon.route("/v1/host", lambda handler: time.sleep(30))
    start = time.monotonic()
    refused(daemon.run("host", "show"), "TIMEOUT", 75)
    assert 9 < time.monotonic() - start < 14


def test_endless_answer_is_cut_off(daemon):
    def pour(handler):
        handler.wfile.write(HEAD + b"\r\n")
        block = b" " * (1 << 20)
        for _ in range(80):
            handler.wfile.write(block)

    daemon.route("/v1/host", pour)
    refused(daemon.run("host", "show"), "TOO_LARGE", 1)


# --- refusals ---

def test_problem_maps_to_its_exit_code(daemon):
    for code, status, exit_code in (("NOT_PERMITTED", 403, 77), ("BUSY", 503, 75), ("LICENSE_ENDED", 409, 4),
                                    ("STORE_CORRUPT", 503, 78), ("INTERNAL", 500, 1)):
        daemon.route("/v1/host", problem(status, code, detail="the details"))
        result = daemon.run("host", "show", "--json")
        assert refused(result, code, exit_code).endswith(" \u2014 the details")
        error = json.loads(result.stdout)["error"]
        assert error["code"] == code and error["remedy"] == "Do this." and error["request_id"] == "r-1"
        assert error["numbers"] == {} and error["text"] and error["detail"] == "the details"


def test_detail_that_repeats_the_text_is_not_repeated(daemon):
    text = "there is no such thing"
    daemon.route("/v1/host", problem(404, "NOT_FOUND", title=text, detail=text))
    result = daemon.run("host", "show", "--json")
    assert refused(result, "NOT_FOUND", 1) == "NOT_FOUND: " + text
    assert "detail" not in json.loads(result.stdout)["error"]


def test_problem_with_numbers(daemon):
    daemon.route("/v1/licenses/x", problem(409, "THRESHOLD_NOT_MET", numbers={"have": 24, "need": 25}))
    result = daemon.run("license", "show", "x", "--json")
    assert "have 24, need 25" in refused(result, "THRESHOLD_NOT_MET", 1)
    assert json.loads(result.stdout)["error"]["numbers"] == {"have": 24, "need": 25}


def test_problem_of_a_newer_daemon(daemon):
    daemon.route("/v1/host", problem(409, "BRAND_NEW", title="something new happened"))
    assert "something new happened" in refused(daemon.run("host", "show"), "BRAND_NEW", 1)


# --- lists ---

def serve_pages(daemon, path, rows):
    """Pages as the API gives them: at most 1000 rows, the cursor is the index of the next row."""

    def answer(handler):
        limit = int(handler.query.get("limit", 100))
        start = int(handler.query.get("after", 0))
        if not 1 <= limit <= 1000:
            return problem(400, "BAD_REQUEST")(handler)
        end = start + limit
        return Answer({"schema": 1, "items": rows[start:end], "next": str(end) if end < len(rows) else None})(handler)

    daemon.route(path, answer)


ROWS = [device(i) for i in range(2500)]


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
        {k: row[k] for k in ("device", "hostname", "state", "first_seen", "last_seen", "forked_from")} for row in rows]


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
    # A sanitizer would keep freed memory back.
    env = environment(ASAN_OPTIONS=os.environ.get("ASAN_OPTIONS", "") + ":quarantine_size_mb=1")
    with open(tmp_path / "out", "wb") as out:
        child = subprocess.Popen([CTL, "--socket", daemon.socket, "device", "list"], stdout=out, env=env)
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
    assert child.returncode == 0
    with open(tmp_path / "out", "rb") as out:
        assert sum(1 for _ in out) == pages * 1000 + 1
    return usage.ru_maxrss


def test_memory_stays_flat(daemon, tmp_path):
    few = memory_of(daemon, 3, tmp_path)
    many = memory_of(daemon, 60, tmp_path)
    assert many < few * 1.2


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
        "activations": [{"product": "acme-cad", "grant": "g", "model": "volume", "state": "active",
                         "activated": "2026-11-01T00:00:00Z", "renewed": None, "expires": None, "serial": 4}]})
    text = daemon.run("device", "show", "dev000").stdout
    assert re.search(r"^device +dev00000001$", text, re.M) and "forked from" not in text
    assert re.search(r"^acme-cad g +volume active 2026-11-01T00:00:00Z - +- +4$", text, re.M)


def test_ids_are_escaped(daemon):
    for name in ("../../admin", "a/b?c=d", "a b#c", "%2e%2e", ".."):
        daemon.run("device", "show", name)
        path = daemon.requests[-1][1]
        assert path.startswith("/v1/devices/") and path.count("/") == 3
        assert urllib.parse.unquote(path.rsplit("/", 1)[1]) == name and daemon.requests[-1][4] == ""
    refused(daemon.run("device", "show", ""), "USAGE", 64)


# --- installing ---

def write(folder, name, text):
    path = os.path.join(folder, name)
    with open(path, "w", encoding="utf-8") as f:
        f.write(text)
    return path


def test_license_install(daemon, folder):
    daemon.route("/v1/licenses", Answer(LICENSE, status=201), "POST")
    text = ARMOUR.format("LICENSE")
    path = write(folder, "a.license", text)
    result = daemon.run("license", "install", path)
    assert result.returncode == 0
    assert "installed license fjord, serial 3, for fjord, until 2030-01-01T00:00:00Z" in result.stdout
    assert "cad-volume" in result.stdout
    assert daemon.requests[0][0] == "POST" and daemon.requests[0][3].decode() == text
    assert json.loads(daemon.run("license", "install", path, "--json").stdout) == LICENSE
    assert daemon.run("license", "install", "-", input=text).returncode == 0
    assert daemon.requests[-1][3].decode() == text


def test_large_license(daemon, folder):
    daemon.route("/v1/licenses", Answer(LICENSE, status=201), "POST")
    limit = 262144
    assert daemon.run("license", "install", write(folder, "most", "x" * limit)).returncode == 0
    assert len(daemon.requests[0][3]) == limit
    refused(daemon.run("license", "install", write(folder, "more", "x" * (limit + 1))), "TOO_LARGE", 1)
    assert len(daemon.requests) == 1


def test_file_that_cannot_be_read(daemon, folder):
    line = refused(daemon.run("license", "install", folder + "/none"), "IO", 1)
    assert folder + "/none: No such file or directory" in line
    assert "Is a directory" in refused(daemon.run("host", "install", folder), "IO", 1)
    assert daemon.requests == []


def test_path_that_is_not_utf8_is_told_in_json(daemon, folder):
    result = subprocess.run([os.fsencode(CTL), b"--socket", os.fsencode(daemon.socket), b"--json", b"install",
                             os.fsencode(folder) + b"/\xff\x1b[31m"], capture_output=True, timeout=60,
                            env=environment())
    assert result.returncode == 1 and b"\\xff\\x1b[31m" in result.stderr and b"\x1b" not in result.stderr
    assert json.loads(result.stdout)["error"]["code"] == "IO"


def test_install_by_label(daemon, folder):
    daemon.route("/v1/licenses", Answer(LICENSE, status=201), "POST")
    daemon.route("/v1/host/certificate", Answer(CERTIFICATE, status=201), "POST")
    for label, path in (("LICENSE", "/v1/licenses"), ("CERTIFICATE", "/v1/host/certificate")):
        text = "Dear customer,\n" + ARMOUR.format(label)
        assert daemon.run("install", write(folder, "f", text)).returncode == 0
        assert daemon.requests[-1][1] == path and daemon.requests[-1][3].decode() == text
    count = len(daemon.requests)
    assert "PRODUCT" in refused(daemon.run("install", write(folder, "f", ARMOUR.format("PRODUCT"))), "WRONG_TYPE", 1)
    refused(daemon.run("install", write(folder, "f", ARMOUR.format("LOVE LETTER"))), "WRONG_TYPE", 1)
    refused(daemon.run("install", write(folder, "f", "no block")), "ARMOUR_INVALID", 1)
    refused(daemon.run("install", write(folder, "f", "")), "ARMOUR_INVALID", 1)
    assert len(daemon.requests) == count


def test_file_for_another_command(daemon, folder):
    daemon.route("/v1/licenses", Answer(LICENSE, status=201), "POST")
    daemon.route("/v1/host/certificate", Answer(CERTIFICATE, status=201), "POST")
    for command, own, other, typ in (("license install", "LICENSE", "CERTIFICATE", "muster.certificate"),
                                     ("host install", "CERTIFICATE", "LICENSE", "muster.license")):
        count = len(daemon.requests)
        for text in (ARMOUR.format(other), bare({"typ": typ})):
            line = refused(daemon.run(*command.split(), write(folder, "f", text)), "WRONG_TYPE", 1)
            assert f"holds a {other}; this command takes a {own}" in line
        assert len(daemon.requests) == count
        # A letter with both, or something that only the daemon can judge, goes to the daemon.
        for text in (ARMOUR.format(other) + ARMOUR.format(own), ARMOUR.format("NEWS"), "what is this?"):
            assert daemon.run(*command.split(), write(folder, "f", text)).returncode == 0
            assert daemon.requests[-1][3].decode() == text


def bare(claims):
    import base64
    body = json.dumps(claims).encode() + bytes(64)
    return "v4.public." + base64.urlsafe_b64encode(body).decode().rstrip("=")


def test_install_of_bare_tokens(daemon, folder):
    daemon.route("/v1/licenses", Answer(LICENSE, status=201), "POST")
    daemon.route("/v1/host/certificate", Answer(CERTIFICATE, status=201), "POST")
    for typ, path in (("muster.license", "/v1/licenses"), ("muster.certificate", "/v1/host/certificate")):
        assert daemon.run("install", write(folder, "f", bare({"typ": typ}) + "\n")).returncode == 0
        assert daemon.requests[-1][1] == path
    refused(daemon.run("install", write(folder, "f", bare({"typ": "muster.lease"}))), "WRONG_TYPE", 1)
    refused(daemon.run("install", write(folder, "f", bare({"typ": 1}))), "WRONG_TYPE", 1)
    refused(daemon.run("install", write(folder, "f", bare([]))), "ARMOUR_INVALID", 1)
    refused(daemon.run("install", write(folder, "f", "v4.public.%%%")), "ARMOUR_INVALID", 1)


def test_host_install_shows_the_fingerprint(daemon, folder):
    path = write(folder, "c", ARMOUR.format("CERTIFICATE"))
    daemon.route("/v1/host/certificate", Answer(CERTIFICATE, status=201), "POST")
    text = daemon.run("host", "install", path).stdout
    assert f"vendor {PID} (newly pinned" in text and "for fjord" in text
    assert daemon.requests[0][2] == {}
    daemon.route("/v1/host/certificate", Answer({**CERTIFICATE, "new_vendor": False}, status=201), "POST")
    assert f"vendor {PID} (known)" in daemon.run("host", "install", path).stdout


def test_host_install_with_a_vendor_key(daemon, folder):
    path = write(folder, "c", ARMOUR.format("CERTIFICATE"))
    daemon.route("/v1/host/certificate", Answer(CERTIFICATE, status=201), "POST")
    key_file = write(folder, "vendor.pub", "\n  " + KEY + "\n")
    for command in ("host install", "install"):
        for key in (KEY, key_file):
            assert daemon.run(*command.split(), path, "--vendor-key", key).returncode == 0
            assert daemon.requests[-1][2] == {"vendor_key": KEY}
    count = len(daemon.requests)
    for wrong in ("k4.public.short", KEY + "A", KEY[:-1] + "&", write(folder, "bad", "k4.secret.abc"),
                  write(folder, "empty", "")):
        refused(daemon.run("host", "install", path, "--vendor-key", wrong), "KEY_INVALID", 1)
    refused(daemon.run("host", "install", path, "--vendor-key", folder + "/none"), "IO", 1)
    assert len(daemon.requests) == count


# --- the host ---

def test_host_request(daemon, folder):
    text = ARMOUR.format("HOST REQUEST")
    daemon.route("/v1/host/request", Answer(text.encode(), type="text/plain; charset=utf-8"))
    result = daemon.run("host", "request")
    assert result.returncode == 0 and result.stdout == text
    out = os.path.join(folder, "host.request")
    result = daemon.run("host", "request", "-o", out)
    assert result.returncode == 0 and result.stdout == "" and open(out).read() == text
    assert sorted(os.listdir(folder)) == ["admin.sock", "host.request"]
    assert json.loads(daemon.run("host", "request", "--json").stdout) == {"schema": 1, "request": text}
    assert daemon.run("host", "request", "-o", folder + "/none/x").returncode == 73


@pytest.mark.parametrize("body", [b"", b"hello", ARMOUR.format("LICENSE").encode(),
                                  b"-----BEGIN MUSTER HOST REQUEST-----\nv4.public.\x1b[31m\n"
                                  b"-----END MUSTER HOST REQUEST-----\n"])
def test_host_request_that_is_none(daemon, folder, body):
    daemon.route("/v1/host/request", Answer(body, type="text/plain"))
    out = os.path.join(folder, "host.request")
    result = daemon.run("host", "request", "-o", out)
    assert result.returncode == 1 and not os.path.exists(out)
    result = daemon.run("host", "request")
    assert result.returncode == 1 and result.stdout == "" and "\x1b" not in result.stderr


def test_host_show(daemon):
    daemon.route("/v1/host", HOST)
    text = daemon.run("host", "show").stdout
    assert re.search(rf"^signing key +{re.escape(KEY)}$", text, re.M)
    assert re.search(rf"^{re.escape(PID)} fjord fjord +acme-cad ok +2026-11-23T00:00:00Z 2027", text, re.M)
    assert json.loads(daemon.run("host", "show", "--json").stdout) == HOST


# --- audit, doctor, config ---

def test_audit_list(daemon):
    row = {"seq": 1, "at": "2026-11-23T16:28:00Z", "actor": "uid:0", "action": "license.install", "object": "fjord",
           "detail": {"serial": 3, "note": "n" * 3000}, "hash": "abc"}
    daemon.route("/v1/audit", {"schema": 1, "items": [row], "next": None})
    assert re.search(r"^ +1 2026-11-23T16:28:00Z uid:0 license.install fjord +\{", daemon.run("audit", "list").stdout,
                     re.M)
    got = next(csv.DictReader(io.StringIO(daemon.run("audit", "list", "--csv").stdout)))
    assert json.loads(got["detail"]) == row["detail"] and got["hash"] == "abc" and got["seq"] == "1"


def test_audit_verify(daemon):
    daemon.route("/v1/audit/verify", {"schema": 1, "rows": 42, "ok": True})
    result = daemon.run("audit", "verify")
    assert result.returncode == 0 and "42" in result.stdout and result.stderr == ""
    broken = {"schema": 1, "rows": 42, "ok": False, "bad_seq": 17,
              "error": {"code": "AUDIT_BROKEN", "text": "broken", "remedy": "look"}}
    for status in (200, 500):
        daemon.route("/v1/audit/verify", Answer(broken, status=status))
        assert "row 17" in refused(daemon.run("audit", "verify"), "AUDIT_BROKEN", 1)
        result = daemon.run("audit", "verify", "--json")
        assert result.returncode == 1 and json.loads(result.stdout) == broken
    daemon.route("/v1/audit/verify", {"schema": 1, "rows": 42})
    refused(daemon.run("audit", "verify"), "MALFORMED", 1)


def check(ok, severity="warning"):
    return {"check": "counts", "ok": ok, "severity": severity, "message": "the counts", "remedy": "Recount."}


@pytest.mark.parametrize("checks, ok, code", [
    ([check(True, "error")], True, 0), ([check(True), check(False)], False, 2),
    ([check(False), check(False, "error")], False, 1), ([check(False)], True, 2), ([check(True)], False, 2)])
def test_doctor(daemon, checks, ok, code):
    document = {"schema": 1, "ok": ok, "checks": checks}
    daemon.route("/v1/doctor", document)
    result = daemon.run("doctor")
    assert result.returncode == code
    assert ("remedy: Recount." in result.stdout) == any(not c["ok"] for c in checks)
    result = daemon.run("doctor", "--json")
    assert result.returncode == code and json.loads(result.stdout) == document


def test_config_show(daemon):
    row = {"section": "server", "key": "listen", "value": ["127.0.0.1:6878"], "default": "[::]:6878", "source": "file",
           "file": "musterd.conf", "line": 2, "reload": False}
    daemon.route("/v1/config", {"schema": 1, "items": [row]})
    text = daemon.run("config", "show").stdout
    assert re.search(r"^server +listen 127\.0\.0\.1:6878 \[::\]:6878 file +musterd\.conf +2 no$", text, re.M)
    assert daemon.requests[0][2] == {}
    assert json.loads(daemon.run("config", "show", "--json").stdout)["items"] == [row]
    assert daemon.run("config", "show", "--csv").stdout.splitlines()[1] == (
        "server,listen,127.0.0.1:6878,[::]:6878,file,musterd.conf,2,false")


def fake_musterd(path, exit_code):
    path.write_text(f'#!/bin/sh\necho "asked: $*"\nexit {exit_code}\n')
    path.chmod(0o755)


@pytest.mark.parametrize("exit_code", [0, 78])
def test_config_check_passes_the_exit_code_on(tmp_path, exit_code):
    for place in ("bin", "other"):
        (tmp_path / place).mkdir()
    own = shutil.copy(CTL, tmp_path / "bin")
    fake_musterd(tmp_path / "other" / "musterd", exit_code)
    env = environment(PATH=f"{tmp_path}/other:/usr/bin:/bin")
    ask = [own, "config", "check"]

    def attempt(*more):
        return subprocess.run([*ask, *more], capture_output=True, encoding="utf-8", timeout=60, env=env)

    result = attempt("a file")
    assert result.returncode == exit_code and result.stdout == "asked: --check-config --config a file\n"
    assert attempt().stdout == "asked: --check-config\n"
    result = attempt("x", "--json")
    assert result.returncode == exit_code and "asked: " in result.stderr
    assert json.loads(result.stdout) == {"schema": 1, "ok": exit_code == 0, "exit": exit_code}
    # The one beside musterctl goes first.
    fake_musterd(tmp_path / "bin" / "musterd", 5)
    assert attempt("x").returncode == 5
    (tmp_path / "bin" / "musterd").unlink()
    (tmp_path / "other" / "musterd").unlink()
    env = environment(PATH=str(tmp_path / "other"))
    refused(attempt("x"), "NOT_FOUND", 1)
    refused(attempt("x", "--json"), "NOT_FOUND", 1)


# --- wait ---

@pytest.mark.parametrize("answer", [Answer({"schema": 1, "state": "ok"}), problem(503, "STOPPING"),
                                    Answer({"schema": 1, "state": "degraded"}, status=503),
                                    Answer(b"?", status=404, type="text/plain")])
def test_wait_takes_any_answer(daemon, answer):
    daemon.route("/v1/health", answer)
    result = daemon.run("wait", "--until", "ready", "--timeout", "5")
    assert result.returncode == 0 and result.stdout == "ready\n"
    document = json.loads(daemon.run("wait", "--json").stdout)
    assert document["ready"] is True and document["schema"] == 1


def test_wait_times_out(folder):
    start = time.monotonic()
    result = run("--socket", folder + "/none", "wait", "--timeout", "1")
    assert 0.9 < time.monotonic() - start < 3
    assert result.returncode == 75 and len(result.stderr.splitlines()) == 1
    assert result.stderr.startswith("TIMEOUT: not ready within 1 s: ") and "No such file" in result.stderr
    result = run("--socket", folder + "/none", "wait", "--timeout", "0", "--json")
    assert result.returncode == 75 and json.loads(result.stdout)["error"]["code"] == "TIMEOUT"


def test_wait_sees_the_daemon_come_up(folder):
    child = subprocess.Popen([CTL, "--socket", folder + "/admin.sock", "wait", "--timeout", "20"],
                             stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment())
    time.sleep(0.5)
    # A socket that is bound but does not listen yet, as at the start of a daemon.
    with socket.socket(socket.AF_UNIX) as early:
        early.bind(folder + "/admin.sock")
        time.sleep(0.3)
    assert child.poll() is None
    os.unlink(folder + "/admin.sock")
    daemon = Daemon(folder)
    try:
        daemon.route("/v1/health", {"schema": 1, "state": "unlicensed", "health": []})
        out, _ = child.communicate(timeout=10)
        assert child.returncode == 0 and out == b"ready\n"
    finally:
        daemon.stop()


def test_wait_ends_in_time_when_nobody_answers(daemon):
    daemon.route("/v1/health", lambda handler: time.sleep(30))
    start = time.monotonic()
    assert daemon.run("wait", "--timeout", "1").returncode == 75
    assert time.monotonic() - start < 3
    daemon.route("/v1/health", Raw(b""))
    assert daemon.run("wait", "--timeout", "1").returncode == 75


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
    for command in ("device list", "device list --csv", "device list --json", "device show x", "device show x --json",
                    "status", "status --json", "doctor", "doctor --json", "host show", "host show --json",
                    "host request"):
        for locale in ("C.UTF-8", "C"):
            result = daemon.run(*command.split(), env=environment(LC_ALL=locale))
            both = (result.stdout + result.stderr).replace("\r\n", "\n")
            assert both and controls(both) == [], (command, both)
    assert json.loads(daemon.run("device", "list", "--json").stdout)["items"] == [row]
    assert "a\\x1b[31m\\x07\\x0ab\\xc2\\x9b2Jc\\x7f," in daemon.run("device", "list", "--csv").stdout


def on_terminal(args, env):
    """What the program writes to a terminal of 80 columns."""
    master, slave = pty.openpty()
    child = subprocess.Popen([str(CTL), *args], stdout=slave, stderr=slave, stdin=slave, env=env)
    os.close(slave)
    out = b""
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        if select.select([master], [], [], 0.1)[0]:
            try:
                block = os.read(master, 65536)
            except OSError:
                break
            if not block:
                break
            out += block
    os.close(master)
    assert child.wait(timeout=10) == 0
    return out.decode()


def test_colours(daemon):
    daemon.route("/v1/status", STATUS)
    args = ["--socket", daemon.socket, "status"]
    assert "\x1b[" in on_terminal(args, environment(TERM="xterm"))
    assert "\x1b[" not in on_terminal(args, environment(TERM="xterm", NO_COLOR="1"))
    assert "\x1b[" not in on_terminal(args, environment(TERM="dumb"))
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
