# SPDX-License-Identifier: MIT
"""`weir get` against Python's http.server. WEIR names the command, WEIR_BACKEND the backend."""
import fcntl
import gzip
import http.server
import os
import pty
import select
import socket
import struct
import subprocess
import tempfile
import termios
import threading
import time
import unittest

WEIR = os.environ["WEIR"]
BACKEND = os.environ["WEIR_BACKEND"]
LIMIT = 30 * float(os.environ.get("WEIR_TEST_TIMEOUT_SCALE", "1"))
BIG = bytes(range(256)) * 8000
LETTERS = ("\u20ac\u00e9\U0001f600" + "a" * 142 + "\U0001f600\u20ac" * 200).encode()
RANGES = {  # of a file of which five bytes are there
    "/big-part": ("bytes 5-7/20", b"abc"),
    "/big-beyond": ("bytes 5-9/7", b"abcde"),
    "/big-more": ("bytes 5-6/7", b"abcde"),
    "/big-unknown": ("bytes 5-7/*", b"abc"),
}


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self, status, body=b"", **headers):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def read_body(self):
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        body = b""
        while size := int(self.rfile.readline(), 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return body

    def big(self):
        wanted = self.headers.get("Range")
        if wanted is None or "plain" in self.path:
            return self.answer(200, BIG)
        start = int(wanted.removeprefix("bytes=").removesuffix("-"))
        path = self.path.partition("?")[0]
        if path in RANGES:
            said, body = RANGES[path]
            return self.answer(206, body, Content_Range=said)
        if start >= len(BIG):
            return self.answer(416, Content_Range=f"bytes */{len(BIG)}")
        lie = 1 if "lies" in self.path else 0
        return self.answer(206, BIG[start:],
                           Content_Range=f"bytes {start + lie}-{len(BIG) - 1}/{len(BIG)}")

    def answer_in_pieces(self, body):
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        for byte in body[:20]:
            self.wfile.write(bytes([byte]))
            time.sleep(0.02)
        self.wfile.write(body[20:])

    def do_GET(self):
        self.server.asked.append(self)
        if self.path.startswith("/big"):
            self.big()
        elif self.path == "/moved":
            self.answer(302, b"gone", Location="/page")
        elif self.path == "/zip":
            self.answer(200, gzip.compress(b"unzipped\n"), Content_Encoding="gzip")
        elif self.path == "/steers":
            self.answer(200, b"a\x1b[2Jb\n")
        elif self.path == "/letters":
            self.answer(200, LETTERS)
        elif self.path == "/letters-cut":
            self.answer_in_pieces(LETTERS)
        elif self.path == "/page":
            self.answer(200, b"a page\n", X_Kind="page")
        else:
            self.answer(404, b"not here\n")

    def do_POST(self):
        self.server.asked.append(self)
        self.answer(200, self.command.encode() + b" " + self.read_body() + b"\n")

    do_PUT = do_POST
    do_HEAD = do_GET

    def log_message(self, *_):
        pass


class GetTest(unittest.TestCase):
    def setUp(self):
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.server.asked = []
        self.server.handle_error = lambda *_: None  # clients leave in the middle
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()
        self.url = "http://127.0.0.1:%d" % self.server.server_port
        self.folder = tempfile.TemporaryDirectory()
        self.file = os.path.join(self.folder.name, "out")

    def tearDown(self):
        self.server.shutdown()
        self.server.server_close()
        self.folder.cleanup()

    def get(self, *words, code=0, data=b""):
        env = {k: v for k, v in os.environ.items() if not k.lower().endswith("_proxy")}
        done = subprocess.run([WEIR, "get", "--backend", BACKEND, *words], input=data, env=env,
                              capture_output=True, timeout=LIMIT, check=False)
        self.assertEqual(done.returncode, code, done.stderr)
        return done.stdout if code == 0 else done.stderr.decode()

    def read(self):
        with open(self.file, "rb") as f:
            return f.read()

    def test_a_page_goes_to_standard_output(self):
        self.assertEqual(self.get(self.url + "/page"), b"a page\n")
        self.assertEqual(self.get(self.url + "/moved"), b"a page\n")
        self.assertEqual(self.get("--no-redirect", self.url + "/moved"), b"gone")
        text = self.get("-i", self.url + "/page").decode()
        self.assertTrue(text.startswith("HTTP/1.1 200 OK\n"), text)
        self.assertIn("X-Kind: page\n", text)
        self.assertTrue(text.endswith("\n\na page\n"), text)

    def test_a_status_is_a_failure_if_that_is_asked_for(self):
        self.assertEqual(self.get(self.url + "/nope"), b"not here\n")
        self.assertIn("/nope answered 404", self.get("-f", self.url + "/nope?key=secret", code=1))

    def test_a_body_is_sent_from_the_command_line_a_file_and_standard_input(self):
        self.assertEqual(self.get("-d", "hi", self.url), b"POST hi\n")
        self.assertEqual(self.get("-d", "hi", "-X", "PUT", self.url), b"PUT hi\n")
        with open(self.file, "wb") as f:
            f.write(b"x" * 200000)
        self.assertEqual(self.get("-d", "@" + self.file, self.url),
                         b"POST " + b"x" * 200000 + b"\n")
        self.assertEqual(self.server.asked[-1].headers["Content-Length"], "200000")
        self.assertEqual(self.get("-d", "@-", self.url, data=b"piped"), b"POST piped\n")
        self.assertEqual(self.server.asked[-1].headers["Transfer-Encoding"], "chunked")
        self.assertEqual(self.get("-d", "", self.url), b"POST \n")

    def test_headers_and_a_user_are_sent(self):
        self.get("-H", "X-One: 1", "-H", "X-Two: 2", "-u", "me:secret", self.url + "/page")
        headers = self.server.asked[-1].headers
        self.assertEqual((headers["X-One"], headers["X-Two"]), ("1", "2"))
        self.assertEqual(headers["Authorization"], "Basic bWU6c2VjcmV0")
        self.assertIn("the command writes that one itself",
                      self.get("-H", "Host: x", self.url, code=1))

    def test_gzip_is_taken_off_only_if_it_was_asked_for(self):
        self.get("-o", self.file, self.url + "/zip")
        self.assertEqual(gzip.decompress(self.read()), b"unzipped\n")
        if os.environ["WEIR_ZLIB"] == "1":
            self.assertEqual(self.get("--compressed", self.url + "/zip"), b"unzipped\n")

    def test_a_download_goes_on_where_the_file_ends(self):
        for have in (0, 1, 100000, len(BIG)):
            with open(self.file, "wb") as f:
                f.write(BIG[:have])
            self.get("-c", "-o", self.file, self.url + "/big")
            self.assertEqual(self.read(), BIG)
        with open(self.file, "wb") as f:
            f.write(b"other")
        self.get("-c", "-o", self.file, self.url + "/big-plain")  # it knows no ranges
        self.assertEqual(self.read(), BIG)
        self.assertIn("another range", self.make_lie())
        self.assertIn("answered 404", self.get("-c", "-o", self.file, self.url + "/nope", code=1))
        self.assertEqual(self.read(), BIG[:5])

    def make_lie(self, path="/big-lies", code=1):
        with open(self.file, "wb") as f:
            f.write(BIG[:5])
        return self.get("-c", "-o", self.file, self.url + path, code=code)

    def test_a_part_that_is_not_the_rest_is_no_success(self):
        said = self.make_lie("/big-part?token=hush")
        self.assertIn("no more than 8 of 20 bytes", said)
        self.assertNotIn("hush", said)
        self.assertEqual(self.read(), BIG[:5] + b"abc")  # it is kept
        for path in "/big-beyond", "/big-more":
            self.assertIn("another range", self.make_lie(path))
            self.assertEqual(self.read(), BIG[:5])
        self.make_lie("/big-unknown", code=0)
        self.assertEqual(self.read(), BIG[:5] + b"abc")

    def test_errors_say_what_and_why(self):
        with socket.create_server(("127.0.0.1", 0)) as s:
            port = s.getsockname()[1]
        self.assertIn("connection refused", self.get(f"http://127.0.0.1:{port}/", code=1))
        self.assertIn("name is not known", self.get("http://nosuch.invalid/", code=1))
        self.assertIn("unknown scheme", self.get("ftp://h/", code=1))
        text = self.get(f"http://127.0.0.1:{port}/x?key=secret", code=1)
        self.assertIn(f"GET http://127.0.0.1:{port}/x: ", text)
        self.assertNotIn("secret", text)
        self.assertIn("one word", self.get(code=2))
        self.assertIn("--output", self.get("-c", self.url, code=2))
        self.assertIn("--time", self.get("--time", "5", self.url, code=2))
        self.assertIn("no such file",
                      self.get("-o", self.file + "/x/y", self.url + "/page", code=1))

    def test_a_closed_output_is_a_failure(self):
        run = 'exec "$0" get --backend "$@" >&-'
        done = subprocess.run(["sh", "-c", run, WEIR, BACKEND, self.url + "/page"],
                              stderr=subprocess.PIPE, timeout=LIMIT, check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn(b"standard output is closed; --output FILE", done.stderr)
        self.assertEqual(self.server.asked, [])
        subprocess.run(["sh", "-c", run, WEIR, BACKEND, "-o", self.file, self.url + "/page"],
                       timeout=LIMIT, check=True)
        self.assertEqual(self.read(), b"a page\n")

    def test_a_server_that_says_nothing_meets_the_time_that_was_given(self):
        with socket.create_server(("127.0.0.1", 0)) as s:
            url = "http://127.0.0.1:%d/" % s.getsockname()[1]
            text = self.get("--time", "100ms", url, code=1)
            self.assertIn("ETIME", text)
            self.assertTrue(text.endswith("budget 100 ms, set by --time\n"), text)

    def test_errors_name_options_of_the_command(self):
        self.assertIn("--connect wants unix:/PATH", self.get("--connect", "x", self.url, code=1))
        text = self.get("--insecure", "--cacert", "/x", "https://127.0.0.1:1/", code=1)
        self.assertRegex(text, "--insecure and --cacert: with|built without TLS")

    def on_terminal(self, *words, quiet_input=True, columns=0):
        """What appears on a terminal that is both outputs, or standard error only."""
        master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
        out = slave if quiet_input else subprocess.DEVNULL
        p = subprocess.Popen([WEIR, "get", "--backend", BACKEND, *words], stdin=subprocess.DEVNULL,
                             stdout=out, stderr=slave)
        os.close(slave)
        text = b""
        while select.select([master], [], [], LIMIT)[0]:
            try:
                piece = os.read(master, 4096)
            except OSError:
                break
            if not piece:
                break
            text += piece
        os.close(master)
        self.assertEqual(p.wait(LIMIT), 0)
        return text

    def test_a_terminal_shows_how_far_it_is_and_is_not_steered(self):
        text = self.on_terminal("-o", self.file, self.url + "/big", quiet_input=False)
        self.assertIn(b"100 %", text)
        self.assertIn(b"2.0 MiB of 2.0 MiB", text)
        self.assertEqual(self.on_terminal("-q", "-o", self.file, self.url + "/big"), b"")
        text = self.on_terminal(self.url + "/steers")
        self.assertIn(b"a\\x1b[2Jb", text)
        self.assertNotIn(b"\x1b", text)

    def test_a_terminal_shows_characters_whole_wherever_pieces_end(self):
        for path in "/letters", "/letters-cut":
            self.assertEqual(self.on_terminal(self.url + path).decode(), LETTERS.decode())

    def test_the_progress_line_fits_a_narrow_terminal(self):
        text = self.on_terminal("-o", self.file, self.url + "/big", quiet_input=False, columns=20)
        for line in text.replace(b"\x1b[K", b"").split(b"\r"):
            self.assertLess(len(line), 20, text)
        self.assertIn(b"\r100 %  2.0 MiB of ", text)


if __name__ == "__main__":
    unittest.main()
