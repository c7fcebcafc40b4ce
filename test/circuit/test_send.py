# SPDX-License-Identifier: MIT
"""weir send, and receivers by hand: what answers a message, what is tried again, how long."""
import unittest

from circuit import CircuitTest
from test_escapes import Server, acks, let_in, message, refuses, text


class SendTest(CircuitTest):
    def sends(self, answer, *options):
        """Returns what weir send did, its exit code, and how often it dialled."""
        dials = []

        def counted(s, key):
            dials.append(s)
            answer(s, key)
        server = Server(self, counted)
        node, code = self.ends("send", *options, f"ws://127.0.0.1:{server.port}/", "hello")
        return node, code, len(dials)

    # A greeting goes with the 101, in one piece: what comes later may come behind the message.
    def test_a_greeting_is_no_ack(self):
        for greeting in (text("welcome"), b"\x82\x02hi", text("x") * 5000):
            with self.subTest(greeting=greeting[:12]):
                def answer(s, key, greeting=greeting):
                    let_in(s, key, greeting=greeting)
                    s.sendall(text("done " + message(s).decode()))
                node, code, dials = self.sends(answer)
                self.assertEqual((code, node.lines, dials), (0, ["done hello"], 1))
                self.assertIn("dropped what nobody asked for", node.errors[0])

    def test_a_greeting_of_one_who_dies_is_no_ack(self):
        def dies(s, key):
            let_in(s, key, greeting=text("welcome"))
            message(s)
            raise OSError
        node, code, dials = self.sends(dies, "--no-retry")
        self.assertEqual((code, node.lines, dials), (1, [], 1))

    def test_the_second_of_two_answers_is_no_ack(self):
        node, code, _ = self.sends(acks(text("one") + text("two")))
        self.assertEqual((code, node.lines), (0, ["one"]))

    def test_a_mute_receiver_is_given_up_in_time(self):
        def mute(s, key):
            let_in(s, key)
            while s.recv(4096):
                pass
        node, code, dials = self.sends(mute, "--timeout", "300ms")
        self.assertEqual((code, node.lines, dials), (1, [], 1))
        self.assertRegex(node.errors[-1], r"^weir send: ws://127.0.0.1:\d+/: no ack within 300ms$")

    def test_a_timeout_that_is_none(self):
        for word in "", "0s", "-1s", "1h", "soon", "5":
            with self.subTest(word=word):
                node, code = self.ends("send", "--timeout", word, "buzzer", "1")
                self.assertEqual(code, 2)
                self.assertIn("--timeout wants a time as 500ms, 2s or 1m", node.errors[0])

    def test_a_final_refusal_is_dialled_once(self):
        for status in "301 Moved", "404 Not \x9b31mFound", "403 No":
            with self.subTest(status=status):
                head = f"HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n".encode("latin1")
                node, code, dials = self.sends(refuses(head))
                self.assertEqual((code, node.lines, dials), (1, [], 1))
                self.assertIn("the server answered " + status.replace("\x9b", "\\x9b"),
                              node.errors[-1])

    def test_without_retry_a_passing_refusal_is_dialled_once(self):
        node, code, dials = self.sends(refuses(b"HTTP/1.1 503 Busy\r\n\r\n"), "--no-retry")
        self.assertEqual((code, node.lines, dials), (1, [], 1))
        self.assertIn("the server answered 503 Busy", node.errors[-1])
        self.assertNotIn("tried for", node.errors[-1])


if __name__ == "__main__":
    unittest.main()
