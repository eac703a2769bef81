# SPDX-License-Identifier: Apache-2.0
"""A vendor's clearing house as a process of its own."""
import re
import signal
import subprocess

from harness import PRODUCT, SECONDS, no_reports, program, wait_for

GRANT = f"id=cad-pool,product={PRODUCT},model=pool,quantity=10,quantity_max=15,enrol=open"


class House:
    """It says where it listens; leaving it ends it, and it must have come to nothing else before."""

    def __init__(self, vendor, folder, *options, env=None):
        self.said, self.log = folder / "clearing.out", folder / "clearing.log"
        with open(self.said, "wb") as said, open(self.log, "ab") as log:
            self.process = subprocess.Popen([program("muster-issuer"), "serve", "--dir", str(vendor.dir), "--listen", "127.0.0.1:0",
                                             *options], stdout=said, stderr=log, env=env, cwd=folder)
        try:
            wait_for(lambda: self.process.poll() is not None or "\n" in self.said.read_text(), what="the clearing house's first line")
            found = re.match(r"clearing house of k4\.pid\..* at (\S+)\n", self.said.read_text())
            assert found, self.said.read_text() + self.log.read_text()
        except AssertionError:
            self.process.kill()
            self.process.wait(timeout=SECONDS)
            raise
        self.at = found.group(1)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        try:
            if self.process.poll() is None:
                self.process.send_signal(signal.SIGTERM)
            assert self.process.wait(timeout=SECONDS) == 0, self.log.read_text()
        finally:
            if self.process.poll() is None:
                self.process.kill()
                self.process.wait(timeout=SECONDS)
        no_reports(self.log.read_text())


def key_for(vendor, path):
    return vendor("host", "key", "--license", path).stdout.strip()
