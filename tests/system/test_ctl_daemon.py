# SPDX-License-Identifier: Apache-2.0
"""musterctl and a daemon that cannot be reached, answers nonsense, refuses, or comes up late."""
import json
import os
import pathlib
import shutil
import socket
import subprocess
import time

import pytest

from ctl_server import Answer, CTL, Daemon, Raw, STATUS, environment, problem, refused, run
from ctl_server import daemon, folder  # noqa: F401 (fixtures)

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


NOBODY = 65534


def unprivileged(folder):
    """Arguments that run the program without root's rights, and a copy of it that nobody may run."""
    copy = os.path.join(folder, "musterctl")
    shutil.copy(CTL, copy)
    os.chmod(copy, 0o755)
    return [copy], {"user": NOBODY, "group": NOBODY, "extra_groups": []} if os.getuid() == 0 else {}


def test_socket_without_rights(daemon, folder):
    os.chmod(daemon.socket, 0)
    program, more = unprivileged(folder)
    counts = pathlib.Path(folder, "counts")  # of an instrumented program
    counts.mkdir()
    counts.chmod(0o777)

    def attempt(*args):
        return subprocess.run([*program, "--socket", daemon.socket, *args], capture_output=True, encoding="utf-8",
                              timeout=60, env=environment() | {"GCOV_PREFIX": str(counts)}, cwd="/", **more)

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
    assert result.returncode == 75 and "remedy: Start musterd" in result.stderr
    assert result.stderr.startswith("TIMEOUT: ") and "not ready within 1 s: " in result.stderr and "No such file" in result.stderr
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
    # A host that does not answer has no status to be looked at, whatever is waited for.
    daemon.route("/v1/status", lambda handler: time.sleep(30))
    said = daemon.run("wait", "--until", "ok", "--timeout", "1").stderr
    assert "(TIMEOUT)" in said and "remedy: Start musterd" in said
