#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Measure HTTP servers with wrk: an answer of few bytes, a file of 100 KiB, plain and over TLS.
Interleaved repetitions, medians, ratios to nginx. The server has one core, wrk the other. Where wrk
is the slower of the two all servers have its rate; what the server's processor spent on each
request tells them apart still. ref-http is bare epoll that answers each empty line with the same
bytes. tcp-echo is bare epoll that echoes: wrk's requests to it are the bytes of an answer.
nginx-push has no tcp_nopush: the head of a file leaves at once, as weir's does. nginx-push-open has
no open_file_cache either: it opens the file for each request, as weir does. See
doc/design/bench.md."""

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

from sample import may_be_realtime, start

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
HELLO, FILE = "/hello", "/file"
FILE_SIZE = 100 << 10

NGINX = """
user root; worker_processes 1; daemon off; pid {d}/pid; error_log stderr crit;
events {{ worker_connections 4096; }}
http {{
  access_log off; sendfile on; {more} keepalive_requests 100000000;
  client_body_temp_path {d}/a; proxy_temp_path {d}/b; fastcgi_temp_path {d}/c;
  uwsgi_temp_path {d}/d; scgi_temp_path {d}/e;
  server {{
    listen 127.0.0.1:{port}{tls};
    location = /hello {{ default_type text/plain; return 200 "hello\\n"; }}
    location / {{ root {d}/files; }}
  }}
}}
"""

NGINX_MORE = {
    "nginx": "tcp_nopush on; open_file_cache max=100;",
    "nginx-push": "open_file_cache max=100;",
    "nginx-push-open": "",
}

NODE = """
require(process.argv[2] === 'tls' ? 'https' : 'http').createServer(
  process.argv[2] === 'tls' ? {key: require('fs').readFileSync(process.argv[4]),
                               cert: require('fs').readFileSync(process.argv[5])} : {},
  (q, a) => { a.setHeader('Content-Type', 'text/plain'); a.end('hello\\n'); }
).listen(+process.argv[3], '127.0.0.1');
"""


# As long as the servers' answers. Sent to tcp-echo as a request, it comes back as an answer.
ANSWER = ("HTTP/1.1 200 OK\\r\\nDate: Sun, 29 Nov 2026 12:00:00 GMT\\r\\nContent-Type: text/plain; "
          "charset=utf-8\\r\\nContent-Length: 6\\r\\n\\r\\nhello\\n")
# wrk parses its first request before it begins, so that one is a request of HTTP.
ECHOED = """local text, begun = string.rep("%s", %d), false
request = function()
  if begun then return text end
  begun = true
  return string.rep(wrk.format(), %d)
end
"""
PIPELINED = ("init = function(args) local r = {} for i = 1, %d do r[i] = wrk.format() end "
             "req = table.concat(r) end\nrequest = function() return req end\n")


class Server:
    """One server while one sample is taken."""

    def __init__(self, words, port, core, realtime, env):
        self.process = start(words, core, realtime, stdout=subprocess.DEVNULL,
                             stderr=subprocess.PIPE, start_new_session=True, env=env)
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
        """Seconds of processor time of all threads of the server's processes."""
        ns = 0
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                with open(f"/proc/{pid}/stat", encoding="utf-8") as f:
                    session = int(f.read().rpartition(")")[2].split()[3])
                if session == self.process.pid:
                    for thread in os.listdir(f"/proc/{pid}/task"):
                        with open(f"/proc/{pid}/task/{thread}/schedstat", encoding="utf-8") as f:
                            ns += int(f.read().split()[0])
            except OSError:
                pass
        return ns / 1e9

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
        if name in NGINX_MORE:
            with open(d + "/nginx.conf", "w", encoding="utf-8") as f:
                f.write(NGINX.format(d=d, port=port, more=NGINX_MORE[name],
                                     tls=f" ssl; ssl_certificate {d}/cert; "
                                     f"ssl_certificate_key {d}/key" if tls else ""))
            return [shutil.which("nginx") or "/usr/sbin/nginx", "-p", d, "-e", "stderr", "-c",
                    d + "/nginx.conf"]
        if name == "node":
            return ["node", d + "/node.js", "tls" if tls else "http", str(port), d + "/key",
                    d + "/cert"]
        if name in ("ref-http", "tcp-echo"):
            flags = ["--http"] if name == "ref-http" else []
            return [f"{build}/bench/ref-epoll-echo", "--port", str(port), *flags]
        _, backend, shape = name.split("-")
        if tls or path == FILE:
            return [f"{build}/bench/bench-http", str(port), shape, d + "/files",
                    *([d + "/cert", d + "/key"] if tls else [])]
        return [f"{build}/examples/http-hello", "--port", str(port), "--backend", backend,
                "--shape", shape]

    def script(self, name, pipeline):
        """wrk's options for requests that are not plain ones, one at a time."""
        if name != "tcp-echo" and pipeline == 1:
            return []
        text = ECHOED % (ANSWER, pipeline, pipeline) if name == "tcp-echo" else PIPELINED % pipeline
        with open(self.d + "/requests.lua", "w", encoding="utf-8") as f:
            f.write(text)
        return ["-s", self.d + "/requests.lua"]

    def sample(self, name, path, tls, connections, pipeline):
        port, a = free_port(), self.a
        env = {**os.environ, "WEIR_BACKEND": name.split("-")[1]} if "weir" in name else None
        server = Server(self.words(name, path, port, tls), port, a.cpus[0], a.realtime, env)
        try:
            words = ["wrk", "-t1", f"-c{connections}", f"-d{a.seconds}s",
                     *self.script(name, pipeline),
                     f"http{'s' if tls else ''}://127.0.0.1:{port}{path}"]
            before = server.spent()
            wrk = start(words, a.cpus[1], a.realtime, stdout=subprocess.PIPE, text=True)
            out = wrk.communicate(timeout=60 + a.seconds)[0]
            spent = server.spent() - before
        finally:
            server.stop()
        if "Non-2xx" in out:
            raise RuntimeError("not all answers were good")
        done = int(re.search(r"(\d+) requests in", out).group(1))
        return float(re.search(r"Requests/sec:\s+([\d.]+)", out).group(1)), 1e6 * spent / done


# The point: its path, TLS, connections, requests in flight on each, and who takes part.
WEIRS = ("weir-epoll-serve", "weir-epoll-react", "weir-uring-serve", "weir-uring-react")
HELLOS = ("nginx", "tcp-echo", "ref-http", "node", *WEIRS)
POINTS = {
    "hello x1": (HELLO, False, 1, 1, HELLOS),
    "hello x50": (HELLO, False, 50, 1, HELLOS),
    "hello x500": (HELLO, False, 500, 1, HELLOS),
    "hello x50, 16 each": (HELLO, False, 50, 16, HELLOS),
    "file x50": (FILE, False, 50, 1, (*NGINX_MORE, *WEIRS)),
    "tls hello x50": (HELLO, True, 50, 1, ("nginx", "node", *WEIRS)),
    "tls file x50": (FILE, True, 50, 1, ("nginx", *WEIRS)),
}


def measure(bench, point, turn, results):
    path, tls, connections, pipeline, names = POINTS[point]
    at = turn % len(names)
    for name in names[at:] + names[:at]:
        if bench.a.servers and not any(name.startswith(s) for s in bench.a.servers.split(",")):
            continue
        try:
            sample = bench.sample(name, path, tls, connections, pipeline)
            results.setdefault((point, name), []).append(sample)
        except (RuntimeError, OSError, subprocess.SubprocessError, AttributeError) as e:
            print(f"bench: {point}: {name}: {e}", file=sys.stderr)


def table(points, results):
    """A ratio of times is that of the other server to this one: above 1, this one is faster."""
    print("| point | server | requests/s | to nginx | least .. most | us of processor each | "
          "nginx's by it | tcp-echo's by it |\n|---|---|---:|---:|---:|---:|---:|---:|")
    for point in points:
        for name in POINTS[point][4]:
            if not (samples := results.get((point, name))):
                continue
            rates, spent = [s[0] for s in samples], median(s[1] for s in samples)
            others = [results.get((point, other)) for other in ("nginx", "tcp-echo")]
            costs = [f"{median(s[1] for s in o) / spent:.2f}" if o else "" for o in others]
            rate = f"{median(rates) / median(s[0] for s in others[0]):.2f}" if others[0] else ""
            print(f"| {point} | {name} | {median(rates):,.0f} | {rate} | "
                  f"{min(rates):,.0f} .. {max(rates):,.0f} | {spent:.2f} | {' | '.join(costs)} |")


def main():
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("--build", default=os.path.join(ROOT, "build"))
    p.add_argument("--servers", help="beginnings of names, by comma")
    p.add_argument("--points", help="beginnings of names, by comma")
    p.add_argument("--reps", type=int, default=5)
    p.add_argument("--seconds", type=int, default=2)
    p.add_argument("--cpus", type=lambda s: [int(x) for x in s.split(",")], default=[0, 1])
    a = p.parse_args()
    if shutil.which("wrk") is None:
        p.error("wrk is not there: apt-get install wrk")
    a.realtime = may_be_realtime()
    bench, results = Bench(a), {}
    points = [n for n in POINTS
              if not a.points or any(n.startswith(w) for w in a.points.split(","))]
    for turn in range(a.reps):
        for point in points:
            measure(bench, point, turn, results)
    table(points, results)


if __name__ == "__main__":
    main()
