# SPDX-License-Identifier: Apache-2.0
"""A real BIND on loopback with one zone that a TSIG key may update, and the keys for it."""
import base64
import random
import shutil
import subprocess

from harness import run, wait_for

ZONE = """$TTL 300
@ IN SOA ns.{zone}. admin.{zone}. 1 3600 600 86400 300
@ IN NS ns.{zone}.
ns IN A 127.0.0.1
"""
CONFIG = """
include "{folder}/good.key";
include "{folder}/weak.key";
options {{ directory "{folder}"; listen-on port {port} {{ 127.0.0.1; }}; listen-on-v6 {{ none; }}; pid-file none;
  session-keyfile none; recursion no; dnssec-validation no; notify no; allow-query {{ any; }}; }};
controls {{ }};
zone "{zone}" {{ type primary; file "zone.db"; update-policy {{ grant good name _muster._tcp.{zone} SRV; }}; }};
"""


def named(folder):
    """A copy of the server: a profile of AppArmor holds the installed one to its own folders."""
    return shutil.copy("/usr/sbin/named", folder / "named")


def key_text(name, secret, algorithm="hmac-sha256"):
    return f'key "{name}" {{\n\talgorithm {algorithm};\n\tsecret "{base64.b64encode(secret).decode()}";\n}};\n'


class Bind:
    """start() waits until it answers; stop() ends it by its pid."""

    def __init__(self, folder, zone="fjord.test", wrapper=()):
        self.wrapper = list(wrapper)  # a network namespace of its own: it then has the usual port
        self.dir = folder / "bind"
        self.dir.mkdir(mode=0o700)
        self.zone = zone
        self.program = named(self.dir)
        self.process = None
        self.log = self.dir / "named.log"
        self.port = 0
        self.good = self.key("good", b"g" * 32)
        self.weak = self.key("weak", b"w" * 32)  # the server knows it, and lets it do nothing

    def key(self, name, secret, **more):
        """A key file that only we may read."""
        path = self.dir / f"{name}.key"
        path.write_text(key_text(name, secret, **more))
        path.chmod(0o600)
        return path

    @property
    def server(self):
        return f"127.0.0.1:{self.port}"

    def answers(self):
        done = self.dig("SOA", self.zone, check=False)
        return done.returncode == 0 and "SOA" in done.stdout

    def dig(self, kind, name, check=True):
        return run(*self.wrapper, "dig", "@127.0.0.1", "-p", self.port, "+tries=1", "+time=2", "+noall", "+answer", name, kind, check=check)

    def start(self, records=""):
        for _ in range(10):  # somebody may have the port; those below 32768 are not given out by the kernel
            self.port = 53 if self.wrapper else random.randrange(20000, 32000)
            (self.dir / "zone.db").write_text(ZONE.format(zone=self.zone) + records)
            for journal in self.dir.glob("*.jnl"):
                journal.unlink()
            (self.dir / "named.conf").write_text(CONFIG.format(folder=self.dir, port=self.port, zone=self.zone))
            with open(self.log, "ab") as log:
                self.process = subprocess.Popen([*self.wrapper, self.program, "-g", "-c", "named.conf", "-n", "1"], stdout=log, stderr=log,
                                                cwd=self.dir)
            wait_for(lambda: self.process.poll() is not None or self.answers(), what="named")
            if self.process.poll() is None:
                return self
        raise AssertionError(self.log.read_text())

    def srv(self):
        """The SRV set: sorted rows of (priority, weight, port, target), and the ttl."""
        rows = [line.split() for line in self.dig("SRV", f"_muster._tcp.{self.zone}").stdout.splitlines()]
        return sorted((int(r[4]), int(r[5]), int(r[6]), r[7].rstrip(".")) for r in rows), {int(r[1]) for r in rows}

    def update(self, *lines):
        """Change records as somebody who may: nsupdate with the good key."""
        script = "\n".join([f"server 127.0.0.1 {self.port}", f"zone {self.zone}", *lines, "send", ""])
        return run(*self.wrapper, "nsupdate", "-k", self.good, stdin=script)

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(timeout=20)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait(timeout=20)
