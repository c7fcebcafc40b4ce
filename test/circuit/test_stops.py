# SPDX-License-Identifier: MIT
"""SIGINT and SIGTERM in every phase of a worker and of the clock; a second signal."""
import contextlib
import os
import signal
import subprocess
import sys
import unittest

from circuit import (LIMIT, MODULES, UPGRADE, WEIR, CircuitTest, Node, Raw, frame,
                     free_port)

EXAMPLES = os.environ.get("WEIR_EXAMPLES", "")
MOODS = os.path.join(MODULES, "moods.so")


class Stops(CircuitTest):
    def moods(self, *words):
        return self.weir("run", MOODS, "-p", "0", *words)

    def send(self, node, text):
        return self.weir("send", f"ws://localhost:{node.port}/", text)

    def stops(self, start, name):
        """start() returns a node in the phase. SIGINT ends it with its line, SIGTERM without."""
        for number in signal.SIGINT, signal.SIGTERM:
            node = start()
            self.assertEqual(node.stop(number), 0, (node.lines, node.errors))
            line = f"[ {name} ] Keyboard interruption, aborting."
            self.assertEqual(line in node.lines[-1:], number == signal.SIGINT, node.lines)

    def test_while_starting(self):
        def start():
            node = self.moods("--with", "setup=slow")
            node.line("setting up")
            return node
        self.stops(start, "Moods")

    def test_while_idle(self):
        def start():
            node = self.moods()
            node.line("serving on")
            return node
        self.stops(start, "Moods")

    def test_while_a_task_of_the_runs_own_group_goes_on(self):
        def start():
            node = self.moods("--with", "setup=beat")
            node.line("serving on")
            return node
        self.stops(start, "Moods")

    def test_mid_message(self):
        def start():
            node = self.moods()
            client.append(self.send(node, "sleep"))
            node.line("told to sleep")
            return node
        client = []
        self.stops(start, "Moods")
        for c in client:
            c.process.kill()

    def test_with_a_client_that_waits(self):
        buzzer = self.buzzer()
        def start():
            buzzers.append(self.buzzer())
            self.weir("clock", "-p", str(buzzers[-1].port), "-d", "3600").line("< ...")
            return buzzers[-1]
        buzzers = []
        self.stops(start, "Buzzer")
        for buzzer in buzzers:  # before the last line, if there is one
            self.assertIn("[ Buzzer ] done processing messages: 1001 (going away)",
                          buzzer.lines[-2:])

    def test_streaming_while_the_buzzer_is_down(self):
        def start():
            pin = self.iopin(free_port())
            self.send(pin, "0")
            pin.line("> sending payload")
            return pin
        self.stops(start, "IOPin")

    def test_streaming_to_a_buzzer_that_thinks(self):
        def start():
            thinker = self.moods()
            pin = self.iopin(thinker.port, "--with", "sequence=1")
            self.send(pin, "0")
            thinker.line("told to")
            return pin
        self.stops(start, "IOPin")

    def test_the_clock_while_dialling(self):
        def start():
            clock = self.weir("clock", "-p", str(free_port()))
            with clock.news:
                clock.news.wait_for(lambda: clock.errors, 20)
            return clock
        self.stops(start, "clock")

    def test_the_clock_between_ticks(self):
        def start():
            clock = self.weir("clock", "-p", str(buzzer.port), "-d", "3600")
            clock.line("< ...")
            return clock
        buzzer = self.buzzer()
        self.stops(start, "clock")

    def test_the_clock_while_it_waits_for_an_ack(self):
        def start():
            pin = self.iopin(free_port())
            clock = self.weir("clock", "-p", str(pin.port))
            pin.line("> sending payload")
            return clock
        self.stops(start, "clock")

    def test_a_second_signal_ends_what_is_stuck(self):
        for number, code in (signal.SIGINT, 130), (signal.SIGTERM, 143):
            node = self.moods()
            client = self.send(node, "block")
            node.line("told to block")
            self.assertEqual(node.insist(number), code)
            client.process.kill()

    def fill(self, pipe):
        """By a description of our own: the worker's stays one that blocks."""
        fd = os.open(f"/proc/self/fd/{pipe}", os.O_WRONLY | os.O_NONBLOCK)
        try:
            for size in 65536, 1:
                with contextlib.suppress(BlockingIOError):
                    while True:
                        os.write(fd, b"." * size)
        finally:
            os.close(fd)

    def read_until(self, pipe, text):
        data = b""
        while text not in data:
            data += os.read(pipe, 65536)
        return data

    def test_a_full_pipe_holds_the_loop_until_it_is_read_or_stopped(self):
        for number in signal.SIGINT, signal.SIGTERM:
            target, source = os.pipe()
            self.addCleanup(os.close, target)
            self.addCleanup(os.close, source)
            buzzer = subprocess.Popen([WEIR, "buzzer", "-p", "0"], stdin=subprocess.DEVNULL,
                                      stdout=source)
            self.addCleanup(buzzer.wait)
            self.addCleanup(buzzer.kill)
            start = self.read_until(target, b"serving on localhost:")
            while not start.endswith(b"\n"):
                start += os.read(target, 1)
            with Raw(int(start.rsplit(b":", 1)[1]), *UPGRADE) as client:
                self.read_until(target, b"new client connected, path=/\n")
                self.fill(source)
                client.send(frame(1, b"1"))
                client.socket.settimeout(1)
                self.assertRaises(TimeoutError, client.socket.recv, 1)
                self.read_until(target, b".[ Buzzer ] signal 1 received")
                client.socket.settimeout(LIMIT)
                self.assertEqual(client.socket.recv(1), b"\x81")
                self.fill(source)
                client.send(frame(1, b"0"))
                buzzer.send_signal(number)
                self.assertEqual(buzzer.wait(LIMIT), 0)

    def test_send_is_interrupted(self):
        for number, code in (signal.SIGINT, 130), (signal.SIGTERM, 143):
            node = self.moods()
            client = self.send(node, "sleep")
            node.line("told to sleep")
            self.assertEqual(client.stop(number), code)



class Inherited(CircuitTest):
    """What whoever starts a worker has done to its signals."""

    def start(self, *words, ignored=(), blocked=()):
        def leave():
            for number in ignored:
                signal.signal(number, signal.SIG_IGN)
            signal.pthread_sigmask(signal.SIG_BLOCK, blocked)
        return self.weir(*words, preexec_fn=leave)

    def test_what_is_ignored_stays_so(self):
        for ignored, other in (({signal.SIGINT, signal.SIGHUP, signal.SIGQUIT}, signal.SIGTERM),
                               ({signal.SIGTERM}, signal.SIGINT)):
            node = self.start("buzzer", "-p", "0", ignored=ignored)
            port = node.port
            for number in ignored:
                node.send(number)
                node.send(number)
            client, code = self.ends("send", f"ws://localhost:{port}/", "1")
            self.assertEqual((code, client.lines), (0, ["buzz buzz buzz"]))
            self.assertEqual(node.stop(other), 0)

    def test_a_client_does_not_hear_what_is_ignored_either(self):
        node = self.weir("run", MOODS, "-p", "0")
        client = self.start("send", f"ws://localhost:{node.port}/", "sleep",
                            ignored={signal.SIGINT})
        node.line("told to sleep")
        client.send(signal.SIGINT)
        client.send(signal.SIGTERM)
        self.assertEqual(client.wait(), 143)

    def test_what_is_blocked_is_heard(self):
        for number in signal.SIGINT, signal.SIGTERM:
            node = self.start("buzzer", "-p", "0", blocked={signal.SIGINT, signal.SIGTERM})
            node.line("serving on")
            self.assertEqual(node.stop(number), 0)
        for number in signal.SIGINT, signal.SIGTERM:
            node = Node(self, os.path.join(EXAMPLES, "worker-blink"), "-p", "0", preexec_fn=lambda:
                        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM}))
            node.line("serving on")
            self.assertEqual(node.stop(number), 0)


if __name__ == "__main__":
    unittest.main()
