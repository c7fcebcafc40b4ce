# SPDX-License-Identifier: MIT
import unittest

import contracts
import fixture

HEAD = '#ifdef __cplusplus\nextern "C" {\n#endif\nstruct weir_x { int a; };\n'


class ContractsTest(fixture.ProjectTest):
    def check(self, text):
        self.put("include/weir/x.h", HEAD + text)
        return contracts.check(self.root)

    def test_a_whole_contract_passes(self):
        self.assertEqual(self.check(
            "/* Read some. Returns the count; -ECANCELED, WEIR_ETORN. */\n"
            "enum { WEIR_ETORN = -5000 };\n\n"
            "/* Read `weir_x`. Returns 0; -EDEADLK, WEIR_ETORN, WEIR_E*. */\n"
            "WEIR_API int weir_read(struct weir_x *x,\n                  int n);\n"
            "WEIR_API int weir_peek(struct weir_x *x);\n"), [])

    def test_a_missing_contract_is_told(self):
        text = "/* Something. */\n\nWEIR_API void weir_f(int (*g)(int));\n"
        self.assert_problem(self.check(text),
                            "weir_f has no contract directly above")

    def test_silence_about_the_result_is_told(self):
        self.assert_problem(self.check("/* Go. */\nint weir_go_on(void);\n"),
                            "does not say what")
        self.assertEqual(self.check("/* Go. */\nvoid weir_go_on(void);\n"), [])

    def test_an_error_that_does_not_exist_is_told(self):
        self.assert_problem(self.check("/* Returns 0; -ENOSUCH. */\nint weir_f(void);\n"),
                            "there is no error ENOSUCH")
        self.assert_problem(self.check("/* Returns 0; WEIR_EWRONG. */\nint weir_f(void);\n"),
                            "there is no error WEIR_EWRONG")

    def test_a_name_that_does_not_exist_is_told(self):
        self.assert_problem(self.check("/* See `weir_gone`. */\nvoid weir_f(void);\n"),
                            "`weir_gone` is nowhere in the code")
        self.assertEqual(self.check("/* See `struct weir_x` and `a + b`. */\nvoid weir_f(void);\n"),
                         [])

    def test_names_in_the_sources_are_checked_too(self):
        self.put("src/base/a.c", "/* Called by `old_name`. */\n")
        self.assert_problem(self.check(""), "src/base/a.c:1: `old_name` is nowhere")


if __name__ == "__main__":
    unittest.main()
