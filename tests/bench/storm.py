#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A storm on a host with the limits it ships with: many machines arrive within a minute and activate, and each renews once.

Usage: storm.py        MUSTER_BUILD names the build folder; STORM_MACHINES and STORM_SECONDS: so many, within so long.
BENCHMARKS.md defines all. The exit code tells only whether everybody was served, once, with leases that verify.
"""
import concurrent.futures
import os
import sys
import threading
import time

import bench
from bench import Failed, say

MACHINES = int(os.environ.get("STORM_MACHINES", 100000))
WITHIN = int(os.environ.get("STORM_SECONDS", 60))
WHOLE_SECONDS = 1900


class Queue:
    """The longest that the store's queue was, looked at ten times a second."""

    def __init__(self, host):
        self.host, self.over = host, threading.Event()
        self.pool = concurrent.futures.ThreadPoolExecutor(1)
        self.watching = self.pool.submit(self.watch)

    def watch(self):
        longest = 0
        while not self.over.wait(0.1):
            longest = max(longest, int(self.host.metrics()["muster_store_queue_length"]))
        return longest

    def stop(self):
        """What was seen, or why nothing could be."""
        self.over.set()
        self.pool.shutdown()
        return self.watching.result()


def show(name, phase):
    away = ", ".join(f"{code} {n}" for code, n in phase["turned_away"].items()) or "nobody"
    say(f"  {name}: {phase['served']} served in {phase['seconds']:.1f} s ({phase['served'] / phase['seconds']:.0f}/s); "
        f"waited p50 {phase['wait_p50_s']:.2f}, p99 {phase['wait_p99_s']:.1f}, at most {phase['wait_most_s']:.1f} s; "
        f"tries {phase['tries_mean']:.2f} a machine, at most {phase['tries_most']}; host CPU {phase['host_cpu_us']:.0f}, "
        f"generator {phase['own_cpu_us']:.0f} us a machine\n    turned away: {away}; "
        f"at most {phase['open_most']} connections at once")


def work(figures, ratios, sockets):
    figures["machine"] = bench.machine(limits={})
    host, _ = bench.set_up(sockets, limits={})
    host.start()
    before = host.rss_kib()
    queue = Queue(host)
    begin = time.monotonic()
    try:
        storm = bench.bench("storm", "--machines", MACHINES, "--within", WITHIN, "--pid", host.process.pid, *host.target(),
                            timeout=WHOLE_SECONDS)
    finally:
        figures["queue_longest"] = queue.stop()
    figures["storm"], figures["storm_seconds"] = storm, time.monotonic() - begin
    for name in ("activation", "renewal"):
        show(name, storm[name])
    figures["rss_kib_before"], figures["rss_kib_most"] = before, host.rss_kib("VmHWM")
    say(f"  memory: {before} KiB before, at most {figures['rss_kib_most']} KiB; the store's queue was at most "
        f"{figures['queue_longest']} long")
    rejected = "muster_connections_rejected_total"
    reasons = {name[len(rejected):]: n for name, n in host.metrics().items() if name.startswith(rejected) and n}
    figures["rejected"] = reasons
    say("  turned away by: " + (", ".join(f"{name} {n:.0f}" for name, n in reasons.items()) or "nothing"))
    devices = host.status()["devices"]
    if devices != MACHINES:
        raise Failed(f"{devices} devices are on record, of {MACHINES}")
    host.check()
    host.stop()
    return []


if __name__ == "__main__":
    sys.exit(bench.session("storm", work, WHOLE_SECONDS, limits={}))
