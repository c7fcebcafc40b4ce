#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What a compressed echo costs a server's processor: weir, both shapes and backends, beside
libwebsockets, Python's websockets and npm's ws, all with zlib at level 6, memory level 8, windows
of 15 bits and no context takeover. The client sends the same compressed frame again and again, 8
in flight. Before that it looks at the handshake's answer and decompresses an echo: whoever has
agreed on something else, or has not as many bytes on the wire as zlib with these settings, is
marked. Medians, the servers in turn, server on one core, client on the other. See
doc/design/deflate.md."""

import argparse
import json
import os
import random
import subprocess
import sys
import time
import zlib
from statistics import median

import clients
from sample import may_be_realtime, start, stop
from servers import ROOT, npm_ws

OFFER = "permessage-deflate; server_no_context_takeover; client_no_context_takeover"
COUNTS = {200: 16000, 4096: 8000, 65536: 800}
PYTHON = """
import asyncio, websockets
from websockets.extensions.permessage_deflate import ServerPerMessageDeflateFactory as F
async def echo(ws, path=None):
    async for m in ws:
        await ws.send(m)
async def main():
    f = F(compress_settings={'level': 6, 'memLevel': 8})
    s = await websockets.serve(echo, '127.0.0.1', 0, extensions=[f], compression=None,
                               max_size=None, ping_interval=None)
    print(s.sockets[0].getsockname()[1], flush=True)
    await asyncio.Future()
asyncio.run(main())
"""


def servers(a):
    options = ["level=6", "memory=8", "threshold=1"]
    peer, lws = f"{a.build}/test/ws/deflate-peer", f"{a.build}/bench/peer-lws-ws"
    npm = npm_ws(a.build)
    for backend in "epoll", "uring":
        for shape in "serve", "react":
            yield f"weir {backend} {shape}", [peer, shape, *options], {"WEIR_BACKEND": backend}
    if os.path.exists(lws):
        yield "libwebsockets", [lws, "--port", "0", "--deflate", "--buffer", "131072"], {}
    yield "python websockets", ["/usr/bin/python3", "-c", PYTHON], {}
    if os.path.isdir(npm):
        yield "npm ws", ["node", f"{ROOT}/bench/peers/ws_echo.js", npm, "0", "deflate"], {}


def text_of(size):
    chance, words = random.Random(7), []
    while sum(map(len, words)) < size:
        words.append(json.dumps({"id": chance.randrange(10**6), "node": f"n{chance.randrange(40)}",
                                 "state": chance.choice(["ready", "busy", "gone"]),
                                 "load": round(chance.random(), 4)}))
    return "".join(words)[:size].encode()


class Reader:
    def __init__(self, s):
        self.s, self.kept = s, b""

    def recv(self, n):
        """As of a socket, with a buffer."""
        if not self.kept:
            self.kept = self.s.recv(1 << 18)
        taken, self.kept = self.kept[:n], self.kept[n:]
        return taken


def unlike(answer, echo, payload):
    """In what an echo differs from the settings that all shall have; "" if in nothing."""
    extension = [line for line in answer.decode().lower().split("\r\n")
                 if line.startswith("sec-websocket-extensions:")]
    if not extension or "server_no_context_takeover" not in extension[0]:
        return "keeps a context"
    if "window_bits" in extension[0]:
        return extension[0]
    if zlib.decompressobj(-15).decompress(echo + b"\0\0\xff\xff") != payload:
        return "a wrong echo"
    wanted = len(clients.frame(payload, True)) - len(clients.frame(b"", False)) - \
        (2 if len(echo) > 125 else 0)
    return "" if abs(len(echo) - wanted) <= 1 else f"{len(echo)} bytes, not {wanted}"


def cpu_us(pid):
    """Microseconds of processor time of all threads."""
    ns = 0
    for thread in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{thread}/schedstat", encoding="ascii") as f:
            ns += int(f.read().split()[0])
    return ns / 1000


def measure(a, words, env, payload, count):
    """Microseconds of CPU, and in all, for one message; in what the server is unlike the others."""
    process = start(words, a.cpus[0], a.realtime, env={**os.environ, **env},
                    stdout=subprocess.PIPE, text=True)
    try:
        s = clients.dial(int(process.stdout.readline()))
        answer, reader, frame = clients.upgrade(s, OFFER), Reader(s), clients.frame(payload, True)
        s.sendall(frame)
        fault = unlike(answer, clients.message(reader), payload)
        for i in range(-count // 80, count // 8):
            if i == 0:
                began, from_cpu = time.monotonic(), cpu_us(process.pid)
            s.sendall(frame * 8)
            for _ in range(8):
                clients.message(reader)
        used, took = cpu_us(process.pid) - from_cpu, 1e6 * (time.monotonic() - began)
        return used / (count // 8 * 8), took / (count // 8 * 8), fault
    finally:
        stop(process)
        process.stdout.close()


def table(a, size, runs):
    ours = [median(used for used, _, _ in figures) for name, figures in runs.items()
            if name.startswith("weir")]
    print(f"\n{size} bytes, {len(clients.frame(text_of(size), True))} on the wire\n\n"
          "| server | us of CPU | least .. most | to the dearest of weir's | us in all | |\n"
          "|---|---:|---:|---:|---:|---|")
    for name, figures in runs.items():
        used, took, faults = zip(*figures)
        ratio = f"{median(used) / max(ours):.2f}" if ours else ""
        print(f"| {name} | {median(used):.1f} | {min(used):.1f} .. {max(used):.1f} | {ratio} | "
              f"{median(took):.1f} | {max(faults)} |", flush=True)


def main():
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("--build", default=os.path.join(ROOT, "build"))
    p.add_argument("--reps", type=int, default=5)
    p.add_argument("--share", type=float, default=1, help="of the messages of a sample (1)")
    p.add_argument("--cpus", type=lambda s: [int(x) for x in s.split(",")], default=[0, 1])
    p.add_argument("--servers", help="beginnings of names, by comma")
    a = p.parse_args()
    a.realtime = may_be_realtime()
    os.sched_setaffinity(0, {a.cpus[1]})
    if a.realtime:
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))
    chosen = [s for s in servers(a)
              if not a.servers or any(s[0].startswith(w) for w in a.servers.split(","))]
    for size, count in COUNTS.items():
        payload, runs = text_of(size), {name: [] for name, _, _ in chosen}
        for _ in range(a.reps):
            for name, words, env in chosen:
                try:
                    runs[name].append(measure(a, words, env, payload, int(count * a.share)))
                except (OSError, ValueError, RuntimeError, zlib.error) as e:
                    print(f"deflate: {name}: {e}", file=sys.stderr)
        table(a, size, {name: figures for name, figures in runs.items() if figures})


if __name__ == "__main__":
    main()
