# SPDX-License-Identifier: Apache-2.0
"""The vendor's program as a vendor uses it. Files are checked with an own PASETO reader on PyNaCl, not with ours."""

import base64
import datetime
import fcntl
import hashlib
import json
import os
import pathlib
import pty
import resource
import signal
import sqlite3
import stat
import struct
import subprocess
import termios
import time

import nacl.signing
import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROGRAM = pathlib.Path(os.environ.get("MUSTER_BUILD", ROOT / "build")).resolve() / "muster-issuer"
CHEAP = ["--memory", "8", "--passes", "1"]
DAY = 86400


# --- running ---


def run(*args, cwd=None, stdin=None, env=None, stdout=subprocess.PIPE, limit=None, timeout=60):
    """Run the program without a terminal; limit: no file may grow beyond so many bytes."""

    def prepare():
        if limit is not None:
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

    environment = {k: v for k, v in os.environ.items() if k not in ("CREDENTIALS_DIRECTORY",)}
    environment.pop("MUSTER_ISSUER_PASSPHRASE_FILE", None)
    environment.update(env or {})
    return subprocess.run([str(PROGRAM), *map(str, args)], cwd=cwd, input=stdin, env=environment, text=True,
                          stdout=stdout, stderr=subprocess.PIPE, timeout=timeout, start_new_session=True,
                          stdin=None if stdin is not None else subprocess.DEVNULL, preexec_fn=prepare)


def ok(*args, **more):
    done = run(*args, **more)
    assert done.returncode == 0, done.stderr
    return done


def ok_json(*args, **more):
    document = json.loads(ok(*args, "--json", **more).stdout)
    assert document["schema"] == 1
    return document


def refused(code, exit_code, *args, says=(), **more):
    """The command fails with this code on one line, a remedy on the next, and the same as JSON."""
    done = run(*args, **more)
    lines = [line for line in done.stderr.splitlines() if not line.startswith(("warning:", "note:"))]
    assert done.returncode == exit_code, (done.returncode, done.stderr)
    assert len(lines) == 2, done.stderr
    assert lines[0].startswith(code + ": ")
    assert lines[1].startswith("remedy: ")
    for words in [says] if isinstance(says, str) else says:
        assert words in done.stderr
    if more.get("stdout", subprocess.PIPE) is subprocess.PIPE:
        error = json.loads(run(*args, "--json", **more).stdout)["error"]
        assert error["code"] == code and error["text"] and error["remedy"]
        assert isinstance(error["numbers"], dict)
        return error
    return None


# --- PASETO v4.public, PASERK and armour, written from their specifications ---


def unb64(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def b64(raw):
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def pae(*pieces):
    return struct.pack("<Q", len(pieces)) + b"".join(struct.pack("<Q", len(p)) + p for p in pieces)


def dearmour(text, label):
    begin, end = f"-----BEGIN MUSTER {label}-----", f"-----END MUSTER {label}-----"
    assert text.startswith(begin) or f"\n{begin}" in text
    return "".join(text.split(begin)[1].split(end)[0].split())


def armour(label, token):
    lines = [token[i:i + 64] for i in range(0, len(token), 64)]
    return "\n".join([f"-----BEGIN MUSTER {label}-----", *lines, f"-----END MUSTER {label}-----", ""])


def token_open(token, key, typ):
    parts = token.split(".")
    assert parts[:2] == ["v4", "public"] and len(parts) == 4
    body, footer = unb64(parts[2]), unb64(parts[3])
    message, signature = body[:-64], body[-64:]
    nacl.signing.VerifyKey(key).verify(pae(b"v4.public.", message, footer, typ.encode()), signature)
    claims = json.loads(message)
    assert claims["typ"] == typ and claims["ver"] == 1
    assert footer.decode() == claims["iss"]
    return claims


def token_sign(claims, key):
    message, footer = json.dumps(claims).encode(), claims["iss"].encode()
    signature = key.sign(pae(b"v4.public.", message, footer, claims["typ"].encode())).signature
    return "v4.public." + b64(message + signature) + "." + b64(footer)


def public_text(key):
    return "k4.public." + b64(bytes(key))


def pid(key):
    return "k4.pid." + b64(hashlib.blake2b(b"k4.pid." + public_text(key).encode(), digest_size=33).digest())


def text_time(seconds):
    return datetime.datetime.fromtimestamp(seconds, datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def seconds_of(text):
    return int(datetime.datetime.strptime(text, "%Y-%m-%dT%H:%M:%S%z").timestamp())


def head(typ, key, **claims):
    return {"typ": typ, "ver": 1, "iss": pid(key.verify_key), "iat": text_time(time.time()),
            "jti": b64(os.urandom(16)), **claims}


# --- things to work with ---


class Vendor:
    def __init__(self, folder):
        self.dir = folder
        ok("init", "--dir", folder, "--vendor", "Acme Software", "--no-passphrase")
        self.key = unb64((folder / "vendor.pub").read_text().strip().removeprefix("k4.public."))
        secret = unb64((folder / "vendor.key").read_text().strip().removeprefix("k4.secret."))
        self.secret = nacl.signing.SigningKey(secret[:32])
        assert bytes(self.secret.verify_key) == self.key == secret[32:]

    def run(self, *args, **more):
        return ok(*args, "--dir", self.dir, **more)

    def json(self, *args, **more):
        return ok_json(*args, "--dir", self.dir, **more)

    def refused(self, code, exit_code, *args, **more):
        return refused(code, exit_code, *args, "--dir", self.dir, **more)

    def issue(self, output, *more, grants=("id=cad-volume,product=acme-cad,model=volume,threshold=25",),
              until="2040-01-01"):
        options = [word for grant in grants for word in ("--grant", grant)]
        return self.run("license", "issue", "--org", "fjord", "--org-name", "Fjord AS", "--until", until, *options,
                        "-o", output, *more)

    def licenses(self):
        return self.json("license", "list")["items"]

    def hosts(self):
        return self.json("host", "list")["items"]

    def files(self):
        return {path.name: path.read_bytes() for path in self.dir.iterdir()}


class Host:
    def __init__(self, name="host1.fjord.example"):
        self.secret = nacl.signing.SigningKey.generate()
        self.static, self.ledger, self.name = os.urandom(32), os.urandom(16), name

    def claims(self):
        host = {"sign": public_text(self.secret.verify_key), "static": b64(self.static), "name": self.name}
        return head("muster.host-request", self.secret, host=host, ledger=b64(self.ledger))

    def request(self, path, signer=None, **changes):
        path.write_text(armour("HOST REQUEST", token_sign({**self.claims(), **changes}, signer or self.secret)))
        return path


@pytest.fixture
def vendor(tmp_path):
    made = Vendor(tmp_path / "vendor")
    made.run("product", "add", "acme-cad", "--name", "Acme CAD", "--plan", "modeler:The Modeler", "--plan", "render",
             "--plan", "cloud", "--conflict", "render:cloud", "--requires", "render:modeler")
    return made


@pytest.fixture
def issued(vendor, tmp_path):
    vendor.issue(tmp_path / "fjord.license", "--hosts", "2", "--id", "fjord-1")
    return tmp_path / "fjord.license"


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
    os.set_blocking(master, False)
    try:
        shown += os.read(master, 65536)
    except OSError:
        pass
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


def test_busy_ledger(vendor, tmp_path):
    db = sqlite3.connect(vendor.dir / "ledger.db", isolation_level=None)
    db.execute("BEGIN EXCLUSIVE")
    done = run("product", "list", "--dir", vendor.dir)
    db.execute("ROLLBACK")
    assert done.returncode == 75 and done.stderr.startswith("STORE_BUSY: ")


# --- products ---


def test_product_file(vendor, tmp_path):
    vendor.run("product", "add", "tool", "--name", "Tööl", "--version-from", "2.1", "--version-to", "7",
               "--grace", "14d", "--on-expiry", "reduced")
    vendor.run("product", "export", "tool", "-o", tmp_path / "tool.product")
    text = (tmp_path / "tool.product").read_text()
    claims = token_open(dearmour(text, "PRODUCT"), vendor.key, "muster.product")
    assert claims["iss"] == pid(vendor.key)
    assert claims["product"] == {"id": "tool", "name": "Tööl", "versions": {"from": "2.1", "to": "7"}, "plans": []}
    assert (claims["grace_days"], claims["prompt_days"], claims["on_expiry"]) == (14, 14, "reduced")
    assert vendor.run("product", "export", "acme-cad").stdout.startswith("-----BEGIN MUSTER PRODUCT-----\n")
    both = vendor.json("product", "export", "acme-cad")
    claims = token_open(dearmour(both["file"], "PRODUCT"), vendor.key, "muster.product")
    assert (claims["grace_days"], claims["prompt_days"], claims["on_expiry"]) == (30, 25, "notice")
    assert claims["product"]["plans"] == [
        {"id": "modeler", "name": "The Modeler"},
        {"id": "render", "conflicts": ["cloud"], "requires": ["modeler"]},
        {"id": "cloud", "conflicts": ["render"]},
    ]


def test_product_list(vendor):
    assert "acme-cad" in vendor.run("product", "list").stdout
    vendor.json("product", "add", "b", "--name", "B", "--prompt", "1d")
    items = vendor.json("product", "list")["items"]
    assert [(i["id"], i["name"], i["prompt_days"]) for i in items] == [("acme-cad", "Acme CAD", 25), ("b", "B", 1)]


@pytest.mark.parametrize("options, says", [
    (["Bad!", "--name", "X"], "Bad!"),
    (["x"], "--name"),
    (["x", "--name", "\x1b[2J"], "--name"),
    (["x", "--name", "a\u009bb"], "--name"),
    (["x", "--name", "a" * 128], "--name"),
    (["x", "--name", "X", "--plan", "A"], "--plan"),
    (["x", "--name", "X", "--plan", "a:"], "--plan"),
    (["x", "--name", "X", "--plan", "a", "--plan", "a:Again"], "twice"),
    (["x", "--name", "X", *[w for n in range(17) for w in ("--plan", f"p{n}")]], "16"),
    (["x", "--name", "X", "--plan", "a", "--conflict", "a"], "--conflict"),
    (["x", "--name", "X", "--plan", "a", "--conflict", "a:a"], "twice"),
    (["x", "--name", "X", "--plan", "a", "--conflict", "a:b"], "'b'"),
    (["x", "--name", "X", "--plan", "a", "--requires", "b:a"], "'b'"),
    (["x", "--name", "X", "--plan", "a", "--plan", "b", "--plan", "c", "--requires", "a:b", "--requires", "b:c",
      "--conflict", "a:c"], "'a'"),
    (["x", "--name", "X", "--version-from", "1..2"], "--version-from"),
    (["x", "--name", "X", "--version-from", "8", "--version-to", "7.5"], "--version-to"),
    (["x", "--name", "X", "--grace", "30"], "--grace"),
    (["x", "--name", "X", "--grace", "12h"], "--grace"),
    (["x", "--name", "X", "--grace", "91d"], "--grace"),
    (["x", "--name", "X", "--grace", "10d", "--prompt", "11d"], "--prompt"),
    (["x", "--name", "X", "--on-expiry", "explode"], "--on-expiry"),
])
def test_product_add_refusals(vendor, options, says):
    vendor.refused("USAGE", 64, "product", "add", *options, says=says)
    assert len(vendor.json("product", "list")["items"]) == 1


def test_product_refusals(vendor):
    vendor.refused("DUPLICATE", 1, "product", "add", "acme-cad", "--name", "Again", says="acme-cad")
    vendor.refused("NOT_FOUND", 1, "product", "export", "nothing", says="nothing")


# --- licenses ---


def test_license_file(vendor, tmp_path):
    vendor.issue(tmp_path / "l", "--hosts", "2", until="2030-01-01")
    claims = token_open(dearmour((tmp_path / "l").read_text(), "LICENSE"), vendor.key, "muster.license")
    assert stat.S_IMODE((tmp_path / "l").stat().st_mode) == 0o644
    assert claims["iss"] == pid(vendor.key) and claims["serial"] == 1 and claims["hosts_max"] == 2
    assert claims["org"] == {"id": "fjord", "name": "Fjord AS"}
    assert claims["exp"] == "2030-01-01T00:00:00Z" and claims["grace_days"] == 30
    assert seconds_of(claims["nbf"]) % DAY == 0 and 0 <= time.time() - seconds_of(claims["nbf"]) < DAY + 3600
    assert claims["id"].startswith("fjord-") and len(claims["id"]) == 14
    assert [p["id"] for p in claims["products"]] == ["acme-cad"]
    (grant,) = claims["grants"]
    assert (grant["id"], grant["product"], grant["model"]) == ("cad-volume", "acme-cad", "volume")
    assert "quantity" not in grant and "exp" not in grant and "plans" not in grant
    assert grant["policy"] == {
        "threshold": 25, "window_days": 30, "lease_days": 180, "renew_minutes": 7 * 1440, "retry_minutes": 120,
        "grace_days": 30, "devices_per_user": 5, "hardware_tolerance": 60, "overage": "deny", "on_expiry": "notice",
        "enrol": "open"}
    (row,) = vendor.licenses()
    assert (row["id"], row["serial"], row["state"], row["hosts"]) == (claims["id"], 1, "active", 0)


def test_license_every_grant_key(vendor, tmp_path):
    grant = ("id=g1,product=acme-cad,model=volume,quantity=100,threshold=5,window=7d,lease=90d,renew=2d,retry=30m,"
             "grace=4w,overage=allow+report,on_expiry=reduced,enrol=approve,plans=modeler+render,from=2031-01-01,"
             "until=2032-01-01T12:00:00Z,cancel_until=2031-01-08")
    vendor.issue(tmp_path / "l", "--from", "2030-01-01", "--grace", "7d",
                 grants=[grant, "product=acme-cad,model=user,quantity=3,devices_per_user=2,lease=1d,plans=cloud",
                         "product=acme-cad,model=pool,quantity=9,lease=perpetual,plans=modeler",
                         "id=short,product=acme-cad,model=pool,quantity=9,lease=10d,plans=modeler"])
    claims = token_open(dearmour((tmp_path / "l").read_text(), "LICENSE"), vendor.key, "muster.license")
    first, user, pool, short = claims["grants"]
    policy = first.pop("policy")
    assert claims["grace_days"] == 7 and len(claims["products"]) == 1
    assert first == {"id": "g1", "product": "acme-cad", "model": "volume", "quantity": 100,
                     "nbf": "2031-01-01T00:00:00Z", "exp": "2032-01-01T12:00:00Z",
                     "cancel_until": "2031-01-08T00:00:00Z", "plans": ["modeler", "render"]}
    assert (policy["threshold"], policy["window_days"], policy["lease_days"], policy["grace_days"]) == (5, 7, 90, 28)
    assert (policy["renew_minutes"], policy["retry_minutes"]) == (2880, 30)
    assert (policy["overage"], policy["on_expiry"], policy["enrol"]) == ("allow+report", "reduced", "approve")
    assert user["id"] == "acme-cad-user" and user["policy"]["devices_per_user"] == 2
    assert user["policy"]["lease_days"] == 1 and user["policy"]["renew_minutes"] == 720
    assert pool["policy"]["lease_days"] == 0 and pool["policy"]["renew_minutes"] == 0
    assert pool["policy"]["enrol"] == "key" and short["policy"]["renew_minutes"] == 5 * 1440


V = "product=acme-cad,model=volume"


@pytest.mark.parametrize("grant, says", [
    ("", "product is missing"),
    ("model=volume", "product is missing"),
    ("product=acme-cad", "model is missing"),
    ("product=nothing,model=volume", "'nothing'"),
    ("product=acme-cad,model=banana", "model=banana"),
    (f"{V},colour=red", "'colour'"),
    (f"{V},threshold", "threshold lacks its value"),
    (f"{V},threshold=", "threshold lacks its value"),
    (f"{V},", "comma"),
    (f"{V},,threshold=1", "is no key"),
    (f"{V},threshold=1,threshold=2", "threshold is given twice"),
    (f"{V},product=acme-cad", "product is given twice"),
    (f"{V},id=Bad Id", "id="),
    (f"{V},threshold=0", "threshold=0"),
    (f"{V},threshold=1000001", "threshold=1000001"),
    (f"{V},threshold=-5", "threshold=-5"),
    (f"{V},threshold=5x", "threshold=5x"),
    (f"{V},threshold=99999999999999999999", "threshold="),
    (f"{V},quantity=0", "quantity=0"),
    (f"{V},quantity=2147483648", "quantity="),
    (f"{V},window=0d", "window=0d"),
    (f"{V},window=401d", "window=401d"),
    (f"{V},window=30", "window=30"),
    (f"{V},lease=90m", "lease=90m"),
    (f"{V},lease=401d", "lease=401d"),
    (f"{V},lease=perpetual", "perpetual"),
    (f"{V},renew=5m", "renew=5m"),
    (f"{V},renew=31d", "renew=31d"),
    (f"{V},lease=7d,renew=7d", "renew=7d"),
    (f"{V},retry=90s", "retry=90s"),
    (f"{V},grace=500d", "grace=500d"),
    (f"{V},overage=maybe,quantity=3", "overage=maybe"),
    (f"{V},overage=deny", "overage needs"),
    (f"{V},on_expiry=never", "on_expiry=never"),
    (f"{V},enrol=all", "enrol=all"),
    (f"{V},plans=modeler+paint", "'paint'"),
    (f"{V},plans=modeler+modeler", "twice"),
    (f"{V},plans=render", "'render' requires 'modeler'"),
    (f"{V},plans=+", "plans"),
    (f"{V},from=tomorrow", "from=tomorrow"),
    (f"{V},from=2000-01-01", "from is before"),
    (f"{V},from=2040-01-01", "from is not before"),
    (f"{V},until=2050-01-01", "until is after"),
    (f"{V},until=2000-01-01", "until is not after"),
    (f"{V},from=2035-01-01,until=2035-01-01", "until is not after from"),
    (f"{V},until=2030-02-30", "until=2030-02-30"),
    (f"{V},cancel_until=2041-01-01", "cancel_until"),
    (f"{V},cancel_until=2001-01-01", "cancel_until"),
    (f"{V},self_service=ann", "self_service"),
    (f"{V},devices_per_user=2", "devices_per_user"),
    ("product=acme-cad,model=pool", "quantity is missing"),
    ("product=acme-cad,model=device", "quantity is missing"),
    ("product=acme-cad,model=user", "quantity is missing"),
    ("product=acme-cad,model=shared", "quantity is missing"),
    ("product=acme-cad,model=pool,quantity=5,threshold=5", "threshold"),
    ("product=acme-cad,model=user,quantity=5,devices_per_user=0", "devices_per_user=0"),
    (f"{V},id={'x' * 64}", "id="),
    (f"{V},plans={'x' * 5000}", "too long"),
])
def test_grant_refusals(vendor, tmp_path, grant, says):
    vendor.refused("USAGE", 64, "license", "issue", "--org", "fjord", "--org-name", "F", "--until", "2040-01-01",
                   "--grant", grant, "-o", tmp_path / "l", says=["--grant", says])
    assert not (tmp_path / "l").exists() and vendor.licenses() == []


@pytest.mark.parametrize("changes, says", [
    ({"--org": None}, "--org"), ({"--org": "Fjord AS"}, "--org"), ({"--org-name": None}, "--org-name"),
    ({"--org-name": "a\tb"}, "--org-name"), ({"--until": None}, "--until"), ({"--until": "soon"}, "--until"),
    ({"--until": "2020-01-01"}, "--until"), ({"--from": "2040-01-01"}, "--until"), ({"--from": "x"}, "--from"),
    ({"--hosts": "0"}, "--hosts"), ({"--hosts": "1001"}, "--hosts"), ({"--hosts": "two"}, "--hosts"),
    ({"--id": "A"}, "--id"), ({"--grace": "1h"}, "--grace"), ({"--grace": "401d"}, "--grace"),
    ({"--grant": None}, "--grant"), ({"--org": "o" * 60}, "--id"),
])
def test_issue_refusals(vendor, tmp_path, changes, says):
    options = {"--org": "fjord", "--org-name": "Fjord", "--until": "2040-01-01", "--grant": V, **changes}
    words = [word for option, value in options.items() if value is not None for word in (option, value)]
    vendor.refused("USAGE", 64, "license", "issue", *words, "-o", tmp_path / "l", says=says)
    assert not (tmp_path / "l").exists() and vendor.licenses() == []


def test_issue_same_twice(vendor, issued, tmp_path):
    vendor.refused("DUPLICATE", 1, "license", "issue", "--org", "x", "--org-name", "X", "--until", "2040-01-01",
                   "--grant", V, "--id", "fjord-1", "-o", tmp_path / "again", says="fjord-1")
    vendor.refused("USAGE", 64, "license", "issue", "--org", "x", "--org-name", "X", "--until", "2040-01-01",
                   "--grant", V, "--grant", V, "-o", tmp_path / "again", says="acme-cad-volume")
    assert not (tmp_path / "again").exists() and len(vendor.licenses()) == 1


ISSUE = ["license", "issue", "--org", "fjord", "--org-name", "F", "--until", "2040-01-01", "--grant", V]


def test_issue_writes_both_or_neither(vendor, tmp_path):
    """Without its file a license is not in the ledger, and without the ledger there is no file."""
    (tmp_path / "folder").mkdir()
    vendor.refused("CANNOT_CREATE", 73, *ISSUE, "-o", tmp_path / "nowhere" / "l", says="nowhere")
    vendor.refused("CANNOT_CREATE", 73, *ISSUE, "-o", tmp_path / "folder", says="folder")
    vendor.refused("STORE_FULL", 75, *ISSUE, "-o", "/dev/full", says="Make room")
    with open("/dev/full", "w") as full:
        vendor.refused("STORE_FULL", 75, *ISSUE, stdout=full)
        assert run(*ISSUE, "--json", "--dir", vendor.dir, stdout=full).returncode == 1
    assert stat.S_ISCHR(os.stat("/dev/full").st_mode)
    for limit in (0, 600, 4096, 8192, 14000, 18000):
        before = (vendor.dir / "ledger.db").read_bytes()
        done = run(*ISSUE, "--dir", vendor.dir, "-o", tmp_path / "l", limit=limit)
        assert done.returncode in (1, 73, 75) and "remedy: " in done.stderr
        assert not (tmp_path / "l").exists() and vendor.licenses() == []
        assert (vendor.dir / "ledger.db").read_bytes() == before
    assert sorted(p.name for p in tmp_path.iterdir()) == ["folder", "vendor"]
    assert sorted(p.name for p in vendor.dir.iterdir()) == ["ledger.db", "vendor.key", "vendor.pub"]


@pytest.mark.parametrize("own", ["vendor.key", "vendor.pub", "ledger.db"])
def test_output_never_replaces_the_vendor(vendor, tmp_path, own):
    (tmp_path / "link").symlink_to(vendor.dir / own)
    before = vendor.files()
    vendor.refused("USAGE", 64, *ISSUE, "-o", vendor.dir / own, says=own)
    vendor.refused("USAGE", 64, *ISSUE, "-o", tmp_path / "link", says=own)
    assert vendor.files() == before


def test_issue_to_standard_output(vendor):
    done = vendor.run(*ISSUE)
    token_open(dearmour(done.stdout, "LICENSE"), vendor.key, "muster.license")
    assert done.stdout.endswith("-----END MUSTER LICENSE-----\n") and "serial 1" in done.stderr
    both = vendor.json(*ISSUE)
    assert token_open(dearmour(both["file"], "LICENSE"), vendor.key, "muster.license")["id"] == both["id"]
    assert len(vendor.licenses()) == 2


def test_license_show(vendor, issued, tmp_path):
    other = Vendor(tmp_path / "other")
    text = vendor.run("license", "show", "fjord-1").stdout
    for words in ("Fjord AS", "cad-volume", "threshold: 25", "exp: 2040-01-01T00:00:00Z", "The Modeler"):
        assert words in text
    shown = vendor.json("license", "show", "fjord-1")
    assert shown == vendor.json("license", "show", issued)
    assert shown["claims"] == token_open(dearmour(issued.read_text(), "LICENSE"), vendor.key, "muster.license")
    vendor.run("license", "show", "fjord-1", "-o", tmp_path / "again")
    assert (tmp_path / "again").read_bytes() == issued.read_bytes()
    vendor.refused("NOT_FOUND", 1, "license", "show", "nothing", says="nothing")
    other.refused("WRONG_VENDOR", 1, "license", "show", issued)
    vendor.refused("IO", 1, "license", "show", "/nowhere/file", says="/nowhere/file")
    vendor.run("product", "export", "acme-cad", "-o", tmp_path / "p")
    vendor.refused("WRONG_TYPE", 1, "license", "show", tmp_path / "p", says="PRODUCT")


def test_license_list(vendor, issued):
    vendor.issue("/dev/null", "--id", "old", "--from", "2020-01-01", until="2021-01-01")
    vendor.issue("/dev/null", "--id", "new", "--from", "2039-01-01")
    assert {row["id"]: row["state"] for row in vendor.licenses()} == {
        "fjord-1": "active", "old": "expired", "new": "pending"}
    assert "Fjord AS" in vendor.run("license", "list").stdout


# --- hosts ---


def certify(vendor, host, license_name, tmp_path, *more):
    vendor.run("host", "certify", host.request(tmp_path / "host.request"), "--license", license_name, "-o",
               tmp_path / "host.certificate", *more)
    text = (tmp_path / "host.certificate").read_text()
    return token_open(dearmour(text, "CERTIFICATE"), vendor.key, "muster.certificate")


def test_host_certificate(vendor, issued, tmp_path):
    host, now = Host(), time.time()
    claims = certify(vendor, host, issued, tmp_path)
    assert claims["iss"] == pid(vendor.key) and claims["vendor"] == public_text(vendor.key)
    assert claims["host"] == {"sign": public_text(host.secret.verify_key), "static": b64(host.static),
                              "name": host.name}
    assert unb64(claims["ledger"]) == host.ledger and len(unb64(claims["fp_salt"])) == 32
    assert (claims["org"], claims["license"], claims["products"]) == ("fjord", "fjord-1", ["acme-cad"])
    assert claims["lease_days_max"] == 180 and sorted(claims["usages"]) == ["lease", "rpc"]
    assert abs(seconds_of(claims["nbf"]) - (now - DAY)) < 60
    assert seconds_of(claims["exp"]) == seconds_of("2040-01-01T00:00:00Z") + 30 * DAY
    (row,) = vendor.hosts()
    assert (row["name"], row["license"], row["state"]) == (host.name, "fjord-1", "ok")
    assert row["host"] == pid(host.secret.verify_key) and row["certificate"] == claims["jti"]
    assert host.name in vendor.run("host", "list").stdout
    assert vendor.licenses()[0]["hosts"] == 1


def test_host_by_license_id_and_days(vendor, issued, tmp_path):
    claims = certify(vendor, Host(), "fjord-1", tmp_path, "--days", "60")
    assert abs(seconds_of(claims["exp"]) - (time.time() + 60 * DAY)) < 60
    vendor.issue(tmp_path / "brief", "--id", "brief", "--grace", "0d", until="2027-01-01")
    with_days = certify(vendor, Host(), "brief", tmp_path, "--days", "36500")
    assert with_days["exp"] == "2027-01-01T00:00:00Z"


def test_host_lease_limit_follows_the_grants(vendor, tmp_path):
    vendor.issue(tmp_path / "l", "--id", "two",
                 grants=[f"{V},lease=200d", "product=acme-cad,model=device,quantity=5"])
    claims = certify(vendor, Host(), "two", tmp_path)
    assert claims["lease_days_max"] == 200 and claims["products"] == ["acme-cad"]
    vendor.issue(tmp_path / "l", "--id", "ever", grants=[V, "product=acme-cad,model=pool,quantity=5"])
    assert certify(vendor, Host(), "ever", tmp_path)["lease_days_max"] == 0


def test_host_limit(vendor, issued, tmp_path):
    first, second, third = Host("one"), Host("two"), Host("three")
    salts = {certify(vendor, host, "fjord-1", tmp_path)["fp_salt"] for host in (first, second, first)}
    assert len(salts) == 1
    (tmp_path / "host.certificate").unlink()
    error = vendor.refused("HOST_LIMIT", 1, "host", "certify", third.request(tmp_path / "r"), "--license", "fjord-1",
                           "-o", tmp_path / "c", says="2 hosts")
    assert error["numbers"] == {"used": 2, "quantity": 2} and not (tmp_path / "c").exists()
    assert [(row["name"], row["certificates"]) for row in vendor.hosts()] == [("one", 2), ("two", 1)]
    first.name, first.static = "renamed", os.urandom(32)
    assert certify(vendor, first, "fjord-1", tmp_path)["host"]["name"] == "renamed"
    assert {row["name"] for row in vendor.hosts()} == {"renamed", "two"}
    vendor.issue(tmp_path / "l", "--id", "another")
    assert certify(vendor, third, "another", tmp_path)["fp_salt"] not in salts


def test_host_limit_under_contention(vendor, tmp_path):
    vendor.issue(tmp_path / "l", "--id", "one-host")
    requests = [Host(f"h{n}").request(tmp_path / f"r{n}") for n in range(6)]
    runs = [subprocess.Popen([str(PROGRAM), "host", "certify", str(path), "--license", "one-host", "--dir",
                              str(vendor.dir), "-o", str(path) + ".cert"], stdout=subprocess.DEVNULL,
                             stderr=subprocess.DEVNULL) for path in requests]
    codes = sorted(process.wait(timeout=60) for process in runs)
    assert codes == [0, 1, 1, 1, 1, 1] and len(vendor.hosts()) == 1
    assert len(list(tmp_path.glob("*.cert"))) == 1


@pytest.mark.parametrize("model", ["pool", "device", "user", "shared"])
def test_second_host_only_for_volume(vendor, tmp_path, model):
    vendor.issue(tmp_path / "l", "--id", "mixed", "--hosts", "5",
                 grants=[V, f"id=seats,product=acme-cad,model={model},quantity=7"])
    first = Host("one")
    certify(vendor, first, "mixed", tmp_path)
    vendor.refused("HOST_LIMIT", 1, "host", "certify", Host().request(tmp_path / "r"), "--license", "mixed", "-o",
                   tmp_path / "c", says=["seats", model, "7"])
    certify(vendor, first, "mixed", tmp_path)
    assert not (tmp_path / "c").exists() and len(vendor.hosts()) == 1


def test_host_refusals(vendor, issued, tmp_path):
    host, request = Host(), tmp_path / "r"
    other = Vendor(tmp_path / "other")
    other.run("product", "add", "acme-cad", "--name", "Other CAD")
    other.issue(tmp_path / "other.license", "--id", "fjord-1")
    good = host.request(request).read_text()
    on = ["host", "certify", request, "--license"]
    vendor.refused("USAGE", 64, "host", "certify", request, says="--license")
    vendor.refused("USAGE", 64, *on, issued, "--share", "cad-volume=5", says="--share")
    for days in ("0", "-1", "x", "36501"):
        vendor.refused("USAGE", 64, *on, issued, "--days", days, says="--days")
    vendor.refused("USAGE", 64, "host", "certify", "-", "--license", "-", says="standard input")
    vendor.refused("WRONG_VENDOR", 1, *on, tmp_path / "other.license", says=pid(other.key))
    vendor.refused("NOT_FOUND", 1, *on, "nothing", says="nothing")
    vendor.refused("WRONG_TYPE", 1, *on, request, says="HOST REQUEST")
    vendor.refused("WRONG_TYPE", 1, "host", "certify", issued, "--license", issued, says="LICENSE")
    vendor.refused("IO", 1, "host", "certify", tmp_path / "none", "--license", issued, says="none")
    request.write_text("hello")
    vendor.refused("ARMOUR_INVALID", 1, *on, issued)
    request.write_text(good[:-20])
    vendor.refused("ARMOUR_INVALID", 1, *on, issued)
    request.write_text("x" * 300000)
    vendor.refused("TOO_LARGE", 1, *on, issued)
    host.request(request, signer=Host().secret)
    vendor.refused("SIGNATURE_INVALID", 1, *on, issued)
    host.request(request, typ="muster.license")
    vendor.refused("SIGNATURE_INVALID", 1, *on, issued)
    host.request(request, ver=2)
    vendor.refused("CRITICAL_UNKNOWN", 1, *on, issued)
    host.request(request, ledger="AAAA")
    vendor.refused("CLAIM_INVALID", 1, *on, issued, says="ledger")
    for name in ("", "evil\x1b[2J", "n" * 254):
        Host(name).request(request)
        vendor.refused("CLAIM_INVALID", 1, *on, issued, says="name")
    host.request(request)
    vendor.refused("CANNOT_CREATE", 73, *on, issued, "-o", tmp_path / "no" / "c")
    vendor.refused("STORE_FULL", 75, *on, issued, "-o", "/dev/full")
    assert vendor.hosts() == [] and not (tmp_path / "c").exists()
    assert vendor.run("host", "certify", "-", "--license", issued, stdin=good).stdout.startswith("-----BEGIN")


def signed_license(vendor, claims, path, **changes):
    path.write_text(armour("LICENSE", token_sign({**claims, **changes}, vendor.secret)))
    return path


def test_host_license_must_be_in_the_ledger(vendor, issued, tmp_path):
    claims = token_open(dearmour(issued.read_text(), "LICENSE"), vendor.key, "muster.license")
    on = ["host", "certify", Host().request(tmp_path / "r"), "--license"]
    vendor.refused("NOT_FOUND", 1, *on, signed_license(vendor, claims, tmp_path / "l", id="forgotten"),
                   says="forgotten")
    vendor.refused("NOT_FOUND", 1, *on, signed_license(vendor, claims, tmp_path / "l", serial=2), says="serial 2")
    forged = token_sign({**claims, "hosts_max": 9}, Host().secret)
    (tmp_path / "l").write_text(armour("LICENSE", forged))
    vendor.refused("SIGNATURE_INVALID", 1, *on, tmp_path / "l")
    assert vendor.hosts() == []


def test_host_older_serial_takes_the_newest_terms(vendor, issued, tmp_path):
    claims = token_open(dearmour(issued.read_text(), "LICENSE"), vendor.key, "muster.license")
    newer = token_sign({**claims, "serial": 2, "exp": "2041-01-01T00:00:00Z"}, vendor.secret)
    with sqlite3.connect(vendor.dir / "ledger.db") as db:
        db.execute("INSERT INTO issue SELECT license, 2, org_name, nbf, ?, hosts_max, issued, ? FROM issue",
                   (seconds_of("2041-01-01T00:00:00Z"), newer))
    certificate = certify(vendor, Host(), issued, tmp_path)
    assert seconds_of(certificate["exp"]) == seconds_of("2041-01-01T00:00:00Z") + 30 * DAY
    assert vendor.licenses()[0]["serial"] == 2 and vendor.hosts()[0]["serial"] == 2


def test_host_of_an_ended_license(vendor, tmp_path):
    request = Host().request(tmp_path / "r")
    vendor.issue(tmp_path / "l", "--id", "old", "--from", "2020-01-01", until="2021-01-01")
    vendor.refused("LICENSE_ENDED", 4, "host", "certify", request, "--license", "old", "-o", tmp_path / "c",
                   says="old")
    yesterday = text_time(time.time() - DAY)
    vendor.issue(tmp_path / "l", "--id", "grace", "--from", "2020-01-01", until=yesterday)
    claims = certify(vendor, Host(), "grace", tmp_path)
    assert seconds_of(claims["exp"]) == seconds_of(yesterday) + 30 * DAY
    assert not (tmp_path / "c").exists()


def test_host_too_many_products(vendor, tmp_path):
    names = [f"a-product-with-a-name-that-is-rather-long-{n:02}" for n in range(50)]
    for name in names:
        vendor.run("product", "add", name, "--name", name)
    vendor.issue(tmp_path / "l", "--id", "many", grants=[f"product={name},model=volume" for name in names])
    vendor.refused("TOO_LARGE", 1, "host", "certify", Host().request(tmp_path / "r"), "--license", "many", "-o",
                   tmp_path / "c", says="50 products")
    assert vendor.hosts() == [] and not (tmp_path / "c").exists()


def test_host_name_cannot_steer_the_terminal(vendor, issued, tmp_path):
    vendor.refused("CLAIM_INVALID", 1, "host", "certify", Host("a\u009bc").request(tmp_path / "r"), "--license",
                   "fjord-1")
    host = Host("a\u202egpj.b")
    done = vendor.run("host", "certify", host.request(tmp_path / "r"), "--license", "fjord-1", "-o", tmp_path / "c")
    for text in (done.stdout, vendor.run("host", "list").stdout, vendor.run("verify", tmp_path / "c").stdout):
        assert "\u202e" not in text and "a?gpj.b" in text


# --- verify ---


def verdict(exit_code, *args, **more):
    done = run("verify", *args, "--json", **more)
    assert done.returncode == exit_code, done.stderr
    document = json.loads(done.stdout)
    assert document["schema"] == 1 and document["valid"] is (exit_code == 0)
    text = run("verify", *args, **more)
    assert text.returncode == exit_code
    return document, text


def test_verify_license(vendor, issued, tmp_path):
    claims = token_open(dearmour(issued.read_text(), "LICENSE"), vendor.key, "muster.license")
    bare, crlf = tmp_path / "bare", tmp_path / "crlf"
    bare.write_text(dearmour(issued.read_text(), "LICENSE"))
    crlf.write_text("Hello,\r\n" + issued.read_text().replace("\n", "  \r\n") + "Bye")
    for path in (issued, bare, crlf):
        for options in (["--dir", vendor.dir], ["--key", public_text(vendor.key)],
                        ["--key", f"@{vendor.dir}/vendor.pub"]):
            document, text = verdict(0, path, *options)
            assert document["claims"] == claims and document["issuer"] == pid(vendor.key)
            assert (document["typ"], document["state"]) == ("muster.license", "valid")
            assert document["key"]["pinned"] is True and document["key"]["id"] == pid(vendor.key)
            assert "muster.license" in text.stdout and "threshold: 25" in text.stdout
    assert verdict(0, issued, cwd=vendor.dir)[0]["key"]["source"] == "vendor.pub"
    assert run("verify", "-", "--dir", vendor.dir, stdin=issued.read_text()).returncode == 0


def test_verify_needs_a_key(issued, tmp_path, vendor):
    error = refused("USAGE", 64, "verify", issued, cwd=tmp_path, says="--key")
    assert error["code"] == "USAGE"
    refused("KEY_INVALID", 1, "verify", issued, "--key", "k4.public.AAAA")
    refused("KEY_INVALID", 1, "verify", issued, "--key", "k4.secret.AAAA")
    refused("IO", 1, "verify", issued, "--key", "@/nowhere")
    refused("TOO_LARGE", 1, "verify", issued, "--key", f"@{issued}")
    (tmp_path / "key").write_text("hello\n")
    refused("KEY_INVALID", 1, "verify", issued, "--key", f"@{tmp_path}/key")
    refused("NOT_FOUND", 1, "verify", issued, "--dir", tmp_path / "empty")


def test_verify_altered(vendor, issued, tmp_path):
    token = dearmour(issued.read_text(), "LICENSE")
    header, version, body, footer = token.split(".")
    raw, changed = unb64(body), []
    for at in (0, 40, len(raw) - 65, len(raw) - 64, len(raw) - 1):
        altered = bytearray(raw)
        altered[at] ^= 1
        changed.append(f"{header}.{version}.{b64(bytes(altered))}.{footer}")
    changed.append(f"{header}.{version}.{b64(raw.replace(b'Fjord AS', b'Fjord BS'))}.{footer}")
    changed.append(f"{header}.{version}.{body}.{b64(b'k4.pid.x')}")
    changed.append(f"{header}.{version}.{body}")
    for altered in changed:
        (tmp_path / "bad").write_text(armour("LICENSE", altered))
        document, text = verdict(1, tmp_path / "bad", "--dir", vendor.dir)
        assert document["error"]["code"] == "SIGNATURE_INVALID" and document["state"] == "invalid"
        assert document["claims"] == {} and document["issuer"] is None and "Fjord" not in text.stdout


def test_verify_other_key(vendor, issued, tmp_path):
    other = Vendor(tmp_path / "other")
    document, _ = verdict(1, issued, "--dir", other.dir)
    assert document["error"]["code"] == "WRONG_VENDOR" and pid(vendor.key) in document["error"]["detail"]


def test_verify_another_kind_under_the_label(vendor, issued, tmp_path):
    """The typ is part of what is signed: a product file does not pass for a license."""
    vendor.run("product", "export", "acme-cad", "-o", tmp_path / "p")
    (tmp_path / "l").write_text(armour("LICENSE", dearmour((tmp_path / "p").read_text(), "PRODUCT")))
    assert verdict(1, tmp_path / "l", "--dir", vendor.dir)[0]["error"]["code"] == "SIGNATURE_INVALID"
    assert verdict(0, tmp_path / "p", "--dir", vendor.dir)[0]["typ"] == "muster.product"


@pytest.mark.parametrize("content, code", [
    ("", "ARMOUR_INVALID"), ("hello", "ARMOUR_INVALID"),
    ("-----BEGIN MUSTER LICENSE-----\nv4.public.x", "ARMOUR_INVALID"),
    (armour("BANANA", "v4.public.AAAA"), "WRONG_TYPE"), (armour("LICENSE", "v4.public.AAAA"), "MALFORMED"),
    (armour("LICENSE", "v3.public.AAAA.AAAA"), "MALFORMED"), ("v4.public.", "MALFORMED"),
    ("v4.public.AAAA", "MALFORMED"),
    ("\0" * 500, "ARMOUR_INVALID"), ("v4.public." + "A" * 300000, "TOO_LARGE"),
], ids=range(10))
def test_verify_garbage(vendor, tmp_path, content, code):
    (tmp_path / "x").write_text(content)
    document, _ = verdict(1, tmp_path / "x", "--dir", vendor.dir)
    assert document["error"]["code"] == code and document["state"] == "invalid"


def test_verify_claims_of_the_right_key(vendor, issued, tmp_path):
    claims = token_open(dearmour(issued.read_text(), "LICENSE"), vendor.key, "muster.license")
    for changes, code, where in [({"serial": 0}, "CLAIM_INVALID", "serial"), ({"exp": "x"}, "CLAIM_INVALID", "exp"),
                                 ({"org": 7}, "CLAIM_INVALID", "org"), ({"ver": 2}, "CRITICAL_UNKNOWN", ""),
                                 ({"crit": ["new"]}, "CRITICAL_UNKNOWN", ""),
                                 ({"products": []}, "CLAIM_INVALID", "product")]:
        document, _ = verdict(1, signed_license(vendor, claims, tmp_path / "l", **changes), "--dir", vendor.dir)
        assert document["error"]["code"] == code and where in document["error"]["detail"]
    deep = {"a": 1}
    for _ in range(200):
        deep = {"a": [deep]}
    document, text = verdict(0, signed_license(vendor, claims, tmp_path / "l", unknown=deep), "--dir", vendor.dir)
    assert document["state"] == "valid" and "unknown:" in text.stdout


def test_verify_terms(vendor, tmp_path):
    vendor.issue(tmp_path / "old", "--from", "2020-01-01", until="2021-01-01")
    vendor.issue(tmp_path / "new", "--from", "2039-01-01")
    document, text = verdict(4, tmp_path / "old", "--dir", vendor.dir)
    assert document["state"] == "ended" and document["error"]["code"] == "ENDED" and document["claims"]["serial"] == 1
    assert text.stderr.startswith("ENDED: ") and "2021-01-01" in text.stderr
    document, _ = verdict(1, tmp_path / "new", "--dir", vendor.dir)
    assert document["state"] == "pending" and document["error"]["code"] == "NOT_YET_VALID"


def test_verify_missing(tmp_path, vendor):
    assert verdict(1, tmp_path / "none", "--dir", vendor.dir)[0]["error"]["code"] == "IO"
    assert verdict(1, tmp_path, "--dir", vendor.dir)[0]["error"]["code"] == "IO"


def test_verify_certificate_and_request(vendor, issued, tmp_path):
    host = Host()
    certify(vendor, host, issued, tmp_path)
    certificate, request = tmp_path / "host.certificate", tmp_path / "host.request"
    document, text = verdict(0, certificate, cwd=tmp_path)
    assert document["key"] == {"id": pid(vendor.key), "source": "file", "pinned": False}
    assert "key named by the file itself, not pinned" in text.stdout
    assert verdict(0, certificate, "--dir", vendor.dir)[0]["key"]["pinned"] is True
    stranger = public_text(Host().secret.verify_key)
    assert verdict(1, certificate, "--key", stranger)[0]["error"]["code"] == "WRONG_VENDOR"
    document, text = verdict(0, request, "--dir", vendor.dir)
    assert document["typ"] == "muster.host-request" and document["key"]["pinned"] is False
    assert document["key"]["id"] == pid(host.secret.verify_key) and host.name in text.stdout
    assert verdict(0, request, "--key", public_text(host.secret.verify_key))[0]["key"]["pinned"] is True
    assert verdict(1, request, "--key", public_text(vendor.key))[0]["valid"] is False
    claims = token_open(dearmour(certificate.read_text(), "CERTIFICATE"), vendor.key, "muster.certificate")
    ended = {**claims, "exp": text_time(time.time() - 5)}
    certificate.write_text(armour("CERTIFICATE", token_sign(ended, vendor.secret)))
    assert verdict(4, certificate, "--dir", vendor.dir)[0]["state"] == "ended"


def lease_claims(of, host, **changes):
    now = time.time()
    return head("muster.lease", host.secret, **{
        "vendor": pid(of.key), "product": "acme-cad", "model": "volume", "device": b64(os.urandom(32)),
        "plans": ["modeler"], "exp": text_time(now + 180 * DAY), "renew_after": text_time(now + 7 * DAY),
        "grant": "cad-volume", "license": "fjord-1", "org": "fjord", "count": {"have": 25, "need": 25}, "serial": 1,
        "on_expiry": "notice", **changes})


def test_verify_lease(vendor, issued, tmp_path):
    host, lease = Host(), tmp_path / "acme-cad.lease"
    certify(vendor, host, issued, tmp_path)
    certificate = (tmp_path / "host.certificate").read_text()

    def write(signer=None, behind=certificate, **changes):
        token = token_sign(lease_claims(vendor, host, **changes), signer or host.secret)
        lease.write_text(armour("LEASE", token) + behind)
        return lease

    document, text = verdict(0, write(), "--dir", vendor.dir)
    assert document["typ"] == "muster.lease" and document["issuer"] == pid(host.secret.verify_key)
    assert document["claims"]["count"] == {"have": 25, "need": 25} and "acme-cad" in text.stdout
    assert verdict(0, write(), cwd=tmp_path)[0]["key"]["pinned"] is False
    assert verdict(4, write(exp=text_time(time.time() - 60)), "--dir", vendor.dir)[0]["state"] == "ended"
    for signer, behind, changes, code in [
            (Host().secret, certificate, {}, "SIGNATURE_INVALID"), (None, "", {}, "ARMOUR_INVALID"),
            (None, certificate, {"org": "other"}, "WRONG_ORG"),
            (None, certificate, {"product": "other"}, "WRONG_PRODUCT"),
            (None, certificate, {"vendor": pid(host.secret.verify_key)}, "WRONG_VENDOR"),
            (None, certificate, {"iat": "2020-01-01T00:00:00Z"}, "NOT_YET_VALID")]:
        document, _ = verdict(1, write(signer, behind, **changes), "--dir", vendor.dir)
        assert document["error"]["code"] == code
        assert document["claims"] == {}, "nothing of an untrusted lease is repeated"
    other = Vendor(tmp_path / "other")
    assert verdict(1, write(), "--dir", other.dir)[0]["error"]["code"] == "HOST_UNTRUSTED"


# --- the command line ---


def test_usage(tmp_path):
    for args in ([], ["bake"], ["license"], ["license", "issue", "--colour"], ["verify"], ["verify", "a", "b"],
                 ["product", "list", "--grant", "x"], ["product", "add", "x", "--name"]):
        done = run(*args, cwd=tmp_path)
        assert done.returncode == 64 and done.stderr.startswith("muster-issuer: ") and done.stdout == ""
    for command in ("init", "product add", "product list", "product export", "license issue", "license list",
                    "license show", "host certify", "host list", "verify"):
        assert command in ok("--help").stdout
        assert "--dir" in ok(*command.split(), "--help").stdout
    assert ok("--version").stdout.startswith("muster-issuer ")
    for key in ("id", "product", "model", "quantity", "threshold", "window", "lease", "renew", "retry", "grace",
                "devices_per_user", "overage", "on_expiry", "enrol", "plans", "from", "until", "cancel_until",
                "self_service"):
        assert f"\n  {key} " in ok("license", "issue", "--grant", "help").stdout


def test_full_standard_output(vendor):
    with open("/dev/full", "w") as full:
        for args in (["product", "list"], ["license", "list"], ["host", "list", "--json"]):
            assert run(*args, "--dir", vendor.dir, stdout=full).returncode == 1


def test_walkthrough(tmp_path):
    """The vendor's lines of the README, as they stand there."""
    script = """set -e
mkdir -p products run state
muster-issuer init --dir vendor --vendor "Acme Software" --no-passphrase
muster-issuer product add acme-cad --dir vendor --name "Acme CAD" --plan modeler --plan render
muster-issuer product export acme-cad --dir vendor -o products/acme-cad.product
cp vendor/vendor.pub products/acme.pub
muster-issuer license issue --dir vendor --org fjord --org-name "Fjord AS" --until 2030-01-01 --hosts 2 \\
    --grant id=cad-volume,product=acme-cad,model=volume,threshold=25 -o fjord.license
muster-issuer host certify host.request --dir vendor --license fjord.license -o host.certificate
"""
    Host().request(tmp_path / "host.request")
    environment = {**os.environ, "PATH": f"{PROGRAM.parent}:{os.environ['PATH']}"}
    subprocess.run(["sh", "-c", script], cwd=tmp_path, env=environment, check=True, timeout=60)
    assert run("verify", "host.certificate", "--key", "@products/acme.pub", cwd=tmp_path).returncode == 0
    assert run("verify", "products/acme-cad.product", "--key", "@products/acme.pub", cwd=tmp_path).returncode == 0
