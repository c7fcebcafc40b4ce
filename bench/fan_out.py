#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What one message of 64 bytes to many connections costs a server: weir's topic on epoll and
io_uring beside bare sends, libwebsockets and npm's ws. The servers in turn, the server on one core,
the clients on the other. Medians of the server's CPU time for each connection, and ratios to the
bare sends. See doc/design/bench.md."""

import argparse
import os
import re
import subprocess
import sys
from statistics import median

from sample import may_be_realtime, start, stop
from servers import ROOT, npm_ws


def commands(a):
    """Name, command, whether bench-fan-out must bring the clients."""
    fan, count, rounds = f"{a.build}/bench/bench-fan-out", str(a.connections), str(a.rounds)
    for kind in "bare", "epoll", "uring":
        name = "bare sends" if kind == "bare" else f"weir {kind}"
        yield name, [fan, kind, count, rounds], False
    lws, npm = f"{a.build}/bench/peer-lws-ws", npm_ws(a.build)
    if os.path.exists(lws):
        yield "libwebsockets", [lws, "--port", "0", "--fan", count, rounds], True
    if os.path.isdir(npm):
        yield "npm ws", ["node", f"{ROOT}/bench/peers/fan_out.js", npm, count, rounds], True


def sample(a, command, needs_clients):
    """Microseconds of CPU for each connection and message."""
    server = start(command, a.cpus[0], a.realtime, stdout=subprocess.PIPE, text=True)
    clients = None
    try:
        if needs_clients:
            clients = start([f"{a.build}/bench/bench-fan-out", server.stdout.readline().strip(),
                             str(a.connections), "0"], a.cpus[1], a.realtime)
        out = server.communicate(timeout=120)[0]
    finally:
        for process in filter(None, (server, clients)):
            stop(process)
    found = re.search(r"connections: ([\d.]+) us", out)
    if not found:
        raise RuntimeError("no figure")
    return float(found[1])


def main():
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("--build", default=os.path.join(ROOT, "build"))
    p.add_argument("--connections", type=int, default=10000)
    p.add_argument("--rounds", type=int, default=20, help="messages to each, after 3 of warming")
    p.add_argument("--reps", type=int, default=5)
    p.add_argument("--servers", help="beginnings of names, by comma")
    a = p.parse_args()
    a.cpus, a.realtime, found = (0, 1), may_be_realtime(), {}
    servers = [c for c in commands(a)
               if not a.servers or any(c[0].startswith(s) for s in a.servers.split(","))]
    for turn in range(a.reps):
        at = turn % len(servers)
        for name, command, needs_clients in servers[at:] + servers[:at]:
            try:
                found.setdefault(name, []).append(sample(a, command, needs_clients))
            except (RuntimeError, OSError, ValueError, subprocess.TimeoutExpired) as e:
                print(f"fan_out: {name}: {e}", file=sys.stderr)
    bare = median(found.get("bare sends", [0]))
    print(f"64 bytes to {a.connections} connections\n\n"
          "| server | us of CPU each | to bare sends | least .. most | samples |\n"
          "| --- | ---: | ---: | ---: | ---: |")
    for name, _, _ in servers:
        if figures := found.get(name):
            ratio = f"{median(figures) / bare:.2f}" if bare else ""
            print(f"| {name} | {median(figures):.2f} | {ratio} | "
                  f"{min(figures):.2f} .. {max(figures):.2f} | {len(figures)} |")


if __name__ == "__main__":
    main()
