# SPDX-License-Identifier: Apache-2.0
"""An HTTP server on a Unix socket that answers as musterd's API promises, or breaks, and musterctl run against it."""
import http.server
import json
import os
import pathlib
import socket
import socketserver
import subprocess
import tempfile
import threading
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
