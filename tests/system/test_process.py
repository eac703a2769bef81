# SPDX-License-Identifier: Apache-2.0
"""The daemon as a process: where its secrets lie, what it inherits, and what its unit takes away from it."""
import base64
import hashlib
import json
import os
import pwd
import re
import shutil
import socket
import sqlite3
import subprocess

import pytest
from harness import BUILD, INSTRUMENTED, PRODUCT, ROOT, SANITIZER, Machine, needs_root, program, run, wait_for

UNITS = ROOT / "packaging" / "systemd"
needs_systemd = pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd-analyze is not installed")


# --- memory ---

def unbase64(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def secrets_of(key_file):
    """What must not lie about: the seed, the scalar made of it, the static key; and their texts."""
    title, sign, static = key_file.read_text().splitlines()
    assert title == "muster-host-key 1"
    sign, static = sign.removeprefix("sign k4.secret."), static.removeprefix("static ")
    seed = unbase64(sign)[:32]
    return {"seed": seed, "scalar": hashlib.sha512(seed).digest()[1:31], "static": unbase64(static),
            "text of the signing key": sign[:40].encode(), "text of the static key": static[:40].encode()}


def secret_of(database):
    """What ratchets and sign-in codes are made with."""
    with sqlite3.connect(database) as db:
        (secret,), = db.execute("SELECT value FROM meta WHERE key = 'ledger-secret'").fetchall()
    assert len(secret) >= 16
    return secret


def mappings(pid):
    """Begin, end and flags of each mapping."""
    begin = end = None
    for line in open(f"/proc/{pid}/smaps"):
        if match := re.match(r"([0-9a-f]+)-([0-9a-f]+) ", line):
            begin, end = (int(n, 16) for n in match.groups())
        elif line.startswith("VmFlags:"):
            yield begin, end, line.split()[1:]


def where(pid, secrets):
    """(name, flags of its mapping) for each place in the process's memory where one of them lies, but for pages of the database that
    SQLite has read: there the ledger's secret stands in the clear, behind its key, as it does in the file."""
    with open(f"/proc/{pid}/mem", "rb", buffering=0) as memory:
        for begin, end, flags in mappings(pid):
            if "rd" not in flags:
                continue
            try:
                memory.seek(begin)
                content = memory.read(end - begin)
            except (OSError, ValueError):
                continue
            for name, secret in secrets.items():
                at = content.find(secret)
                while at >= 0:
                    if not content.endswith(b"ledger-secret", 0, at):
                        yield name, flags
                    at = content.find(secret, at + 1)


@needs_root
@pytest.mark.skipif(INSTRUMENTED, reason="sanitizers keep freed memory aside, and lazy binding saves registers on the stack")
def test_secrets_lie_in_locked_memory_alone(hosts, vendor, machines, folder):
    site_key = folder / "site.key"
    site_key.write_bytes(os.urandom(32))
    site_key.chmod(0o600)
    host = hosts(f"[offline]\nsite_key_file = {site_key}\n").start().serve(vendor, f"id=cad-volume,product={PRODUCT},model=volume")
    for machine in machines(host, "one", "two", "three"):
        machine.done("activate", PRODUCT)
        machine.done("renew", PRODUCT)
    host.ctl("offline", "site-key", "-o", folder / "machines.key")
    caller = Machine(folder, "far", vendor.products, "--site-key", folder / "machines.key", "--host", "127.0.0.1:1")
    host.ctl("offline", "confirm", json.loads(caller.done("request", PRODUCT, "--voice", "--json"))["installation"])
    (folder / "passphrase").write_text("correct horse\n")
    host.ctl("backup", folder / "backup.db", "--with-key", "--passphrase", f"@{folder / 'passphrase'}")
    secrets = {**secrets_of(host.state / "host.key"), "passphrase": b"correct horse", "site key": site_key.read_bytes(),
               "ledger": secret_of(host.state / "muster.db")}
    found = list(where(host.process.pid, secrets))
    assert {"seed", "static", "site key", "ledger"} <= {name for name, _ in found}  # it can be found at all
    loose = {name for name, flags in found if "lo" not in flags or "dd" not in flags}
    assert not loose, loose


def test_it_dumps_no_core(hosts):
    host = hosts().start()
    limits = open(f"/proc/{host.process.pid}/limits").read()
    assert re.search(r"Max core file size +0 +0 ", limits)


@needs_root
@pytest.mark.skipif(SANITIZER == "asan", reason="its leak check traces the process, so that it stays open to its own user")
def test_its_user_cannot_look_inside(hosts, folder):
    """Nor does a pipe in core_pattern get its memory, which no limit of core files keeps from it: the process is not dumpable, so that its
    files in /proc are root's."""
    nobody = pwd.getpwnam("nobody")
    os.chown(folder, nobody.pw_uid, nobody.pw_gid)
    shutil.copy(BUILD / "musterd", folder)
    become = ["setpriv", f"--reuid={nobody.pw_uid}", f"--regid={nobody.pw_gid}", "--clear-groups"]
    host = hosts()
    host.wrapper = ["sh", "-c", f'shift; exec {" ".join(become)} {folder}/musterd "$@"', "sh"]
    host.start()
    other = subprocess.Popen([*become, "sleep", "60"])
    try:
        # Who may look into a program of the same user that hides nothing.
        wait_for(lambda: os.stat(f"/proc/{other.pid}/mem").st_uid == nobody.pw_uid, what="another program of its user")
        status = open(f"/proc/{host.process.pid}/status").read()
        assert re.search(rf"^Uid:\s+{nobody.pw_uid}\s", status, re.M)
        assert os.stat(f"/proc/{host.process.pid}/mem").st_uid == 0
    finally:
        other.kill()
        other.wait()


# --- what a service manager gives it ---

def test_its_key_may_be_a_credential(hosts, folder):
    first = hosts().start()
    show = first.json("host", "show")
    first.stop()
    credentials = folder / "credentials"
    credentials.mkdir()
    shutil.move(first.state / "host.key", credentials / "host.key")
    first.env["CREDENTIALS_DIRECTORY"] = str(credentials)
    first.start()
    assert first.json("host", "show")["id"] == show["id"]
    assert not (first.state / "host.key").exists()


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


@pytest.mark.skipif(not shutil.which("systemd-socket-activate"), reason="systemd-socket-activate is not installed")
def test_it_takes_over_sockets(hosts, vendor, machines):
    host = hosts()
    port = free_port()
    host.wrapper = ["systemd-socket-activate", "-l", f"127.0.0.1:{port}", "-l", str(host.socket), "-l", str(host.status_socket)]
    host.socket.parent.mkdir(parents=True, exist_ok=True)
    # It is started by the first who calls.
    wake = []

    def call():
        try:
            wake.append(socket.create_connection(("127.0.0.1", port), timeout=5))
            return True
        except ConnectionRefusedError:
            return False

    host.spawn()
    wait_for(call, what="the port")
    wait_for(lambda: " ready " in host.log.read_text(), what="musterd ready")
    host.port = port
    assert host.status()["listeners"] == [f"127.0.0.1:{port}"]
    host.serve(vendor, f"id=cad-volume,product={PRODUCT},model=volume")
    machines(host, "one").done("activate", PRODUCT)
    sockets = host.socket, host.status_socket
    assert host.stop() == 0
    assert all(path.exists() for path in sockets)  # they are not its to remove


# --- its unit ---

@pytest.fixture
def unit(folder):
    """The service's file as it is installed, with programs that are there."""
    text = (UNITS / "musterd.service").read_text().replace("@sbindir@/musterd", str(BUILD / "musterd"))
    path = folder / "musterd.service"
    path.write_text(text)
    shutil.copy(UNITS / "musterd.socket", folder)
    return path


@needs_systemd
def test_the_unit_is_exposed_to_little(unit):
    done = run("systemd-analyze", "security", "--offline=yes", "--threshold=15", unit, check=False)
    assert done.returncode == 0, done.stdout


@needs_systemd
def test_the_units_are_well_formed(folder):
    """A misspelt key is only a warning, so that nothing at all may be said of ours."""
    units = sorted(path for path in UNITS.iterdir() if path.suffix in (".service", ".socket", ".timer"))
    for path in units:
        (folder / path.name).write_text(path.read_text().replace("@sbindir@", str(BUILD)).replace("@bindir@", str(BUILD)))
    done = run("systemd-analyze", "verify", "--man=no", *(folder / path.name for path in units), check=False,
               env={"SYSTEMD_UNIT_PATH": f"{folder}:"})
    complaints = [line for line in done.stderr.splitlines() if "muster" in line]
    assert len(units) >= 9 and not complaints, done.stderr
