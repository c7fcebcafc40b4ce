# SPDX-License-Identifier: MIT
"""The pages doc/from-*.md: each piece of C in them compiles as it stands, and those that are whole
programs are run. A call, header, page or example that a table names exists; so on doc/texts.md,
which names every program of examples/seeds. WEIR_LINK: the libraries to link."""
import glob
import os
import re
import subprocess
import tempfile
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
COMPILE = ["cc", "-std=gnu11", "-Wall", "-Wextra", "-Werror", "-Wno-unused-parameter",
           "-Wno-unused-function", "-I" + ROOT + "/include"]
HEADERS = "".join(f"#include <{name}.h>\n" for name in (
    "errno", "signal", "stdio", "stdlib", "string", "weir/weir", "weir/callback", "weir/worker"))
VARIABLES = {"WEIR_DEBUG", "WEIR_BACKEND", "WEIR_GRID"}  # of the environment
OUTPUTS = {
    "asyncio": "hello a\nhello b\n" * 3,
    "go": "0\n1\n2\n",
    "libuv": "tick\n" * 3,
    "trio-curio": "0\n1\n2\n",
    "twisted": "9\n",
}


def page(name):
    path = f"{ROOT}/doc/{name}.md" if name == "texts" else f"{ROOT}/doc/from-{name}.md"
    with open(path, encoding="utf-8") as f:
        return f.read()


def examples_named(text):
    """Paths below examples/, as `seeds/fib.c`, `mesh-ask.c` or examples/tcp-proxy.c name them."""
    found = re.findall(r"(?:`|\bexamples/)((?:[\w-]+/)*[\w-]+\.(?:c|yaml))\b", text)
    return {path.removeprefix("examples/") for path in found}


def names_of_headers():
    text = ""
    for path in glob.glob(ROOT + "/include/weir/*.h"):
        with open(path, encoding="utf-8") as f:
            text += f.read()
    return set(re.findall(r"\b(?:weir|WEIR)_\w+", text))


class FromTest(unittest.TestCase):
    def test_there_is_a_page_for_each_and_each_has_a_program(self):
        found = {os.path.basename(p)[len("from-"):-len(".md")]
                 for p in glob.glob(ROOT + "/doc/from-*.md")}
        self.assertEqual(found, set(OUTPUTS))
        for name in OUTPUTS:
            self.assertEqual(page(name).count("int main("), 1, name)

    def test_pieces_compile_and_programs_print(self):
        for name, output in OUTPUTS.items():
            for i, piece in enumerate(re.findall(r"(?ms)^```c\n(.*?)^```", page(name))):
                with self.subTest(page=name, piece=i), tempfile.TemporaryDirectory() as folder:
                    self.compile(folder, piece)
                    if "int main(" in piece:
                        out = subprocess.run([folder + "/piece"], check=True, text=True,
                                             capture_output=True, timeout=60).stdout
                        self.assertEqual(out, output)

    def compile(self, folder, piece):
        whole = "int main(" in piece
        with open(folder + "/piece.c", "w", encoding="utf-8") as f:
            f.write(HEADERS + piece)
        end = os.environ["WEIR_LINK"].split() if whole else ["-c"]
        subprocess.run([*COMPILE, "-o", folder + "/piece", folder + "/piece.c", *end], check=True)

    def test_every_name_is_one_of_a_header(self):
        known = names_of_headers()
        for name in [*OUTPUTS, "texts"]:
            used = set(re.findall(r"\b(?:weir|WEIR)_\w+", page(name)))
            self.assertEqual(used - known - VARIABLES, set(), name)

    def test_every_file_that_is_named_exists(self):
        for name in [*OUTPUTS, "texts"]:
            named = {f"examples/{path}" for path in examples_named(page(name))}
            named |= set(re.findall(r"\bdoc/[\w/-]+\.md\b", page(name)))
            named |= {"include/" + h for h in re.findall(r"\bweir/\w+\.h\b", page(name))}
            missing = [path for path in named if not os.path.exists(f"{ROOT}/{path}")]
            self.assertEqual(missing, [], name)

    def test_the_page_of_the_texts_has_every_program_of_the_seeds(self):
        seeds = {"seeds/" + os.path.basename(p) for p in glob.glob(ROOT + "/examples/seeds/*.c")}
        self.assertEqual(seeds - examples_named(page("texts")), set())


if __name__ == "__main__":
    unittest.main()
