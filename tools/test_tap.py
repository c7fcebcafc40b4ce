# SPDX-License-Identifier: MIT
import os
import subprocess
import sys
import unittest

import fixture

TAP = os.path.join(os.path.dirname(os.path.abspath(__file__)), "tap.py")
CASES = """import unittest
class T(unittest.TestCase):
    def test_a(self): pass
    def test_b(self): self.assertEqual(1, 2)
    def test_c(self): self.skipTest("no luck")
    def test_d(self): nothing
    def test_e(self):
        for i in range(3):
            with self.subTest(i=i): self.assertEqual(i, 1)
    def test_f(self):
        for i in range(3):
            with self.subTest(i=i): self.skipTest("not today")
"""


class TapTest(fixture.ProjectTest):
    def run_tap(self, *names):
        self.put("cases.py", CASES)
        return subprocess.run([sys.executable, TAP, self.root + "/cases.py", *names], text=True,
                              capture_output=True)

    def test_every_outcome_is_told(self):
        ran = self.run_tap()
        self.assertEqual(ran.returncode, 1)
        self.assertEqual(ran.stdout.splitlines(), [
            "1..6", "ok 1 - T.test_a", "not ok 2 - T.test_b", "ok 3 - T.test_c # SKIP no luck",
            "not ok 4 - T.test_d", "not ok 5 - T.test_e",
            "ok 6 - T.test_f # SKIP not today"])
        self.assertIn("# AssertionError: 1 != 2", ran.stderr)

    def test_names_choose(self):
        ran = self.run_tap("test_a")
        self.assertEqual((ran.returncode, ran.stdout), (0, "1..1\nok 1 - T.test_a\n"))


if __name__ == "__main__":
    unittest.main()
