# SPDX-License-Identifier: MIT
import unittest

import fixture
import layouts

HEAD = "#include <stdbool.h>\n#include <stddef.h>\n"
OLD = "size_t size; /* sizeof */ int (*fn)(void *a, int b); char name[3]; bool *a, b;"
COPY = "void f(void) {{ WEIR_OPTIONS_COPY(struct weir_x, {}, &o, options); }}\n"


class LayoutsTest(fixture.ProjectTest):
    def setUp(self):
        super().setUp()
        self.put(layouts.LIST, "# a list\n")
        self.declare(OLD)
        layouts.update(self.root)

    def declare(self, body, name="x"):
        self.put(f"include/weir/{name}.h", f"{HEAD}struct weir_{name} {{\n    {body}\n}};\n")

    def check(self, body):
        self.declare(body)
        return layouts.check(self.root)

    def test_a_struct_as_it_was_passes(self):
        self.assertEqual(layouts.check(self.root), [])
        self.assertEqual(layouts.parse(layouts.csource.read(self.root, layouts.LIST)), {
            "weir_x": (40, [("size", 0, 8), ("fn", 8, 8), ("name", 16, 3), ("a", 24, 8),
                            ("b", 32, 1)])})

    def test_a_field_in_the_padding_at_the_end_is_found(self):
        self.assert_problem(self.check(OLD + " int c;"), "c is in what was padding")
        self.assert_problem(self.check(OLD + " bool unused[3]; int c;"), "c is in what was padding")

    def test_a_field_behind_padding_with_a_name_passes(self):
        self.assertEqual(self.check(OLD + " bool unused[7]; void *c;"), [])
        self.assertEqual(self.check(OLD + " void *c;"), [])

    def test_padding_behind_what_was_added_is_found(self):
        grown = OLD + " bool unused[7]; int c;"
        self.assert_problem(self.check(grown), "4 bytes of padding behind c")
        self.assert_problem(self.check(grown + " void *d;"), "4 bytes of padding before d")
        self.assertEqual(self.check(grown + " int d;"), [])

    def test_a_field_in_a_hole_or_that_has_changed_is_found(self):
        hole = OLD.replace("name[3];", "name[3]; bool in;")
        self.assert_problem(self.check(hole), "a was at 24, 8 bytes: there is in now, at 19")
        self.assert_problem(self.check(OLD.replace("char name[3];", "char name[4];")),
                            "name was at 16, 3 bytes: there is name now, at 16, 4 bytes")
        self.assert_problem(self.check(OLD.replace(" bool *a, b;", " bool *a;")), "b was at 32, 1")

    def test_each_struct_is_in_the_list_and_no_other(self):
        self.declare("size_t size, more;", "y")
        self.assert_problem(layouts.check(self.root), "struct weir_y is not in tools/layouts.txt")
        layouts.update(self.root)
        self.assertEqual(layouts.check(self.root), [])
        self.put("include/weir/y.h", "")
        self.assert_problem(layouts.check(self.root), "struct weir_y is no struct")

    def test_an_update_keeps_what_a_struct_was(self):
        self.declare(OLD + " int c;")
        layouts.update(self.root)
        self.assert_problem(layouts.check(self.root), "c is in what was padding")

    def test_a_copy_names_the_last_field_of_the_list(self):
        self.put("src/x.c", COPY.format("b"))
        self.assertEqual(layouts.check(self.root), [])
        self.put("src/x.c", COPY.format("a"))
        self.assert_problem(layouts.check(self.root), "src/x.c: the last field of struct weir_x in")

    def test_a_struct_without_a_size_is_none(self):
        self.declare("void *data; size_t size; bool b;", "z")
        self.assertEqual(layouts.check(self.root), [])


if __name__ == "__main__":
    unittest.main()
