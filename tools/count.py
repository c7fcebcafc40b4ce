#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""count.py BUILD STATUS NAMES: prints `PASSED FAILED` from the report of the last `meson test` in
the folder BUILD, and appends a line for each failure to the file NAMES. STATUS is the exit status
of that run: one that failed without a failed case in its report (it did not build, a program died
early) counts as one failure, so that nothing is lost."""
import os
import sys
import xml.etree.ElementTree


def count(report):
    """How many cases passed, and the names of those that failed."""
    passed, failed = 0, []
    if os.path.exists(report):
        for case in xml.etree.ElementTree.parse(report).iter("testcase"):
            if case.find("failure") is not None or case.find("error") is not None:
                failed.append(f"{case.get('classname')}: {case.get('name')}")
            elif case.find("skipped") is None:
                passed += 1
    return passed, failed


def main(build, status, names):
    passed, failed = count(os.path.join(build, "meson-logs", "testlog.junit.xml"))
    if status != "0" and not failed:
        failed = [f"exit status {status}, and no case failed"]
    with open(names, "a", encoding="utf-8") as out:
        out.writelines(f"failed in {build}: {name}\n" for name in failed)
    print(passed, len(failed))


if __name__ == "__main__":
    main(*sys.argv[1:])
