# SPDX-License-Identifier: MIT
"""What the README shows: the first program is built and used, as it stands but for its port; the
HTTP server compiles; the files and commands that it names are there."""
import os
import re
import socket
import subprocess
import tempfile
import time
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as s:
        return s.getsockname()[1]


def connect(port):
    for _ in range(500):
        try:
            return socket.create_connection(("127.0.0.1", port), timeout=10)
        except ConnectionRefusedError:
            time.sleep(0.01)
    raise TimeoutError("the server never listened")


def readme():
    with open(ROOT + "/README.md", encoding="utf-8") as f:
        return f.read()


def blocks():
    return re.findall(r"```c\n(.*?)```", readme(), re.S)


def program():
    return blocks()[0]


class ReadmeTest(unittest.TestCase):
    def test_the_program_is_as_short_as_it_says(self):
        said = re.search(r"An echo server in (\d+) lines", readme()).group(1)
        lines = [line for line in program().splitlines() if line.strip()]
        self.assertEqual(len(lines), int(said))
        self.assertLessEqual(len(lines), 20)
        self.assertLessEqual(max(map(len, lines)), 100)

    def build(self, folder, port):
        with open(folder + "/echo.c", "w", encoding="utf-8") as f:
            f.write(program().replace(":7000", f":{port}"))
        subprocess.run(["cc", "-std=gnu11", "-Wall", "-Wextra", "-Werror",
                        "-I" + ROOT + "/include", "-o", folder + "/echo", folder + "/echo.c",
                        *os.environ["WEIR_LINK"].split()], check=True)

    def test_the_program_echoes_and_a_second_one_says_why_it_cannot(self):
        with tempfile.TemporaryDirectory() as folder:
            port = free_port()
            self.build(folder, port)
            server = subprocess.Popen([folder + "/echo"])
            self.addCleanup(server.wait)
            self.addCleanup(server.kill)
            with connect(port) as peer:
                peer.sendall(b"hello")
                self.assertEqual(peer.recv(5, socket.MSG_WAITALL), b"hello")
            second = subprocess.run([folder + "/echo"], stderr=subprocess.PIPE, text=True,
                                    check=False, timeout=10)
            self.assertEqual(second.returncode, 1)
            self.assertRegex(second.stderr, r"^echo: listen \S+: address already in use "
                                            r"\(EADDRINUSE\)\n$")

    def test_the_http_server_compiles_without_and_with_tls(self):
        _, plain, listens = blocks()
        line = re.search(r"(?m)^ *int rc = weir_listen\(.*\n", plain).group(0)
        for text in plain, plain.replace(line, listens):
            subprocess.run(["cc", "-std=gnu11", "-Wall", "-Wextra", "-Werror",
                            "-I" + ROOT + "/include", "-fsyntax-only", "-x", "c", "-"],
                           input=text, text=True, check=True)

    def test_what_it_names_is_there(self):
        text = readme()
        for path in re.findall(r"`((?:src|doc|include|examples|test|tools)/[\w./-]*)`", text):
            with self.subTest(path=path):
                self.assertTrue(os.path.exists(f"{ROOT}/{path}"))
        rooms = {name for name in os.listdir(ROOT + "/src") if os.path.isdir(f"{ROOT}/src/{name}")}
        self.assertEqual(set(re.findall(r"`src/(\w+)/`", text)), rooms)
        with open(ROOT + "/Makefile", encoding="utf-8") as f:
            targets = set(re.findall(r"(?m)^([\w-]+):", f.read()))
        self.assertEqual(set(re.findall(r"\bmake ([a-z-]+)`", text)) - targets, set())


if __name__ == "__main__":
    unittest.main()
