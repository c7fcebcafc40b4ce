# SPDX-License-Identifier: MIT
import unittest

import deadlines
import fixture


class DeadlinesTest(fixture.ProjectTest):
    def check(self, text, path="src/stream/x.c"):
        self.put(path, text)
        return deadlines.check(self.root)

    def test_a_sum_of_a_clock_is_told(self):
        for text in ("arm(weir__loop_now(r->loop) + gap);", "at = w->now_ns + pause;",
                     "w->now_ns += step;", "at = f->ops->now(f->inner) + late;", "at = now + 1;",
                     "int i;\nat = weir_now()\n    + after;"):
            with self.subTest(text):
                problems = self.check(f"void f(void) {{ {text} }}\n")
                self.assert_problem(problems, "a time is made by +: weir__deadline")

    def test_a_line_is_named(self):
        self.assert_problem(self.check("int i;\nint j = now + 1;\n"), "src/stream/x.c:2: ")

    def test_a_difference_a_comment_and_a_test_are_none(self):
        self.assertEqual(self.check("int f(void) { return now - then + 0; } /* now + 1 */\n"), [])
        self.assertEqual(self.check("weir_ns a = weir__deadline(weir_now(), b);\n"), [])
        self.assertEqual(self.check("int j = now + 1;\n", "src/stream/y_test.c"), [])
        self.assertEqual(self.check("int j = now + 1;\n", "src/cli/y.c"), [])


if __name__ == "__main__":
    unittest.main()
