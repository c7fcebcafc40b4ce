# SPDX-License-Identifier: MIT
"""Our TLS beside OpenSSL's programs and Python's ssl. The environment names our side
(WEIR_TLS_PEER). The certificates are made here, by `openssl`."""
import http.client
import os
import shutil
import socket
import ssl
import subprocess
import tempfile
import threading
import unittest

PEER = os.environ["WEIR_TLS_PEER"]
EC = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]


def run(*command, **options):
    return subprocess.run(command, check=True, text=True, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, timeout=30, **options).stdout


@unittest.skipUnless(shutil.which("openssl"), "needs the program openssl")
class InteropTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        holder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(holder.cleanup)
        cls.dir = holder.name
        run("openssl", "req", "-x509", *EC, "-days", "2", "-subj", "/CN=Test root",
            "-out", cls.path("root.pem"), "-keyout", cls.path("root.key"))
        cls.make("server", "subjectAltName=DNS:localhost,IP:127.0.0.1")
        cls.make("alice", "subjectAltName=DNS:alice")

    @classmethod
    def path(cls, name):
        return os.path.join(cls.dir, name)

    @classmethod
    def make(cls, name, names):
        run("openssl", "req", *EC, "-subj", "/CN=" + name, "-out", cls.path(name + ".csr"),
            "-keyout", cls.path(name + ".key"))
        with open(cls.path(name + ".ext"), "w", encoding="ascii") as f:
            f.write(names + "\n")
        run("openssl", "x509", "-req", "-in", cls.path(name + ".csr"), "-CA",
            cls.path("root.pem"), "-CAkey", cls.path("root.key"), "-CAcreateserial", "-days", "2",
            "-extfile", cls.path(name + ".ext"), "-out", cls.path(name + ".pem"))

    def started(self, *command, **options):
        p = subprocess.Popen(command, text=True, stdout=subprocess.PIPE,
                             stderr=subprocess.STDOUT, **options)
        self.addCleanup(p.stdout.close)
        self.addCleanup(p.wait)
        self.addCleanup(p.kill)
        return p

    def serve(self, *more):
        p = self.started(PEER, "serve", self.path("server.pem"), self.path("server.key"), *more)
        return p, int(p.stdout.readline())

    # ---- we serve ----

    def s_client(self, port, said, *more):
        """What the program prints; said is its input, a step at a time: (text, what it must print
        before the next step). It takes one command from each read of its input."""
        p = self.started("timeout", "20", "openssl", "s_client", "-connect", f"127.0.0.1:{port}",
                         "-CAfile", self.path("root.pem"), "-verify_return_error", *more,
                         stdin=subprocess.PIPE, bufsize=1)
        seen = ""
        for text, until in said:
            if text is not None:
                p.stdin.write(text)
                p.stdin.flush()
            before = len(seen)
            while until not in seen[before:]:
                got = p.stdout.readline()
                if not got:
                    break
                seen += got
        p.stdin.close()
        seen += p.stdout.read()
        p.wait(20)
        return seen

    def test_s_client_of_both_versions_gets_its_lines(self):
        p, port = self.serve()
        for flag, version in (("-tls1_2", "TLSv1.2"), ("-tls1_3", "TLSv1.3")):
            out = self.s_client(port, [("hello\n", "hello\n")], flag, "-alpn", "echo")
            self.assertIn("hello\n", out)
            self.assertIn("Verification: OK", out)
            self.assertEqual(p.stdout.readline(), f"client: {version} echo -\n")
            self.assertEqual(p.stdout.readline(), "end: close_notify\n")

    def test_s_client_resumes_in_both_versions(self):
        p, port = self.serve()
        for flag, version in (("-tls1_2", "TLSv1.2"), ("-tls1_3", "TLSv1.3")):
            kept = self.path("session" + flag)
            self.s_client(port, [("first\n", "first\n")], flag, "-sess_out", kept)
            out = self.s_client(port, [("second\n", "second\n")], flag, "-sess_in", kept)
            self.assertIn("second\n", out)
            self.assertEqual(p.stdout.readline(), f"client: {version} - -\n")
            p.stdout.readline()
            self.assertEqual(p.stdout.readline(), f"client: {version} resumed - -\n")
            p.stdout.readline()

    def test_key_updates_of_the_peer_are_answered(self):
        """k: the peer changes its key; K: it asks us to change ours too."""
        p, port = self.serve()
        out = self.s_client(port, [("first\n", "first\n"), ("k\n", "KEYUPDATE"),
                                   ("second\n", "second\n"), ("K\n", "KEYUPDATE"),
                                   ("third\n", "third\n")], "-tls1_3")
        self.assertIn("third\n", out)
        p.stdout.readline()
        self.assertEqual(p.stdout.readline(), "end: close_notify\n")

    def test_a_renegotiation_is_refused(self):
        p, port = self.serve()
        out = self.s_client(port, [("first\n", "first\n"), ("R\n", "RENEGOTIATING")], "-tls1_2")
        self.assertIn("no renegotiation", out)
        self.assertEqual(p.stdout.readline(), "client: TLSv1.2 - -\n")

    def test_old_versions_are_refused(self):
        _, port = self.serve()
        out = self.s_client(port, [(None, "alert")], "-tls1_1", "-cipher", "ALL:@SECLEVEL=0")
        self.assertIn("alert protocol version", out)

    def test_a_client_certificate_is_seen(self):
        p, port = self.serve(self.path("root.pem"))
        self.s_client(port, [("hello\n", "hello\n")], "-cert", self.path("alice.pem"), "-key",
                      self.path("alice.key"))
        self.assertEqual(p.stdout.readline(), "client: TLSv1.3 - CN=alice\n")

    def test_python_as_the_client(self):
        p, port = self.serve()
        context = ssl.create_default_context(cafile=self.path("root.pem"))
        with socket.create_connection(("127.0.0.1", port)) as plain:
            with context.wrap_socket(plain, server_hostname="localhost") as s:
                for i in range(100):
                    line = b"x" * (i * 37) + b"\n"
                    s.sendall(line)
                    got = b""
                    while len(got) < len(line):
                        got += s.recv(65536)
                    self.assertEqual(got, line)
                s.unwrap()
        p.stdout.readline()
        self.assertEqual(p.stdout.readline(), "end: close_notify\n")

    def test_plain_http_of_python_is_answered_400(self):
        _, port = self.serve()
        for body in (b"", b"x" * 500000):
            c = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
            c.request("POST", "/", body)
            answer = c.getresponse()
            self.assertEqual(answer.status, 400)
            self.assertIn(b"This port speaks HTTPS", answer.read())
            c.close()

    def test_a_connection_that_is_cut_is_no_end(self):
        p, port = self.serve()
        context = ssl.create_default_context(cafile=self.path("root.pem"))
        with socket.create_connection(("127.0.0.1", port)) as plain:
            s = context.wrap_socket(plain, server_hostname="localhost")
            s.sendall(b"hello\n")
            self.assertEqual(s.recv(10), b"hello\n")
            socket.socket.shutdown(s, socket.SHUT_RDWR)
            s.detach()
        p.stdout.readline()
        self.assertIn("without close_notify", p.stdout.readline())

    # ---- we ask ----

    def ask(self, port, count=1, *more):
        return run(PEER, "ask", str(port), self.path("root.pem"), str(count), *more)

    def test_s_server_of_both_versions_serves_us_and_resumes(self):
        for flag, version in (("-tls1_2", "TLSv1.2"), ("-tls1_3", "TLSv1.3")):
            with socket.socket() as probe:
                probe.bind(("127.0.0.1", 0))
                port = probe.getsockname()[1]
            p = self.started("timeout", "20", "openssl", "s_server", "-accept",
                             f"127.0.0.1:{port}", "-cert", self.path("server.pem"), "-key",
                             self.path("server.key"), "-rev", flag)
            while "ACCEPT" not in p.stdout.readline():
                pass
            self.assertEqual(self.ask(port, 2),
                             f"{version} olleh\n{version} resumed olleh\n")

    def python_serves(self, context, then):
        listener = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(listener.close)

        def one():
            plain, _ = listener.accept()
            try:
                with context.wrap_socket(plain, server_side=True) as s:
                    then(s)
            except (ssl.SSLError, OSError):
                pass

        t = threading.Thread(target=one, daemon=True)
        t.start()
        self.addCleanup(t.join, 20)
        return listener.getsockname()[1]

    def server_context(self):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.path("server.pem"), self.path("server.key"))
        return context

    def test_python_as_the_server_with_client_certificates(self):
        context = self.server_context()
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(self.path("root.pem"))
        seen = []

        def then(s):
            seen.append(s.getpeercert()["subject"])
            s.sendall(s.recv(100))

        port = self.python_serves(context, then)
        out = self.ask(port, 1, self.path("alice.pem"), self.path("alice.key"))
        self.assertEqual(out, "TLSv1.3 hello\n")
        self.assertEqual(seen, [((("commonName", "alice"),),)])

    def test_a_server_of_an_unknown_root_is_refused(self):
        port = self.python_serves(self.server_context(), lambda s: None)
        out = run(PEER, "ask", str(port), self.path("alice.pem"), "1")
        self.assertIn("issuer CN=Test root", out)


if __name__ == "__main__":
    unittest.main()
