# SPDX-License-Identifier: Apache-2.0
"""Long lists as streams: whole or visibly not, without cost to others, whatever the reader does."""
import csv
import io
import json
import os
import pathlib
import socket
import subprocess
import time

import pytest
from harness import SANITIZED, SECONDS, run, wait_for

MANY = 30000


@pytest.fixture
def crowd(host):
    """A host with many users."""
    host.change(*({"do": "user.add", "user": f"u{i}", "name": f"=HYPERLINK(\"x\"),{i}"} for i in range(MANY)))
    return host


class Reader:
    """A list that is asked for, and read only as far as somebody reads."""

    def __init__(self, host, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(SECONDS)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        self.socket.connect(str(host.socket))
        self.socket.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        self.text = self.socket.recv(1000)

    def rest(self):
        while True:
            more = self.socket.recv(65536)
            self.text += more
            if not more or self.text.endswith(b"\r\n0\r\n\r\n"):
                return self.text

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()


def curl(host, path, *options):
    return run("curl", "-sS", "--unix-socket", host.socket, *options, f"http://localhost{path}", check=False)


def rss_kib(host):
    text = pathlib.Path(f"/proc/{host.process.pid}/status").read_text()
    return int(text.partition("VmRSS:")[2].split()[0])


def test_whole_in_order_and_for_spreadsheets(crowd):
    text = crowd.api("GET", "/v1/users?format=csv")[1]
    rows = list(csv.DictReader(io.StringIO(text, newline=""), strict=True))
    assert [row["user"] for row in rows] == [f"u{i}" for i in range(MANY)]
    assert rows[7]["name"] == "'=HYPERLINK(\"x\"),7"  # what looks like a formula is none
    some = list(csv.DictReader(io.StringIO(crowd.api("GET", "/v1/users?format=csv&limit=450&after=1000")[1], newline="")))
    assert [row["user"] for row in some] == [f"u{i}" for i in range(1000, 1450)]
    lines = curl(crowd, "/v1/audit", "-H", "Accept: application/x-ndjson").stdout.splitlines()
    seqs = [json.loads(line)["seq"] for line in lines]
    assert seqs == list(range(1, len(seqs) + 1)) and len(seqs) > MANY


def test_a_filter_looks_at_a_slice_at_a_time(crowd):
    """Pages are short or empty and lead on; a stream has what all of them have."""
    found, pages, after = [], 0, ""
    while after is not None:
        _, page = crowd.api("GET", f"/v1/users?user=*99{after and '&after=' + after}&limit=1000")
        found += [row["user"] for row in page["items"]]
        pages, after = pages + 1, page["next"]
    assert found == [f"u{i}" for i in range(MANY) if str(i).endswith("99")] and pages > MANY / 10000
    rows = crowd.api("GET", f"/v1/users?user=u{MANY - 1}&format=csv")[1].splitlines()
    assert len(rows) == 2 and rows[1].startswith(f"u{MANY - 1},")
    assert crowd.api("GET", "/v1/users?user=nobody&format=csv")[1] == "user,name,guest,created\r\n"


def test_a_reader_that_rests(crowd):
    """It holds a small buffer and no read of the database: others are served, and the log is merged in meanwhile."""
    crowd.api("GET", "/v1/users?format=csv&limit=3000")
    before = rss_kib(crowd)
    with Reader(crowd, "/v1/users?format=csv") as reader:
        for i in range(40):
            assert crowd.change({"do": "user.add", "user": f"late{i}"})[0]["ok"]
            assert crowd.api("GET", f"/v1/users/u{i}")[0] == 200
        if not SANITIZED:
            assert rss_kib(crowd) < before + 4096
        assert crowd.change({"do": "user.add", "user": "last"})[0]["ok"]
        # Busy would mean that somebody still reads an old state of the database.
        busy = run("sqlite3", crowd.state / "muster.db", "PRAGMA busy_timeout = 5000; PRAGMA wal_checkpoint(RESTART)").stdout
        assert busy.splitlines()[-1].startswith("0|"), busy
        text = reader.rest()
        assert text.endswith(b"\r\n0\r\n\r\n") and b"u29999," in text and b"\r\nlast," in text


def test_the_form_that_is_accepted_first(host):
    host.change({"do": "user.add", "user": "kari"})
    for accept, kind in (("text/csv", "text/csv"), ("application/json, text/csv;q=0.5", "application/json"),
                         ("application/x-ndjson, */*", "application/x-ndjson"), ("text/html,*/*;q=0.8", "application/json"),
                         ("*/*", "application/json"), ("text/plain", "application/json")):
        done = curl(host, "/v1/users", "-H", f"Accept: {accept}", "-o", os.devnull, "-w", "%{content_type}")
        assert done.stdout.partition(";")[0] == kind, accept
    # A single thing has one form.
    done = curl(host, "/v1/users/kari", "-H", "Accept: text/csv", "-o", os.devnull, "-w", "%{content_type}")
    assert done.stdout == "application/json"


def test_stopping_does_not_wait_for_a_reader(crowd):
    with Reader(crowd, "/v1/users?format=csv") as reader:
        assert crowd.stop() == 0
        assert not reader.rest().endswith(b"\r\n0\r\n\r\n")


def test_several_at_once_and_no_more(crowd):
    readers = [Reader(crowd, "/v1/users?format=ndjson") for _ in range(16)]
    try:
        status, document = crowd.api("GET", "/v1/users?format=csv")
        assert status == 503 and document["code"] == "BUSY" and "streamed" in document["detail"]
        assert crowd.api("GET", "/v1/users?limit=1")[0] == 200
        assert all(reader.rest().count(b'"user":"u') == MANY for reader in readers[:2])
        readers[5].socket.close()
        wait_for(lambda: crowd.api("GET", "/v1/groups?format=csv")[0] == 200, what="a place is free again")
    finally:
        for reader in readers:
            reader.socket.close()


def test_a_short_request_is_not_behind_a_long_one(crowd):
    """While a list is read as fast as it comes, another request waits for one page of it, not for all of it."""
    alone = min(timed(lambda: crowd.api("GET", "/v1/audit?format=csv")) for _ in range(2))
    beside = []
    process = subprocess.Popen(["sh", "-c", "for i in 1 2 3; do curl -s --unix-socket \"$0\" -o /dev/null "
                                "'http://x/v1/audit?format=csv'; done", str(crowd.socket)])
    try:
        while process.poll() is None:
            beside.append(timed(lambda: crowd.api("GET", "/v1/users/u1")))
    finally:
        process.wait(timeout=SECONDS)
    assert len(beside) > 10 and sorted(beside)[len(beside) // 2] < alone / 3, (alone, beside)


def timed(work):
    begin = time.monotonic()
    work()
    return time.monotonic() - begin


def test_a_fault_in_the_middle_shows(crowd):
    """A damaged disk: the body ends without its last chunk, and curl says so."""
    crowd.stop()
    crowd.start()  # everything is in the file, and nothing in memory
    with Reader(crowd, "/v1/audit?format=csv") as reader:
        database = crowd.state / "muster.db"
        size = database.stat().st_size
        with open(database, "r+b") as file:
            file.seek(size // 8 // 4096 * 4096)
            while file.tell() < size - 4096:
                file.write(os.urandom(4096))
        text = reader.rest()
    assert text.startswith(b"HTTP/1.1 200 OK") and not text.endswith(b"\r\n0\r\n\r\n")
    done = curl(crowd, "/v1/audit?format=csv", "-o", os.devnull)
    assert done.returncode == 18, done.stderr  # transfer closed with outstanding data
    wait_for(lambda: "a stream ends early" in crowd.log.read_text(), what="the log tells it")
