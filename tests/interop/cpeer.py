# SPDX-License-Identifier: Apache-2.0
"""The C side (peer.c) as a subprocess. MUSTER_BUILD names the build folder; the default is build."""

import os
import subprocess

import independent


class PeerError(Exception):
    """The name of the code that the C side answered."""


def find():
    build = os.environ.get("MUSTER_BUILD", os.path.join(independent.ROOT, "build"))
    for path in (os.path.join(build, "tests", "interop", "peer"), os.path.join(build, "tests", "peer")):
        if os.path.exists(path):
            return path
    return None


class CPeer:
    def __init__(self, path):
        self.process = subprocess.Popen([path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def ask(self, *words):
        """One command; bytes become hexadecimal. Returns the answer's text."""
        line = " ".join((w.hex() or "-") if isinstance(w, (bytes, bytearray)) else str(w) for w in words)
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline().rstrip("\n")
        if answer.startswith("error "):
            raise PeerError(answer[6:])
        assert answer.startswith("ok"), f"{line[:80]}: {answer!r}"
        return answer[3:]

    def bytes(self, *words):
        answer = self.ask(*words)
        return b"" if answer == "-" else bytes.fromhex(answer)

    def close(self):
        self.process.stdin.close()
        assert self.process.wait(timeout=10) == 0
