# SPDX-License-Identifier: Apache-2.0
"""Orders for tests/lib/fail.so, which is preloaded into a program and reads them in a file."""
import errno
import mmap
import os
import re
import shutil
import struct

import pytest
from harness import BUILD, COVERED, ROOT, SANITIZER

LAYOUT = struct.Struct("iiiilll")  # struct fail of tests/lib/fail.h
MEMORY, DISK = 1, 2
# What a program may end with: the table's codes, and 0, 2 and 4 of commands that ask how something is.
EXITS = {0, 2, 4, *(int(code) for code in re.findall(r"^ERR\(\d+, \w+, \w+, \d+, (\d+),", (ROOT / "protocol" / "errors.def").read_text(), re.M))}
# So many places of each command; `make faults` tries many more.
TRIES = int(os.environ.get("FAULT_TRIES", 6))
not_beside_tsan = pytest.mark.skipif(SANITIZER == "tsan", reason="it has to be the first that is loaded; it sees the faults that are linked in")
FIRST = int(os.environ.get("FAULT_FIRST", 1))  # to go on where a run was broken off


class Files:
    """What a host's administrator installs, anew each time: the next serial of its license, another certificate. To be made right after
    host.install()."""

    def __init__(self, host, vendor):
        license, = host.items("license", "list")
        self.vendor, self.id, self.serial = vendor, license["id"], license["serial"]
        self.request, self.license, self.certificate = (host.dir / f"of-{host.state.name}.{kind}" for kind in ("request", "license", "certificate"))
        shutil.copy(host.dir / "host.request", self.request)
        shutil.copy(host.dir / "fjord.license", self.license)

    def fresh(self, command):
        """The file that this command installs; None: it installs none."""
        if command.startswith("license install"):
            self.vendor("license", "renew", self.id, "-o", self.license)
            self.serial += 1
            return self.license
        if command.startswith("host install"):
            self.vendor("host", "certify", self.request, "--license", self.license, "-o", self.certificate)
            return self.certificate
        return None


class Fault:
    def __init__(self, folder):
        self.path = folder / "fault"
        self.path.write_bytes(bytes(mmap.PAGESIZE))
        with open(self.path, "r+b") as file:
            self.memory = mmap.mmap(file.fileno(), 0)
        self.env = {"LD_PRELOAD": str(BUILD / "tests" / "lib" / "fail.so"), "MUSTER_FAIL": str(self.path)}
        if SANITIZER == "asan":  # the faults stand in front of it, and it finds what is not given back
            self.env["ASAN_OPTIONS"] = "verify_asan_link_order=0:fast_unwind_on_malloc=0"
            self.env["LSAN_OPTIONS"] = f"print_suppressions=0:suppressions={ROOT / 'tests' / 'faults' / 'leaks.supp'}"

    def order(self, kind, at, for_good=False):
        self.memory[:LAYOUT.size] = LAYOUT.pack(kind, errno.ENOSPC, for_good, 1, at, 0, 0)

    @property
    def calls(self):
        return LAYOUT.unpack(self.memory[:LAYOUT.size])[5]

    @property
    def failures(self):
        return LAYOUT.unpack(self.memory[:LAYOUT.size])[6]

    def places(self, run, tries=TRIES, reads_only=False):
        """(kind, at, for_good) to be tried on what `run` does once without a fault; spread over all its calls."""
        for kind in (MEMORY, DISK):
            self.order(kind, 0)
            run()
            calls = self.calls
            assert calls or (reads_only and kind == DISK), "nothing is counted"
            print(f"kind {kind}: {calls} calls")
            for i in range(min(tries, calls)):
                at = 1 + (i * calls + calls // 2) // min(tries, calls)
                if kind == MEMORY and at < FIRST:
                    continue
                for for_good in (False,) if COVERED else (False, True):  # gcov itself dies of it
                    yield kind, at, for_good
