# SPDX-License-Identifier: Apache-2.0
"""The log: the journal's fields without a journal, JSON lines, one request followed by its id, and the message catalogue."""
import json
import os
import re
import shutil
import signal
import socket
import struct
import subprocess

import pytest

from harness import BUILD, ROOT, run, wait_for

ROOT_ONLY = pytest.mark.skipif(os.geteuid() != 0, reason="needs root for a mount namespace")


class Journal:
    """A socket that stands where journald's would, seen by the host alone, in a mount namespace of its own."""

    WRAPPER = ("mount -t tmpfs none /run && mkdir -p /run/systemd/journal && mount --bind {0} /run/systemd/journal && "
               "JOURNAL_STREAM=$(stat -L -c %d:%i /proc/self/fd/2) exec \"$@\"")

    def __init__(self, folder):
        self.folder = folder / "journal"
        self.folder.mkdir()
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(str(self.folder / "socket"))
        self.socket.setblocking(False)
        self.entries = []

    def wrapper(self):
        return ["unshare", "-m", "sh", "-c", self.WRAPPER.format(self.folder), "sh"]

    @staticmethod
    def read(data):
        """The native protocol: KEY=value lines, or KEY, a length and so many bytes."""
        fields = {}
        while data:
            line, _, rest = data.partition(b"\n")
            if b"=" in line:
                key, _, value = line.partition(b"=")
            else:
                key, n = line, struct.unpack("<Q", rest[:8])[0]
                value, rest = rest[8:8 + n], rest[8 + n + 1:]
            assert key.decode() not in fields, f"{key} twice"
            fields[key.decode()], data = value.decode(), rest
        return fields

    def all(self, event=None):
        while True:
            try:
                self.entries.append(self.read(self.socket.recv(65536)))
            except BlockingIOError:
                return [e for e in self.entries if event in (None, e["MUSTER_EVENT"])]

    def wait(self, event, **fields):
        return wait_for(lambda: next((e for e in self.all(event) if fields.items() <= e.items()), None), what=event)


@pytest.fixture
def journal(folder):
    return Journal(folder)


def journal_host(hosts, journal, **more):
    host = hosts(**more)
    host.wrapper = journal.wrapper()
    host.spawn()
    ready = journal.wait("host.ready")
    host.port = int(ready["MUSTER_LISTENER"].split()[0].rsplit(":", 1)[1])
    return host


@ROOT_ONLY
def test_the_journal_gets_fields(hosts, journal):
    host = journal_host(hosts, journal)
    ready = journal.wait("host.ready")
    assert ready["MESSAGE"].startswith("ready version=")
    assert ready["PRIORITY"] == "6" and ready["SYSLOG_IDENTIFIER"] == "musterd"
    assert re.fullmatch("[0-9a-f]{32}", ready["MESSAGE_ID"])
    assert ready["MUSTER_HOST"] == host.status()["host"]["id"]
    assert host.log.read_text() == ""  # nothing twice


@ROOT_ONLY
def test_a_refused_administrator(hosts, journal):
    host = hosts().roled()
    host.wrapper = [*journal.wrapper(), *host.wrapper]
    host.spawn()
    journal.wait("host.ready")
    command = [*host.become("viewer"), "curl", "-s", "-X", "POST", "--unix-socket", str(host.socket),
               "http://localhost/v1/install"]
    assert "NOT_PERMITTED" in run(*command).stdout
    entry = journal.wait("access.refused")
    assert entry["MUSTER_ACTOR"] == "uid:65534" and entry["PRIORITY"] == "4"
    assert entry["MUSTER_OBJECT"] == "POST /v1/install"
    assert entry["MUSTER_REQUEST_ID"]


def test_json_lines(hosts):
    host = hosts("[log]\nformat = json\n")
    host.spawn()
    wait_for(lambda: "host.ready" in host.log.read_text())
    host.stop()
    lines = [json.loads(line) for line in host.log.read_text().splitlines()]
    events = [line["event"] for line in lines]
    assert [e for e in events if e not in ("store.migrated", "audit.checkpoint")] == ["host.ready", "host.stopping", "host.stopped"]
    assert events[0] == "store.migrated" and events.count("audit.checkpoint") == 2
    assert all(line["time"].endswith("Z") and line["schema"] == 1 for line in lines)
    assert lines[events.index("host.stopping")]["signal"] == signal.SIGTERM


def test_format_is_checked(hosts):
    host = hosts("[log]\nformat = xml\n")
    host.spawn()
    host.ended(78)
    assert "bad value: [log] format = xml" in host.log.read_text()


def events():
    text = (ROOT / "server/base/events.def").read_text()
    return re.findall(r'EVENT\((\w+), "([a-z.]+)", LOG_LEVEL_\w+, \d+, "([0-9a-f]{32})", "([^"]+)",', text)


def test_ids_are_unique():
    rows = events()
    assert len(rows) == len(re.findall("^EVENT", (ROOT / "server/base/events.def").read_text(), re.M)) > 30
    for column in range(3):
        assert len({row[column] for row in rows}) == len(rows)


@pytest.mark.skipif(not shutil.which("journalctl"), reason="needs journalctl (package systemd)")
def test_catalogue(folder):
    """journalctl takes it, and knows each event."""
    place = folder / "root/usr/lib/systemd/catalog"
    place.mkdir(parents=True)
    (folder / "root/var/lib/systemd/catalog").mkdir(parents=True)
    shutil.copy(BUILD / "muster.catalog", place)
    run("journalctl", f"--root={folder / 'root'}", "--update-catalog")
    listed = run("journalctl", f"--root={folder / 'root'}", "--list-catalog").stdout
    for _, _, message_id, text in events():
        assert f"{message_id} Muster: Muster: {text}\n" in listed, listed
    shown = run("journalctl", f"--root={folder / 'root'}", "--dump-catalog", events()[0][2]).stdout
    assert "The host serves activations" in shown
