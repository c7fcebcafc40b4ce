# SPDX-License-Identifier: MIT
"""One whole transcript per process, with a fixed seed, against golden/*.txt; {port} stands for the
ports that the system chose, {address} for what localhost is here."""
import os
import re
import signal
import unittest

from circuit import HERE, CircuitTest, free_port


class Golden(CircuitTest):
    maxDiff = None

    def same(self, name, node):
        text = "\n".join(re.sub(r":\d{4,5}\b", ":{port}", line) for line in node.lines) + "\n"
        text = re.sub(r"connect \S+:\{port\}", "connect {address}", text)
        with open(os.path.join(HERE, "golden", name + ".txt"), encoding="utf-8") as f:
            self.assertEqual(text, f.read(), name)

    def test_the_circuit(self):
        buzzer = self.buzzer()
        iopin = self.iopin(buzzer.port, "--seed", "42")
        clock = self.weir("clock", "-p", str(iopin.port), "-t", "4", "-d", "0.01")
        self.assertEqual(clock.wait(), 0)
        iopin.line("done processing")
        self.assertEqual(iopin.stop(signal.SIGINT), 0)
        buzzer.line("done processing")
        self.assertEqual(buzzer.stop(signal.SIGINT), 0)
        for name, node in ("clock", clock), ("iopin", iopin), ("buzzer", buzzer):
            self.same(name, node)
            self.assertEqual(node.errors, [])

    def test_a_seed_is_repeatable_and_its_lack_is_not(self):
        buzzer = self.buzzer()

        def states(*flags):
            pin = self.iopin(buzzer.port, "--with", "sequence=64", *flags)
            self.ends("send", f"ws://localhost:{pin.port}/", "0")
            return pin.line(r"toggling pin state: (.*)").group(1)
        self.assertEqual(states("--seed", "3"), states("--with", "seed=3"))
        self.assertNotEqual(states(), states())

    def test_the_bad_day(self):
        """The lines that a good day does not have: refused, bound, unreached."""
        iopin = self.iopin(free_port(), "--seed", "42")
        again, code = self.ends("iopin", "-p", str(iopin.port))
        self.assertEqual(code, 1)
        self.same("bind", again)
        clock, code = self.ends("clock", "-p", str(iopin.port), "-t", "1", "-d", "0")
        self.assertEqual(code, 1)
        self.same("clock-nacked", clock)
        self.assertEqual(iopin.stop(signal.SIGTERM), 0)
        self.same("iopin-nacked", iopin)


if __name__ == "__main__":
    unittest.main()
