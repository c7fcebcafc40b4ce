#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Many idle WebSocket connections to one server for real: how long until all are open, how much
memory the server has for each (VmRSS + VmPTE from outside, with all that it had at the start left
out), and whether a sample of them, and then every one, still answers right. Their clients are
another process. Exits with 1 if a connection is missing or an answer is wrong. The limits are the
open files of a process and the ports of an address; source addresses of 127.0.0.0/8 give more of
these. See doc/design/bench.md."""

import argparse
import os
import random
import subprocess
import sys
import time

import clients
from sample import may_be_realtime, start
from servers import ROOT

FILES_BESIDE = 100      # of a process, beside its connections
PORTS_EACH = 5000       # connections from one address: finding a free port gets slow


def server(a, backend, shape):
    return start([f"{a.build}/bench/bench-idle", "ws", shape], 0, a.realtime,
                 env={**os.environ, "WEIR_BACKEND": backend}, stdout=subprocess.PIPE, text=True)


def answers(held, which):
    """How many of these connections answer right, each a message of its own."""
    for i in which:
        held[i].sendall(clients.frame(b"%064d" % i))
    return sum(clients.message(held[i]) == b"%064d" % i for i in which)


def measure(a, backend, shape):
    """The row of one server; whether all was right."""
    process, held = server(a, backend, shape), []
    try:
        port = int(process.stdout.readline())
        before, began = clients.resident(process.pid), time.monotonic()
        for i in range(a.count):
            s = clients.dial(port, f"127.0.{1 + i // PORTS_EACH}.1")
            clients.upgrade(s)
            held.append(s)
        opened = time.monotonic() - began
        time.sleep(a.idle)
        each = (clients.resident(process.pid) - before) / a.count
        chosen = random.Random(7).sample(range(a.count), min(a.sample, a.count))
        began = time.monotonic()
        sampled = answers(held, chosen)
        took = time.monotonic() - began
        right = sum(answers(held, range(at, min(at + 500, a.count)))
                    for at in range(0, a.count, 500))
        files = len(os.listdir(f"/proc/{process.pid}/fd"))
        print(f"| {backend} {shape} | {a.count:,} | {opened:.1f} s | {each:,.0f} | "
              f"{sampled} of {len(chosen)} in {took:.2f} s | {right:,} | {files:,} |", flush=True)
        return right == a.count and sampled == len(chosen)
    finally:
        process.kill()
        process.wait()
        for s in held:
            s.close()


def main():
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("--build", default=os.path.join(ROOT, "build"))
    p.add_argument("--count", type=int, default=18000)
    p.add_argument("--sample", type=int, default=1000)
    p.add_argument("--idle", type=float, default=2, help="seconds that all are idle (2)")
    p.add_argument("--servers", default="epoll-react,uring-react,epoll-serve,uring-serve")
    a = p.parse_args()
    files = clients.raise_limit(a.count + FILES_BESIDE)
    if files < a.count + FILES_BESIDE:
        sys.exit(f"many: {files} open files are the limit of a process here")
    a.realtime = may_be_realtime()
    if a.realtime:
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))
    with open("/proc/sys/net/ipv4/ip_local_port_range", encoding="ascii") as f:
        low, high = map(int, f.read().split())
    print(f"open files of a process: {files}; ports of an address: {high - low + 1}\n\n"
          "| server | connections | all open after | bytes each | of a sample answered right | "
          "of all | its open files |\n| --- | ---: | ---: | ---: | ---: | ---: | ---: |", flush=True)
    good = [measure(a, *name.split("-")) for name in a.servers.split(",")]
    return 0 if all(good) else 1


if __name__ == "__main__":
    sys.exit(main())
