# SPDX-License-Identifier: Apache-2.0
"""The vendor's program and things to work with; an own PASETO reader and writer on PyNaCl, not ours."""

import base64
import datetime
import hashlib
import json
import os
import pathlib
import resource
import signal
import struct
import subprocess
import time

import nacl.signing
import pytest


ROOT = pathlib.Path(__file__).resolve().parents[2]
PROGRAM = pathlib.Path(os.environ.get("MUSTER_BUILD", ROOT / "build")).resolve() / "muster-issuer"
DAY = 86400
V = "product=acme-cad,model=volume"


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


# --- product keys, after PROTOCOL.md ---

KEY_ALPHABET = "346789ABCDEFGHJKMNPQRTVWXY"


def key_is_whole(text):
    """25 characters in five groups, the last one the check character of ISO/IEC 7064 MOD 27,26."""
    if [len(group) for group in text.split("-")] != [5] * 5:
        return False
    product = 26
    for c in text.replace("-", "")[:-1]:
        product = ((product + KEY_ALPHABET.index(c)) % 26 or 26) * 2 % 27
    return (product + KEY_ALPHABET.index(text[-1])) % 26 == 1


def key_hash(text, salt):
    return hashlib.blake2b(b"muster/1 key" + text.replace("-", "").encode(), key=unb64(salt), digest_size=32).digest()


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
              until="2090-01-01"):
        options = [word for grant in grants for word in ("--grant", grant)]
        return self.run("license", "issue", "--org", "fjord", "--org-name", "Fjord AS", "--until", until, *options,
                        "-o", output, *more)

    def claims(self, path, label="LICENSE"):
        """What a file of this vendor says, verified."""
        typ = "muster." + label.lower().replace(" ", "-")
        return token_open(dearmour(path.read_text(), label), self.key, typ)

    def keys(self, *more):
        return self.json("key", "list", *more)["items"]

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

    def ask_for_more(self, path, vendor, wants, signer=None, **changes):
        """A license request of this host; wants: grant -> quantity."""
        rows = [{"grant": g, "quantity": q, "has": 0, "used": 0} for g, q in wants.items()]
        claims = head("muster.license-request", self.secret, license="fjord-1", serial=1, org="fjord",
                      vendor=pid(vendor.key), wants=rows, reason="A new office")
        path.write_text(armour("LICENSE REQUEST", token_sign({**claims, **changes}, signer or self.secret)))
        return path

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


def certify(vendor, host, license_name, tmp_path, *more):
    vendor.run("host", "certify", host.request(tmp_path / "host.request"), "--license", license_name, "-o",
               tmp_path / "host.certificate", *more)
    text = (tmp_path / "host.certificate").read_text()
    return token_open(dearmour(text, "CERTIFICATE"), vendor.key, "muster.certificate")


def signed_license(vendor, claims, path, **changes):
    path.write_text(armour("LICENSE", token_sign({**claims, **changes}, vendor.secret)))
    return path
