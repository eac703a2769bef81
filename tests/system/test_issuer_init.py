# SPDX-License-Identifier: Apache-2.0
"""The vendor's folder: made all or not at all, protected by a passphrase, and refused when it is damaged."""

import fcntl
import os
import pty
import select
import sqlite3
import stat
import struct
import subprocess
import termios
import time

import pytest

from issuer_kit import PROGRAM, Vendor, ok, ok_json, pid, refused, run, unb64
from issuer_kit import vendor  # noqa: F401 (fixtures)


# --- init ---


def test_init(tmp_path):
    done = ok_json("init", "--dir", "v", "--vendor", "Acme Søftware", "--no-passphrase", cwd=tmp_path)
    folder = tmp_path / "v"
    assert sorted(p.name for p in folder.iterdir()) == ["ledger.db", "vendor.key", "vendor.pub"]
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert stat.S_IMODE((folder / "vendor.key").stat().st_mode) == 0o600
    assert stat.S_IMODE((folder / "ledger.db").stat().st_mode) == 0o600
    public = (folder / "vendor.pub").read_text()
    assert public == done["key"] + "\n" and done["vendor"] == "Acme Søftware"
    assert done["id"] == pid(unb64(public.strip().removeprefix("k4.public.")))
    assert done["publish"] == "v/vendor.pub" and done["passphrase"] is False


def test_init_says_what_to_publish(tmp_path):
    text = ok("init", "--vendor", "Acme", "--no-passphrase", cwd=tmp_path).stdout
    assert "k4.pid." in text and "vendor.pub" in text and "NOT protected" in text
    assert (tmp_path / "vendor.key").exists()


@pytest.mark.parametrize("present", ["vendor.key", "vendor.pub", "ledger.db"])
def test_init_never_replaces(tmp_path, present):
    (tmp_path / present).write_text("precious")
    refused("DUPLICATE", 1, "init", "--dir", tmp_path, "--vendor", "Acme", "--no-passphrase", says=present)
    assert [p.name for p in tmp_path.iterdir()] == [present]
    assert (tmp_path / present).read_text() == "precious"


def test_init_twice(vendor):
    before = vendor.files()
    refused("DUPLICATE", 1, "init", "--dir", vendor.dir, "--vendor", "Other", "--no-passphrase")
    assert vendor.files() == before


@pytest.mark.parametrize("limit", [0, 60, 4096, 20000])
def test_init_makes_all_or_nothing(tmp_path, limit):
    """A disk that fills up while the folder is made."""
    done = run("init", "--dir", tmp_path / "v", "--vendor", "Acme", "--no-passphrase", limit=limit)
    assert done.returncode in (1, 75) and "remedy: " in done.stderr
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "note").write_text("x")
    assert run("init", "--dir", tmp_path / "mine", "--vendor", "Acme", "--no-passphrase", limit=limit).returncode
    assert [p.name for p in (tmp_path / "mine").iterdir()] == ["note"]


def test_init_refusals(tmp_path):
    refused("USAGE", 64, "init", "--dir", tmp_path / "v", "--no-passphrase", says="--vendor")
    refused("USAGE", 64, "init", "--dir", tmp_path / "v", "--vendor", "", "--no-passphrase", says="--vendor")
    refused("USAGE", 64, "init", "--dir", tmp_path / "v", "--vendor", "a\nb", "--no-passphrase", says="--vendor")
    refused("USAGE", 64, "init", "--dir", tmp_path / "v", "--vendor", "A", "--no-passphrase", "--passphrase", "-")
    refused("USAGE", 64, "init", "--dir", tmp_path / "v", "--vendor", "A", "--passphrase", "x", "--memory", "1")
    refused("CANNOT_CREATE", 73, "init", "--dir", tmp_path / "no" / "v", "--vendor", "A", "--no-passphrase")
    (tmp_path / "file").write_text("")
    refused("CANNOT_CREATE", 73, "init", "--dir", tmp_path / "file", "--vendor", "A", "--no-passphrase")
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


# --- the passphrase ---


CHEAP = ["--memory", "8", "--passes", "1"]


@pytest.fixture
def wrapped(tmp_path):
    (tmp_path / "pass").write_text("correct horse\n")
    (tmp_path / "pass").chmod(0o600)
    ok("init", "--dir", tmp_path / "v", "--vendor", "Acme", "--passphrase", f"@{tmp_path}/pass", *CHEAP)
    ok("product", "add", "p", "--dir", tmp_path / "v", "--name", "P")
    return tmp_path


def export(folder, *more, **options):
    return ["product", "export", "p", "--dir", folder / "v", "-o", folder / "p.product", *more], options


def test_passphrase_wraps_the_key(wrapped):
    text = (wrapped / "v" / "vendor.key").read_text()
    assert text.startswith("k4.secret-pw.") and text.count("\n") == 1
    memory, passes, lanes = struct.unpack(">QII", unb64(text.strip().removeprefix("k4.secret-pw."))[16:32])
    assert (memory, passes, lanes) == (8 << 20, 1, 1)


def test_passphrase_sources(wrapped):
    (wrapped / "cred").mkdir()
    (wrapped / "cred" / "vendor.passphrase").write_text("correct horse")
    sources = [
        (["--passphrase", f"@{wrapped}/pass"], {}),
        (["--passphrase", "-"], {"stdin": "correct horse\r\n"}),
        ([], {"env": {"MUSTER_ISSUER_PASSPHRASE_FILE": str(wrapped / "pass")}}),
        ([], {"env": {"CREDENTIALS_DIRECTORY": str(wrapped / "cred")}}),
    ]
    for options, more in sources:
        (wrapped / "p.product").unlink(missing_ok=True)
        args, _ = export(wrapped, *options)
        assert "horse" not in ok(*args, **more).stderr
        assert (wrapped / "p.product").exists()
    args, _ = export(wrapped, "--passphrase", "correct horse")
    assert "warning: a passphrase on the command line" in ok(*args).stderr


def test_passphrase_refusals(wrapped):
    (wrapped / "empty").write_text("\n")
    args, _ = export(wrapped)
    refused("PASSPHRASE_WRONG", 1, *args, "--passphrase", "wrong")
    refused("USAGE", 64, *args, says="--passphrase @FILE")
    refused("USAGE", 64, *args, "--passphrase", f"@{wrapped}/empty", says="empty")
    refused("NOT_FOUND", 1, *args, "--passphrase", f"@{wrapped}/nowhere", says="nowhere")
    refused("TOO_LARGE", 1, *args, "--passphrase", "-", stdin="x" * 5000)
    refused("USAGE", 64, "init", "--dir", wrapped / "w", "--vendor", "A", "--passphrase", f"@{wrapped}/empty", *CHEAP)
    refused("USAGE", 64, "init", "--dir", wrapped / "w", "--vendor", "A", *CHEAP, says="terminal")
    assert not (wrapped / "p.product").exists() and not (wrapped / "w").exists()
    assert "others may read" in run(*args, "--passphrase", f"@{wrapped}/empty").stderr


def on_terminal(args, answers):
    """Run on a pseudo terminal of its own and answer each question; gives the exit code and what was shown."""
    master, slave = pty.openpty()

    def prepare():
        os.setsid()
        fcntl.ioctl(slave, termios.TIOCSCTTY, 0)

    process = subprocess.Popen([str(PROGRAM), *map(str, args)], stdin=slave, stdout=slave, stderr=slave,
                               preexec_fn=prepare)
    shown = b""
    for answer in answers:
        end = time.monotonic() + 20
        while not shown.rstrip().endswith(b":") and time.monotonic() < end:
            shown += os.read(master, 4096)
        time.sleep(0.05)
        os.write(master, answer.encode())
        shown += b"|"
    process.wait(timeout=60)
    while select.select([master], [], [], 0.2)[0]:  # what was written may come in pieces, and a moment after the end
        shown += os.read(master, 65536)
    echo = bool(termios.tcgetattr(slave)[3] & termios.ECHO)
    os.close(master)
    os.close(slave)
    return process.returncode, shown.decode(), echo


def test_passphrase_on_the_terminal(wrapped):
    args, _ = export(wrapped)
    code, shown, echo = on_terminal(args, ["correct horse\n"])
    assert code == 0 and "Passphrase" in shown and "horse" not in shown and echo
    init = ["init", "--dir", wrapped / "t", "--vendor", "T", *CHEAP]
    code, shown, echo = on_terminal(init, ["one\n", "two\n"])
    assert code == 64 and "differ" in shown and echo and not (wrapped / "t").exists()
    code, shown, echo = on_terminal(init, ["\x03\n"])
    assert code == 64 and echo and not (wrapped / "t").exists()
    code, shown, _ = on_terminal(init, ["battery staple\n", "battery staple\n"])
    assert code == 0 and "staple" not in shown and (wrapped / "t" / "vendor.key").exists()


# --- the vendor's folder ---


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620])
def test_key_that_others_can_use(vendor, tmp_path, mode):
    (vendor.dir / "vendor.key").chmod(mode)
    vendor.refused("INSECURE", 77, "product", "export", "acme-cad", "-o", tmp_path / "p", says="vendor.key")
    assert not (tmp_path / "p").exists()


def test_damaged_folder(vendor, tmp_path):
    other = Vendor(tmp_path / "other")
    key, pub, ledger = (vendor.dir / name for name in ("vendor.key", "vendor.pub", "ledger.db"))
    keep = {path: path.read_bytes() for path in (key, pub, ledger)}
    export_it = ["product", "export", "acme-cad", "-o", tmp_path / "p"]

    def restore():
        for path, content in keep.items():
            path.write_bytes(content)

    for content in (b"", b"hello\n", keep[key][:-3] + b"\n", keep[key].replace(b"k4.secret.", b"k4.secret-pw.")):
        key.write_bytes(content)
        vendor.refused("KEY_INVALID", 1, *export_it, "--passphrase", "x")
    key.write_bytes((other.dir / "vendor.key").read_bytes())
    vendor.refused("KEY_INVALID", 1, *export_it, says="not the secret half")
    key.unlink()
    vendor.refused("NOT_FOUND", 1, *export_it, says="vendor.key")
    restore()
    key.chmod(0o600)
    pub.write_bytes((other.dir / "vendor.pub").read_bytes())
    vendor.refused("WRONG_VENDOR", 1, "license", "list")
    pub.write_text("k4.public.AAAA\n")
    vendor.refused("KEY_INVALID", 1, "license", "list")
    pub.unlink()
    vendor.refused("NOT_FOUND", 1, "license", "list", says="muster-issuer init")
    restore()
    ledger.unlink()
    vendor.refused("NOT_FOUND", 1, "license", "list", says="ledger.db")
    for content in (b"", b"junk" * 1000, keep[ledger][:100] + b"\xff" * 8000):
        ledger.write_bytes(content)
        vendor.refused("STORE_CORRUPT", 78, "license", "list", says="backup")
    assert not (tmp_path / "p").exists()
    refused("NOT_FOUND", 1, "product", "list", "--dir", tmp_path / "nowhere")


def test_newer_ledger(vendor):
    with sqlite3.connect(vendor.dir / "ledger.db") as db:
        db.execute("PRAGMA user_version = 99")
    before = vendor.files()
    vendor.refused("STORE_NEWER", 78, "product", "add", "x", "--name", "X", says="99")
    assert vendor.files() == before


def test_older_ledger(vendor, tmp_path):
    """A ledger of the first version gets the new tables at its first use, and keeps what is in it."""
    vendor.issue(tmp_path / "l", "--id", "fjord-1")
    with sqlite3.connect(vendor.dir / "ledger.db") as db:
        for table in ("host_key", "signer", "replaced_host", "revocation_list", "revoked_host", "revoked_license", "product_key", "key_salt"):
            db.execute(f"DROP TABLE {table}")
        db.execute("PRAGMA user_version = 1")
    (row,) = vendor.licenses()
    assert (row["id"], row["serial"], row["state"], row["revoked"]) == ("fjord-1", 1, "active", None)
    vendor.run("license", "revoke", "fjord-1")
    with sqlite3.connect(vendor.dir / "ledger.db") as db:
        assert db.execute("PRAGMA user_version").fetchone() == (4,)
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    assert vendor.licenses()[0]["state"] == "revoked"


def test_busy_ledger(vendor, tmp_path):
    db = sqlite3.connect(vendor.dir / "ledger.db", isolation_level=None)
    db.execute("BEGIN EXCLUSIVE")
    done = run("product", "list", "--dir", vendor.dir)
    db.execute("ROLLBACK")
    assert done.returncode == 75 and done.stderr.startswith("STORE_BUSY: ")
