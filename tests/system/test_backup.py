# SPDX-License-Identifier: Apache-2.0
"""Backup, restore and move: what was acknowledged stands, nobody is counted twice, and machines go on without noticing."""
import hashlib
import json
import os
import pwd
import random
import shutil
import sqlite3
import stat
import threading
import time

from ctl_server import on_terminal
from guide import Site
from harness import PRODUCT, ROOT, needs_root, program, run, wait_for
from wire import Client, unbase64


def state_of(machine):
    return (machine.state / "state.json").read_bytes()


def test_machines_ahead_of_an_older_database_go_on_without_noticing(host, vendor, machines):
    """The database is put back by hand, as a rolled back snapshot of the host's disk does it."""
    before, after, both = machines(host, "before", "after", "both")
    before.done("activate", PRODUCT)
    both.done("activate", PRODUCT)
    host.stop()
    old = host.dir / "old.db"
    shutil.copy(host.state / "muster.db", old)
    host.start()
    for machine in (before, after, both):
        machine.options[-1] = f"127.0.0.1:{host.port}"
    after.done("activate", PRODUCT)
    both.done("renew", PRODUCT)
    both.done("renew", PRODUCT)
    serials = {m: m.status()["serial"] for m in (before, after, both)}
    assert serials[both] == 3 and serials[after] == 1
    host.stop()
    shutil.copy(old, host.state / "muster.db")
    host.start()
    assert host.count() == 2
    for machine in (before, after, both):
        machine.options[-1] = f"127.0.0.1:{host.port}"
        assert "licensed until" in machine.done("renew", PRODUCT)
        assert machine.status()["serial"] == serials[machine] + 1
    assert host.count() == 3
    actions = [row["action"] for row in host.items("audit", "list")]
    assert actions.count("activation.adopted") == 2 and not {"device.rolled-back", "device.forked"} & set(actions)
    host.healthy()
    after.done("release", PRODUCT)
    assert host.grant("cad-volume")["active"] == 2


class Load(threading.Thread):
    """Activates new devices on one connection each, and renews them; remembers what was acknowledged, and how long it took."""

    def __init__(self, port, key):
        super().__init__(daemon=True)
        self.port, self.key = port, key
        self.devices, self.seconds = [], []
        self.stop = False

    def run(self):
        end = time.monotonic() + 60
        while not self.stop and time.monotonic() < end:
            client = Client(self.port, self.key, timeout=10).connect()
            for kind in ("activate", "renew"):
                began = time.monotonic()
                result = client.call(client.request([PRODUCT], kind=kind)).answer.results[0]
                self.seconds.append(time.monotonic() - began)
                assert result.status.code == 0
            self.devices.append(client.device)
            client.close()


def loads(host, vendor, n=3):
    key = (vendor.dir / "vendor.pub").read_text().strip()
    made = [Load(host.port, key) for _ in range(n)]
    for load in made:
        load.start()
    return made


def serial_of(result):
    assert result.status.code == 0
    return json.loads(unbase64(result.lease.split(".")[2])[:-64])["serial"]


def all_audit(host):
    rows, after = [], []
    while True:
        page = host.json("audit", "list", "--limit", "1000", *after)
        rows += page["items"]
        if not page["next"]:
            return rows
        after = ["--after", page["next"]]


def end(all_loads):
    for load in all_loads:
        load.stop = True
    for load in all_loads:
        load.join(timeout=30)
        assert not load.is_alive()


def passphrase(folder, text="correct horse"):
    path = folder / "passphrase"
    path.write_text(text + "\n")
    return f"@{path}"


def restore(host, path, *options, **more):
    """musterctl restore into this host's own state folder."""
    host.write_config()
    return run(program("musterctl"), "--json", "restore", path, "--config", host.config, *options, **more)


def refuse_restore(code, host, path, *options):
    done = restore(host, path, *options, check=False)
    assert done.returncode != 0 and done.stderr.startswith(f"{code}: "), done.stderr
    return json.loads(done.stdout)["error"]


def move(machine, host):
    machine.options[-1] = f"127.0.0.1:{host.port}"


def test_backup_under_load_restored_elsewhere_with_its_key(host, hosts, vendor, machines):
    """The words of the issue: same counts, no device counted again, clients continue without noticing."""
    own, later = machines(host, "own", "later")
    own.done("activate", PRODUCT)
    running = loads(host, vendor)
    wait_for(lambda: sum(len(load.devices) for load in running) > 20, what="load")
    made = host.json("backup", host.dir / "b", "--with-key", "--passphrase", passphrase(host.dir))
    wait_for(lambda: sum(len(load.devices) for load in running) > 60, what="load")
    end(running)
    later.done("activate", PRODUCT)
    own.done("renew", PRODUCT)
    assert made["backup"]["key"] and made["backup"]["devices"] >= 20
    assert stat.S_IMODE((host.dir / "b").stat().st_mode) == 0o600
    count, rows = host.count(), host.json("audit", "verify")["rows"]
    assert rows > made["backup"]["audit"]
    identity = host.json("host", "show")["id"]
    host.kill()

    other = hosts(state="other")
    told = json.loads(restore(other, host.dir / "b", "--passphrase", passphrase(host.dir)).stdout)
    assert told["same_host"] and told["found"] == "none" and told["backup"]["devices"] == made["backup"]["devices"]
    other.start()
    assert other.json("host", "show")["id"] == identity
    assert other.count() == made["backup"]["devices"] < count
    other.healthy()
    serial = own.status()["serial"]
    for machine in (own, later):
        move(machine, other)
        machine.done("renew", PRODUCT)
    assert own.status()["serial"] == serial + 1
    # Every device that was acknowledged comes back, with what its client remembers of its lease.
    key = (vendor.dir / "vendor.pub").read_text().strip()
    for device in [d for load in running for d in load.devices]:
        client = Client(other.port, key, device).connect()
        assert serial_of(client.renew_showing([PRODUCT])) == 3
        client.close()
    assert other.count() == count
    other.healthy()
    actions = [row["action"] for row in all_audit(other)]
    assert not {"device.rolled-back", "device.forked"} & set(actions) and actions.count("host.restored") == 1
    assert other.json("audit", "verify")["ok"]


def test_a_backup_without_the_key_holds_none(host):
    made = host.json("backup", host.dir / "b")
    assert not made["backup"]["key"]
    held = (host.dir / "b").read_bytes()
    _, sign, static = (host.state / "host.key").read_text().split("\n")[:3]
    for secret in (sign.split(".")[2], static.removeprefix("static ")):
        assert unbase64(secret)[:32] not in held and secret.encode() not in held
    with sqlite3.connect(host.dir / "b") as db:  # any SQLite reads it
        assert db.execute("SELECT count(*) FROM certificate").fetchone() == (1,)
        assert not db.execute("SELECT 1 FROM meta WHERE key = 'backup.key'").fetchall()
    with sqlite3.connect(host.state / "muster.db") as db:
        assert int(db.execute("SELECT value FROM meta WHERE key = 'backup.last'").fetchone()[0]) > time.time() - 60
    row = next(row for row in host.items("audit", "list") if row["action"] == "backup.made")
    assert row["detail"]["seq"] == made["backup"]["audit"] and row["actor"] == f"uid:{os.getuid()}"
    refuse_restore("STORE_BUSY", host, host.dir / "b")  # it runs
    host.stop()
    assert refuse_restore("KEY_INVALID", host, host.dir / "b", "--passphrase", passphrase(host.dir))["detail"]


def test_restore_refuses_what_it_must_and_keeps_what_was_there(host, hosts, vendor, machines):
    machine, newer = machines(host, "m", "n")
    machine.done("activate", PRODUCT)
    host.json("backup", host.dir / "b", "--with-key", "--passphrase", passphrase(host.dir))
    newer.done("activate", PRODUCT)
    host.stop()
    good = run(program("musterctl"), "--json", "backup", "verify", host.dir / "b")
    assert json.loads(good.stdout)["ok"]

    whole = (host.dir / "b").read_bytes()
    spoiled = host.dir / "spoiled"
    for at in [0, 18, 100, len(whole) - 1, *random.sample(range(len(whole)), 12)]:
        bad = bytearray(whole)
        bad[at] ^= 1
        spoiled.write_bytes(bad)
        refuse_restore("BACKUP_DAMAGED", host, spoiled, "--force")
    for cut in (0, 100, len(whole) // 2, len(whole) - 1):
        spoiled.write_bytes(whole[:cut])
        refuse_restore("BACKUP_DAMAGED", host, spoiled, "--force")
        assert run(program("musterctl"), "backup", "verify", spoiled, check=False).stderr.startswith("BACKUP_DAMAGED: ")
    refuse_restore("IO", host, host.dir / "missing")
    wrong = passphrase(host.dir, "wrong horse")
    refuse_restore("PASSPHRASE_WRONG", host, host.dir / "b", "--passphrase", wrong, "--force")

    error = refuse_restore("BACKUP_OLDER", host, host.dir / "b")
    assert error["numbers"]["need"] > error["numbers"]["have"]
    before = (host.state / "muster.db").read_bytes()
    told = json.loads(restore(host, host.dir / "b", "--force", "--dry-run").stdout)
    assert told["dry_run"] and told["lost"]["devices"] == 1 and told["lost"]["audit"] >= 2
    assert (host.state / "muster.db").read_bytes() == before
    line = ["restore", host.dir / "b", "--config", host.config, "--force"]
    said, code = on_terminal(line, dict(os.environ), b"n\n")  # somebody is there to be asked
    assert code == 1 and "1 devices" in said and "Restore it all the same?" in said and "nothing was changed" in said
    assert (host.state / "muster.db").read_bytes() == before
    told = json.loads(restore(host, host.dir / "b", "--force").stdout)
    with sqlite3.connect(told["kept"]) as db:
        assert db.execute("SELECT count(*) FROM device").fetchone() == (2,)
    host.start()
    row = next(row for row in host.items("audit", "list") if row["action"] == "host.restored")
    assert row["detail"] == {"backup": told["backup"]["time"], "seq": told["backup"]["audit"]}
    # The log knows of more than the backup had; the restore explains that, and it is told.
    verdict = host.json("audit", "verify", "--log", host.log)
    assert verdict["ok"] and verdict["log"]["ok"] and verdict["log"]["given_up"] >= 1
    assert verdict["log"]["restores"][0]["seq"] == told["backup"]["audit"]
    for m in (machine, newer):
        move(m, host)
        m.done("renew", PRODUCT)
    assert host.count() == 2

    # Another ledger with something in it, and one that a first start has made.
    other = hosts(state="other").start()
    other.stop()
    assert json.loads(restore(other, host.dir / "b", "--dry-run").stdout)["found"] == "empty"
    other.start()
    other.install(vendor, more=("--id", "fjord-2"))
    other.stop()
    refuse_restore("LEDGER_MISMATCH", other, host.dir / "b")
    # A damaged database is why people restore.
    (other.state / "muster.db").write_bytes(b"no database at all" * 100)
    told = json.loads(restore(other, host.dir / "b").stdout)
    assert told["found"] == "unreadable" and not told["same_host"] and told["kept"]
    other.start().healthy("NOT_CERTIFIED", "LICENSE_MISSING")


def test_an_older_schema_is_brought_up_to_date_and_a_newer_one_refused(host, hosts):
    host.json("backup", host.dir / "b")
    info = rows_of(host.dir / "b", "SELECT key, value FROM meta WHERE key IN ('backup.info', 'ledger')")
    shutil.copy(host.dir / "b", host.dir / "newer")
    rewrite(host.dir / "newer", "PRAGMA user_version = 99")
    other = hosts(state="other")
    refuse_restore("STORE_NEWER", other, host.dir / "newer", "--force")
    older = host.dir / "older"
    with sqlite3.connect(older) as db:
        for path in sorted((ROOT / "server/store/schema").glob("*.sql"))[:2]:
            db.executescript(path.read_text())
        db.executescript("PRAGMA application_id = 0x4d555354; PRAGMA user_version = 2")
        db.executemany("INSERT OR REPLACE INTO meta VALUES (?, ?)", info)
    db.close()
    older.write_bytes(older.read_bytes() + bytes(48))
    rewrite(older, "SELECT 1")
    before = older.read_bytes()
    run(program("musterctl"), "backup", "verify", older)
    restore(other, older)
    assert older.read_bytes() == before
    other.start().healthy("NOT_CERTIFIED", "LICENSE_MISSING")
    assert other.json("host", "show")["ledger"] == host.json("host", "show")["ledger"]


def rows_of(path, sql):
    with sqlite3.connect(path) as db:
        return db.execute(sql).fetchall()


def rewrite(path, sql):
    """Change a backup, and seal it anew as the program does."""
    data = path.read_bytes()[:-48]
    path.write_bytes(data)
    with sqlite3.connect(path) as db:
        db.execute(sql)
    db.close()
    data = path.read_bytes()
    path.write_bytes(data + b"MUSTER BACKUP 1\n" + hashlib.blake2b(data, digest_size=32).digest())


def test_what_contradicts_itself_is_no_backup(host, machines):
    """Sealed well, but with another count, another audit row, or without its own description."""
    machines(host, "m").done("activate", PRODUCT)
    host.json("backup", host.dir / "b")
    host.stop()
    for sql in ("UPDATE bucket SET n = n + 1", "UPDATE audit SET actor = 'nobody' WHERE seq = 2", "DELETE FROM audit WHERE seq = 2",
                "DELETE FROM meta WHERE key = 'backup.info'"):
        shutil.copy(host.dir / "b", host.dir / "s")
        rewrite(host.dir / "s", sql)
        refuse_restore("BACKUP_DAMAGED", host, host.dir / "s", "--force")


def test_killed_while_it_makes_a_backup(host, machines):
    machines(host, "m").done("activate", PRODUCT)
    for _ in range(5):
        assert host.api("POST", "/v1/backup", {"passphrase": "x" * 20})[0] == 200
        time.sleep(random.uniform(0, 0.3))
        host.kill()
        host.start()
        assert host.api("GET", "/v1/backup")[1]["state"] == "none"
        wait_for(lambda: not list(host.state.glob("*.part")), what="what was left behind is removed")
        host.healthy()
    host.json("backup", host.dir / "b")
    assert not list(host.dir.glob("b.part"))


def test_one_backup_at_a_time(host):
    assert host.api("POST", "/v1/backup", {"passphrase": "x" * 20})[0] == 200
    host.refused("BACKUP_RUNNING", "backup", host.dir / "b")
    wait_for(lambda: host.api("GET", "/v1/backup")[1]["state"] == "ready", what="backup")
    assert host.api("GET", "/v1/backup/file")[0] == 200
    assert host.api("POST", "/v1/backup/done")[1]["state"] == "none"
    assert host.api("GET", "/v1/backup/file")[0] == 404
    assert host.api("POST", "/v1/backup", {"passphrase": 7})[0] == 400


@needs_root
def test_a_full_disk_is_not_filled_by_a_backup(hosts, folder, vendor, machines):
    disk = folder / "disk"
    disk.mkdir()
    run("mount", "-t", "tmpfs", "-o", "size=40m,mode=700", "tmpfs", disk)
    host = hosts()
    host.state = disk / "host"
    try:
        host.start().install(vendor)
        (disk / "filler").write_bytes(bytes(20 << 20))
        host.refused("BACKUP_ROOM", "backup", folder / "b")
        assert not (folder / "b").exists() and not list(host.state.glob("backup*"))
        machines(host, "m").done("activate", PRODUCT)
        (disk / "filler").unlink()
        host.json("backup", folder / "b")
        host.refused("CANNOT_CREATE", "backup", folder / "no" / "b")
    finally:
        host.kill()
        run("umount", disk)


def test_the_schedule_keeps_the_newest(hosts, vendor, clock):
    host = hosts(config="[backup]\ndir = kept\nevery_hours = 1\nkeep = 3\n").start()
    kept = host.dir / "kept"
    wait_for(lambda: len(list(kept.glob("muster-*.backup"))) == 1, what="the first one")
    old = [kept / f"muster-2020010{i}T000000Z.backup" for i in range(1, 6)]
    for path in old:
        path.write_bytes(b"old")
    (kept / "mine.txt").write_text("not a backup")
    newest = next(p for p in kept.glob("muster-*.backup") if p not in old)
    os.utime(newest, (time.time() - 7200,) * 2)
    host.stop()
    host.start()
    wait_for(lambda: len(list(kept.glob("muster-*.backup"))) == 3, what="the next one, and the oldest gone")
    assert newest.exists() and (kept / "mine.txt").exists()
    made = max(kept.glob("muster-*.backup"))
    assert stat.S_IMODE(made.stat().st_mode) == 0o600
    run(program("musterctl"), "backup", "verify", made)
    assert [row["detail"].get("file") for row in host.items("audit", "list") if row["action"] == "backup.made"][-1] == str(made)


def test_a_backup_does_not_hold_up_activations(host, vendor):
    """Beside it, the slowest of a hundred takes at most a few times as long as before; it is never refused."""
    with_rows(host, 60000)
    quiet = p99(host, vendor)
    assert host.api("POST", "/v1/backup", {})[0] == 200
    beside = p99(host, vendor, lambda: host.api("GET", "/v1/backup")[1]["state"] in ("running", "verifying"))
    wait_for(lambda: host.api("GET", "/v1/backup")[1]["state"] == "ready", seconds=60, what="backup")
    print(f"p99 quiet {quiet * 1000:.1f} ms, beside a backup {beside * 1000:.1f} ms")
    assert beside < 5 * quiet + 0.05


def with_rows(host, n):
    """Make the database a few tens of MiB large."""
    host.stop()
    with sqlite3.connect(host.state / "muster.db") as db:
        db.executemany("INSERT INTO daily (day, what, entitlement, n) VALUES (?, ?, 0, 1)",
                       ((i % 1000, f"{i:06d}" + "x" * 200) for i in range(n)))
    db.close()
    host.start()


def p99(host, vendor, goes_on=None):
    load = loads(host, vendor, 1)[0]
    wait_for(lambda: len(load.seconds) > 100 and not (goes_on and goes_on() and len(load.seconds) < 2000), seconds=50, what="load")
    end([load])
    return sorted(load.seconds)[int(len(load.seconds) * 0.99)]


@needs_root
def test_root_restores_for_the_daemons_user(host, hosts):
    host.json("backup", host.dir / "b", "--with-key", "--passphrase", passphrase(host.dir))
    nobody = pwd.getpwnam("nobody")
    fresh = hosts(state="fresh")
    fresh.state.mkdir(mode=0o700)
    os.chown(fresh.state, nobody.pw_uid, nobody.pw_gid)
    for _ in range(2):
        restore(fresh, host.dir / "b", "--force", "--passphrase", passphrase(host.dir))
    for path in fresh.state.iterdir():
        assert path.stat().st_uid == nobody.pw_uid and stat.S_IMODE(path.stat().st_mode) == 0o600, path
    assert len(list(fresh.state.glob("muster.db.before-restore-*"))) == 1


# --- another host in its place ---

def test_a_replaced_host_counts_as_one(host, hosts, vendor, machines):
    """A third host would be one too many; the one in another's place is not."""
    own, later = machines(host, "own", "later")
    own.done("activate", PRODUCT)
    host.json("backup", host.dir / "b")
    later.done("activate", PRODUCT)
    own.done("renew", PRODUCT)
    serial = own.status()["serial"]
    host.kill()
    fresh = hosts(state="fresh")
    site = Site(fresh, vendor)
    shutil.move(host.dir / "b", fresh.dir / "backups/latest")
    site("without the key")
    finding = next(f for f in fresh.status()["health"] if f["code"] == "NOT_CERTIFIED")
    assert finding["next"].startswith("musterctl host replace ")
    move(own, fresh)
    own.refused("NO_HOST", "renew", PRODUCT)  # nothing is served under the old certificate
    for number in (1, 2):  # the vendor may be asked again
        site("certify again")
    site("certified")
    fresh.refused("NOTHING_TO_REPLACE", "host", "replace", "-o", fresh.dir / "again")
    for machine in (own, later):
        move(machine, fresh)
        machine.done("renew", PRODUCT)
    assert own.status()["serial"] == serial + 1 and fresh.count() == 2
    fresh.healthy()
    verdict = fresh.json("audit", "verify")
    assert verdict["ok"] and [signer["own"] for signer in verdict["signers"]].count(True) == 1
    assert len(verdict["signers"]) == 2 and all(signer["checkpoints"] for signer in verdict["signers"])  # the former host's, too
    second = hosts(state="second").start()
    second.ctl("host", "request", "-o", second.dir / "second.request")
    vendor("host", "certify", second.dir / "second.request", "--license", fresh.dir / "fjord.license", "-o", second.dir / "c2")
    third = hosts(state="third").start()
    third.ctl("host", "request", "-o", third.dir / "third.request")
    done = vendor("host", "certify", third.dir / "third.request", "--license", fresh.dir / "fjord.license", "-o", third.dir / "c3",
                  check=False)
    assert done.stderr.startswith("HOST_LIMIT: ")
    third.refused("NOTHING_TO_REPLACE", "host", "replace", "-o", third.dir / "c4")


def test_a_replaced_host_has_no_place_of_its_own(host, hosts, vendor):
    host.json("backup", host.dir / "b")
    request = host.dir / "old.request"
    host.ctl("host", "request", "-o", request)
    fresh = hosts(state="fresh")
    restore(fresh, host.dir / "b")
    fresh.start()
    fresh.ctl("host", "replace", "-o", fresh.dir / "new.request")
    certify = ["--license", host.dir / "fjord.license", "-o", host.dir / "c"]
    vendor("host", "certify", fresh.dir / "new.request", *certify)
    done = vendor("host", "certify", request, *certify, check=False)
    assert done.stderr.startswith("HOST_LIMIT: ") and "replaced" in done.stderr
    # A ledger that is not the old host's is no replacement.
    lone = hosts(state="lone").start()
    with sqlite3.connect(fresh.state / "muster.db") as db:
        assert db.execute("SELECT count(*) FROM certificate").fetchone() == (1,)
    lone.refused("NOTHING_TO_REPLACE", "host", "replace", "-o", host.dir / "x")


def test_a_retired_host_sends_its_machines_on_and_may_come_back(host, hosts, vendor, machines):
    second = hosts(state="second").start()
    second.certify(vendor, host.dir / "fjord.license")
    second.ctl("install", host.dir / "fjord.license")
    machine = machines(host, "m")
    machine.options += ["--host", f"127.0.0.1:{second.port}"]
    machine.done("activate", PRODUCT)
    assert host.count() == 1
    assert host.ctl("host", "retire", host.dir / "last", check=False).returncode == 64  # nobody confirmed it
    told = host.json("host", "retire", host.dir / "last", "--yes")
    assert told["retired"] and told["backup"]["activations"] == 1
    assert [f["code"] for f in host.status()["health"]] == ["HOST_RETIRED"]
    other = machines(host, "n")
    error = other("activate", PRODUCT, "--json")
    assert "HOST_RETIRED" in error.stdout + error.stderr
    host.refused("HOST_RETIRED", "user", "add", "kari")
    other.options += ["--host", f"127.0.0.1:{second.port}"]
    other.done("activate", PRODUCT)  # at once, by the next
    assert second.count() == 1
    host.stop()
    host.start()
    assert [f["code"] for f in host.status()["health"]] == ["HOST_RETIRED"]  # a restart is no return
    host.ctl("host", "retire", host.dir / "last", "--yes")  # again does no harm
    host.ctl("host", "retire", "--undo")
    assert host.status()["state"] == "ok"
    lone = machines(host, "l")
    lone.done("activate", PRODUCT)
    actions = [row["action"] for row in host.items("audit", "list")]
    assert actions.count("host.retired") == 1 and actions.count("host.returned") == 1
    # A retired host's last backup serves where it is restored.
    fresh = hosts(state="fresh")
    restore(fresh, host.dir / "last")
    fresh.start()
    assert "HOST_RETIRED" not in [f["code"] for f in fresh.status()["health"]]
