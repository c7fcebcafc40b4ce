# SPDX-License-Identifier: MIT
"""The programs of doc/design/api.md are compiled, linked, and run where they end by themselves.
WEIR_LINK: the libraries to link."""
import os
import re
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


def whole(program):
    """The program with what the page leaves out: headers, the client of the echo server that
    another program has shown, and a main that runs its last function."""
    if "client," in program and "int client" not in program:
        program = PROGRAMS[4].split("static int serve")[0] + program
    if not re.search(r"int main\(|WEIR_WORKER_MAIN\(", program):
        last = re.findall(r"(?m)^static int (\w+)\(void \*arg\)", program)[-1]
        program += ("\nint main(int argc, char **argv) {\n"
                    f"    return weir_run({last}, argv[argc - 1], NULL) < 0;\n}}\n")
    return HEADERS + program


class ApiTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        holder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(holder.cleanup)
        cls.folder = holder.name

    def build(self, number):
        path = f"{self.folder}/program-{number}"
        with open(path + ".c", "w", encoding="utf-8") as f:
            f.write(whole(PROGRAMS[number]))
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

    def test_7_stream(self):
        self.assertEqual(self.out(7), "10000 bytes\n")

    def test_8_offload(self):
        self.assertRegex(self.out(8), r"/program-8 [0-9a-f]+\n")  # it reads itself

    def test_10_errors(self):
        self.assertEqual(self.out(10), "nobody listens there\n")

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
