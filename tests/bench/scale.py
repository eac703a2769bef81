#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What more connections and more devices cost: a table of each, and both as a plot.

Usage: scale.py [PLOT.svg]        MUSTER_BUILD names the build folder; SCALE_DEVICES: the most devices, 10,000,000 without.
BENCHMARKS.md defines all. Takes half an hour and 3 GB of disk. The exit code tells only whether the work went well.
"""
import os
import shutil
import statistics
import subprocess
import sys

import bench
from bench import BUILD, FOLDER, Failed, Held, Host, say

MOST = int(os.environ.get("SCALE_DEVICES", 10000000))
CONNECTIONS = (1, 4, 16, 64, 256, 1024, 4096, 10000)
DEVICES = [n for n in (1000, 10000, 100000, 1000000, 10000000) if n <= MOST]
WINDOWS = 5
WHOLE_SECONDS = 3600
FILL_SECONDS = 1800
SAMPLES = {1000: 1000}  # of the devices on record, those that renew; 65,536 otherwise
HELD = 19000  # max_connections as it ships; the descriptors of a process end at 20,000 on some machines
PLOT = """
set terminal svg size 1200,720 dynamic background rgb 'white' font 'sans-serif,12'
set output '{out}'
set multiplot layout 2,3 title 'Renewals, durable and signed, generator on the same {cores} cores'
set logscale x; set grid; unset key; set style data linespoints; set yrange [0:*]; set format x '10^{{%L}}'
set xlabel 'kept connections, 1,000 devices'
set ylabel 'renewals/s'; plot '{connections}' using 1:2 pointtype 7
set ylabel 'p99 ms'; set logscale y; set yrange [*:*]; plot '{connections}' using 1:3 pointtype 7
unset logscale y; set yrange [0:*]
set ylabel 'resident MiB, at most'; plot '{connections}' using 1:4 pointtype 7
set xlabel 'devices on record, 64 kept connections'
set ylabel 'renewals/s over those at 1,000 devices'; plot '{devices}' using 1:2 pointtype 7
set ylabel 'p99 ms'; plot '{devices}' using 1:3 pointtype 7
set ylabel 'resident MiB'; plot '{devices}' using 1:4 pointtype 7
unset multiplot
"""


def measure_connections(host, figures):
    rows = figures["connections"] = []
    for clients in CONNECTIONS:
        host.clear_peak()
        runs = [host.load("kept", clients, bench.RENEW_MOST) for _ in range(WINDOWS if clients == 64 else 3)]
        rows.append({"connections": clients, "renewals_per_s": bench.median(runs, "ops_per_s"),
                     "p50_ms": bench.median(runs, "p50_ms"), "p99_ms": bench.median(runs, "p99_ms"),
                     "host_cpu_us": bench.median(runs, "host_cpu_us"), "rss_most_mib": host.rss_kib("VmHWM") / 1024,
                     "noise_percent": max(bench.noise([r]) for r in runs)})
        say("  {connections:>6} connections: {renewals_per_s:>7.0f} renewals/s, p50 {p50_ms:8.2f}, p99 {p99_ms:8.2f} ms, host CPU "
            "{host_cpu_us:6.1f} us, at most {rss_most_mib:5.1f} MiB; noise {noise_percent:.0f} %".format(**rows[-1]))


def measure_devices(small, host, devices, figures):
    """In turns with the host that has 1,000, so that a slow minute of the machine hits both."""
    filled = bench.bench("fill", host.state, bench.PRODUCT, devices, host.sample, SAMPLES.get(devices, bench.SAMPLES),
                         timeout=FILL_SECONDS)
    host.start()
    idle, status = host.rss_kib(), host.status_ms()
    host.load("spread", 64, bench.RENEW_MOST, "--devices", host.sample)  # warms up
    ratios, runs = [], []
    for _ in range(WINDOWS):
        first = small.load("spread", 64, bench.RENEW_MOST, "--devices", small.sample)
        runs.append(host.load("spread", 64, bench.RENEW_MOST, "--devices", host.sample))
        ratios.append(runs[-1]["ops_per_s"] / first["ops_per_s"])
    row = {"devices": devices, "renewals_per_s": bench.median(runs, "ops_per_s"), "over_1k": statistics.median(ratios),
           "p99_ms": bench.median(runs, "p99_ms"), "host_cpu_us": bench.median(runs, "host_cpu_us"), "rss_idle_mib": idle / 1024,
           "rss_mib": host.rss_kib() / 1024, "status_ms": status, "bytes_per_device": filled["bytes_per_device"],
           "noise_percent": max(bench.noise([r]) for r in runs)}
    figures["devices"].append(row)
    say("  {devices:>8} devices: {renewals_per_s:>6.0f} renewals/s, {over_1k:.2f} x those at 1,000; p99 {p99_ms:6.2f} ms, host CPU "
        "{host_cpu_us:6.1f} us; {rss_idle_mib:5.1f} MiB idle, {rss_mib:5.1f} after; status {status_ms:.2f} ms; "
        "{bytes_per_device} bytes a device; noise {noise_percent:.0f} %".format(**row))
    host.stop()


def measure_held(host, figures):
    """As many connections as a host holds by default: one more is told so, and all that are held are served."""
    host.load("fresh", 64, 500)
    before = host.rss_kib()
    with Held(host, HELD // 2), Held(host, HELD // 2):
        figures["held"] = {"connections": int(host.metrics()["muster_connections_active"]), "kib_each": (host.rss_kib() - before) / HELD}
        try:
            host.load("fresh", 1, 1)
            raise Failed("a connection over the limit was served")
        except Failed as fault:
            if '"BUSY"' not in str(fault):
                raise
    say(f"  {figures['held']['connections']} connections held: {figures['held']['kib_each']:.1f} KiB each; one more was told BUSY, "
        "and each of them was served again")


def plot(figures, out):
    for name, keys in (("connections", ("renewals_per_s", "p99_ms", "rss_most_mib")), ("devices", ("over_1k", "p99_ms", "rss_mib"))):
        lines = [" ".join(str(row[key]) for key in (name, *keys)) for row in figures[name]]
        (FOLDER / f"{name}.dat").write_text("\n".join(lines) + "\n")
    script = PLOT.format(out=out, cores=os.cpu_count(), connections=FOLDER / "connections.dat", devices=FOLDER / "devices.dat")
    subprocess.run(["gnuplot"], input=script, text=True, check=True, timeout=60)
    say(f"\n{out} drawn")


def work(figures, ratios, sockets):
    figures["machine"] = bench.machine()
    small, spare = bench.set_up(sockets)
    bench.fill(small, bench.SMALL)
    small.start()
    measure_connections(small, figures)
    small.stop()
    held = Host("held", sockets, {**bench.LIMITS, "max_connections": HELD})
    shutil.copytree(spare.state, held.state)
    held.start()
    measure_held(held, figures)
    held.stop()
    small.start()
    figures["devices"] = []
    for devices in DEVICES:
        host = Host(f"devices-{devices}", sockets)
        host.sample = FOLDER / f"{host.state.name}.devices"
        shutil.copytree(spare.state, host.state)
        measure_devices(small, host, devices, figures)
        shutil.rmtree(host.state)
    small.check()
    small.stop()
    rows = figures["devices"]
    for row in rows[1:]:
        ratios[f"throughput_{row['devices']}_over_1000"] = row["over_1k"]
    plot(figures, sys.argv[1] if len(sys.argv) > 1 else BUILD / "bench-scale.svg")
    budget = {1000000: 0.7, 10000000: 0.5}
    say("\nbudgets (DESIGN 9)")
    return bench.held_against([(f"renewals, {row['devices']:,} devices over 1,000", row["over_1k"], "least", budget[row["devices"]])
                               for row in rows if row["devices"] in budget]
                              + [("KiB a held connection", figures["held"]["kib_each"], "most", 24)])


if __name__ == "__main__":
    sys.exit(bench.session("scale", work, WHOLE_SECONDS))
