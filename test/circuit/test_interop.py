# SPDX-License-Identifier: MIT
"""Ours and Python's `websockets` in every mixture of clock, pin and buzzer."""
import itertools
import re
import signal
import unittest

from circuit import CircuitTest

try:
    import websockets
except ImportError:
    websockets = None

TACKS = 3


@unittest.skipIf(websockets is None, "no python3-websockets")
class Interop(CircuitTest):
    def start_buzzer(self, ours):
        return self.buzzer() if ours else self.python("buzzer")

    def start_iopin(self, ours, buzzer):
        if ours:
            return self.weir("iopin", "-p", "0", "--node", f"buzzer=127.0.0.1:{buzzer.port}")
        return self.python("iopin", "--peer", f"ws://127.0.0.1:{buzzer.port}")

    def start_clock(self, ours, iopin):
        if ours:
            return self.weir("clock", "-s", "127.0.0.1", "-p", str(iopin.port), "-t", str(TACKS),
                             "-d", "0")
        return self.python("clock", "--peer", f"ws://127.0.0.1:{iopin.port}", "--tacks",
                           str(TACKS), "--delay", "0")

    def circuit(self, clock_ours, iopin_ours, buzzer_ours):
        buzzer = self.start_buzzer(buzzer_ours)
        iopin = self.start_iopin(iopin_ours, buzzer)
        clock = self.start_clock(clock_ours, iopin)
        self.assertEqual(clock.wait(), 0, clock.errors)
        expected = [f"[ clock ] {x}" for n in range(TACKS) for x in (f"> {n}", "< acknowledged")]
        self.assertEqual(clock.lines, expected)
        iopin.line(r"done processing messages: 1000")
        iopin.stop(signal.SIGINT)
        buzzer.line(r"done processing messages: 100[01]")
        buzzer.stop(signal.SIGINT)
        self.check_states(iopin, buzzer)
        self.assertIn("[ IOPin ] ** new client connected, path=/datafeed", iopin.lines)
        self.assertIn("[ Buzzer ] ** new client connected, path=/", buzzer.lines)

    def check_states(self, iopin, buzzer):
        """What the pin drew, sent and got is what the buzzer heard and said."""
        drawn = [s for line in iopin.lines if "toggling" in line for s in re.findall(r"\d", line)]
        sent = [line[-1] for line in iopin.lines if "> sending payload" in line]
        heard = [re.search(r"signal (.) received", line).group(1)
                 for line in buzzer.lines if "signal" in line]
        acks = [line.partition(" < ")[2] for line in iopin.lines if " < " in line]
        self.assertEqual(len(drawn), 3 * TACKS)
        self.assertEqual(sent, drawn)
        self.assertEqual(heard, drawn)
        self.assertEqual(acks, ["buzz buzz buzz" if s == "1" else "..." for s in drawn])

    def test_two_hosts_of_localhost(self):
        """Python dials 'localhost', which may be ::1 first, and names it in Host."""
        buzzer = self.buzzer()
        iopin = self.python("iopin", "--peer", f"ws://localhost:{buzzer.port}")
        clock = self.start_clock(True, iopin)
        self.assertEqual(clock.wait(), 0, clock.errors)


def add(mixture):
    names = [("ours" if ours else "python") + "_" + what
             for ours, what in zip(mixture, ("clock", "pin", "buzzer"))]
    setattr(Interop, "test_" + "_".join(names), lambda self: self.circuit(*mixture))


for mixture in itertools.product((True, False), repeat=3):
    if any(mixture):
        add(mixture)

if __name__ == "__main__":
    unittest.main()
