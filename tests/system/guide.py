# SPDX-License-Identifier: Apache-2.0
"""Whoever reads the man pages and types their blocks as they stand; most of them are the guide's, muster(7)."""
import os
import pty
import pwd
import re
import select
import subprocess
import time

from harness import BUILD, ROOT, program

PAGES = sorted((ROOT / "packaging" / "man").glob("*.scd"))
BLOCK = re.compile(r"(?:^; guide: ([^\n]*)\n)?^```\n(.*?)^```$", re.M | re.S)
EXITS = {"musterctl status": (0, 2), "musterctl doctor": (0, 2), "musterctl why": (0, 2)}  # they tell what is to be done
QUESTION = re.compile(rb"(: |\[y/N\] )$")
asked_for = set()  # (page, name) of every block that a test of this session has taken


def blocks(page):
    """What stands on the page, by the name before it; None: it has none."""
    return {name or None: text.replace("\\\\", "\\") for name, text in BLOCK.findall(page.read_text())}


def block(name, page="muster.7"):
    found = blocks(ROOT / "packaging" / "man" / f"{page}.scd").get(name)
    assert found, (page, name)
    asked_for.add((page, name))
    return found


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
        # From here on the settings are the administrator's.
        host.config = self.etc / "musterd.conf"
        host.write_config()
        host.write_config = lambda: None
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

    def lines(self, name, page="muster.7", swap=None):
        """A block's lines, with what the package has made elsewhere; swap: what is only an example there, and what is used here."""
        text = block(name, page).replace("\\\n", " ")
        places = {"/etc/muster": self.etc, "/var/lib/musterd": self.host.state, "_musterd": pwd.getpwuid(os.geteuid()).pw_name}
        for there, here in {**places, **(swap or {})}.items():
            assert there in places or there in text, (name, there)
            text = text.replace(there, str(here))
        return text.splitlines()

    def __call__(self, name, page="muster.7", swap=None, **more):
        """Run a block line by line as it stands; what each line printed."""
        return {line.split("#")[0].strip(): self.line(line, **more) for line in self.lines(name, page, swap)}

    def line(self, line, env=None, exits=None, typed=None):
        """What it printed. typed: it runs on a terminal, and the first of these is typed at each question, and taken out."""
        log = self.host.dir / "line.log"
        master, slave = pty.openpty() if typed is not None else (None, None)
        with open(log, "w+b", buffering=0) as out:
            shell = subprocess.Popen(["sh", "-euc", line], cwd=self.host.dir, env={**os.environ, **self.env, **(env or {})},
                                     stdin=subprocess.DEVNULL if slave is None else slave, stdout=slave or out, stderr=slave or out)
            wish, limit = self.host.dir / "systemctl.wish", time.monotonic() + 60
            while shell.poll() is None and time.monotonic() < limit:
                if wish.exists() and wish.read_text():
                    self.serve(wish.read_text())
                    wish.unlink()
                if master:
                    self.talk(master, out, typed)
                time.sleep(0.02)
            if shell.poll() is None:
                shell.kill()
            if master:
                self.talk(master, out, [])
                os.close(master)
                os.close(slave)
        good = exits or next((codes for words, codes in EXITS.items() if line.startswith(words)), (0,))
        assert shell.wait() in good, f"{line}\n{log.read_text()}"
        return log.read_text()

    def serve(self, wish):
        """What the service manager was told."""
        if "stop" in wish or "restart" in wish:
            self.host.stop()
        if "stop" not in wish:
            self.host.start()

    @staticmethod
    def talk(master, out, typed):
        """Keep what the terminal shows, and answer what it asks."""
        while select.select([master], [], [], 0)[0]:
            out.write(os.read(master, 65536))
        out.seek(0)
        if typed and QUESTION.search(out.read()):
            os.write(master, f"{typed.pop(0)}\n".encode())
