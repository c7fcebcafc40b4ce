# SPDX-License-Identifier: MIT
"""Peers that are none, that break the rules, or that vanish: each is told why, in so many words,
the worker prints it, and the others are served on."""
import re
import signal
import socket
import unittest

from circuit import LIMIT, UPGRADE, WEIR, CircuitTest, Node, Raw, frame

HEAD_MAX = 8192
MESSAGE_MAX = 1 << 20
BUZZ = (0x81, b"buzz buzz buzz")


def request(*fields, line="GET / HTTP/1.1", host="localhost"):
    host = () if host is None else (f"Host: {host}",)
    return "\r\n".join([line, *host, *fields, "", ""]).encode()


class StrangerTest(CircuitTest):
    """A buzzer, and a client that must be served whatever strangers do."""

    def setUp(self):
        super().setUp()
        self.buzzer = self.weir("buzzer", "-p", "0")
        self.port = self.buzzer.port
        self.clients = []
        self.other = self.client()
        self.refused = 0

    def tearDown(self):
        """Each handshake that was refused has its line on stderr, and nothing else has."""
        if self.buzzer.process.poll() is None:
            self.stop()
        self.assertEqual(len(self.buzzer.errors), self.refused, self.buzzer.errors)

    def client(self, *fields):
        client = Raw(self.port, *UPGRADE, *fields)
        self.addCleanup(client.__exit__)
        self.clients.append(client)
        self.assertIn(" 101 ", client.answer)
        return client

    def stop(self):
        """The worker says that it goes, and waits for the answers of those who are still there."""
        self.buzzer.send(signal.SIGINT)
        for client in self.clients:
            client.farewell()
        self.assertEqual(self.buzzer.wait(), 0)

    def others_are_served(self):
        self.assertEqual(self.other.ack(b"1"), BUZZ)

    def ends(self, text, count=1):
        """The count-th connection has ended, with this line."""
        line = self.buzzer.line("done processing", count).string
        self.assertEqual(line, "[ Buzzer ] done processing messages: " + text)

    def assert_came(self, count):
        """So many connections were let in."""
        self.stop()
        came = [x for x in self.buzzer.lines if "new client connected" in x]
        self.assertEqual(len(came), count)


class Handshakes(StrangerTest):
    def refuses(self, data, status, why, shown="", of=""):
        """The stranger is told so, and stderr says whom it was told, and what a list has not."""
        with socket.create_connection(("127.0.0.1", self.port), LIMIT) as s:
            s.sendall(data)
            name = "%s:%d" % s.getsockname()
            answer = b""
            while piece := s.recv(4096):
                answer += piece
        head, _, body = answer.decode().partition("\r\n\r\n")
        self.assertEqual(head.splitlines()[0], "HTTP/1.1 " + status)
        self.assertEqual(body, why + "\n")
        named = f'{why}: "{shown}" ({of} of weir_ws_options; ' if shown else f"{why} ("
        line = f"weir: ws handshake {name}: {named}answered {status[:3]})"
        self.buzzer.error("^" + re.escape(line) + "$")
        self.refused += 1
        self.others_are_served()

    def refuse_all(self, table):
        for data, *told in table:
            with self.subTest(data=data[:40], why=told[1]):
                self.refuses(data, *told)

    def test_garbage_instead_of_a_handshake(self):
        self.refuse_all((
            (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", "400 Bad Request",
             "TLS and not HTTP: only one side uses https:// or wss://"),
            (b"\0" * 100000, "400 Bad Request", "control character"),
            (b"hello?\r\n\r\n", "400 Bad Request", "bad method"),
            (b"GET / HTTP/1.1\nHost: localhost\n\n", "400 Bad Request", "bare LF"),
            (b"\r\n" * 10000, "400 Bad Request", "bad method"),
            (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "505 HTTP Version Not Supported",
             "HTTP version is not 1.x"),
            (request(), "426 Upgrade Required",
             "not a websocket handshake: no upgrade to websocket"),
            (request(*UPGRADE, line="POST / HTTP/1.1"), "405 Method Not Allowed",
             "a websocket handshake is a GET"),
            (request(*UPGRADE, "Content-Length: 4") + b"body", "400 Bad Request",
             "a websocket handshake has no body"),
            (request(*UPGRADE[:2], "Sec-WebSocket-Version: 8", UPGRADE[3]),
             "426 Upgrade Required", "websocket version is not 13"),
            (request(*UPGRADE[:3], "Sec-WebSocket-Key: short"), "400 Bad Request",
             "bad sec-websocket-key")))
        self.assert_came(1)

    def test_a_foreign_origin(self):
        why = "this origin is not allowed"
        self.refuse_all((request(*UPGRADE, "Origin: " + origin), "403 Forbidden", why, origin,
                         "origins")
                        for origin in ("http://evil.test", "null", f"http://localhost:{self.port}"))
        self.refuse_all([(request(*UPGRADE, "Origin: http://a", "Origin: http://a"),
                          "400 Bad Request", "more than one origin")])
        self.assert_came(1)

    def test_a_named_origin(self):
        """Two are named, by --origin; a text that differs in anything is another origin."""
        named = "http://localhost:8000", "null"
        buzzer = self.weir("buzzer", "-p", "0", *[x for o in named for x in ("--origin", o)])
        for origin in named:
            with Raw(buzzer.port, *UPGRADE, "Origin: " + origin) as page:
                self.assertIn(" 101 ", page.answer)
                self.assertEqual(page.ack(b"1"), BUZZ)
        for origin in ("http://localhost", "https://localhost:8000", "http://localhost:8000/",
                       "http://localhost:80001", "http://evil.test"):
            with Raw(buzzer.port, *UPGRADE, "Origin: " + origin) as page:
                self.assertIn(" 403 ", page.answer)

    def test_a_bad_host(self):
        foreign = "421 Misdirected Request", "not a name of this server"
        self.refuse_all((request(*UPGRADE, host=host), *foreign, host, "hosts")
                        for host in ("evil.test", "localhost.evil.test", "127.0.0.1.evil.test:80",
                                     "10.0.0.1", "[::2]"))
        self.refuse_all(((request(*UPGRADE, host=None), "400 Bad Request", "no host"),
                         (request(*UPGRADE, host="a b"), "400 Bad Request", "bad host"),
                         (request(*UPGRADE, "Host: localhost"), "400 Bad Request",
                          "more than one host")))
        for host in "localhost", "LOCALHOST:1", "127.0.0.1", "[::1]:80":
            self.client("Host: " + host)
        self.assert_came(5)

    def test_a_head_over_the_limit(self):
        def head(size):
            filler = size - len(request(*UPGRADE, "X: "))
            return request(*UPGRADE, "X: " + "x" * filler)
        large = "431 Request Header Fields Too Large"
        self.refuse_all((
            (head(HEAD_MAX + 1), large, "head too large"),
            (head(100 * HEAD_MAX), large, "head too large"),
            (request(*UPGRADE, *["X: y"] * 200), large, "too many headers"),
            (b"GET /" + b"x" * HEAD_MAX, "414 URI Too Long", "request line too long")))
        with socket.create_connection(("127.0.0.1", self.port), LIMIT) as s:
            s.sendall(head(HEAD_MAX))
            self.assertIn(b" 101 ", s.recv(4096))
        self.assert_came(2)

    def test_a_handshake_that_stands_still_holds_nobody(self):
        """It is cut off after 10 s; what a test can wait for is all before."""
        with socket.create_connection(("127.0.0.1", self.port), LIMIT) as slow, \
                socket.create_connection(("127.0.0.1", self.port), LIMIT) as gone, \
                socket.create_connection(("127.0.0.1", self.port), LIMIT) as still:
            for s in slow, gone, still:
                s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                s.sendall(request(*UPGRADE)[:20])
            self.others_are_served()
            gone.close()
            for byte in request(*UPGRADE)[20:]:
                slow.sendall(bytes([byte]))
            self.assertIn(b" 101 ", slow.recv(4096))
            self.others_are_served()
            self.stop()
            self.assertEqual(still.recv(1), b"")
        self.assertEqual([x for x in self.buzzer.lines if "done" in x],
                         ["[ Buzzer ] done processing messages: 1001 (going away)"] * 2)


class Frames(StrangerTest):
    def breaks(self, table, text):
        """The peer is told code and reason; the worker prints them. One case after the other."""
        code = int(text[:4])
        for count, (data, reason) in enumerate(table, 1):
            with self.subTest(reason=reason, data=data[:16]), self.client() as client:
                client.send(data)
                self.assertEqual(client.close(), (code, reason))
                self.ends(f"{text} {reason}", count)
                self.others_are_served()

    def test_bad_masks_and_reserved_bits(self):
        self.breaks((
            (frame(1, b"1", mask=False), "unmasked frame from a client"),
            (frame(8, b"\x03\xe8", mask=False), "unmasked frame from a client"),
            (frame(0x41, b"1"), "reserved bit set"),
            (frame(0x29, b""), "reserved bit set"),
            (frame(3, b"1"), "reserved opcode"),
            (frame(15, b""), "reserved opcode"),
            (b"\x81\xfe\0\x05\0\0\0\0hello", "length not in its shortest form"),
            (b"\x82\xff\xff" + bytes(11), "length above 63 bits")), "1002 (protocol error)")

    def test_bad_fragments_and_control_frames(self):
        self.breaks((
            (frame(9, b"?", fin=False), "fragmented control frame"),
            (frame(8, b"", fin=False), "fragmented control frame"),
            (frame(9, b"?" * 126), "control frame above 125 bytes"),
            (frame(0, b"1"), "continuation without a message"),
            (frame(1, b"1", fin=False) + frame(1, b"1"), "new message inside a fragmented one")),
            "1002 (protocol error)")

    def test_endless_empty_fragments(self):
        empties = frame(1, b"", fin=False) + frame(0, b"", fin=False) * 1100
        self.breaks([(empties, "too many empty fragments")], "1008 (policy violation)")

    def test_bad_close_frames(self):
        codes = 0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 65535
        self.breaks([(frame(8, b"\x03"), "close payload of one byte")] +
                    [(frame(8, code.to_bytes(2, "big")), "bad close code") for code in codes],
                    "1002 (protocol error)")

    def test_bad_utf8(self):
        half = "\u20ac".encode()[:2]
        self.breaks((
            (frame(1, b"\xff"), "text is not utf-8"),
            (frame(1, b"x\xed\xa0\x80"), "text is not utf-8"),
            (frame(1, half), "text ends inside a character"),
            (frame(1, half, fin=False) + frame(0, b"x"), "text is not utf-8"),
            (frame(8, b"\x03\xe8\xff"), "close reason is not utf-8")), "1007 (invalid data)")

    def test_messages_over_the_limit(self):
        most = frame(2, b"x" * MESSAGE_MAX, fin=False)
        self.breaks((
            (frame(1, b"x" * (MESSAGE_MAX + 1)), "frame too big"),
            (frame(2, b"x" * (8 * MESSAGE_MAX)), "frame too big"),
            (b"\x82\xff" + (1 << 40).to_bytes(8, "big"), "frame too big"),
            (most + frame(0, b"x"), "message too big")), "1009 (message too big)")
        with self.client() as client:  # the limit itself
            client.send(most + frame(0, b""))
            self.assertEqual(client.frame(), (0x81, b"..."))

    def test_what_stands_behind_a_broken_rule_is_not_heard(self):
        with self.client() as client:
            client.send(frame(1, b"1") + frame(3, b"") + frame(1, b"1") * 1000)
            self.assertEqual(client.frame(), BUZZ)
            self.assertEqual(client.close(), (1002, "reserved opcode"))
        self.ends("1002 (protocol error) reserved opcode")
        self.assertEqual(len([x for x in self.buzzer.lines if "signal 1" in x]), 1)

    def test_ends_that_peers_choose(self):
        for count, (payload, text) in enumerate((
                (b"", "1005 (no status received)"), (b"\x03\xe8", "1000 (OK)"),
                (b"\x03\xe8bye", "1000 (OK) bye"), (b"\x03\xe9", "1001 (going away)"),
                (b"\x03\xeb", "1003 (unsupported data)"),
                (b"\x03\xf0go\n", "1008 (policy violation) go\\n"),
                (b"\x03\xf3oops", "1011 (internal error) oops"),
                (b"\x0f\xa0", "4000 (unknown)")), 1):
            with self.subTest(text=text), self.client() as client:
                client.send(frame(8, payload))
                self.assertEqual(client.frame(), (0x88, payload))  # in kind
                self.assertEqual(client.file.read(), b"")
                self.ends(text, count)
        self.others_are_served()


class Vanished(StrangerTest):
    CASES = {"in a header": b"\x81", "in a frame": frame(1, b"x" * 1000)[:500],
             "in a large one": frame(1, b"x" * MESSAGE_MAX)[:-1],
             "between fragments": frame(1, b"half a mess", fin=False),
             "in a character": frame(1, "\u20ac".encode()[:2], fin=False),
             "in a close frame": frame(8, b"\x03\xe8bye")[:-1],
             "before its ack": frame(1, b"1")}

    def vanish_all(self, leave):
        for count, (where, data) in enumerate(self.CASES.items(), 1):
            with self.subTest(where=where), self.client() as client:
                client.send(data)
                leave(client)
                self.ends("1006 (abnormal closure)", count)
                self.others_are_served()

    def test_peers_that_reset_the_connection(self):
        self.vanish_all(Raw.vanish)

    def test_peers_that_end_without_a_close_frame(self):
        self.vanish_all(lambda client: client.socket.shutdown(socket.SHUT_WR))

    def test_a_peer_that_falls_silent_mid_message(self):
        """It is pinged after 20 s; until then it holds nobody, nor the end of the worker."""
        silent = self.client()
        silent.send(self.CASES["in a frame"])
        self.others_are_served()
        self.assertEqual(self.buzzer.stop(signal.SIGINT), 0)
        self.assertEqual(silent.frame(), (0x88, b"\x03\xe9"))
        self.assertEqual(self.buzzer.lines[-3:],
                         ["[ Buzzer ] done processing messages: 1001 (going away)"] * 2 +
                         ["[ Buzzer ] Keyboard interruption, aborting."])


class Binary(CircuitTest):
    def test_what_is_no_text_is_counted_in_lines(self):
        buzzer = self.buzzer()
        pin = self.iopin(buzzer.port, "--with", "sequence=0")
        for port, data in (buzzer.port, b"1"), (buzzer.port, b""), (pin.port, b"\xff\0"):
            with Raw(port, *UPGRADE) as client:
                client.send(frame(2, data))
                self.assertEqual(client.file.read(1), b"\x81")
        buzzer.line(r"^\[ Buzzer \] signal 1 bytes received -> \.\.\.$")
        buzzer.line(r"^\[ Buzzer \] signal 0 bytes received -> \.\.\.$")
        pin.line(r"^\[ IOPin \] new tick triggered on /: 2 bytes$")


class Descriptors(CircuitTest):
    FEW = 16

    def few(self, limit, *words):
        return Node(self, "sh", "-c", f'ulimit -n {limit}; exec "$0" "$@"', WEIR, *words)

    def fill(self, node):
        """Connect until the node says that it has no descriptor left. Returns the clients, of
        which the first are served and the last is not."""
        clients = []
        for _ in range(self.FEW):
            s = socket.create_connection(("127.0.0.1", node.port), LIMIT)
            self.addCleanup(s.close)
            s.sendall(request(*UPGRADE))
            clients.append(s)
        node.error(rf"^weir: accept on port {node.port}: too many open files \(EMFILE\); "
                   "connections wait$")
        return clients

    def hears(self, client, data):
        got = b""
        while data not in got:
            got += client.recv(4096) or self.fail(f"{data} never came, but {got}")

    def test_connections_wait_until_others_end(self):
        buzzer = self.few(self.FEW, "buzzer", "-p", "0")
        clients = self.fill(buzzer)
        clients[0].sendall(frame(1, b"1"))
        self.hears(clients[0], BUZZ[1])
        clients[-1].sendall(frame(1, b"0"))
        for s in clients[:-1]:
            s.close()
        self.hears(clients[-1], b"...")
        self.assertEqual(buzzer.stop(), 0)

    def test_a_pin_dials_when_it_can(self):
        buzzer = self.weir("buzzer", "-p", "0")
        pin = self.few(self.FEW, "iopin", "-p", "0", "--node", f"buzzer=localhost:{buzzer.port}")
        clients = self.fill(pin)
        clients[0].sendall(frame(1, b"0"))
        pin.error(r"^weir: buzzer at ws://localhost:\d+/: .*too many open files \(EMFILE\); "
                  "trying again for 5 s$")
        for s in clients[1:]:
            s.close()
        self.hears(clients[0], b"acknowledged")

    def test_too_few_to_begin_with(self):
        node = self.few(4, "buzzer", "-p", "0")
        self.assertEqual(node.wait(), 1)
        self.assertEqual(node.lines, [])
        self.assertRegex(node.errors[-1], r"^weir: cannot run: EMFILE: (too many open files"
                         r"|no descriptor for the ring \(RLIMIT_NOFILE\?\))$")


if __name__ == "__main__":
    unittest.main()
