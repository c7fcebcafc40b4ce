# SPDX-License-Identifier: MIT
"""Peers that are none, that break the rules, or that vanish: each is told why, in so many words,
and the others are served on."""
import re
import socket
import unittest

from circuit import UPGRADE, CircuitTest, Raw, frame


class Strangers(CircuitTest):
    def answer(self, port, *fields):
        with Raw(port, *UPGRADE, *fields) as client:
            return client.answer

    def test_a_foreign_origin_is_refused(self):
        buzzer = self.buzzer()
        self.assertIn(" 101 ", self.answer(buzzer.port))
        self.assertIn(" 403 ", self.answer(buzzer.port, "Origin: http://evil.test"))
        self.assertIn(" 421 ", self.answer(buzzer.port, "Host: evil.test"))
        buzzer.line("done processing")
        self.assertEqual(len([x for x in buzzer.lines if "new client" in x]), 1)

    def test_ends_that_peers_choose(self):
        buzzer = self.buzzer()
        for payload, text in ((b"", "1005 (no status received)"), (b"\x03\xe8", "1000 (OK)"),
                              (b"\x03\xe8bye", "1000 (OK) bye"),
                              (b"\x03\xe9", "1001 (going away)"),
                              (b"\x03\xeb", "1003 (unsupported data)"),
                              (b"\x03\xf0go\n", "1008 (policy violation) go\\n"),
                              (b"\x03\xf3oops", "1011 (internal error) oops")):
            with self.subTest(text=text), Raw(buzzer.port, *UPGRADE) as client:
                client.send(frame(8, payload))
                buzzer.line("^" + re.escape(f"[ Buzzer ] done processing messages: {text}") + "$")

    def test_ends_that_peers_cause(self):
        buzzer = self.buzzer()
        for data, text in ((frame(1, b"1", mask=False), "1002 (protocol error)"),
                           (frame(3, b"1"), "1002 (protocol error)"),
                           (frame(1, b"\xff"), "1007 (invalid data)"),
                           (frame(1, b"x" * ((1 << 20) + 1)), "1009 (message too big)")):
            with self.subTest(text=text), Raw(buzzer.port, *UPGRADE) as client:
                client.send(data)
                self.assertEqual(client.close_code(), int(text[:4]))
                client.socket.shutdown(socket.SHUT_WR)
                buzzer.line("^" + re.escape(f"[ Buzzer ] done processing messages: {text}"))

    def test_garbage_harms_nobody_else(self):
        buzzer = self.buzzer()
        for garbage in b"\x16\x03\x01\x02\x00\x01", b"GET / HTTP/1.1\r\n\r\n", b"\r\n" * 10000:
            with socket.create_connection(("127.0.0.1", buzzer.port)) as s:
                try:
                    s.sendall(garbage)
                    s.shutdown(socket.SHUT_WR)
                    while s.recv(4096):
                        pass
                except OSError:
                    pass
        self.assertEqual(self.ends("send", f"ws://localhost:{buzzer.port}/", "0")[1], 0)

    def test_a_peer_that_vanishes_is_1006(self):
        buzzer = self.buzzer()
        self.answer(buzzer.port)
        buzzer.line(r"^\[ Buzzer \] done processing messages: 1006 \(abnormal closure\)$")


if __name__ == "__main__":
    unittest.main()
