#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Measure HTTP servers with wrk: an answer of few bytes, a file of 100 KiB, plain and over TLS.
Interleaved repetitions, medians, ratios to nginx. The server has one core, wrk the other. Where wrk
is the slower of the two all servers have its rate; what the server's processor spent on each request
tells them apart still. See doc/design/bench.md."""

import argparse
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from statistics import median

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
HELLO, FILE = "/hello", "/file"
FILE_SIZE = 100 << 10

NGINX = """
worker_processes 1; daemon off; pid {d}/pid; error_log stderr crit;
events {{ worker_connections 4096; }}
http {{
  access_log off; sendfile on; tcp_nopush on; keepalive_requests 100000000;
  client_body_temp_path {d}/a; proxy_temp_path {d}/b; fastcgi_temp_path {d}/c;
  uwsgi_temp_path {d}/d; scgi_temp_path {d}/e; open_file_cache max=100;
  server {{
    listen 127.0.0.1:{port}{tls};
    location = /hello {{ default_type text/plain; return 200 "hello\\n"; }}
    location / {{ root {d}/files; }}
  }}
}}
"""

NODE = """
require(process.argv[2] === 'tls' ? 'https' : 'http').createServer(
  process.argv[2] === 'tls' ? {key: require('fs').readFileSync(process.argv[4]),
                               cert: require('fs').readFileSync(process.argv[5])} : {},
  (q, a) => { a.setHeader('Content-Type', 'text/plain'); a.end('hello\\n'); }
).listen(+process.argv[3], '127.0.0.1');
"""


class Server:
    """One server while one sample is taken."""

    def __init__(self, words, port, core):
        prefix = ["taskset", "-c", str(core)] if core is not None else []
        self.process = subprocess.Popen(prefix + words, stdout=subprocess.DEVNULL,
                                        stderr=subprocess.PIPE, start_new_session=True)
        until = time.monotonic() + 10
        while time.monotonic() < until:
            if self.process.poll() is not None:
                raise RuntimeError(self.process.stderr.read().decode()[-400:])
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                return
            except OSError:
                time.sleep(0.02)
        raise RuntimeError("it does not listen")

    def spent(self):
        """Seconds of processor time of the server's processes."""
        ticks = 0
        for pid in os.listdir("/proc"):
            try:
                with open(f"/proc/{pid}/stat", encoding="utf-8") as f:
                    fields = f.read().rpartition(")")[2].split()
                if int(fields[3]) == self.process.pid: # the session
                    ticks += int(fields[11]) + int(fields[12])
            except (OSError, ValueError):
                pass
        return ticks / os.sysconf("SC_CLK_TCK")

    def stop(self):
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        self.process.stderr.close()


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as s:
        return s.getsockname()[1]


class Bench:
    def __init__(self, a):
        self.a = a
        self.folder = tempfile.TemporaryDirectory()
        self.d = self.folder.name
        os.mkdir(self.d + "/files")
        with open(self.d + "/files/file", "wb") as f:
            f.write(os.urandom(FILE_SIZE))
        with open(self.d + "/node.js", "w", encoding="utf-8") as f:
            f.write(NODE)
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                        "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=localhost", "-days",
                        "2", "-keyout", self.d + "/key", "-out", self.d + "/cert"], check=True,
                       capture_output=True)

    def words(self, name, path, port, tls):
        a, d, build = self.a, self.d, self.a.build
        if name == "nginx":
            with open(d + "/nginx.conf", "w", encoding="utf-8") as f:
                f.write(NGINX.format(d=d, port=port, tls=f" ssl; ssl_certificate {d}/cert; "
                                     f"ssl_certificate_key {d}/key" if tls else ""))
            return [shutil.which("nginx") or "/usr/sbin/nginx", "-p", d, "-e", "stderr", "-c",
                    d + "/nginx.conf"]
        if name == "node":
            return ["node", d + "/node.js", "tls" if tls else "http", str(port), d + "/key",
                    d + "/cert"]
        if name.startswith("ref-"):
            return [f"{build}/bench/ref-epoll-echo", "--port", str(port), "--http"]
        _, backend, *shape = name.split("-")
        if tls or path == FILE:
            raise RuntimeError("http-hello has neither files nor TLS")
        return [f"{build}/examples/http-hello", "--port", str(port), "--backend", backend,
                "--shape", (shape or ["serve"])[0]]

    def sample(self, name, path, tls, connections, pipeline):
        port = free_port()
        server = Server(self.words(name, path, port, tls), port, self.a.cpus[0])
        try:
            words = ["taskset", "-c", str(self.a.cpus[1]), "wrk", "-t1", f"-c{connections}",
                     f"-d{self.a.seconds}s", f"http{'s' if tls else ''}://127.0.0.1:{port}{path}"]
            if pipeline > 1:
                script = self.d + "/pipeline.lua"
                with open(script, "w", encoding="utf-8") as f:
                    f.write("init = function(args) local r = {} for i = 1, %d do r[i] = "
                            "wrk.format() end req = table.concat(r) end\n"
                            "request = function() return req end\n" % pipeline)
                words[-1:-1] = ["-s", script]
            before = server.spent()
            out = subprocess.run(words, check=True, capture_output=True, text=True).stdout
            spent = server.spent() - before
        finally:
            server.stop()
        if "Non-2xx" in out:
            raise RuntimeError("not all answers were good")
        done = int(re.search(r"(\d+) requests in", out).group(1))
        return float(re.search(r"Requests/sec:\s+([\d.]+)", out).group(1)), 1e6 * spent / done


# The point: its path, TLS, connections, requests in flight on each, and who takes part.
WEIRS = ("weir-epoll", "weir-uring", "weir-epoll-react")
POINTS = {
    "hello x1": (HELLO, False, 1, 1, ("nginx", "ref-http", "node", *WEIRS)),
    "hello x50": (HELLO, False, 50, 1, ("nginx", "ref-http", "node", *WEIRS)),
    "hello x500": (HELLO, False, 500, 1, ("nginx", "ref-http", "node", *WEIRS)),
    "hello x50, 16 each": (HELLO, False, 50, 16, ("nginx", "ref-http", "node", *WEIRS)),
    "file x50": (FILE, False, 50, 1, ("nginx", *WEIRS)),
    "tls hello x50": (HELLO, True, 50, 1, ("nginx", "node", *WEIRS)),
    "tls file x50": (FILE, True, 50, 1, ("nginx", *WEIRS)),
}


def measure(bench, point, results):
    path, tls, connections, pipeline, names = POINTS[point]
    for name in names:
        if bench.a.servers and not any(name.startswith(s) for s in bench.a.servers.split(",")):
            continue
        try:
            sample = bench.sample(name, path, tls, connections, pipeline)
            results.setdefault((point, name), []).append(sample)
        except (RuntimeError, OSError, subprocess.CalledProcessError) as e:
            print(f"bench: {point}: {name}: {e}", file=sys.stderr)


def main():
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("--build", default=os.path.join(ROOT, "build"))
    p.add_argument("--servers", help="beginnings of names, by comma")
    p.add_argument("--points", help="beginnings of names, by comma")
    p.add_argument("--reps", type=int, default=5)
    p.add_argument("--seconds", type=int, default=2)
    p.add_argument("--cpus", type=lambda s: [int(x) for x in s.split(",")], default=[0, 1])
    a = p.parse_args()
    bench, results = Bench(a), {}
    points = [n for n in POINTS
              if not a.points or any(n.startswith(w) for w in a.points.split(","))]
    for _ in range(a.reps):
        for point in points:
            measure(bench, point, results)
    print("| point | server | requests/s | to nginx | spread | us of processor each | nginx's by it |"
          "\n|---|---|---|---|---|---|---|")
    for (point, name), samples in results.items():
        rates, spent = [s[0] for s in samples], median(s[1] for s in samples)
        first = results.get((point, "nginx"))
        ratio = f"{median(rates) / median(s[0] for s in first):.2f}" if first else ""
        cost = f"{median(s[1] for s in first) / spent:.2f}" if first and spent else ""
        print(f"| {point} | {name} | {median(rates):,.0f} | {ratio} | "
              f"{min(rates):,.0f}-{max(rates):,.0f} | {spent:.2f} | {cost} |")


if __name__ == "__main__":
    main()
