# SPDX-License-Identifier: MIT
"""The programs of doc/design/api.md are compiled, linked, and run where they end by themselves, or
can be made to. WEIR_LINK: the libraries to link; WEIR_LINK_HTTP, WEIR_LINK_HTTPS: those of programs
of HTTP; the latter is empty where there is no TLS."""
import http.client
import http.server
import json
import os
import re
import shutil
import signal
import socket
import ssl
import subprocess
import tempfile
import threading
import time
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
COMPILE = ["cc", "-std=gnu11", "-Wall", "-Wextra", "-Werror", "-Wno-unused-parameter",
           "-I" + ROOT + "/include"]
HEADERS = "".join(f"#include <{name}.h>\n" for name in (
    "errno", "pthread", "signal", "stdio", "stdlib", "string", "weir/weir", "weir/worker"))
BACKENDS = ["epoll"] + ["uring"] * ("uring" in os.environ["WEIR_LINK"])
LINES_MAX = {21: 45, 22: 45}  # of the others: 25
LINK = {21: "WEIR_LINK_HTTP", 22: "WEIR_LINK_HTTPS"}  # of the others: WEIR_LINK

with open(ROOT + "/doc/design/api.md", encoding="utf-8") as page:
    PAGE = page.read()
PROGRAMS = {int(n): text for n, text in
            re.findall(r"(?ms)^## (\d+)\. .*?^```c\n(.*?)^```", PAGE)}


FIRED = """
static int fired(void *arg) {
    struct weir_scope s;
    weir_scope_enter(&s, 0);
    return weir_scope_leave(&s, %s(arg));
}

int main(int argc, char **argv) {
    return weir_run(fired, argv[argc - 1], NULL) != -ETIME;
}
"""


def last_function(program):
    return re.findall(r"(?m)^static int (\w+)\(void \*arg\)", program)[-1]


def whole(program):
    """The program with what the page leaves out: headers, the client of the echo server that
    another program has shown, and a main that runs its last function."""
    if ", client," in program and "int client" not in program:
        program = PROGRAMS[4].split("static int serve")[0] + program
    if not re.search(r"int main\(|WEIR_WORKER_MAIN\(", program):
        program += ("\nint main(int argc, char **argv) {\n"
                    f"    return weir_run({last_function(program)}, argv[argc - 1], NULL) < 0;\n"
                    "}\n")
    return HEADERS + program


class ProgramTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        holder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(holder.cleanup)
        cls.folder = holder.name
        if shutil.which("openssl"):
            subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                            "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj",
                            "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-keyout",
                            "key.pem", "-out", "cert.pem"], cwd=cls.folder, check=True,
                           capture_output=True)

    def build(self, number, text=None, variant=""):
        link = os.environ[LINK.get(number, "WEIR_LINK")]
        if not link or not shutil.which("openssl") and number == 22:
            self.skipTest("no TLS here")
        path = f"{self.folder}/program-{number}{variant}"
        with open(path + ".c", "w", encoding="utf-8") as f:
            f.write(whole(text or PROGRAMS[number]))
        subprocess.run([*COMPILE, "-o", path, path + ".c", *link.split()], check=True)
        return path

    def out(self, number):
        return subprocess.run([self.build(number)], check=True, text=True, capture_output=True,
                              timeout=30).stdout


class ApiTest(ProgramTest):
    def test_they_are_numbered_and_short(self):
        self.assertEqual(sorted(PROGRAMS), list(range(1, 23)))
        self.assertEqual(PAGE.count("```c\n"), 22)
        self.assertEqual([n for n, text in PROGRAMS.items()
                          if text.count("\n") > LINES_MAX.get(n, 25)], [])

    def test_1_hello(self):
        self.assertEqual(self.out(1), "hello world\n" * 3)

    def test_2_group(self):
        lines = self.out(2).split("\n")
        self.assertEqual([w for w in lines if w.startswith("tick")],
                         ["tick 0", "tick 1", "tick 2"])
        self.assertEqual(sum(w.startswith("tock") for w in lines), 10)

    def fetch(self, serve):
        """Program 3, with another port and patience, from a peer that serve(socket) plays."""
        with socket.create_server(("127.0.0.1", 0)) as listener:
            text = PROGRAMS[3].replace("localhost:7", f"127.0.0.1:{listener.getsockname()[1]}")
            path = self.build(3, text.replace("WEIR_SECONDS(3)", "WEIR_SECONDS(0.3)"), "-fetch")
            for backend in BACKENDS:
                with subprocess.Popen([path], text=True, stdout=subprocess.PIPE,
                                      stderr=subprocess.PIPE,
                                      env={**os.environ, "WEIR_BACKEND": backend}) as program:
                    peer, _ = listener.accept()
                    serve(peer)
                    out, err = program.communicate(timeout=30)
                    peer.close()
                yield program.returncode, out, err

    def test_3_timeout_in_the_midst_of_reading(self):
        for code, out, err in self.fetch(lambda peer: peer.sendall(b"pon")):
            self.assertEqual((code, out), (1, ""))
            self.assertRegex(err, r"^read 127\.0\.0\.1:\d+: the deadline has passed \(ETIME\), "
                                  r"budget 300 ms, entered at program-3-fetch\.c:\d+\n$")

    def test_3_timeout_end_of_stream(self):
        for code, out, err in self.fetch(lambda peer: (peer.recv(5), peer.close())):
            self.assertEqual((code, out), (1, ""))
            self.assertIn("ended", err)

    def test_3_timeout_answered_in_time(self):
        for code, out, err in self.fetch(lambda peer: peer.sendall(b"pong\n")):
            self.assertEqual((code, out, err), (0, "pong\n", ""))

    def test_no_program_loses_a_deadline(self):
        for number, text in PROGRAMS.items():
            if "int main(" in text or "WEIR_WORKER_MAIN" in text:
                continue
            with self.subTest(number=number):
                text = text.replace(":8443", ":0") + FIRED % last_function(text)
                done = subprocess.run([self.build(number, text, "-fired")], cwd=self.folder,
                                      capture_output=True, timeout=30)
                self.assertEqual(done.returncode, 0)

    def test_7_stream(self):
        self.assertEqual(self.out(7), "10000 bytes\n")

    def test_8_offload(self):
        self.assertRegex(self.out(8), r"/program-8 [0-9a-f]+\n")  # it reads itself

    def test_10_errors(self):
        self.assertEqual(self.out(10), "nothing listens there\n")

    def test_11_queue(self):
        self.assertEqual(sorted(self.out(11).split("\n")),
                         ["", "job 0", "job 1", "job 2", "job 3", "job 4"])

    def test_13_event_and_mutex(self):
        self.assertEqual(self.out(13), "3 coins\n")

    def test_14_map_and_retry(self):
        self.assertEqual(self.out(14), "page 7: 700 bytes, 3 tries\n")

    def test_15_race(self):
        self.assertEqual(self.out(15), "near: here\nfar: cancelled\nracer 1 won\n")

    def test_16_future(self):
        self.assertEqual(self.out(16), "the answer is 42\n")

    def test_17_thread(self):
        self.assertEqual(self.out(17), "6\n")

    def test_19_shutdown(self):
        with subprocess.Popen([self.build(19)], text=True, stdout=subprocess.PIPE) as program:
            wait_until_caught(program, signal.SIGTERM)
            program.terminate()
            out, _ = program.communicate(timeout=30)
        self.assertEqual((program.returncode, out), (0, "put away\n"))

    def test_20_deferred(self):
        self.assertEqual(self.out(20), "no number\n0\n")

    def test_6_worker(self):
        path = self.build(6)
        out = subprocess.run([path, "--help"], check=True, text=True, capture_output=True).stdout
        self.assertIn("--with KEY=VALUE", out)


class Pages(http.server.ThreadingHTTPServer):
    """/page/N has N bytes; but 3 is not there, 5 breaks off, and 0 does not come if hangs is set.
    The first four are sent once all four were asked for."""
    daemon_threads = True

    def __init__(self, hangs):
        self.hangs, self.busy, self.busy_max, self.lock = hangs, 0, 0, threading.Lock()
        self.four = threading.Barrier(4, timeout=20)
        super().__init__(("127.0.0.1", 0), PageHandler)
        threading.Thread(target=self.serve_forever, args=(0.02,), daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server_port}"

    def handle_error(self, *_):
        pass  # the client breaks off


class PageHandler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    log_message = lambda *_: None

    def count(self, more):
        with self.server.lock:
            self.server.busy += more
            self.server.busy_max = max(self.server.busy_max, self.server.busy)

    def do_GET(self):
        number = int(self.path.removeprefix("/page/"))
        self.count(1)
        if number < 4:
            self.server.four.wait()
        time.sleep(60 if number == 0 and self.server.hangs else 0.05)
        self.count(-1)
        self.send_response(404 if number == 3 else 200)
        self.send_header("Content-Length", str(99 if number == 5 else number))
        self.end_headers()
        self.wfile.write(b"x" * number)
        self.close_connection = number == 5


class HttpTest(ProgramTest):
    """The programs that speak HTTP, with those that speak it to them."""

    def fetch_all(self, hangs, budget="10"):
        path = self.build(21, PROGRAMS[21].replace("WEIR_SECONDS(10)", f"WEIR_SECONDS({budget})"))
        for backend in BACKENDS:
            with Pages(hangs) as pages:
                done = subprocess.run([path, pages.url], capture_output=True, text=True, timeout=30,
                                      env={**os.environ, "WEIR_BACKEND": backend})
                pages.shutdown()
            self.assertLessEqual(pages.busy_max, 4)
            yield pages, done.returncode, sorted(done.stdout.splitlines()), done.stderr

    def test_21_ten_pages(self):
        for pages, code, out, err in self.fetch_all(False):
            self.assertEqual(code, 0, err)
            self.assertEqual(out, sorted(f"{404 if n == 3 else 200} {pages.url}/page/{n}: {n} bytes"
                                         for n in range(10) if n != 5))
            self.assertEqual(err, f"http body {pages.url}/page/5: the connection ended 94 bytes "
                                  "before its end\n")

    def test_21_the_deadline_ends_them(self):
        for pages, code, out, err in self.fetch_all(True, "0.5"):
            self.assertEqual(code, 1, err)
            self.assertNotIn(f"200 {pages.url}/page/0: 0 bytes", out)
            self.assertRegex(err, rf"GET {pages.url}/page/0: .* \(ETIME\), budget 500 ms")

    def serve(self, backend):
        with socket.create_server(("127.0.0.1", 0)) as s:
            port = s.getsockname()[1]
        path = self.build(22, PROGRAMS[22].replace(":8443", f":{port}"))
        program = subprocess.Popen([path], cwd=self.folder,
                                   env={**os.environ, "WEIR_BACKEND": backend})
        self.addCleanup(program.wait)
        self.addCleanup(program.kill)
        wait_until_caught(program, signal.SIGTERM)
        return program, port

    def connect(self, port):
        context = ssl.create_default_context(cafile=self.folder + "/cert.pem")
        connection = http.client.HTTPSConnection("localhost", port, timeout=30, context=context)
        self.addCleanup(connection.close)
        return connection

    def ask(self, connection, method, path, body=None):
        for _ in range(500):
            try:
                connection.request(method, path, body)
                answer = connection.getresponse()
                return answer.status, answer.read().decode()
            except ConnectionRefusedError:  # it does not listen yet
                connection.close()
                time.sleep(0.01)
        return self.fail("the server never listened")

    def test_22_json_over_https(self):
        for backend in BACKENDS:
            program, port = self.serve(backend)
            connection = self.connect(port)
            room = {"room": 7, "degrees": 21.5}
            status, text = self.ask(connection, "PUT", "/rooms/7", '{"degrees": 21.5}')
            self.assertEqual((status, json.loads(text)), (200, room))
            status, text = self.ask(connection, "GET", "/rooms/7")
            self.assertEqual((status, json.loads(text)), (200, room))
            for wanted, *asked in ((404, "GET", "/rooms/100"), (404, "GET", "/rooms/-1"),
                                   (404, "PUT", "/rooms/100", "{}"), (404, "GET", "/"),
                                   (400, "PUT", "/rooms/7", "{}"), (400, "PUT", "/rooms/7", ""),
                                   (413, "PUT", "/rooms/7", "x" * 201),
                                   (405, "DELETE", "/rooms/7")):
                self.assertEqual(self.ask(connection, *asked)[0], wanted, asked)
            connection.close()
            program.terminate()
            self.assertEqual(program.wait(30), 0)

    def test_22_a_request_that_has_begun_is_finished(self):
        for backend in BACKENDS:
            program, port = self.serve(backend)
            connection, idle = self.connect(port), self.connect(port)
            self.assertEqual(self.ask(connection, "GET", "/rooms/1")[0], 200)
            self.assertEqual(self.ask(idle, "GET", "/rooms/1")[0], 200)
            connection.putrequest("PUT", "/rooms/1")
            connection.putheader("Content-Length", "17")
            connection.putheader("Expect", "100-continue")
            connection.endheaders()
            self.assertIn(b"100 Continue", connection.sock.recv(100))  # the handler reads
            program.terminate()
            self.assertEqual(idle.sock.recv(1), b"")  # the server stops
            connection.send(b'{"degrees": 19.5}')
            answer = connection.getresponse()
            self.assertEqual((answer.status, json.loads(answer.read())["degrees"]), (200, 19.5))
            self.assertEqual(program.wait(30), 0)


def wait_until_caught(program, number):
    """Until the program catches or blocks the signal, so that it does not die of it."""
    while program.poll() is None:
        with open(f"/proc/{program.pid}/status", encoding="ascii") as f:
            masks = dict(line.split(":\t") for line in f if line.startswith("Sig"))
        if any(int(masks[name], 16) >> (number - 1) & 1 for name in ("SigCgt", "SigBlk")):
            return
        time.sleep(0.01)


def compiles(number):
    return lambda self: self.build(number)


for title, which in (("timeout", 3), ("echo", 4), ("reactive_echo", 5), ("signal", 9),
                     ("select", 12), ("loops", 18)):
    setattr(ApiTest, f"test_{which}_{title}", compiles(which))


if __name__ == "__main__":
    unittest.main()
