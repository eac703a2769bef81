# SPDX-License-Identifier: Apache-2.0
"""An HTTP server on a Unix socket that answers as musterd's API promises, or breaks, and musterctl run against it."""
import http.server
import json
import os
import pathlib
import pty
import select
import socket
import socketserver
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse

import pytest

REPO = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("MUSTER_BUILD", REPO / "build"))
CTL = BUILD / "musterctl"

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
        self.wrong = []
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
    assert d.wrong == []


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


# --- changes ---

TEXT, FLAG, NUMBER, TEXTS = "text", "flag", "number", "texts"
SUBJECT = {"user", "group", "device", "device_group"}

# What each kind of change must have, may have, and has exactly one of.
CHANGES = {
    "user.add": ({"user": TEXT}, {"name": TEXT, "guest": FLAG, "groups": TEXTS}, set()),
    "user.remove": ({"user": TEXT}, {}, set()),
    "signin.code": ({"user": TEXT}, {}, set()),
    "group.add": ({"group": TEXT, "kind": TEXT}, {"pattern": TEXT}, set()),
    "group.remove": ({"group": TEXT, "kind": TEXT}, {"force": FLAG}, set()),
    "member.add": ({"group": TEXT, "kind": TEXT}, {}, {"user", "device", "member"}),
    "member.remove": ({"group": TEXT, "kind": TEXT}, {}, {"user", "device", "member"}),
    "assign": ({"product": TEXT}, {"plans": TEXTS, "grant": TEXT}, SUBJECT),
    "unassign": ({"product": TEXT}, {"grant": TEXT}, SUBJECT),
    "replace": ({"product": TEXT, "with": TEXT}, {"plans": TEXTS, "grant": TEXT}, SUBJECT),
    **{"device." + verb: ({"device": TEXT}, {}, set())
       for verb in ("block", "unblock", "approve", "mark_shared", "unmark_shared", "forget")},
    "activation.release": ({"device": TEXT}, {"product": TEXT, "user": TEXT}, set()),
    "enrol_key.add": ({"group": TEXT}, {"uses": NUMBER, "days": NUMBER}, set()),
    "enrol_key.remove": ({"id": TEXT}, {}, set()),
    "proposal.confirm": ({"group": TEXT, "device": TEXT}, {}, set()),
    "subscription.cancel": ({"grant": TEXT}, {"license": TEXT}, set()),
    "subscription.takeover": ({"grant": TEXT}, {"license": TEXT}, set()),
    "subscription.reactivate": ({"grant": TEXT}, {"license": TEXT, "key": TEXT}, set()),
    "subscription.redeem": ({"key": TEXT}, {"product": TEXT}, set()),
}


def is_of(value, kind):
    if kind == TEXT:
        return isinstance(value, str) and value != ""
    if kind == FLAG:
        return value is True
    if kind == NUMBER:
        return isinstance(value, int) and value > 0
    return isinstance(value, list) and value != [] and all(is_of(v, TEXT) for v in value)


def change_problem(change):
    """What is wrong with one change, or None."""
    if change.get("do") not in CHANGES:
        return f"no such change: {change}"
    needed, allowed, one_of = CHANGES[change["do"]]
    kinds = {**needed, **allowed, **{key: TEXT for key in one_of}}
    for key, value in change.items():
        if key != "do" and (key not in kinds or not is_of(value, kinds[key])):
            return f"{key} in {change}"
    if needed.keys() - change.keys():
        return f"lacks {needed.keys() - change.keys()}: {change}"
    if one_of and len(one_of & change.keys()) != 1:
        return f"not one of {one_of}: {change}"
    if change.get("kind", "users") not in ("users", "devices"):
        return f"kind: {change}"
    return None


def request_problem(handler):
    try:
        body = json.loads(handler.body.decode())
    except ValueError:
        return "no JSON"
    if handler.headers.get("Content-Type") != "application/json" or handler.query:
        return "type or query"
    if set(body) != {"dry_run", "confirm", "changes"} or not all(
            isinstance(body[key], bool) for key in ("dry_run", "confirm")):
        return f"members: {sorted(body)}"
    if not body["changes"]:
        return "no changes"
    return next(filter(None, map(change_problem, body["changes"])), None)


def error(code, **more):
    return {"code": code, "text": "the text", "remedy": "Do that.", "numbers": {}, **more}


class Changes:
    """POST /v1/changes as the API has it: strict, every row done but those that refuse() has an error for."""

    def __init__(self, daemon, refuse=lambda change: None, more=lambda change: {}, effect=(), guard=None):
        self.daemon, self.refuse, self.more, self.effect, self.guard = daemon, refuse, more, effect, guard
        self.bodies = []
        daemon.route("/v1/changes", self, "POST")

    def __call__(self, handler):
        wrong = request_problem(handler)
        if wrong:
            self.daemon.wrong.append(wrong)
            return problem(400, "BAD_REQUEST", detail=wrong)(handler)
        body = json.loads(handler.body)
        self.bodies.append(body)
        if self.guard and not body["confirm"] and not body["dry_run"]:
            return self.guard(handler)
        items = []
        for change in body["changes"]:
            refusal = self.refuse(change)
            items.append({**change, "ok": refusal is None, **({"error": refusal} if refusal else self.more(change))})
        return Answer({"schema": 1, "dry_run": body["dry_run"], "items": items, "effect": list(self.effect)})(handler)

    @property
    def rows(self):
        """The changes of the only request so far."""
        assert len(self.bodies) == 1
        return self.bodies[0]["changes"]


# --- memory ---

# A process counts the pages of whoever forked it, too: a small one forks it here.
LAUNCHER = """
import os, sys
out = [(os.POSIX_SPAWN_OPEN, 1, sys.argv[1], os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)]
pid = os.posix_spawn(sys.argv[2], sys.argv[2:], os.environ, file_actions=out)
_, status, usage = os.wait4(pid, 0)
print(os.waitstatus_to_exitcode(status), usage.ru_maxrss)
"""


def peak(args, out):
    """The exit code of the program, and the most memory that it held, in KiB; its output goes to a file."""
    # A sanitizer would keep freed memory back.
    env = environment(ASAN_OPTIONS=os.environ.get("ASAN_OPTIONS", "") + ":quarantine_size_mb=1")
    done = subprocess.run([sys.executable, "-S", "-c", LAUNCHER, out, str(CTL), *map(str, args)], capture_output=True,
                          timeout=120, env=env, encoding="utf-8", check=True)
    return tuple(map(int, done.stdout.split()))


# --- a terminal ---

def on_terminal(args, env, say=b""):
    """What the program writes to a terminal, and its exit code; say is typed at the start."""
    master, slave = pty.openpty()
    child = subprocess.Popen([str(CTL), *map(str, args)], stdout=slave, stderr=slave, stdin=slave, env=env)
    os.close(slave)
    os.write(master, say)
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
    return out.decode(), child.wait(timeout=10)
