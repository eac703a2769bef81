#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""
Muster beside what a team would take or write instead, in one run on one machine (make bench-peers): a FastAPI service with SQLite
that verifies and signs, PostgreSQL doing the same durable upsert, and Kea's lease server with its memfile. All are asked in
turns, so that a noisy hour is noisy for each of them. BENCHMARKS.md says what each one does.
"""
import base64
import json
import os
import pathlib
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import time
import urllib.request

import nacl.signing

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))
import bench  # noqa: E402

CLIENTS = 64
SECONDS = 5
ROUNDS = 5
BODIES = 40000  # more devices than a service takes in a window
WHOLE_SECONDS = 900
POSTGRES = pathlib.Path("/usr/lib/postgresql/15/bin")
TICK = os.sysconf("SC_CLK_TCK")


# --- what a server costs ---


def family(pid):
    """The process and all that descend from it."""
    pids, rest = [], [pid]
    while rest:
        pids.append(rest.pop())
        try:
            for task in pathlib.Path(f"/proc/{pids[-1]}/task").glob("*/children"):
                rest += [int(child) for child in task.read_text().split()]
        except (FileNotFoundError, ProcessLookupError):
            pass  # it has just ended, as PostgreSQL's short-lived workers do
    return pids


def cpu_seconds(pid):
    """User and system time of a family, those of its children that have ended included."""
    total = 0
    for one in family(pid):
        try:
            fields = pathlib.Path(f"/proc/{one}/stat").read_text().rpartition(")")[2].split()
        except FileNotFoundError:
            continue
        total += sum(int(field) for field in fields[11:15])
    return total / TICK


def window(pid, run):
    """run() gives ops, seconds, p50_ms, p99_ms; with what the server's processes used meanwhile."""
    before = cpu_seconds(pid)
    result = run()
    result["ops_per_s"] = result["ops"] / result["seconds"]
    result["cpu_s_per_1000"] = (cpu_seconds(pid) - before) / result["ops"] * 1000
    return result


# --- the peers ---


class Muster:
    name = "musterd"
    works = ("activation, new connection", "renewal")

    def start(self, folder, sockets):
        self.host, _ = bench.set_up(sockets)
        self.host.start()

    def work(self, what):
        mode, most = ("fresh", bench.FIRST_MOST[CLIENTS]) if "connection" in what else ("kept", bench.RENEW_MOST)
        result = self.host.load(mode, CLIENTS, most)  # which activates its clients before the window
        result["cpu_s_per_1000"] = result["host_cpu_us"] / 1000
        return result

    def check(self):
        self.host.check()

    def stop(self):
        self.host.stop()


class Service:
    name = "FastAPI, SQLite, Ed25519"
    works = ("activation, new connection", "activation", "renewal")

    def start(self, folder, sockets):
        self.folder = folder / "service"
        self.folder.mkdir()
        self.port = free_port()
        log = open(self.folder / "log", "wb")
        self.process = subprocess.Popen(
            [sys.executable, "-m", "uvicorn", "--app-dir", HERE, "--port", str(self.port), "--log-level", "warning", "service:app"],
            env={**os.environ, "PEER_DATABASE": str(self.folder / "peer.db")}, stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        until(self.count, "the service")
        self.made = 0
        self.renewing = self.bodies(CLIENTS * 4)
        self.load(self.renewing, False, 1)

    def count(self):
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/count", timeout=5) as answer:
            return json.loads(answer.read())

    def bodies(self, n):
        """Signed by so many new devices."""
        path = self.folder / f"bodies-{self.made}"
        with open(path, "w", encoding="ascii") as file:
            for i in range(self.made, self.made + n):
                device = nacl.signing.SigningKey(i.to_bytes(32, "big"))
                payload = json.dumps({"product": "acme-cad", "nonce": i, "host": f"pc-{i}.example"})
                row = {"payload": payload, "signature": text64(device.sign(payload.encode()).signature),
                       "device": text64(bytes(device.verify_key))}
                file.write(json.dumps(row) + "\n")
        self.made += n
        return path

    def load(self, bodies, close, seconds):
        env = {**os.environ, "PEER_BODIES": str(bodies), **({"PEER_CLOSE": "1"} if close else {})}
        out = subprocess.run(["wrk", "-t", "1", "-c", str(CLIENTS), "-d", f"{seconds}s", "-s", HERE / "requests.lua",
                              f"http://127.0.0.1:{self.port}"], env=env, capture_output=True, text=True, timeout=60, check=True)
        result = json.loads(out.stdout.splitlines()[-1])
        if result.pop("errors"):
            raise bench.Failed(f"{self.name}: some requests failed\n{out.stdout}")
        return result

    def work(self, what):
        bodies = self.renewing if what == "renewal" else self.bodies(BODIES)
        return window(self.process.pid, lambda: self.load(bodies, "connection" in what, SECONDS))

    def check(self):
        if self.count()["devices"] < CLIENTS * 4:
            raise bench.Failed(f"{self.name}: devices are missing")

    def stop(self):
        self.process.terminate()
        self.process.wait(timeout=20)


class Postgres:
    name = "PostgreSQL 15, upsert only"
    works = ("activation", "renewal")

    def start(self, folder, sockets):
        self.folder = folder / "postgres"
        self.folder.mkdir()
        self.sockets = sockets
        shutil.chown(self.folder, "postgres")
        for path in (bench.BUILD, bench.FOLDER, folder):
            path.chmod(path.stat().st_mode | 0o011)
        sockets.chmod(0o755)
        shutil.chown(sockets, "postgres")
        self.run("initdb", "-D", self.folder / "data", "-A", "trust")
        with open(folder / "postgres.log", "wb") as log:
            self.process = subprocess.Popen(self.command("postgres", "-D", self.folder / "data", "-k", sockets, "-c", "listen_addresses=",
                                                         "-c", "max_wal_size=4GB"), stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        until(lambda: self.run("psql", "-h", sockets, "-c", "SELECT 1"), "PostgreSQL")
        self.run("psql", "-h", sockets, "-c", "CREATE TABLE activation (device bigint PRIMARY KEY, serial int, until bigint, lease bytea); "
                 "INSERT INTO activation SELECT i, 1, 1800000000, decode(repeat('5a', 264), 'hex') FROM generate_series(1, 100000) i")

    def command(self, program, *args):
        return ["setpriv", "--reuid", "postgres", "--regid", "postgres", "--init-groups", POSTGRES / program, *map(str, args)]

    def run(self, program, *args):
        done = subprocess.run(self.command(program, *args), capture_output=True, text=True, timeout=60, cwd="/", check=False)
        if done.returncode:
            raise bench.Failed(f"{program}: {done.stderr}")
        return done.stdout

    def load(self, script):
        logs = self.folder / "latencies"
        out = self.run("pgbench", "-h", self.sockets, "-n", "-M", "prepared", "-c", CLIENTS, "-j", 2, "-T", SECONDS, "-f", HERE / script,
                       "-l", f"--log-prefix={logs}", "postgres")
        ops = int(next(line for line in out.splitlines() if "actually processed" in line).split(":")[1].split("/")[0])
        rate = float(next(line for line in out.splitlines() if line.startswith("tps")).split()[2])
        times = []
        for path in self.folder.glob("latencies*"):
            times += [int(line.split()[2]) for line in path.read_text().splitlines()]
            path.unlink()
        times.sort()
        return {"ops": ops, "seconds": ops / rate, "p50_ms": times[len(times) // 2] / 1e3, "p99_ms": times[len(times) * 99 // 100] / 1e3}

    def work(self, what):
        return window(self.process.pid, lambda: self.load("renew.sql" if what == "renewal" else "claim.sql"))

    def check(self):
        self.run("psql", "-h", self.sockets, "-c", "SELECT count(*) FROM activation")

    def stop(self):
        self.process.send_signal(signal.SIGINT)
        self.process.wait(timeout=60)


class Kea:
    """In a network namespace of its own, asked from another one: a DHCP server wants an interface with a network."""

    name = "Kea 2.2, memfile, no sync"
    works = ("activation", "renewal")
    server, own = "10.0.0.1", "10.0.0.2"

    def start(self, folder, sockets):
        self.folder = folder / "kea"
        self.folder.mkdir()
        self.spaces = [f"muster-{os.getpid()}-{side}" for side in ("kea", "relay")]
        self.first = 1
        ends = [f"mk{os.getpid()}{side}" for side in "ab"]
        for space in self.spaces:
            bench.run("ip", "netns", "add", space)
        bench.run("ip", "-n", self.spaces[0], "link", "add", ends[0], "type", "veth", "peer", "name", ends[1], "netns", self.spaces[1])
        for space, end, address in zip(self.spaces, ends, (self.server, self.own)):
            bench.run("ip", "-n", space, "address", "add", f"{address}/8", "dev", end)
            bench.run("ip", "-n", space, "link", "set", end, "up")
        self.log = self.folder / "log"
        config = {"interfaces-config": {"interfaces": [ends[0]], "dhcp-socket-type": "udp"}, "valid-lifetime": 15552000,
                  "lease-database": {"type": "memfile", "persist": True, "name": str(self.folder / "leases"), "lfc-interval": 0},
                  "subnet4": [{"subnet": "10.0.0.0/8", "pools": [{"pool": "10.1.0.0-10.250.255.255"}]}],
                  "multi-threading": {"enable-multi-threading": True, "thread-pool-size": os.cpu_count(), "packet-queue-size": 1024},
                  "loggers": [{"name": "kea-dhcp4", "severity": "WARN", "output_options": [{"output": str(self.log)}]}]}
        (self.folder / "kea.conf").write_text(json.dumps({"Dhcp4": config}))
        with open(self.folder / "output", "wb") as log:
            self.process = subprocess.Popen(["ip", "netns", "exec", self.spaces[0], "kea-dhcp4", "-c", self.folder / "kea.conf"],
                                            env={**os.environ, "KEA_PIDFILE_DIR": str(self.folder), "KEA_LOCKFILE_DIR": str(self.folder)},
                                            stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        until(lambda: self.load("claim", 0.2), "Kea")

    def load(self, mode, seconds):
        out = bench.run("ip", "netns", "exec", self.spaces[1], bench.BUILD / "tests" / "bench" / "bench_dhcp", "--server", self.server,
                        "--own", self.own, "--mode", mode, "--clients", CLIENTS, "--seconds", seconds, "--first", self.first)
        result = json.loads(out)
        self.first = result["next"]
        return result

    def work(self, what):
        """The window of its CPU has the second of warming up in it, and is that much longer."""
        result = window(self.process.pid, lambda: self.load("renew" if what == "renewal" else "claim", SECONDS))
        result["cpu_s_per_1000"] *= SECONDS / (SECONDS + 1)
        return result

    def check(self):
        if self.process.poll() is not None:
            raise bench.Failed(f"Kea ended with {self.process.returncode}")

    def stop(self):
        if getattr(self, "process", None) and self.process.poll() is None:
            self.process.terminate()
            self.process.wait(timeout=20)
        for space in self.spaces:
            bench.run("ip", "netns", "delete", space, check=False)


def text64(data):
    return base64.b64encode(data).decode()


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def until(ready, what):
    for _ in range(100):
        try:
            return ready()
        except (OSError, bench.Failed):
            time.sleep(0.1)
    raise bench.Failed(f"{what} did not start")


# --- the run ---


def measure(peers):
    """Rounds in which each has its turn with each of its works."""
    results = {}
    for turn in range(ROUNDS):
        for peer in peers:
            for what in peer.works:
                result = peer.work(what)
                results.setdefault((peer.name, what), []).append(result)
                bench.say(f"  {turn + 1}/{ROUNDS} {peer.name:<28} {what:<28} {result['ops_per_s']:8.0f}/s  p99 {result['p99_ms']:7.1f} ms  "
                          f"{result['cpu_s_per_1000']:.3f} CPU s per 1,000")
    return results


def middle(results, key):
    return statistics.median(result[key] for result in results)


def ratio(results, key, ours, theirs):
    """Median over the rounds of the ratio within a round."""
    return statistics.median(a[key] / b[key] for a, b in zip(results[ours], results[theirs]))


def report(results, figures, ratios):
    bench.say(f"\n{CLIENTS} clients, median of {ROUNDS} rounds")
    rows = figures["peers"] = []
    for (name, what), all_of in results.items():
        row = {"peer": name, "work": what, **{key: middle(all_of, key) for key in ("ops_per_s", "p50_ms", "p99_ms", "cpu_s_per_1000")},
               "ops_per_s_range": [min(r["ops_per_s"] for r in all_of), max(r["ops_per_s"] for r in all_of)]}
        rows.append(row)
        low, high = row["ops_per_s_range"]
        bench.say(f"  {name:<28} {what:<28} {row['ops_per_s']:8.0f}/s [{low:.0f}-{high:.0f}]  p50 {row['p50_ms']:6.1f}  p99 "
                  f"{row['p99_ms']:7.1f} ms  {row['cpu_s_per_1000']:.3f} CPU s per 1,000")
    fresh, kept = ("musterd", "activation, new connection"), ("musterd", "renewal")
    ratios.update({
        "fresh_over_service": ratio(results, "ops_per_s", fresh, (Service.name, "activation, new connection")),
        "renewals_over_postgres": ratio(results, "ops_per_s", kept, (Postgres.name, "renewal")),
        "renewals_over_kea": ratio(results, "ops_per_s", kept, (Kea.name, "renewal")),
        "renewals_over_service": ratio(results, "ops_per_s", kept, (Service.name, "renewal")),
    })
    lines = [("fresh activations over the FastAPI service's", ratios["fresh_over_service"], "least", 2.5),
             ("renewals over PostgreSQL's upserts", ratios["renewals_over_postgres"], "least", 1.3),
             ("renewals over Kea's, which it does not sync (an aim)", ratios["renewals_over_kea"], "least", 1)]
    bench.say("\nbudgets (DESIGN 9)")
    return bench.held_against(lines)


def work(figures, ratios, sockets):
    peers = [Muster(), Service(), Postgres(), Kea()]
    started = []
    figures["machine"] = bench.machine()
    try:
        for peer in peers:
            started.append(peer)
            peer.start(bench.FOLDER, sockets)
        results = measure(peers)
        for peer in peers:
            peer.check()
    finally:
        for peer in started:
            if any(hasattr(peer, name) for name in ("process", "host", "spaces")):
                peer.stop()
    figures["machine"]["fdatasync_per_s_after"] = bench.sync_rate()
    return report(results, figures, ratios)


if __name__ == "__main__":
    sys.exit(bench.session("peers", work, WHOLE_SECONDS))
