# SPDX-License-Identifier: MIT
import unittest

import csource
import fixture
import sizes


def function(lines, name="grow"):
    return f"int {name}(void) {{\n" + "    step();\n" * (lines - 2) + "}\n"


class SizesTest(fixture.ProjectTest):
    def setUp(self):
        super().setUp()
        self.put("tools/sizes-allow.txt", "# none\n")

    def check(self):
        return sizes.check(self.root)

    def test_the_limits_themselves_are_allowed(self):
        self.put("src/base/a.c", function(70) + "/* " + "x" * 94 + " */\n")
        self.put("include/weir/a.h", "\n" * 300)
        self.assertEqual(self.check(), [])

    def test_a_long_function_is_told(self):
        self.put("src/base/a.c", function(71))
        self.assert_problem(self.check(), "src/base/a.c:grow: function 71, limit 70")

    def test_a_long_file_and_a_long_header_are_told(self):
        self.put("src/base/a.c", "\n" * 601)
        self.assert_problem(self.check(), "src/base/a.c: file 601")
        self.put("src/base/a.c", "")
        self.put("include/weir/a.h", "\n" * 301)
        self.assert_problem(self.check(), "include/weir/a.h: header 301")

    def test_a_wide_line_is_told(self):
        self.put("src/base/a.c", "/* " + "x" * 95 + " */\n")
        self.assert_problem(self.check(), "line 101")

    def test_deep_nesting_is_told_with_and_without_braces(self):
        self.put("src/base/a.c", "int f(int a) {\n    for (;;)\n    while (a)\n    if (a)\n"
                                 "    switch (a) {\n    case 1: return 1;\n    }\n}\n")
        self.assert_problem(self.check(), "src/base/a.c:f: nesting 4, limit 3")

    def test_a_condition_in_the_wrong_place_is_told(self):
        self.put("src/base/a.h", "#ifndef WEIR_BASE_A_H\n#define WEIR_BASE_A_H\n"
                                 "#ifdef __cplusplus\n#endif\n#endif\n")
        self.put("src/sys/b.c", "#if 1\n#endif\n")
        self.put("src/task/switch.h", "#ifdef __x86_64__\n#endif\n")
        self.assertEqual(self.check(), [])
        self.put("src/base/a.c", "#if defined(__linux__)\n#endif\n")
        self.assert_problem(self.check(), "src/base/a.c: if 1, limit 0")

    def test_an_exception_needs_a_reason_and_a_need(self):
        self.put("src/base/a.c", function(80))
        self.put("tools/sizes-allow.txt", "function src/base/a.c:grow 80 one table, in order\n")
        self.assertEqual(self.check(), [])
        self.put("src/base/a.c", function(60))
        self.assert_problem(self.check(), "function src/base/a.c:grow is not needed")
        self.put("tools/sizes-allow.txt", "function src/base/a.c:grow 80\n")
        self.assert_problem(self.check(), "not RULE PLACE LIMIT REASON")

    def test_functions_are_found_in_real_code(self):
        text = ('static const struct x table[] = { { "a", f }, };\n'
                "struct y { int (*g)(int); };\n"
                '#define M(x) do { if (x) { } } while (0)\nextern "C" {\n'
                "__attribute__((noinline)) static int one(int (*h)(void)) {\n"
                '    char c = \'{\', *s = "}}";\n    struct y v = (struct y){ 0 };\n'
                "    if (c) return 1; else if (*s) return 2; else return 3;\n}\n}\n"
                "WEIR_TEST(two) {\n    FOR_EACH(a, b) { if (a) return; }\n}\n")
        found = [tuple(f) for f in csource.functions(text)]
        self.assertEqual(found, [("one", 5, 9, 1), ("two", 11, 13, 2)])
        self.assertEqual(csource.functions("int f(int a) __attribute__((x)) {}\n")[0].name, "f")


if __name__ == "__main__":
    unittest.main()
