# SPDX-License-Identifier: MIT
import contextlib
import io
import json
import subprocess
import unittest

import circles
import fixture

RING = {"a": ["b"], "b": ["c"], "c": ["a"], "d": ["a"]}


class CirclesTest(fixture.ProjectTest):
    def setUp(self):
        super().setUp()
        self.put("tools/ranks.txt", "room 0 base\nroom 1 sys\n")
        self.put("tools/circles.txt", "")
        self.entries = []

    def compile(self, path, text, target="libweir-objects.a.p"):
        self.put(path, text)
        output = f"{target}/{path.replace('/', '_')}.o"
        self.put(f"build/{output}", "")
        subprocess.run(["cc", "-c", "-O1", "-w", "-o", f"{self.root}/build/{output}",
                        f"{self.root}/{path}"], check=True)
        self.entries.append({"directory": f"{self.root}/build", "file": f"../{path}",
                             "output": output})
        self.put("build/compile_commands.json", json.dumps(self.entries))

    def plant(self, needs, room="base"):
        """A file for each name, with a function of that name that calls those it needs."""
        for name, callees in needs.items():
            calls = "".join(f"weir__{callee}();" for callee in callees)
            self.compile(f"src/{room}/{name}.c", f"void weir__{name}(void) {{ {calls} }}")

    def check(self, allowed=None):
        if allowed is not None:
            self.put("tools/circles.txt", allowed)
        return circles.check(self.root, f"{self.root}/build")

    def test_files_that_need_each_other_one_way_pass(self):
        self.plant({"a": ["b", "c"], "b": ["c"], "c": []})
        self.assertEqual(self.check(), [])

    def test_a_circle_is_found_with_the_symbols_that_tie_it(self):
        self.plant(RING)
        self.assert_problem(self.check(), "these files need each other: base/a.c base/b.c base/c.c")
        self.assertIn("base/c.c needs base/a.c: weir__a", self.check()[0])
        self.assertNotIn("d.c", self.check()[0])

    def test_a_listed_circle_passes_and_needs_a_reason(self):
        self.plant(RING)
        self.assertEqual(self.check("# why\nbase: a.c b.c c.c\n    One thing.\n"), [])
        self.assert_problem(self.check("base: a.c b.c c.c\n"), "circles.txt:1: base/a.c base/b.c "
                                                               "base/c.c has no reason")

    def test_a_circle_that_has_grown_fails_and_so_does_its_line(self):
        self.plant(RING)
        problems = self.check("base: a.c b.c\n    One thing.\n")
        self.assertEqual(len(problems), 2, problems)
        self.assertIn("need each other: base/a.c base/b.c base/c.c", problems[0])

    def test_a_listed_circle_that_has_shrunk_fails(self):
        self.plant({"a": ["b"], "b": ["a"], "c": []})
        problems = self.check("base: a.c b.c c.c\n    One thing.\n")
        self.assertIn("there is only base/a.c base/b.c", problems[-1])
        self.assertEqual(self.check("base: a.c b.c\n    One thing.\n"), [])

    def test_a_listed_circle_that_is_gone_fails(self):
        self.plant({"a": ["b"], "b": []})
        self.assert_problem(self.check("base: a.c b.c\n    One thing.\n"), "no circle any more")

    def test_data_counts_as_functions_do(self):
        self.compile("src/base/a.c", "extern int weir__b, *f; int weir__a, *f = &weir__b;")
        self.compile("src/base/b.c", "extern int weir__a, *g; int weir__b, *g = &weir__a;")
        self.assert_problem(self.check(), "base/a.c needs base/b.c: weir__b")

    def test_an_inline_function_counts_for_the_file_that_uses_it(self):
        self.put("src/base/a.h", "void weir__a(void); static inline void x(void) { weir__a(); }")
        self.compile("src/base/b.c", '#include "a.h"\nvoid weir__b(void) { x(); }')
        self.compile("src/base/c.c", '#include "a.h"\nint weir__c;')
        self.compile("src/base/a.c", "void weir__b(void); void weir__a(void) { weir__b(); }")
        self.assert_problem(self.check(), "need each other: base/a.c base/b.c\n")

    def test_static_functions_of_one_name_tie_nothing(self):
        for name in ("a", "b"):
            self.compile(f"src/base/{name}.c", "int printf(const char *, ...); static int f(void) "
                         f"{{ return printf(\"\"); }} int weir__{name}(void) {{ return f(); }}")
        self.assertEqual(self.check(), [])

    def test_hooks_of_the_compiler_tie_nothing(self):
        self.compile("src/base/a.c", "void weir__b(void); void __cyg_enter(void) { weir__b(); }")
        self.compile("src/base/b.c", "void __cyg_enter(void); void weir__b(void){ __cyg_enter(); }")
        self.assertEqual(self.check(), [])

    def test_a_room_needs_only_lower_ranks(self):
        self.plant({"a": []}, "base")
        self.plant({"s": ["a"]}, "sys")
        self.assertEqual(self.check(), [])
        self.plant({"b": ["s"]}, "base")
        problems = self.check()
        self.assertIn("these rooms need each other: base sys", problems)
        self.assertIn("base (0) needs sys (1): src/base/b.c needs weir__s of src/sys/s.c", problems)

    def test_the_other_machines_switch_has_the_same_name(self):
        self.plant({"a": ["s"]})
        self.compile("src/base/s_aarch64.S", ".globl weir__s\nweir__s: .quad weir__a\n")
        self.assert_problem(self.check(), "need each other: base/a.c base/s.S")

    def test_the_same_source_built_for_a_test_is_passed_over(self):
        self.plant({"a": []})
        self.compile("src/base/a.c", "void weir__a(void) {}", "test/marks.p")
        self.assertEqual(self.check(), [])

    def test_a_build_that_cannot_be_read_says_so(self):
        self.put("build/compile_commands.json", "[]")
        self.assert_problem(self.check(), "is not built")
        self.compile("src/base/a.c", "static int x;")
        self.assert_problem(self.check(), "nm finds no symbol in the object of src/base/a.c")

    def test_the_table_has_a_line_for_each_room(self):
        self.plant(RING)
        self.plant({"s": ["a"]}, "sys")
        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            circles.main(["--table", self.root, f"{self.root}/build"])
        lines = [line.split() for line in out.getvalue().splitlines()]
        self.assertEqual(lines[1], ["base", "4", "3", "3:", "base/a.c", "base/b.c", "base/c.c"])
        self.assertEqual(lines[2], ["sys", "1", "0", "-"])
        self.assertEqual(lines[3][-1], "-")


if __name__ == "__main__":
    unittest.main()
