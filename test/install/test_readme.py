# SPDX-License-Identifier: MIT
"""The program that the README shows is built and used, as it stands but for its port."""
import os
import re
import signal
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


class ReadmeTest(unittest.TestCase):
    def build(self, folder, port):
        with open(ROOT + "/README.md", encoding="utf-8") as f:
            program = re.search(r"```c\n(.*?)```", f.read(), re.S).group(1)
        with open(folder + "/echo.c", "w", encoding="utf-8") as f:
            f.write(program.replace(":7000", f":{port}"))
        subprocess.run(["cc", "-std=gnu11", "-Wall", "-Wextra", "-Wno-unused-parameter", "-Werror",
                        "-I" + ROOT + "/include", "-o", folder + "/echo", folder + "/echo.c",
                        *os.environ["WEIR_LINK"].split()], check=True)

    def test_the_program_echoes_and_stops_on_sigterm(self):
        with tempfile.TemporaryDirectory() as folder:
            port = free_port()
            self.build(folder, port)
            server = subprocess.Popen([folder + "/echo"])
            self.addCleanup(server.kill)
            with connect(port) as peer:
                peer.sendall(b"hello")
                self.assertEqual(peer.recv(5, socket.MSG_WAITALL), b"hello")
            server.send_signal(signal.SIGTERM)
            self.assertEqual(server.wait(10), 0)


if __name__ == "__main__":
    unittest.main()
