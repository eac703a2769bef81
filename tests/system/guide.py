# SPDX-License-Identifier: Apache-2.0
"""The administrator of the guide muster(7), who types its blocks as they stand."""
import os
import re
import subprocess
import time

from harness import BUILD, ROOT, program

GUIDE = (ROOT / "packaging" / "man" / "muster.7.scd").read_text()
EXITS = {"musterctl status": (0, 2), "musterctl doctor": (0, 2), "musterctl why": (0, 2)}  # they tell what is to be done


def block(name):
    found = re.search(rf"^; guide: {name}\n```\n(.*?)^```$", GUIDE, re.M | re.S)
    assert found, name
    return found.group(1).replace("\\\\", "\\")


class Site:
    """The machine of the guide: a folder, a musterd that `systemctl` starts and stops, and its commands."""

    def __init__(self, host, vendor=None):
        self.host = host
        self.etc = host.dir / "etc"
        self.env = {"PATH": f"{host.dir}/bin:{BUILD}:{os.environ['PATH']}", "MUSTERCTL_SOCKET": str(host.socket)}
        for folder in (host.dir / "bin", host.dir / "backups", self.etc):
            folder.mkdir(exist_ok=True)
        word = host.dir / "passphrase"
        word.write_text("correct horse battery staple\n")
        word.chmod(0o600)
        host.write_config()
        # What stands in for the machine: its service manager, and the places that programs look at by themselves.
        self.script("systemctl", 'case "$*" in *musterd) ;; *) exit 0;; esac\n'
                                 'echo "$*" > systemctl.wish; while [ -e systemctl.wish ]; do sleep 0.05; done')
        self.script("musterctl", f'if [ "$1" = restore ]; then set -- "$@" --config {host.config}; fi\n'
                                 f'exec {program("musterctl")} "$@"')
        if vendor:
            self.script("muster-issuer", f'exec {program("muster-issuer")} "$@" --dir {vendor.dir}')

    def script(self, name, words):
        path = self.host.dir / "bin" / name
        path.write_text(f"#!/bin/sh\n{words}\n")
        path.chmod(0o755)

    def __call__(self, name, env=None, exits=None):
        """Run a block line by line as it stands; what each line printed."""
        lines = block(name).replace("\\\n", " ").replace("/etc/muster", str(self.etc)).splitlines()
        return {line.split("#")[0].strip(): self.line(line, env, exits) for line in lines}

    def line(self, line, env=None, exits=None):
        log = self.host.dir / "line.log"
        with open(log, "w") as out:
            shell = subprocess.Popen(["sh", "-euc", line], cwd=self.host.dir, env={**os.environ, **self.env, **(env or {})},
                                     stdin=subprocess.DEVNULL, stdout=out, stderr=out)
            wish, limit = self.host.dir / "systemctl.wish", time.monotonic() + 60
            while shell.poll() is None and time.monotonic() < limit:
                if wish.exists() and wish.read_text():
                    self.host.stop() if "stop" in wish.read_text() else self.host.start()
                    wish.unlink()
                time.sleep(0.02)
            if shell.poll() is None:
                shell.kill()
        good = exits or next((codes for words, codes in EXITS.items() if line.startswith(words)), (0,))
        assert shell.wait() in good, f"{line}\n{log.read_text()}"
        return log.read_text()
