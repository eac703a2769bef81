# SPDX-License-Identifier: Apache-2.0
"""A real DNS server on loopback: dnsmasq, whose records are its options."""
import os
import random
import socket
import subprocess

from harness import wait_for


class Dnsmasq:
    """Called with options, it serves them from then on, at the same address as before; it is ended by pid."""

    def __init__(self, folder, domain="test"):
        self.log, self.domain, self.server, self.port = folder / "dns.log", domain, None, 0

    def __call__(self, *options):
        self.stop()
        for _ in range(10):  # somebody may have the port; those below 32768 are not given out by the kernel
            self.port = self.port or random.randrange(20000, 32000)
            if not self.answers() and self.start(options):
                return self.address
            self.port = 0
        raise AssertionError(self.log.read_text())

    @property
    def address(self):
        return f"127.0.0.1:{self.port}"

    def answers(self):
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as sock:
            return sock.connect_ex(("127.0.0.1", self.port)) == 0

    def start(self, options):
        with open(self.log, "ab") as log:
            self.server = subprocess.Popen(
                ["dnsmasq", "--keep-in-foreground", "--conf-file=/dev/null", "--no-resolv", "--no-hosts", "--pid-file=",
                 "--listen-address=127.0.0.1", "--bind-interfaces", f"--port={self.port}", f"--user={os.environ.get('USER', 'root')}",
                 f"--local=/{self.domain}/", *options], stdout=log, stderr=log,
                env={**os.environ, "PATH": os.environ["PATH"] + ":/usr/sbin"})
        wait_for(lambda: self.server.poll() is not None or self.answers(), what="dnsmasq")
        return self.server.poll() is None

    def stop(self):
        if self.server and self.server.poll() is None:
            self.server.terminate()
            self.server.wait(timeout=10)
