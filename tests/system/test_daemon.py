# SPDX-License-Identifier: Apache-2.0
"""Starting, stopping and failing: one clear line, the right exit code, nothing half-made (DESIGN 10, 14)."""
import os
import pwd
import signal
import socket
import sqlite3
import subprocess
import time

import pytest
from harness import Machine, program, run, wait_for
from wire import Client

ROOT_ONLY = pytest.mark.skipif(os.geteuid() != 0, reason="needs root for mounts and other users")


def fails(host, code, *texts):
    """The daemon ends by itself with this code and one line that has all the texts."""
    host.spawn()
    host.ended(code)
    lines = [line for line in host.log.read_text().splitlines() if " info: " not in line]
    assert len(lines) == 1, lines
    for text in texts:
        assert text in lines[0], lines[0]


@pytest.mark.parametrize("extra, texts", [
    ("nonsense = 1\n", [":4: ", "unknown key", "[server] nonsense"]),
    ("[limits]\nmax_connections = many\n", ["bad value", "max_connections = many; it takes 1 to 1000000, connections held at once"]),
    ("[limits]\nmax_connections = 0\n", ["bad value"]),
    ("[limit]\nmax_connections = 5\n", ["unknown key", "[limit]"]),
    ("[store]\nurl = mysql:x\n", ["bad value", "mysql:x"]),
    ("[web]\nlisten = 127.0.0.1:80\n", ["bad value"]),
    ("name = " + "x" * 300 + "\n", ["too long"]),
])
def test_bad_configuration(hosts, extra, texts):
    host = hosts(config=extra)
    fails(host, 78, "CONFIG_INVALID", str(host.config), *texts)
    assert not host.state.exists()
    check = run(program("musterd"), "--check-config", "--config", host.config, check=False)
    assert check.returncode == 78


def test_missing_configuration(folder):
    done = run(program("musterd"), "--config", folder / "none.conf", check=False)
    assert done.returncode == 78 and "none.conf" in done.stderr


def test_wrong_usage():
    assert run(program("musterd"), "--nonsense", check=False).returncode == 64
    assert run(program("musterd"), "--version").stdout.startswith("musterd ")


def test_port_in_use(hosts):
    first = hosts().start()
    second = hosts(state="other")
    second.listen = f"127.0.0.1:{first.port}"
    fails(second, 73, "Address already in use", second.listen)
    assert not second.state.exists()


def test_bad_address(hosts):
    host = hosts()
    host.listen = "nowhere"
    fails(host, 78, "CONFIG_INVALID", "nowhere")


def test_missing_parent_of_the_state_folder(hosts, folder):
    host = hosts()
    host.state = folder / "no" / "such" / "folder"
    fails(host, 73, "CANNOT_CREATE", str(host.state), "No such file or directory")


def test_unreadable_key(hosts):
    host = hosts().start()
    host.stop()
    os.chmod(host.state / "host.key", 0o644)
    host.log.unlink()
    fails(host, 77, "INSECURE", "host.key")


def test_damaged_key(hosts):
    host = hosts().start()
    host.stop()
    (host.state / "host.key").write_text("{}")
    host.log.unlink()
    fails(host, 1, "KEY_INVALID", "host.key")


def test_newer_schema(hosts):
    host = hosts().start()
    host.stop()
    with sqlite3.connect(host.state / "muster.db") as db:
        db.execute("PRAGMA user_version = 99")
    host.log.unlink()
    fails(host, 78, "STORE_NEWER", "muster.db")


def test_damaged_database(hosts):
    host = hosts().start()
    host.stop()
    (host.state / "muster.db").write_bytes(b"this is no database" * 1000)
    host.log.unlink()
    fails(host, 78, "STORE_CORRUPT", "muster.db")


def test_two_daemons_on_one_state(hosts, folder):
    host = hosts().start()
    other = hosts(state="other")
    other.state = host.state
    fails(other, 75, "STORE_BUSY")
    assert host.process.poll() is None


def test_stop_is_quick_and_clean(hosts, vendor):
    host = hosts().start()
    host.install(vendor)
    idle = Client(host.port, (vendor.dir / "vendor.pub").read_text().strip()).connect()
    begin = time.monotonic()
    assert host.stop() == 0
    assert time.monotonic() - begin < 5
    assert not host.socket.exists()
    idle.close()
    host.start()  # and it starts again
    assert host.stop(signal.SIGINT) == 0


def test_stale_socket_is_replaced_and_a_live_one_is_not(hosts, folder):
    host = hosts().start()
    host.kill()
    assert host.socket.exists()
    host.start()
    other = hosts(state="other")
    other.socket = host.socket
    fails(other, 73, str(host.socket))
    assert host.status()["schema"] == 1


def test_reload(hosts, folder):
    host = hosts().start()
    host.extra = "[policy]\nrenew_minutes = 60\n"
    host.write_config()
    host.process.send_signal(signal.SIGHUP)
    wait_for(lambda: "configuration reloaded" in host.log.read_text())
    items = {(i["section"], i["key"]): i for i in host.json("config", "show")["items"]}
    assert items["policy", "renew_minutes"]["value"] == "60"
    assert items["policy", "renew_minutes"]["source"] == "file"
    row, = host.items("audit", "list", "--action", "config.reloaded")
    assert row["actor"] == "host" and row["detail"]["changes"] == [{"key": "policy.renew_minutes", "before": "0", "after": "60"}]

    host.extra = "[policy]\nrenew_minutes = never\n"
    host.write_config()
    host.process.send_signal(signal.SIGHUP)
    wait_for(lambda: "not reloaded" in host.log.read_text())
    items = {(i["section"], i["key"]): i for i in host.json("config", "show")["items"]}
    assert items["policy", "renew_minutes"]["value"] == "60"  # all or nothing


def test_files_of_others_are_left_alone(hosts, folder):
    """Neither a file where the socket should be, nor one that a reloaded configuration names, is removed."""
    keep = folder / "keep.txt"
    keep.write_text("mine")
    host = hosts()
    socket_path, host.socket = host.socket, keep
    fails(host, 73, "CANNOT_CREATE", str(keep), "File exists")
    assert keep.read_text() == "mine"
    host.log.unlink()
    host.socket = socket_path
    host.start()
    host.socket = keep
    host.write_config()
    host.process.send_signal(signal.SIGHUP)
    wait_for(lambda: "needs a restart" in host.log.read_text())
    host.socket = socket_path
    assert {i["key"]: i["value"] for i in host.json("config", "show")["items"]}["socket"] == str(socket_path)
    assert host.stop() == 0
    assert keep.read_text() == "mine" and not socket_path.exists()


def test_environment_overrides_the_file(hosts):
    host = hosts(config="[policy]\nretry_minutes = 30\n", env={"MUSTERD_POLICY_RETRY_MINUTES": "45"}).start()
    items = {(i["section"], i["key"]): i for i in host.json("config", "show")["items"]}
    assert (items["policy", "retry_minutes"]["value"], items["policy", "retry_minutes"]["source"]) == ("45", "environment")


def test_readiness_is_notified(hosts, folder):
    notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    notify.bind(str(folder / "notify"))
    notify.settimeout(20)
    host = hosts(env={"NOTIFY_SOCKET": str(folder / "notify")}).start()
    assert notify.recv(4096) == b"READY=1"
    host.process.send_signal(signal.SIGTERM)
    while notify.recv(4096) != b"STOPPING=1":
        pass
    notify.close()
    assert host.stop() == 0


@ROOT_ONLY
def test_full_disk_refuses_and_recovers(hosts, folder, vendor):
    disk = folder / "disk"
    disk.mkdir()
    run("mount", "-t", "tmpfs", "-o", "size=3m,mode=700", "tmpfs", disk)
    try:
        host = hosts(env={"MUSTERD_HEALTH_DISK_FREE_MB": "0"})
        host.state = disk / "host"
        host.start()
        host.install(vendor)
        key = (vendor.dir / "vendor.pub").read_text().strip()
        acknowledged = 0
        (disk / "filler").write_bytes(b"x" * (disk_free(disk) - 65536))
        code = 0
        for _ in range(400):
            response = Client(host.port, key).connect()
            answer = response.call(response.request(["acme-cad"]))
            response.close()
            code = answer.status.code
            if code:
                break
            acknowledged += answer.answer.results[0].status.code == 0
        assert code == 70, "the disk never filled up"
        assert host.process.poll() is None
        assert host.status()["state"] == "degraded"
        assert host.status()["health"][0]["code"] == "STORE_FULL"
        (disk / "filler").unlink()
        assert Client(host.port, key).connect().activate().status.code == 0
        assert host.count() == acknowledged + 1
        assert host.json("doctor")["ok"]
        assert host.status()["state"] == "ok"
        host.stop()
    finally:
        host.kill()
        run("umount", disk)


def disk_free(path):
    stat = os.statvfs(path)
    return stat.f_bavail * stat.f_frsize


@ROOT_ONLY
def test_roles_come_from_groups(hosts, folder, vendor):
    """A viewer reads and may not change; a stranger may not even read; both refusals are audited."""
    groups = folder / "group"
    groups.write_text(open("/etc/group").read() + "muster:x:54001:\nmuster-viewer:x:54002:\n")
    wrapper = ["unshare", "-m", "sh", "-c", f"mount --bind {groups} /etc/group && exec \"$@\"", "sh"]
    os.chmod(folder, 0o755)
    host = hosts(wrapper=wrapper).start()
    nobody = pwd.getpwnam("nobody").pw_uid

    def ask(method, path, *more_groups):
        ids = ",".join(str(g) for g in (54001, *more_groups))
        done = run("setpriv", f"--reuid={nobody}", "--regid=65534", f"--groups={ids}", "curl", "-s", "-o", "/dev/null", "-w",
                   "%{http_code}", "-X", method, "--data-binary", "x", "--unix-socket", host.socket, f"http://x{path}",
                   check=False)
        return done.stdout

    assert ask("GET", "/v1/licenses", 54002) == "200"
    assert ask("POST", "/v1/licenses", 54002) == "403"
    assert ask("GET", "/v1/host/request", 54002) == "403"
    assert ask("GET", "/v1/licenses") == "403"
    refused = [row for row in host.json("audit", "list")["items"] if row["action"] == "admin.refused"]
    assert len(refused) == 3 and refused[0]["actor"] == f"uid:{nobody}"
    assert ask("GET", "/v1/devices/%ff%fe") == "403"  # a path that is no text
    refused = [row for row in host.json("audit", "list")["items"] if row["action"] == "admin.refused"]
    assert len(refused) == 4
    for _ in range(40):
        assert ask("GET", "/v1/licenses") == "403"
    refused = [row for row in host.json("audit", "list")["items"] if row["action"] == "admin.refused"]
    assert 20 <= len(refused) <= 40  # a minute's worth, or two
    outsider = run("setpriv", f"--reuid={nobody}", "--regid=65534", "--clear-groups", "curl", "-s", "--unix-socket",
                   host.socket, "http://x/v1/status", check=False)
    assert outsider.returncode != 0  # the socket's file mode already says no
    status = run("setpriv", f"--reuid={nobody}", "--regid=65534", "--clear-groups", "curl", "-s", "--unix-socket",
                 host.status_socket, "http://x/v1/status")
    assert '"unlicensed"' in status.stdout


def test_metrics_are_clean(host, folder, vendor):
    Machine(folder, "m", vendor.products, "--host", f"127.0.0.1:{host.port}").activate(check=True)
    text = host.metrics()
    assert 'muster_grant_devices{product="acme-cad",license=' in text
    assert 'muster_requests_total{outcome="granted"} 1' in text
    checked = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True, text=True, timeout=30)
    assert checked.returncode == 0 and not checked.stdout, checked.stdout + checked.stderr


def test_licenses_that_must_not_be_installed(hosts, folder, vendor):
    host = hosts().start()
    path = vendor.license(folder / "a.license")
    done = host.ctl("license", "install", path, check=False)
    assert done.returncode == 1 and "VENDOR_NOT_PINNED" in done.stderr
    host.certify(vendor, path)
    text = path.read_text()
    at = text.index("v4.public.") + 200
    (folder / "b.license").write_text(text[:at] + ("A" if text[at] != "A" else "B") + text[at + 1:])
    done = host.ctl("license", "install", folder / "b.license", check=False)
    assert done.returncode == 1 and "SIGNATURE_INVALID" in done.stderr
    host.ctl("license", "install", path)
    done = host.ctl("license", "install", path, check=False)
    assert done.returncode == 1 and "LICENSE_SERIAL_OLD" in done.stderr
    second = vendor.license(folder / "c.license")
    done = host.ctl("license", "install", second, check=False)
    assert done.returncode == 1 and "NOT_CERTIFIED" in done.stderr
    done = host.ctl("license", "install", folder / "host.certificate", check=False)
    assert done.returncode == 1
    assert len(host.json("license", "list")["items"]) == 1
