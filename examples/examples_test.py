# SPDX-License-Identifier: MIT
"""The examples do what their first lines say. WEIR_EXAMPLES names the folder of the programs."""
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import unittest

HERE = os.environ["WEIR_EXAMPLES"]


def run(*words, **kw):
    return subprocess.run([os.path.join(HERE, words[0]), *words[1:]], capture_output=True,
                          text=True, timeout=20, **kw)


class Server:
    def __init__(self, *words):
        self.process = subprocess.Popen([os.path.join(HERE, words[0]), *words[1:]],
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.line = self.process.stdout.readline()
        self.port = int(re.search(r"(\d+)\s*$", self.line).group(1)) if self.line else 0

    def end(self, sig):
        self.process.send_signal(sig)
        out, err = self.process.communicate(timeout=10)
        return self.process.returncode, err


def backends():
    probe = Server("tcp-echo", "--port", "0", "--backend", "uring")
    has_uring = probe.port != 0
    probe.end(signal.SIGTERM)
    return ["epoll", "uring"] if has_uring else ["epoll"]


def unchunked(data):
    body = b""
    while (size := int(data.split(b"\r\n", 1)[0], 16)) > 0:
        data = data.split(b"\r\n", 1)[1]
        body, data = body + data[:size], data[size + 2:]
    return body


class Examples(unittest.TestCase):
    def test_hello(self):
        done = run("hello")
        self.assertEqual((done.returncode, done.stdout), (0, "hello 1\nhello 2\nhello 3\n"))

    def test_memory_pair(self):
        done = run("memory-pair")
        self.assertEqual((done.returncode, done.stdout), (0, "read one\nread two\nread three\n"))

    def test_a_backend_of_ones_own(self):
        done = run("backend-poll")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertEqual(done.stdout, "poll: asked for\nslept: 3 ms\nposts left: 0\n"
                         "echoed: 8388608 bytes, 0 wrong\naccept: cancelled by its deadline\n"
                         "descriptor for a foreign loop: not supported\n")

    def test_weir_inside_the_loop_of_another_library(self):
        for host in "glib", "libuv":
            if not os.path.exists(os.path.join(HERE, "inside-" + host)):
                continue
            for backend in backends():
                with self.subTest(host=host, backend=backend):
                    done = run("inside-" + host, env={**os.environ, "WEIR_BACKEND": backend})
                    turns = "".join(f"{host} {i}\nweir {i}\n" for i in (1, 2, 3))
                    self.assertEqual((done.returncode, done.stderr), (0, ""))
                    self.assertEqual(done.stdout, turns + "echo of message 1\n"
                                     "echo of message 2\nend of stream\n")

    def test_tcp_client_tells_what_failed(self):
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            port = s.getsockname()[1]
        done = run("tcp-client", f"tcp://127.0.0.1:{port}", "hello")
        self.assertEqual(done.returncode, 1)
        self.assertIn(f"connect 127.0.0.1:{port}: ", done.stderr)
        self.assertEqual(run("tcp-client").returncode, 2)

    def test_tcp_echo_in_every_form(self):
        for backend in backends():
            for shape in "serve", "react":
                for threads in "1", "2":
                    with self.subTest(backend=backend, shape=shape, threads=threads):
                        self.echo(backend, shape, threads)

    def echo(self, backend, shape, threads):
        server = Server("tcp-echo", "--port", "0", "--backend", backend, "--shape", shape,
                        "--threads", threads)
        done = run("tcp-client", f"tcp://localhost:{server.port}", "to and fro")
        self.assertEqual((done.returncode, done.stdout), (0, "to and fro\n"), done.stderr)
        clients = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(20)]
        for i, c in enumerate(clients):
            c.sendall(b"%d" % i * 50000)
        for i, c in enumerate(clients):
            want, got = b"%d" % i * 50000, b""
            while len(got) < len(want):
                got += c.recv(65536)
            self.assertEqual(got, want)
        # Half of them hang up, the others are there when the server is told to end.
        for c in clients[::2]:
            c.close()
        code, err = server.end(signal.SIGINT if shape == "serve" else signal.SIGTERM)
        for c in clients:
            c.close()
        self.assertEqual((code, err), (0, ""))

    def test_tcp_proxy_passes_on_both_ends_and_drains(self):
        for backend in backends():
            with self.subTest(backend=backend):
                self.proxy(backend)

    def proxy(self, backend):
        origin = socket.create_server(("127.0.0.1", 0))
        os.environ["WEIR_BACKEND"] = backend
        proxy = Server("tcp-proxy", "tcp://127.0.0.1:0",
                       f"tcp://127.0.0.1:{origin.getsockname()[1]}")
        del os.environ["WEIR_BACKEND"]
        client = socket.create_connection(("127.0.0.1", proxy.port))
        there, _ = origin.accept()
        client.sendall(b"question")
        client.shutdown(socket.SHUT_WR)
        self.assertEqual(there.makefile("rb").read(), b"question")
        proxy.process.send_signal(signal.SIGTERM)  # no new clients; this one may finish
        there.sendall(b"answer" * 100000)
        there.close()
        self.assertEqual(client.makefile("rb").read(), b"answer" * 100000)
        client.close()
        out, err = proxy.process.communicate(timeout=10)
        origin.close()
        self.assertEqual((proxy.process.returncode, err), (0, ""))

    def test_ws_echo_takes_as_many_connections_as_it_was_told(self):
        for backend in backends():
            server = Server("ws-echo", "--port", "0", "--backend", backend, "--shape", "react",
                            "--connections-max", "2")
            clients = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(3)]
            answers = []
            for c in clients:
                c.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n"
                          b"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                          b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")
                answers.append(c.recv(4096).split()[1])
            for c in clients:
                c.close()
            self.assertEqual(answers, [b"101", b"101", b"503"])
            code, err = server.end(signal.SIGTERM)
            self.assertEqual(code, 0)
            self.assertRegex(err, r"^weir: .*: too many connections \(answered 503\)\n$")
        self.assertEqual(run("ws-echo", "--connections-max", "0").returncode, 2)

    def test_ws_client_sends_a_last_line_without_its_newline(self):
        server = Server("ws-echo", "--port", "0")
        done = run("ws-client", f"ws://127.0.0.1:{server.port}/", input="one\n\ntwo")
        self.assertEqual((done.returncode, done.stdout), (0, "one\n\ntwo\n"), done.stderr)
        self.assertEqual(server.end(signal.SIGTERM), (0, ""))

    def test_ws_gate_opens_for_a_token_and_says_that_it_is_well(self):
        for backend in backends():
            for shape in "serve", "react":
                with self.subTest(backend=backend, shape=shape):
                    self.gate(backend, shape)

    def gate(self, backend, shape):
        server = Server("ws-gate", "--port", "0", "--backend", backend, "--shape", shape)
        upgrade = (b"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                   b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n")

        def ask(path, headers):
            with socket.create_connection(("127.0.0.1", server.port), timeout=10) as c:
                c.sendall(b"GET " + path + b" HTTP/1.1\r\nHost: localhost\r\n" + headers + b"\r\n")
                answer = c.makefile("rb")
                status = int(answer.readline().split()[1])
                while answer.readline() != b"\r\n":
                    pass
                return status, answer.read(13 if status == 101 else -1)

        self.assertEqual(ask(b"/health", b""), (200, b"ok\n"))
        for headers in (b"", upgrade, upgrade + b"Authorization: Bearer wrong\r\n",
                        upgrade + b"Cookie: token=for-ada2; xtoken=for-ada\r\n"):
            self.assertEqual(ask(b"/", headers), (401, b"a token, please\n"))
        for header in (b"Authorization: Bearer for-grace", b"COOKIE: a=b; token=for-grace; c=d"):
            self.assertEqual(ask(b"/", upgrade + header + b"\r\n"),
                             (101, b"\x81\x0bhello Grace"))
        self.assertEqual(ask(b"/?token=for%2Dgrace", upgrade),
                         (101, b"\x81\x0bhello Grace"))
        self.assertEqual(ask(b"/?token=for%2Deva", upgrade), (401, b"a token, please\n"))
        self.assertEqual(server.end(signal.SIGTERM), (0, ""))

    def test_http_hello_answers_any_client(self):
        for backend in backends():
            for shape in "serve", "react":
                with self.subTest(backend=backend, shape=shape):
                    server = Server("http-hello", "--port", "0", "--backend", backend,
                                    "--shape", shape)
                    try:
                        self.raw_requests(server.port)
                        if shutil.which("curl"):
                            self.curl_requests(f"http://127.0.0.1:{server.port}/")
                    finally:
                        self.assertEqual(server.end(signal.SIGTERM), (0, ""))

    def test_fetch_prints_a_page(self):
        for backend in backends():
            env = dict(os.environ, WEIR_BACKEND=backend)
            server = Server("http-hello", "--port", "0", "--backend", backend)
            done = run("fetch", f"http://localhost:{server.port}/", env=env)
            self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "hello\n", ""))
            self.assertEqual(server.end(signal.SIGTERM), (0, ""))
            done = run("fetch", f"http://127.0.0.1:{server.port}/", env=env)
            self.assertEqual((done.returncode, done.stdout), (1, ""))
            self.assertIn("connection refused", done.stderr)
        self.assertEqual(run("fetch").returncode, 2)

    def raw_requests(self, port):
        get, post = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", (
            b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
            b"5\r\nhello\r\n6\r\n there\r\n0\r\nX-Sum: 1\r\n\r\n")
        for step in 1, 7, 4096:  # pipelined, in pieces of each size, then a half-close
            with socket.create_connection(("127.0.0.1", port), 5) as s:
                s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                text = get + post + get
                for at in range(0, len(text), step):
                    s.sendall(text[at:at + step])
                s.shutdown(socket.SHUT_WR)
                got = b"".join(iter(lambda: s.recv(65536), b""))
            answers = got.split(b"HTTP/1.1 200 OK\r\n")
            self.assertEqual((len(answers), answers[0]), (4, b""), got)
            self.assertTrue(answers[1].endswith(b"\r\n\r\nhello\n"), got)
            data = answers[2].split(b"\r\n\r\n", 1)[1]
            self.assertEqual(unchunked(data), b"hello there", got)
            self.assertTrue(answers[3].endswith(b"\r\n\r\nhello\n"), got)
        with socket.create_connection(("127.0.0.1", port), 5) as s:
            s.sendall(b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n" + get)
            got = b"".join(iter(lambda: s.recv(65536), b""))
        self.assertRegex(got, rb"^HTTP/1\.1 400 Bad Request\r\n[^\0]*more than one host\n$")

    def curl_requests(self, url):
        def curl(*words):
            done = subprocess.run(["curl", "-sS", "--max-time", "20", *words],
                                  capture_output=True, check=False)
            self.assertEqual((done.returncode, done.stderr), (0, b""))
            return done.stdout
        self.assertEqual(curl(url, url, "-w", "%{num_connects}"), b"hello\n1hello\n0")
        self.assertRegex(curl("-I", url), rb"200 OK\r\n[^\0]*Content-Length: 6\r\n")
        self.assertEqual(curl("--http1.0", url), b"hello\n")
        much = os.urandom(3 << 20)  # curl waits for 100 Continue
        with tempfile.NamedTemporaryFile() as f:
            f.write(much)
            f.flush()
            self.assertEqual(curl("--data-binary", "@" + f.name, url), much)
            self.assertEqual(curl("-H", "Transfer-Encoding: chunked", "--data-binary",
                                  "@" + f.name, url), much)

    def test_mesh_ask_asks_by_name(self):
        buzzer = subprocess.Popen([os.path.join(HERE, "circuit", "buzzer"), "-p", "0", "--with",
                                   "sound=moo"], stdout=subprocess.PIPE, text=True)
        for line in buzzer.stdout:
            if "serving on" in line:
                break
        nodes = "loud=localhost:" + line.rsplit(":", 1)[1].strip()
        done = run("mesh-ask", nodes, "loud/x", "1")
        self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "moo\n", ""))
        done = run("mesh-ask", nodes, "lout", "1")
        self.assertEqual(done.returncode, 1)
        self.assertIn("did you mean 'loud'?", done.stderr)
        buzzer.send_signal(signal.SIGTERM)
        buzzer.communicate(timeout=10)
        done = run("mesh-ask", nodes, "loud", "1")
        self.assertEqual(done.returncode, 1)
        self.assertIn("(ECONNREFUSED), tried for 1 s", done.stderr)

    def test_tcp_echo_refuses_what_it_does_not_know(self):
        for words in (["--port"], ["--port", "x"], ["--port", "65536"], ["--backend", "kqueue"],
                      ["--threads", "0"], ["--shape", "round"], ["--colour", "blue"]):
            with self.subTest(words=words):
                done = run("tcp-echo", *words)
                self.assertEqual(done.returncode, 2)
                self.assertRegex(done.stderr, r"^tcp-echo: .*\nusage: ")

    def test_tcp_echo_tells_a_port_in_use(self):
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            s.listen()
            port = s.getsockname()[1]
            done = run("tcp-echo", "--port", str(port))
        self.assertEqual(done.returncode, 1)
        self.assertIn(f"listen 127.0.0.1:{port}: ", done.stderr)
        self.assertIn("EADDRINUSE", done.stderr)


if __name__ == "__main__":
    unittest.main()
