# SPDX-License-Identifier: MIT
"""The programs of doc/design/api.md are compiled, linked, and run where they end by themselves.
WEIR_LINK: the libraries to link."""
import os
import re
import signal
import socket
import subprocess
import tempfile
import time
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
COMPILE = ["cc", "-std=gnu11", "-Wall", "-Wextra", "-Werror", "-Wno-unused-parameter",
           "-I" + ROOT + "/include"]
HEADERS = "".join(f"#include <{name}.h>\n" for name in (
    "errno", "pthread", "signal", "stdio", "stdlib", "string", "weir/weir", "weir/worker"))
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

    def test_there_are_twenty_and_they_are_short(self):
        self.assertEqual(sorted(PROGRAMS), list(range(1, 21)))
        self.assertEqual(PAGE.count("```c\n"), 20)
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
            wait_until_caught(program.pid, signal.SIGTERM)
            program.terminate()
            out, _ = program.communicate(timeout=30)
        self.assertEqual((program.returncode, out), (0, "put away\n"))

    def test_20_deferred(self):
        self.assertEqual(self.out(20), "no number\n0\n")

    def test_6_worker(self):
        path = self.build(6)
        out = subprocess.run([path, "--help"], check=True, text=True, capture_output=True).stdout
        self.assertIn("--with KEY=VALUE", out)


def wait_until_caught(pid, number):
    """Until the process pid catches or blocks the signal, so that it does not die of it."""
    while True:
        with open(f"/proc/{pid}/status", encoding="ascii") as f:
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
