# SPDX-License-Identifier: MIT
import glob
import os
import re
import shutil
import subprocess
import sys
import unittest

import csource
import fixture
import man

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
HEADER = """/* SPDX-License-Identifier: MIT */
/* x.h - things, and how to count them.
 *
 * No call here suspends. */
struct weir_x { int a; };

/* Read some bytes: at least 1.
 * .Odd line with a \\\\ in it.
 * Returns the count; 0 at the end. Nothing is lost. */
WEIR_SUSPENDS ssize_t weir_read(struct weir_x *x, int (*fn)(void *, int),
                                size_t len);

/* Count. */
WEIR_API void weir_up(void);
WEIR_API void weir_down(void);

#define WEIR_ERRORS(X)                                                     \\
    X(WEIR_EOLD, -5000, "too old")                                         \\
    X(WEIR_EODD, -5001, "it's odd: say \\"why\\"")

enum weir_code {
#define E(name, number, text) name = number,
    WEIR_ERRORS(E)
#undef E
};

/* In setup: the last x. Never NULL. */
WEIR_API const struct weir_x *weir_x(int n, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
"""
TYPES = """
struct weir_lock_state; /* keeps others out */

/* What a lock is for. */
enum weir_mode {
    WEIR_SHARED,
    WEIR_OWN /* one */
};

/* Take it. */
WEIR_API void weir_lock(enum weir_mode m);

/* More. */
#define WEIR_TWICE(n) ((n) * 2)
#define WEIR_THRICE(n)                                                     \\
    ((n) * 3)

#define WEIR_INNER 1
"""
BY_HAND = """.Dd x
.Dt WEIR_DO 3
.Os
.Sh NAME
.Nm weir_do ,
.Nm weir_do0
.Nd do it
.Sh SYNOPSIS
.In weir/x.h
.Fn weir_do fn
.Fn weir_do0 fn
.Sh DESCRIPTION
Does it.
"""


def lint(folder):
    """What mandoc has to say, but for matters of style and pages that are not there."""
    names = sorted(os.path.relpath(p, folder) for p in glob.glob(folder + "/man*/*"))
    return subprocess.run(["mandoc", "-Tlint", "-Wwarning", *names], cwd=folder,
                          capture_output=True, text=True).stdout


@unittest.skipUnless(shutil.which("mandoc"), "needs mandoc")
class ManTest(fixture.ProjectTest):
    def make(self, header):
        self.put("include/weir/x.h", header)
        man.main(self.root, self.root + "/man", "1.2")

    def page(self, name):
        with open(f"{self.root}/man/man3/{name}.3", encoding="utf-8") as f:
            return f.read()

    def test_pages_are_clean_and_whole(self):
        self.make(HEADER)
        self.assertEqual(lint(self.root + "/man"), "")
        page = self.page("weir_read")
        self.assertIn(".Nd read some bytes\n", page)
        self.assertIn('.Ft ssize_t\n.Fo weir_read\n.Fa "struct weir_x *x"\n'
                      '.Fa "int (*fn)(void *, int)"\n.Fa "size_t len"\n.Fc', page)
        self.assertRegex(page, r"(?s)RETURN VALUES\nReturns the count.*Nothing is lost\.")
        self.assertIn("\n\\&.Odd", page)
        self.assertEqual(self.page("weir_down"), self.page("weir_up"))
        self.assertIn("struct weir_x { int a; };", self.page("weir-x"))

    def test_a_list_in_a_contract_keeps_its_lines(self):
        self.make("/* Try.\n * Returns the first of\n *   -EAGAIN  later\n *   .odd     \\n\n"
                  " * or 0. */\nint weir_try(void);\n")
        self.assertEqual(lint(self.root + "/man"), "")
        self.assertIn(".Bd -literal -offset 2n\n-EAGAIN  later\n\\&.odd     \\en\n.Ed\nor 0.\n",
                      self.page("weir_try"))

    def test_a_type_and_a_macro_have_pages(self):
        self.make(HEADER + TYPES)
        self.assertEqual(lint(self.root + "/man"), "")
        self.assertIn(".Nd what a lock is for\n", self.page("weir_mode"))
        self.assertEqual(self.page("WEIR_SHARED"), self.page("weir_mode"))
        self.assertIn("weir_lock 3", self.page("weir_mode"))
        self.assertIn(".Nd keeps others out\n", self.page("weir_lock_state"))
        self.assertIn("WEIR_TWICE(n)\nWEIR_THRICE(n)\n", self.page("WEIR_THRICE"))
        self.assertIn("struct weir_x { int a; };", self.page("weir_x"))
        self.assertIn("too old", self.page("WEIR_EOLD"))
        self.assertFalse(os.path.exists(self.root + "/man/man3/WEIR_INNER.3"))

    def test_a_page_ends_with_its_example(self):
        self.put("doc/man/examples/any.c", "int main(void) {\n    weir_down();\n}\n")
        self.put("doc/man/examples/read.c", "/* SPDX-License-Identifier: MIT */\n/* Shows: "
                 "weir_read\n * weir_x */\nint main(void) {\n    puts(\"weir_down\\n\");\n}\n")
        self.make(HEADER)
        self.assertEqual(lint(self.root + "/man"), "")
        self.assertRegex(self.page("weir_read"), r"(?s)\.Sh EXAMPLES\n\.Bd -literal\nint main"
                         r'.*puts\("weir_down\\en"\);.*\.Ed\n\.Sh SEE ALSO')
        self.assertEqual(self.page("weir_x").count("puts"), 1)
        self.assertIn("weir_down();", self.page("weir_down"))
        self.assertNotIn("EXAMPLES", self.page("weir-x"))

    def test_a_type_may_have_the_functions_name(self):
        self.make(HEADER)
        page = self.page("weir_x")
        self.assertIn('.Ft const struct weir_x *\n.Fo weir_x\n.Fa "int n"\n'
                      '.Fa "const char *format"\n.Fa "..."\n.Fc', page)
        self.assertIn(".Nd in setup: the last x\n", page)

    def test_a_table_of_codes_is_shown_and_not_the_macro(self):
        self.make(HEADER)
        page = self.page("weir-x")
        self.assertIn(".It Dv WEIR_EOLD Pq -5000\ntoo old\n", page)
        self.assertIn('say "why"\n', page)
        self.assertNotIn("#define", page)

    def test_pages_by_hand_stand_beside_the_others(self):
        self.put("doc/man/weir_do.3", BY_HAND)
        self.make(HEADER)
        self.assertEqual(lint(self.root + "/man"), "")
        self.assertEqual(self.page("weir_do0"), self.page("weir_do"))
        self.assertIn(".Os weir 1.2\n", self.page("weir_do"))
        self.assertIn(".It Xr weir_do 3 , Xr weir_do0 3\ndo it\n", self.page("weir-x"))

    def test_a_page_by_hand_goes_to_the_folder_of_its_section(self):
        self.put("doc/man/weir-do.5", BY_HAND.replace("3\n", "5\n").replace("_", "-")
                 .replace("SYNOPSIS\n", "DESCRIPTION\n.Nm weir-other\n", 1)
                 .replace(".Sh DESCRIPTION\nDoes", "Does"))
        self.make(HEADER)
        self.assertEqual(sorted(os.listdir(self.root + "/man/man5")), ["weir-do.5", "weir-do0.5"])
        self.assertEqual(lint(self.root + "/man"), "")

    def test_the_page_of_the_fleet_file_has_its_keys(self):
        page = man.handwritten(ROOT, "0")["weir-fleet.5"]
        table = csource.read(ROOT, "src/cli/fleet.c").split("struct field fields[] = {")[1]
        keys = re.findall(r'\{"(\w+)", read_\w+\}', table.split("\n};")[0])
        self.assertIn("worker", keys)
        self.assertEqual(sorted(re.findall(r"(?m)^\.It Ic (\w+)$", page)),
                         sorted(keys + ["fleet", "nodes"]))

    def test_lint_sees_a_broken_page(self):
        self.make(HEADER)
        self.put("man/man3/bad.3", ".Dd November 20, 2026\n.Dt BAD 3\n.Os\n.Sh NAME\n.Xx\n")
        self.assertRegex(lint(self.root + "/man"), "bad.3")

    def test_the_projects_own_pages_are_clean(self):
        man.main(ROOT, self.root + "/man", "0")
        self.assertEqual(lint(self.root + "/man"), "")
        for name in os.listdir(self.root + "/man/man3"):
            self.assertTrue(re.match(r"weir[-_]|WEIR_", name), name)

    def test_every_page_of_a_call_a_type_or_a_macro_has_an_example(self):
        codes = {name for path in csource.files(ROOT, ("include",))
                 for name, _, _ in man.codes(csource.read(ROOT, path))}
        for name, text in man.pages(ROOT, "0").items():
            if name.endswith(".3") and name[:-2] not in codes and name != "weir-weir.3":
                self.assertIn("\n.Sh EXAMPLES\n", text, name)

    def test_the_examples_show_what_they_name_and_are_built(self):
        known, built = man.pages(ROOT, "0"), csource.read(ROOT, "test/man/meson.build")
        shown, calls = set(), {p.name for path in csource.files(ROOT, ("include",))
                               for p in csource.prototypes(csource.read(ROOT, path))}
        for path in csource.files(ROOT, ("doc/man/examples",)):
            self.assertIn(f"'{os.path.basename(path)[:-2]}'", built)
        for names, text in man.examples(ROOT):
            for name in names:
                self.assertIn(name + ".3", known)
                self.assertNotIn(name, shown, "two examples show it")
                if name in calls:  # by itself, or by the macro of a main
                    self.assertRegex(text, rf"\b{name}\b|\bWEIR_\w+_MAIN\b")
            shown |= set(names)

    def test_what_the_projects_pages_refer_to_exists(self):
        main_pages = man.pages(ROOT, "0")
        named = {f"{name}.{section}" for text in main_pages.values()
                 for name, section in re.findall(r"Xr (weir\S*|WEIR\S*) (\d)", text)}
        self.assertEqual(named - set(main_pages), set())
        headers = "".join(csource.read(ROOT, path) for path in csource.files(ROOT, ("include",)))
        for name in man.handwritten(ROOT, "0"):
            if name.endswith(".3"):
                self.assertRegex(headers, rf"#define {name[:-2]}\(")


if __name__ == "__main__":
    sys.exit(unittest.main())
