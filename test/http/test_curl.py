# SPDX-License-Identifier: MIT
"""The example http-site, driven by curl: conditions, ranges, uploads, events, gzip, passwords. SITE
names the program, CURL the command."""
import gzip
import os
import re
import signal
import subprocess
import tempfile
import unittest

SITE, CURL = os.environ["SITE"], os.environ["CURL"]
LIMIT = 30 * float(os.environ.get("WEIR_TEST_TIMEOUT_SCALE", "1"))
BIG = bytes(i * i % 251 for i in range(300000)) * 7


class CurlTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        root = cls.root = cls.folder.name + "/root"
        os.makedirs(root + "/sub")
        cls.put(root + "/a.txt", b"0123456789")
        cls.put(root + "/big.bin", BIG)
        cls.put(root + "/sub/index.html", b"<p>inside")
        cls.put(root + "/app.js", b"plain")
        cls.put(root + "/app.js.gz", gzip.compress(b"packed"))
        cls.put(cls.folder.name + "/secret", b"secret")
        cls.server = subprocess.Popen([SITE, root], stdout=subprocess.PIPE, text=True)
        cls.url = cls.server.stdout.readline().strip()

    @classmethod
    def tearDownClass(cls):
        cls.server.send_signal(signal.SIGTERM)
        log, _ = cls.server.communicate(timeout=LIMIT)
        cls.folder.cleanup()
        assert cls.server.returncode == 0, cls.server.returncode
        assert re.search(r'^127\.0\.0\.1 - - \[.*\] "GET /files/a\.txt HTTP/1\.1" 200 10 "-" '
                         r'"curl/', log, re.MULTILINE), log
        assert "opensesame" not in log and "token" not in log, log

    @staticmethod
    def put(path, data):
        with open(path, "wb") as f:
            f.write(data)

    def curl(self, path, *words, status=200):
        with tempfile.TemporaryDirectory() as d:
            done = subprocess.run([CURL, "-sS", "--path-as-is", "--max-time", str(LIMIT), "-o",
                                   d + "/body", "-D", d + "/head", "-w", "%{http_code}", *words,
                                   self.url + path], capture_output=True, text=True, check=False)
            self.assertEqual((done.returncode, done.stdout), (0, str(status)), done.stderr)
            with open(d + "/head", encoding="latin-1") as f:
                self.head = f.read()
            body = b""
            if os.path.exists(d + "/body"):
                with open(d + "/body", "rb") as f:
                    body = f.read()
            return body

    def field(self, name):
        found = re.search(rf"^{name}: (.*?)\r?$", self.head, re.MULTILINE | re.IGNORECASE)
        return found.group(1) if found else None

    def test_files_come_whole(self):
        self.assertEqual(self.curl("/files/a.txt?token=x"), b"0123456789")
        self.assertEqual(self.curl("/files/big.bin"), BIG)
        self.assertEqual(self.curl("/files/sub/"), b"<p>inside")
        self.assertEqual(self.curl("/files/sub", "-L"), b"<p>inside")
        self.curl("/files/a.txt", "-I")
        self.assertEqual(self.field("Content-Length"), "10")

    def test_ranges_and_resumed_downloads(self):
        self.assertEqual(self.curl("/files/big.bin", "-r", "1000000-1999999", status=206),
                         BIG[1000000:2000000])
        self.assertEqual(self.curl("/files/a.txt", "-r", "-3", status=206), b"789")
        parts = self.curl("/files/a.txt", "-r", "0-1,5-6", status=206)
        boundary = self.field("Content-Type").split("boundary=")[1].encode()
        self.assertEqual(parts.count(b"--" + boundary), 3)
        self.curl("/files/a.txt", "-r", "99-", status=416)
        self.assertEqual(self.field("Content-Range"), "bytes */10")
        path = self.folder.name + "/resumed"
        self.put(path, BIG[:123456])
        subprocess.run([CURL, "-sS", "-C", "-", "-o", path, self.url + "/files/big.bin"],
                       check=True, timeout=LIMIT)
        with open(path, "rb") as f:
            self.assertEqual(f.read(), BIG)

    def test_conditions(self):
        tags = self.folder.name + "/tags"
        self.curl("/files/a.txt", "--etag-save", tags)
        self.curl("/files/a.txt", "--etag-compare", tags, status=304)
        self.curl("/files/a.txt", "-z", self.root + "/a.txt", status=304)
        self.curl("/files/a.txt", "-z", "Sun, 06 Nov 1994 08:49:37 GMT", status=200)
        self.curl("/files/a.txt", "-H", 'If-Match: "none"', status=412)

    def test_nothing_outside(self):
        for path in ("/files/../secret", "/files/%2e%2e/secret", "/files/..%2fsecret",
                     "/files//../secret", "/files/%5c../secret", "/files/sub/../../secret"):
            with self.subTest(path):
                done = subprocess.run([CURL, "-sS", "--path-as-is", "-w", "%{http_code}",
                                       self.url + path], capture_output=True, check=True)
                self.assertIn(done.stdout[-3:], (b"400", b"404"))
                self.assertNotIn(b"secret", done.stdout.replace(path.encode(), b""))

    def test_packed_files_and_answers(self):
        self.assertEqual(self.curl("/files/app.js"), b"plain")
        self.assertEqual(self.curl("/files/app.js", "--compressed"), b"packed")
        plain = self.curl("/words")
        self.assertEqual(self.curl("/words", "--compressed"), plain)
        self.assertEqual(self.field("Content-Encoding"), "gzip")
        self.assertLess(int(self.field("Content-Length")), len(plain) // 10)
        self.assertIn(b"data: tick", self.curl("/clock?ticks=1", "--compressed"))
        self.assertEqual(self.field("Content-Encoding"), "gzip")

    def test_uploads(self):
        body = self.curl("/upload", "-F", "note=hello", "-F", f"photo=@{self.root}/big.bin", "-F",
                         "evil=@" + self.root + "/a.txt;filename=../../etc/passwd")
        self.assertEqual(body.decode(), "note: 5 bytes of text\n"
                         f"photo: a file of {len(BIG)} bytes\nevil: a file of 10 bytes\n")
        body = self.curl("/upload", "--data-urlencode", "a=b&c d", "-d", "e=f")
        self.assertEqual(body.decode(), "a: 5 bytes of text\ne: 1 bytes of text\n")
        self.curl("/upload", "-H", "Content-Type: application/json", "-d", "{}", status=415)

    def test_events(self):
        body = self.curl("/clock?ticks=2", "-N", "-H", "Last-Event-ID: 7").decode()
        self.assertEqual(body, "retry: 1000\n\nid: 8\ndata: tick\n\nid: 9\ndata: tick\n\n")
        body = self.curl("/clock?ticks=2", "-N", "-H", "Last-Event-ID: 2147483646").decode()
        self.assertEqual(body.count("data: tick"), 2, body)

    def test_passwords(self):
        self.curl("/secret", status=401)
        self.assertIn("Basic", self.field("WWW-Authenticate"))
        self.curl("/secret", "-u", "user:wrong", status=401)
        self.assertEqual(self.curl("/secret", "-u", "user:opensesame"), b"gold\n")

    def test_methods(self):
        self.curl("/upload", status=405)
        self.assertEqual(self.field("Allow"), "POST, OPTIONS")
        self.curl("/nothing", status=404)
