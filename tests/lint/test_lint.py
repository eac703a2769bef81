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
    "tests/lint/floors.txt": (HERE / "floors.txt").read_text(),
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
    ("packaging/run.sh", "#!/bin/sh\n", 1, "no SPDX line"),
    ("packaging/script", "#!/bin/sh\n", 1, "no SPDX line"),
    ("Makefile", "all:\n", 1, "no SPDX line"),
    ("protocol/error.h", SPDX + "int x; \n", 2, "blanks at the end"),
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


def test_an_unused_code_is_a_warning(tree):
    put(tree, "protocol/errors.def", CLEAN["protocol/errors.def"] + 'ERR(4, NOBODY, LATER, 503, 75, "text", "Remedy.")\n')
    code, lines = lint(tree)
    assert code == 0
    assert findings(lines) == ["protocol/errors.def:3: warning: nobody uses NOBODY"]


READERS = "# SPDX-License-Identifier: Apache-2.0\nfuzz_thing thing_read\nwithin thing_read part_read\nnone file_read bytes\n"


@pytest.mark.parametrize("rows, problem", [
    (READERS, None),
    (READERS.replace(" thing_read\nw", "\nw"), "protocol/thing.h:3: thing_read has no row"),
    (READERS.replace("part_read", ""), "protocol/thing.h:4: part_read has no row"),
    (READERS.replace("none file_read", "none file_rea"), "protocol/thing.h:2: file_read has no row"),
    (READERS + "fuzz_gone thing_read\n", "tests/fuzz/parsers.txt:5: fuzz_gone.c does not call thing_read"),
    (READERS + "fuzz_thing other_read\n", "tests/fuzz/parsers.txt:5: fuzz_thing.c does not call other_read"),
    (READERS + "within other_read more_read\n", "tests/fuzz/parsers.txt:5: other_read has no row of its own"),
])
def test_a_reader_without_a_fuzz_target(tree, rows, problem):
    put(tree, "protocol/thing.h", SPDX + "int file_read(const char *path);\nint thing_read(const char *text);\n"
        "bool part_read(const char *text);\nint thing_open(int fd);\nint thing_write(const char *text);\n")
    put(tree, "tests/fuzz/fuzz_thing.c", SPDX + "int x = thing_read();\n")
    put(tree, "tests/fuzz/parsers.txt", rows)
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
