# SPDX-License-Identifier: Apache-2.0
"""Each kind of fault, put into a small tree of its own, must be found at its line; and the tree without it must pass."""

import pathlib
import shutil
import subprocess
import sys

import pytest

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
SPDX = "/* SPDX-License-Identifier: Apache-2.0 */\n"

# In small, and every word of it is needed by a file of the clean tree.
FLOORS = """# SPDX-License-Identifier: Apache-2.0
floor protocol       protocol gen
floor server/base
floor server/domain  protocol/error.h
floor server/store
floor server/session
floor server/broker
floor server/net
floor server/admin   server/store/store.h
floor server/ctl
floor client
floor client/include
floor tests/fuzz     protocol server/*
outside pb_*.h        protocol/message.c
outside uv.h          server/net/*
outside sqlite3.h     server/store/sqlite_*.*
outside microhttpd.h  server/admin/*
outside curl/curl.h   server/ctl/*
outside ares.h        client/resolver.c
outside systemd/*     server/base/* tests/*/*
libc assert.h stdio.h stdlib.h
"""

CLEAN = {
    "protocol/error.h": SPDX + "int error_number(void);\n",
    "protocol/error.c": SPDX + '#include "error.h"\n\n#include <stdlib.h>\n\nint error_number(void)\n{\n\treturn E_BUSY;\n}\n',
    "protocol/errors.def": SPDX + 'ERR(3, BUSY, LATER, 503, 75, "text", "Remedy.")\n',
    "protocol/channel.h": SPDX + "struct channel;\n",
    "protocol/message.c": SPDX + '#include "muster.pb.h"\n\n#include <pb_decode.h>\n',
    "server/domain/policy.h": SPDX + '#include "error.h"\n',
    "server/net/net.c": SPDX + "#include <uv.h>\n",
    "server/store/store.h": SPDX + "struct store;\n",
    "server/admin/admin.h": SPDX + '#include "store.h"\n',
    "client/include/muster.h": SPDX + "struct muster;\n",
    "server/store/sqlite_store.c": SPDX + "#include <sqlite3.h>\n",
    "server/admin/http.c": SPDX + "#include <microhttpd.h>\n",
    "server/ctl/fetch.c": SPDX + "#include <curl/curl.h>\n",
    "server/base/journal.c": SPDX + "#include <systemd/sd-journal.h>\n",
    "client/resolver.c": SPDX + "#include <ares.h>\n",
    "build/obj/made.c": "int x; \n",
    "packaging/host.timer": "# SPDX-License-Identifier: Apache-2.0\n[Timer]\n",
    "packaging/man/host.1.scd": "host(1)\n",
    "tests/lint/floors.txt": FLOORS,
    ".clang-format": (ROOT / ".clang-format").read_text(),
    "Makefile": "# SPDX-License-Identifier: Apache-2.0\n",
    "README.md": "Text.\n",
}


def function(lines):
    return SPDX + "void long_one(void)\n{\n" + "\t;\n" * lines + "}\n"


FAULTS = [
    # file, its content, line, a part of the text
    ("server/domain/policy.c", SPDX + '#include "channel.h"\n', 2, "server/domain may not include protocol/channel.h"),
    ("server/base/log.c", SPDX + '#include "store.h"\n', 2, "server/base may not include server/store/store.h"),
    ("protocol/cursor.c", SPDX + '#include "muster.h"\n', 2, "protocol may not include client/include/muster.h"),
    ("protocol/cursor.c", SPDX + '#include "gone.h"\n', 2, "not in the tree"),
    ("server/domain/policy.c", SPDX + '#include "muster.pb.h"\n', 2, "generated"),
    ("client/include/muster.h", SPDX + '#include "error.h"\n', 2, "client/include may not include"),
    ("server/session/session.c", SPDX + "\n#include <uv.h>\n", 3, "<uv.h> may be included by server/net/*"),
    ("server/broker/lane.c", SPDX + "#include <sqlite3.h>\n", 2, "<sqlite3.h> may be included by"),
    ("server/net/conn.c", SPDX + "#  include <microhttpd.h>\n", 2, "<microhttpd.h> may be included by"),
    ("protocol/frame.c", SPDX + "#include <curl/curl.h>\n", 2, "<curl/curl.h> may be included by"),
    ("client/client.c", SPDX + "#include <ares.h>\n", 2, "<ares.h> may be included by client/resolver.c only"),
    ("protocol/error.c", SPDX + "#include <systemd/sd-daemon.h>\n", 2, "<systemd/sd-daemon.h> may be included by"),
    ("protocol/error.c", SPDX + "#include <openssl/evp.h>\n", 2, "<openssl/evp.h> is in no row of floors.txt"),
    ("shared/thing.c", SPDX + "#include <stdio.h>\n", 2, "the folder shared has no row"),
    ("protocol/long.c", SPDX + "int x;\n" * 800, 800, "801 lines; a file has at most 800"),
    ("protocol/long.c", function(81), 3, "a function of 81 lines; at most 80"),
    ("protocol/long.c", SPDX + "\tjson_t *v = json_loadb(text, n, 0, NULL);\n", 2, "JSON text is read and written by protocol/jsontext"),
    ("server/admin/page.c", SPDX + "\tchar *text = json_dumps(v, 0);\n", 2, "JSON text is read and written by protocol/jsontext"),
    ("protocol/bare.c", "int x;\n", 1, "no SPDX line"),
    ("protocol/bare.proto", 'syntax = "proto3";\n', 1, "no SPDX line"),
    ("protocol/errors.def", "ERR(3, BUSY, 1, 1, 1, 1, 1)\n", 1, "no SPDX line"),
    ("tests/x.py", "import os\n", 1, "no SPDX line"),
    ("client/python/muster/x.pyi", "import os\n", 1, "no SPDX line"),
    ("client/python/pyproject.toml", "[project]\n", 1, "no SPDX line"),
    ("client/examples/x.mjs", "process.exit(0);\n", 1, "no SPDX line"),
    ("packaging/run.sh", "#!/bin/sh\n", 1, "no SPDX line"),
    ("packaging/script", "#!/bin/sh\n", 1, "no SPDX line"),
    ("Makefile", "all:\n", 1, "no SPDX line"),
    ("protocol/error.h", SPDX + "int x; \n", 2, "blanks at the end"),
    ("packaging/host.timer", "[Timer]\n", 1, "no SPDX line"),
    ("packaging/host.sysusers", "u host\n", 1, "no SPDX line"),
    ("packaging/host.service", "[Service]\n", 1, "no SPDX line"),
    ("packaging/host.socket", "[Socket]\n", 1, "no SPDX line"),
    ("packaging/man/host.1.scd", "host(1)\n\n# NAME \n", 3, "blanks at the end"),
    ("builder/thing.py", "import os\n", 1, "no SPDX line"),
    ("protocol/build/thing.py", "import os\n", 1, "no SPDX line"),
    ("protocol/errors.def", CLEAN["protocol/errors.def"] + 'ERR(4, NOBODY, LATER, 503, 75, "text", "Remedy.")\n', 3,
     "nobody uses NOBODY"),
    ("tests/lint/floors.txt", FLOORS.replace("server/domain  protocol/error.h", "server/domain  protocol/error.h server/base"), 4,
     "no include needs server/domain: server/base"),
    ("tests/lint/floors.txt", FLOORS.replace("floor server/base\n", "floor server/base  gen\n"), 3,
     "no include needs server/base: gen"),
    ("tests/lint/floors.txt", FLOORS.replace("protocol/message.c", "protocol/message.c client/*"), 14,
     "no include needs pb_*.h: client/*"),
    ("tests/lint/floors.txt", FLOORS + "outside libpq-fe.h  server/store/store_pg*.c\n", 22, "no include needs libpq-fe.h"),
    ("README.md", "one\ntwo\t\n", 2, "blanks at the end"),
    ("README.md", "one\ntwo", 2, "no newline at the end"),
]


@pytest.fixture
def tree(tmp_path):
    for name, text in CLEAN.items():
        put(tmp_path, name, text)
    return tmp_path


def put(tree, name, text):
    path = tree / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def lint(tree):
    done = subprocess.run([sys.executable, "-B", str(HERE / "lint.py"), str(tree)], capture_output=True, text=True, check=False)
    assert done.stderr == ""
    return done.returncode, done.stdout.splitlines()


def findings(lines):
    return [line for line in lines if "SKIP" not in line]


def test_a_clean_tree_passes(tree):
    code, lines = lint(tree)
    assert (code, findings(lines)) == (0, [])


@pytest.mark.parametrize("name, text, line, part", FAULTS)
def test_each_fault_is_found(tree, name, text, line, part):
    put(tree, name, text)
    code, lines = lint(tree)
    assert code == 1
    assert any(found.startswith(f"{name}:{line}: ") and part in found for found in lines), lines
    assert lines[-1].endswith("problems")


def test_bounds_themselves_pass(tree):
    put(tree, "protocol/long.c", function(80))
    put(tree, "protocol/other.c", SPDX + "int x;\n" * 799)
    assert lint(tree)[0] == 0


def test_layout(tree):
    if not (shutil.which("clang-format") or shutil.which("clang-format-14")):
        pytest.skip("reason: clang-format is not installed")
    put(tree, "protocol/odd.c", SPDX + "int   x ;\nint y;\n")
    code, lines = lint(tree)
    assert code == 1
    assert [line for line in lines if line.startswith("protocol/odd.c:2: not as clang-format has it")], lines


READERS = """# SPDX-License-Identifier: Apache-2.0
fuzz_thing thing_read thing_peek
within thing_read part_read deep_read
none file_read bytes
"""
THING_H = """int file_read(const char *path);
int thing_read(const char *text);
bool part_read(const char *text);
int deep_read(const char *text);
int thing_peek(const char *text);
int thing_open(int fd);
int thing_write(const char *text);
"""
THING_C = """int thing_read(const char *text)
{
\treturn step(text); /* never lone_read(text) */
}

static int step(const char *text)
{
\treturn deep_read(text) && part_read("other_read(");
}
"""
TARGET = "int x = thing_read();\nfuzz_accepted(thing_read);\nint y = thing_peek();\nfuzz_accepted(noun##_peek);\n"


@pytest.mark.parametrize("change, problem", [
    ({}, None),
    ({"rows": (" thing_read thing_peek\nw", " thing_peek\nw")}, "protocol/thing.h:3: thing_read has no row"),
    ({"rows": (" thing_peek", "")}, "protocol/thing.h:6: thing_peek has no row"),
    ({"rows": ("part_read ", "")}, "protocol/thing.h:4: part_read has no row"),
    ({"rows": ("none file_read", "none file_rea")}, "protocol/thing.h:2: file_read has no row"),
    ({"rows": ("none", "fuzz_gone thing_read\nnone")}, "tests/fuzz/parsers.txt:4: fuzz_gone.c does not call thing_read"),
    ({"rows": ("thing_peek", "thing_peek other_read")}, "tests/fuzz/parsers.txt:2: fuzz_thing.c does not call other_read"),
    ({"rows": ("none", "within other_read part_read\nnone")}, "tests/fuzz/parsers.txt:4: other_read has no row of its own"),
    ({"rows": ("none", "within part_read thing_read\nnone")}, "tests/fuzz/parsers.txt:4: part_read does not come to thing_read"),
    ({"rows": ("deep_read", "deep_read lone_read")}, "tests/fuzz/parsers.txt:3: thing_read does not come to lone_read"),
    ({"rows": ("deep_read", "deep_read other_read")}, "tests/fuzz/parsers.txt:3: thing_read does not come to other_read"),
    ({"code": ("step(text);", "0;")}, "tests/fuzz/parsers.txt:3: thing_read does not come to deep_read"),
    ({"target": ("int x = thing_read();", "/* thing_read() */ int thing_read;")},
     "tests/fuzz/parsers.txt:2: fuzz_thing.c does not call thing_read"),
    ({"target": ("fuzz_accepted(thing_read);", "// fuzz_accepted(thing_read);")},
     "tests/fuzz/parsers.txt:2: fuzz_thing.c has no fuzz_accepted(thing_read)"),
    ({"target": ("noun##_peek", "noun##_pee")}, "tests/fuzz/parsers.txt:2: fuzz_thing.c has no fuzz_accepted(thing_peek)"),
    ({"header": ("file_read", "thing_next")}, "protocol/thing.h:2: thing_next has no row"),
    ({"header": ("int file_read", "API int thing_import")}, "protocol/thing.h:2: thing_import has no row"),
    ({"header": ("file_read", "thing_confirm")}, "protocol/thing.h:2: thing_confirm has no row"),
    ({"header": ("file_read", "thing_job")}, "protocol/thing.h:2: thing_job has no row"),
    ({"header": ("file_read", "thing_import_run")}, None),
])
def test_a_reader_without_a_fuzz_target(tree, change, problem):
    for part, name, text in (("header", "protocol/thing.h", SPDX + THING_H), ("code", "protocol/thing.c", SPDX + THING_C),
                             ("target", "tests/fuzz/fuzz_thing.c", SPDX + TARGET), ("rows", "tests/fuzz/parsers.txt", READERS)):
        old, new = change.get(part, ("", ""))
        assert old in text
        put(tree, name, text.replace(old, new))
    code, lines = lint(tree)
    assert [line for line in findings(lines) if line.startswith(problem or "-")] or problem is None, lines
    assert (code == 0) == (problem is None), lines


def test_a_wrong_row_in_the_table(tree):
    put(tree, "tests/lint/floors.txt", "roof x y\n")
    done = subprocess.run([sys.executable, "-B", str(HERE / "lint.py"), str(tree)], capture_output=True, text=True, check=False)
    assert done.returncode == 1 and "no such row: roof" in done.stderr


def test_every_folder_of_the_makefile_has_its_floor():
    rows = {words[1] for words in map(str.split, (HERE / "floors.txt").read_text().splitlines()) if words[:1] == ["floor"]}
    makefile = (ROOT / "Makefile").read_text()
    modules = makefile.split("MODULES :=")[1].split("\n\n")[0].replace("\\\n", " ").split()
    assert set(modules) <= rows


PACKAGES = {
    "Makefile": "# SPDX-License-Identifier: Apache-2.0\nVERSION := 1.2.3\n",
    "packaging/deps.sh": "#!/bin/sh\n# SPDX-License-Identifier: Apache-2.0\nbuild cmd:gcc gcc\nbuild pc:libuv libuv1-dev\ntest cmd:jq jq\n"
                         "deb cmd:lintian lintian\ndeb pc:libqrencode libqrencode-dev\n",
    "client/libmuster.map": "MUSTER_0 {\nglobal:\n\tmuster_free;\n\tmuster_new;\nlocal:\n\t*;\n};\n",
    "packaging/debian/libmuster0.symbols": "libmuster.so.0 libmuster0 #MINVER#\n muster_free@MUSTER_0 1.0\n muster_new@MUSTER_0 1.0\n",
    "packaging/rpm/muster.spec": "# SPDX-License-Identifier: Apache-2.0\nVersion: 1.2.3\nBuildRequires: pkgconfig(libuv)\n",
    "packaging/debian/changelog": "host (1.2.3) unstable; urgency=low\n",
    "packaging/debian/control": "Source: host\nBuild-Depends:\n debhelper-compat (= 13),\n libqrencode-dev, libuv1-dev\nSection: net\n",
}


@pytest.mark.parametrize("name, old, new, problem", [
    ("Makefile", "x", "x", None),
    ("Makefile", "1.2.3", "1.2.4", "packaging/debian/changelog:1: its version is not that of the Makefile"),
    ("Makefile", "1.2.3", "1.2.4", "packaging/rpm/muster.spec:1: its version is not that of the Makefile"),
    ("packaging/rpm/muster.spec", "pkgconfig(libuv)", "gcc", "packaging/rpm/muster.spec:1: BuildRequires lacks pkgconfig(libuv)"),
    ("packaging/debian/control", " libqrencode-dev,", "", "packaging/debian/control:1: Build-Depends lacks libqrencode-dev"),
    ("packaging/debian/control", "libuv1-dev", "libuv1-dev, jq", "packaging/debian/control:1: Build-Depends has jq"),
    ("packaging/debian/control", "debhelper-compat (= 13),", "", "packaging/debian/control:1: Build-Depends lacks debhelper-compat"),
    ("client/libmuster.map", "\tmuster_new;\n", "", "packaging/debian/libmuster0.symbols:1: has muster_new"),
    ("packaging/debian/libmuster0.symbols", " muster_free@MUSTER_0 1.0\n", "",
     "packaging/debian/libmuster0.symbols:1: lacks muster_free"),
    ("packaging/deps.sh", "build pc:libuv", "test pc:libuv", "packaging/debian/control:1: Build-Depends has libuv1-dev"),
])
def test_packages_know_what_the_makefile_knows(tree, name, old, new, problem):
    for path, text in PACKAGES.items():
        put(tree, path, text.replace(old, new) if path == name else text)
    code, lines = lint(tree)
    assert (code, findings(lines)) == (0, []) if problem is None else any(line.startswith(problem) for line in lines), lines
