# SPDX-License-Identifier: MIT
"""`weir ws` against a server of Python's: in pipes, as JSON, on a terminal. WEIR names the command,
WEIR_BACKEND the backend."""
import asyncio
import base64
import hashlib
import json
import os
import pty
import queue
import select
import signal
import socket
import ssl
import struct
import subprocess
import tempfile
import threading
import time
import unittest

import websockets

WEIR = os.environ["WEIR"]
BACKEND = os.environ["WEIR_BACKEND"]
LIMIT = 30 * float(os.environ.get("WEIR_TEST_TIMEOUT_SCALE", "1"))


class Server:
    """Echoes; a message "close CODE REASON" closes, "bytes" is answered with some."""

    def __init__(self, context=None, compression=None):
        self.context, self.compression = context, compression

    def __enter__(self):
        self.loop = asyncio.new_event_loop()
        self.got, self.closed = [], queue.Queue()
        threading.Thread(target=self.loop.run_forever, daemon=True).start()
        self.server = asyncio.run_coroutine_threadsafe(self.begin(), self.loop).result(LIMIT)
        self.url = "ws%s://127.0.0.1:%d/" % ("s" if self.context else "",
                                             self.server.sockets[0].getsockname()[1])
        return self

    async def begin(self):
        return await websockets.serve(self.serve, "127.0.0.1", 0, max_size=None,
                                      subprotocols=["b"], compression=self.compression,
                                      ssl=self.context)

    async def serve(self, ws, *_):
        self.request = ws.request_headers
        self.subprotocol = ws.subprotocol
        try:
            await self.echo(ws)
        except websockets.ConnectionClosed:
            pass
        self.closed.put(ws.close_code)

    async def echo(self, ws):
        async for message in ws:
            self.got.append(message)
            if isinstance(message, str) and message.startswith("close "):
                _, code, reason = message.split(" ", 2)
                await ws.close(int(code), reason)
            else:
                await ws.send(b"\x00\xff\n" if message == "bytes" else message)

    async def finish(self):
        self.server.close()
        await self.server.wait_closed()

    def __exit__(self, *_):
        asyncio.run_coroutine_threadsafe(self.finish(), self.loop).result(LIMIT)
        self.loop.call_soon_threadsafe(self.loop.stop)


def weir(*words, stdin=b""):
    done = subprocess.run([WEIR, "ws", "--backend", BACKEND, *words], input=stdin,
                          capture_output=True, timeout=LIMIT, check=False)
    if b"io_uring" in done.stderr:
        raise unittest.SkipTest("no io_uring here")
    return done.returncode, done.stdout, done.stderr.decode()


class Pipes(unittest.TestCase):
    def setUp(self):
        self.server = Server()
        self.server.__enter__()
        self.addCleanup(self.server.__exit__)

    def test_each_line_is_a_message_and_each_message_a_line(self):
        self.assertEqual(weir(self.server.url, stdin="one\n\nzwei \u00f6\nlast".encode()),
                         (0, "one\n\nzwei \u00f6\nlast\n".encode(), ""))
        self.assertEqual(self.server.got, ["one", "", "zwei \u00f6", "last"])
        self.assertEqual(self.server.closed.get(timeout=LIMIT), 1000)

    def test_binary_carries_any_bytes(self):
        data = os.urandom(300000)
        self.assertEqual(weir("--binary", self.server.url, stdin=data), (0, data, ""))
        self.assertTrue(all(isinstance(m, bytes) for m in self.server.got))

    def test_json_tells_text_bytes_and_the_end(self):
        code, out, err = weir("--json", self.server.url,
                              stdin=b'say "\\" \t\x7f\nbytes\nclose 3000 "why"\n')
        self.assertEqual([json.loads(x) for x in out.decode().splitlines()], [
            {"type": "text", "data": 'say "\\" \t\x7f'}, {"type": "binary", "base64": "AP8K"},
            {"type": "close", "code": 3000, "reason": '"why"'}])
        self.assertEqual((code, err), (1, ""))

    def test_json_steers_no_terminal(self):
        text = "\u009b31m \u202e \u2028 \u2066 \u00e4 \U0001f600 \t \x00"
        out = weir("--json", self.server.url, stdin=text.encode())[1].decode()
        self.assertEqual(json.loads(out.splitlines()[0]), {"type": "text", "data": text})
        for char in "\u009b\u202e\u2028\u2066":
            self.assertNotIn(char, out)
        self.assertIn("\u00e4 \U0001f600", out)

    def test_a_close_that_is_no_good_end_is_told_and_fails(self):
        code, out, err = weir("--wait", "never", self.server.url,
                              stdin=b"close 1011 a \x1b[1mb\n")
        self.assertEqual((code, out), (1, b""))
        self.assertEqual(err, "weir ws: closed: 1011 internal error: a \\x1b[1mb\n")
        self.assertEqual(weir("-q", self.server.url, stdin=b"close 1011 x\n"), (1, b"", ""))
        self.assertEqual(weir("--wait", "never", self.server.url, stdin=b"close 1000 x\n")[0], 0)

    def test_headers_origin_and_subprotocols_are_sent(self):
        self.assertEqual(weir("-H", "X-One: 1", "--header", "X-Two: 2", "--origin", "http://a",
                              "--subprotocol", "a", "--subprotocol", "b", self.server.url)[0], 0)
        sent = self.server.request
        self.assertEqual((sent["X-One"], sent["X-Two"], sent["Origin"]), ("1", "2", "http://a"))
        self.assertEqual(self.server.subprotocol, "b")

    def test_lines_that_cannot_be_sent_say_why(self):
        for stdin, why in ((b"\xff\n", "is not UTF-8, so it is no text message: --binary sends"),
                           (b"x" * (1 << 20) + b"x\n", "has more than 1 MiB: --binary sends")):
            code, out, err = weir(self.server.url, stdin=stdin)
            self.assertEqual((code, out), (1, b""))
            self.assertIn(why, err)
            self.assertEqual(err.count("\n"), 1)


def frame(first, payload):
    """A frame of a server, of at most 65535 bytes."""
    size = len(payload)
    head = bytes([first, size]) if size < 126 else bytes([first, 126]) + struct.pack(">H", size)
    return head + payload


class SlowOutput(unittest.TestCase):
    """What reads the output takes its time. The server is a socket that says what a test wants."""
    PAST = 1.0  # seconds: more than --wait is by default

    def setUp(self):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(self.listener.close)
        self.client = subprocess.Popen(
            [WEIR, "ws", "--backend", BACKEND, "ws://127.0.0.1:%d/" %
             self.listener.getsockname()[1]], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE)
        self.listener.settimeout(LIMIT)
        try:
            self.peer = self.listener.accept()[0]
        except TimeoutError:
            self.skipTest("no io_uring here")
        self.addCleanup(self.peer.close)
        self.peer.settimeout(LIMIT)
        head = b""
        while b"\r\n\r\n" not in head:
            head += self.peer.recv(4096)
        key = [x[18:].strip() for x in head.split(b"\r\n")
               if x.lower().startswith(b"sec-websocket-key:")][0]
        proof = hashlib.sha1(key + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest()
        self.peer.sendall(b"HTTP/1.1 101 Yes\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                          b"Sec-WebSocket-Accept: " + base64.b64encode(proof) + b"\r\n\r\n")

    def test_messages_that_have_come_are_printed_before_it_closes(self):
        lines = b"".join(b"%060000d\n" % i for i in range(50))
        self.client.stdin.close()
        sender = threading.Thread(target=self.send_all, args=(lines.splitlines(),))
        sender.start()
        time.sleep(self.PAST)
        self.client.stdin = None
        out, err = self.client.communicate(timeout=LIMIT)
        sender.join()
        self.assertEqual((self.client.returncode, err), (0, b""))
        self.assertTrue(out == lines, len(out))

    def send_all(self, texts):
        for text in texts:
            self.peer.sendall(frame(0x81, text))
        while (head := self.peer.recv(6)) and head[0] != 0x88:
            pass
        self.peer.sendall(frame(0x88, struct.pack(">H", 1000)))

    def test_what_a_server_says_before_it_goes_is_printed_though_it_takes_no_more(self):
        lines = b"".join(b"%010000d\n" % i for i in range(20))
        for text in lines.splitlines():
            self.peer.sendall(frame(0x81, text))
        self.peer.sendall(frame(0x88, struct.pack(">H", 1008) + b"enough"))
        self.client.stdin.write(b"more\n")
        self.client.stdin.flush()
        time.sleep(self.PAST / 2)
        self.peer.close()  # with bytes unread: a reset
        time.sleep(self.PAST / 2)
        out, err = self.client.communicate(b"and more\n" * 1000, timeout=LIMIT)
        self.assertEqual(err, b"weir ws: closed: 1008 policy violation: enough\n")
        self.assertEqual(self.client.returncode, 1)
        self.assertTrue(out == lines, len(out))


class Tls(unittest.TestCase):
    """A certificate made by openssl for this run."""

    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.cert, key = self.folder.name + "/cert", self.folder.name + "/key"
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                        "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=test", "-addext",
                        "subjectAltName=IP:127.0.0.1", "-days", "2", "-keyout", key, "-out",
                        self.cert], check=True, capture_output=True)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.cert, key)
        self.server = Server(context, "deflate")
        self.server.__enter__()
        self.addCleanup(self.server.__exit__)

    def weir(self, *words, **options):
        code, out, err = weir(*words, self.server.url, **options)
        if "WEIR_ENOTLS" in err or "WEIR_ENOZLIB" in err:
            self.skipTest("built without TLS, or without zlib")
        return code, out, err

    def test_a_certificate_is_trusted_by_file_or_not_looked_at(self):
        for flags in ("--cacert", self.cert), ("--insecure",):
            code, out, err = self.weir(*flags, stdin=b"hello\n")
            self.assertEqual((code, out), (0, b"hello\n"), err)
        code, out, err = self.weir(stdin=b"hello\n")
        self.assertEqual((code, out), (1, b""))
        self.assertIn("CN=test", err)
        self.assertIn("is self-signed: to trust it: --cacert FILE (--insecure checks nothing)", err)

    def test_compression_is_offered_once_asked_for(self):
        code, out, err = self.weir("--compress", "--cacert", self.cert, stdin=b"a" * 999)
        self.assertEqual((code, out), (0, b"a" * 999 + b"\n"), err)
        self.assertIn("permessage-deflate", self.server.request["Sec-WebSocket-Extensions"])


class Mistakes(unittest.TestCase):
    def test_usage(self):
        for words, why in (((), "it wants one word, the URL"), (("a", "b"), "it wants one word"),
                           (("--wait", "soon", "ws://a/"), "--wait wants a time"),
                           (("--jsn", "ws://a/"), "did you mean '--json'?")):
            code, _, err = weir(*words)
            self.assertEqual(code, 2)
            self.assertIn(why, err)

    def test_what_cannot_be_dialled(self):
        for url, why in (("ws://127.0.0.1:1/", "connection refused"),
                         ("localhost:1", "no scheme: write ws://"), ("http://a/", "http://a/")):
            code, out, err = weir(url)
            self.assertEqual((code, out), (1, b""))
            self.assertIn(why, err)


    def test_errors_name_options_of_the_command(self):
        code, _, err = weir("-H", "Origin: x", "ws://127.0.0.1:1/")
        self.assertEqual(code, 1)
        self.assertIn('"Origin: x": the command writes that one itself', err)
        with socket.create_server(("127.0.0.1", 0)) as listener:
            threading.Thread(target=self.lead, args=(listener,), daemon=True).start()
            code, _, err = weir("ws://127.0.0.1:%d/" % listener.getsockname()[1])
        self.assertEqual(code, 1)
        self.assertTrue(err.endswith("answered 302 Found, not 101: --redirect follows it\n"), err)

    @staticmethod
    def lead(listener):
        connection = listener.accept()[0]
        with connection:
            while not connection.recv(4096).endswith(b"\r\n\r\n"):
                pass
            connection.sendall(b"HTTP/1.1 302 Found\r\nLocation: /x\r\n\r\n")


class Terminal(unittest.TestCase):
    def setUp(self):
        self.server = Server()
        self.server.__enter__()
        self.addCleanup(self.server.__exit__)
        self.screen = b""
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.environ.update(TERM="xterm", NO_COLOR="1")
            os.execv(WEIR, ["weir", "ws", "--backend", BACKEND, self.server.url])
        self.addCleanup(os.close, self.fd)

    def see(self, wanted):
        """Read the screen until it has this, behind what was seen before."""
        until = time.monotonic() + LIMIT
        while wanted not in self.screen:
            self.assertTrue(select.select([self.fd], [], [], until - time.monotonic())[0],
                            (wanted, self.screen))
            try:
                self.screen += os.read(self.fd, 4096)
            except OSError:
                self.fail(f"it ended: {self.screen}")
            if b"io_uring" in self.screen:
                self.skipTest("no io_uring here")
        self.screen = self.screen.partition(wanted)[2]

    def type(self, keys):
        os.write(self.fd, keys)

    def exit_code(self):
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])

    def test_lines_are_sent_and_answers_stand_above_the_prompt(self):
        self.see(b"> ")
        self.type(b"hello\r")
        self.see(b"< hello\r\n")
        self.see(b"> ")
        self.type(b"\x04")
        self.see(b"closed: 1000 OK\r\n")
        self.assertEqual(self.exit_code(), 0)

    @unittest.skipUnless(os.environ.get("WEIR_LIBEDIT") == "1", "built without libedit")
    def test_arrows_edit_the_line_and_bring_back_the_last(self):
        self.see(b"> ")
        self.type(b"helo\x1b[D\x1b[Dl\r")
        self.see(b"< hello\r\n")
        self.type(b"\x1b[A!\r")
        self.see(b"< hello!\r\n")
        self.assertEqual(self.server.got, ["hello", "hello!"])
        self.type(b"\x04")
        self.see(b"closed: 1000")
        self.assertEqual(self.exit_code(), 0)

    def test_ctrl_c_says_goodbye(self):
        self.see(b"> ")
        self.type(b"half a line")
        self.see(b"half a line")
        os.kill(self.pid, signal.SIGINT)
        self.assertEqual(self.exit_code(), 130)
        self.assertEqual(self.server.got, [])

    def test_bytes_reach_the_terminal_as_escapes(self):
        self.see(b"> ")
        self.type(b"bytes\r")
        self.see(b"< binary: \\x00\\xff\\n\r\n")
        self.type(b"\x04")
        self.see(b"closed")
        self.assertEqual(self.exit_code(), 0)


if __name__ == "__main__":
    unittest.main()
