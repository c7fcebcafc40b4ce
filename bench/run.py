#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Measure the echo servers of servers.py: interleaved repetitions, medians with spread, ratios
to the reference of the same run. `make bench` runs it without arguments. Results go to
bench/result.json and bench/result.md of the build folder; see doc/design/bench.md."""

import argparse
import json
import os
import platform
import shlex
import shutil
import subprocess
import sys
import time
from statistics import median

import report
from sample import Bench, Failed, may_be_realtime
from servers import POINTS, SERVERS, maximum_at, npm_ws, yardstick

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
REST_S = 0.05           # between samples: other people live here too
MAXIMUM_SAMPLES = 3     # of a reference, before the rounds


def parse_arguments():
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("--build", default=os.path.join(ROOT, "build"), help="Meson's build folder")
    p.add_argument("--no-build", action="store_true", help="measure what is there")
    p.add_argument("--servers", help="names or beginnings of names, by comma")
    p.add_argument("--points", help="names or beginnings of names, by comma")
    p.add_argument("--reps", type=int, default=7, help="good samples wanted (7)")
    p.add_argument("--rounds-max", type=int, help="rounds in search of them (twice --reps)")
    p.add_argument("--warmup", type=float, default=0.3, help="seconds (0.3)")
    p.add_argument("--seconds", type=float, default=1.0, help="seconds of a sample (1)")
    p.add_argument("--cpus", help="server core, load core; the same twice for comparing variants")
    p.add_argument("--idle", type=int, default=0, help="also memory of N idle connections, and of N / 3")
    p.add_argument("--list", action="store_true", help="name the servers and points")
    return p.parse_args()


def choose(table, wanted):
    if not wanted:
        return list(table)
    names = {entry.name for entry in table}
    chosen = set()
    for word in wanted.split(","):
        found = {word} if word in names else {n for n in names if n.startswith(word)}
        if not found:
            sys.exit(f"bench: nothing is called {word}; see --list")
        chosen |= found
    return [entry for entry in table if entry.name in chosen]


def build(folder):
    """Build what is not built by default; a failure only means that a server is skipped."""
    subprocess.run(["ninja", "-C", folder, "-k", "0", "bench"], check=False,
                   stdout=subprocess.DEVNULL)
    go, source = shutil.which("go"), os.path.join(ROOT, "bench/peers/go_echo.go")
    target = os.path.join(folder, "bench/peer-go-echo")
    stale = not os.path.exists(target) or os.path.getmtime(target) < os.path.getmtime(source)
    if go and stale:
        subprocess.run([go, "build", "-o", target, source], check=False,
                       env=dict(os.environ, GO111MODULE="off", CGO_ENABLED="0"))


def present(bench, servers):
    """The servers whose programs exist; a line for each other."""
    there = []
    for s in servers:
        needs_npm = "{npm}" in s.command and not os.path.isdir(npm_ws(bench.build))
        if os.access(bench.path(s.command[0]), os.X_OK) and not needs_npm:
            there.append(s)
        else:
            hint = f" (needs {s.needs})" if s.needs else ""
            print(f"bench: {s.name}: skipped, no {s.command[0]}{hint}")
    return there


def find_rates(bench, servers, points, arguments):
    """The rates of the points that have a share, by (server, point): the maximum of the server's
    yardstick is the median of a few samples taken before all others."""
    maxima, rates = {}, {}
    by_name = {s.name: s for s in SERVERS}
    for server in servers:
        for point in (p for p in points if p.share and p.protocol == server.protocol):
            reference, at = by_name[yardstick(server)], maximum_at(point)
            if (reference, at) not in maxima:
                found = [bench.measure(reference, at, arguments.warmup, arguments.seconds)
                         for _ in range(MAXIMUM_SAMPLES)]
                maxima[reference, at] = median(s["per_second"] for s in found)
                print(f"bench: {reference.name} at {at.name}: {maxima[reference, at]:.0f} a second",
                      file=sys.stderr)
            rates[server.name, point.name] = int(maxima[reference, at] * point.share)
    return rates


def take_sample(bench, server, point, rate, arguments):
    """One sample with its hops, taken twice if something stalled; None after a failure."""
    sample = None
    for _ in range(2):
        hops = [bench.machine("--hop")["hop_ns"]]
        try:
            sample = bench.measure(server, point, arguments.warmup, arguments.seconds, rate)
        except Failed as why:
            print(f"bench: {server.name} at {point.name}: {why}")
            return None
        hops.append(bench.machine("--hop")["hop_ns"])
        sample.update(server=server.name, point=point.name, hops_ns=hops)
        time.sleep(REST_S)
        if not sample["stalled"]:
            break
    return sample


def satisfied(samples, servers, points, reps):
    """Whether one phase has enough samples everywhere."""
    results = report.Results(samples)
    pairs = [(s.name, p.name) for p in points for s in servers if s.protocol == p.protocol]
    return any(all(results.count(s, p, phase) >= reps for s, p in pairs)
               for phase in ("near", "far"))


def run_rounds(bench, servers, points, arguments, samples):
    """Every round takes each point with each server once, in a rotating order."""
    rounds_max = arguments.rounds_max or 2 * arguments.reps
    rates = find_rates(bench, servers, points, arguments)
    done = 0
    while done < rounds_max:
        turned = servers[done % len(servers):] + servers[:done % len(servers)]
        for point in points:
            for server in (s for s in turned if s.protocol == point.protocol):
                rate = rates.get((server.name, point.name), 0)
                sample = take_sample(bench, server, point, rate, arguments)
                if sample:
                    samples.append(sample)
        done += 1
        print(f"bench: round {done} done", file=sys.stderr)
        if done >= arguments.reps and satisfied(samples, servers, points, arguments.reps):
            break
    return done


def describe(bench):
    text = {"kernel": platform.release(), "realtime": "SCHED_RR 1" if bench.realtime else "no",
            "cores": "{}, {}".format(*bench.cpus)}
    with open("/proc/sys/net/ipv4/tcp_congestion_control", encoding="ascii") as f:
        text["congestion control"] = f.read().strip()
    for name, value in bench.machine("--costs").items():
        text[name.removesuffix("_ns").replace("_", " ")] = f"{value:.0f} ns"
    return text


def write(folder, run, text):
    with open(os.path.join(folder, "bench/result.json"), "w", encoding="utf-8") as f:
        json.dump(run, f, indent=1)
    with open(os.path.join(folder, "bench/result.md"), "w", encoding="utf-8") as f:
        f.write(text)


def main():
    arguments = parse_arguments()
    servers, points = choose(SERVERS, arguments.servers), choose(POINTS, arguments.points)
    if arguments.list:
        print("servers:", *(s.name for s in servers))
        print("points:", *(p.name for p in points))
        return 0
    if not arguments.no_build:
        build(arguments.build)
    cores = sorted(os.sched_getaffinity(0))
    cpus = [int(c) for c in arguments.cpus.split(",")] if arguments.cpus else (cores * 2)[:2]
    bench = Bench(arguments.build, cpus, may_be_realtime())
    if not os.access(bench.path("bench/bench-load"), os.X_OK):
        sys.exit("bench: no bench/bench-load in the build folder (needs liburing-dev)")
    servers = present(bench, servers)
    points = [p for p in points if any(s.protocol == p.protocol for s in servers)]
    if not servers or not points:
        sys.exit("bench: nothing to measure")
    run = {"command": shlex.join(["bench/run.py", *sys.argv[1:]]), "reps": arguments.reps,
           "machine": describe(bench), "samples": [], "idle": {}}
    run["rounds"] = run_rounds(bench, servers, points, arguments, run["samples"])
    for server in servers if arguments.idle else ():
        try:
            run["idle"][server.name] = bench.idle_bytes(server, arguments.idle)
        except Failed as why:
            print(f"bench: {server.name}: {why}")
    text = report.markdown(run, servers, points)
    write(arguments.build, run, text)
    print(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
