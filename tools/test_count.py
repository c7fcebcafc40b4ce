# SPDX-License-Identifier: MIT
import contextlib
import io
import unittest

import count
import fixture

REPORT = """<testsuites tests="4"><testsuite name="a"><testcase name="x" classname="a"/>
<testcase name="y" classname="a"><failure/></testcase>
<testcase name="z" classname="a"><skipped/></testcase></testsuite>
<testsuite name="b"><testcase name="x" classname="b"><error/></testcase>
<testcase name="w" classname="b"/></testsuite></testsuites>"""
PROGRAMS = """{"name": "b", "result": "ERROR"}
{"name": "c", "result": "TIMEOUT"}
{"name": "d", "result": "OK"}
"""


class CountTest(fixture.ProjectTest):
    def counted(self, status):
        """What is printed, and the names."""
        names = self.root + "/names"
        with contextlib.redirect_stdout(io.StringIO()) as printed:
            count.main(self.root, status, names)
        with open(names, encoding="utf-8") as lines:
            return printed.getvalue(), [line.partition(": ")[2] for line in lines]

    def test_cases_are_counted_and_the_failed_named(self):
        self.put("meson-logs/testlog.junit.xml", REPORT)
        self.assertEqual(self.counted("2"), ("2 2\n", ["a: y\n", "b: x\n"]))

    def test_a_program_that_fails_without_a_failed_case_is_named_too(self):
        self.put("meson-logs/testlog.junit.xml", REPORT)
        self.put("meson-logs/testlog.json", PROGRAMS)
        printed, names = self.counted("2")
        self.assertEqual((printed, names[2:]), ("2 3\n", ["c: TIMEOUT\n"]))

    def test_a_run_without_a_report_is_one_failure(self):
        self.assertEqual(self.counted("1"),
                         ("0 1\n", ["exit status 1, and nothing in the reports\n"]))

    def test_a_run_in_which_all_passed_names_nothing(self):
        self.put("meson-logs/testlog.junit.xml", "<testsuites><testcase name='x'/></testsuites>")
        self.assertEqual(self.counted("0"), ("1 0\n", []))


if __name__ == "__main__":
    unittest.main()
