# SPDX-License-Identifier: MIT
"""What peers, files, variables and arguments say is never a command to the terminal that shows it:
whatever bytes come, lines stay lines, in UTF-8, without what steers a terminal or a log."""
import base64
import hashlib
import os
import pty
import re
import socket
import subprocess
import tempfile
import threading
import unittest

from circuit import LIMIT, UPGRADE, WEIR, CircuitTest, Raw, frame

ACK_KEY = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
STEERING = re.compile("[\0-\x09\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]")
CODES = [*range(1, 0x20), *range(0x7f, 0xa0), *range(0x2028, 0x202f), *range(0x2066, 0x206a)]
PLANTED = "\x1b]0;PWNED\x07\x1b[2J\nfake line\r\x9b31m\u202egnp.exe \u00e9\u20ac"
SHOWN = "\\x1b]0;PWNED\\x07\\x1b[2J\\nfake line\\x0d\\x9b31m\\u202egnp.exe \u00e9\u20ac"


class Server:
    """A receiver by hand: each connection is answered by `answer`, given its socket and the key."""

    def __init__(self, test, answer):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.answer = answer
        test.addCleanup(self.listener.close)
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        try:
            while True:
                s, _ = self.listener.accept()
                with s:
                    self.meet(s)
        except OSError:
            return  # closed: the test is over

    def meet(self, s):
        s.settimeout(LIMIT)
        head = b""
        try:
            while b"\r\n\r\n" not in head:
                piece = s.recv(4096)
                if not piece:
                    return
                head += piece
            key = re.search(rb"(?i)sec-websocket-key: *(\S+)", head).group(1)
            self.answer(s, base64.b64encode(hashlib.sha1(key + ACK_KEY).digest()))
            s.shutdown(socket.SHUT_WR)
            while s.recv(4096):
                pass
        except OSError:
            pass  # the client has gone: what it printed is what counts


def refuses(head):
    return lambda s, _: s.sendall(head)


def let_in(s, key, *fields, greeting=b""):
    s.sendall(b"\r\n".join([b"HTTP/1.1 101 x", b"Upgrade: websocket", b"Connection: Upgrade",
                            b"Sec-WebSocket-Accept: " + key, *fields, b"", greeting]))


def message(s):
    """The next message of the client, a short one."""
    head = s.recv(2, socket.MSG_WAITALL)
    if len(head) < 2 or head[0] & 0xf == 8:
        raise OSError
    rest = s.recv(4 + (head[1] & 0x7f), socket.MSG_WAITALL)
    return bytes(b ^ rest[i % 4] for i, b in enumerate(rest[4:]))


def acks(*frames):
    """Lets the client in, and answers its messages by these."""
    def answer(s, key):
        let_in(s, key)
        for data in frames:
            message(s)
            s.sendall(data)
    return answer


def text(said):
    return frame(1, said.encode(), mask=False)


def close(reason, code=1011):
    return frame(8, code.to_bytes(2, "big") + reason.encode(), mask=False)


class EscapeTest(CircuitTest):
    def clean(self, data, lines=None):
        """The bytes are lines of text that steer nothing. Returns the text."""
        said = data.decode()  # or it is no UTF-8
        self.assertIsNone(STEERING.search(said), repr(said))
        if lines is not None:
            self.assertEqual(said.count("\n"), lines, repr(said))
        return said

    def ends(self, *words, env=None, **options):
        """Run weir to its end. Returns exit code, stdout and stderr, both clean."""
        done = subprocess.run([WEIR, *words], stdin=subprocess.DEVNULL, capture_output=True,
                              timeout=LIMIT, check=False, env={**os.environ, **(env or {})},
                              **options)
        return done.returncode, self.clean(done.stdout), self.clean(done.stderr)

    def send(self, answer, *options):
        server = Server(self, answer)
        return self.ends("send", *options, f"ws://127.0.0.1:{server.port}/", "hello")


class Send(EscapeTest):
    def test_the_reason_of_a_close(self):
        _, out, err = self.send(acks(close(PLANTED)))
        self.assertEqual(out, "")
        self.assertEqual(err.count("\n"), 1)
        self.assertIn("1011 (internal error) " + SHOWN, err)

    def test_every_character_of_a_reason(self):
        for code in CODES:
            _, _, err = self.send(acks(close(f"<{chr(code)}>")))
            self.assertEqual(err.count("\n"), 1)
            self.assertRegex(err, r"<\\(n|t|x[0-9a-f]{2}|u[0-9a-f]{4})>\n$")

    def test_the_status_of_a_refusal(self):
        for first in range(0x80, 0x100, 16):
            reason = bytes(range(first, first + 16))
            _, _, err = self.send(refuses(b"HTTP/1.1 404 <" + reason + b">\r\n\r\n"))
            shown = "".join(f"\\x{byte:02x}" for byte in reason)
            self.assertIn(f"404 <{shown}>", err)
        for byte in b"\x1b\n\x7f":
            _, _, err = self.send(refuses(b"HTTP/1.1 404 Not <%c> Found\r\n\r\n" % byte))
            self.assertEqual(err.count("\n"), 1)

    def test_a_subprotocol_that_nobody_asked_for(self):
        field = b"Sec-WebSocket-Protocol: a\x9b31m\xff"
        code, _, err = self.send(lambda s, key: let_in(s, key, field))
        self.assertEqual(code, 1)
        self.assertIn("subprotocol", err)

    def test_a_text_ack_is_one_line(self):
        code, out, err = self.send(acks(text(PLANTED)))
        self.assertEqual((code, out, err), (0, SHOWN + "\n", ""))
        every = "".join(map(chr, (0, *CODES)))
        code, out, err = self.send(acks(text(every)))
        self.assertEqual((code, out.count("\n"), err), (0, 1, ""))
        code, out, err = self.send(acks(text("nack: " + PLANTED)))
        self.assertEqual((code, out, err), (4, "nack: " + SHOWN + "\n", ""))

    def test_a_raw_ack_is_what_came(self):
        for said in (text(PLANTED), frame(2, PLANTED.encode(), mask=False)):
            server = Server(self, acks(said))
            done = subprocess.run([WEIR, "send", "--raw", f"ws://127.0.0.1:{server.port}/", "x"],
                                  capture_output=True, timeout=LIMIT, check=False)
            self.assertEqual((done.returncode, done.stdout), (0, PLANTED.encode()))

    def test_a_binary_ack_is_escaped_for_a_terminal_only(self):
        data = bytes(range(256))
        server = Server(self, acks(frame(2, data, mask=False)))
        words = [WEIR, "send", f"ws://127.0.0.1:{server.port}/", "x"]
        done = subprocess.run(words, capture_output=True, timeout=LIMIT, check=False)
        self.assertEqual((done.returncode, done.stdout), (0, data))
        ours, theirs = pty.openpty()
        with open(ours, "rb", 0) as terminal:
            done = subprocess.run(words, stdout=theirs, stderr=subprocess.PIPE, timeout=LIMIT,
                                  check=False)
            os.close(theirs)
            shown = b""
            while not shown.endswith(b"\n"):
                shown += terminal.read(4096)
        self.assertEqual((done.returncode, done.stderr), (0, b""))
        said = self.clean(shown.replace(b"\r\n", b"\n"), lines=1)
        self.assertTrue(said.startswith("\\x00\\x01") and said.endswith("\\xfe\\xff\n"), said)


class Sketches(EscapeTest):
    def test_a_clock_and_its_pin(self):
        pin = Server(self, acks(text(PLANTED), text("nack: " + PLANTED), close(PLANTED)))
        code, out, err = self.ends("clock", "-p", str(pin.port), "-t", "3", "-d", "0")
        self.assertEqual(code, 1)
        self.assertEqual(out.splitlines(), [
            "[ clock ] > 0", "[ clock ] < " + SHOWN,
            "[ clock ] > 1", "[ clock ] < nack: " + SHOWN, "[ clock ] > 2"])
        self.assertIn(SHOWN, err)
        self.assertEqual(err.count("\n"), 1)

    def test_a_pin_and_its_buzzer(self):
        buzzer = Server(self, acks(text(PLANTED), text("nack: " + PLANTED)))
        pin = self.iopin(buzzer.port)
        with Raw(pin.port, *UPGRADE) as client:
            client.send(frame(1, PLANTED.encode()))
            said = self.clean(client.frame()[1])
            self.assertEqual(said, "nack: stream buzzer: " + SHOWN)
        pin.line(r"^\[ IOPin \] new tick triggered on /: " + re.escape(SHOWN) + "$")
        pin.line(r"^\[ IOPin \] < " + re.escape(SHOWN) + "$")
        pin.line(r"^\[ IOPin \] < nack: " + re.escape(SHOWN) + "$")
        self.assertEqual(pin.stop(), 0)
        self.clean("\n".join(pin.lines + pin.errors).encode())

    def test_a_buzzer_and_its_clients(self):
        buzzer = self.buzzer()
        for count, code in enumerate(CODES, 1):
            said = f"<{chr(code)}>".encode()
            with Raw(buzzer.port, *UPGRADE) as client:
                client.send(frame(1, said))
                self.assertEqual(client.frame(), (0x81, b"..."))
                client.send(frame(8, b"\x03\xe8" + said))
                client.frame()
            buzzer.line(r"done processing messages: 1000 \(OK\) <\\.*>$", count)
        self.assertEqual(buzzer.stop(), 0)
        for line in buzzer.lines:
            self.clean(line.encode(), lines=0)

    def test_paths(self):
        """A path has only what may stand there: nothing else is let in, nor printed."""
        buzzer = self.buzzer()
        let_in_bytes = 0
        for byte in range(1, 256):
            with socket.create_connection(("127.0.0.1", buzzer.port), LIMIT) as s:
                fields = "\r\n".join([f"Host: localhost:{buzzer.port}", *UPGRADE, "", ""])
                s.sendall(b"GET /<%c> HTTP/1.1\r\n" % byte + fields.encode())
                let_in_bytes += b" 101 " in s.recv(4096)
        self.assertEqual(buzzer.stop(), 0)
        came = [x for x in buzzer.lines if "new client connected, path=" in x]
        self.assertEqual(len(came), let_in_bytes)
        for line in buzzer.lines + buzzer.errors:
            self.clean(line.encode(), lines=0)


class Words(EscapeTest):
    """What does not come over the network may be a stranger's as well."""
    BYTES = b"\x1b[2J\x9b31m\xff\nfake\xe2\x80\xae"
    SHOWN = "\\x1b[2J\\x9b31m\\xff\\nfake\\u202e"

    def test_arguments(self):
        odd = self.BYTES
        for words in ([odd], [b"--" + odd], [b"-\x9b"], [b"send", odd, b"x"], [b"run", odd],
                      [b"send", b"--node", odd, b"a", b"x"], [b"up", b"-f", odd],
                      [b"send", b"ws://" + odd + b"/", b"x"], [b"clock", b"--with", odd],
                      [b"buzzer", b"-p", odd], [b"buzzer", b"--with", b"none=" + odd],
                      [b"buzzer", b"--socket", odd], [b"buzzer", b"-p", b"0", b"--name", odd],
                      [b"--color", odd], [b"up", b"--ready-within", odd], [b"clock", b"-t", odd],
                      [b"clock", b"--backend", odd], [b"buzzer", b"--" + odd]):
            with self.subTest(words=words):
                process = subprocess.Popen([WEIR, *words], stdin=subprocess.DEVNULL,
                                           stdout=subprocess.PIPE, stderr=subprocess.PIPE)
                self.addCleanup(process.kill)
                if b"--name" in words:  # it serves
                    process.stdout.readline()
                    process.terminate()
                out, err = process.communicate(timeout=LIMIT)
                self.clean(out)
                self.clean(err)

    def test_variables(self):
        env = {b"WEIR_GRID": self.BYTES, b"WEIR_BACKEND": self.BYTES}
        for name, value in env.items():
            for words in (["send", "a", "x"], ["clock"], ["buzzer", "-p", "0"]):
                with self.subTest(name=name, words=words):
                    done = subprocess.run([WEIR, *words], stdin=subprocess.DEVNULL,
                                          capture_output=True, timeout=LIMIT, check=False,
                                          env={**os.environb, name: value})
                    self.clean(done.stdout)
                    self.assertIn(self.SHOWN[:12], self.clean(done.stderr))

    def test_fleet_files(self):
        odd = '"\\e[2J\\u009b31m\\nfake\\u202e"'
        good = "fleet: f\nnodes: {a: {command: 'true %s', ready: start}}\n"
        for file in (f"{odd}: 1", f"fleet: {odd}", f"fleet: f\nnodes: {{{odd}: {{}}}}",
                     f"fleet: f\nnodes: {{a: {{source: {odd}}}}}", f"fleet: &{odd}",
                     f"fleet: f\nnodes: {{a: {{source: clock, {odd}: 1}}}}",
                     f"fleet: f\nnodes: {{a: {{worker: buzzer, port: {odd}}}}}",
                     f"fleet: f\nnodes: {{a: {{worker: buzzer, port: 1, host: {odd}}}}}",
                     f"fleet: f\nnodes: {{a: {{worker: buzzer, port: 1, with: {{x: {odd}}}}}}}",
                     f"fleet: f\nnodes: {{a: {{source: clock, depends_on: [{odd}]}}}}",
                     f"fleet: f\nnodes: {{a: {{source: clock, environment: {{A: {odd}}}}}}}",
                     f"fleet: f\nnodes: {{a: {{command: [/nope, {odd}]}}}}", good % "\u202e\u00e9",
                     f"fleet: f\nnodes: {{a: {{command: [{odd}]}}}}", good % "\x1b", good % "\x9b"):
            with self.subTest(file=file), tempfile.TemporaryDirectory() as folder:
                with open(folder + "/fleet.yaml", "w", encoding="utf-8") as f:
                    f.write(file)
                self.ends("up", "--dry-run", cwd=folder)
                self.ends("up", cwd=folder)


if __name__ == "__main__":
    unittest.main()
