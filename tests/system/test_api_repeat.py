# SPDX-License-Identifier: Apache-2.0
"""Idempotency-Key: what is repeated happens once, whatever falls between; ETag and If-Match: nobody overwrites unseen."""
import http.client
import json
import random
import socket
import sqlite3
import time

from harness import SECONDS, needs_faketime, needs_root, run, wait_for


def ask(host, method, path, body=None, **headers):
    """Status, headers and document."""
    connection = http.client.HTTPConnection("localhost", timeout=SECONDS)
    connection.sock = socket.socket(socket.AF_UNIX)
    connection.sock.settimeout(SECONDS)
    connection.sock.connect(str(host.socket))
    connection.request(method, path, body if body is None or isinstance(body, (str, bytes)) else json.dumps(body),
                       {name.replace("_", "-"): value for name, value in headers.items()})
    answer = connection.getresponse()
    text = answer.read().decode()
    connection.close()
    return answer.status, answer.headers, json.loads(text)


def post(host, *rows, **headers):
    return ask(host, "POST", "/v1/changes", {"changes": rows}, **headers)


def settle(host):
    """After a jump of the clock, which may end the connection that it falls into."""
    wait_for(lambda: host.wake().ctl("status", check=False).returncode != 3)


def remembered(host):
    with sqlite3.connect(f"file:{host.state}/muster.db?mode=ro", uri=True) as db:
        return db.execute("SELECT count(*) FROM replay").fetchone()[0]


def actions(host, action):
    return [row for row in host.items("audit", "list") if row["action"] == action]


def test_the_same_answer_again(host):
    """Also after a restart, also what is shown only once; and nothing of it stands in the clear."""
    assert post(host, {"do": "user.add", "user": "kari"})[0] == 200
    first = post(host, {"do": "signin.code", "user": "kari"}, Idempotency_Key="first try")
    code = first[2]["items"][0]["code"]
    assert first[0] == 200 and code and "Idempotency-Replayed" not in first[1]
    again = post(host, {"do": "signin.code", "user": "kari"}, Idempotency_Key="first try")
    assert again[0] == 200 and again[2] == first[2] and again[1]["Idempotency-Replayed"] == "true"
    host.stop()
    host.start()
    again = post(host, {"do": "signin.code", "user": "kari"}, Idempotency_Key="first try")
    assert again[2] == first[2] and again[1]["Idempotency-Replayed"] == "true"
    assert len(actions(host, "signin.code")) == 1 and remembered(host) == 1
    other = post(host, {"do": "signin.code", "user": "kari"}, Idempotency_Key="second try")
    assert other[2]["items"][0]["code"] != code
    host.stop()
    for file in host.state.iterdir():
        if file.is_file():
            stored = file.read_bytes()
            assert code.encode() not in stored and code.replace("-", "").encode() not in stored and b"first try" not in stored, file


def test_another_request_with_the_same_key(host):
    assert post(host, {"do": "user.add", "user": "kari"}, Idempotency_Key="k")[0] == 200
    status, headers, document = post(host, {"do": "user.add", "user": "ola"}, Idempotency_Key="k")
    assert status == 422 and document["code"] == "IDEMPOTENCY_MISMATCH" and document["remedy"]
    assert headers["Content-Type"] == "application/problem+json"
    assert [row["user"] for row in host.items("user", "list")] == ["kari"]
    for key in ("", "x" * 129):
        assert post(host, {"do": "user.add", "user": "ola"}, Idempotency_Key=key)[2]["code"] == "BAD_REQUEST"


def test_what_changes_nothing_is_not_remembered(host):
    """A dry run, a refusal: decided afresh each time, and the key is free."""
    row = {"do": "user.remove", "user": "kari"}
    assert ask(host, "POST", "/v1/changes", {"dry_run": True, "changes": [row]}, Idempotency_Key="k")[0] == 200
    assert post(host, row, Idempotency_Key="k")[2]["items"][0]["error"]["code"] == "NOT_FOUND"
    assert remembered(host) == 0
    assert post(host, {"do": "user.add", "user": "kari"}, Idempotency_Key="k")[2]["items"][0]["ok"]
    assert remembered(host) == 1


def test_a_file_is_installed_once(host, folder, vendor):
    """Without the key the second time is LICENSE_SERIAL_OLD."""
    license_id = host.items("license", "list")[0]["id"]
    vendor("license", "renew", license_id, "-o", folder / "next")
    text = (folder / "next").read_text()
    first = ask(host, "POST", "/v1/install", text, Idempotency_Key="k")
    again = ask(host, "POST", "/v1/install", text, Idempotency_Key="k")
    assert first[0] == again[0] == 201 and first[2] == again[2] and again[1]["Idempotency-Replayed"] == "true"
    assert ask(host, "POST", "/v1/install", text, Idempotency_Key="l")[2]["code"] == "LICENSE_SERIAL_OLD"
    assert ask(host, "POST", "/v1/install", text)[2]["code"] == "LICENSE_SERIAL_OLD"


def test_what_the_host_does_itself_is_done_once(host):
    """A repeat tells of then, and changes nothing now: a retired host stays so."""
    def event(what, key):
        status, headers, document = ask(host, "POST", f"/v1/host/{what}", Idempotency_Key=key)
        assert status == 200, document
        return document, headers.get("Idempotency-Replayed")

    def retired():
        return post(host, {"do": "user.add", "user": "kari"})[2].get("code") == "HOST_RETIRED"

    returned, _ = event("return", "before")
    first, _ = event("retire", "k")
    assert first["since"] and retired()
    assert event("retire", "k") == (first, "true") and retired()
    assert event("return", "before") == (returned, "true") and retired()
    accepted, _ = event("clock", "c")
    assert accepted["accepted"] and event("clock", "c") == (accepted, "true")
    assert event("return", "after")[1] is None and not retired()
    assert event("retire", "k") == (first, "true") and not retired()
    assert len(actions(host, "host.retired")) == 1 and len(actions(host, "clock.accepted")) == 1


def test_killed_before_the_answer(host):
    """kill -9 at any moment of the request: repeated with its key it happened once, and the answer says so."""
    dice = random.Random(7)
    lost = 0
    for i in range(12):
        body = json.dumps({"changes": [{"do": "user.add", "user": f"u{i}"}, {"do": "signin.code", "user": f"u{i}"}]})
        request = (f"POST /v1/changes HTTP/1.1\r\nHost: x\r\nIdempotency-Key: round {i}\r\nContent-Length: {len(body)}\r\n\r\n"
                   + body)
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(str(host.socket))
            connection.sendall(request.encode())
            time.sleep(dice.uniform(0, 0.008))
            host.kill()
        host.start()
        status, headers, document = ask(host, "POST", "/v1/changes", body, Idempotency_Key=f"round {i}")
        assert status == 200 and all(item["ok"] for item in document["items"]), document
        assert document["items"][1]["code"]
        lost += headers.get("Idempotency-Replayed") == "true"
        for action in ("user.add", "signin.code"):
            assert len([row for row in actions(host, action) if row["object"] == f"u{i}"]) == 1
    assert len(host.items("user", "list")) == 12
    assert lost, "no kill fell between the commit and the answer: the test shows nothing"
    host.healthy()


@needs_root
def test_another_caller_has_other_keys(hosts, vendor):
    """The same key of somebody else is another key: the answer is nobody else's."""
    host = hosts().roled().start()
    host.install(vendor)
    assert post(host, {"do": "user.add", "user": "kari"})[0] == 200
    row = {"do": "signin.code", "user": "kari"}
    mine = post(host, row, Idempotency_Key="k")[2]["items"][0]["code"]
    done = run(*host.become("helpdesk"), "curl", "-s", "--unix-socket", host.socket, "-H", "Idempotency-Key: k", "-d",
               json.dumps({"changes": [row]}), "http://localhost/v1/changes")
    assert json.loads(done.stdout)["items"][0]["code"] != mine
    viewer = run(*host.become("viewer"), "curl", "-s", "--unix-socket", host.socket, "-H", "Idempotency-Key: k", "-d",
                 json.dumps({"changes": [row]}), "http://localhost/v1/changes")
    assert json.loads(viewer.stdout)["code"] == "NOT_PERMITTED"


def test_an_answer_that_is_too_long(host):
    """Nothing is done: a change whose answer cannot be remembered could not be repeated."""
    rows = [{"do": "user.add", "user": f"{'x' * 60}{i}"} for i in range(3000)]
    status, _, document = post(host, *rows, Idempotency_Key="k")
    assert status == 413 and document["code"] == "TOO_LARGE" and "fewer changes" in document["detail"]
    assert host.items("user", "list") == [] and remembered(host) == 0
    assert post(host, *rows)[0] == 200
    host.healthy()


@needs_faketime
def test_forgotten_after_a_day(hosts, vendor, clock):
    host = hosts(env=clock.env).start()
    host.install(vendor)
    assert post(host, {"do": "user.add", "user": "kari"}, Idempotency_Key="k")[0] == 200
    clock.set("+20h")
    settle(host)
    assert post(host, {"do": "user.add", "user": "kari"}, Idempotency_Key="k")[1]["Idempotency-Replayed"] == "true"
    clock.set("+25h")
    settle(host)
    again = post(host, {"do": "user.add", "user": "ola"}, Idempotency_Key="k")  # free for another request
    assert again[0] == 200 and "Idempotency-Replayed" not in again[1]
    clock.set("+51h")
    host.wake()
    end = time.monotonic() + 90
    while remembered(host) and time.monotonic() < end:
        time.sleep(0.2)
    assert remembered(host) == 0


# --- ETag and If-Match ---

def tag(host, path):
    return ask(host, "GET", path)[1]["ETag"]


def test_a_tag_tells_what_administrators_changed(host, machines):
    machine = machines(host, "m")
    machine.activate(check=True)
    post(host, {"do": "user.add", "user": "kari"}, {"do": "group.add", "group": "sales"})
    user, group, device = "/v1/users/kari", "/v1/groups/sales", f"/v1/devices/{machine.id}"
    before = {path: tag(host, path) for path in (user, group, device)}
    assert all(text.startswith('"') and text.endswith('"') and len(text) > 20 for text in before.values())
    assert "ETag" not in ask(host, "GET", "/v1/users")[1]
    time.sleep(1.1)
    machine.done("renew", "--all")
    assert {path: tag(host, path) for path in before} == before  # what moves by itself is not in it
    post(host, {"do": "member.add", "group": "sales", "user": "kari"})
    assert tag(host, user) != before[user] and tag(host, group) != before[group] and tag(host, device) == before[device]
    post(host, {"do": "device.mark_shared", "device": machine.id})
    assert tag(host, device) != before[device]


def test_if_match(host, machines):
    """A change that was decided on an old state is refused, alone; the header does it for a single one."""
    post(host, {"do": "user.add", "user": "kari"}, {"do": "user.add", "user": "ola"}, {"do": "group.add", "group": "sales"},
         {"do": "group.add", "group": "lab", "kind": "devices"}, {"do": "group.add", "group": "lab"})
    old = tag(host, "/v1/groups/sales")
    status, _, document = post(host, {"do": "member.add", "group": "sales", "user": "kari"}, If_Match=old)
    assert status == 200 and document["items"][0]["ok"]
    status, _, document = post(host, {"do": "member.add", "group": "sales", "user": "ola"}, If_Match=old)
    assert status == 412 and document["code"] == "PRECONDITION_FAILED"
    assert document["detail"] == tag(host, "/v1/groups/sales")
    rows = [{"do": "member.add", "group": "sales", "user": "ola", "if_match": old}, {"do": "user.add", "user": "per"},
            {"do": "user.remove", "user": "ola", "if_match": tag(host, "/v1/users/ola")}]
    items = post(host, *rows)[2]["items"]
    assert [item["ok"] for item in items] == [False, True, True]
    assert items[0]["error"]["code"] == "PRECONDITION_FAILED"
    # Within one list each sees what the ones before have done.
    now = tag(host, "/v1/users/per")
    items = post(host, {"do": "member.add", "group": "sales", "user": "per"},
                 {"do": "user.remove", "user": "per", "if_match": now})[2]["items"]
    assert [item["ok"] for item in items] == [True, False]
    # Of two groups with one name the one that is meant.
    devices = tag(host, "/v1/groups/lab?kind=devices")
    assert devices != tag(host, "/v1/groups/lab?kind=users")
    assert post(host, {"do": "group.remove", "group": "lab", "kind": "devices"}, If_Match=devices)[0] == 200
    assert post(host, {"do": "user.remove", "user": "nobody"}, If_Match="*")[0] == 412
    assert post(host, {"do": "user.remove", "user": "kari"}, If_Match="*")[0] == 200
    status, _, document = post(host, {"do": "user.add", "user": "a"}, {"do": "user.add", "user": "b"}, If_Match="*")
    assert status == 400 and "if_match" in document["detail"]
    machine = machines(host, "m")
    machine.activate(check=True)
    old = tag(host, f"/v1/devices/{machine.id}")
    assert post(host, {"do": "device.block", "device": machine.id[:8]}, If_Match=old)[0] == 200
    assert post(host, {"do": "device.unblock", "device": machine.id}, If_Match='"old"')[0] == 412


def test_if_match_is_the_first_thing_that_a_host_is_asked(host):
    """It knows its licenses before it judges."""
    path = "/v1/subscriptions/cad-volume"
    seen = tag(host, path)
    host.stop()
    host.spawn_ready()
    order = {"dry_run": True, "changes": [{"do": "subscription.cancel", "grant": "cad-volume", "if_match": seen}]}
    item, = ask(host, "POST", "/v1/changes", order)[2]["items"]
    assert item["ok"] or item["error"]["code"] != "PRECONDITION_FAILED", item
    assert tag(host, path) == seen
