# SPDX-License-Identifier: MIT
"""The programs of doc/design/api.md are compiled, linked, and run where they end by themselves.
WEIR_LINK: the libraries to link."""
import os
import re
import socket
import subprocess
import tempfile
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
COMPILE = ["cc", "-std=gnu11", "-Wall", "-Wextra", "-Werror", "-Wno-unused-parameter",
           "-I" + ROOT + "/include"]
HEADERS = "".join(f"#include <{name}.h>\n" for name in (
    "errno", "signal", "stdio", "stdlib", "string", "weir/weir", "weir/worker"))
LINES_MAX = 25

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
    if "client," in program and "int client" not in program:
        program = PROGRAMS[4].split("static int serve")[0] + program
    if not re.search(r"int main\(|WEIR_WORKER_MAIN\(", program):
        program += ("\nint main(int argc, char **argv) {\n"
                    f"    return weir_run({last_function(program)}, argv[argc - 1], NULL) < 0;\n"
                    "}\n")
    return HEADERS + program


class ApiTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        holder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(holder.cleanup)
        cls.folder = holder.name

    def build(self, number, text=None, variant=""):
        path = f"{self.folder}/program-{number}{variant}"
        with open(path + ".c", "w", encoding="utf-8") as f:
            f.write(whole(text or PROGRAMS[number]))
        subprocess.run([*COMPILE, "-o", path, path + ".c", *os.environ["WEIR_LINK"].split()],
                       check=True)
        return path

    def out(self, number):
        return subprocess.run([self.build(number)], check=True, text=True, capture_output=True,
                              timeout=30).stdout

    def test_there_are_ten_and_they_are_short(self):
        self.assertEqual(sorted(PROGRAMS), list(range(1, 11)))
        self.assertEqual(PAGE.count("```c\n"), 10)
        self.assertEqual([n for n, text in PROGRAMS.items() if text.count("\n") > LINES_MAX], [])

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
            for backend in ["epoll"] + ["uring"] * ("uring" in os.environ["WEIR_LINK"]):
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
                path = self.build(number, text + FIRED % last_function(text), "-fired")
                done = subprocess.run([path], capture_output=True, timeout=30)
                self.assertEqual(done.returncode, 0)

    def test_7_stream(self):
        self.assertEqual(self.out(7), "10000 bytes\n")

    def test_8_offload(self):
        self.assertRegex(self.out(8), r"/program-8 [0-9a-f]+\n")  # it reads itself

    def test_10_errors(self):
        self.assertEqual(self.out(10), "nothing listens there\n")

    def test_6_worker(self):
        path = self.build(6)
        out = subprocess.run([path, "--help"], check=True, text=True, capture_output=True).stdout
        self.assertIn("--with KEY=VALUE", out)


def compiles(number):
    return lambda self: self.build(number)


for title, which in (("timeout", 3), ("echo", 4), ("reactive_echo", 5), ("signal", 9)):
    setattr(ApiTest, f"test_{which}_{title}", compiles(which))


if __name__ == "__main__":
    unittest.main()
