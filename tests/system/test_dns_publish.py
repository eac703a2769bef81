# SPDX-License-Identifier: Apache-2.0
"""This host's record in a real BIND: published, read back by clients, withdrawn; and each way in which that is refused."""
import contextlib
import json
import socket
import subprocess

import pytest
from bind import Bind, key_text
from harness import Machine, needs_faketime, program, run, wait_for


@pytest.fixture
def bind(folder):
    """BIND with addresses for the hosts of the tests."""
    server = Bind(folder).start("one IN A 127.0.0.1\ntwo IN A 127.0.0.1\n")
    yield server
    server.stop()


def section(bind, key="good.key", target="one.fjord.test", more=""):
    key_line = f"tsig_key_file = {bind.dir / key}\n" if key else ""
    return (f"[dns]\ndomains = {bind.zone}\nserver = {bind.server}\nresolver = {bind.server}\ntarget = {target}\n"
            f"watch_minutes = 0\n{key_line}{more}")


def acts(host, act):
    return [row for row in host.items("audit", "list") if row["action"] == act]


def test_publish_read_back_by_the_client_and_withdraw(folder, hosts, vendor, bind):
    host = hosts(config=section(bind, more="priority = 5\nweight = 7\n")).start()
    host.install(vendor)
    done = host.json("dns", "publish")
    assert done["items"][0]["result"] == "published" and done["items"][0]["zone"] == "fjord.test"
    assert bind.srv() == ([(5, 7, host.port, "one.fjord.test")], {3600})

    machine = Machine(folder, "m", vendor.products, "--domain", bind.zone, "--dns", bind.server)
    steps = json.loads(machine("where", "--json").stdout)["steps"]
    assert any(s["port"] == host.port and "one.fjord.test" in s["target"] for s in steps)
    machine.activate(check=True)
    assert machine.status()["state"] == "licensed"

    assert host.json("dns", "publish")["items"][0]["result"] == "unchanged"
    rows = acts(host, "dns.published")
    assert len(rows) == 1 and rows[0]["object"] == bind.zone and rows[0]["actor"] == "uid:0"

    assert host.json("dns", "withdraw")["items"][0]["result"] == "withdrawn"
    assert bind.srv()[0] == []
    assert host.json("dns", "withdraw")["items"][0]["result"] == "absent"
    assert len(acts(host, "dns.withdrawn")) == 1
    host.ctl("audit", "verify")


def test_hosts_stand_side_by_side_and_touch_only_their_own(hosts, vendor, bind):
    one = hosts(config=section(bind), state="one").start()
    two = hosts(config=section(bind, target="two.fjord.test"), state="two").start()
    for host in (one, two):
        host.ctl("dns", "publish")
    both = [(0, 0, one.port, "one.fjord.test"), (0, 0, two.port, "two.fjord.test")]
    assert bind.srv()[0] == sorted(both)

    # An old record of the same host is replaced, a hand-made one with another's name stays.
    bind.update("update add _muster._tcp.fjord.test 3600 SRV 9 9 9 hand.fjord.test.",
                "update add _muster._tcp.fjord.test 3600 SRV 1 0 1234 ONE.fjord.test.")
    assert one.json("dns", "publish")["items"][0]["result"] == "published"
    assert bind.srv()[0] == sorted([*both, (9, 9, 9, "hand.fjord.test")])

    two.ctl("dns", "withdraw")
    assert bind.srv()[0] == sorted([both[0], (9, 9, 9, "hand.fjord.test")])


def test_a_host_that_retires_leaves_dns_and_machines_go_on_with_the_next(folder, hosts, vendor, bind):
    one = hosts(config=section(bind), state="one").start()
    two = hosts(config=section(bind, target="two.fjord.test", more="priority = 9\n"), state="two").start()
    path = vendor.license(folder / "fjord.license")
    for host in (one, two):
        host.certify(vendor, path)
        host.ctl("install", path)
        host.ctl("dns", "publish")
    machine = Machine(folder, "m", vendor.products, "--domain", bind.zone, "--dns", bind.server)
    machine.activate(check=True)
    done = one.ctl("host", "retire", folder / "last", "--yes")
    assert done.stderr == "" and bind.srv()[0] == [(9, 0, two.port, "two.fjord.test")]
    assert [row["object"] for row in acts(one, "dns.withdrawn")] == [bind.zone] and len(acts(one, "host.retired")) == 1
    machine.done("renew", machine.status()["product"])
    assert machine.status()["host"].endswith(str(two.port)) and two.count() == 1
    # Back again: it serves, and its record is its administrator's to publish.
    one.ctl("host", "retire", "--undo")
    one.ctl("dns", "publish")
    assert len(bind.srv()[0]) == 2


def test_new_priority_and_ttl_replace_the_old_record(hosts, bind):
    host = hosts(config=section(bind)).start()
    host.ctl("dns", "publish")
    host.extra = section(bind, more=f"priority = 20\nttl = 120\nport = {host.port}\n")
    port = host.port
    host.stop()
    host.start()
    host.ctl("dns", "publish")
    assert bind.srv() == ([(20, 0, port, "one.fjord.test")], {120})


def refused(host, code, *args):
    error = host.refused(code, *args)
    assert "detail" in error
    return error


@pytest.mark.parametrize("key, code", [("weak.key", "DNS_UPDATE_REFUSED"), (None, "DNS_UPDATE_REFUSED"),
                                       ("other.key", "DNS_KEY_WRONG"), ("stolen.key", "DNS_KEY_WRONG")])
def test_keys_that_may_not(hosts, bind, key, code):
    bind.key("other", b"o" * 32)  # a name that the server does not know
    (bind.dir / "stolen.key").write_text(key_text("good", b"x" * 32))  # its name with another secret
    (bind.dir / "stolen.key").chmod(0o600)
    host = hosts(config=section(bind, key=key)).start()
    error = refused(host, code, "dns", "publish")
    assert bind.server in error["detail"]
    assert bind.srv()[0] == []
    assert acts(host, "dns.published") == []
    assert "dns update failed act=publish" in host.log.read_text() and code in host.log.read_text()


def test_a_zone_that_the_server_does_not_have(hosts, bind):
    host = hosts(config=section(bind)).start()
    for verb in ("publish", "withdraw"):
        error = refused(host, "DNS_NOT_ITS_ZONE", "dns", verb, "--domain", "elsewhere.test")
        assert bind.server in error["detail"] and "elsewhere.test" in error["detail"]


def test_no_server(hosts, bind):
    host = hosts(config=section(bind)).start()
    bind.stop()
    for verb in ("publish", "withdraw"):
        assert bind.server in refused(host, "DNS_FAILED", "dns", verb)["detail"]


def test_a_server_that_says_nothing_holds_up_nobody(hosts, bind):
    bind.stop()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.1", bind.port))
        host = hosts(config=section(bind)).start()
        waiting = subprocess.Popen([program("musterctl"), "--socket", str(host.socket), "dns", "publish"], stderr=subprocess.PIPE)
        silent.recv(512)  # it has asked
        assert host.status()["devices"] == 0 and waiting.poll() is None
        assert b"DNS_FAILED" in waiting.communicate(timeout=60)[1]
        silent.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            while silent.recv(512):
                pass
        silent.setblocking(True)
        waiting = subprocess.Popen([program("musterctl"), "--socket", str(host.socket), "dns", "check"], stderr=subprocess.PIPE)
        silent.recv(512)
        host.stop()  # at once, with an order under way, which is told
        assert waiting.wait(timeout=60) != 0 and b"STOPPING" in waiting.communicate()[1]


@needs_faketime
def test_a_clock_that_is_off(hosts, bind, clock):
    clock.env["DONT_FAKE_MONOTONIC"] = "1"  # it never goes back; a host whose did would not end before it has caught up
    clock.set("+1d")
    host = hosts(config=section(bind), env=clock.env).start()
    error = refused(host, "DNS_CLOCK", "dns", "publish")
    assert "BADTIME" in error["detail"]
    clock.set("+0")
    host.ctl("dns", "publish")


def test_publish_at_start_survives_a_server_that_is_down(hosts, vendor, bind):
    host = hosts(config=section(bind, more="publish = yes\n")).start()
    wait_for(lambda: bind.srv()[0], what="the record")
    assert bind.srv()[0][0][2] == host.port
    host.stop()
    bind.stop()
    host.start()
    host.install(vendor)
    item = wait_for(lambda: next((h for h in host.status()["health"] if h["code"] == "DNS_FAILED"), None), what="health")
    assert "fjord.test" in item["message"] and item["remedy"]
    assert host.json("doctor", check=False)["ok"] is False


def test_roles(hosts, bind):
    host = hosts(config=section(bind)).roled().start()
    for verb in ("publish", "withdraw"):
        for role in ("viewer", "helpdesk", "assigner"):
            done = host.ctl("dns", verb, role=role, check=False)
            assert done.returncode == 77 and "NOT_PERMITTED" in done.stderr
    assert host.ctl("dns", "records", role="viewer").stdout
    assert host.ctl("dns", "check", role="viewer", check=False).returncode == 77
    host.ctl("dns", "publish", role="owner")
    assert bind.srv()[0]
    assert len(acts(host, "admin.refused")) == 7


# --- zone lines for a zone that is kept by hand ---

def test_records_are_zone_lines(folder, hosts, bind):
    host = hosts(config=section(bind, key=None, more="priority = 1\nweight = 2\nttl = 600\n")).start()
    lines = host.ctl("dns", "records").stdout
    zone = folder / "zone"
    zone.write_text(bind.dir.joinpath("zone.db").read_text() + lines)
    checked = run("named-checkzone", "-D", bind.zone, zone).stdout
    assert f"_muster._tcp.fjord.test.\t\t      600 IN SRV\t\t1 2 {host.port} one.fjord.test." in checked or any(
        line.split() == ["_muster._tcp.fjord.test.", "600", "IN", "SRV", "1", "2", str(host.port), "one.fjord.test."]
        for line in checked.splitlines())
    row = host.items("dns", "records", "--domain", "other.example")[0]
    assert row["name"] == "_muster._tcp.other.example" and row["target"] == "one.fjord.test"
    csv = host.ctl("dns", "records", "--csv").stdout.splitlines()
    assert csv[0] == "name,ttl,type,priority,weight,port,target" and len(csv) == 2


def test_domains_must_be_named(hosts):
    host = hosts(config="name = lic01.example.org\n").start()
    host.refused("DNS_NOT_CONFIGURED", "dns", "records")
    host.refused("BAD_REQUEST", "dns", "records", "--domain", "no name")
    assert "lic01.example.org." in host.ctl("dns", "records", "--domain", "example.org").stdout
    nameless = hosts(config="name = wolf\n", state="nameless").start()
    nameless.refused("CONFIG_INVALID", "dns", "records", "--domain", "example.org")


# --- what is refused at the start ---

@pytest.mark.parametrize("config, what, code", [
    ("[dns]\ndomains = fjord.test\ntarget = one.fjord.test\ntsig_key_file = KEY\n", "INSECURE", 77),
    ("[dns]\ndomains = fjord.test\ntarget = one.fjord.test\ntsig_key_file = missing\n", "missing", 1),
    ("[dns]\npublish = yes\n", "domains names none", 78),
    ("name = wolf\n[dns]\ndomains = fjord.test\n", "whole name", 78)])
def test_settings_that_are_refused_at_the_start(folder, hosts, config, what, code):
    key = folder / "open.key"
    key.write_text(key_text("good", b"g" * 32))
    key.chmod(0o640)
    host = hosts(config=config.replace("KEY", str(key))).spawn()
    host.ended(code, seconds=30)
    assert what in host.log.read_text()


def test_the_line_of_a_wrong_key_file_is_named(folder, hosts):
    key = folder / "bad.key"
    key.write_text('key "good" {\n\talgorithm hmac-md5;\n};\n')
    key.chmod(0o600)
    host = hosts(config=f"[dns]\ndomains = fjord.test\ntarget = one.fjord.test\ntsig_key_file = {key}\n").spawn()
    host.ended(78, seconds=30)
    assert f'file={key} line=2 detail="the algorithm must be hmac-sha256 or hmac-sha512"' in host.log.read_text()


def test_the_key_as_a_systemd_credential(folder, hosts, bind):
    credentials = folder / "credentials"
    credentials.mkdir()
    (credentials / "musterd.tsig").write_bytes(bind.good.read_bytes())
    (credentials / "musterd.tsig").chmod(0o440)  # as systemd makes it
    host = hosts(config=section(bind, key=None), env={"CREDENTIALS_DIRECTORY": str(credentials)}).start()
    host.ctl("dns", "publish")
    assert bind.srv()[0]
