# SPDX-License-Identifier: MIT
"""The load generator against servers that echo well, badly, late or not at all, the references,
and the number of sends of our own servers. WEIR_BUILD is the build folder."""
import json
import os
import re
import socket
import subprocess
import sys
import threading
import time
import unittest

BUILD = os.environ["WEIR_BUILD"]
SHORT = ("--warmup", "0.02", "--seconds", "0.1")
RESPONSE_END = b"\r\n\r\n"


def load(port, *flags, window=SHORT):
    """Run the load. Returns its report, or None and what it complained of."""
    out = subprocess.run([os.path.join(BUILD, "bench/bench-load"), "--port", str(port),
                          *map(str, flags), *window], capture_output=True, text=True, timeout=60)
    return (json.loads(out.stdout), "") if out.returncode == 0 else (None, out.stderr)


class Program:
    """A server under the build folder, on a port that was free a moment ago."""

    def __init__(self, *command):
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            self.port = s.getsockname()[1]
        self.process = subprocess.Popen(
            [os.path.join(BUILD, command[0]), "--port", str(self.port), *command[1:]],
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        while self.process.poll() is None:
            try:
                socket.create_connection(("127.0.0.1", self.port)).close()
                return
            except OSError:
                time.sleep(0.01)
        complaint = self.process.stderr.read()
        if re.search("io_uring|buffer ring|registered files", complaint):
            raise unittest.SkipTest(complaint)
        raise AssertionError(complaint)

    def __enter__(self):
        return self.port

    def __exit__(self, *exc):
        self.process.kill()
        self.process.wait()
        self.process.stderr.close()


class Listener:
    """Accepts connections and gives each to a function on a thread of its own."""

    def __init__(self, serve):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.serve = serve
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                peer = self.listener.accept()[0]
            except OSError:
                return
            threading.Thread(target=self.run, args=(peer,), daemon=True).start()

    def run(self, peer):
        with peer:
            try:
                self.serve(peer)
            except OSError:
                pass

    def __enter__(self):
        return self.port

    def __exit__(self, *exc):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()


def pump(source, target, change=lambda b: b):
    try:
        while piece := source.recv(1 << 16):
            target.sendall(change(piece))
    except OSError:
        pass


def through(port, change):
    """A function for Listener: a server behind it, whose bytes back go through change."""
    def serve(peer):
        with socket.create_connection(("127.0.0.1", port)) as server:
            threading.Thread(target=pump, args=(peer, server), daemon=True).start()
            pump(server, peer, change())
    return serve


def flip_at(offset):
    """Change one bit of the byte at offset behind the response of a handshake, if there is one."""
    def make():
        state = {"left": offset}

        def change(piece):
            if piece.startswith(b"HTTP/"):
                return piece
            at = state["left"]
            state["left"] -= len(piece)
            if 0 <= at < len(piece):
                piece = piece[:at] + bytes([piece[at] ^ 1]) + piece[at + 1:]
            return piece
        return change
    return make


def exchange(size, first, second):
    """Two messages of the first piece that holds both change places."""
    def make():
        state = {"bytes": b"", "done": False}

        def change(piece):
            if state["done"]:
                return piece
            state["bytes"] += piece
            if len(state["bytes"]) < (second + 1) * size:
                return b""
            parts = [state["bytes"][i:i + size] for i in range(0, len(state["bytes"]), size)]
            parts[first], parts[second] = parts[second], parts[first]
            state["done"] = True
            return b"".join(parts)
        return change
    return make


REFERENCES = [(f"bench/ref-{kind}-echo", *flags) for kind in ("epoll", "uring")
              for flags in ((), ("--ws",))]


class LoadTest(unittest.TestCase):
    def test_every_byte_comes_back_from_the_references_at_any_depth_and_size(self):
        for command in REFERENCES:
            for depth, size, connections in ((1, 64, 5), (16, 64, 5), (16, 125, 3), (16, 126, 3),
                                             (3, 70000, 3), (64, 20, 40), (2, 300000, 2)):
                with self.subTest(command=command, depth=depth, size=size), \
                        Program(*command) as port:
                    report, complaint = load(port, *command[1:], "--depth", depth, "--size", size,
                                             "--connections", connections)
                    self.assertEqual(complaint, "")
                    self.assertGreater(report["messages"], 0)

    def test_a_changed_byte_is_found(self):
        for command in REFERENCES[:2]:
            for offset in (0, 3, 64 * 40 + 7):
                with self.subTest(command=command, offset=offset), Program(*command) as port, \
                        Listener(through(port, flip_at(offset))) as middle:
                    report, complaint = load(middle, *command[1:], "--depth", 16,
                                             "--connections", 1)
                    self.assertIsNone(report)
                    self.assertIn("the echo differs", complaint)

    def test_messages_that_change_places_are_found(self):
        with Program(*REFERENCES[0]) as port, \
                Listener(through(port, exchange(64, 4, 9))) as middle:
            report, complaint = load(middle, "--depth", 16, "--connections", 1)
            self.assertIsNone(report)
            self.assertIn("message 5, byte", complaint)

    def test_a_byte_too_many_is_found(self):
        def serve(peer):
            got = b""
            while len(got) < 4 * 64:
                got += peer.recv(4096)
            peer.sendall(got + got[:1])
            peer.recv(1)
        with Listener(serve) as port:
            report, complaint = load(port, "--depth", 4, "--connections", 1, "--rate", 1000)
            self.assertIsNone(report)
            self.assertIn("more came back than was sent", complaint)

    def test_a_connection_never_has_more_than_depth_in_flight(self):
        most = []

        def serve(peer):
            open_bytes = 0
            while True: # answer only when the window is full
                while open_bytes < 8 * 64:
                    piece = peer.recv(1 << 16)
                    if not piece:
                        return
                    open_bytes += len(piece)
                    most.append(open_bytes)
                    if open_bytes >= 8 * 64:
                        break
                    held.append(piece)
                peer.sendall(b"".join(held) + piece)
                held.clear()
                open_bytes = 0
        held = []
        with Listener(serve) as port:
            report, complaint = load(port, "--depth", 8, "--connections", 1)
            self.assertEqual(complaint, "")
            self.assertEqual(max(most), 8 * 64)
            self.assertGreaterEqual(report["messages"] + 8, 8 * report["sends"])

    def test_a_stall_counts_for_each_message_whose_time_came_in_it(self):
        stall_s = 0.05

        def serve(peer):
            time.sleep(stall_s) # the fault that is measured
            pump(peer, peer)
        for depth in (1, 4):
            with self.subTest(depth=depth), Listener(serve) as port:
                report, complaint = load(port, "--depth", depth, "--connections", 1, "--rate",
                                         1000, window=("--warmup", "0", "--seconds", "0.1"))
                self.assertEqual(complaint, "")
                # 50 messages were due in the stall, and waited 25 ms on average; the other 50, no
                # time. One message at a time would have seen the stall once: 1 ms on average.
                self.assertGreater(report["mean_ns"], stall_s * 1e9 / 10)

    def test_the_rate_is_kept_where_the_server_keeps_up(self):
        with Program(*REFERENCES[0]) as port:
            report, complaint = load(port, "--depth", 16, "--connections", 10, "--rate", 2000,
                                     window=("--warmup", "0", "--seconds", "0.2"))
            self.assertEqual(complaint, "")
            self.assertLessEqual(report["messages"], 401)

    def test_more_in_a_window_than_a_send_can_say_is_refused(self):
        report, complaint = load(1, "--depth", 1024, "--size", 1 << 20)
        self.assertIsNone(report)
        self.assertIn("--depth times --size", complaint)


class SendsTest(unittest.TestCase):
    """What one send of the load brought, a server answers with one send: the load counts segments,
    and a send of these sizes is one. Some sends of the load arrive in two pieces, where the
    receiver's buffer or window is nearly full: less than one in a hundred. A server that answers
    each message, or half of them, would send 16 or 2 times as often."""

    def check(self, command, *flags):
        with self.subTest(command=command), Program(*command) as port:
            report, complaint = load(port, *flags, "--depth", 16, "--connections", 20)
            self.assertEqual(complaint, "")
            self.assertLessEqual(report["segments"], report["sends"] * 1.05 + 2 * 20)

    def test_the_references_send_once_a_connection_and_turn(self):
        for command in REFERENCES:
            self.check(command, *command[1:])

    def test_our_servers_send_once_a_connection_and_turn(self):
        for program, flags in (("tcp-echo", ()), ("ws-echo", ("--ws",))):
            for backend in ("epoll", "uring"):
                for shape in ("serve", "react"):
                    self.check((f"examples/{program}", "--backend", backend, "--threads", "1",
                                "--shape", shape), *flags)


class ReportTest(unittest.TestCase):
    """The runner's tables, from samples made up here."""

    @classmethod
    def setUpClass(cls):
        sys.path.insert(0, os.path.join(os.path.dirname(__file__), "../../bench"))

    def sample(self, server, point, cpu, **more):
        return {"server": server, "point": point, "hops_ns": [50, 50], "stalled": False,
                "server_cpu_us": cpu, "per_second": 1000, "busy": 0.5, "p50_ns": 1000,
                "p99_ns": 2000, "p999_ns": 3000, "messages": 160, "segments": 10, "sends": 20,
                "rate": 1000, **more}

    def tables(self, *samples):
        import report
        import servers
        names = {s["server"] for s in samples}
        points = {s["point"] for s in samples}
        run = {"command": "run.py", "rounds": 1, "reps": 1, "machine": {}, "idle": {},
               "samples": list(samples)}
        return report.markdown(run, [s for s in servers.SERVERS if s.name in names],
                               [p for p in servers.POINTS if p.name in points])

    def test_a_websocket_server_is_compared_with_the_reference_of_its_backend(self):
        text = self.tables(self.sample("ref-ws-epoll", "depth16-ws", 0.5),
                           self.sample("ref-ws-uring", "depth16-ws", 0.4),
                           self.sample("weir-ws-uring-react", "depth16-ws", 0.5))
        self.assertIn("| weir-ws-uring-react | 0.500 (1.25)", text)
        self.assertIn("| weir-ws-uring-react | 16.00 / 8.00 |", text)

    def test_at_a_fixed_rate_a_reference_is_compared_with_itself_alone(self):
        text = self.tables(self.sample("ref-epoll", "rate90-tcp", 0.5),
                           self.sample("ref-uring", "rate90-tcp", 0.4))
        self.assertIn("| ref-uring | 0.400 (1.00)", text)

    def test_a_rate_that_was_not_kept_is_marked(self):
        text = self.tables(self.sample("ref-epoll", "rate90-tcp", 0.5, per_second=900))
        self.assertIn("0.9k! 1/2/3 |", text)
        text = self.tables(self.sample("ref-epoll", "rate90-tcp", 0.5, per_second=990))
        self.assertIn("1.0k 1/2/3 |", text)

    def test_the_rate_is_a_share_of_the_yardsticks_maximum(self):
        import run
        import servers
        seen = []

        class Machine:
            def measure(self, server, point, _warmup, _seconds):
                seen.append((server.name, point.name))
                return {"per_second": 2000 if server.name == "ref-uring" else 1000}

        class Arguments:
            warmup = seconds = 0
        by_name = {s.name: s for s in servers.SERVERS}
        points = [p for p in servers.POINTS if p.name in ("rate50-tcp", "depth16-tcp")]
        rates = run.find_rates(Machine(), [by_name["weir-uring-serve"], by_name["libuv"]], points,
                               Arguments())
        self.assertEqual(rates, {("weir-uring-serve", "rate50-tcp"): 1000,
                                 ("libuv", "rate50-tcp"): 500})
        self.assertEqual(set(seen), {("ref-uring", "depth16-tcp"), ("ref-epoll", "depth16-tcp")})


if __name__ == "__main__":
    unittest.main()
