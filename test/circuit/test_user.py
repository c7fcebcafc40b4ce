# SPDX-License-Identifier: MIT
"""A user's worker: as a program, as a shared object; `weir send`; the control line."""
import os
import re
import signal
import socket
import subprocess
import unittest

from circuit import LIMIT, MODULES, UPGRADE, WEIR, CircuitTest, Node, Raw, free_port

EXAMPLES = os.environ.get("WEIR_EXAMPLES", "")
MOODS = os.path.join(MODULES, "moods.so")


class Users(CircuitTest):
    def blink(self, *words):
        buzzer = self.buzzer()
        node = Node(self, *words, "-p", "0", "--node", f"buzzer=localhost:{buzzer.port}")
        client, code = self.ends("send", f"ws://localhost:{node.port}/x", "hello")
        self.assertEqual((code, client.errors), (0, []))
        self.assertRegex(client.lines[0], r"^seen 1, high [01]$")
        self.assertEqual(node.stop(), 0)
        self.assertEqual(node.lines[3], f"[ Blink ] serving on localhost:{node.port}")
        self.assertEqual(node.lines[4:6], ["[ Blink ] ** new client connected, path=/x",
                                           "[ Blink ] message 1 on /x"])
        buzzer.line(f"signal {client.lines[0][-1]} received")
        self.assertEqual(node.lines[-2:], ["[ Blink ] done processing messages: 1000 (OK)",
                                           "[ Blink ] Keyboard interruption, aborting."])

    def test_as_a_program(self):
        self.blink(os.path.join(EXAMPLES, "worker-blink"))

    def test_as_a_shared_object(self):
        self.blink(WEIR, "run", os.path.join(EXAMPLES, "worker-blink-object.so"))

    def test_connections_beyond_the_limit_that_was_set_are_refused(self):
        for words in ([WEIR, "buzzer"], [WEIR, "run", os.path.join(EXAMPLES,
                                                                   "worker-blink-object.so")],
                      [os.path.join(EXAMPLES, "worker-blink")]):
            node = Node(self, *words, "-p", "0", "--connections-max", "2")
            with Raw(node.port, *UPGRADE) as first, Raw(node.port, *UPGRADE) as second, \
                    Raw(node.port, *UPGRADE) as third:
                self.assertEqual([x.answer.split()[1] for x in (first, second, third)],
                                 ["101", "101", "503"])
            for bad in "0", "-1", "x", "1048577", "":
                node, code = self.ends("buzzer", "--connections-max", bad)
                self.assertEqual((code, node.errors), (2, [
                    f"weir buzzer: --connections-max is 1 to 1048576, not '{bad}' "
                    "(see weir buzzer --help)"]))

    def test_a_host_that_is_none_is_a_usage_error(self):
        for bad in "a*b", "a..b", "h:80", "u@h", "http://h", "127.1", "[h]", "a b", "":
            node, code = self.ends("buzzer", "--host", bad)
            self.assertEqual(code, 2, node.errors)
            self.assertIn(f"not '{bad}'", node.errors[0])

    def test_a_backend_that_is_none_is_a_usage_error(self):
        for words in ["buzzer", "-p", "0"], ["clock", "-t", "0"], ["send", "buzzer", "x"]:
            for option, env in (["--backend", "kqueue"], {}), ([], {"WEIR_BACKEND": "kqueue"}):
                with self.subTest(words=words, option=option):
                    node, code = self.ends(words[0], *option, *words[1:], env=env)
                    self.assertEqual(code, 2, node.errors)
                    self.assertIn("'kqueue'", node.errors[0])

    def test_what_is_no_worker(self):
        node, code = self.ends("run", "nowhere.so")
        self.assertEqual(code, 3)
        self.assertIn("nowhere.so", node.errors[0])
        for path in os.path.join(EXAMPLES, "hello"), __file__:
            node, code = self.ends("run", path)
            self.assertEqual(code, 1, node.errors)
        self.assertEqual(self.ends("run")[1], 2)

    def test_a_setup_that_fails(self):
        node, code = self.ends("run", MOODS, "-p", "0", "--with", "setup=fail")
        self.assertEqual(code, 1)
        self.assertIn("weir run: ", node.errors[0])
        node, code = self.ends("run", MOODS, "-p", "0", "--with", "setup=say")
        self.assertEqual((code, node.errors), (1, ["weir run: no pin 7 on this board"]))


class Sketches(CircuitTest):
    """The examples of examples/circuit as programs and as shared objects."""

    def circuit(self, command):
        """command(name): the words that start a sketch."""
        buzzer = Node(self, *command("buzzer"), "-p", "0", "--with", "sound=moo")
        pin = Node(self, *command("iopin"), "-p", "0", "--with", "seed=42",
                   "--node", f"buzzer=localhost:{buzzer.port}")
        clock = Node(self, *command("clock"), "-p", str(pin.port), "--with", "tacks=2",
                     "--with", "delay=0.01")
        self.assertEqual((clock.wait(), clock.errors), (0, []))
        self.assertEqual(clock.lines, ["[ clock ] > 0", "[ clock ] < acknowledged",
                                       "[ clock ] > 1", "[ clock ] < acknowledged"])
        buzzer.line("signal 1 received -> moo")
        self.assertEqual(pin.stop(), 0)
        self.assertEqual(buzzer.stop(), 0)

    def test_as_programs(self):
        self.circuit(lambda name: [os.path.join(EXAMPLES, "circuit", name)])

    def test_as_shared_objects(self):
        self.circuit(lambda name: [WEIR, "run", os.path.join(EXAMPLES, "circuit",
                                                             name + "-object.so")])

    def test_a_source_says_where_it_failed(self):
        port = free_port()
        clock = Node(self, os.path.join(EXAMPLES, "circuit", "clock"), "-p", str(port))
        self.assertEqual((clock.wait(), clock.lines), (1, []))
        self.assertRegex(clock.errors[-1], rf"^clock: ws://localhost:{port}/datafeed: .*"
                                           r"\(ECONNREFUSED\), tried for 5 s$")

    def test_a_sketch_refuses_other_parameters(self):
        for name, text in ("clock", "tacks=-1"), ("clock", "delay=1e9"), ("iopin", "chance=2"), \
                ("iopin", "sequence=1001"), ("buzzer", "sound"), ("iopin", "seed=x"):
            node = Node(self, os.path.join(EXAMPLES, "circuit", name), "-p", "0", "--with", text)
            self.assertIn(node.wait(), (1, 2))
            self.assertIn(text.split("=")[0], node.errors[0])


class Depth(CircuitTest):
    """A setup and a loop that need 300 KiB of stack."""

    def run_deep(self, name, *words):
        return self.weir("run", os.path.join(MODULES, name + ".so"), "-p", "0", *words)

    def test_a_worker_has_the_stack_it_asks_for(self):
        node = self.run_deep("roomy", "--with", "setup=deep")
        client, code = self.ends("send", f"ws://localhost:{node.port}/", "x")
        self.assertEqual((code, client.lines), (0, ["was deep"]))
        self.assertEqual(node.stop(), 0)

    def overflows(self, node):
        self.assertNotEqual(node.wait(), 0)
        self.assertRegex("\n".join(node.errors), r"weir: stack overflow in task 'Deep' \(.*\): its "
                         r"stack has \d+ KiB; give it more \(stack_size\)")

    def test_a_loop_that_overflows_is_reported_by_the_workers_name(self):
        node = self.run_deep("deep")
        client = self.weir("send", f"ws://localhost:{node.port}/", "x")
        self.overflows(node)
        client.process.kill()

    def test_so_is_a_setup(self):
        self.overflows(self.run_deep("deep", "--with", "setup=deep"))


class Sends(CircuitTest):
    def setUp(self):
        super().setUp()
        self.moods = self.weir("run", MOODS, "-p", "0")
        self.url = f"ws://localhost:{self.moods.port}/"

    def send(self, text):
        node, code = self.ends("send", self.url, text)
        return code, node.lines

    def pipe(self, data):
        done = subprocess.run([WEIR, "send", self.url, "-"], input=data, capture_output=True,
                              timeout=LIMIT)
        return done.returncode, done.stdout

    def test_acks_and_nacks(self):
        self.assertEqual(self.send("hello"), (0, ["done: hello"]))
        self.assertEqual(self.send("empty"), (0, ["n/a"]))
        self.assertEqual(self.send("nack"), (4, ["nack: not today"]))

    def test_what_is_piped(self):
        self.assertEqual(self.pipe(b"hello\n"), (0, b"done: hello\n"))
        self.assertEqual(self.pipe(b"bytes"), (0, b"\xff\0\n"))
        self.assertEqual(self.pipe(b"x" * (1 << 20) + b"y")[0], 1)
        self.assertEqual(self.pipe(b"x" * (1 << 20))[0], 0)

    def test_two_dashes_make_any_word_the_message(self):
        for words, ack in (("--", "-"), "-"), (("--", "--"), "--"), (("--", "-h"), "-h"), \
                (("--", "hello"), "hello"), (("-h",), "-h"):
            node, code = self.ends("send", self.url, *words)
            self.assertEqual((code, node.lines), (0, ["done: " + ack]))
        self.assertEqual(self.ends("send", "--", self.url, "--", "-")[0].lines, ["done: -"])
        for words in ("--",), ("--", "a", "b"), ("a", "b"), ("a", "--"), ():
            node, code = self.ends("send", self.url, *words)
            self.assertEqual(code, 2)
            self.assertIn("it wants two words", node.errors[0])

    def test_an_option_behind_the_target_is_named(self):
        node, code = self.ends("send", self.url, "hello", "--timeout", "2s")
        self.assertEqual((code, node.errors), (2, [
            "weir send: it wants two words, where to and what; options stand before them: "
            "'--timeout' (see weir send -h)"]))

    def test_an_ack_that_cannot_be_printed_is_no_success(self):
        for text in "hello", "nack", "bytes":
            with open("/dev/full", "w", encoding="utf-8") as full:
                done = subprocess.run([WEIR, "send", self.url, text], stdout=full, text=True,
                                      stderr=subprocess.PIPE, timeout=LIMIT, check=False)
            self.assertEqual((done.returncode, done.stderr), (
                1, "weir send: cannot print: no space left on device (ENOSPC)\n"))
        source, target = os.pipe()
        os.close(source)
        done = subprocess.run([WEIR, "send", self.url, "hello"], stdout=target, text=True,
                              stderr=subprocess.PIPE, timeout=LIMIT, check=False)
        os.close(target)
        self.assertEqual(done.returncode, 1)
        self.assertIn("(EPIPE)", done.stderr)

    def test_a_loop_that_fails(self):
        node, code = self.ends("send", self.url, "fail")
        self.assertEqual((code, node.lines), (1, []))
        self.assertRegex(node.errors[-1], r"1011 \(internal error\) input/output error")
        self.moods.line(r"done processing messages: 1011 \(internal error\) input/output error")

    def test_a_loop_that_says_why_it_fails(self):
        node, code = self.ends("send", self.url, "say")
        self.assertEqual((code, node.lines), (1, []))
        self.assertRegex(node.errors[-1], r"1011 \(internal error\) pin 7 is stuck$")
        self.moods.line(r"done processing messages: 1011 \(internal error\) pin 7 is stuck$")

    def test_streaming_to_nowhere_fails_by_name(self):
        for target, text in ("buzer", "did you mean 'buzzer'"), ("clock", "does not listen"):
            node, code = self.ends("send", self.url, "stream " + target)
            self.assertEqual(code, 1)
            self.assertIn(text, node.errors[-1])


class Control(CircuitTest):
    def listen(self):
        """Our end of a control socket, and how to start a node with the other."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        ours.settimeout(LIMIT)
        self.addCleanup(ours.close)
        self.addCleanup(theirs.close)
        return ours, {"env": {"WEIR_CONTROL_FD": str(theirs.fileno())},
                      "pass_fds": (theirs.fileno(),)}, theirs

    def rest(self, ours, theirs):
        theirs.close()
        lines = []
        while data := ours.recv(512):
            lines.append(data.decode())
        return lines

    def test_a_worker_and_a_source_tell_how_it_goes(self):
        buzzer_ours, options, buzzer_theirs = self.listen()
        buzzer = self.weir("buzzer", "-p", "0", **options)
        self.assertEqual(buzzer_ours.recv(512).decode(), f"ready port={buzzer.port}\n")
        self.assertEqual(buzzer_ours.recv(512), b"beat\n")
        ours, options, theirs = self.listen()
        clock = self.weir("clock", "-p", str(buzzer.port), "-t", "3", "-d", "0", **options)
        self.assertEqual(clock.wait(), 0)
        self.check(self.rest(ours, theirs), "ready\n")
        buzzer.stop()
        self.check(self.rest(buzzer_ours, buzzer_theirs), None)

    def check(self, lines, first):
        if first:
            self.assertEqual(lines[0], first)
        match = re.fullmatch(r"stat messages=3 acks=3 errors=0 p50_us=(\d+) p99_us=(\d+)\n",
                             lines[-1])
        self.assertTrue(match, lines)
        self.assertTrue(0 < int(match.group(1)) <= int(match.group(2)))

    def test_beats_come_while_it_works(self):
        ours, options, _ = self.listen()
        node = self.weir("run", MOODS, "-p", "0", **options)
        client = self.weir("send", f"ws://localhost:{node.port}/", "sleep")
        node.line("told to sleep")
        seen = [ours.recv(512) for _ in range(4)]
        self.assertGreaterEqual(seen.count(b"beat\n"), 2, seen)
        client.process.kill()

    def test_nobody_listens_any_more(self):
        ours, options, theirs = self.listen()
        buzzer = self.weir("buzzer", "-p", "0", **options)
        buzzer.line("serving on")
        ours.close()
        theirs.close()
        self.assertEqual(self.ends("send", f"ws://localhost:{buzzer.port}/", "0")[1], 0)
        self.assertEqual(buzzer.stop(), 0)

    def test_without_standard_descriptors(self):
        buzzer = self.buzzer()
        ours, options, _ = self.listen()
        blink = Node(self, "sh", "-c", 'exec "$0" "$@" <&- >&- 2>&-',
                     os.path.join(EXAMPLES, "worker-blink"), "-p", "0",
                     "--node", f"buzzer=localhost:{buzzer.port}", **options)
        port = re.fullmatch(r"ready port=(\d+)\n", ours.recv(512).decode()).group(1)
        for i in 1, 2:
            client, code = self.ends("send", f"ws://localhost:{port}/x", "hello")
            self.assertEqual((code, client.errors), (0, []))
            self.assertRegex(client.lines[0], rf"^seen {i}, high \d$")
        self.assertEqual(blink.stop(), 0)

    def test_a_bad_variable_is_passed_over(self):
        for value in "x", "", "-1", "63", "99999999999":
            with self.subTest(value=value):
                node, code = self.ends("clock", "-t", "0", "--node",
                                       f"blink=localhost:{self.any_port()}",
                                       env={"WEIR_CONTROL_FD": value})
                self.assertEqual(code, 0, node.errors)
                self.assertIn("WEIR_CONTROL_FD", node.errors[0])

    def any_port(self):
        if not hasattr(self, "receiver"):
            self.receiver = self.buzzer()
        return self.receiver.port


if __name__ == "__main__":
    unittest.main()
