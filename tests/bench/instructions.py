#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Instructions of the host for an activation on a new connection and for a renewal, by callgrind: they do not change from hour to
hour, as times do.

Usage: instructions.py        MUSTER_BUILD names the build folder. Two windows of each kind, and the difference of the two: what
opening kept connections costs is not in it. About a minute.
"""
import os
import re
import sys

import bench
from bench import FOLDER, Failed, Host, say

WHOLE_SECONDS = 900
CLIENTS = 8
WINDOWS = {"fresh": (50, 250), "kept": (200, 1000)}
# Indented: part of the one before. What is not there was not called.
PARTS = (
    ("crew: public-key work", "session_crypto"),
    ("  X25519, with a base point", "crypto_scalarmult_base"),
    ("  X25519", "crypto_scalarmult"),
    ("  Noise hashing", "hkdf"),
    ("lane", "broker_serve"),
    ("  read and decide", "request_run"),
    ("  sign", "signer_sign"),
    ("    Ed25519", "crypto_sign_detached"),
    ("  commit", "store_commit"),
    ("loop: requests in", "session_next"),
    ("loop: answers out", "session_answer"),
)
LINE = re.compile(r"^\s*([\d,]+) \(.*?\)\s+\S+:([A-Za-z_]\w*)(?:'2)? \[")
TOTAL = re.compile(r"^\s*([\d,]+) \(.*?\)\s+PROGRAM TOTALS")


class Watched(Host):
    """A host under callgrind."""

    wrapper = ["valgrind", "--tool=callgrind", f"--callgrind-out-file={FOLDER / 'callgrind'}"]
    env = {**os.environ, "GLIBC_TUNABLES": "glibc.cpu.hwcaps=-ERMS,-FSRM"}  # rep movsb counts as one instruction for each byte

    def counted(self, mode, most):
        """Operations of a window, and the instructions of everything meanwhile, by function."""
        bench.run("callgrind_control", "-z", self.process.pid)
        before = set(FOLDER.glob("callgrind.*"))
        ops = self.load(mode, CLIENTS, most)["verified"]
        bench.run("callgrind_control", "-d", self.process.pid)
        (dump,) = set(FOLDER.glob("callgrind.*")) - before
        counts = {}
        for line in bench.run("callgrind_annotate", "--inclusive=yes", "--threshold=100", dump).splitlines():
            total, row = TOTAL.match(line), LINE.match(line)
            if total:
                counts["total"] = int(total[1].replace(",", ""))
            elif row:
                counts[row[2]] = max(counts.get(row[2], 0), int(row[1].replace(",", "")))
        if "total" not in counts:
            raise Failed(f"callgrind has not counted: {dump}")
        return ops, counts


def measure(host, mode, figures):
    (few, small), (many, large) = (host.counted(mode, most) for most in WINDOWS[mode])
    each = {name: (n - small.get(name, 0)) / (many - few) for name, n in large.items()}
    figures[mode] = {"total": each["total"], **{name: each[name] for _, name in PARTS if each.get(name, 0) >= 500}}
    say(f"\n  {'activation, new connection' if mode == 'fresh' else 'renewal'}: {each['total']:,.0f} instructions")
    for label, name in PARTS:
        if name in figures[mode]:
            say(f"    {label:<34} {each[name]:>12,.0f}  {100 * each[name] / each['total']:5.1f} %")


def work(figures, ratios, sockets):
    bench.WINDOW_SECONDS = 60
    bench.set_up(sockets)
    host = Watched("small", sockets)
    host.start()
    host.load("fresh", CLIENTS, 20)
    for mode in WINDOWS:
        measure(host, mode, figures)
    host.stop()
    ratios["activation_over_x25519_and_sign"] = figures["fresh"]["total"] / sum(
        figures["fresh"][name] for name in ("crypto_scalarmult_base", "crypto_scalarmult", "crypto_sign_detached"))
    ratios["renewal_over_sign"] = figures["kept"]["total"] / figures["kept"]["crypto_sign_detached"]
    for name, value in ratios.items():
        say(f"  {name}: {value:.2f}")
    return []


if __name__ == "__main__":
    sys.exit(bench.session("instructions", work, WHOLE_SECONDS))
