# SPDX-License-Identifier: MIT
"""Whoever of `up`, guard and keepers is killed: nothing of any node is left. Every process of a
node has a fifo open, so the end of the fifo is the proof, and no test waits for a time."""
import os
import signal
import unittest

from fleets import LIMIT, FleetTest, ancestors

# Ignores TERM, and has double-forked two processes into a session of their own that do too.
STUBBORN = ("trap '' TERM; exec 9>held; f=$(mktemp -u); mkfifo $f; "
            "(setsid sh -c \"(echo > $f; exec sleep 1000) & exec sleep 1001\" &) & "
            "cat $f > /dev/null; rm $f; echo $$; sleep 1002; sleep 1003")


class Orphans(FleetTest):
    def setUp(self):
        super().setUp()
        os.mkfifo(self.path("held"))
        self.fleet(a={"sh": STUBBORN, "grace": "50ms"}, b={"sh": STUBBORN, "grace": "50ms"})
        self.process = self.start("up", "-q")
        self.held = open(self.path("held"), encoding="utf-8")
        self.addCleanup(self.held.close)
        nodes = dict(self.process.stdout.readline().split(" | ") for _ in "ab")
        self.node = int(nodes["a"])
        self.keeper, self.guard, up = ancestors(self.node)[:3]
        self.assertEqual(up, self.process.pid)

    def kill(self, *pids):
        for pid in pids:
            os.kill(pid, signal.SIGKILL)

    def all_are_gone(self):
        self.assertEqual(self.held.read(), "")
        self.process.wait(LIMIT)

    def test_up_killed(self):
        self.kill(self.process.pid)
        self.all_are_gone()

    def test_a_keeper_killed(self):
        self.kill(self.keeper)
        self.assertEqual(self.process.stderr.readline(),
                         "weir: node 'a' was lost: its keeper was killed\n")
        self.process.send_signal(signal.SIGTERM)
        self.all_are_gone()
        self.assertEqual(self.process.returncode, 1)  # b had to be killed

    def test_the_guard_killed(self):
        self.kill(self.guard)
        self.assertEqual(self.process.stderr.readline(),
                         "weir: the guard process died: stopping the fleet\n")
        self.all_are_gone()
        self.assertEqual(self.process.returncode, 1)

    def test_up_and_a_keeper_killed(self):
        self.kill(self.process.pid, self.keeper)
        self.all_are_gone()

    def test_a_keeper_and_up_killed(self):
        self.kill(self.keeper, self.process.pid)
        self.all_are_gone()

    def test_up_and_the_guard_killed(self):
        self.kill(self.process.pid, self.guard)
        self.all_are_gone()

    def test_the_guard_and_a_keeper_killed(self):
        self.kill(self.guard, self.keeper)
        self.all_are_gone()

    def test_the_node_killed_takes_its_descendants_along(self):
        self.kill(self.node)
        self.assertEqual(self.process.stderr.readline(),
                         "weir: node 'a' was ended by signal 9 (Killed)\n")
        self.process.send_signal(signal.SIGINT)
        self.all_are_gone()

    def test_a_second_signal_ends_all_at_once(self):
        self.process.send_signal(signal.SIGINT)
        self.process.send_signal(signal.SIGINT)
        self.all_are_gone()


if __name__ == "__main__":
    unittest.main()
