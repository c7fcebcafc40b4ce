#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""tls.py BUILD [instructions]: what TLS costs a server: weir (both shapes, both backends) beside
ref-tls-echo, bare epoll and OpenSSL. Processor time of the server, from /proc, for one echo of 64 B
on one connection and on many, for a full and for a resumed handshake; and resident memory of an
idle connection. Server and client share a core, so that no figure has the wake-up of an idle core
in it; CPUS=0,1 gives each its own. Medians of ROUNDS, the servers in turn. First it says what each
server agrees on with the client, and how many bytes it sends in a handshake with its tickets:
servers that do the same work send as many, but for the few bytes by which signatures vary. With
`instructions`: those of one echo and of one handshake, by callgrind, on epoll."""
import os
import re
import signal
import socket
import ssl
import statistics
import subprocess
import sys
import tempfile

from sample import may_be_realtime, start

ECHOES, HANDSHAKES, MANY, IDLE, SIZE = 4000, 300, 100, 500, 64
ROUNDS = int(os.environ.get("ROUNDS", "5"))
REALTIME = may_be_realtime()
CPUS = [int(core) for core in os.environ.get("CPUS", "0,0").split(",")]
SHAKES = "handshake", "resumed"
CALLGRIND = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null"]


def certificate(folder):
    cert, key = f"{folder}/cert.pem", f"{folder}/key.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                    "ec_paramgen_curve:P-256", "-nodes", "-keyout", key, "-out", cert, "-days", "9",
                    "-subj", "/CN=localhost"], check=True, capture_output=True)
    return cert, key


def servers(build, cert, key):
    yield "raw epoll", [f"{build}/bench/ref-tls-echo", cert, key], None
    for backend in "epoll", "uring":
        for shape in "react", "serve":
            yield (f"weir {backend} {shape}", [f"{build}/bench/bench-tls-echo", shape, cert, key],
                   {**os.environ, "WEIR_BACKEND": backend})


class Server:
    def __init__(self, command, env, before=()):
        self.process = start([*before, *command], CPUS[0], REALTIME and not before, env=env,
                             stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.port = int(self.process.stdout.readline())
        self.context = ssl.create_default_context()
        self.context.check_hostname, self.context.verify_mode = False, ssl.CERT_NONE

    def dial(self, session=None):
        s = socket.create_connection(("127.0.0.1", self.port))
        s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return self.context.wrap_socket(s, session=session)

    def cpu_us(self):
        with open(f"/proc/{self.process.pid}/schedstat", encoding="ascii") as f:
            return int(f.read().split()[0]) / 1000

    def memory(self):
        with open(f"/proc/{self.process.pid}/status", encoding="ascii") as f:
            return int(re.search(r"VmRSS:\s+(\d+)", f.read())[1]) * 1024

    def end(self):
        self.process.send_signal(signal.SIGTERM)
        said = self.process.communicate()[1].decode(errors="replace")
        return int(m[1]) if (m := re.search(r"Collected : (\d+)", said)) else None


def echo(connections, rounds):
    data = bytes(SIZE)
    for _ in range(rounds):
        for c in connections:
            c.sendall(data)
        for c in connections:
            left = SIZE
            while left:
                left -= len(c.recv(left))


def shake(server, count, resume):
    """Each connection echoes once: so the client has its tickets, and the server is done. It ends
    as TLS wants it, by close_notify both ways: without, a server has to report a truncation."""
    session = None
    for _ in range(count):
        c = server.dial(session)
        echo([c], 1)
        if bool(session) != c.session_reused:
            sys.exit("resumption is not as it should be")
        session = c.session if resume else None
        c.unwrap().close()


def spoken(server, session=None):
    """A connection that echoes once, by hand: what was agreed on, whether it was resumed, the
    server's bytes, the session."""
    with socket.create_connection(("127.0.0.1", server.port)) as s:
        come, go, count = ssl.MemoryBIO(), ssl.MemoryBIO(), 0
        tls = server.context.wrap_bio(come, go, session=session)
        for step in tls.do_handshake, lambda: tls.write(bytes(SIZE)), lambda: tls.read(SIZE):
            while True:
                try:
                    step()
                    s.sendall(go.read())
                    break
                except ssl.SSLWantReadError:
                    s.sendall(go.read())
                    come.write(data := s.recv(1 << 16))
                    count += len(data)
        return f"{tls.version()} {tls.cipher()[0]}", tls.session_reused, count, tls.session


def agreed(command, env):
    server = Server(command, env)
    what, _, full, session = spoken(server)
    _, again, resumed, _ = spoken(server, session)
    server.end()
    return f"{what}; its bytes: full {full}, resumed {resumed if again else 'never'}"


def measured(server, work, count):
    before = server.cpu_us()
    work()
    return (server.cpu_us() - before) / count


def one_round(command, env):
    server = Server(command, env)
    shake(server, 20, False)
    one, figures = server.dial(), {}
    echo([one], 200)
    figures["echo, 1"] = measured(server, lambda: echo([one], ECHOES), ECHOES)
    many = [server.dial() for _ in range(MANY)]
    echo(many, 2)
    figures[f"echo, {MANY}"] = measured(server, lambda: echo(many, ECHOES // MANY), ECHOES)
    figures["handshake"] = measured(server, lambda: shake(server, HANDSHAKES, False), HANDSHAKES)
    figures["resumed"] = measured(server, lambda: shake(server, HANDSHAKES, True), HANDSHAKES)
    for c in [one, *many]:
        c.close()
    server.end()
    server = Server(command, env)
    shake(server, 20, False)
    before = server.memory()
    idle = [server.dial() for _ in range(IDLE)]
    echo(idle, 2)
    figures["idle, B"] = (server.memory() - before) / IDLE
    server.end()
    for c in idle:
        c.close()
    return figures


def times(build, cert, key):
    found = {}
    for name, command, env in servers(build, cert, key):
        print(f"{name:18} {agreed(command, env)}")
    for _ in range(ROUNDS):
        for name, command, env in servers(build, cert, key):
            for what, figure in one_round(command, env).items():
                found.setdefault(what, {}).setdefault(name, []).append(figure)
    for what, by_name in found.items():
        raw = statistics.median(by_name["raw epoll"])
        for name, figures in by_name.items():
            median = statistics.median(figures)
            rate = f" {1e6 / median:.0f} a second of one core" if what in SHAKES else ""
            print(f"{what:10} {name:18} {median:9.2f} ({median / raw:.2f}) "
                  f"{min(figures):.2f}..{max(figures):.2f}{rate}")


def count(command, env, work):
    server = Server(command, env, CALLGRIND)
    work(server)
    return server.end()


def each(command, env, work, few, many):
    return (count(command, env, lambda s: work(s, many)) -
            count(command, env, lambda s: work(s, few))) / (many - few)


def instructions(build, cert, key):
    for name, command, env in servers(build, cert, key):
        if "uring" in name:  # hangs under valgrind
            continue
        one = each(command, env, lambda s, n: echo([s.dial()], n), 200, 1200)
        full = each(command, env, lambda s, n: shake(s, n, False), 4, 14)
        resumed = each(command, env, lambda s, n: shake(s, n, True), 4, 24)
        print(f"{name:18} echo {one:8.0f}  handshake {full:10.0f}  resumed {resumed:10.0f}")


os.sched_setaffinity(0, {CPUS[1]})
if REALTIME and not sys.argv[2:]:
    os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))
with tempfile.TemporaryDirectory() as folder:
    (instructions if sys.argv[2:] else times)(sys.argv[1], *certificate(folder))
