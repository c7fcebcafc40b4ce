# SPDX-License-Identifier: MIT
import unittest

import fixture
import pages


class PagesTest(fixture.ProjectTest):
    def check(self):
        return pages.check(self.root)

    def test_a_line_of_121_columns_is_refused(self):
        self.put("doc/design/a.md", "x" * 120 + "\n")
        self.assertEqual(self.check(), [])
        self.put("doc/design/a.md", "short\n" + "| " + "x" * 119 + "\n")
        self.assert_problem(self.check(), "doc/design/a.md:2: 121 columns, limit 120")

    def test_quoted_code_is_what_the_file_says(self):
        self.put("src/a.c", "one();\ntwo();\nthree();\nfour();\n")
        self.put("doc/a.md", "# A\n```c src/a.c\ntwo();\n...\nfour();\n```\n")
        self.assertEqual(self.check(), [])
        self.put("src/a.c", "one();\ntwo(2);\nthree();\nfour();\n")
        self.assert_problem(self.check(), "doc/a.md:2: src/a.c does not say 'two();'")

    def test_quoted_lines_stand_together_and_in_order(self):
        self.put("src/a.c", "one();\ntwo();\nthree();\n")
        self.put("doc/a.md", "```c src/a.c\none();\nthree();\n```\n")
        self.assert_problem(self.check(), "does not say 'one();' and the 1 lines behind it")
        self.put("doc/a.md", "```c src/a.c\ntwo();\n...\none();\n```\n")
        self.assert_problem(self.check(), "does not say 'one();'")

    def test_a_quoted_file_that_is_gone_is_named(self):
        self.put("doc/a.md", "```c src/gone.c\none();\n```\n")
        self.assert_problem(self.check(), "quotes src/gone.c, which does not exist")

    def test_code_without_a_file_is_not_compared(self):
        self.put("doc/a.md", "```c\nanything();\n```\n```\npicture\n```\n")
        self.assertEqual(self.check(), [])


if __name__ == "__main__":
    unittest.main()
