#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Run the rings of tests (tests/README.md) and close with 'N passed, N failed, N skipped'.

Usage: run.py [ring ...]    rings: lint unit contract faults interop sim system replay; all without arguments.
"""
import concurrent.futures
import os
import pathlib
import re
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
BUILD = pathlib.Path(os.environ.get("MUSTER_BUILD", ROOT / "build"))
REPLAY = pathlib.Path(os.environ.get("MUSTER_REPLAY", BUILD / "replay"))  # the fuzz targets, under sanitizers
PYTHON = "/usr/bin/python3"
PROGRAM_SECONDS = int(os.environ.get("FAULT_SECONDS", 300))
SUITE_SECONDS = int(os.environ.get("SUITE_SECONDS", 1500))
SIM_SECONDS = int(os.environ.get("SIM_SECONDS", 600))


class Totals:
    def __init__(self):
        self.passed = self.failed = self.skipped = 0

    def add(self, name, passed, failed, skipped, seconds, output):
        self.passed += passed
        self.failed += failed
        self.skipped += skipped
        print(f"{name:<42} {passed:>5} passed {failed:>3} failed {skipped:>3} skipped {seconds:7.1f} s", flush=True)
        if failed:
            print(output, flush=True)
        else:
            for line in output.splitlines():
                if "SKIP" in line.upper() and ("reason" in line.lower() or line.startswith("SKIPPED [")):
                    print("   ", line.strip(), flush=True)


def run(command, seconds):
    """The command's output and exit code; a timeout is a failure."""
    try:
        done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=seconds,
                              stdin=subprocess.DEVNULL, errors="replace", env={**os.environ, "MUSTER_BUILD": str(BUILD)})
        return done.stdout, done.returncode
    except subprocess.TimeoutExpired as late:
        output = late.stdout or b""
        return (output.decode(errors="replace") if isinstance(output, bytes) else output) + "\ntimed out", 124


def count(pattern, output):
    return sum(int(n) for n in re.findall(pattern, output))


def cmocka(totals, folder):
    for source in sorted((ROOT / "tests" / folder).glob("test_*.c")):
        start = time.monotonic()
        program = BUILD / "tests" / folder / source.stem
        output, code = run([str(program)], PROGRAM_SECONDS) if program.exists() else (f"{program} is not built", 127)
        passed = count(r"\[  PASSED  \] (\d+) test", output)
        failed = len(re.findall(r"^\[  FAILED  \] \S+$", output, re.M))
        skipped = count(r"\[  SKIPPED \] (\d+) test", output)
        if code and not failed:
            failed = 1  # it crashed, or never came to its tests
        if not code and passed + skipped == 0:
            failed = 1  # a program that runs no test proves nothing
        totals.add(f"{folder}/{source.stem}", passed, failed, skipped, time.monotonic() - start, output)


def pytest(totals, folder):
    if not list((ROOT / "tests" / folder).glob("test_*.py")):
        return
    start = time.monotonic()
    output, code = run([PYTHON, "-m", "pytest", "-q", "-rs", "--tb=short", "-p", "no:cacheprovider",
                        f"tests/{folder}"], SUITE_SECONDS)
    tail = "\n".join(output.splitlines()[-3:])
    passed, failed = count(r"(\d+) passed", tail), count(r"(\d+) failed", tail) + count(r"(\d+) error", tail)
    if code and not failed:
        failed = 1
    totals.add(f"{folder} (pytest)", passed, failed, count(r"(\d+) skipped", tail), time.monotonic() - start, output)


def replay(totals):
    """Every fuzz target over its whole corpus."""
    for source in sorted((ROOT / "tests" / "fuzz").glob("fuzz_*.c")):
        start = time.monotonic()
        corpus = ROOT / "tests" / "fuzz" / "corpus" / source.stem
        output, code = run([str(REPLAY / "tests" / "fuzz" / source.stem), str(corpus)], PROGRAM_SECONDS)
        inputs = len([f for f in corpus.iterdir() if f.is_file()]) if corpus.is_dir() else 0
        ok = code == 0 and inputs > 0
        totals.add(f"fuzz/{source.stem} ({inputs} inputs)", int(ok), int(not ok), 0, time.monotonic() - start, output)
    start = time.monotonic()
    output, code = run([str(REPLAY / "tests" / "fuzz" / "fuzz_words"), str(ROOT / "tests" / "fuzz" / "corpus" / "fuzz_noise")],
                       PROGRAM_SECONDS)
    found = code == 1 and "words_read accepts none" in output
    totals.add("fuzz finds a corpus that nobody accepts", int(found), int(not found), 0, time.monotonic() - start, output)


def simulation(totals):
    """Seeds of the simulation, spread over the cores; then its wrong variants, which must each be found."""
    seeds, days, cores = int(os.environ.get("SEEDS", 200)), os.environ.get("DAYS", "60"), os.cpu_count() or 1
    first = int(os.environ.get("FIRST", 1))
    program = str(BUILD / "tests" / "sim" / "sim")
    start = time.monotonic()
    share = -(-seeds // cores)
    ranges = [(first + i * share, min(share, seeds - i * share)) for i in range(cores) if i * share < seeds]
    with concurrent.futures.ThreadPoolExecutor(cores) as pool:
        done = list(pool.map(lambda r: run([program, "--seed", str(r[0]), "--seeds", str(r[1]), "--days", days], SIM_SECONDS), ranges))
    ok, output = bool(done) and all(code == 0 for _, code in done), "".join(text for text, _ in done)
    totals.add(f"sim ({seeds} seeds of {days} days, from {first})", int(ok), int(not ok), 0, time.monotonic() - start, output)
    for variant in ("skip-commit", "answer-first", "forget-ratchet", "forget-parts", "count-many", "count-places"):
        start = time.monotonic()
        output, code = run([program, "--seeds", "100", "--days", days, "--variant", variant, "--until-broken"], PROGRAM_SECONDS)
        found = code == 1 and "replay:" in output
        totals.add(f"sim finds {variant}", int(found), int(not found), 0, time.monotonic() - start, output)


def lint(totals):
    start = time.monotonic()
    output, code = run([PYTHON, "tests/lint/lint.py"], PROGRAM_SECONDS)
    totals.add("lint", int(code == 0), int(code != 0), 0, time.monotonic() - start, output)
    pytest(totals, "lint")


RINGS = {
    "lint": lint,
    "unit": lambda totals: cmocka(totals, "unit"),
    "contract": lambda totals: (cmocka(totals, "contract"), pytest(totals, "contract")),
    "faults": lambda totals: (cmocka(totals, "faults"), pytest(totals, "faults")),
    "sim": simulation,
    "interop": lambda totals: pytest(totals, "interop"),
    "replay": replay,
    "system": lambda totals: pytest(totals, "system"),
}


def main():
    totals = Totals()
    wanted = sys.argv[1:] or list(RINGS)
    for ring in wanted:
        if ring not in RINGS:
            sys.exit(f"run.py: no such ring: {ring} (one of {', '.join(RINGS)})")
        RINGS[ring](totals)
    if totals.passed + totals.failed == 0:
        totals.failed = 1
    print(f"{totals.passed} passed, {totals.failed} failed, {totals.skipped} skipped")
    sys.exit(1 if totals.failed else 0)


if __name__ == "__main__":
    main()
