# SPDX-License-Identifier: Apache-2.0
"""The installed units under a real systemd as PID 1: a minimal tree in build/pid1. Nothing of it is kept but the tree."""
import json
import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import time

import pytest
from box import PORT, ROOT, Box, make_tree, needs_boxes
from guide import block
from harness import BUILD, FAKETIME, PRODUCT, Vendor, needs_faketime, run, wait_for

TREE = BUILD / "pid1" / "tree"
PACKAGES = ("systemd", "systemd-sysv", "dbus", "libuv1", "libsqlite3-0", "libsodium23", "libmicrohttpd12", "libinih1", "libldns3",
            "libjansson4", "libcurl4", "libsmartcols1", "libc-ares2", "libqrencode4", "iproute2", "procps")
KILLS = int(os.environ.get("KILLS", 10))

pytestmark = needs_boxes


def install():
    """The programs, anew each time."""
    make_tree(TREE, PACKAGES)
    run("make", "-C", ROOT, "install", f"O={BUILD}", f"DESTDIR={TREE}", "PREFIX=/usr", timeout=300)
    # All machines of these tests come from one address.
    (TREE / "etc" / "muster" / "musterd.conf").write_text(
        "[limits]\nnew_devices_per_source = 1000000\nhandshakes_per_source = 1000000\n")


@pytest.fixture(scope="module")
def box():
    install()
    with tempfile.TemporaryDirectory(prefix="muster-pid1-") as name:
        folder = pathlib.Path(name)
        box = Box(folder, TREE)
        try:
            box.boot()
            box("systemd-sysusers")
            box("systemd-tmpfiles", "--create", "musterd.conf")
            box("systemctl", "daemon-reload")
            yield box
        finally:
            box.off()


@pytest.fixture(scope="module")
def vendor(box):
    vendor = Vendor(box.folder)
    shutil.copy(vendor.dir / "vendor.pub", box.folder / "vendor.pub")
    return vendor


@pytest.fixture(scope="module")
def host(box, vendor):
    """Started by the first who calls its port, certified and licensed."""
    assert box("systemctl", "start", "musterd.socket").returncode == 0
    assert box.active() == "inactive"
    subprocess.run(["ip", "netns", "exec", box.netns, "/usr/bin/python3", "-c",
                    f"import socket; socket.create_connection(('127.0.0.1', {PORT}), timeout=10)"], check=True, timeout=20)
    box.wait_active()
    license_file = vendor.issue(box.folder / "fjord.license", f"id=cad-volume,product={PRODUCT},model=volume")
    box.ctl("host", "request", "-o", "/mnt/host.request")
    vendor("host", "certify", box.folder / "host.request", "--license", license_file, "-o", box.folder / "host.certificate")
    box.ctl("host", "install", "/mnt/host.certificate")
    box.ctl("license", "install", "/mnt/fjord.license")
    return box


def test_it_runs_with_no_rights_at_all(host):
    status = host("cat", f"/proc/{host.main_pid()}/status").stdout
    number = lambda name: re.search(rf"^{name}:\s+(\S+)", status, re.M).group(1)
    assert number("Uid") != "0" and number("CapEff") == "0000000000000000" and number("CapBnd") == "0000000000000000"
    assert number("NoNewPrivs") == "1" and number("Seccomp") == "2"
    assert host("stat", "-c", "%U %a", "/var/lib/musterd").stdout.split() == ["_musterd", "700"]


def test_its_exposure(host):
    line = host("systemd-analyze", "security", "--no-pager", "musterd.service").stdout.splitlines()[-1]
    exposure = float(re.search(r"(\d+\.\d+) OK", line).group(1))
    print(line)
    assert exposure <= 1.5


def test_kills_under_load_lose_and_refuse_nothing(host):
    before = int(host.property("NRestarts"))
    stop, started = host.loads("kills", 120)
    for _ in range(KILLS):
        time.sleep(1)
        host.wait_active()
        host.kill("KILL")
    time.sleep(2)
    acknowledged, refused, broken = host.finish("kills", stop, started)
    assert int(host.property("NRestarts")) >= before + KILLS
    print(f"{len(acknowledged)} acknowledged, {refused} refused, {broken} broken off")
    assert len(acknowledged) > KILLS and broken > 0  # they were under way
    assert refused == 0
    assert acknowledged <= host.stored()
    assert host.json("doctor")["ok"]
    assert host.active("musterd.socket") == "active"


def test_a_restart_under_load_refuses_nobody(host):
    stop, started = host.loads("restarts", 60)
    for _ in range(3):
        time.sleep(1)
        host("systemctl", "restart", "musterd.service")
    acknowledged, refused, _ = host.finish("restarts", stop, started)
    assert acknowledged and refused == 0 and acknowledged <= host.stored()


def override(box, text):
    folder = "/run/systemd/system/musterd.service.d"
    box("sh", "-c", f"mkdir -p {folder} && printf '%s\\n' '{text}' > {folder}/test.conf && systemctl daemon-reload")


def test_the_watchdog_restarts_one_that_hangs(host):
    override(host, "[Service]\nWatchdogSec=3")
    host("systemctl", "restart", "musterd.service")
    host.wait_active()
    before, pid = int(host.property("NRestarts")), host.main_pid()
    host.kill("STOP")
    wait_for(lambda: int(host.property("NRestarts")) > before and host.active() == "active", seconds=60, what="the watchdog")
    assert host.main_pid() != pid
    assert host.json("doctor")["ok"]
    override(host, "")


def test_its_key_comes_as_a_credential(host):
    before = host.json("host", "show")["id"]
    host("systemctl", "stop", "musterd.service", "musterd.socket")
    host("sh", "-c", "install -m 600 /var/lib/musterd/host.key /etc/muster/host.key && rm /var/lib/musterd/host.key")
    override(host, "[Service]\nLoadCredential=host.key:/etc/muster/host.key")
    host("systemctl", "start", "musterd.socket", "musterd.service")
    host.wait_active()
    assert host.json("host", "show")["id"] == before
    assert host("test", "-e", "/var/lib/musterd/host.key", check=False).returncode == 1


def test_the_audit_log_is_what_the_journal_knows(host):
    found = host.ctl("audit", "verify", "--journal")
    print(found.stdout)
    assert found.returncode == 0


def test_the_management_sockets_outlive_the_daemon(host):
    """With systemd's sockets a stop leaves the files as they are, and the first command starts the daemon."""
    host("systemctl", "stop", "musterd.service")
    host("systemctl", "start", "musterd-admin.socket", "musterd-status.socket")
    modes = ["root muster 660", "root root 666"]
    look = lambda: host("stat", "-c", "%U %G %a", "/run/muster/admin.sock", "/run/muster/status.sock").stdout.splitlines()
    assert look() == modes and host.active() == "inactive"
    assert host.json("status")["state"]
    assert host.active() == "active"
    for _ in range(2):
        host("systemctl", "restart", "musterd.service")
        host("systemctl", "stop", "musterd.service")
        assert look() == modes
    # Whoever is not of the group may look, and nothing else.
    nobody = ("setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups", "musterctl")
    assert host(*nobody, "--socket", "/run/muster/status.sock", "status", check=False).returncode in (0, 2)
    assert host(*nobody, "status", check=False).returncode == 77


def test_systemd_holds_what_the_daemon_listens_on(host):
    sockets = [f"musterd{what}.socket" for what in ("", "-admin", "-status")]
    host("sh", "-euc", block("sockets", "musterd.8"))
    assert [host.active(unit) for unit in ("musterd.service", *sockets)] == ["active"] * 4
    assert host("systemctl", "is-enabled", *sockets).stdout.split() == ["enabled"] * 3
    host("systemctl", "disable", *sockets)


def test_who_may_administer(host):
    host("useradd", "kim")
    host("sh", "-euc", block("roles", "muster.7"))
    kim = ("setpriv", "--reuid=kim", "--regid=kim", "--init-groups", "musterctl")
    host(*kim, "device", "list")
    assert host(*kim, "user", "add", "ola", check=False).returncode == 77


def test_the_journal_has_what_a_machine_was_told(host, vendor):
    machine = ("muster", "--state", "/root/machine", "--products", "/mnt/products", "--host", f"127.0.0.1:{PORT}")
    host(*machine, "activate", PRODUCT)
    device = json.loads(host(*machine, "status", "--json").stdout)["device"]
    host.ctl("device", "block", device)
    told = host(*machine, "renew", PRODUCT, check=False).stderr
    reference = re.search(r"^reference: (\S+)$", told, re.M)[1]
    look = lambda text: host("sh", "-euc", text, env={"REFERENCE": reference, "ID": device}).stdout.count("DEVICE_BLOCKED")
    wait_for(lambda: look(block("journal", "muster.7")) == 1, what="the refusal")
    assert look(block("journal", "musterd.8")) == 2  # by the device, and by the reference


@needs_faketime
def test_the_vendor_s_timer_renews_a_certificate(host, vendor):
    """One that was signed 20 days ago, since a clearing house certifies nobody twice within a minute."""
    vendor("signer", "create", "--no-passphrase")
    vendor("host", "certify", host.folder / "host.request", "--license", host.folder / "fjord.license", "--days", "60",
           "-o", host.folder / "short.certificate", env={"LD_PRELOAD": str(FAKETIME), "FAKETIME": "-20d"})
    host.ctl("host", "install", "/mnt/short.certificate")
    expires = lambda: [row["expires"] for row in host.json("host", "show")["certificates"]]
    before = expires()
    host("systemd-run", "-q", "--unit=house", "muster-issuer", "serve", "--dir", f"/mnt/{vendor.dir.name}", "--listen", "127.0.0.1:6879")
    wait_for(lambda: "clearing house of" in host("journalctl", "-u", "house").stdout, what="the clearing house")
    host("sh", "-c", "echo SERVER=127.0.0.1:6879 > /etc/muster/vendor-call.env")
    host("sh", "-euc", block("vendor timer", "muster.7"))
    assert host.active("musterd-vendor.timer") == "active"
    host("systemctl", "start", "musterd-vendor.service")
    assert host.property("Result", "musterd-vendor.service") == "success"
    assert expires() > before
    host("systemctl", "disable", "--now", "musterd-vendor.timer")
    host("systemctl", "stop", "house")


def test_a_timer_or_an_agent_but_not_both(host):
    agent, timer = "muster-agent.service", "muster-renew.timer"
    host("systemctl", "start", agent)
    host("systemctl", "start", timer)
    wait_for(lambda: host.active(agent) == "inactive", what="the agent's end")
    assert host.active(timer) == "active"
    host("systemctl", "start", "muster-renew.service")
    assert host.property("Result", "muster-renew.service") == "success"
    host("systemctl", "start", agent)
    wait_for(lambda: host.active(timer) == "inactive", what="the timer's end")
    assert host.active(agent) == "active"
    host("sh", "-euc", block("timer", "muster.1"))
    assert (host.active(agent), host.active(timer)) == ("inactive", "active")
    assert host("systemctl", "is-enabled", timer).stdout == "enabled\n"
    # Each machine has its own minute, and keeps it.
    assert (host.property("FixedRandomDelay", timer), host.property("RandomizedDelayUSec", timer)) == ("yes", "2h")
    host("systemctl", "disable", "--now", timer)
