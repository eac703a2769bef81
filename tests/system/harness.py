# SPDX-License-Identifier: Apache-2.0
"""The real programs in a temporary folder: a vendor, a host with its certificate and license, machines, a clock."""
import http.client
import json
import os
import pathlib
import pwd
import re
import shutil
import signal
import socket
import subprocess
import time

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("MUSTER_BUILD", ROOT / "build"))
SECONDS = 60  # no single command of these tests takes longer
PRODUCT = "acme-cad"
FAKETIME = next(pathlib.Path("/usr/lib").glob("*/faketime/libfaketime.so.1"), None)
CODE = (BUILD / "musterd").read_bytes() if (BUILD / "musterd").exists() else b""
SANITIZER = next((name for name in ("asan", "tsan") if f"__{name}_init".encode() in CODE), None)
SANITIZED = SANITIZER is not None
COVERED = b"__gcov_init" in CODE
INSTRUMENTED = SANITIZED or COVERED

needs_faketime = pytest.mark.skipif(not FAKETIME or SANITIZED, reason="needs libfaketime, and no sanitizer beside it")
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root to be other users")


def program(name):
    return str(BUILD / name)


def run(*command, check=True, cwd=None, env=None, stdin=None, timeout=SECONDS):
    """Run to the end; the result has stdout and stderr as text. check: the exit code must be 0."""
    done = subprocess.run([str(part) for part in command], cwd=cwd, input=stdin, capture_output=True, text=True, errors="replace", timeout=timeout,
                          env={**os.environ, **(env or {})})
    if check:
        assert done.returncode == 0, f"{command} gave {done.returncode}\n{done.stdout}\n{done.stderr}"
    no_reports(done.stderr)
    return done


def make(*args):
    done = subprocess.run(["make", f"O={BUILD}", *args], cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr


def install(folder):
    """Under a folder's usr; its place, and what the compiler and the loader need to find it there."""
    make("install", f"DESTDIR={folder / 'root'}", f"PREFIX={folder / 'usr'}")
    usr = folder / "root" / str(folder / "usr").lstrip("/")
    (folder / "usr").symlink_to(usr)
    return usr, {"PKG_CONFIG_PATH": str(usr / "lib" / "pkgconfig"), "LD_LIBRARY_PATH": str(usr / "lib")}


def unpacked(root):
    """What was installed for /usr lies in this folder: its usr, and what compiler and loader need to find it there."""
    libraries, = (root / "usr" / "lib").glob("*-linux-gnu")
    return root / "usr", {"PKG_CONFIG_PATH": str(libraries / "pkgconfig"), "PKG_CONFIG_SYSROOT_DIR": str(root), "LD_LIBRARY_PATH": str(libraries)}


def no_reports(text):
    """No sanitizer has found anything."""
    assert "Sanitizer" not in text and "runtime error:" not in text, text


def catches(pid, number):
    """Does the process handle the signal by now?"""
    handled = re.search(r"SigCgt:\s+(\w+)", pathlib.Path(f"/proc/{pid}/status").read_text()).group(1)
    return int(handled, 16) & 1 << number - 1


def wait_for(condition, seconds=20, what="condition"):
    """Poll until it holds; its value. Fails after the time."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        value = condition()
        if value:
            return value
        time.sleep(0.02)
    raise AssertionError(f"{what} did not hold within {seconds} s")


class Clock:
    """The time of every program that runs with its env: one jumps, all jump."""

    def __init__(self, folder):
        self.file = folder / "clock"
        self.set("+0")
        # The monotonic clock jumps too, so that the host's minute is over and it sweeps.
        self.env = {"LD_PRELOAD": str(FAKETIME), "FAKETIME_TIMESTAMP_FILE": str(self.file), "FAKETIME_NO_CACHE": "1"}
        # Health would rightly complain of weeks without a backup or a call.
        self.env.update(MUSTERD_BACKUP_WARN_DAYS="0", MUSTERD_HEALTH_IDLE_HOURS="0")

    def set(self, offset):
        """So far from the real time, such as +5d."""
        fresh = self.file.with_suffix(".new")
        fresh.write_text(offset)
        fresh.rename(self.file)


class Vendor:
    """A vendor's folder, and the products folder that the machines trust."""

    def __init__(self, folder, name="Acme Software", product=PRODUCT):
        self.dir = folder / f"vendor-{product}"
        self.products = folder / "products"
        self.products.mkdir(exist_ok=True)
        self.product = product
        self("init", "--vendor", name, "--no-passphrase")
        self("product", "add", product, "--name", "Acme CAD", "--plan", "modeler", "--plan", "render")
        self("product", "export", product, "-o", self.products / f"{product}.product")
        (self.products / f"{product}.pub").write_text((self.dir / "vendor.pub").read_text())

    def __call__(self, *args, **more):
        return run(program("muster-issuer"), *args, "--dir", self.dir, **more)

    def add(self, product, *options):
        """One more product, trusted by the machines."""
        self("product", "add", product, "--name", product.title(), *options)
        self("product", "export", product, "-o", self.products / f"{product}.product")

    def issue(self, path, *grants, until="2090-01-01", more=()):
        """The license fjord-1 with these grants, each as the option --grant has it."""
        options = [word for grant in grants for word in ("--grant", grant)]
        self("license", "issue", "--id", "fjord-1", "--org", "fjord", "--org-name", "Fjord AS", "--until", until,
             "--hosts", "2", *options, "-o", path, *more)
        return path

    def renew(self, path, *grants, more=()):
        """Its next serial."""
        options = [word for grant in grants for word in ("--grant", grant)]
        self("license", "renew", "fjord-1", *options, "-o", path, *more)
        return path

    def keys(self, grant, *options):
        """New product or pool keys of a grant; the next serial knows them."""
        return self("key", "generate", "--license", "fjord-1", "--grant", grant, *options).stdout.split()

    def block_many(self, folder):
        """So many keys that the next list of revocations is longer than one answer."""
        for name in ("one", "two"):
            self.license(folder / name, org="other", more=("--id", name))
            self("key", "generate", "--license", name, "--grant", "cad-volume", "--days", "1", "--count", "1000", "-o", folder / f"keys-{name}")
            self("key", "block", f"@{folder}/keys-{name}")

    def license(self, path, threshold=1, until="2090-01-01", org="fjord", grant="", more=()):
        self("license", "issue", "--org", org, "--org-name", "Fjord AS", "--until", until, "--hosts", "2", "--grant",
             f"id=cad-volume,product={self.product},model=volume,threshold={threshold}{grant}", "-o", path, *more)
        return path


class Host:
    """A musterd in its folder. start() waits until it is ready."""

    def __init__(self, folder, config="", state="host", env=None, wrapper=()):
        self.dir = folder
        self.state = folder / state
        self.socket = folder / f"{state}.sock"
        self.status_socket = folder / f"{state}.status.sock"
        self.log = folder / f"{state}.log"
        self.env = env or {}
        self.wrapper = list(wrapper)
        self.process = None
        self.port = 0
        self.config = folder / f"{state}.conf"
        self.extra = config
        self.listen = "127.0.0.1:0"

    def write_config(self):
        # A [server] or [limits] section may be given again by a test only once, so keys come before sections.
        server, _, rest = self.extra.partition("[")
        self.config.write_text(f"[server]\nlisten = {self.listen}\nstate_dir = {self.state}\n{server}\n[admin]\n"
                               f"socket = {self.socket}\nstatus_socket = {self.status_socket}\n"
                               + ("[" + rest if rest else ""))

    def spawn(self):
        self.sound()
        self.write_config()
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen([*self.wrapper, program("musterd"), "--config", str(self.config)], stdout=log,
                                            stderr=log, cwd=self.dir, env={**os.environ, **self.env})
        self.known = {0}
        return self

    def spawn_ready(self):
        """Nobody has asked it anything yet."""
        self.spawn()
        wait_for(lambda: self.process.poll() is not None or self.log.read_text().count(" ready ") > self.readies,
                 what="musterd ready")
        assert self.process.poll() is None, self.log.read_text()
        self.readies += 1
        return self

    def start(self):
        self.spawn_ready()
        self.port = int(self.status()["listeners"][0].rsplit(":", 1)[1])
        return self

    readies = 0
    known = frozenset()  # exit codes that are no surprise at the end of the test

    def ctl(self, *args, role=None, **more):
        """musterctl as root, or as somebody who has only this role (the host made by roled)."""
        command = [program("musterctl")] if role is None else [*self.become(role), self.dir / "musterctl"]
        check, command = more.pop("check", True), [*command, "--socket", self.socket, *args]
        done = run(*command, check=False, **more)
        # A clock that jumps by hours ends the connections that are open: their time is over. Nothing was answered on them.
        if "LD_PRELOAD" in self.env and done.stderr.startswith("CLOSED: "):
            done = run(*command, check=False, **more)
        assert not check or done.returncode == 0, f"{command} gave {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done

    def json(self, *args, **more):
        return json.loads(self.ctl("--json", *args, **more).stdout)

    def items(self, *args, **more):
        return self.json(*args, **more)["items"]

    def refused(self, code, *args, **more):
        """The command must fail with this code, as text and as JSON; the error."""
        done = self.ctl("--json", *args, check=False, **more)
        assert done.returncode != 0, done.stdout
        assert code in done.stderr and "remedy: " in done.stderr, done.stderr
        document = json.loads(done.stdout)
        errors = [document.get("error"), *(row.get("error") for row in document.get("items", []))]
        error = next(e for e in errors if e and e["code"] == code)
        assert error["text"] and error["remedy"]
        return error

    # --- other users ---

    ROLES = {"viewer": 54002, "helpdesk": 54003, "assigner": 54004, "owner": 54005}

    def roled(self):
        """Give it, in a mount namespace of its own, the groups that make roles. Before start."""
        groups = self.dir / "group"
        rows = "".join(f"muster-{role}:x:{gid}:\n" for role, gid in self.ROLES.items())
        groups.write_text(pathlib.Path("/etc/group").read_text() + "muster:x:54001:\n" + rows)
        self.wrapper = ["unshare", "-m", "sh", "-c", f"mount --bind {groups} /etc/group && exec \"$@\"", "sh"]
        os.chmod(self.dir, 0o755)
        shutil.copy(program("musterctl"), self.dir / "musterctl")
        return self

    def become(self, role):
        return ["setpriv", f"--reuid={pwd.getpwnam('nobody').pw_uid}", "--regid=65534", f"--groups=54001,{self.ROLES[role]}"]

    # --- the API below the command ---

    def api(self, method, path, body=None, at=None):
        """One request on the admin socket, or another; its status and what came, JSON read."""
        connection = http.client.HTTPConnection("localhost", timeout=SECONDS)
        connection.sock = socket.socket(socket.AF_UNIX)
        connection.sock.settimeout(SECONDS)
        connection.sock.connect(str(at or self.socket))
        try:
            connection.request(method, path, None if body is None else json.dumps(body))
            answer = connection.getresponse()
            text = answer.read().decode(errors="replace")
        finally:
            connection.close()
        return answer.status, json.loads(text) if "json" in answer.headers["Content-Type"] else text

    def metrics(self):
        """All of them, as text."""
        status, text = self.api("GET", "/metrics", at=self.status_socket)
        assert status == 200
        return text

    def metric(self, name):
        """One of them, by its name and labels as they stand in the text."""
        return int(re.search(rf"^{re.escape(name)} (\d+)$", self.metrics(), re.MULTILINE).group(1))

    def change(self, *rows, **more):
        """Rows of POST /v1/changes, which must go in as a whole; the items."""
        status, answer = self.api("POST", "/v1/changes", {"changes": list(rows), **more})
        assert status == 200, answer
        return answer["items"]

    def status(self):
        found = self.json("status", check=False)
        assert "grants" in found, found
        return found

    def certify(self, vendor, license_file, more=()):
        request, certificate = self.dir / "host.request", self.dir / "host.certificate"
        self.ctl("host", "request", "-o", request)
        vendor("host", "certify", request, "--license", license_file, "-o", certificate, *more)
        self.ctl("host", "install", certificate)
        return certificate

    def serve(self, vendor, *grants, **more):
        """Certify it for a license with these grants, and install that."""
        path = vendor.issue(self.dir / "fjord.license", *grants, **more)
        self.certify(vendor, path)
        self.ctl("install", path)
        return self

    def renewed(self, vendor, *grants, more=()):
        """Install the license's next serial."""
        self.ctl("install", vendor.renew(self.dir / "renewed.license", *grants, more=more))

    def install(self, vendor, **terms):
        """Issue a license, have the host certified for it, install both."""
        path = vendor.license(self.dir / f"{terms.get('org', 'fjord')}.license", **terms)
        self.certify(vendor, path)
        self.ctl("license", "install", path)
        return path

    def stop(self, number=signal.SIGTERM):
        """End it; its exit code, which is 0 of whoever is told to end, and can."""
        if self.process and self.process.poll() is None:
            self.process.send_signal(number)
            code = self.process.wait(timeout=20)
            if number == signal.SIGKILL:
                self.known.add(-number)
            else:
                assert code == 0, f"{code}\n{self.told()}"
        self.sound()
        return self.process.returncode if self.process else None

    def ended(self, code, seconds=20):
        """It ends by itself, with this exit code."""
        assert self.process.wait(timeout=seconds) == code, self.told()
        self.known.add(code)
        self.sound()

    def told(self):
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def sound(self):
        """It has not crashed, and no sanitizer has found anything."""
        no_reports(self.told())
        code = self.process.poll() if self.process else None
        assert code is None or code >= 0 or code in self.known, f"{code}\n{self.told()}"

    def wake(self):
        """After a jump of weeks: libuv counts milliseconds of waiting in 32 bits, and may have gone to sleep for days."""
        socket.create_connection(("127.0.0.1", self.port), timeout=SECONDS).close()
        return self

    def kill(self):
        return self.stop(signal.SIGKILL)

    def end(self):
        """At the end of a test: as a service manager ends it, whatever the test has done to it. How it ended, now or before, is
        what the test expected."""
        if not self.process:
            return
        try:
            if self.process.poll() is None:
                self.process.send_signal(signal.SIGCONT)
            self.stop()
        finally:
            if self.process.poll() is None:
                self.process.kill()
                self.process.wait(timeout=20)
        assert self.process.returncode in self.known, f"{self.process.returncode}\n{self.told()}"

    def grant(self, grant):
        return next(g for g in self.status()["grants"] if g["grant"] == grant)

    def count(self, grant="cad-volume"):
        return self.grant(grant)["count"]

    def healthy(self, *codes):
        """The doctor finds nothing but these."""
        checks = self.json("doctor", check=False)["checks"]
        assert checks
        found = {check["check"] for check in checks if not check["ok"]}
        assert found <= set(codes), found


class Machine:
    """One machine: a state folder of its own."""

    def __init__(self, folder, name, products, *options, env=None, wrapper=()):
        self.wrapper = wrapper
        self.state = folder / "state" / str(name)
        self.state.parent.mkdir(exist_ok=True)
        self.options = ["--state", self.state, "--products", products, *options]
        self.env = env or {}

    def __call__(self, *args, check=False, env=None, **more):
        return run(*self.wrapper, program("muster"), *args, *self.options, check=check, env={**self.env, **(env or {})}, **more)

    def done(self, *args, **more):
        return self(*args, check=True, **more).stdout

    def refused(self, code, *args, **more):
        """The command must fail with this code, as text and as JSON; the error."""
        done = self(*args, "--json", **more)
        assert done.returncode != 0, done.stdout
        assert done.stderr.startswith(f"{code}: ") and "remedy: " in done.stderr, done.stderr
        error = json.loads(done.stdout)["error"]
        assert error["code"] == code and error["text"] and error["remedy"]
        return error

    @property
    def id(self):
        return json.loads(self("status", "--json").stdout)["device"]

    def activate(self, product=PRODUCT, check=False):
        return self("activate", product, check=check)

    def status(self, product=PRODUCT):
        products = json.loads(self("status", "--json").stdout)["products"]
        return next(p for p in products if p["product"] == product)
