# SPDX-License-Identifier: MIT
"""conformance.py BUILD PAGE [NAME...]: tries our peers and those of others by the suites, and
writes the results to PAGE (doc/conformance.md). A peer that is not installed is left out, and the
page says so. Of peers that have none of the NAMEs in theirs, the reports of the last run are taken.
BUILD is a build folder; reports and npm's ws are kept in BUILD/conformance."""
import json
import os
import re
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
SYSTEM_PYTHON = "/usr/bin/python3"
NGINX = "/usr/sbin/nginx"  # not in everybody's PATH


class Missing(Exception):
    """A peer that is not here."""


def first_line(*command):
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    except FileNotFoundError as error:
        raise Missing(command[0]) from error
    if done.returncode != 0:
        raise Missing(" ".join(command[:3]))
    return (done.stdout or done.stderr).strip().splitlines()[0]


def python_version(module):
    return first_line(SYSTEM_PYTHON, "-c", f"import {module}; print({module}.__version__)")


def node_modules(build):
    """The folder of npm's ws."""
    folder = os.path.join(build, "conformance")
    if not os.path.exists(os.path.join(folder, "node_modules", "ws")):
        os.makedirs(folder, exist_ok=True)
        first_line("npm", "install", "--no-save", "--silent", "--prefix", folder,
                   "ws@8", "--loglevel=error", "--foreground-scripts")
    return os.path.join(folder, "node_modules")


class Run:
    """The programs that are tried, and the command that tries them."""

    def __init__(self, build):
        self.build = os.path.abspath(build)
        self.weir = os.path.join(self.build, "weir")
        self.ours = os.path.join(self.build, "test", "torture")
        self.env = dict(os.environ)

    def peer(self, name):
        return os.path.join(HERE, name)

    def start(self, command):
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                                   text=True, env=self.env)
        line = process.stdout.readline()
        found = re.search(r"(\d+)\s*$", line)
        if not found:
            process.kill()
            raise Missing(" ".join(command))
        return process, int(found.group(1))

    def torture(self, *words):
        done = subprocess.run([self.weir, "torture", "--json", "--jobs", "16", *words],
                              stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
                              env=self.env, timeout=1200)
        return json.loads(done.stdout)

    def server(self, command, scheme, path="/"):
        process, port = self.start(command)
        try:
            return self.torture(f"{scheme}://127.0.0.1:{port}{path}")
        finally:
            process.kill()
            process.wait()

    def nginx(self):
        with tempfile.TemporaryDirectory() as folder:
            port = free_port()
            temporary = "".join(f"{kind}_temp_path {folder}/{kind}; " for kind in
                                ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
            with open(os.path.join(folder, "nginx.conf"), "w", encoding="utf-8") as conf:
                conf.write(f"daemon off; pid {folder}/pid; error_log /dev/null;\n"
                           "events { worker_connections 512; }\n"
                           f"http {{ access_log off; {temporary}\n"
                           f"server {{ listen 127.0.0.1:{port};"
                           " location / { return 200 hello; } } }\n")
            process = subprocess.Popen([NGINX, "-c", os.path.join(folder, "nginx.conf")],
                                       stderr=subprocess.DEVNULL)
            time.sleep(1)
            try:
                return self.torture(f"http://127.0.0.1:{port}/")
            finally:
                process.terminate()
                process.wait()

    def client(self, scheme, command):
        """A client that is started for each case."""
        return self.torture(scheme, "--", *command, "{}")

    def guest(self, command):
        """A client that connects again and again."""
        suite = subprocess.Popen([self.weir, "torture", "--json", "--listen", "0", "ws"],
                                 stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                 env=self.env)
        url = re.search(r"ws://\S+", suite.stderr.readline()).group(0)
        client = subprocess.Popen([*command, url], stderr=subprocess.DEVNULL, env=self.env)
        try:
            out = suite.communicate(timeout=1200)[0]
        finally:
            client.kill()
            client.wait()
        return json.loads(out)


def free_port():
    import socket
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


def ours(run):
    for scheme, program in ("ws", "echo-server"), ("http", "hello-server"):
        for shape in "serve", "react":
            for backend in "epoll", "uring":
                def one(program=program, scheme=scheme, shape=shape, backend=backend):
                    return run.server([os.path.join(run.ours, program), "--port", "0",
                                       "--backend", backend, "--shape", shape], scheme)
                yield scheme + " server", f"weir, {shape}, {backend}", weir_version(run), one
    for scheme, program in ("ws", "echo-client"), ("http", "get-client"):
        for backend in "epoll", "uring":
            def one(program=program, scheme=scheme, backend=backend):
                run.env["WEIR_BACKEND"] = backend
                try:
                    return run.client(scheme, [os.path.join(run.ours, program)])
                finally:
                    del run.env["WEIR_BACKEND"]
            yield scheme + " client", f"weir, {backend}", weir_version(run), one


def weir_version(run):
    return lambda: first_line(run.weir, "--version").split()[-1]


def others(run):
    websockets = [SYSTEM_PYTHON, run.peer("peer_websockets.py")]
    aiohttp = [SYSTEM_PYTHON, run.peer("peer_aiohttp.py")]
    node = ["node", run.peer("peer_node.js")]

    def ws_version():
        run.env["NODE_PATH"] = node_modules(run.build)
        with open(os.path.join(run.env["NODE_PATH"], "ws", "package.json"), encoding="utf-8") as f:
            return json.load(f)["version"]

    def node_version():
        return first_line("node", "--version").lstrip("v")

    def nginx_version():
        return first_line(NGINX, "-v").split("/")[-1]

    def curl_version():
        return first_line("curl", "--version").split()[1]
    yield ("ws server", "Python websockets", lambda: python_version("websockets"),
           lambda: run.server([*websockets, "server"], "ws"))
    yield ("ws server", "npm ws", ws_version, lambda: run.server([*node, "ws"], "ws"))
    yield ("ws server", "aiohttp", lambda: python_version("aiohttp"),
           lambda: run.server([*aiohttp, "server"], "ws", "/ws"))
    yield ("ws client", "Python websockets", lambda: python_version("websockets"),
           lambda: run.guest([*websockets, "client"]))
    yield ("ws client", "npm ws", ws_version, lambda: run.guest([*node, "ws-client"]))
    yield ("ws client", "aiohttp", lambda: python_version("aiohttp"),
           lambda: run.guest([*aiohttp, "client"]))
    yield ("http server", "nginx", nginx_version, run.nginx)
    yield ("http server", "node", node_version, lambda: run.server([*node, "http"], "http"))
    yield ("http server", "aiohttp", lambda: python_version("aiohttp"),
           lambda: run.server([*aiohttp, "server"], "http"))
    yield ("http client", "curl", curl_version, lambda: run.client("http", ["curl", "-sSf"]))
    yield ("http client", "node", node_version, lambda: run.client("http", [*node, "get"]))
    yield ("http client", "aiohttp", lambda: python_version("aiohttp"),
           lambda: run.client("http", [*aiohttp, "get"]))


def family(case_id):
    parts = case_id.split(".")
    return ".".join(parts[:2])


def families(report, verdict):
    """The families of the cases with this verdict: "reject.name (14)"."""
    counts = {}
    for case in report["cases"]:
        if case["verdict"] == verdict:
            counts[family(case["id"])] = counts.get(family(case["id"]), 0) + 1
    return ", ".join(f"{name} ({count})" if count > 1 else name for name, count in counts.items())


HEAD = """# Conformance

`weir torture` tries a WebSocket or HTTP/1.1 server or client, of any make, by cases that are
written from the RFCs. doc/design/torture.md says how it judges. `make conformance` makes this page.
The tables count the cases by verdict:

* **OK**: the peer did what the clause of the case says.
* **not strict**: it did not do what it should (RFC 2119).
* **free** (`informational` in the command): the RFC leaves it open, or the peer lacks the feature
  that the case is about (compression, a larger limit). Nothing is wrong.
* **failed**: it did not do what it must.

Below each table stand the cases of other peers that failed or were not strict; a number in brackets
says how many cases of that name. Often the peer accepts on purpose more than the RFCs allow. All
peers have their default settings, with compression where they have it, except that aiohttp and npm
ws take messages of 16 MiB, and our WebSocket peers use context takeover. In a few cases the verdict
depends on what a peer reads first, so a second run may differ a little.

"""
NAMES = {"ws server": "WebSocket servers", "ws client": "WebSocket clients",
         "http server": "HTTP/1.1 servers", "http client": "HTTP/1.1 clients"}


def wrapped(text):
    import textwrap
    return "\n".join(textwrap.wrap(text, 118, subsequent_indent="  ", break_long_words=False,
                                   break_on_hyphens=False))


def page(rows, missing):
    out = [HEAD]
    for kind, title in NAMES.items():
        out.append(f"## {title}\n\n| peer | version | cases | OK | not strict | free | failed |\n"
                   "|---|---|---:|---:|---:|---:|---:|\n")
        mine = [row for row in rows if row[0] == kind]
        for _, name, version, r in mine:
            out.append(f"| {name} | {version} | {len(r['cases'])} | {r['ok']} | {r['non_strict']}"
                       f" | {r['informational']} | {r['failed']} |\n")
        out.append("\n")
        for _, name, version, r in mine:
            for verdict, word in ("FAILED", "failed"), ("non-strict", "not strict"):
                text = families(r, verdict)
                if text:
                    out.append(wrapped(f"* {name}, {word}: {text}.") + "\n")
        out.append("\n")
    if missing:
        out.append("Not tried, since not installed: " + ", ".join(missing) + ".\n\n")
    return "".join(out).rstrip("\n") + "\n"


def report_of(run, kind, name, one, wanted):
    """Try the peer, or take what an earlier run has found."""
    file = os.path.join(run.build, "conformance", f"{kind} {name}.json".replace(", ", "-"))
    if wanted and not any(word in f"{kind} {name}" for word in wanted) and os.path.exists(file):
        with open(file, encoding="utf-8") as saved:
            return json.load(saved)
    report = one()
    if report["ran"] == 0:
        sys.exit(f"{kind}: {name}: nothing ran")
    with open(file, "w", encoding="utf-8") as saved:
        json.dump(report, saved)
    return report


def main(build, path, *wanted):
    run, rows, missing = Run(build), [], []
    os.makedirs(os.path.join(build, "conformance"), exist_ok=True)
    for kind, name, version, one in (*ours(run), *others(run)):
        try:
            number = version()
            report = report_of(run, kind, name, one, wanted)
        except Missing as error:
            print(f"{kind}: {name}: not here: {error}", flush=True)
            missing.append(f"{name} ({kind})")
            continue
        print(f"{kind}: {name} {number}: {report['ok']} OK, {report['non_strict']} non-strict, "
              f"{report['informational']} informational, {report['failed']} failed", flush=True)
        rows.append((kind, name, number, report))
    with open(path, "w", encoding="utf-8") as out:
        out.write(page(rows, missing))
    return sum(r["failed"] + r["non_strict"] for _, name, _, r in rows if name.startswith("weir"))


if __name__ == "__main__":
    sys.exit(1 if main(*sys.argv[1:]) else 0)
