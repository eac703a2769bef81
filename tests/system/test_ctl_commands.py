# SPDX-License-Identifier: Apache-2.0
"""musterctl's command line and its commands: install, host, audit, doctor, config."""
import csv
import io
import json
import os
import re
import shutil
import subprocess

import pytest

from ctl_server import (
    ARMOUR, Answer, BUILD, CERTIFICATE, CTL, HOST, KEY, LICENSE, PID, REPO, environment, problem, refused, run)
from ctl_server import daemon, folder  # noqa: F401 (fixtures)

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
                 "config check [FILE]", "doctor", "explain [CODE]"):
        assert f"  {verb}" in result.stdout
    assert run("--version").stdout.startswith("musterctl ")


def test_explain_is_offline():
    text = run("explain", "busy", "--socket", "/nowhere").stdout
    assert re.search(r"^code +BUSY$", text, re.M) and re.search(r"^retry +later\b", text, re.M)
    assert re.search(r"^exit code +75$", text, re.M) and re.search(r"^number +3$", text, re.M)
    row = json.loads(run("explain", "41", "--json").stdout)
    assert row["schema"] == 1 and row["code"] == "THRESHOLD_NOT_MET" and row["number"] == 41 and row["exit"] == 1
    assert row["text"] and row["remedy"] and row["retry"] == "later" and row["http"] == 409
    for unknown in ("NO_SUCH", "9999", "4x", "", "\x1b[31m"):
        assert "\x1b" not in refused(run("explain", unknown), "NOT_FOUND", 1)


@pytest.mark.parametrize("program", ["musterctl", "muster", "muster-issuer"])
def test_explain_is_the_same_in_every_program(program):
    def explain(*args):
        return subprocess.run([str(BUILD / program), "explain", *args], capture_output=True, text=True, timeout=20)

    rows = json.loads(explain("--list", "--json").stdout)["items"]
    assert len(rows) > 60 and json.loads(explain("--json").stdout)["items"] == rows
    assert [line.split()[:2] for line in explain().stdout.splitlines()] == [[str(r["number"]), r["code"]] for r in rows]
    for row in rows:
        assert row["text"] and row["remedy"].endswith("."), row
        assert json.loads(explain(row["code"], "--json").stdout) == {**row, "schema": 1}
        assert row["remedy"] in explain(str(row["number"])).stdout
    assert "near it: THRESHOLD_NOT_MET" in explain("TRESHOLD_NOT_MET").stderr
    assert "near it: POOL_EXHAUSTED, POOL_LOW" in explain("pool").stderr
    near = explain("BUSYY", "--json")
    assert near.returncode == 1 and "near it: BUSY" in json.loads(near.stdout)["error"]["detail"]
    assert explain("BUSY", "--list").returncode == 64


def test_explain_knows_every_row_of_the_table():
    rows = re.findall(r"^ERR\((\d+), (\w+), (\w+), (\d+), (\d+), \"(.*?)\", \"(.*?)\"\)$",
                      (REPO / "protocol/errors.def").read_text(), re.M)
    assert len(rows) > 60
    for number, name, retry, status, exit_code, text, remedy in rows[::7]:
        row = json.loads(run("explain", name, "--json").stdout)
        assert row == {"schema": 1, "code": name, "number": int(number), "text": text, "remedy": remedy,
                       "retry": retry.lower(), "http": int(status), "exit": int(exit_code)}


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


def test_install_sends_what_a_vendor_signed(daemon, folder):
    for label, answer, told in (
            ("LICENSE", {**LICENSE, "kind": "license"}, "installed license fjord, serial 3"),
            ("CERTIFICATE", {**CERTIFICATE, "kind": "certificate"}, f"vendor {PID} (newly pinned"),
            ("REVOCATIONS", {"schema": 1, "kind": "revocations", "number": 7, "until": None}, "number: 7\n")):
        daemon.route("/v1/install", Answer(answer, status=201), "POST")
        text = "Dear customer,\n" + ARMOUR.format(label)
        result = daemon.run("install", write(folder, "f", text))
        assert result.returncode == 0 and told in result.stdout and "until: " not in result.stdout
        assert daemon.requests[-1][1] == "/v1/install" and daemon.requests[-1][3].decode() == text
        assert json.loads(daemon.run("install", folder + "/f", "--json").stdout) == answer
    count = len(daemon.requests)
    assert "PRODUCT" in refused(daemon.run("install", write(folder, "f", ARMOUR.format("PRODUCT"))), "WRONG_TYPE", 1)
    refused(daemon.run("install", write(folder, "f", "no block")), "ARMOUR_INVALID", 1)
    refused(daemon.run("install", write(folder, "f", "")), "ARMOUR_INVALID", 1)
    assert len(daemon.requests) == count
    daemon.route("/v1/install", problem(422, "WRONG_TYPE"), "POST")
    refused(daemon.run("install", write(folder, "f", ARMOUR.format("LOVE LETTER"))), "WRONG_TYPE", 1)


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
    daemon.route("/v1/install", Answer({**LICENSE, "kind": "license"}, status=201), "POST")
    for typ in ("muster.license", "muster.certificate", "muster.news"):
        assert daemon.run("install", write(folder, "f", bare({"typ": typ}) + "\n")).returncode == 0
        assert daemon.requests[-1][1] == "/v1/install"
    refused(daemon.run("install", write(folder, "f", bare({"typ": "muster.lease"}))), "WRONG_TYPE", 1)
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
    for route in ("/v1/host/certificate", "/v1/install"):
        daemon.route(route, Answer({**CERTIFICATE, "kind": "certificate"}, status=201), "POST")
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
