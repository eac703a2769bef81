# SPDX-License-Identifier: Apache-2.0
"""The real programs in a temporary folder: a vendor, a host with its certificate and license, machines."""
import json
import os
import pathlib
import signal
import subprocess
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("MUSTER_BUILD", ROOT / "build"))
SECONDS = 60  # no single command of these tests takes longer
PRODUCT = "acme-cad"
SANITIZED = (BUILD / "musterd").exists() and b"__asan_init" in (BUILD / "musterd").read_bytes()


def program(name):
    return str(BUILD / name)


def run(*command, check=True, cwd=None, env=None, stdin=None, timeout=SECONDS):
    """Run to the end; the result has stdout and stderr as text. check: the exit code must be 0."""
    done = subprocess.run([str(part) for part in command], cwd=cwd, input=stdin, capture_output=True, text=True, timeout=timeout,
                          env={**os.environ, **(env or {})})
    if check:
        assert done.returncode == 0, f"{command} gave {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done


def wait_for(condition, seconds=20, what="condition"):
    """Poll until it holds; its value. Fails after the time."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        value = condition()
        if value:
            return value
        time.sleep(0.02)
    raise AssertionError(f"{what} did not hold within {seconds} s")


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

    def license(self, path, threshold=1, until="2040-01-01", org="fjord", grant="", more=()):
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
        self.write_config()
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen([*self.wrapper, program("musterd"), "--config", str(self.config)], stdout=log,
                                            stderr=log, cwd=self.dir, env={**os.environ, **self.env})
        return self

    def start(self):
        self.spawn()
        mark = self.log.read_text().count(" ready ") if self.log.exists() else 0
        wait_for(lambda: self.process.poll() is not None or self.log.read_text().count(" ready ") > self.readies,
                 what="musterd ready")
        assert self.process.poll() is None, self.log.read_text()
        del mark
        self.readies += 1
        self.port = int(self.status()["listeners"][0].rsplit(":", 1)[1])
        return self

    readies = 0

    def ctl(self, *args, **more):
        return run(program("musterctl"), *args, "--socket", self.socket, **more)

    def json(self, *args, **more):
        return json.loads(self.ctl(*args, "--json", **more).stdout)

    def status(self):
        return self.json("status", check=False)

    def certify(self, vendor, license_file, more=()):
        request, certificate = self.dir / "host.request", self.dir / "host.certificate"
        self.ctl("host", "request", "-o", request)
        vendor("host", "certify", request, "--license", license_file, "-o", certificate, *more)
        self.ctl("host", "install", certificate)
        return certificate

    def install(self, vendor, **terms):
        """Issue a license, have the host certified for it, install both."""
        path = vendor.license(self.dir / f"{terms.get('org', 'fjord')}.license", **terms)
        self.certify(vendor, path)
        self.ctl("license", "install", path)
        return path

    def stop(self, number=signal.SIGTERM):
        if self.process and self.process.poll() is None:
            self.process.send_signal(number)
            self.process.wait(timeout=20)
        return self.process.returncode if self.process else None

    def kill(self):
        return self.stop(signal.SIGKILL)

    def count(self, grant="cad-volume"):
        return next(g for g in self.status()["grants"] if g["grant"] == grant)["count"]


class Machine:
    """One machine: a state folder of its own."""

    def __init__(self, folder, name, products, *options):
        self.state = folder / "state" / str(name)
        self.state.parent.mkdir(exist_ok=True)
        self.options = ["--state", self.state, "--products", products, *options]

    def __call__(self, *args, check=False, **more):
        return run(program("muster"), *args, *self.options, check=check, **more)

    def activate(self, product=PRODUCT, check=False):
        return self("activate", product, check=check)

    def status(self, product=PRODUCT):
        products = json.loads(self("status", "--json").stdout)["products"]
        return next(p for p in products if p["product"] == product)
