# SPDX-License-Identifier: MIT
"""Whichever of guard, keeper and node is stopped (SIGSTOP), or held by a debugger, in whatever
phase: `weir up` ends, and leaves no process. Every process of a node has a fifo open, whose end is
the proof; the supervisors are looked for by their numbers."""
import contextlib
import ctypes
import os
import signal
import subprocess
import threading
import unittest

from fleets import BLOCK, LIMIT, PREPARE, FleetTest, ancestors, at_once, say_and_wait

PHASES = {
    # A node, what it is waited for by, and whether `up` counts it as ready then.
    "starting": {"sh": "exec 9>held; echo $$ >&9; " + PREPARE + BLOCK, "ready": "notify"},
    "running": {"sh": "exec 9>held; echo $$ >&9; " + PREPARE + BLOCK},
    "serving": {"sh": "exec 9>held; echo ready >&3; echo $$ >&9; " + PREPARE + BLOCK,
                "ready": "notify", "port": 1},
    "stopping": {"sh": "exec 9>held; trap 'echo stopping; sleep 0.3; exit 0' TERM; "
                       + say_and_wait("echo $$ >&9")},
}
CONTINUED = ("weir: the guard process was stopped by a signal, and continued",
             "weir: node 'a': its keeper was stopped by a signal, and continued")
PTRACE_ATTACH = 16
WALL = 0x40000000


class Debugger(threading.Thread):
    """Holds a process: SIGCONT does not help it, SIGKILL does."""

    def __init__(self, pid):
        super().__init__(daemon=True)
        self.pid, self.held, self.rc = pid, threading.Event(), None
        self.start()
        self.held.wait(LIMIT)

    def run(self):
        libc = ctypes.CDLL(None, use_errno=True)
        self.rc = libc.ptrace(PTRACE_ATTACH, self.pid, None, None)
        if self.rc == 0:
            os.waitpid(self.pid, WALL)
        self.held.set()
        with contextlib.suppress(ChildProcessError):
            while self.rc == 0 and os.WIFSTOPPED(os.waitpid(self.pid, WALL)[1]):
                pass


class NodeTest(FleetTest):
    def raised(self, node, *args):
        with contextlib.suppress(FileExistsError):
            os.mkfifo(self.path("held"))
        self.fleet(a={"grace": "500ms", **node})
        self.process = self.start("up", *args)
        self.held = open(self.path("held"), encoding="utf-8")
        self.addCleanup(self.held.close)
        chain = [int(self.held.readline())]  # of some process of the node
        chain += ancestors(chain[0])
        at = chain.index(self.process.pid)
        self.node, self.keeper, self.guard = chain[at - 3:at]

    def ends_and_leaves_nothing(self):
        code, out, err = self.ends(self.process)
        self.assertEqual(self.held.read(), "")
        for pid in self.guard, self.keeper, self.node:
            self.assertFalse(os.path.exists(f"/proc/{pid}"), (pid, out, err))
        return code, out, err


@at_once
class InEachPhase(NodeTest):
    def whoever(self, phase):
        for who in ("guard",), ("keeper",), ("node",), ("guard", "keeper"), \
                   ("keeper", "guard"), ("guard", "keeper", "node"):
            self.raised(PHASES[phase])
            if phase == "stopping":
                self.process.send_signal(signal.SIGTERM)
                self.assertEqual(self.process.stdout.readline(), "a | stopping\n", who)
            for name in who:
                os.kill(getattr(self, name), signal.SIGSTOP)
            if phase != "stopping":
                self.process.send_signal(signal.SIGTERM)
            code, out, err = self.ends_and_leaves_nothing()
            self.assertIn(code, (0, 1), who)
            self.assertRegex(out.splitlines()[-1], r"^a .* (stopped|killed|0)$", who)
            self.assertEqual(" killed" in out.splitlines()[-1], "was killed" in err, who)

    def test_whoever_is_stopped_while_the_node_starts(self):
        self.whoever("starting")

    def test_whoever_is_stopped_while_the_node_runs(self):
        self.whoever("running")

    def test_whoever_is_stopped_while_the_node_serves(self):
        self.whoever("serving")

    def test_whoever_is_stopped_while_the_node_stops(self):
        self.whoever("stopping")


class Stopped(NodeTest):
    def test_it_is_said_and_the_fleet_runs_on(self):
        self.raised(PHASES["running"], "-q")
        os.kill(self.guard, signal.SIGSTOP)
        self.assertEqual(self.process.stderr.readline().strip(), CONTINUED[0])
        os.kill(self.keeper, signal.SIGSTOP)
        self.assertEqual(self.process.stderr.readline().strip(), CONTINUED[1])
        os.kill(self.node, signal.SIGKILL)
        self.assertEqual(self.ends_and_leaves_nothing(),
                         (137, "", "weir: node 'a' was ended by signal 9 (Killed)\n"))

    def test_who_is_stopped_again_and_again(self):
        for who in "guard", "keeper":
            with self.subTest(who):
                self.raised(PHASES["running"], "-q")
                over = threading.Event()
                pid = getattr(self, who)

                def insist():
                    with contextlib.suppress(ProcessLookupError):
                        while not over.is_set():
                            os.kill(pid, signal.SIGSTOP)
                stopper = threading.Thread(target=insist)
                stopper.start()
                try:
                    self.process.send_signal(signal.SIGTERM)
                    self.ends(self.process)
                finally:
                    over.set()
                    stopper.join()
                self.assertEqual(self.held.read(), "")


@at_once
class Held(NodeTest):
    def hold(self, *names):
        for name in names:
            if Debugger(getattr(self, name)).rc != 0:
                self.skipTest("no process may be traced here")

    def test_a_guard_that_cannot_be_continued_is_killed(self):
        self.raised(PHASES["running"])
        self.hold("guard")
        self.process.send_signal(signal.SIGTERM)
        code, out, _ = self.ends_and_leaves_nothing()
        self.assertEqual((code, out.split()[-1]), (0, "stopped"))

    def test_a_keeper_that_cannot_be_continued_is_killed_with_its_node(self):
        self.raised(PHASES["running"])
        self.hold("keeper")
        self.process.send_signal(signal.SIGTERM)
        code, out, err = self.ends_and_leaves_nothing()
        self.assertEqual((code, out.split()[-1]), (1, "killed"))
        self.assertIn("weir: node 'a': its keeper did not answer, and was killed with it\n", err)

    def test_neither_can_be_continued(self):
        self.raised(PHASES["running"])
        self.hold("guard", "keeper")
        self.process.send_signal(signal.SIGTERM)
        code, out, err = self.ends_and_leaves_nothing()
        self.assertEqual((code, out.split()[-1]), (1, "killed"))
        self.assertIn("weir: the guard process does not answer: killing all that is left\n", err)

    def test_a_second_signal_is_not_slower(self):
        self.raised({**PHASES["running"], "grace": "1000s"})
        self.hold("guard", "keeper")
        self.process.send_signal(signal.SIGTERM)
        self.assertIn("once more kills it", self.process.stderr.readline())
        self.process.send_signal(signal.SIGINT)
        self.assertEqual(self.ends_and_leaves_nothing()[0], 130)


@at_once
class Strangers(FleetTest):
    """Somebody who is no process of the node has its outputs, and outlives it."""

    def haunt(self, speak):
        # The beat first: for its redirection the shell changes its own descriptor 1.
        self.fleet(a="echo beat >&3; echo $$; exec sleep 1000")
        up = self.start("up", stderr=subprocess.DEVNULL)
        node = int(up.stdout.readline().split()[-1])
        over = threading.Event()
        with open(f"/proc/{node}/fd/1", "wb", buffering=0) as pipe:
            def insist():
                with contextlib.suppress(BrokenPipeError):
                    while not over.is_set():
                        speak(pipe, over)
            ghost = threading.Thread(target=insist)
            ghost.start()
            try:
                up.send_signal(signal.SIGTERM)
                out = self.ends(up)[1]
            finally:
                over.set()
                ghost.join()
        self.assertRegex(out.splitlines()[-1], r"^a .* stopped$")

    def test_who_floods_them(self):
        self.haunt(lambda pipe, over: pipe.write(b"x" * 4095 + b"\n"))

    def test_who_writes_a_line_now_and_then(self):
        self.haunt(lambda pipe, over: over.wait(0.05) or pipe.write(b"boo\n"))

    def test_who_says_nothing(self):
        self.haunt(lambda pipe, over: over.wait())


if __name__ == "__main__":
    unittest.main()
