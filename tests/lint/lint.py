#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""
The house rules that a compiler does not check: floors (floors.txt), lengths, SPDX lines, blanks at line ends, layout,
readers of outside bytes that no fuzz target reaches (tests/fuzz/parsers.txt), rows of floors.txt and errors.def that nobody
uses, and what the Debian packages must know as the Makefile and packaging/deps.sh do. Usage: lint.py [TREE]. One line a problem, "file:line: text"; exit 1 if any.
"""

import fnmatch
import os
import pathlib
import re
import shutil
import subprocess
import sys

FILE_LINES = 800
FUNCTION_LINES = 80
SOURCES = {".c", ".h", ".py", ".pyi", ".mjs", ".toml", ".sh", ".proto", ".def", ".sql", ".service", ".socket", ".timer", ".sysusers", ".tmpfiles"}
NAMED_SOURCES = {"Makefile", "floors.txt"}
OTHERS = {".md", ".txt", ".scd", ".json", ".yml", ".yaml", ".conf", ".options", ".map", ".in"}
SKIP_FOLDERS = {".git", "__pycache__", "corpus", ".pytest_cache", ".mypy_cache"}  # and build/ at the top
FORMATTED = {".c", ".h"}


class Lint:
    def __init__(self, root):
        self.root = pathlib.Path(root).resolve()
        self.problems = 0
        self.files = sorted(p for p in self.walk() if p.is_file())

    def walk(self):
        """All files of folders that are not skipped; what lies below those is not even looked at."""
        for top, folders, names in os.walk(self.root):
            here = pathlib.Path(top)
            folders[:] = [f for f in folders if not self.skips((*here.relative_to(self.root).parts, f))]
            yield from (here / name for name in names)

    @staticmethod
    def skips(folders):
        return folders[:1] == ("build",) or bool(SKIP_FOLDERS & set(folders))

    def name(self, path):
        return path.relative_to(self.root).as_posix()

    def problem(self, path, line, text):
        print(f"{self.name(path)}:{line}: {text}")
        self.problems += 1

    def note(self, text):
        print(text)


def text_of(path):
    return path.read_text(encoding="utf-8", errors="replace")


def is_source(path):
    if path.suffix in SOURCES or path.name in NAMED_SOURCES:
        return True
    return path.suffix == "" and text_of(path)[:2] == "#!"


# --- lengths, SPDX, blanks ---

def check_file(lint, path):
    lines = text_of(path).split("\n")
    if is_source(path):
        if not any("SPDX-License-Identifier: Apache-2.0" in line for line in lines[:3]):
            lint.problem(path, 1, "no SPDX line: add 'SPDX-License-Identifier: Apache-2.0'")
        if len(lines) - 1 > FILE_LINES:
            lint.problem(path, FILE_LINES, f"{len(lines) - 1} lines; a file has at most {FILE_LINES}")
    if is_source(path) or path.suffix in OTHERS:
        for i, line in enumerate(lines, 1):
            if line != line.rstrip():
                lint.problem(path, i, "blanks at the end of the line")
        if lines[-1] != "":
            lint.problem(path, len(lines), "no newline at the end of the file")


def check_functions(lint, path):
    """From the opening brace in column 0 to the closing one. Bodies only: initialisers end with '};'."""
    start = None
    for i, line in enumerate(text_of(path).split("\n"), 1):
        if line == "{":
            start = i
        elif line == "}" and start:
            if i - start - 1 > FUNCTION_LINES:
                lint.problem(path, start, f"a function of {i - start - 1} lines; at most {FUNCTION_LINES}")
            start = None


# --- JSON ---

JSON_TEXT = re.compile(r"\bjson_(load[a-z]*|dumps|dumpb)\(")


def check_json(lint, path):
    """jansson's readers and its json_dumps lose parts without memory; protocol/jsontext does not."""
    if not lint.name(path).startswith(("protocol/", "server/", "client/")) or lint.name(path) == "protocol/jsontext.c":
        return
    for i, line in enumerate(text_of(path).split("\n"), 1):
        if JSON_TEXT.search(line):
            lint.problem(path, i, "JSON text is read and written by protocol/jsontext")


# --- floors ---

class Floors:
    def __init__(self, path):
        self.path = path
        self.floors, self.outside, self.libc = {}, [], []
        self.lines = {}    # (floor or header, word) -> line, of all that a row allows
        self.used = set()  # of these, what an include needs
        for i, line in enumerate(text_of(path).split("\n"), 1):
            words = line.split()
            if not words or words[0].startswith("#"):
                continue
            if words[0] == "floor" and len(words) > 1:
                self.floors[words[1]] = words[2:]
                self.lines.update({(words[1], word): i for word in words[2:]})
            elif words[0] == "outside" and len(words) > 2:
                self.outside.append((words[1], words[2:]))
                self.lines.update({(words[1], word): i for word in words[2:]})
            elif words[0] == "libc":
                self.libc.extend(words[1:])
            else:
                raise SystemExit(f"{path}:{i}: no such row: {words[0]}")

    @staticmethod
    def match(name, pattern):
        """Like a file name: * does not cross a slash."""
        names, patterns = name.split("/"), pattern.split("/")
        return len(names) == len(patterns) and all(fnmatch.fnmatchcase(n, p) for n, p in zip(names, patterns))

    def outside_problem(self, file, header):
        if any(self.match(header, pattern) for pattern in self.libc):
            return None
        rows = [(row, pattern) for row, files in self.outside if self.match(header, row) for pattern in files]
        if not rows:
            return f"<{header}> is in no row of floors.txt"
        needed = {(row, pattern) for row, pattern in rows if self.match(file, pattern)}
        self.used |= needed
        return None if needed else f"<{header}> may be included by {' '.join(pattern for _, pattern in rows)} only"

    def allowed(self, floor, target):
        folder = target.rpartition("/")[0]
        needed = {(floor, what) for what in self.floors[floor] if target == what or self.match(folder, what)}
        self.used |= needed
        return bool(needed)

    def unused(self):
        """Of the product: tests may reach for more than they do now."""
        return sorted((line, *row) for row, line in self.lines.items() if row not in self.used and not any(
            word.startswith("tests/") for word in row))


INCLUDE = re.compile(r'^[ \t]*#[ \t]*include(?:_next)?[ \t]*([<"])([^>"]+)[>"]')


def owners(lint):
    """Which of our headers has which name: base name -> paths."""
    table = {}
    for path in lint.files:
        if path.suffix in {".h", ".def", ".inc"}:
            table.setdefault(path.name, []).append(lint.name(path))
    return table


def generated(header):
    return header.endswith((".pb.h", ".inc"))


def quoted_problem(floors, floor, header, candidates):
    """A header in quotes: is one of the files of that name within the floor?"""
    if generated(header):
        floors.used.add((floor, "gen"))
        return None if "gen" in floors.floors[floor] else f'"{header}" is generated and not for {floor}'
    same = [c for c in candidates if c == header or c.endswith("/" + header)]
    if not same:
        return f'"{header}" is not in the tree'
    if any([floors.allowed(floor, c) for c in same]):
        return None
    return f'{floor} may not include {" or ".join(same)} (floors.txt)'


def check_includes(lint, floors, path, table):
    name = lint.name(path)
    floor = name.rpartition("/")[0]
    for i, line in enumerate(text_of(path).split("\n"), 1):
        found = INCLUDE.match(line)
        if not found:
            continue
        if floor not in floors.floors:
            lint.problem(path, i, f"the folder {floor or '.'} has no row in floors.txt")
            return
        header = found.group(2)
        if found.group(1) == "<":
            problem = floors.outside_problem(name, header)
        else:
            problem = quoted_problem(floors, floor, header, table.get(header.rpartition("/")[2], []))
        if problem:
            lint.problem(path, i, problem)


def check_floors(lint, floors):
    """What a row allows, somebody needs."""
    for line, row, word in floors.unused():
        lint.problem(floors.path, line, f"no include needs {row}: {word}")


# --- layout ---

def check_format(lint, paths):
    tool = shutil.which("clang-format") or shutil.which("clang-format-14")
    if not tool:
        lint.note("layout: SKIP, reason: clang-format is not installed")
        return
    if not (lint.root / ".clang-format").exists() or not paths:
        return
    done = subprocess.run([tool, "--style=file", "--dry-run", "--ferror-limit=0", *map(str, paths)], cwd=lint.root,
                          capture_output=True, text=True, check=False)
    seen = set()
    for line in done.stderr.split("\n"):
        found = re.match(r"(.+?):(\d+):\d+: (?:warning|error): code should be clang-formatted", line)
        if found and found.group(1) not in seen:
            seen.add(found.group(1))
            lint.problem(pathlib.Path(found.group(1)), int(found.group(2)), "not as clang-format has it; run clang-format -i")


# --- who fuzzes what ---

READER = re.compile(
    r"^\w[^;{}()]*?\b(\w+_(?:read|parse|unwrap|feed|peek)(?:_\w+)?|\w+_(?:next|import|confirm|job)|"
    r"\w+_open(?=\(const (?:char \*token|uint8_t)))\(", re.M)
NO_CODE = re.compile(r'"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])+\'|/\*.*?\*/|//[^\n]*', re.S)
BODY = re.compile(r"^([a-z][^;{}#]*?\b(\w+)\([^;{}]*\))\s*\n\{\n(.*?)^\}", re.M | re.S)
CALL = re.compile(r"\b(\w+)\s*\(")
ACCEPTED = re.compile(r"\bfuzz_accepted\((\w+(?:##\w+)?)\)")


def code_of(path):
    """The text without its comments and what stands in quotes."""
    return NO_CODE.sub(" ", text_of(path))


class Functions:
    """Who calls whom, by name. Calls through pointers are not seen: a chain that is found is there."""

    def __init__(self, paths):
        self.public, self.own = {}, {}
        for path in paths:
            for head, name, body in BODY.findall(code_of(path)):
                place = (path, set(CALL.findall(body)))
                self.own[path, name] = place
                if not head.startswith("static"):
                    self.public[name] = place

    def reaches(self, outer, inner):
        waiting, seen = [self.public.get(outer)], set()
        while waiting:
            place = waiting.pop()
            if place is None or (place[0], id(place[1])) in seen:
                continue
            path, calls = place
            if inner in calls:
                return True
            seen.add((path, id(calls)))
            waiting.extend(self.own.get((path, name)) or self.public.get(name) for name in calls)
        return False


def is_ours(lint, path):
    return lint.name(path).startswith(("protocol/", "client/", "server/"))


def check_target(lint, table, line, target, names):
    """The target calls each reader, and says so when the reader took the input."""
    path = table.parent / (target + ".c")
    code = code_of(path) if path.exists() else ""
    marked = [re.compile(re.sub(r"^\w+##", r"\\w+", name)) for name in ACCEPTED.findall(code)]
    for name in names:
        if name not in CALL.findall(code):
            lint.problem(table, line, f"{target}.c does not call {name}")
        elif not any(mark.fullmatch(name) for mark in marked):
            lint.problem(table, line, f"{target}.c has no fuzz_accepted({name})")


def check_parsers(lint):
    """Every reader in a public header has a row in parsers.txt, and every row is so."""
    table = lint.root / "tests" / "fuzz" / "parsers.txt"
    if not table.exists():
        return
    rows = set()
    within = []
    functions = Functions([p for p in lint.files if p.suffix == ".c" and is_ours(lint, p)])
    for i, line in enumerate(text_of(table).split("\n"), 1):
        kind, *names = line.partition("#")[0].split() or [None]
        if kind == "within":
            within.append((i, *names[:1], names[1:]))
            names = names[1:]
        elif kind == "none":
            names = names[:1]
        elif kind:
            check_target(lint, table, i, kind, names)
        rows.update(names)
    for i, outer, inner in within:
        if outer not in rows:
            lint.problem(table, i, f"{outer} has no row of its own")
        for name in inner:
            if not functions.reaches(outer, name):
                lint.problem(table, i, f"{outer} does not come to {name}")
    for path in lint.files:
        if path.suffix == ".h" and is_ours(lint, path):
            text = text_of(path)
            for found in READER.finditer(text):
                if found.group(1) not in rows:
                    lint.problem(path, text.count("\n", 0, found.start()) + 1,
                                 f"{found.group(1)} has no row in tests/fuzz/parsers.txt")


# --- errors.def ---

def check_errors(lint):
    table = lint.root / "protocol" / "errors.def"
    if not table.exists():
        return
    code = "\n".join(text_of(p) for p in lint.files if p.suffix in {".c", ".h", ".def"} and p != table and not lint.name(
        p).startswith("tests/"))
    for i, line in enumerate(text_of(table).split("\n"), 1):
        found = re.match(r"ERR\(\d+, (\w+),", line)
        if found and not re.search(rf'\bE_{found.group(1)}\b|"{found.group(1)}"', code):
            lint.problem(table, i, f"nobody uses {found.group(1)}")


# --- packages ---

ESSENTIAL = {"gcc", "binutils", "libc6-dev"}  # every package is built with these


def field(text, name):
    """The value of a field of a control file, continued lines with it."""
    found = re.search(rf"^{name}:(.*\n(?:[ \t].*\n)*)", text, re.M)
    return found.group(1) if found else ""


def check_build_depends(lint, control, deps):
    """The group build of deps.sh, debhelper, and the libraries (pc:) that packages have besides."""
    rows = [line.split() for line in text_of(deps).split("\n") if re.match(r"(build|deb) \w+:\S+ \S+$", line)]
    wanted = {package for group, check, package in rows if group == "build" or check.startswith("pc:")} - ESSENTIAL
    wanted.add("debhelper-compat")
    given = set(re.findall(r"^[ \t]*([a-z0-9.+-]+)", field(text_of(control), "Build-Depends").replace(",", "\n"), re.M))
    for package in sorted(wanted - given):
        lint.problem(control, 1, f"Build-Depends lacks {package}, which packaging/deps.sh has")
    for package in sorted(given - wanted):
        lint.problem(control, 1, f"Build-Depends has {package}, which packaging/deps.sh has not")


def check_symbols(lint, symbols, exported):
    """What the library shows, its package promises: a line each."""
    shown = set(re.findall(r"^\t(muster_\w+);$", text_of(exported), re.M))
    promised = set(re.findall(r"^ (muster_\w+)@", text_of(symbols), re.M))
    for name in sorted(shown - promised):
        lint.problem(symbols, 1, f"lacks {name}, which {lint.name(exported)} has")
    for name in sorted(promised - shown):
        lint.problem(symbols, 1, f"has {name}, which {lint.name(exported)} has not")


def check_spec(lint, spec, version, deps):
    text = text_of(spec)
    if not re.search(rf"^Version: {re.escape(version)}$", text, re.M):
        lint.problem(spec, 1, "its version is not that of the Makefile")
    wanted = set(re.findall(r"^build pc:(\S+) ", text_of(deps), re.M))
    for name in sorted(wanted - set(re.findall(r"^BuildRequires: pkgconfig\((\S+)\)$", text, re.M))):
        lint.problem(spec, 1, f"BuildRequires lacks pkgconfig({name})")


def check_packages(lint):
    folder = lint.root / "packaging" / "debian"
    if not folder.exists():
        return
    version = re.search(r"^VERSION := (\S+)$", text_of(lint.root / "Makefile"), re.M)
    newest = re.match(r"\S+ \((\S+)\)", text_of(folder / "changelog"))
    if not version or not newest or version.group(1) != newest.group(1):
        lint.problem(folder / "changelog", 1, "its version is not that of the Makefile")
    check_build_depends(lint, folder / "control", lint.root / "packaging" / "deps.sh")
    check_symbols(lint, folder / "libmuster0.symbols", lint.root / "client" / "libmuster.map")
    check_spec(lint, lint.root / "packaging" / "rpm" / "muster.spec", version.group(1) if version else "", lint.root / "packaging" / "deps.sh")


def main():
    lint = Lint(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).resolve().parents[2])
    floors = Floors(lint.root / "tests" / "lint" / "floors.txt")
    table = owners(lint)
    for path in lint.files:
        check_file(lint, path)
        if path.suffix in FORMATTED:
            check_functions(lint, path)
            check_json(lint, path)
        if path.suffix in FORMATTED | {".def"}:
            check_includes(lint, floors, path, table)
    check_floors(lint, floors)
    check_format(lint, [p for p in lint.files if p.suffix in FORMATTED])
    check_parsers(lint)
    check_errors(lint)
    check_packages(lint)
    if lint.problems:
        print(f"{lint.problems} problems")
    return 1 if lint.problems else 0


if __name__ == "__main__":
    sys.exit(main())
