# SPDX-License-Identifier: MIT
"""Whoever of `up`, guard and keepers is killed: nothing of any node is left. Every process of a
node has a fifo open, so the end of the fifo is the proof, and no test waits for a time."""
import os
import signal
import socket
import unittest

from fleets import LIMIT, WEIR, FleetTest, ancestors

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


# What RFC 6455 asks for, and the close frame 1001.
HANDSHAKE = ("GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
             "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")
GOING_AWAY = b"\x88\x02\x03\xe9"


class Grace(FleetTest):
    def test_a_worker_that_prints_ends_in_order_when_up_is_killed(self):
        """Its outputs are broken pipes by then: that must not end it before its TERM does."""
        os.mkfifo(self.path("held"))
        self.fleet(a=f"exec 9>held; trap : TERM; '{WEIR}' buzzer -p 0; echo $? > ended")
        process = self.start("up", "-q")
        with open(self.path("held"), encoding="utf-8") as held:
            serving = next(line for line in process.stdout if "serving on" in line)
            with socket.create_connection(("127.0.0.1", int(serving.rsplit(":", 1)[1]))) as client:
                client.settimeout(LIMIT)
                client.sendall(HANDSHAKE.encode())
                next(line for line in process.stdout if "new client connected" in line)
                process.kill()
                with client.makefile("rb") as answers:
                    self.assertTrue(answers.read().endswith(GOING_AWAY))
            self.assertEqual(held.read(), "")
        self.assertEqual(self.read("ended"), "0\n")


if __name__ == "__main__":
    unittest.main()
