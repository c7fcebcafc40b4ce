# SPDX-License-Identifier: MIT
"""A stdout that cannot be written: programs go on without, say so once, and end in order, whether
they were started with SIGPIPE ignored or not."""
import os
import signal
import subprocess
import unittest

from circuit import LIMIT, MODULES, UPGRADE, WEIR, CircuitTest, Raw, frame

MOODS = os.path.join(MODULES, "moods.so")
NOTHING = "weir: stdout: broken pipe: nobody reads any more (EPIPE): nothing more is printed\n"


class Unread(CircuitTest):
    def start(self, *words, ignored=False, **popen):
        """With SIGPIPE at its default, or ignored as in this process."""
        popen = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **popen}
        process = subprocess.Popen([WEIR, *words], stdin=subprocess.DEVNULL, text=True,
                                   restore_signals=not ignored, **popen)
        self.addCleanup(self.end, process)
        return process

    def end(self, process):
        process.kill()
        process.wait()
        for pipe in process.stdout, process.stderr:
            if pipe:
                pipe.close()

    def serving(self, *words, **options):
        """Returns a worker that nobody reads any more, and its port."""
        worker = self.start(*words, "-p", "0", **options)
        for line in worker.stdout:
            if "serving on" in line:
                worker.stdout.close()
                return worker, int(line.rsplit(":", 1)[1])
        raise AssertionError(worker.stderr.read())

    def ask(self, client, text, ack):
        client.send(frame(1, text))
        self.assertEqual(client.file.read(2 + len(ack)), bytes([0x81, len(ack)]) + ack)

    def test_a_worker_whose_reader_has_gone_serves_on_and_ends_in_order(self):
        for ignored in False, True:
            with self.subTest(ignored=ignored):
                worker, port = self.serving("buzzer", ignored=ignored)
                with Raw(port, *UPGRADE) as first, Raw(port, *UPGRADE) as second:
                    for _ in range(3):
                        self.ask(first, b"1", b"buzz buzz buzz")
                        self.ask(second, b"0", b"...")
                    worker.send_signal(signal.SIGTERM)
                    self.assertEqual((first.close_code(), second.close_code()), (1001, 1001))
                self.assertEqual(worker.wait(LIMIT), 0)
                self.assertEqual(worker.stderr.read(), NOTHING)

    def test_what_a_worker_prints_by_itself_ends_it_neither(self):
        worker, port = self.serving("run", MOODS)
        with Raw(port, *UPGRADE) as client:
            for _ in range(3):
                self.ask(client, b"print", b"done: print")
        worker.send_signal(signal.SIGTERM)
        self.assertEqual(worker.wait(LIMIT), 0)

    def test_nor_does_a_stderr_that_nobody_reads(self):
        worker, port = self.serving("run", MOODS)
        worker.stderr.close()
        for _ in range(2):
            with Raw(port, *UPGRADE) as client:
                client.send(frame(1, b"fail"))
                self.assertEqual(client.close_code(), 1011)
        worker.send_signal(signal.SIGINT)
        self.assertEqual(worker.wait(LIMIT), 0)

    def test_the_clock_sends_all_its_ticks(self):
        buzzer = self.buzzer()
        clock = self.start("clock", "-p", str(buzzer.port), "-t", "3", "-d", "0.01")
        clock.stdout.close()
        self.assertEqual((clock.wait(LIMIT), clock.stderr.read()), (0, NOTHING))
        buzzer.line(r"signal 2 received")

    def test_a_full_disk_loses_lines_and_nothing_else(self):
        with open("/dev/full", "w", encoding="utf-8") as full:
            buzzer = self.buzzer()
            clock = self.start("clock", "-p", str(buzzer.port), "-t", "2", "-d", "0", stdout=full)
            self.assertEqual(clock.wait(LIMIT), 0)
            self.assertEqual(clock.stderr.read(), "weir: stdout: no space left on device "
                                                  "(ENOSPC): lines are lost\n")


if __name__ == "__main__":
    unittest.main()
