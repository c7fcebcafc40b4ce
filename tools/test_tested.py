# SPDX-License-Identifier: MIT
import unittest

import fixture
import tested

HEADER = """/* Returns 0. */
int weir_nap(void);
#define weir_rest(n) weir_deep(n)
#define weir_deep(n) \\
    (weir_nap() + (n))
"""


class TestedTest(fixture.ProjectTest):
    def check(self, path, text):
        self.put("include/weir/x.h", HEADER)
        self.put(path, text)
        return tested.check(self.root)

    def test_a_call_in_a_test_or_an_example_counts(self):
        for path in ("src/task/x_test.c", "src/task/x_test_util.h", "test/story/y.c",
                     "test/install/y.cpp", "examples/z.c"):
            with self.subTest(path):
                self.assertEqual(self.check(path, "int f(void) { return weir_nap(); }\n"), [])
                self.put(path, "")

    def test_a_function_that_nobody_tests_is_told(self):
        self.assert_problem(self.check("src/task/x.c", "int f(void) { return weir_nap(); }\n"),
                            "include/weir/x.h:2: weir_nap is in no test and no example")

    def test_a_mention_is_no_call(self):
        text = '/* weir_nap */ char s[] = "weir_nap";\n'
        self.assert_problem(self.check("src/task/x_test.c", text), "weir_nap is in no test")

    def test_a_macro_that_calls_it_counts_when_it_is_used(self):
        text = "int f(void) { return weir_rest(1); }\n"
        self.assertEqual(self.check("src/task/x_test.c", text), [])


if __name__ == "__main__":
    unittest.main()
