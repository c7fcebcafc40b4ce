# SPDX-License-Identifier: MIT
import json
import unittest

import fixture
import suspends

HEADER = "/* Returns 0. */\n{0}int weir_nap(void);\n/* Returns 0. */\n{1}int weir_count(void);\n"
SOURCE = """
int weir__park(void);
int weir_nap(void);
int weir_count(void);
static int (*hook)(void);
static int deeper(void) { return weir__park(); }
int weir_nap(void) { return deeper() + 1; }
static int ask(void) {
    return hook ? hook() : 0;
}
int weir_count(void) { return ask(); }
"""


class SuspendsTest(fixture.ProjectTest):
    def check(self, nap, count, edges, source=SOURCE):
        self.put("include/weir/x.h", HEADER.format(nap, count))
        self.put("src/task/x.c", source)
        self.put("tools/edges.txt", edges)
        self.put("build/compile_commands.json", json.dumps([{
            "directory": self.root + "/build", "file": "../src/task/x.c",
            "output": "libweir-objects.a.p/x.c.o",
            "command": "cc -I. -O2 -g -MD -MQ x.c.o -MF x.c.o.d -o x.c.o -c ../src/task/x.c"}]))
        return suspends.check(self.root, self.root + "/build")

    def test_true_marks_pass(self):
        self.assertEqual(self.check("WEIR_SUSPENDS ", "", "src/task/x.c:ask -> -\n"), [])

    def test_a_missing_mark_is_told_with_the_way(self):
        self.assert_problem(self.check("", "", "src/task/x.c:ask -> -\n"),
                            "weir_nap > src/task/x.c:deeper > weir__park")

    def test_a_false_mark_is_told(self):
        self.assert_problem(
            self.check("WEIR_SUSPENDS ", "WEIR_SUSPENDS ", "src/task/x.c:ask -> -\n"),
            "weir_count is marked WEIR_SUSPENDS and never parks")

    def test_a_call_through_a_pointer_must_be_listed(self):
        self.assert_problem(self.check("WEIR_SUSPENDS ", "", ""),
                            "src/task/x.c:ask calls through a pointer")

    def test_a_listed_edge_counts(self):
        edges = "src/task/x.c:ask -> weir_nap\n"
        self.assertEqual(self.check("WEIR_SUSPENDS ", "WEIR_SUSPENDS ", edges), [])
        self.assert_problem(self.check("WEIR_SUSPENDS ", "", edges), "weir_count is not marked")

    def test_a_field_stands_for_all_who_call_through_it(self):
        source = SOURCE.replace("static int (*hook)(void);",
                                "static struct { int (*ask)(void); } hook = { .ask = weir_nap };"
                                ).replace("hook ? hook()", "hook.ask ? hook.ask()")
        marks = ("WEIR_SUSPENDS ", "WEIR_SUSPENDS ")
        self.assertEqual(self.check(*marks, ".ask -> weir_nap\n", source), [])
        problems = self.check(*marks, ".ask -> -\n", source)
        self.assertEqual(len(problems), 2, problems)
        self.assertIn(".ask may be weir_nap, which parks", problems[0])

    def test_a_function_that_calls_nobody_is_known(self):
        source = SOURCE + "static int leaf(void) { return 0; }\nint (*weir_hook)(void) = leaf;\n"
        self.assertEqual(self.check("WEIR_SUSPENDS ", "", "src/task/x.c:ask -> leaf\n", source), [])

    def test_stale_lines_are_told(self):
        self.assert_problem(
            self.check("WEIR_SUSPENDS ", "", "src/task/x.c:ask -> -\nweir_nap -> -\n"),
            "weir_nap makes no call through a pointer")
        self.assert_problem(
            self.check("WEIR_SUSPENDS ", "", "src/task/x.c:ask -> gone\n"),
            "there is no function gone")


if __name__ == "__main__":
    unittest.main()
