# SPDX-License-Identifier: Apache-2.0
"""Whatever is done to the audit log on disk is found: by the chain, by its checkpoints, or by the daemon's log."""
import json
import os
import re
import shutil
import sqlite3
import stat
import subprocess

import pytest

from harness import needs_faketime, program, run, wait_for

COLUMNS = ("at", "actor", "action", "object", "detail", "hash")


def database(host):
    return host.state / "muster.db"


def sql(host, *statements):
    with sqlite3.connect(database(host)) as db:
        for statement in statements:
            db.execute(*statement) if isinstance(statement, tuple) else db.execute(statement)
    db.close()


def rows_of(host):
    with sqlite3.connect(database(host)) as db:
        rows = db.execute("SELECT seq, at, actor, action, object, detail, hash FROM audit ORDER BY seq").fetchall()
    db.close()
    return rows


def checkpoints(log):
    return [(int(seq), token) for seq, token in re.findall(r"audit checkpoint audit=(\d+) hash=\S+ checkpoint=(\S+)", log)]


def found(host, *args):
    """The verdict, which must be bad."""
    done = host.ctl("audit", "verify", "--json", *args, check=False)
    assert done.returncode == 1, done.stdout + done.stderr
    return json.loads(done.stdout)


def saved(host):
    """Keep a stopped host's database aside, and give back what puts it there again."""
    kept = host.dir / "kept.db"
    shutil.copy(database(host), kept)

    def again():
        for name in ("muster.db", "muster.db-wal", "muster.db-shm"):
            (host.state / name).unlink(missing_ok=True)
        shutil.copy(kept, database(host))
    return again


@pytest.fixture
def busy(host, vendor):
    """A stopped host with some audit rows, all of them signed."""
    for name in ("ada", "bo", "kari"):
        host.ctl("user", "add", name)
    host.stop()
    return host


def flips(row):
    """One statement for each column: one byte of it another one."""
    seq = row[0]
    for name, value in zip(COLUMNS, row[1:]):
        if name == "at":
            value ^= 1
        elif name == "hash":
            value = bytes([value[0] ^ 1]) + value[1:]
        else:
            value = chr(ord(value[0]) ^ 1) + value[1:] if value else "x"
        yield f"UPDATE audit SET {name} = ? WHERE seq = ?", (value, seq)
    yield "UPDATE audit SET seq = ? WHERE seq = ?", (seq + 1000, seq)


def test_each_row_is_guarded(busy):
    """Each column of each row, each row lost, each two rows swapped: the row is named. Doctor says so, too."""
    again = saved(busy)
    rows = rows_of(busy)
    assert len(rows) >= 6
    tried = 0
    for i, row in enumerate(rows):
        changes = [([change], row[0]) for change in flips(row)]
        changes[-1] = (changes[-1][0], None if row[0] == 1 else row[0])  # the first row: what remains could be a pruned log
        changes.append(([("DELETE FROM audit WHERE seq = ?", (row[0],))], row[0]))
        if i + 1 < len(rows):
            pair = [("UPDATE audit SET at = ?, actor = ?, action = ?, object = ?, detail = ?, hash = ? WHERE seq = ?",
                     (*there[1:], here[0])) for here, there in ((row, rows[i + 1]), (rows[i + 1], row))]
            changes.append((pair, row[0]))
        for statements, bad in changes[i % 3::3] if i not in (0, len(rows) - 1) else changes:
            again()
            sql(busy, *statements)
            busy.start()
            verdict = found(busy)
            assert verdict["error"]["code"] == "AUDIT_BROKEN"
            assert bad in (None, verdict["bad_seq"]), (statements, verdict)
            tried += 1
            busy.stop()
    assert tried > 2 * len(rows)
    sql(busy, "UPDATE audit SET object = 'x' WHERE seq = 2")
    busy.start()
    done = busy.ctl("doctor", check=False)
    assert done.returncode != 0 and "row" in done.stdout


def test_a_forged_row_at_the_end_and_a_tail_that_is_cut(busy):
    again = saved(busy)
    rows = rows_of(busy)
    last = rows[-1]
    sql(busy, ("INSERT INTO audit VALUES (?, ?, ?, ?, ?, ?, ?)", (last[0] + 1, *last[1:])))
    busy.start()
    assert found(busy)["bad_seq"] == last[0] + 1
    busy.stop()
    for cut in range(1, 4):
        again()
        sql(busy, ("DELETE FROM audit WHERE seq > ?", (last[0] - cut,)))
        busy.start()
        verdict = found(busy)
        # The host went on behind the cut: its own rows are not the ones that were signed.
        assert verdict["error"]["code"] in ("AUDIT_BROKEN", "AUDIT_CHECKPOINT")
        assert last[0] - cut < verdict["bad_seq"] <= last[0] + 1, verdict
        busy.stop()


def test_a_tail_cut_with_its_checkpoints_is_found_by_the_log(busy):
    """Nothing in the database can tell; whoever kept the log can, from any form of it."""
    signed = checkpoints(busy.log.read_text())
    kept = busy.dir / "kept.log"
    shutil.copy(busy.log, kept)
    journal = busy.dir / "journal.json"
    journal.write_text("".join(json.dumps({"MESSAGE": line}) + "\n" for line in kept.read_text().splitlines()))
    last = rows_of(busy)[-1][0]
    assert signed[-1][0] == last
    sql(busy, ("DELETE FROM audit WHERE seq > ?", (last - 3,)), ("DELETE FROM checkpoint WHERE seq > ?", (last - 3,)))
    busy.start()
    assert busy.ctl("audit", "verify").returncode == 0
    for log in (kept, journal):
        verdict = found(busy, "--log", log)
        assert verdict["ok"] and not verdict["log"]["ok"]
        assert verdict["log"]["error"]["code"] == "AUDIT_CUT" and verdict["log"]["bad_seq"] <= last, verdict
    done = busy.ctl("audit", "verify", "--log", "-", check=False, stdin=kept.read_text())
    assert done.returncode == 1 and "AUDIT_CUT" in done.stderr and "remedy" in done.stderr


def test_an_older_database_put_back_is_found_by_the_log(busy):
    again = saved(busy)
    busy.start()
    assert busy.ctl("audit", "verify", "--log", busy.log).returncode == 0
    for name in ("liv", "per", "siv"):
        busy.ctl("user", "add", name)
    busy.stop()
    kept = busy.dir / "kept.log"
    shutil.copy(busy.log, kept)
    before = rows_of(busy)[-1][0]
    again()
    older = rows_of(busy)[-1][0]
    busy.start()
    assert busy.ctl("audit", "verify").returncode == 0
    verdict = found(busy, "--log", kept)
    assert verdict["log"]["error"]["code"] == "AUDIT_CUT"
    assert older < verdict["log"]["bad_seq"] <= before
    text = busy.dir / "other.log"
    text.write_text("nothing of that kind\n")
    assert "NOT_FOUND" in busy.ctl("audit", "verify", "--log", text, check=False).stderr


def test_checkpoints_are_guarded(busy):
    again = saved(busy)
    with sqlite3.connect(database(busy)) as db:
        points = db.execute("SELECT seq, token FROM checkpoint ORDER BY seq").fetchall()
    db.close()
    assert len(points) >= 2 and checkpoints(busy.log.read_text()) == points
    seq, token = points[0]
    for statement in (("UPDATE checkpoint SET at = at + 1 WHERE seq = ?", (seq,)),
                      ("UPDATE checkpoint SET seq = seq + 1 WHERE seq = ?", (seq,)),
                      ("UPDATE checkpoint SET token = ? WHERE seq = ?", (token[:40] + "A" + token[41:], seq)),
                      ("DELETE FROM checkpoint WHERE seq = ?", (seq,))):
        again()
        sql(busy, statement)
        busy.start()
        assert found(busy)["error"]["code"] == "AUDIT_CHECKPOINT", statement
        busy.stop()


def test_start_and_stop_are_audited_and_signed(busy):
    busy.start()
    actions = [(row["action"], row["actor"]) for row in busy.items("audit", "list")]
    assert actions[0] == ("host.started", "host") and ("host.stopped", "host") in actions and actions[-1] == ("host.started", "host")
    verdict = busy.json("audit", "verify")
    assert verdict["signed_through"] == verdict["last_seq"] == verdict["rows"] and verdict["checkpoints"] >= 3
    assert [signer["own"] for signer in verdict["signers"]] == [True]


def test_export_is_whole_and_verifies_without_a_host(busy):
    busy.start()
    file = busy.dir / "audit.jsonl"
    busy.ctl("audit", "export", "-o", file)
    assert file.stat().st_mode & 0o777 == 0o600
    key = busy.json("host", "show")["sign"]
    busy.stop()
    done = run(program("musterctl"), "audit", "verify", file, "--json")
    verdict = json.loads(done.stdout)
    assert verdict["ok"] and verdict["signers"][0]["sign"] == key
    run(program("musterctl"), "audit", "verify", file, "--key", key)
    lines = file.read_text().splitlines(keepends=True)
    rows = [i for i, line in enumerate(lines) if '"actor"' in line]
    assert len(rows) == verdict["rows"]
    other = busy.dir / "other.jsonl"
    for i in rows:
        row = json.loads(lines[i])
        changed = json.dumps({**row, "object": row["object"] + "x"}) + "\n"
        for altered in (lines[:i] + lines[i + 1:], lines[:i] + [changed] + lines[i + 1:]):
            other.write_text("".join(altered))
            done = run(program("musterctl"), "audit", "verify", other, "--json", check=False)
            assert done.returncode == 1 and json.loads(done.stdout)["error"]["code"] == "AUDIT_BROKEN"
            assert i == rows[0] or json.loads(done.stdout)["bad_seq"] == row["seq"]
    other.write_text("".join(lines[:-1]))
    assert "MALFORMED" in run(program("musterctl"), "audit", "verify", other, check=False).stderr
    stranger = "k4.public." + "A" * 43
    done = run(program("musterctl"), "audit", "verify", file, "--key", stranger, check=False)
    assert done.returncode == 1 and "AUDIT_CHECKPOINT" in done.stderr


@needs_faketime
def test_old_rows_go_and_what_is_left_verifies(hosts, vendor, clock):
    """By the host itself, from an export, and beside a log that still knows what went."""
    host = hosts(config="[audit]\nretain_days = 400\n", env=clock.env).start()
    host.install(vendor)
    host.ctl("user", "add", "ada")
    clock.set("+399d")
    host.wake()
    host.ctl("user", "add", "bo")
    assert host.json("audit", "verify")["pruned_through"] == 0
    clock.set("+402d")
    host.wake()
    verdict = wait_for(lambda: (v := host.json("audit", "verify"))["pruned_through"] and v)
    assert verdict["ok"] and verdict["first_seq"] == verdict["pruned_through"] + 1
    row, = host.items("audit", "list", "--action", "audit.pruned")
    assert row["actor"] == "host" and row["detail"] == {"from": 1, "through": verdict["pruned_through"]}
    file = host.dir / "audit.jsonl"
    host.ctl("audit", "export", "-o", file)
    assert json.loads(run(program("musterctl"), "audit", "verify", file, "--json").stdout)["ok"]
    beside = host.json("audit", "verify", "--log", host.log)
    assert beside["log"]["ok"] and beside["log"]["pruned"] >= 1
    assert "were pruned" in host.ctl("audit", "verify", "--log", host.log).stdout
    host.stop()
    sql(host, ("DELETE FROM audit WHERE seq = ?", (verdict["first_seq"],)))
    host.start()
    assert found(host)["bad_seq"] in (1, verdict["first_seq"])


def test_filters(busy):
    busy.start()
    rows = busy.items("audit", "list")
    assert [row["object"] for row in busy.items("audit", "list", "--action", "user.*")] == ["ada", "bo", "kari"]
    assert {row["actor"] for row in busy.items("audit", "list", "--actor", "uid:*")} == {row["actor"] for row in rows} - {"host"}
    assert len(busy.items("audit", "list", "--object", "ADA")) == 1
    assert busy.items("audit", "list", "--until", "2001-01-01") == []
    assert len(busy.items("audit", "list", "--since", "2001-01-01")) == len(rows)
    assert busy.items("audit", "list", "--device", "abcdef") == []
    assert busy.ctl("audit", "list", "--device", "abc", check=False).returncode != 0
    assert busy.ctl("audit", "list", "--csv").stdout.count("\n") == len(rows) + 1


def test_an_export_writes_to_a_pipe_and_never_replaces_it(busy):
    host, pipe, full = busy.start(), busy.dir / "pipe", busy.dir / "full"
    os.mkfifo(pipe)
    reader = subprocess.Popen(["cat", str(pipe)], stdout=subprocess.PIPE, text=True)
    try:
        host.ctl("audit", "export", "-o", pipe)
        assert '"rows":' in reader.communicate(timeout=20)[0].splitlines()[-1]
    finally:
        reader.kill()
        reader.wait()
    assert stat.S_ISFIFO(pipe.lstat().st_mode)
    full.symlink_to("/dev/full")
    host.refused("STORE_FULL", "audit", "export", "-o", full)
    host.refused("STORE_FULL", "backup", full)
    assert full.is_symlink() and stat.S_ISCHR(os.stat("/dev/full").st_mode)
    host.refused("CANNOT_CREATE", "audit", "export", "-o", host.dir / "nowhere" / "file")
    host.refused("CANNOT_CREATE", "backup", host.dir / "nowhere" / "file")
    assert not [name for name in host.dir.iterdir() if name.name.startswith("full.")]
