# SPDX-License-Identifier: MIT
"""A small project in a temporary folder, for the tests of the tools."""
import os
import tempfile
import unittest


class ProjectTest(unittest.TestCase):
    def setUp(self):
        holder = tempfile.TemporaryDirectory()
        self.addCleanup(holder.cleanup)
        self.root = holder.name

    def put(self, path, text):
        full = os.path.join(self.root, path)
        os.makedirs(os.path.dirname(full), exist_ok=True)
        with open(full, "w", encoding="utf-8") as f:
            f.write(text)

    def assert_problem(self, problems, words):
        """Exactly one problem, and it contains the words."""
        self.assertEqual(len(problems), 1, problems)
        self.assertIn(words, problems[0])
