# SPDX-License-Identifier: Apache-2.0
"""musterctl doctor --repair, on a host that runs and on the file of one that does not start: what follows from the rest is made
anew, what does not is refused with a way out, and every row that is lost is told."""
import contextlib
import hashlib
import json
import os
import pathlib
import re
import shutil
import sqlite3

import pytest
from ctl_server import on_terminal
from harness import PRODUCT, Host, Machine, Vendor, needs_root, program, run

PAGE = 2048
EXTRA = 700  # devices beside the real ones, so that tables have many pages
DAY = 86400


@contextlib.contextmanager
def database(path):
    db = sqlite3.connect(path, isolation_level=None)
    yield db
    db.close()


def fill(path):
    """Devices that have an activation, refusals, days of statistics, and a list of free pages."""
    with database(path) as db:
        db.execute("BEGIN")
        at = db.execute("SELECT contacted FROM activation").fetchone()[0]
        for n in range(1000, 1000 + EXTRA):
            identity = os.urandom(32)
            db.execute("INSERT INTO device (num, tag, id, hostname, os, agent, first_seen) VALUES (?, ?, ?, ?, 'linux', '1', ?)",
                       (n, int.from_bytes(identity[:8], "big") >> 1, identity, f"pc-{n}", at))
            db.execute("INSERT INTO activation VALUES (?, 1, 0, 2, ?, ?, ?, ?, 1, 0, 1)", (n, at, at, at, at + 100 * DAY))
            db.execute("INSERT INTO denial VALUES (?, ?, 0, 'acme-cad', 41, ?, ?, 1)", (n, n, at, at))
            db.execute("INSERT INTO daily VALUES (?, 'granted', 1, 1)", (n,))
        db.execute("CREATE TABLE filler AS SELECT randomblob(900) FROM device")
        db.execute("DROP TABLE filler")
        db.execute("UPDATE bucket SET n = n + ? WHERE kind IN (0, 2)", (EXTRA,))
        db.execute("INSERT INTO bucket VALUES (1, 1, ?, ?)", ((at + 100 * DAY) // DAY, EXTRA))
        db.execute("COMMIT")


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """A host that was stopped, and its three machines; each test works on a copy."""
    folder = pathlib.Path("/tmp") / f"muster-repair-{os.getpid()}"
    folder.mkdir(mode=0o700)
    vendor = Vendor(folder)
    host = Host(folder).start()
    try:
        host.install(vendor)
        for n in range(3):
            Machine(folder, n, vendor.products, "--host", f"127.0.0.1:{host.port}").done("activate", PRODUCT)
        for n in range(60):
            host.ctl("user", "add", f"user-{n}")
        host.stop()
        fill(host.state / "muster.db")
        host.start()
        host.healthy()
        host.stop()
        yield vendor, folder
    finally:
        try:
            host.end()
        finally:
            shutil.rmtree(folder)


class Damaged(Host):
    """A copy of the site's host, whose database a test spoils."""

    def __init__(self, site, folder):
        super().__init__(folder)
        self.vendor, origin = site
        shutil.copytree(origin / "host", self.state)
        shutil.copytree(origin / "state", folder / "state")
        self.db = self.state / "muster.db"

    def machines(self):
        return [Machine(self.dir, n, self.vendor.products, "--host", f"127.0.0.1:{self.port}") for n in range(3)]

    def pages(self, tree, kind="leaf"):
        with database(self.db) as db:
            return [row[0] for row in db.execute("SELECT pageno FROM dbstat WHERE name = ? AND pagetype = ? ORDER BY path", (tree, kind))]

    def write(self, page, offset, data):
        with open(self.db, "r+b") as file:
            file.seek((page - 1) * PAGE + offset)
            file.write(data)

    def spoil(self, tree, where=1, offset=0, data=b"\xff" * 200):
        self.write(self.pages(tree)[where], offset, data)

    def unclean(self):
        """As after a crash: the next start looks at the file first."""
        with database(self.db) as db:
            db.execute("UPDATE meta SET value = x'00' WHERE key = 'clean'")

    def repair(self, *options, check=False, **more):
        return run(program("musterctl"), "--json", "doctor", "--repair", "--database", self.db, *options, check=check, **more)

    def repaired(self, *options, code=0):
        done = self.repair("--yes", *options)
        assert done.returncode == code, (done.stdout, done.stderr)
        told = json.loads(done.stdout)
        assert told["repaired"] and told["needed"]
        return told

    def serves(self):
        """Everything is there, and every machine goes on."""
        self.start()
        assert self.count() == 3 + EXTRA
        for machine in self.machines():
            assert "licensed until" in machine.done("renew", PRODUCT)
            assert machine.status()["serial"] == 2
        return self

    def numbers(self):
        with database(self.db) as db:
            tables = [row[0] for row in db.execute("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_stat%'")]
            return {table: db.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in tables}


@pytest.fixture
def damaged(site, folder):
    host = Damaged(site, folder)
    yield host
    host.end()


def digest(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def files(host):
    """All that is beside the database; a log that is empty says nothing."""
    return {path.name: digest(path) for path in host.state.iterdir() if path.stat().st_size or path.name == "lock"}


def table(told, name):
    return next((row for row in told["tables"] if row["table"] == name), None)


def what(told):
    return {row["what"] for row in told["repairs"]}


# --- the file of a host that is stopped ---

INDEXES = {"an index page": lambda h: h.spoil("device_tag"),
           "an index page of noughts": lambda h: h.spoil("sqlite_autoindex_denial_1", data=bytes(PAGE)),
           "the inside of an index": lambda h: h.write(h.pages("denial_latest", "internal")[0], 12, b"\xff" * 40),
           "the index of a small table": lambda h: h.spoil("sqlite_autoindex_entitlement_1", where=0)}


@pytest.mark.parametrize("harm", INDEXES.values(), ids=INDEXES)
def test_indexes_are_made_anew(damaged, harm):
    before = damaged.numbers()
    harm(damaged)
    damaged.unclean()
    spoiled = digest(damaged.db)
    damaged.spawn().ended(78)
    log = damaged.log.read_text()
    assert "STORE_CORRUPT" in log and "doctor --repair --database FILE" in log and "musterctl restore FILE" in log
    told = damaged.repaired()
    assert what(told) == {"indexes"} and not told["tables"] and not told["left"] and told["damage"]
    assert digest(pathlib.Path(told["kept"])) == spoiled  # as it was
    after = damaged.numbers()
    assert after.pop("audit") == before.pop("audit") + 1 and after == before
    damaged.serves().healthy()
    row = damaged.items("audit", "list", "--action", "store.repaired")[-1]
    assert row["actor"] == f"uid:{os.geteuid()}" and row["detail"]["repairs"][0]["what"] == "indexes"


def test_free_pages_are_left_behind(damaged):
    with open(damaged.db, "rb") as file:
        trunk = int.from_bytes(file.read(36)[32:], "big")
    assert trunk
    damaged.write(trunk, 0, os.urandom(PAGE))
    told = damaged.repaired()
    assert any("freelist" in line for line in told["damage"]) and not told["tables"] and not told["left"]
    damaged.serves().healthy()


def test_counts_are_made_anew_from_the_rows(damaged):
    damaged.spoil("bucket", where=0, data=bytes(PAGE))
    told = damaged.repaired()
    assert table(told, "bucket")["part"] == "derived" and "counts" in what(told)
    counts = next(row for row in told["repairs"] if row["what"] == "counts")
    assert counts["before"] == len(counts["details"]) and counts["after"] == 0
    assert any(re.search(rf"^cad-volume, contacts .*: 0, by the rows {EXTRA + 3}$", line) for line in counts["details"])
    damaged.serves().healthy()


@pytest.mark.parametrize("name,index", [("denial", True), ("daily", False)])
def test_statistics_that_cannot_be_read_are_told(damaged, name, index):
    """Rows on both sides of the hole are kept; with an index that is whole, their number is known."""
    before = damaged.numbers()[name]
    with database(damaged.db) as db:
        cells = db.execute("SELECT ncell FROM dbstat WHERE name = ? AND pageno = ?", (name, damaged.pages(name)[1])).fetchone()[0]
    damaged.spoil(name)
    told = damaged.repaired()
    found = table(told, name)
    assert found["part"] == "history" and found["lost"] == (cells if index else None) and found["read"] >= before - cells - 1
    assert damaged.numbers()[name] == found["read"]
    damaged.serves().healthy()


def test_two_holes_in_one_table(damaged):
    before = damaged.numbers()["denial"]
    pages = damaged.pages("denial")
    for page in (pages[0], pages[3], pages[-1]):
        damaged.write(page, 0, bytes(PAGE))
    told = damaged.repaired()
    found = table(told, "denial")
    assert found["read"] + found["lost"] == before and 0 < found["lost"] < before / 2


def test_the_audit_log_is_never_rewritten(damaged):
    """A hole in it stays, and is told from then on; what was written after it is there."""
    with database(damaged.db) as db:
        rows = dict(db.execute("SELECT seq, hash FROM audit"))
    damaged.spoil("audit", where=1)
    told = damaged.repaired(code=2)
    found = table(told, "audit")
    assert found["part"] == "log" and found["lost"] > 0 and found["lost"] + found["read"] == len(rows)
    assert [row["check"] for row in told["left"]] == ["AUDIT_BROKEN"] and "nothing rewrites" in told["left"][0]["remedy"]
    with database(damaged.db) as db:
        kept = dict(db.execute("SELECT seq, hash FROM audit"))
    assert len(rows) - found["lost"] + 1 == len(kept) and max(kept) == len(rows) + 1
    assert all(rows[seq] == digest_ for seq, digest_ in kept.items() if seq in rows)
    damaged.serves().healthy("audit", "AUDIT_BROKEN")


FACTS = {"activation": lambda h: h.spoil("activation"),
         "activation, payload": lambda h: h.spoil("activation", offset=1500),
         "device": lambda h: h.spoil("device", data=bytes(PAGE)),
         "device, fewer cells": lambda h: h.spoil("device", offset=3, data=b"\x00\x03"),
         "device, the inside": lambda h: h.write(h.pages("device", "internal")[0], 12, b"\xff" * 40),
         "meta": lambda h: h.spoil("meta", where=0),
         "ratchet": lambda h: h.spoil("ratchet", where=0),
         "certificate": lambda h: h.spoil("certificate", where=0),
         "user": lambda h: h.spoil("user", where=0),
         "entitlement": lambda h: h.spoil("entitlement", where=0, data=bytes(PAGE)),
         "audit, its end": lambda h: h.spoil("audit", where=-1)}


@pytest.mark.parametrize("harm", FACTS)
def test_facts_that_cannot_be_read_are_refused(damaged, harm):
    FACTS[harm](damaged)
    before = files(damaged)
    for options in (["--dry-run"], ["--yes"]):
        done = damaged.repair(*options)
        assert done.returncode == 1 and done.stderr.startswith("STORE_LOST: "), (done.stdout, done.stderr)
        error = json.loads(done.stdout)["error"]
        name = harm.split(",")[0]
        assert re.search(rf"{name}: \d+ rows read, (\d+|an unknown number) lost", error["detail"]), error
        assert "musterctl restore FILE" in error["remedy"]
        assert files(damaged) == before  # nothing was touched
    if harm == "device":
        assert re.search(r"device: \d+ rows read, [1-9]\d* lost", error["detail"]), error


@pytest.mark.parametrize("harm", ["half", "tail", "header", "schema"])
def test_files_that_are_no_database_any_more(damaged, harm):
    size = damaged.db.stat().st_size
    with open(damaged.db, "r+b") as file:
        if harm == "half":
            file.truncate(size // 2)
        elif harm == "tail":
            file.truncate(size - PAGE - 100)
        else:
            file.seek(0 if harm == "header" else 100)
            file.write(os.urandom(200))
    before = files(damaged)
    done = damaged.repair("--yes")
    if harm == "tail" and done.returncode == 0:  # nothing but an index was there
        damaged.serves().healthy()
        return
    assert done.returncode != 0 and re.match("STORE_(LOST|CORRUPT): ", done.stderr), done.stderr
    assert "musterctl restore FILE" in done.stderr
    assert files(damaged) == before


def test_what_a_backup_restores_after_the_refusal(damaged):
    damaged.start()
    damaged.ctl("backup", damaged.dir / "b")
    damaged.stop()
    damaged.spoil("activation")
    damaged.unclean()
    damaged.spawn().ended(78)
    assert damaged.repair("--yes").returncode == 1
    run(program("musterctl"), "restore", damaged.dir / "b", "--config", damaged.config, "--force", "--yes")
    damaged.serves().healthy()


def test_a_log_beside_the_file_is_read_and_kept_with_it(damaged):
    """kill -9 leaves what was acknowledged last in the log alone."""
    damaged.start()
    for machine in damaged.machines():
        machine.done("renew", PRODUCT)
    damaged.kill()
    log = damaged.db.with_name("muster.db-wal")
    assert log.stat().st_size
    spoiled = damaged.dir / "spoiled"
    shutil.copy(damaged.db, spoiled)
    shutil.copy(log, damaged.dir / "spoiled-wal")
    with database(spoiled) as db:
        page = db.execute("SELECT pageno FROM dbstat WHERE name = 'denial_latest' AND pagetype = 'leaf'").fetchall()[1][0]
    damaged.write(page, 0, b"\xff" * PAGE)
    before = digest(damaged.db), digest(log)
    told = damaged.repaired()
    kept = pathlib.Path(told["kept"])
    assert (digest(kept), digest(kept.with_name(kept.name + "-wal"))) == before
    assert not log.exists() or not log.stat().st_size
    damaged.start()
    for machine in damaged.machines():
        machine.done("renew", PRODUCT)
        assert machine.status()["serial"] == 3
    damaged.healthy()
    assert "device.rolled-back" not in [row["action"] for row in damaged.items("audit", "list")]


def test_broken_off_between_the_old_file_and_the_new(damaged):
    """Whole under its other name: a start puts it in place, and the old log is not taken for its own."""
    damaged.spoil("device_tag")
    spoiled = damaged.dir / "spoiled.db"
    shutil.copy(damaged.db, spoiled)
    damaged.repaired()
    fresh = damaged.db.rename(damaged.db.with_name("muster.db.ready"))
    shutil.copy(spoiled, damaged.db)
    damaged.db.with_name("muster.db-wal").write_bytes(os.urandom(5000))
    damaged.serves().healthy()
    assert not fresh.exists()
    # And one that was not whole yet is begun again.
    damaged.stop()
    damaged.spoil("device_tag")
    damaged.db.with_name("muster.db.repairing").write_bytes(b"half of it")
    damaged.repaired()
    damaged.start().healthy()


def test_it_asks_before_and_leaves_a_good_file_alone(damaged):
    before = files(damaged)
    told = json.loads(damaged.repair("--yes").stdout)
    assert not told["needed"] and not told["repaired"] and told["kept"] is None and files(damaged) == before
    damaged.spoil("device_tag")
    before = files(damaged)
    assert damaged.repair().returncode == 64
    told = json.loads(damaged.repair("--dry-run").stdout)
    assert told["needed"] and not told["repaired"] and told["dry_run"] and files(damaged) == before
    line = ["doctor", "--repair", "--database", damaged.db]
    shown, code = on_terminal(line, dict(os.environ), b"n\n")
    assert code == 1 and "Repair it?" in shown and "nothing was changed" in shown and files(damaged) == before
    shown, code = on_terminal(line, dict(os.environ), b"y\n")
    assert code == 0 and "repaired:" in shown and "before-repair-" in shown, shown
    for wrong in (["doctor", "--database", damaged.db], ["doctor", "--dry-run"]):
        assert run(program("musterctl"), *wrong, check=False).returncode == 64
    missing = run(program("musterctl"), "doctor", "--repair", "--yes", "--database", damaged.dir / "none", check=False)
    assert missing.stderr.startswith("IO: ")


def test_not_while_the_host_runs(damaged):
    damaged.start()
    done = damaged.repair("--yes")
    assert done.returncode == 75 and done.stderr.startswith("STORE_BUSY: ")
    damaged.healthy()


@needs_root
def test_no_room_for_the_new_file(damaged):
    """The old one stays as it is, and the next try does it."""
    damaged.spoil("device_tag")
    kept = files(damaged)
    disk = damaged.dir / "disk"
    disk.mkdir()
    run("mount", "-t", "tmpfs", "-o", f"size={damaged.db.stat().st_size + 60000},mode=700", "tmpfs", disk)
    try:
        for path in damaged.state.iterdir():
            shutil.copy(path, disk)
        damaged.state, damaged.db = disk, disk / "muster.db"
        done = damaged.repair("--yes")
        assert done.returncode == 75 and done.stderr.startswith("STORE_FULL: "), (done.stdout, done.stderr)
        assert files(damaged) == kept
        run("mount", "-o", "remount,size=40m", disk)
        damaged.repaired()
        damaged.start().healthy("DISK_LOW")
        damaged.stop()
    finally:
        damaged.kill()
        run("umount", disk)


# --- a host that runs ---

def break_index(path):
    """A row that an index does not know: SQLite is not told of the index while it is written."""
    with database(path) as db:
        row = db.execute("SELECT type, name, tbl_name, rootpage, sql FROM sqlite_schema WHERE name = 'denial_latest'").fetchone()
        db.execute("PRAGMA writable_schema = ON")
        db.execute("DELETE FROM sqlite_schema WHERE name = 'denial_latest'")
    with database(path) as db:
        db.execute("UPDATE denial SET latest = latest - 5 WHERE num < 1010")
        db.execute("PRAGMA writable_schema = ON")
        db.execute("INSERT INTO sqlite_schema VALUES (?, ?, ?, ?, ?)", row)


def break_all(path):
    break_index(path)
    with database(path) as db:
        db.execute("UPDATE bucket SET n = n + 4 WHERE entitlement = 1 AND kind = 0")
        db.execute("INSERT INTO bucket VALUES (1, 1, 5, 9)")
        db.execute("INSERT INTO waiting VALUES ('acme-cad', 2)")
        db.execute("INSERT INTO ratchet SELECT 99999, counter, token, shown, at, answer, machine FROM ratchet LIMIT 1")
        db.execute("INSERT INTO membership (kind, member, circle) VALUES (0, 1, 77)")


def test_a_host_that_runs_puts_right_what_follows_from_the_rest(damaged):
    break_all(damaged.db)
    damaged.start()
    assert damaged.count() == 3 + EXTRA + 4
    found = {check["check"] for check in damaged.json("doctor", check=False)["checks"] if not check["ok"]}
    assert found == {"indexes", "counts", "orphans"}
    assert damaged.ctl("doctor", "--repair", check=False).returncode == 64
    rows = damaged.numbers()
    told = damaged.json("doctor", "--repair", "--dry-run")
    assert told["dry_run"] and {row["what"] for row in told["repairs"]} == {"indexes", "counts", "orphans"}
    assert all(row["before"] == row["after"] > 0 for row in told["repairs"]) and damaged.numbers() == rows
    assert "COUNT_BROKEN" in json.dumps(damaged.api("GET", "/v1/health")[1]) or damaged.status()["state"] == "degraded"
    told = damaged.json("doctor", "--repair", "--yes")
    assert told["ok"] and all(row["after"] == 0 for row in told["repairs"])
    by = {(row["what"], row["table"]): row for row in told["repairs"]}
    assert by["orphans", "ratchet"]["before"] == by["orphans", "membership"]["before"] == 1
    details = by["counts", ""]["details"]
    assert any(re.search(rf"^cad-volume, contacts .*: {EXTRA + 7}, by the rows {EXTRA + 3}$", line) for line in details)
    assert "acme-cad, waiting: 2, by the rows 0" in details
    assert damaged.count() == 3 + EXTRA
    damaged.healthy()
    damaged.healthy()
    assert damaged.status()["state"] == "ok"
    for machine in damaged.machines():
        assert "licensed until" in machine.done("renew", PRODUCT)
    row = damaged.items("audit", "list", "--action", "store.repaired")
    assert len(row) == 1 and row[0]["detail"]["repairs"] == told["repairs"] and row[0]["actor"] == f"uid:{os.geteuid()}"
    # Once more: there is nothing, and nothing is said of it in the log.
    assert damaged.json("doctor", "--repair", "--yes")["repairs"] == []
    assert "nothing that the running daemon could put right" in damaged.ctl("doctor", "--repair", "--yes").stdout
    assert len(damaged.items("audit", "list", "--action", "store.repaired")) == 1
    assert damaged.ctl("audit", "verify").returncode == 0


@needs_root
def test_only_an_owner_may(damaged):
    break_all(damaged.db)
    damaged.roled().start()
    for role in ("viewer", "helpdesk", "assigner"):
        damaged.refused("NOT_PERMITTED", "doctor", "--repair", "--yes", role=role)
        damaged.refused("NOT_PERMITTED", "doctor", "--repair", "--dry-run", role=role)
    assert damaged.json("doctor", "--repair", "--yes", role="owner")["ok"]


def test_a_damaged_table_is_nothing_for_a_host_that_runs(damaged):
    """Counts are not made from what cannot be trusted; the way out is told."""
    break_all(damaged.db)
    damaged.spoil("denial", where=2)
    damaged.start()
    rows = damaged.numbers()["bucket"]
    done = damaged.ctl("--json", "doctor", "--repair", "--yes", check=False)
    told = json.loads(done.stdout)
    assert done.returncode == 1 and told["repairs"] == [] and not told["ok"]
    integrity = next(check for check in told["checks"] if check["check"] == "integrity")
    assert not integrity["ok"] and "doctor --repair --database FILE" in integrity["remedy"]
    assert damaged.numbers()["bucket"] == rows and damaged.process.poll() is None
    damaged.stop()
    told = damaged.repaired()
    assert {"indexes", "counts", "orphans"} <= what(told) and table(told, "denial")["lost"]
    damaged.serves().healthy()


def test_the_order_is_read_with_care(damaged):
    damaged.start()
    for body in ([], "x", {"dry_run": "yes"}):
        status, answer = damaged.api("POST", "/v1/doctor/repair", body)
        assert status == 400 and answer["code"] == "BAD_REQUEST"
    status, answer = damaged.api("POST", "/v1/doctor/repair")
    assert status == 200 and answer["ok"] and answer["repairs"] == [] and answer["dry_run"] is False
