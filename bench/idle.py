#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Bytes of memory that one more idle connection takes in a server: WebSocket plain, compressed and
over TLS, HTTP keep-alive, TLS; weir beside libwebsockets, npm's ws, nginx, node, bare OpenSSL. Read
from outside: VmRSS + VmPTE with COUNT connections and with a third of them, by the difference of
their numbers. Each connection has carried one message. The second figure is that after all free
pages were given back (bench-trim.so is preloaded). See doc/design/bench.md."""

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import time

import clients
from sample import may_be_realtime, start
from servers import ROOT, npm_ws

NO_TAKEOVER = "permessage-deflate; server_no_context_takeover; client_no_context_takeover"
NGINX = """
worker_processes 1; daemon off; master_process off; pid {d}/pid; error_log stderr crit; user root;
events {{ worker_connections 20000; }}
http {{
  access_log off; client_body_temp_path {d}/a; proxy_temp_path {d}/b; fastcgi_temp_path {d}/c;
  uwsgi_temp_path {d}/d; scgi_temp_path {d}/e; keepalive_timeout 600;
  server {{ listen 127.0.0.1:{port}; location / {{ return 200 "hello\\n"; }} }}
}}
"""
NODE = """
const s = require('http').createServer((q, a) => a.end('hello\\n'));
s.keepAliveTimeout = 600000;
s.listen(0, '127.0.0.1', () => console.log(s.address().port));
"""
TEXT = b'{"id": 123456, "node": "n12", "state": "ready", "load": 0.1234}' * 2
COUNTS = {"tls": 1500, "wss": 1500, "takeover": 1500}     # of the others: 6000
SETTLES_S = {"takeover": 2.5}                             # longer than its idle_ns


class Kind:
    """How a client of one kind opens a connection and has one message answered."""

    def __init__(self, name):
        self.name = name
        self.tls = clients.tls_context() if name in ("tls", "wss") else None
        self.offer = {"deflate": NO_TAKEOVER, "takeover": "permessage-deflate"}.get(name)

    def open(self, port):
        s = clients.dial(port, tls=self.tls)
        if self.name == "http":
            clients.ask_http(s)
        elif self.name == "tls":
            s.sendall(bytes(64))
            clients.take(s, 64)
        else:
            answer = clients.upgrade(s, self.offer)
            if self.offer and b"permessage-deflate" not in answer:
                raise RuntimeError("not compressed")
            for _ in range(2):
                s.sendall(clients.frame(TEXT, bool(self.offer)))
                clients.message(s)
        return s


def weir(a, kind, backend, shape):
    words = [f"{a.build}/bench/bench-idle", kind, shape]
    words += a.certificate if kind in ("tls", "wss") else []
    return f"weir {backend} {shape}", words, {"WEIR_BACKEND": backend}


def peers(a, kind):
    lws, npm, js = f"{a.build}/bench/peer-lws-ws", npm_ws(a.build), f"{ROOT}/bench/peers/ws_echo.js"
    flags = {"ws": ([], []), "deflate": (["--deflate"], ["deflate"]),
             "takeover": (["--takeover"], ["takeover"]),
             "wss": (["--tls", *a.certificate], a.certificate)}
    if kind in flags:
        yield "libwebsockets", [lws, "--port", "0", *flags[kind][0]], {}
        if os.path.isdir(npm):
            yield "npm ws", ["node", js, npm, "0", *flags[kind][1]], {}
    elif kind == "tls":
        yield "raw OpenSSL", [f"{a.build}/bench/ref-tls-echo", *a.certificate], {}
    else:
        yield "nginx", ["nginx"], {}
        yield "node", ["node", "-e", NODE], {}


def servers(a, kind):
    for backend in "epoll", "uring":
        for shape in "react", "serve":
            yield weir(a, kind, backend, shape)
    yield from peers(a, kind)


def begin(a, words, env):
    """The process and its port."""
    env = {**os.environ, **env, "LD_PRELOAD": f"{a.build}/bench/bench-trim.so"}
    if words != ["nginx"]:
        process = start(words, 0, a.realtime, env=env, stdout=subprocess.PIPE, text=True)
        return process, int(process.stdout.readline())
    with clients.socket.create_server(("127.0.0.1", 0)) as s:
        port = s.getsockname()[1]
    with open(f"{a.folder}/nginx.conf", "w", encoding="utf-8") as f:
        f.write(NGINX.format(d=a.folder, port=port))
    process = start(["/usr/sbin/nginx", "-p", a.folder, "-e", "stderr", "-c",
                     f"{a.folder}/nginx.conf"], 0, a.realtime, env=env)
    for _ in range(200):
        try:
            clients.dial(port).close()
            return process, port
        except OSError:
            time.sleep(0.02)
    raise RuntimeError("nginx does not listen")


def settled(process, kind):
    """Memory as it is, and with free pages given back."""
    time.sleep(SETTLES_S.get(kind, 0.3))
    as_it_is = clients.resident(process.pid)
    process.send_signal(signal.SIGRTMIN + 5)
    time.sleep(0.2)
    return as_it_is, clients.resident(process.pid)


def measure(a, kind, words, env):
    process, port = begin(a, words, env)
    count, how, held = a.count or COUNTS.get(kind, 6000), Kind(kind), []
    try:
        held += [how.open(port) for _ in range(count // 3)]
        before = settled(process, kind)
        held += [how.open(port) for _ in range(count - count // 3)]
        after = settled(process, kind)
    finally:
        process.kill()
        process.wait()
        for s in held:
            s.close()
    return [(y - x) / (count - count // 3) for x, y in zip(before, after)]


def main():
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("--build", default=os.path.join(ROOT, "build"))
    p.add_argument("--kinds", default="ws,deflate,takeover,wss,http,tls", help="by comma")
    p.add_argument("--servers", help="beginnings of names, by comma")
    p.add_argument("--count", type=int, help="connections (6000; 1500 with TLS or takeover)")
    a = p.parse_args()
    a.build = os.path.abspath(a.build)
    clients.raise_limit(20000)
    a.realtime = may_be_realtime()
    if a.realtime:
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))
    with tempfile.TemporaryDirectory() as a.folder:
        a.certificate = list(clients.certificate(a.folder))
        print("| kind | server | bytes of one more idle connection | free pages given back |\n"
              "| --- | --- | ---: | ---: |", flush=True)
        for kind in a.kinds.split(","):
            for name, words, env in servers(a, kind):
                if a.servers and not any(name.startswith(s) for s in a.servers.split(",")):
                    continue
                try:
                    as_it_is, trimmed = measure(a, kind, words, env)
                    print(f"| {kind} | {name} | {as_it_is:,.0f} | {trimmed:,.0f} |", flush=True)
                except (RuntimeError, OSError, ValueError) as e:
                    print(f"idle: {kind}: {name}: {e}", file=sys.stderr)


if __name__ == "__main__":
    main()
