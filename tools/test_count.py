# SPDX-License-Identifier: MIT
import contextlib
import io
import os
import tempfile
import unittest

import count

REPORT = """<testsuites><testsuite name="weir">
<testcase name="1 - holds" classname="weir / a"/>
<testcase name="2 - is left out" classname="weir / a"><skipped/></testcase>
<testcase name="3 - breaks" classname="weir / a"><failure/></testcase>
<testcase name="4 - dies" classname="weir / b"><error/></testcase>
</testsuite></testsuites>"""


class Count(unittest.TestCase):
    def counted(self, report, status):
        with tempfile.TemporaryDirectory() as folder:
            logs, names = os.path.join(folder, "meson-logs"), os.path.join(folder, "names")
            os.mkdir(logs)
            if report is not None:
                with open(os.path.join(logs, "testlog.junit.xml"), "w", encoding="utf-8") as out:
                    out.write(report)
            with contextlib.redirect_stdout(io.StringIO()) as printed:
                count.main(folder, status, names)
            with open(names, encoding="utf-8") as lines:
                return printed.getvalue(), lines.read().replace(folder, "build")

    def test_what_failed_is_named(self):
        printed, names = self.counted(REPORT, "2")
        self.assertEqual(printed, "1 2\n")
        self.assertEqual(names, "failed in build: weir / a: 3 - breaks\n"
                                "failed in build: weir / b: 4 - dies\n")

    def test_a_run_without_a_report_is_one_failure(self):
        printed, names = self.counted(None, "1")
        self.assertEqual(printed, "0 1\n")
        self.assertEqual(names, "failed in build: exit status 1, and no case failed\n")

    def test_a_run_without_a_failure_names_nothing(self):
        printed, names = self.counted('<testsuites><testcase name="a"/></testsuites>', "0")
        self.assertEqual((printed, names), ("1 0\n", ""))


if __name__ == "__main__":
    unittest.main()
