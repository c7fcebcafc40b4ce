# SPDX-License-Identifier: MIT
import unittest

import fixture
import index


class IndexTest(fixture.ProjectTest):
    def setUp(self):
        super().setUp()
        self.put("tools/meson.build", "")
        self.put("tools/ranks.py", "")
        self.put("tools/test_ranks.py", "")
        self.put("tools/ranks.txt", "")
        self.put("tools/README.md", "`ranks.py .` reads `ranks.txt`; `make test` runs it.\n")

    def test_a_whole_index_passes(self):
        self.assertEqual(index.check(self.root), [])

    def test_a_script_that_is_not_named_is_found(self):
        self.put("tools/new.sh", "")
        self.assert_problem(index.check(self.root), "README.md does not name new.sh")

    def test_a_name_without_a_file_is_found(self):
        self.put("tools/README.md", "`ranks.py .` `ranks.txt` `gone.py`\n")
        self.assert_problem(index.check(self.root), "names gone.py, which does not exist")

    def test_a_test_without_its_script_is_found(self):
        self.put("tools/test_gone.py", "")
        self.assert_problem(index.check(self.root), "tools/test_gone.py is the test of no script")


if __name__ == "__main__":
    unittest.main()
