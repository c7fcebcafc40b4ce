# SPDX-License-Identifier: MIT
import os
import re
import shutil
import subprocess
import sys
import unittest

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
"""


def lint(folder):
    """What mandoc has to say, but for matters of style and pages that are not there."""
    names = sorted(os.listdir(folder + "/man3"))
    out = subprocess.run(["mandoc", "-Tlint", "-Wwarning", *("man3/" + n for n in names)],
                         cwd=folder, capture_output=True, text=True).stdout
    return out


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

    def test_lint_sees_a_broken_page(self):
        self.make(HEADER)
        self.put("man/man3/bad.3", ".Dd November 20, 2026\n.Dt BAD 3\n.Os\n.Sh NAME\n.Xx\n")
        self.assertRegex(lint(self.root + "/man"), "bad.3")

    def test_the_projects_own_pages_are_clean(self):
        man.main(ROOT, self.root + "/man", "0")
        self.assertEqual(lint(self.root + "/man"), "")
        for name in os.listdir(self.root + "/man/man3"):
            self.assertTrue(re.match(r"weir[-_]", name), name)


if __name__ == "__main__":
    sys.exit(unittest.main())
