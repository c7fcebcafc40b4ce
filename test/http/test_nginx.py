# SPDX-License-Identifier: MIT
"""`weir get` against nginx, on unix sockets, plain and TLS. WEIR names the command, WEIR_BACKEND
the backend, NGINX and OPENSSL those programs."""
import gzip
import os
import socket
import subprocess
import tempfile
import time
import unittest

WEIR = os.environ["WEIR"]
BACKEND = os.environ["WEIR_BACKEND"]
LIMIT = 30 * float(os.environ.get("WEIR_TEST_TIMEOUT_SCALE", "1"))
BIG = bytes(range(256)) * 8000
TEXT = b"a line of text\n" * 5000

CONF = """
daemon off; master_process off; pid {d}/pid; error_log {d}/error.log;
events {{ worker_connections 64; }}
http {{
    access_log off; root {d}/www; keepalive_timeout 5; client_max_body_size 1k;
    gzip on; gzip_min_length 100; gzip_types text/plain; types {{ text/plain txt; }}
    client_body_temp_path {d}/body; proxy_temp_path {d}/proxy; fastcgi_temp_path {d}/fastcgi;
    uwsgi_temp_path {d}/uwsgi; scgi_temp_path {d}/scgi;
    server {{
        listen unix:{d}/plain;
        {tls}
        location = /empty {{ return 204; }}
        location = /busy {{ return 503; }}
        location = /moved {{ return 308 /text.txt; }}
    }}
}}
"""
TLS = "listen unix:{d}/tls ssl; ssl_certificate {d}/cert.pem; ssl_certificate_key {d}/key.pem;"


class NginxTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        d = cls.d = cls.folder.name
        os.chmod(d, 0o755)
        os.makedirs(d + "/www/folder")
        for name, text in (("big", BIG), ("text.txt", TEXT), ("folder/index.html", b"inside\n")):
            with open(f"{d}/www/{name}", "wb") as f:
                f.write(text)
        cls.has_tls = bool(os.environ.get("OPENSSL"))
        if cls.has_tls:
            subprocess.run([os.environ["OPENSSL"], "req", "-x509", "-newkey", "rsa:2048", "-nodes",
                            "-days", "2", "-subj", "/CN=server.example", "-addext",
                            "subjectAltName=DNS:server.example", "-keyout", d + "/key.pem", "-out",
                            d + "/cert.pem"], check=True, capture_output=True)
        with open(d + "/conf", "w", encoding="utf-8") as f:
            f.write(CONF.format(d=d, tls=TLS.format(d=d) if cls.has_tls else ""))
        cls.server = subprocess.Popen([os.environ["NGINX"], "-p", d, "-e", d + "/error.log", "-c",
                                       d + "/conf"], stderr=subprocess.DEVNULL)
        cls.wait_listening()

    @classmethod
    def wait_listening(cls):
        end = time.monotonic() + LIMIT
        while time.monotonic() < end:
            with socket.socket(socket.AF_UNIX) as s:
                if s.connect_ex(cls.d + "/plain") == 0:
                    return
            if cls.server.poll() is not None:
                break
            time.sleep(0.01)
        with open(cls.d + "/error.log", encoding="utf-8") as f:
            raise AssertionError("nginx does not listen: " + f.read())

    @classmethod
    def tearDownClass(cls):
        cls.server.terminate()
        cls.server.wait()
        cls.folder.cleanup()

    def get(self, path, *words, code=0, data=b"", tls=False):
        env = {k: v for k, v in os.environ.items() if not k.lower().endswith("_proxy")}
        url = ("https" if tls else "http") + "://server.example" + path
        place = f"unix:{self.d}/{'tls' if tls else 'plain'}"
        done = subprocess.run([WEIR, "get", "--backend", BACKEND, "--connect", place, *words, url],
                              input=data, env=env, capture_output=True, timeout=LIMIT, check=False)
        self.assertEqual(done.returncode, code, done.stderr)
        return done.stdout if code == 0 else done.stderr.decode()

    def test_files_redirects_and_answers_without_a_body(self):
        self.assertEqual(self.get("/text.txt"), TEXT)
        self.assertEqual(self.get("/big"), BIG)
        self.assertEqual(self.get("/moved"), TEXT)
        self.assertEqual(self.get("/folder", "--no-redirect", "-i")[:12], b"HTTP/1.1 301")
        self.assertEqual(self.get("/empty"), b"")
        self.assertIn("404", self.get("/nope", "-f", code=1))
        self.assertEqual(self.get("/text.txt", "-X", "HEAD"), b"")

    def test_gzip_in_chunks_is_taken_off(self):
        plain = self.get("/text.txt", "-H", "Accept-Encoding: gzip")
        self.assertLess(len(plain), len(TEXT) // 10)
        self.assertEqual(gzip.decompress(plain), TEXT)
        if os.environ["WEIR_ZLIB"] == "1":
            self.assertEqual(self.get("/text.txt", "--compressed"), TEXT)

    def test_a_download_goes_on(self):
        path = self.d + "/part-" + BACKEND
        with open(path, "wb") as f:
            f.write(BIG[:12345])
        for _ in range(2):
            self.get("/big", "-c", "-o", path)
            with open(path, "rb") as f:
                self.assertEqual(f.read(), BIG)

    def test_a_body_that_is_too_large_is_refused_while_it_is_sent(self):
        path = self.d + "/body-" + BACKEND + ".bin"
        with open(path, "wb") as f:
            f.write(b"x" * 5_000_000)
        self.assertIn(b"413", self.get("/text.txt", "-d", "@" + path))
        self.assertIn(b"405", self.get("/text.txt", "-d", "@-", data=b"x" * 5_000_000))
        self.assertIn("405", self.get("/text.txt", "-d", "@-", "-f", data=b"small", code=1))

    def test_a_busy_server_is_asked_again(self):
        begin = time.monotonic()
        self.assertIn("503", self.get("/busy", "-f", "--retry", "2", code=1))
        self.assertGreater(time.monotonic() - begin, 0.14)  # 50 ms and 100 ms at least

    def test_a_certificate_must_be_vouched_for(self):
        if not self.has_tls or os.environ["WEIR_TLS"] != "1":
            self.skipTest("no TLS here")
        self.assertIn("is self-signed", self.get("/text.txt", tls=True, code=1))
        self.assertEqual(self.get("/big", "--cacert", self.d + "/cert.pem", tls=True), BIG)
        self.assertEqual(self.get("/text.txt", "--insecure", tls=True), TEXT)


if __name__ == "__main__":
    unittest.main()
