#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""figures.py [SECTION ...]: take the figures of TLS, HTTP and WebSocket beside their peers, each
section by the program that takes it in full (doc/design/bench.md), with fewer samples: all of them
in less than 25 minutes of a machine that does nothing else. It builds what is missing, and prints
each table as it is done. Without SECTION: all, in this order."""

import os
import subprocess
import sys
import time

from servers import ROOT, npm_ws

BUILD = os.environ.get("BUILD", os.path.join(ROOT, "build"))
PYTHON = [sys.executable]
TARGETS = {
    "echo": ["bench/bench-load", "bench/bench-machine", "bench/ref-epoll-echo",
             "bench/ref-uring-echo", "bench/peer-lws-ws", "examples/ws-echo"],
    "fan": ["bench/bench-fan-out", "bench/peer-lws-ws"],
    "tls": ["bench/bench-tls-echo", "bench/ref-tls-echo"],
    "idle": ["bench/bench-idle", "bench/bench-trim.so", "bench/ref-tls-echo", "bench/peer-lws-ws"],
    "many": ["bench/bench-idle"],
    "sim": ["bench/bench-many-sim"],
    "http": ["bench/ref-epoll-echo", "bench/bench-http", "examples/http-hello"],
    "deflate": ["test/ws/deflate-peer", "bench/peer-lws-ws"],
}


def script(name, *flags):
    return [*PYTHON, f"{ROOT}/bench/{name}.py", *flags]


# The section: its title, and its command.
SECTIONS = {
    "echo": ("WebSocket echo of 64 bytes: 1 and 100 connections, 1 and 16 in flight",
             script("run", "--no-build", "--build", BUILD, "--cpus", "0,0", "--servers",
                    "ref-ws,weir-ws,lws,npm-ws", "--points", "ws-64x", "--reps", "5",
                    "--rounds-max", "5", "--seconds", "0.5", "--warmup", "0.2")),
    "fan": ("One WebSocket message to 10,000 connections",
            script("fan_out", "--build", BUILD, "--reps", "5")),
    "tls": ("TLS: echo, handshakes, resumption",
            script("tls", BUILD)),
    "idle": ("Bytes of one more idle connection",
             script("idle", "--build", BUILD)),
    "many": ("18,000 idle connections for real",
             script("many", "--build", BUILD)),
    "sim": ("100,000 idle connections in the simulation",
            [f"{BUILD}/bench/bench-many-sim", "100000"]),
    "http": ("HTTP: hello, and a file of 100 KiB",
             script("http", "--build", BUILD, "--points", "hello x50,file", "--reps", "5",
                    "--seconds", "1")),
    "deflate": ("Compressed WebSocket echo",
                script("deflate", "--build", BUILD)),
}


def main():
    chosen = sys.argv[1:] or list(SECTIONS)
    if unknown := [name for name in chosen if name not in SECTIONS]:
        sys.exit(f"{__doc__}\n\nno section {unknown[0]}; there are: {' '.join(SECTIONS)}")
    for target in sorted({target for name in chosen for target in TARGETS[name]}):
        if subprocess.run(["ninja", "-C", BUILD, target], check=False,
                          stdout=subprocess.DEVNULL).returncode != 0:
            print(f"figures: {target} is not there")
    if not os.path.isdir(npm_ws(BUILD)):
        print(f"figures: npm's ws is not measured: no {npm_ws(BUILD)}; see NPM_WS")
    failed = []
    for name in chosen:
        title, command = SECTIONS[name]
        with open("/proc/loadavg", encoding="ascii") as f:
            load = f.read().split()[0]
        print(f"\n## {title}\n\nLoad average before: {load}.\n", flush=True)
        began = time.monotonic()
        if subprocess.run(command, check=False).returncode != 0:
            failed.append(name)
        print(f"\n({name}: {time.monotonic() - began:.0f} s)", flush=True)
    if failed:
        sys.exit(f"figures: failed: {' '.join(failed)}")


if __name__ == "__main__":
    main()
