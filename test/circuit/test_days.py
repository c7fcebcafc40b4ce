# SPDX-License-Identifier: MIT
"""Bad days: each ends with a clear message, in time, and nothing hangs."""
import re
import signal
import socket
import unittest

from circuit import CircuitTest, free_port, refusing_port

try:
    import websockets
except ImportError:
    websockets = None

BIND = "[ Buzzer ] Cannot bind to this port! Is the server already running? " \
       "(Address already in use)"


class Names(CircuitTest):
    def test_unknown_sketch(self):
        node, code = self.ends("bozzer")
        self.assertEqual(code, 1)
        text = "\n".join(node.lines + node.errors)
        self.assertIn("did you mean 'buzzer'?", text)
        self.assertIn("unknown sketch, please choose clock, iopin or buzzer", text)

    def test_unknown_node(self):
        node, code = self.ends("send", "buzer", "1")
        self.assertEqual((code, node.lines), (3, []))
        self.assertEqual(node.errors, ["weir send: node buzer: not in the grid; did you mean "
                                       "'buzzer'? known: clock, blink (iopin), buzzer; add it: "
                                       "--node NAME=HOST:PORT or WEIR_GRID"])

    def test_an_address_without_its_beginning(self):
        for target, meant in (("localhost:7451", "localhost:7451/"),
                              ("localhost:7451/a/b", "localhost:7451/a/b"),
                              ("[::1]:7", "[::1]:7/")):
            node, code = self.ends("send", target, "hi")
            self.assertEqual((code, node.lines), (3, []))
            name = meant.split("/")[0]
            self.assertEqual(node.errors, [f"weir send: '{name}' is no name of a node; did you "
                                           f"mean ws://{meant}?"])
        for target in "localhost:x", "localhost:0", "mine":
            node, code = self.ends("send", target, "hi")
            self.assertEqual(code, 3)
            self.assertIn("known: clock, blink (iopin), buzzer; add it: --node", node.errors[0])

    def test_node_without_a_port(self):
        node, code = self.ends("send", "clock", "1")
        self.assertEqual((code, node.lines), (1, []))
        self.assertIn("node 'clock' does not listen", node.errors[0])

    def test_bad_urls(self):
        for url, text in (("http://localhost:1/", "http"),
                          ("ws://localhost:1:2/", "ws://localhost:1:2/")):
            with self.subTest(url=url):
                node, code = self.ends("send", url, "1")
                self.assertEqual(code, 1)
                self.assertIn(text, node.errors[0])

    def test_the_grid_by_flag_and_by_variable(self):
        buzzer = self.buzzer()
        entry = f"buzzer=localhost:{buzzer.port}"
        node, code = self.ends("send", "--node", entry, "buzzer/a?b", "1")
        self.assertEqual((code, node.lines), (0, ["buzz buzz buzz"]))
        node, code = self.ends("send", "buzzer/", "0", env={"WEIR_GRID": "x=h:1," + entry})
        self.assertEqual((code, node.lines), (0, ["..."]))
        buzzer.line(r"new client connected, path=/a\?b$")
        for env, words in (({}, ("--node", "buzzer")), ({"WEIR_GRID": "buzzer"}, ())):
            for sketch in "clock", "iopin", "buzzer":
                node, code = self.ends(sketch, *words, env=env)
                self.assertIn(code, (1, 2))
                self.assertIn("'buzzer' is not NAME=HOST:PORT: it has no '='", node.errors[0])

    def test_bad_flags(self):
        for words, text in ((("--prot", "1"), "unknown option '--prot'; did you mean '--port'?"),
                            (("-x",), "'-x'"),
                            (("-p", "65536"), "'65536'"), (("-p",), "missing after '-p'"),
                            (("7",), "unexpected '7'"), (("--with", "loud"), "KEY=VALUE"),
                            (("--insecure=1",), "takes no value"),
                            (("--backend", "kqueue", "-p", "0"), "kqueue")):
            with self.subTest(words=words):
                node, code = self.ends("buzzer", *words)
                self.assertEqual(code, 2)
                self.assertIn(text, "\n".join(node.errors))
        node, code = self.ends("iopin", "--with", "chnace=1", "-p", "0")
        self.assertEqual(code, 1)
        self.assertIn("did you mean 'chance'?", node.errors[0])

    def test_help(self):
        for sketch in "clock", "iopin", "buzzer":
            node, code = self.ends(sketch, "--help")
            self.assertEqual((code, node.errors), (0, []))
            self.assertIn(f"usage: weir {sketch} ", node.lines[0])


class Ports(CircuitTest):
    def test_port_in_use(self):
        first = self.buzzer()
        again, code = self.ends("buzzer", "-p", str(first.port))
        self.assertEqual((code, again.lines[-1], again.errors), (1, BIND, []))

    def test_one_of_localhosts_addresses_in_use(self):
        for family, address in (socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1"):
            with self.subTest(address=address), socket.socket(family) as s:
                try:
                    s.bind((address, 0))
                except OSError:
                    self.skipTest(f"{address} does not exist here")
                s.listen()
                again, code = self.ends("buzzer", "-p", str(s.getsockname()[1]))
                self.assertEqual((code, again.lines[-1]), (1, BIND))

    def test_only_loopback_without_insecure(self):
        node, code = self.ends("buzzer", "-s", "0.0.0.0", "-p", "0")
        self.assertEqual((code, node.lines), (1, []))
        self.assertIn("--insecure allows it", node.errors[0])
        open_one = self.weir("buzzer", "-s", "0.0.0.0", "-p", "0", "--insecure")
        self.assertEqual(self.ends("send", f"ws://127.0.0.1:{open_one.port}/", "0")[1], 0)
        self.assertIn("warning", open_one.errors[0])


class Outages(CircuitTest):
    def tick(self, pin):
        node, code = self.ends("send", f"ws://localhost:{pin.port}/datafeed", "0")
        return code, node.lines

    def test_the_clock_without_a_pin(self):
        port = refusing_port(self)
        node, code = self.ends("clock", "-p", str(port))
        self.assertEqual((code, node.lines), (1, []))
        self.assertRegex(node.errors[-1], rf"^weir clock: ws://localhost:{port}/datafeed: "
                                          r".*connection refused \(ECONNREFUSED\), "
                                          r"tried for 5 s$")

    def test_a_long_url_is_told_whole(self):
        host = "a-rather-long-host-name.living-room.home.example.invalid"
        url = f"ws://{host}:1/datafeed"
        why = r".* \(W?E\w+\).*, tried for 5 s$"
        clock = self.weir("clock", "-s", host, "-p", "1")
        send = self.weir("send", "--node", f"blink={host}:1", "blink/datafeed", "0")
        for name, node in ("clock", clock), ("send", send):
            self.assertEqual((node.wait(), node.lines), (1, []))
            self.assertRegex(node.errors[-1], f"^weir {name}: {re.escape(url)}: {why}")

    def test_a_pin_that_comes_late(self):
        port = free_port()
        clock = self.weir("clock", "-p", str(port), "-t", "1", "-d", "0")
        with clock.news:
            clock.news.wait_for(lambda: clock.errors, 20)  # it has tried once
        buzzer = self.buzzer()
        self.weir("iopin", "-p", str(port), "--node", f"buzzer=localhost:{buzzer.port}")
        self.assertEqual(clock.wait(), 0)
        self.assertEqual(clock.lines, ["[ clock ] > 0", "[ clock ] < acknowledged"])

    def test_the_buzzer_down_and_back(self):
        buzzer = self.buzzer()
        port = buzzer.port
        pin = self.iopin(port)
        self.assertEqual(self.tick(pin), (0, ["acknowledged"]))
        buzzer.stop(signal.SIGKILL)
        clock = self.weir("clock", "-p", str(pin.port), "-t", "1", "-d", "0")
        pin.line("> sending payload", 4)
        with pin.news:
            pin.news.wait_for(lambda: pin.errors, 20)
        again = self.weir("buzzer", "-p", str(port))
        self.assertEqual(clock.wait(), 0)
        self.assertEqual(clock.lines, ["[ clock ] > 0", "[ clock ] < acknowledged"])
        again.line("signal . received", 3)

    def test_the_buzzer_restarted_between_ticks(self):
        buzzer = self.buzzer()
        port = buzzer.port
        pin = self.iopin(port)
        self.assertEqual(self.tick(pin), (0, ["acknowledged"]))
        buzzer.stop(signal.SIGTERM)
        self.weir("buzzer", "-p", str(port)).line("serving on")
        self.assertEqual(self.tick(pin), (0, ["acknowledged"]))

    @unittest.skipIf(websockets is None, "no python3-websockets")
    def test_an_unacked_state_is_sent_again(self):
        """The buzzer dies with the second state in hand; the next one gets it too."""
        buzzer = self.python("buzzer", "--die-at", "2")
        port = buzzer.port
        pin = self.iopin(port, "--node", f"buzzer=127.0.0.1:{port}")
        clock = self.weir("clock", "-p", str(pin.port), "-t", "1", "-d", "0")
        last = buzzer.line(r"signal (.) received, and that is the end").group(1)
        buzzer.wait()
        again = self.python("buzzer", "--port", str(port))
        self.assertEqual(clock.wait(), 0, clock.errors)
        self.assertEqual(again.line(r"signal (.) received").group(1), last)
        again.line(r"signal . received", 2)
        self.assertEqual(len([x for x in pin.lines if "> sending payload" in x]), 3)

    def test_the_buzzer_stays_down(self):
        pin = self.iopin(refusing_port(self))
        clock, code = self.ends("clock", "-p", str(pin.port), "-t", "2", "-d", "0")
        self.assertEqual(code, 1)
        nack = r"\[ clock \] < nack: reach buzzer at ws://localhost:\d+/: .*ECONNREFUSED"
        for n in 0, 1:  # it goes on after a nack
            self.assertEqual(clock.lines[2 * n], f"[ clock ] > {n}")
            self.assertRegex(clock.lines[2 * n + 1], nack)


if __name__ == "__main__":
    unittest.main()
