# SPDX-License-Identifier: MIT
import unittest

import count
import fixture

REPORT = """<testsuites tests="4"><testsuite name="a"><testcase name="x"/>
<testcase name="y"><failure/></testcase><testcase name="z"><skipped/></testcase></testsuite>
<testsuite name="b"><testcase name="x"><error/></testcase><testcase name="w"/></testsuite>
</testsuites>"""


class CountTest(fixture.ProjectTest):
    def test_cases_are_counted(self):
        self.put("report.xml", REPORT)
        self.assertEqual(count.count(self.root + "/report.xml"), (2, 2))

    def test_no_report_is_nothing(self):
        self.assertEqual(count.count(self.root + "/report.xml"), (0, 0))


if __name__ == "__main__":
    unittest.main()
