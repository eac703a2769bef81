# SPDX-License-Identifier: Apache-2.0
"""Rows from CSV files: user import, assign and unassign --from; files of every kind of wrong; 100,000 rows."""
import json
import os
import random
import re
import time

import pytest

from ctl_server import Changes, environment, error, on_terminal, peak, problem, refused
from ctl_server import daemon, folder  # noqa: F401 (fixtures)
from harness import SANITIZED


def write(folder, text):
    path = os.path.join(folder, "in.csv")
    with open(path, "wb") as f:
        f.write(text if isinstance(text, bytes) else text.encode())
    return path


def imported(daemon, folder, text):
    """The rows that a file of users becomes."""
    changes = Changes(daemon)
    result = daemon.run("user", "import", write(folder, text))
    assert result.returncode == 0, result.stderr
    return [tuple(value for key, value in row.items() if key != "do") for row in changes.rows] if changes.bodies else []


# --- what the columns become ---

def test_import(daemon, folder):
    changes = Changes(daemon)
    result = daemon.run("user", "import", write(folder, "user,name,groups\na,Ann,eng\nb,,\nc,Cy, x ; y;;\n"))
    assert result.returncode == 0 and result.stdout == "imported: 3, refused: 0\n" and result.stderr == ""
    assert changes.bodies == [{"dry_run": False, "confirm": False, "changes": [
        {"do": "user.add", "user": "a", "name": "Ann", "groups": ["eng"]}, {"do": "user.add", "user": "b"},
        {"do": "user.add", "user": "c", "name": "Cy", "groups": ["x", "y"]}]}]


@pytest.mark.parametrize("verb, past", [("assign", "assigned"), ("unassign", "unassigned")])
@pytest.mark.parametrize("key", ["user", "group", "device", "device_group"])
def test_assign_from_file(daemon, folder, verb, past, key):
    changes = Changes(daemon)
    path = write(folder, f"{key},product,plans,grant\na,cad,x; y,\nb,cam,,g\n")
    result = daemon.run(verb, "--from", path, "--yes")
    assert result.returncode == 0 and result.stdout == f"{past}: 2, refused: 0\n"
    plans = {"plans": ["x", "y"]} if verb == "assign" else {}
    assert changes.bodies == [{"dry_run": False, "confirm": True, "changes": [
        {"do": verb, key: "a", "product": "cad", **plans}, {"do": verb, key: "b", "product": "cam", "grant": "g"}]}]


def test_columns_in_any_order(daemon, folder):
    changes = Changes(daemon)
    daemon.run("assign", "--from", write(folder, "plans,product,group\nx,cad,eng"))
    assert changes.rows == [{"do": "assign", "group": "eng", "product": "cad", "plans": ["x"]}]


def test_standard_input(daemon):
    changes = Changes(daemon)
    assert daemon.run("assign", "--from", "-", input="user,product\na,cad\n").returncode == 0
    assert changes.rows == [{"do": "assign", "user": "a", "product": "cad"}]


def test_header_alone(daemon, folder):
    assert imported(daemon, folder, "user,name\n") == []
    assert json.loads(daemon.run("user", "import", write(folder, "user,name"), "--json").stdout) == {
        "schema": 1, "items": [], "effect": []}
    assert daemon.requests == []


def test_refused_rows_are_named_by_line(daemon, folder):
    Changes(daemon, lambda row: error("DUPLICATE", detail=row["user"] + " exists") if row["user"] != "c" else None)
    path = write(folder, 'user,name\n\na,"two\nlines"\nb,B\nc,C\n')
    result = daemon.run("user", "import", path)
    assert result.returncode == 1 and result.stdout == "imported: 1, refused: 2\n"
    lines = result.stderr.splitlines()
    assert lines[0].startswith(f"{path}:3: DUPLICATE: ") and lines[0].endswith("a exists")
    assert lines[2].startswith(f"{path}:5: DUPLICATE: ") and lines[1] == lines[3] == "remedy: Do that."
    items = json.loads(daemon.run("user", "import", path, "--json").stdout)["items"]
    assert [(item["user"], item["name"], item["ok"], item["line"], item.get("error", {}).get("code"))
            for item in items] == [("a", "two\nlines", False, 3, "DUPLICATE"), ("b", "B", False, 5, "DUPLICATE"),
                                   ("c", "C", True, 6, None)]


def test_one_row_of_a_file_is_named_by_line_too(daemon, folder):
    Changes(daemon, lambda row: error("GUEST_ROLE"))
    path = write(folder, "user,product\na,cad\n")
    result = daemon.run("assign", "--from", path)
    assert result.returncode == 1 and result.stderr.startswith(f"{path}:2: GUEST_ROLE: ")


def test_dry_run_of_a_file(daemon, folder):
    changes = Changes(daemon, effect=[{"product": "cad", "gained": 2, "lost": 0, "waiting": 1, "seats": 2}])
    result = daemon.run("assign", "--from", write(folder, "user,product\na,cad\nb,cad\n"), "--dry-run")
    assert result.stdout.startswith("dry run, nothing was saved: 2 would be done, 0 refused\n")
    assert re.search(r"^cad +2 +0 +1 +2$", result.stdout, re.M) and changes.bodies[0]["dry_run"]
    assert daemon.run("user", "import", write(folder, "user,name\na,A\n"), "--dry-run").returncode == 0


def test_problem_for_the_whole_file(daemon, folder):
    daemon.route("/v1/changes", problem(403, "NOT_PERMITTED"), "POST")
    refused(daemon.run("assign", "--from", write(folder, "user,product\na,cad\n")), "NOT_PERMITTED", 77)


# --- RFC 4180 ---

@pytest.mark.parametrize("text, rows", [
    ("user,name\na,A", [("a", "A")]),
    ("user,name\r\na,A\r\nb,B\r\n", [("a", "A"), ("b", "B")]),
    ("\ufeffuser,name\na,A\n", [("a", "A")]),
    ("\n\r\nuser,name\n\na,A\n\r\n\n", [("a", "A")]),
    ('"user","name"\n"a","A"\n', [("a", "A")]),
    ('user,name\na,"x, y"\n', [("a", "x, y")]),
    ('user,name\na,"say ""hi"""\n', [("a", 'say "hi"')]),
    ('user,name\n"""",""""""\n', [('"', '""')]),
    ('user,name\na,"two\r\nlines\n\n"\nb,B\n', [("a", "two\r\nlines\n\n"), ("b", "B")]),
    ('user,name\na,""\nb,"\n"', [("a",), ("b", "\n")]),
    ("user,name\n a , A \n", [(" a ", " A ")]),
    ("user,name\n\u00e5se,\u65e5\u672c \U0001f600\n", [("\u00e5se", "\u65e5\u672c \U0001f600")]),
    ("user,name\na,A\tB\x01\n", [("a", "A\tB\x01")]),
    ('name,user\n"A",a', [("a", "A")]),
    ("user,name\n" + "u" * 5000 + "," + "n" * 70000 + "\n", [("u" * 5000, "n" * 70000)]),
])
def test_good_files(daemon, folder, text, rows):
    assert imported(daemon, folder, text) == rows


BAD = [
    ("", 1, "the header is wrong at ''"),
    ("\n\n", 3, "the header is wrong at ''"),
    ("user\na\n", 1, "the header is wrong at 'name'"),
    ("user;name\na;A\n", 1, "the header is wrong at 'user;name'"),
    ("user,name,age\na,A,3\n", 1, "the header is wrong at 'age'"),
    ("user,name,user\na,A,b\n", 1, "the header is wrong at 'user'"),
    ("User,name\na,A\n", 1, "the header is wrong at 'User'"),
    ("user, name\na,A\n", 1, "the header is wrong at ' name'"),
    ("\nuser,nam\n", 2, "the header is wrong at 'nam'"),
    ("a,b,c,d,e,f,g,h,i\n", 1, "too many fields"),
    ("user,name\na,A\nb\n", 3, "1 field, but the header has 2"),
    ("user,name\na,A,x\n", 2, "3 fields, but the header has 2"),
    ("user,name\na,A\n , \n,B\n", 4, "the user is empty"),
    ('user,name\n"",B\n', 2, "the user is empty"),
    ('user,name\na,"A\nb,B\n', 2, "a quote is not closed"),
    ('user,name\na,"', 2, "a quote is not closed"),
    ('user,name\na,"""', 2, "a quote is not closed"),
    ('user,name\na,A"B"\n', 2, "a quote stands within a field"),
    ('user,name\na, "A"\n', 2, "a quote stands within a field"),
    ('user,name\na,"A"B\n', 2, "text follows a closing quote"),
    ('user,name\na,"A" ,\n', 2, "text follows a closing quote"),
    ('user,name\n"x\n\ny",A\nb,"B"x\n', 5, "text follows a closing quote"),
    ("user,name\ra,A\r", 1, "a carriage return without a line feed"),
    ("user,name\na,A\r", 2, "a carriage return without a line feed"),
    ('user,name\na,"A"\rb,B\n', 2, "text follows a closing quote"),
    (b"user,name\na,\xff\n", 2, "this is not UTF-8 text"),
    (b"user,name\na,\xed\xa0\x80\n", 2, "this is not UTF-8 text"),
    (b"user,name\na,\xc0\xaf\n", 2, "this is not UTF-8 text"),
    (b"user,name\na,\xf4\x90\x80\x80\n", 2, "this is not UTF-8 text"),
    (b"user,name\na,\xe2\x82", 2, "this is not UTF-8 text"),
    (b"user,name\na,A\nb,\x00\n", 3, "this is not UTF-8 text"),
    ("user,name\na,A\n".encode("utf-16"), 1, "this is not UTF-8 text"),
    ("\ufeff\ufeffuser,name\n", 1, "the header is wrong at"),
]


@pytest.mark.parametrize("text, line, what", BAD, ids=range(len(BAD)))
def test_bad_files(daemon, folder, text, line, what):
    path = write(folder, text)
    result = daemon.run("user", "import", path)
    assert f" {path}:{line}: {what}" in refused(result, "BAD_REQUEST", 1)
    assert result.stderr.endswith("; nothing was sent.\n") and daemon.requests == [] and result.stdout == ""
    result = daemon.run("user", "import", path, "--json")
    assert json.loads(result.stdout)["error"]["code"] == "BAD_REQUEST" and daemon.requests == []


@pytest.mark.parametrize("text, line, what", [
    ("product\ncad\n", 1, "the header is wrong at 'product'"),
    ("user\na\n", 1, "the header is wrong at 'product'"),
    ("user,group,product\na,,cad\n", 1, "the header is wrong at 'user'"),
    ("device-group,product\na,cad\n", 1, "the header is wrong at 'device-group'"),
    ("user,product\na,\n", 2, "no product is named"),
    ("user,product\n,cad\n", 2, "nobody is named"),
])
def test_bad_files_of_assign(daemon, folder, text, line, what):
    path = write(folder, text)
    for verb in ("assign", "unassign"):
        result = daemon.run(verb, "--from", path)
        assert f" {path}:{line}: {what}" in refused(result, "BAD_REQUEST", 1) and daemon.requests == []
    if line == 1:
        assert "user|group|device|device_group,product[,plans][,grant]" in result.stderr


def test_file_that_cannot_be_read(daemon, folder):
    for args in (["user", "import"], ["assign", "--from"]):
        assert "No such file" in refused(daemon.run(*args, folder + "/none"), "IO", 1)
        assert "Is a directory" in refused(daemon.run(*args, folder), "IO", 1)


def test_file_that_is_too_large(daemon, folder):
    path = os.path.join(folder, "large.csv")
    with open(path, "wb") as f:
        f.write(b"user,name\n")
        f.truncate((64 << 20) + 1)
    refused(daemon.run("user", "import", path), "TOO_LARGE", 1)


ROWS = ["x,y\n", '"q",b\r\n', '"a, ""b""",\n', "\n", '\u00e5," "\n', '"\n\r\n","\r"\n', "c;,\x01\r\n", "\r\n"]
BROKEN = ['"', '""', ",", "\r", "a", " ", "user,name\n", "x,"]


def test_hostile_files(daemon, folder):
    """Whatever a file holds: the rows are what an honest reader sees, or one line says where it is wrong."""
    rng = random.Random(3)
    changes = Changes(daemon)
    good = 0
    for _ in range(400):
        pieces = ROWS if rng.random() < 0.5 else ROWS + BROKEN
        text = ("user,name\n" if rng.random() < 0.9 else "") + "".join(rng.choices(pieces, k=rng.randrange(8)))
        data = text.encode()
        if rng.random() < 0.2:
            at = rng.randrange(len(data) + 1)
            data = data[:at] + bytes([rng.randrange(256)]) + data[at:]
        changes.bodies.clear()
        result = daemon.run("user", "import", write(folder, data))
        if result.returncode:
            assert re.search(r":\d+: ", refused(result, "BAD_REQUEST", 1)) and not changes.bodies, data
            continue
        good += 1
        rows = changes.bodies[0]["changes"] if changes.bodies else []
        assert [(row["user"], row.get("name", "")) for row in rows] == python_rows(data), data
    assert 40 < good < 360


def python_rows(data):
    """The same file as Python's strict reader sees it, without empty lines."""
    import csv
    import io
    text = data.decode("utf-8-sig")
    rows = list(csv.reader(io.StringIO(text, newline=""), strict=True))
    rows = [row for row in rows if row]
    order = [rows[0].index("user"), rows[0].index("name")]
    return [tuple(row[i] for i in order) for row in rows[1:]]


# --- many rows ---

def large_file(folder, n):
    return write(folder, "user,product,plans\n" + "".join(
        f"user-{i:06d}@example.org,acme-cad,modeler;render\n" for i in range(n)))


def test_100000_rows(daemon, folder, tmp_path):
    n = 100_000
    changes = Changes(daemon, lambda row: error("SEATS_EXHAUSTED") if row["user"][5:11] >= "099990" else None)
    args = ["--socket", daemon.socket, "assign", "--json", "--from"]
    start = time.monotonic()
    code, most = peak([*args, large_file(folder, n)], tmp_path / "out")
    assert code == 1 and time.monotonic() - start < 60
    assert len(daemon.requests) == 1 and len(changes.bodies[0]["changes"]) == n
    items = json.loads((tmp_path / "out").read_text())["items"]
    assert len(items) == n and sum(not item["ok"] for item in items) == 10 and items[-1]["line"] == n + 1
    # Request and answer as text, but never as a tree.
    least = peak([*args, large_file(folder, 10)], tmp_path / "out")[1]
    assert SANITIZED or most - least < n * 400 / 1024, (most, least)


def test_progress_only_on_a_terminal(daemon, folder):
    def slow(handler):
        time.sleep(2.2)
        answer(handler)

    answer = Changes(daemon)
    daemon.route("/v1/changes", slow, "POST")
    path = large_file(folder, 2000)
    result = daemon.run("assign", "--from", path)
    assert result.stderr == "" and result.stdout == "assigned: 2000, refused: 0\n"
    text, code = on_terminal(["--socket", daemon.socket, "assign", "--from", path], environment())
    assert code == 0 and "\r2000 rows sent to the daemon: " in text
    assert text.endswith("\r\x1b[Kassigned: 2000, refused: 0\r\n")
    text, code = on_terminal(["--socket", daemon.socket, "assign", "--from", large_file(folder, 3)], environment())
    assert text == "assigned: 3, refused: 0\r\n"
