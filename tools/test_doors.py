# SPDX-License-Identifier: MIT
import unittest

import doors
import fixture


class DoorsTest(fixture.ProjectTest):
    def setUp(self):
        super().setUp()
        self.put("tools/doors.txt", "# who writes\nsrc/base/log.c STDERR_FILENO a door\n")
        self.put("src/base/log.c", "int f(void) {\n    return write(STDERR_FILENO, 0, 0);\n}\n")

    def test_a_door_holds(self):
        self.assertEqual(doors.check(self.root), [])

    def test_who_writes_past_the_doors_is_told(self):
        for call in ('fprintf(stderr, "%s", x)', "puts(x)", "perror(x)", 'dprintf(2, "x")',
                     "write(STDOUT_FILENO, x, 1)", "fwrite(x, 1, 1, stdout)"):
            with self.subTest(call=call):
                self.put("src/cli/a.c", f"void f(char *x) {{\n    {call};\n}}\n")
                self.assert_problem(doors.check(self.root), "src/cli/a.c:2: ")

    def test_what_only_formats_is_free(self):
        self.put("src/cli/a.c", "/* printf(x) */\n"
                                "int f(char *x) __attribute__((format(printf, 1, 2)));\n"
                                'int g(char *x) { return snprintf(x, 1, "puts(%d)", 1); }\n')
        self.assertEqual(doors.check(self.root), [])

    def test_tests_write_as_they_like(self):
        self.put("src/cli/a_test.c", "void f(char *x) { puts(x); }\n")
        self.assertEqual(doors.check(self.root), [])

    def test_an_exception_needs_a_reason(self):
        self.put("tools/doors.txt", "src/base/log.c STDERR_FILENO\n")
        self.assert_problem(doors.check(self.root), "STDERR_FILENO has no reason")

    def test_an_exception_that_nobody_needs_is_told(self):
        self.put("tools/doors.txt", "src/base/log.c STDERR_FILENO a door\nsrc/cli/a.c puts old\n")
        self.assert_problem(doors.check(self.root), "src/cli/a.c has no puts")


if __name__ == "__main__":
    unittest.main()
