#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""count.py BUILD STATUS: prints `PASSED FAILED` from the report of the last `meson test` in the
folder BUILD. STATUS is its exit status: a run that failed without a failed case in its report (it
did not build, a program died early) counts as one failure, so that nothing is lost."""
import os
import sys
import xml.etree.ElementTree


def count(report):
    passed = failed = 0
    if os.path.exists(report):
        for case in xml.etree.ElementTree.parse(report).iter("testcase"):
            if case.find("failure") is not None or case.find("error") is not None:
                failed += 1
            elif case.find("skipped") is None:
                passed += 1
    return passed, failed


def main(build, status):
    passed, failed = count(os.path.join(build, "meson-logs", "testlog.junit.xml"))
    if status != "0" and failed == 0:
        failed = 1
    print(passed, failed)


if __name__ == "__main__":
    main(*sys.argv[1:])
