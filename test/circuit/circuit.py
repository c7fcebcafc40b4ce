# SPDX-License-Identifier: MIT
"""What the tests of the circuit share: processes whose lines are waited for, never for a time."""
import functools
import os
import re
import signal
import socket
import struct
import subprocess
import sys
import threading
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
WEIR = os.path.abspath(os.environ["WEIR"])
MODULES = os.environ.get("WEIR_MODULES", "")
LIMIT = 30 * float(os.environ.get("WEIR_TEST_TIMEOUT_SCALE", "1"))  # only ever met by a failure


class Node:
    """A process; its stdout is gathered line by line, its stderr whole."""

    def __init__(self, test, *words, env=None, **popen):
        self.lines, self.errors = [], []
        self.news = threading.Condition()
        self.process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE, text=True,
                                        env={**os.environ, **(env or {})}, **popen)
        self.readers = [threading.Thread(target=self.gather, args=pair, daemon=True) for pair in
                        ((self.process.stdout, self.lines), (self.process.stderr, self.errors))]
        for reader in self.readers:
            reader.start()
        test.addCleanup(self.end)

    def gather(self, pipe, into):
        with pipe:
            for line in pipe:
                with self.news:
                    into.append(line.rstrip("\n"))
                    self.news.notify_all()
        with self.news:
            self.news.notify_all()

    def line(self, pattern, count=1, among=None):
        """Wait for the count-th line that matches. Returns its match."""
        found = []
        among = self.lines if among is None else among

        def there():
            found[:] = [m for m in (re.search(pattern, x) for x in among) if m]
            return len(found) >= count or not any(r.is_alive() for r in self.readers)
        with self.news:
            self.news.wait_for(there, LIMIT)
        if len(found) < count:
            raise AssertionError(f"no line '{pattern}' in {self.lines} {self.errors}")
        return found[count - 1]

    def error(self, pattern):
        return self.line(pattern, among=self.errors)

    @property
    def port(self):
        return int(self.line(r"serving on .*:(\d+)$").group(1))

    def send(self, number):
        self.process.send_signal(number)

    def wait(self):
        """Its exit code, once all its lines are here."""
        code = self.process.wait(LIMIT)
        for reader in self.readers:
            reader.join(LIMIT)
        return code

    def stop(self, number=signal.SIGINT):
        self.send(number)
        return self.wait()

    def end(self):
        if self.process.poll() is None:
            self.process.kill()
        self.wait()

    def insist(self, number):
        """Send a signal until the process ends: two that come at once may count as one."""
        while True:
            self.send(number)
            try:
                return self.process.wait(0.05)
            except subprocess.TimeoutExpired:
                pass


@functools.lru_cache
def why_no_backend():
    """What weir says if the backend of WEIR_BACKEND cannot be had here, else ''."""
    done = subprocess.run([WEIR, "buzzer", "--with", "none=0"], capture_output=True, text=True,
                          timeout=LIMIT, check=False)
    return "" if "none" in done.stderr else done.stderr.strip()


class CircuitTest(unittest.TestCase):
    def setUp(self):
        if os.environ.get("WEIR_BACKEND") == "uring" and why_no_backend():
            self.skipTest(why_no_backend())

    def weir(self, *words, **options):
        return Node(self, WEIR, *words, **options)

    def python(self, *words):
        return Node(self, sys.executable, os.path.join(HERE, "python_nodes.py"), *words)

    def ends(self, *words, **options):
        """Run weir to its end. Returns the node and its exit code."""
        node = self.weir(*words, **options)
        return node, node.wait()

    def buzzer(self, *words):
        return self.weir("buzzer", "-p", "0", *words)

    def iopin(self, buzzer_port, *words):
        return self.weir("iopin", "-p", "0", "--node", f"buzzer=localhost:{buzzer_port}", *words)


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as s:
        return s.getsockname()[1]


def refusing_port(test):
    """A port that refuses until the test ends: bound, so that no other program gets it."""
    s = socket.socket()
    s.bind(("127.0.0.1", 0))
    test.addCleanup(s.close)
    return s.getsockname()[1]


UPGRADE = ("Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13",
           "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==")


class Raw:
    """A client by hand: sends header fields as given, and bytes."""

    def __init__(self, port, *fields):
        self.socket = socket.create_connection(("127.0.0.1", port), LIMIT)
        host = () if any(f.startswith("Host:") for f in fields) else (f"Host: localhost:{port}",)
        self.send("\r\n".join(["GET / HTTP/1.1", *host, *fields, "", ""]).encode())
        self.file = self.socket.makefile("rb")
        self.answer = self.file.readline().decode().strip()
        while self.file.readline().strip():
            pass

    @property
    def name(self):
        """As the server calls us."""
        return "%s:%d" % self.socket.getsockname()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.file.close()
        self.socket.close()

    def send(self, data):
        self.socket.sendall(data)

    def vanish(self):
        """By a reset, without a word."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.file.close()
        self.socket.close()

    def frame(self):
        """The next frame that comes, a short one: its first byte and its payload."""
        head = self.file.read(2)
        return head[0], self.file.read(head[1])

    def ack(self, text):
        self.send(frame(1, text))
        return self.frame()

    def farewell(self):
        """Answer the close frame of a server that ends, if we are still there to."""
        while not self.file.closed:
            head = self.file.read(2)
            if len(head) < 2:
                return
            payload = self.file.read(head[1])
            if head[0] == 0x88:
                self.send(frame(8, payload[:2]))
                return

    def close_code(self):
        """Of the close frame that comes next, answered in kind."""
        first, payload = self.frame()
        assert first == 0x88, (first, payload)
        self.send(frame(8, payload[:2]))
        return int.from_bytes(payload[:2], "big")

    def close(self):
        """Code and reason of the close frame that comes next; it is answered in kind, and nothing
        is behind it."""
        first, payload = self.frame()
        assert first == 0x88, (first, payload)
        self.send(frame(8, payload[:2]))
        self.socket.shutdown(socket.SHUT_WR)
        assert self.file.read() == b""
        return int.from_bytes(payload[:2], "big"), payload[2:].decode()


def frame(opcode, data, mask=True, fin=True):
    """A frame, masked with zeros."""
    size = len(data)
    head = bytes([(0x80 if fin else 0) | opcode])
    bit = 0x80 if mask else 0
    if size < 126:
        head += bytes([bit | size])
    elif size < 1 << 16:
        head += bytes([bit | 126]) + size.to_bytes(2, "big")
    else:
        head += bytes([bit | 127]) + size.to_bytes(8, "big")
    return head + (bytes(4) if mask else b"") + data
