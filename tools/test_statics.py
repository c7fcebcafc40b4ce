# SPDX-License-Identifier: MIT
import json
import subprocess
import unittest

import fixture
import statics

PART = """struct weir__part { const char *name; void *state; };
static struct { int users; } kept;
static const struct weir__part part = {
    .name = "pool",
    .state = &kept,
};
const struct weir__part *weir__f(void) { kept.users++; return &part; }
"""


class StaticsTest(fixture.ProjectTest):
    def setUp(self):
        super().setUp()
        self.entries = []

    def check(self, text, allowed="", path="src/sys/pool.c", target="libweir-objects.a.p"):
        self.put("tools/statics.txt", allowed)
        self.put(path, text)
        output = f"{target}/{path.replace('/', '_')}.o"
        self.put(f"build/{output}", "")
        subprocess.run(["cc", "-c", "-O1", "-w", "-fPIC", "-o", f"{self.root}/build/{output}",
                        f"{self.root}/{path}"], check=True)
        self.entries.append({"directory": f"{self.root}/build", "file": f"../{path}",
                             "output": output})
        self.put("build/compile_commands.json", json.dumps(self.entries))
        return statics.check(self.root, f"{self.root}/build")

    def test_the_state_of_a_part_passes(self):
        self.assertEqual(self.check(PART), [])

    def test_what_can_be_written_and_is_no_part_is_found(self):
        for text, name in (("static int count;", "count"), ("static int count = 3;", "count"),
                           ("int *weir__a_name_of_more_than_20;", "weir__a_name_of_more_than_20"),
                           ("static int *count = &count2;", "count")):
            function = f" void weir__f(void) {{ {name}++; }}"
            self.assert_problem(self.check("extern int count2;" + text + function),
                                f"src/sys/pool.c: {name} can be written while the library runs")

    def test_what_a_function_keeps_is_found_by_its_own_name(self):
        self.assert_problem(self.check("int weir__f(void) { static int count; return count++; }"),
                            "src/sys/pool.c: count can be written")

    def test_constants_and_what_is_of_one_thread_pass(self):
        self.assertEqual(self.check("""
extern int weir__other;
const int weir__limit = 3;
int *const weir__table[] = {&weir__other};
static __thread int mine;
int *weir__f(void) { mine++; return &mine; }
"""), [])

    def test_a_line_with_a_reason_allows_an_object(self):
        text = "int weir__f(void) { static int count; return count++; }"
        self.assertEqual(self.check(text, "# why\nsrc/sys/pool.c count set by tests\n"), [])
        self.assert_problem(self.check(text, "src/sys/pool.c count\n"),
                            "tools/statics.txt:1: count has no reason")

    def test_a_line_whose_object_has_gone_or_become_a_part_is_found(self):
        self.assert_problem(self.check("int weir__f(void) { return 1; }",
                                       "src/sys/pool.c count set by tests\n"),
                            "src/sys/pool.c has no count outside of a part")
        self.assert_problem(self.check(PART, "src/sys/pool.c kept set by tests\n"),
                            "src/sys/pool.c has no kept outside of a part")

    def test_a_fork_hook_of_ones_own_is_found(self):
        self.assert_problem(self.check("void weir__f(void) { pthread_atfork(0, 0, 0); }"),
                            "src/sys/pool.c: src/base/process.c alone registers fork hooks")

    def test_a_program_may_have_what_it_likes(self):
        self.assertEqual(self.check("int count;", path="src/cli/up.c", target="weir.p"), [])


if __name__ == "__main__":
    unittest.main()
