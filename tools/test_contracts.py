# SPDX-License-Identifier: MIT
import unittest

import contracts
import fixture

HEAD = '#ifdef __cplusplus\nextern "C" {\n#endif\nstruct weir_x { int a; };\n'


class ContractsTest(fixture.ProjectTest):
    def setUp(self):
        super().setUp()
        self.put("tools/names.txt", "")

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
                            "there is no WEIR_EWRONG")

    def test_a_name_that_does_not_exist_is_told(self):
        self.assert_problem(self.check("/* See `gone_x`. */\nvoid weir_f(void);\n"),
                            "`gone_x` is nowhere in the code")
        self.assertEqual(self.check("/* See `struct weir_x` and `a + b`. */\nvoid weir_f(void);\n"),
                         [])

    def test_names_in_the_sources_are_checked_too(self):
        self.put("src/base/a.c", "/* Called by `old_name`. */\n")
        self.assert_problem(self.check(""), "src/base/a.c:1: `old_name` is nowhere")

    def test_a_name_without_quotes_that_does_not_exist_is_found(self):
        self.put("test/a.c", "/* Undone by weir__gone. */\n")
        self.assert_problem(self.check(""), "test/a.c:1: there is no weir__gone")
        self.put("test/a.c", '/* weir_x, WEIR_E*, weir_*, A.weir */ char *s = "WEIR_ENV";\n'
                             "enum { WEIR_EX };\n/* WEIR_ENV */")
        self.assertEqual(self.check(""), [])

    def test_the_head_of_no_name_is_found(self):
        self.put("test/a.c", "/* All of weir_y_*. */\n")
        self.assert_problem(self.check(""), "there is no weir_y_*")

    def test_a_file_that_does_not_exist_is_found(self):
        self.put("src/base/a.c", "/* See b.c, base/a.c, <sys/b.h>, ::a.b.c.d and a.cc. */\n")
        self.assert_problem(self.check(""), "src/base/a.c:1: there is no b.c")
        self.put("src/base/b.c", "")
        self.assertEqual(self.check(""), [])
        self.put("src/base/a.c", "/* See sys/b.c. */\n")
        self.assert_problem(self.check(""), "there is no sys/b.c")

    def test_pages_are_checked_too(self):
        self.put("doc/design/x.md", "It\nis weir_gone.\n")
        self.assert_problem(self.check(""), "doc/design/x.md:2: there is no weir_gone")
        self.put("doc/design/x.md", "")
        self.put("doc/man/weir_x.3", ".Dt WEIR_X 3\n.Fn weir_x\nfoo.c\n")
        self.assert_problem(self.check(""), "doc/man/weir_x.3:3: there is no foo.c")
        self.put("doc/man/weir_x.3", "")
        self.put("README.md", "weir_gone")
        self.assert_problem(self.check(""), "README.md:1: there is no weir_gone")

    def test_a_page_may_use_a_listed_name_and_a_comment_may_not(self):
        self.put("tools/names.txt", "# why\ncoming weir_soon # so\nuser mine.c\n")
        self.put("doc/x.md", "weir_soon in mine.c")
        self.assertEqual(self.check(""), [])
        self.put("src/base/a.c", "/* weir_soon */\n")
        self.assert_problem(self.check(""), "src/base/a.c:1: there is no weir_soon")

    def test_a_listed_name_that_exists_or_is_not_used_fails(self):
        self.put("tools/names.txt", "coming weir_x\n")
        self.put("doc/x.md", "weir_x")
        self.assert_problem(self.check(""), "names.txt:1: weir_x exists now")
        self.put("tools/names.txt", "gone weir_old\n")
        self.assert_problem(self.check(""), "names.txt:1: no page names weir_old")
        self.put("tools/names.txt", "weir_old\n")
        self.assert_problem(self.check(""), "names.txt:1: not KIND NAME")


if __name__ == "__main__":
    unittest.main()
