# SPDX-License-Identifier: Apache-2.0
"""One id leads from a user's screen to the host; slow requests, metrics, health of the host itself."""
import json
import os
import re
import socket
import sqlite3
import subprocess

import pytest

from harness import BUILD, PRODUCT, ROOT, Clock, Machine, needs_faketime, run, wait_for

ROOT_ONLY = pytest.mark.skipif(os.geteuid() != 0, reason="needs root for mounts")


def number(host, name):
    """Value of a metric without labels."""
    return float(re.search(rf"^{re.escape(name)} (\S+)$", host.metrics(), re.M).group(1))


def health(host):
    return {row["code"]: row for row in host.status()["health"]}


def log_lines(host, text):
    return [line for line in host.log.read_text().splitlines() if text in line]


def machine(folder, host, vendor, name="pc"):
    return Machine(folder, name, vendor.products, "--host", f"127.0.0.1:{host.port}")


# --- one id ---

def test_from_the_users_screen_to_the_hosts_line(hosts, folder, vendor):
    host = hosts().start()
    host.install(vendor, threshold=2)
    pc = machine(folder, host, vendor)
    shown = pc("activate", PRODUCT)
    request = re.search("^reference: ([0-9a-f]{16})$", shown.stderr, re.M).group(1)
    lines = log_lines(host, request)
    assert len(lines) == 1 and "code=THRESHOLD_NOT_MET" in lines[0], host.log.read_text()
    assert f"device={pc.id}" in lines[0] and f"product={PRODUCT}" in lines[0]
    # It is in what is kept, too: somebody else may look at it later.
    assert pc.status()["last_error"]["correlation"] == request
    assert f"reference: {request}" in pc("status", PRODUCT).stdout
    error = pc.refused("THRESHOLD_NOT_MET", "activate", PRODUCT)
    assert error["correlation"] != request and len(log_lines(host, error["correlation"])) == 1


def test_the_audit_log_has_the_same_id(hosts, folder, vendor):
    host = hosts().start()
    host.install(vendor)
    pc = machine(folder, host, vendor)
    pc.done("activate", PRODUCT)
    line = log_lines(host, "musterd: info: granted ")[0]
    request = re.search("request=([0-9a-f]{16})", line).group(1)
    rows = [row for row in host.items("audit", "list") if request in json.dumps(row)]
    assert [row["action"] for row in rows] == ["activation.granted"]


def test_a_refusal_at_the_api_has_a_line(hosts):
    """Whether the lane refuses it or the API itself, and a list of changes once."""
    host = hosts().start()
    remove = {"do": "user.remove", "user": "nobody@x"}
    status, answer = host.api("POST", "/v1/changes", {"changes": [remove, {"do": "user.add", "user": "ann"}, remove]})
    assert status == 200 and [item["ok"] for item in answer["items"]] == [False, True, False]
    line, = log_lines(host, "operation=user.remove")
    assert "request refused" in line and "code=NOT_FOUND" in line and f"actor=uid:{os.getuid()}" in line and "count=2" in line
    for method, path, code in (("POST", "/v1/install", "ARMOUR_INVALID"), ("GET", "/v1/users/nobody", "NOT_FOUND")):
        status, problem = host.api(method, path, None)
        assert status >= 400 and problem["code"] == code
        line, = log_lines(host, problem["request_id"])
        assert f"code={code}" in line and f"{method} {path}" in line


# --- slow requests ---

def test_slow_requests_say_where_the_time_went(hosts, folder, vendor):
    host = hosts("[log]\nslow_request_ms = 1\n").start()
    host.install(vendor)  # certificates and licenses take more than a millisecond to verify and sync
    line = wait_for(lambda: log_lines(host, " operation=install "), what="a slow request")[0]
    parts = re.search(r"request=[0-9a-f]{16} .*duration_us=(\d+) queue_us=(\d+) store_us=(\d+) signing_us=(\d+)", line)
    whole, *rest = map(int, parts.groups())
    assert whole == sum(rest) and "slow request" in line
    assert number(host, "muster_slow_requests_total") >= 1
    host.extra = "[log]\nslow_request_ms = 0\n"
    host.write_config()
    host.process.send_signal(1)
    wait_for(lambda: "configuration reloaded" in host.log.read_text())
    before = number(host, "muster_slow_requests_total")
    machine(folder, host, vendor).done("activate", PRODUCT)
    assert number(host, "muster_slow_requests_total") == before


# --- metrics ---

def test_durations_add_up(hosts, folder, vendor):
    host = hosts().start()
    host.install(vendor)
    for name in range(3):
        machine(folder, host, vendor, name).done("activate", PRODUCT)
    text = host.metrics()
    label = 'operation="activate"'
    assert f"muster_request_duration_seconds_count{{{label}}} 3\n" in text
    counts = [int(n) for n in re.findall(rf'muster_request_duration_seconds_bucket{{{label},le="[^"]+"}} (\d+)', text)]
    assert counts == sorted(counts) and counts[-1] == 3 and len(counts) == 14
    assert number(host, "muster_store_transaction_duration_seconds_count") == number(host, "muster_store_batches_total")
    wait_for(lambda: number(host, "muster_loop_lag_seconds_count") > 0)  # it is measured once a second
    assert number(host, "process_resident_memory_bytes") > 1e6
    assert 0 < number(host, "process_open_fds") < number(host, "process_max_fds")
    assert number(host, "muster_store_size_bytes") >= 1024
    assert number(host, "muster_last_contact_timestamp_seconds") >= number(host, "muster_start_time_seconds")
    assert number(host, "muster_config_last_reload_successful") == 1
    assert number(host, "muster_worker_queue_length") == 0


def test_requests_at_the_sockets_are_counted_by_class(hosts):
    host = hosts().start()
    host.api("GET", "/v1/nothing")
    text = host.metrics()
    assert 'muster_http_requests_total{class="4xx"} 1' in text
    assert 'muster_http_requests_total{class="5xx"} 0' in text


def test_a_refused_reload_shows(hosts):
    host = hosts().start()
    host.extra = "[policy]\nrenew_minutes = never\n"
    host.write_config()
    host.process.send_signal(1)
    wait_for(lambda: "not reloaded" in host.log.read_text())
    assert number(host, "muster_config_last_reload_successful") == 0


# --- health of the host ---

def test_backups(hosts, folder, vendor):
    host = hosts().start()
    assert "BACKUP_OLD" not in health(host)  # nothing to save yet
    host.install(vendor)
    assert "BACKUP_OLD" not in health(host)  # not today


@needs_faketime
def test_backups_that_are_missing_or_old(hosts, folder, vendor):
    clock = Clock(folder)
    host = hosts("[backup]\nwarn_days = 7\n")
    host.env = {k: v for k, v in clock.env.items() if not k.startswith("MUSTERD_")}
    host.start()
    host.install(vendor)
    clock.set("+8d")
    host.wake()
    row = health(host)["BACKUP_OLD"]
    assert row["severity"] == "warning" and "no backup was ever made" in row["message"]
    assert "musterctl backup FILE" in row["remedy"]
    host.ctl("backup", folder / "a.backup", env=clock.env)
    assert "BACKUP_OLD" not in health(host)
    clock.set("+16d")
    host.wake()
    assert "8 days ago" in health(host)["BACKUP_OLD"]["message"] or "7 days ago" in health(host)["BACKUP_OLD"]["message"]


@needs_faketime
def test_the_clock_is_set_back(hosts, folder):
    clock = Clock(folder)
    clock.env["FAKETIME_DONT_FAKE_MONOTONIC"] = "1"
    host = hosts(env=clock.env).start()
    clock.set("-3600s")
    wait_for(lambda: "the clock was set" in host.log.read_text(), what="a line about the clock")
    assert re.search(r"the clock was set seconds=-3(599|60[0-9])", host.log.read_text())
    assert "CLOCK_SET_BACK" in health(host)
    assert 'direction="back"} 3' in host.metrics()


@ROOT_ONLY
def test_a_disk_that_fills_up(hosts, folder):
    state = folder / "host"
    state.mkdir()
    run("mount", "-t", "tmpfs", "-o", "size=40m,mode=700", "none", state)
    try:
        host = hosts().start()
        row = health(host)["DISK_LOW"]
        assert row["severity"] == "error" and "MiB free of 40 MiB" in row["message"]
        assert host.api("GET", "/v1/health")[0] in (200, 503)
        host.extra = "[health]\ndisk_free_mb = 8\n"
        host.write_config()
        host.process.send_signal(1)
        wait_for(lambda: "configuration reloaded" in host.log.read_text())
        assert "DISK_LOW" not in health(host)
        host.stop()
    finally:
        subprocess.run(["umount", "-l", state], check=False)


@needs_faketime
def test_nobody_calls(hosts, folder, vendor):
    clock = Clock(folder)
    host = hosts()
    host.env = {k: v for k, v in clock.env.items() if not k.startswith("MUSTERD_")}
    host.start()
    host.install(vendor)
    for name in range(5):
        pc = machine(folder, host, vendor, name)
        pc.env = clock.env
        pc.done("activate", PRODUCT)
    assert "NO_CONTACT" not in health(host)
    clock.set("+3d")
    host.wake()
    row = health(host)["NO_CONTACT"]
    assert "none of 5 devices" in row["message"] and "musterctl dns check" in row["remedy"]


def test_the_count_comes_near_the_threshold(hosts, folder, vendor):
    host = hosts().start()
    host.install(vendor, threshold=2)
    for name in range(2):
        machine(folder, host, vendor, name)("activate", PRODUCT)
    row = health(host)["THRESHOLD_NEAR"]
    assert row["severity"] == "info" and "counts 2; below 2" in row["message"]
    assert host.status()["state"] == "ok"  # nothing to be done today
    assert host.ctl("status").returncode == 0


# --- the doctor ---

def fill(host, megabytes):
    """Make the database large, so that its check takes a while."""
    with sqlite3.connect(host.state / "muster.db") as db:
        db.execute("CREATE TABLE filler (a BLOB)")
        db.executemany("INSERT INTO filler VALUES (randomblob(900))", [()] * (megabytes * 1100))


def test_the_socket_serves_while_the_doctor_checks(hosts, folder, vendor):
    host = hosts().start()
    host.install(vendor)
    host.stop()
    fill(host, 60)
    host.start()
    doctor = subprocess.Popen([str(BUILD / "musterctl"), "--socket", str(host.socket), "--json", "doctor"], stdout=subprocess.PIPE)
    served = 0
    while doctor.poll() is None and served < 5:
        assert host.api("GET", "/v1/status")[0] == 200
        served += doctor.poll() is None
    checks = json.loads(doctor.communicate(timeout=60)[0])
    assert served >= 1 and checks["ok"], (served, checks)
    assert number(host, "muster_store_check_timestamp_seconds") > 0 and number(host, "muster_store_check_failed") == 0


def test_a_stop_ends_the_doctor(hosts, folder, vendor):
    host = hosts().start()
    host.stop()
    fill(host, 60)
    host.start()
    doctor = subprocess.Popen([str(BUILD / "musterctl"), "--socket", str(host.socket), "doctor"], stdout=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL)
    assert host.stop() == 0
    doctor.wait(timeout=20)


def test_what_the_doctor_found_stays_in_health(hosts, folder, vendor):
    host = hosts().start()
    host.install(vendor)
    machine(folder, host, vendor).done("activate", PRODUCT)
    host.stop()
    with sqlite3.connect(host.state / "muster.db") as db:
        db.execute("UPDATE bucket SET n = n + 1")
    host.start()
    assert "COUNT_BROKEN" not in health(host)
    found = host.json("doctor", check=False)
    assert [c["check"] for c in found["checks"] if not c["ok"]] == ["counts"]
    assert health(host)["COUNT_BROKEN"]["severity"] == "error"
    assert host.api("GET", "/v1/health")[0] == 503


# --- what is shipped for Prometheus and Grafana ---

MONITORING = ROOT / "packaging/monitoring"


def busy_metrics(hosts, folder, vendor):
    """All metrics of a host that has granted, refused, and met a fault; labels of a metric exist when it has happened."""
    host = hosts("[log]\nslow_request_ms = 1\n[dns]\ndomains = fjord.test\nresolver = 127.0.0.1\ntarget = lic01.fjord.test\n").start()
    host.install(vendor, threshold=2)
    for name in range(3):
        machine(folder, host, vendor, name)("activate", PRODUCT)
    with socket.create_connection(("127.0.0.1", host.port), timeout=20) as wrong:
        wrong.sendall(b"GET / HTTP/1.1\r\n\r\n")
        wrong.recv(100)
    return host.metrics()


def families(text):
    return set(re.findall(r"^# TYPE (\S+) ", text, re.M))


def used_in(text):
    """Names of metrics in expressions, a histogram's by its family."""
    names = set(re.findall(r"\b((?:muster|process)_[a-z_]+)\b", text))
    return {re.sub("_(bucket|sum|count)$", "", name) for name in names} - {"muster_dns"}


def dashboard_expressions():
    board = json.loads((MONITORING / "muster-dashboard.json").read_text())
    return board, [t["expr"] for p in board["panels"] for t in p["targets"]]


def test_alerts_and_dashboard_use_what_exists(hosts, folder, vendor):
    text = busy_metrics(hosts, folder, vendor)
    exist = families(text)
    rules = (MONITORING / "musterd.rules.yml").read_text()
    expressions = "\n".join(re.findall(r"expr: (?:>-\n\s+)?(.*)", rules))
    _, board = dashboard_expressions()
    for where in (expressions, "\n".join(board)):
        assert len(used_in(where)) >= 10
        assert used_in(where) <= exist, used_in(where) - exist
    checked = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True, text=True, timeout=30)
    assert checked.returncode == 0 and not checked.stdout, checked.stdout + checked.stderr
    for name in exist:
        assert re.search(rf"^# HELP {name} \S+", text, re.M), name


def test_labels_are_bounded(hosts, folder, vendor):
    text = busy_metrics(hosts, folder, vendor)
    labels = set(re.findall(r'[{,]([a-z_]+)="', text))
    assert labels <= {"class", "direction", "domain", "grant", "le", "license", "operation", "outcome", "product", "reason",
                      "severity", "verdict", "version"}, labels


def test_alert_rules():
    run("promtool", "check", "rules", MONITORING / "musterd.rules.yml")
    run("promtool", "test", "rules", "musterd.rules.test.yml", cwd=MONITORING, timeout=300)  # half a minute of a processor
    alerts = re.findall("alert: (.*)", (MONITORING / "musterd.rules.yml").read_text())
    tested = (MONITORING / "musterd.rules.test.yml").read_text()
    for alert in alerts:
        assert f"name: {alert} fires" in tested and f"name: {alert} quiet" in tested


def test_dashboard_is_bound_to_its_data_source():
    board, expressions = dashboard_expressions()
    assert {v["name"] for v in board["templating"]["list"]} == {"datasource", "instance"}
    assert all(p["datasource"]["uid"] == "${datasource}" for p in board["panels"])
    assert all("$instance" in e for e in expressions)


def test_every_metric_is_documented(hosts, folder, vendor):
    """METRICS.md has a row for each metric, with its type and help as they are served, and none besides."""
    text = busy_metrics(hosts, folder, vendor)
    kinds = dict(re.findall(r"^# TYPE (\S+) (\S+)$", text, re.M))
    helps = dict(re.findall(r"^# HELP (\S+) (.*)$", text, re.M))
    rows = re.findall(r"^\| `(\S+)` \| (\w+) \| (.*) \|$", (MONITORING / "METRICS.md").read_text(), re.M)
    assert sorted(rows) == sorted((name, kinds[name], helps[name]) for name in kinds)
