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
    others = ()  # more entries of compile_commands.json

    def check(self, nap, count, edges, source=SOURCE):
        self.put("include/weir/x.h", HEADER.format(nap, count))
        self.put("src/task/x.c", source)
        self.put("tools/edges.txt", edges)
        self.put("build/compile_commands.json", json.dumps([
            self.entry("libweir-objects", "../src/task/x.c"), *self.others]))
        return suspends.check(self.root, self.root + "/build")

    def entry(self, library, source):
        return {"directory": self.root + "/build", "file": source, "output": library + ".a.p/x.o",
                "command": f"cc -I. -O2 -g -MD -MQ x.o -MF x.o.d -o x.o -c {source}"}

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

    def test_a_public_function_without_a_definition_is_told(self):
        self.put("include/weir/y.h", "/* Returns 0. */\nint weir_gone(void);\n")
        self.assert_problem(self.check("WEIR_SUSPENDS ", "", "src/task/x.c:ask -> -\n"),
                            "include/weir/y.h:2: weir_gone is declared, and defined in no library")

    def test_the_marks_of_the_test_library_are_checked_too(self):
        self.put("include/weir/testing.h", "/* Returns 0. */\nint weir_sim_nap(void);\n")
        self.put("src/testing/t.c", "int weir_nap(void);\nint weir_sim_nap(void);\n"
                                    "int weir_sim_nap(void) { return weir_nap(); }\n")
        self.others = [self.entry("libweir-test-objects", "../src/testing/t.c")]
        self.assert_problem(self.check("WEIR_SUSPENDS ", "", "src/task/x.c:ask -> -\n"),
                            "weir_sim_nap is not marked and parks: weir_sim_nap > weir_nap")

    def test_stale_lines_are_told(self):
        self.assert_problem(
            self.check("WEIR_SUSPENDS ", "", "src/task/x.c:ask -> -\nweir_nap -> -\n"),
            "weir_nap makes no call through a pointer")
        self.assert_problem(
            self.check("WEIR_SUSPENDS ", "", "src/task/x.c:ask -> gone\n"),
            "there is no function gone")


if __name__ == "__main__":
    unittest.main()
