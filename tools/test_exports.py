# SPDX-License-Identifier: MIT
import contextlib
import io
import subprocess
import unittest

import exports
import fixture

HEADER = """#define weir_macro(x) weir_hidden(x) \\
    + weir_more(x)
/* weir_in_comment() */
struct weir_ops { int (*weir_field)(void); };
typedef int (*weir_fn)(void);
#ifdef __cplusplus
extern "C" {
#endif
int weir_one(int (*fn)(void), struct weir_ops *o) __attribute__((nonnull(1)));
extern const int weir_table[3];
static inline int weir_inline(void) { return 0; }
"""
SOURCE = "int weir_one(void){return 0;} const int weir_table[3]; int weir__secret(void){return 0;}"


class ExportsTest(fixture.ProjectTest):
    def setUp(self):
        super().setUp()
        self.put("include/weir/x.h", HEADER)
        self.put("include/weir/testing.h", "void weir_fault_at(int n);\n")
        self.put("src/base/a.c", "")
        exports.update(self.root)

    def build(self, name, source):
        self.put(name + ".c", source)
        so = f"{self.root}/{name}.so"
        subprocess.run(["cc", "-shared", "-fPIC", "-o", so, f"{self.root}/{name}.c"], check=True)
        return so

    def check(self, source, user=None):
        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            exports.check(self.root, "weir", self.build("weir", source),
                          *([self.build("user", user)] if user else []))
        return out.getvalue().splitlines()

    def test_declared_names_are_found(self):
        self.assertEqual(exports.public_names(self.root, "weir"), {"weir_one", "weir_table"})
        self.assertEqual(exports.public_names(self.root, "weir-test"), {"weir_fault_at"})

    def test_a_true_list_passes(self):
        user = "int weir__secret(void); int go(void) { return weir__secret(); }"
        self.assertEqual(self.check(SOURCE, user), [])

    def test_a_missing_export_is_told(self):
        self.assert_problem(self.check("int weir_one(void){return 0;}"),
                            "weir_table: declared in a public header, not exported")

    def test_an_export_too_many_is_told(self):
        problems = self.check(SOURCE + "int weir_two(void) { return 0; }",
                              "int weir__secret(void); int go(void) { return weir__secret(); }")
        self.assert_problem(problems, "weir_two: exported, in no public header")

    def test_a_private_export_that_nobody_uses_is_told(self):
        self.assert_problem(self.check(SOURCE), "weir__secret: private, exported, used by no")

    def test_a_private_name_that_is_hidden_is_told(self):
        source = SOURCE.replace("int weir__s", '__attribute__((visibility("hidden"))) int weir__s')
        user = "int weir__secret(void); int go(void) { return weir__secret(); }"
        self.assert_problem(self.check(source, user), "weir__secret: used by another library, not")

    def test_a_changed_list_is_told(self):
        self.put("include/weir/y.h", "int weir_table2(void);\n")
        source = SOURCE.replace("int weir__secret", "int weir_table2")
        self.assert_problem(self.check(source), "weir_table2: not in src/weir.exports")


if __name__ == "__main__":
    unittest.main()
